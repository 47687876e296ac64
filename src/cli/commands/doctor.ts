import { defineCommand } from 'citty';
import pc from 'picocolors';
import { table } from 'table';
import type { Row } from '../../runs/doctor-rows.ts';
import { commonArgs, contextOf } from '../common.ts';

export const command = defineCommand({
  meta: { name: 'doctor', description: 'what is set up on this machine, and the command for what is not' },
  args: { ...commonArgs },
  async run({ args }) {
    const context = contextOf(args);
    const { doctorRun } = await import('../../runs/doctor-run.ts');
    const report = await doctorRun();
    await context.json(report);
    context.print(rowsTable(report.rows));
    return report.ok ? 0 : 1;
  },
});

const COLOURS = { ok: pc.green, missing: pc.yellow, optional: pc.dim, broken: pc.red } as const;

function rowsTable(rows: readonly Row[]): string {
  const cells = rows.map(({ title, state, found, remedy }) => [
    title,
    COLOURS[state](state),
    remedy ? `${found}\n→ ${remedy}` : found,
  ]);
  return table(cells, { columns: { 2: { width: 80, wrapWord: true } } });
}
