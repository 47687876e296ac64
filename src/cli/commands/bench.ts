import { spawn } from 'node:child_process';
import { existsSync } from 'node:fs';
import { fileURLToPath } from 'node:url';
import { defineCommand } from 'citty';
import { TouchstoneError } from '../../errors.ts';

const BENCHMARKS = ['engines', 'attacks', 'micro'] as const;

export const command = defineCommand({
  meta: { name: 'bench', description: 'time engines or attacks on this machine, beside their peers' },
  args: {
    benchmark: { type: 'positional', description: BENCHMARKS.join(' | '), required: true },
    rounds: { type: 'string', description: 'how often each piece of work runs', valueHint: 'N' },
    only: { type: 'string', description: 'engines: these networks', valueHint: 'a,b' },
    json: { type: 'string', description: 'write the record, with raw samples, to FILE', valueHint: 'FILE' },
  },
  async run({ args }) {
    const name = BENCHMARKS.find((b) => b === args.benchmark);
    if (!name) throw new TouchstoneError('E_OPTION', `bench ${args.benchmark}`, BENCHMARKS.join(', '));
    const script = fileURLToPath(new URL(`../../../benchmarks/${name}.ts`, import.meta.url));
    if (!existsSync(script))
      throw new TouchstoneError(
        'E_OPTION',
        `no ${script}`,
        'a checkout',
        'benchmarks are not in the package',
      );
    const options = { rounds: args.rounds, only: args.only, record: args.json };
    const given = Object.entries(options).flatMap(([k, v]) => (v === undefined ? [] : [`--${k}`, v]));
    const child = spawn(process.execPath, ['--import', 'tsx', script, ...given], { stdio: 'inherit' });
    return new Promise<number>((done) => child.once('exit', (code) => done(code ?? 1)));
  },
});
