import { join } from 'node:path';
import fs from 'fs-extra';
import type { Result } from '../../src/report/index.ts';
import type { AuditRunOptions } from '../../src/runs/audit-options.ts';
import { shardRun } from '../../src/runs/shard-run.ts';
import { essence } from './essence.ts';

/** Makes all the shards of an audit, the last one first. @returns their folders in order */
export async function makeShards(
  folder: string,
  of: number,
  options: (index: number) => Omit<AuditRunOptions, 'budget' | 'out'>,
): Promise<string[]> {
  const dirs = Array.from({ length: of }, (_, i) => join(folder, `${i + 1}-of-${of}`));
  for (let index = of; index >= 1; index--)
    await shardRun({ ...options(index), out: dirs[index - 1]!, shard: { index, of } });
  return dirs;
}

/** A result but for its clock, its paths and who made it. */
export const withoutMachines = (result: Result) => {
  const { machines: _, ...rest } = essence(result);
  const { threads: __, ...environment } = rest.environment;
  return { ...rest, environment };
};

/** Changes a JSON file. */
export function edit(path: string, change: (value: Record<string, unknown>) => unknown): void {
  fs.writeFileSync(path, `${JSON.stringify(change(fs.readJsonSync(path)), null, 2)}\n`);
}
