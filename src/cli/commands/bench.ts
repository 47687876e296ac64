import { spawn } from 'node:child_process';
import { existsSync } from 'node:fs';
import { fileURLToPath } from 'node:url';
import { defineCommand } from 'citty';
import { TouchstoneError } from '../../errors.ts';
import { INTERRUPTED } from '../training-progress.ts';

const option = (description: string, valueHint: string) =>
  ({ type: 'string', description, valueHint }) as const;

/** All options, passed on to the benchmark's script. */
const OPTIONS = {
  rounds: option('how often each piece of work runs', 'N'),
  models: option('engines: these networks', 'a,b'),
  batch: option('engines: images per batch', 'N'),
  engines: option('engines: of onnxruntime,tensorflow,pytorch', 'a,b'),
  phases: option('engines: of forward,gradient,pgd-step,pgd-10,pgd-10-apart,train-step,rat-10', 'a,b'),
  seconds: option('engines: no further rounds of a network after so long', 'N'),
  methods: option('methods: these (default: all)', 'a,b'),
  data: option('methods, autoattack, masking: mnist | mnist:DIR | FILE.npz … (default mnist)', 'D'),
  model: option('autoattack, masking: the classifier, an .onnx file', 'FILE'),
  eps: option('autoattack, masking: radius (default 0.1)', 'E'),
  norm: option('autoattack: linf | l2 | l1', 'N'),
  epochs: option('methods: of each (default 5)', 'N'),
  limit: option('methods: train on the first N images; autoattack, masking: attack so many', 'N'),
  attacked: option('methods: attack the first N test images (default 1000)', 'N'),
  seed: option('methods: of everything random (default 0)', 'N'),
  engine: option('methods: what trains, onnxruntime | tensorflow', 'E'),
  out: option('methods: the runs, to go on with (default runs/bench-methods)', 'DIR'),
  html: option('methods: write the page to FILE', 'FILE'),
  device: option('engines, methods: auto | cpu | cuda', 'D'),
  threads: option('engines, methods: threads (default: the number of cores)', 'N'),
  json: option('write the record to FILE', 'FILE'),
};
type Option = keyof typeof OPTIONS;

/** Each with the options that its script takes. */
const BENCHMARKS = {
  engines: ['models', 'batch', 'engines', 'device', 'phases', 'rounds', 'seconds', 'threads', 'json'],
  methods: [
    ...(['methods', 'data', 'epochs', 'limit', 'attacked', 'seed', 'engine', 'device'] as const),
    ...(['threads', 'out', 'json', 'html'] as const),
  ],
  attacks: ['rounds', 'json'],
  autoattack: ['model', 'data', 'eps', 'norm', 'limit', 'rounds', 'json'],
  masking: ['models', 'model', 'data', 'eps', 'limit', 'json'],
  micro: [],
} as const satisfies Record<string, readonly Option[]>;
type Benchmark = keyof typeof BENCHMARKS;

export const command = defineCommand({
  meta: {
    name: 'bench',
    description: 'time engines, methods or attacks on this machine, beside their peers',
  },
  args: {
    benchmark: { type: 'positional', description: Object.keys(BENCHMARKS).join(' | '), required: true },
    ...OPTIONS,
  },
  async run({ args }) {
    const names = Object.keys(BENCHMARKS) as Benchmark[];
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
    process.on('SIGINT', () => {}); // a terminal sends it to the child, too, which may have to save
    process.once('SIGTERM', () => child.kill('SIGTERM'));
    return new Promise<number>((done) =>
      child.once('exit', (code, signal) => done(code ?? (signal === 'SIGINT' ? INTERRUPTED : 1))),
    );
  },
});

/** The options as the script has them. @throws E_OPTION for one that it does not have */
function passedOn(name: Benchmark, args: Readonly<{ [option in Option]?: string | undefined }>): string[] {
  const known: readonly Option[] = BENCHMARKS[name];
  const given = (Object.keys(OPTIONS) as Option[]).filter((o) => args[o] !== undefined);
  const unknown = given.find((o) => !known.includes(o));
  if (unknown)
    throw new TouchstoneError(
      'E_OPTION',
      `--${unknown} for bench ${name}`,
      known.map((o) => `--${o}`).join(', ') || 'no options',
    );
  return given.flatMap((o) => [`--${o === 'json' ? 'record' : o}`, args[o]!]);
}
