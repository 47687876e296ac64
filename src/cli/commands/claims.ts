import { spawn } from 'node:child_process';
import { existsSync } from 'node:fs';
import { fileURLToPath } from 'node:url';
import { defineCommand } from 'citty';
import { TouchstoneError } from '../../errors.ts';

const option = (description: string, valueHint: string) =>
  ({ type: 'string', description, valueHint }) as const;

export const command = defineCommand({
  meta: { name: 'claims', description: 'set each number of the papers beside what was measured here' },
  args: {
    records: option('folders of records and of audits (default benchmarks/records)', 'a,b'),
    json: option('write all of it as JSON to FILE (- is stdout)', 'FILE'),
    html: option('write the page to FILE', 'FILE'),
  },
  run({ args }) {
    const script = fileURLToPath(new URL('../../../benchmarks/claims.ts', import.meta.url));
    if (!existsSync(script))
      throw new TouchstoneError('E_OPTION', `no ${script}`, 'a checkout', 'claims are not in the package');
    const { records, json: record, html } = args;
    const given = Object.entries({ records, record, html }).flatMap(([name, value]) =>
      value === undefined ? [] : [`--${name}`, value],
    );
    const child = spawn(process.execPath, ['--import', 'tsx', script, ...given], { stdio: 'inherit' });
    return new Promise<number>((done) => child.once('exit', (code) => done(code ?? 1)));
  },
});
