import { spawn } from 'node:child_process';
import { existsSync } from 'node:fs';
import { fileURLToPath } from 'node:url';
import { defineCommand } from 'citty';
import { TouchstoneError } from '../../errors.ts';

/** Each with the options that its script takes. */
const BENCHMARKS = {
  engines: ['models', 'batch', 'engines', 'device', 'phases', 'rounds', 'seconds', 'threads', 'json'],
  attacks: ['rounds', 'json'],
  masking: ['models', 'json'],
  micro: [],
} as const;
type Option = (typeof BENCHMARKS)['engines'][number];

export const command = defineCommand({
  meta: { name: 'bench', description: 'time engines or attacks on this machine, beside their peers' },
  args: {
    benchmark: { type: 'positional', description: Object.keys(BENCHMARKS).join(' | '), required: true },
    rounds: { type: 'string', description: 'how often each piece of work runs', valueHint: 'N' },
    models: { type: 'string', description: 'engines: these networks', valueHint: 'a,b' },
    batch: { type: 'string', description: 'engines: images per batch', valueHint: 'N' },
    engines: { type: 'string', description: 'engines: of onnxruntime,tensorflow,pytorch', valueHint: 'a,b' },
    device: { type: 'string', description: 'engines: auto | cpu | cuda' },
    phases: {
      type: 'string',
      description: 'engines: of forward,gradient,pgd-step,pgd-10,pgd-10-apart,train-step',
      valueHint: 'a,b',
    },
    seconds: {
      type: 'string',
      description: 'engines: no further rounds of a network after so long',
      valueHint: 'N',
    },
    threads: {
      type: 'string',
      description: 'engines: threads (default: the number of cores)',
      valueHint: 'N',
    },
    json: { type: 'string', description: 'write the record, with raw samples, to FILE', valueHint: 'FILE' },
  },
  async run({ args }) {
    const names = Object.keys(BENCHMARKS) as (keyof typeof BENCHMARKS)[];
    const name = names.find((b) => b === args.benchmark);
    if (!name) throw new TouchstoneError('E_OPTION', `bench ${args.benchmark}`, names.join(', '));
    const script = fileURLToPath(new URL(`../../../benchmarks/${name}.ts`, import.meta.url));
    if (!existsSync(script))
      throw new TouchstoneError(
        'E_OPTION',
        `no ${script}`,
        'a checkout',
        'benchmarks are not in the package',
      );
    const given = passedOn(name, args);
    const child = spawn(process.execPath, ['--import', 'tsx', script, ...given], { stdio: 'inherit' });
    return new Promise<number>((done) => child.once('exit', (code) => done(code ?? 1)));
  },
});

/** The options as the script has them. @throws E_OPTION for one that it does not have */
function passedOn(
  name: keyof typeof BENCHMARKS,
  args: Readonly<{ [option in Option]?: string | undefined }>,
): string[] {
  const known: readonly Option[] = BENCHMARKS[name];
  const given = BENCHMARKS.engines.filter((option) => args[option] !== undefined);
  const unknown = given.find((option) => !known.includes(option));
  if (unknown)
    throw new TouchstoneError(
      'E_OPTION',
      `--${unknown} for bench ${name}`,
      known.map((option) => `--${option}`).join(', ') || 'no options',
    );
  return given.flatMap((option) => [`--${option === 'json' ? 'record' : option}`, args[option]!]);
}
