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
  tools: option('attacks: of touchstone,torchattacks,foolbox,art,autoattack (default: all)', 'a,b'),
  attacks: option(
    'attacks: of fgsm,pgd-10,pgd-40,pgd-100,pgd-40-l2,apgd-100,square-500,deepfool-l2,fab-20',
    'a,b',
  ),
  models: option('engines, phases: these networks; gaat: beside its own (default conv4; none)', 'a,b'),
  batch: option('engines, phases: images per batch', 'N'),
  engines: option('engines: of onnxruntime,tensorflow,pytorch', 'a,b'),
  phases: option('engines: of forward,gradient,pgd-step,pgd-10,pgd-10-apart,train-step,rat-10', 'a,b'),
  seconds: option('engines, phases: no further rounds of a network after so long', 'N'),
  runs: option('gaat: of its runs, these (default: all)', 'a,b'),
  figures: option('curves: those that these are drawn of: gaat-1,deat-4,… (default: all)', 'a,b'),
  methods: option('methods, cost: these (default: all); phases: those that these take, or all', 'a,b'),
  data: option(
    'methods, gaat, curves, cost, attacks, autoattack, masking: mnist | mnist:DIR | FILE.npz … (default mnist)',
    'D',
  ),
  model: option('attacks, autoattack, masking: the classifier, an .onnx file', 'FILE'),
  eps: option('attacks, autoattack, masking: radius (default 0.2, 0.1, 0.1); gaat: look at these radii', 'E'),
  norm: option('autoattack: linf | l2 | l1', 'N'),
  epochs: option('methods, gaat, curves, cost: of each (default 5)', 'N'),
  limit: option(
    'methods, gaat, curves, cost: train on the first N images; attacks, autoattack, masking: attack so many',
    'N',
  ),
  attacked: option('methods, gaat, curves: attack the first N test images (default 1000)', 'N'),
  seed: option('methods, gaat, curves, cost: of everything random (default 0)', 'N'),
  engine: option(
    'methods, gaat, curves, cost: what trains, onnxruntime | tensorflow; phases: both, or one',
    'E',
  ),
  out: option('methods, gaat, curves: the runs, to go on with (default runs/bench-…)', 'DIR'),
  html: option('methods, gaat, phases, attacks: write the page to FILE', 'FILE'),
  device: option('engines, methods, gaat, curves, phases, cost: auto | cpu | cuda', 'D'),
  threads: option(
    'engines, methods, gaat, curves, phases, cost, attacks: threads (default: the number of cores)',
    'N',
  ),
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
  gaat: [
    ...([
      'runs',
      'models',
      'eps',
      'rounds',
      'data',
      'epochs',
      'limit',
      'attacked',
      'seed',
      'engine',
    ] as const),
    ...(['device', 'threads', 'out', 'json', 'html'] as const),
  ],
  curves: [
    ...(['figures', 'data', 'epochs', 'limit', 'attacked', 'seed', 'engine', 'device'] as const),
    ...(['threads', 'out', 'json'] as const),
  ],
  phases: [
    ...(['models', 'batch', 'engine', 'device', 'methods', 'rounds', 'seconds'] as const),
    ...(['threads', 'json', 'html'] as const),
  ],
  cost: [
    ...(['methods', 'data', 'epochs', 'limit', 'rounds', 'seed', 'engine', 'device'] as const),
    ...(['threads', 'json'] as const),
  ],
  attacks: [
    ...(['rounds', 'json', 'html', 'model', 'data', 'eps', 'limit', 'tools', 'attacks'] as const),
    'threads',
  ],
  compare: [],
  autoattack: ['model', 'data', 'eps', 'norm', 'limit', 'rounds', 'json'],
  masking: ['models', 'model', 'data', 'eps', 'limit', 'json'],
  micro: [],
} as const satisfies Record<string, readonly Option[]>;
type Benchmark = keyof typeof BENCHMARKS;

export const command = defineCommand({
  meta: {
    name: 'bench',
    description: 'time engines, phases, methods or attacks on this machine, beside their peers',
  },
  args: {
    benchmark: { type: 'positional', description: Object.keys(BENCHMARKS).join(' | '), required: true },
    a: { type: 'positional', description: 'compare: a record', required: false, valueHint: 'A.json' },
    b: {
      type: 'positional',
      description: 'compare: another of its kind',
      required: false,
      valueHint: 'B.json',
    },
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
    const given = [...recordsOf(name, args), ...passedOn(name, args)];
    const child = spawn(process.execPath, ['--import', 'tsx', script, ...given], { stdio: 'inherit' });
    process.on('SIGINT', () => {}); // a terminal sends it to the child, too, which may have to save
    process.once('SIGTERM', () => child.kill('SIGTERM'));
    return new Promise<number>((done) =>
      child.once('exit', (code, signal) => done(code ?? (signal === 'SIGINT' ? INTERRUPTED : 1))),
    );
  },
});

/** The two records that `compare` takes, and no other benchmark. @throws E_OPTION for more or fewer */
function recordsOf(
  name: Benchmark,
  { a, b }: { readonly a?: string | undefined; readonly b?: string | undefined },
): string[] {
  const given = [a, b].filter((path) => path !== undefined);
  const wanted = name === 'compare' ? 2 : 0;
  if (given.length !== wanted)
    throw new TouchstoneError(
      'E_OPTION',
      ['bench', name, ...given].join(' '),
      wanted ? 'two records: bench compare A.json B.json' : 'options only: see bench --help',
    );
  return given;
}

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
