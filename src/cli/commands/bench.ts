import { defineCommand } from 'citty';
import { TouchstoneError } from '../../errors.ts';
import { option, passedOptions, runScript } from '../script.ts';

/** All options, passed on to the benchmark's script. */
const OPTIONS = {
  rounds: option('how often each piece of work runs', 'N'),
  tools: option('attacks: of touchstone,torchattacks,foolbox,art,autoattack (default: all)', 'a,b'),
  attacks: option(
    'attacks: of fgsm,pgd-10,pgd-40,pgd-100,pgd-40-l2,apgd-100,square-500,deepfool-l2,fab-20',
    'a,b',
  ),
  models: option('engines, phases: these networks; gaat: beside its own (default conv4; none)', 'a,b'),
  batch: option('engines, phases: images per batch; queue: shards of an audit', 'N'),
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
    'methods, gaat, curves, cost: train on the first N images; attacks, autoattack, masking: attack so many; queue: so many jobs (default 100000)',
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
  save: option('write record and page to a folder of benchmarks/records, DATE-NAME', 'NAME'),
  records: option('with --save: the folder in whose place (default benchmarks/records)', 'DIR'),
};
type Option = keyof typeof OPTIONS;

/** Of every benchmark that has a record. */
const KEPT = ['json', 'save', 'records'] as const;

/** Each with the options that its script takes. */
export const BENCHMARKS = {
  engines: ['models', 'batch', 'engines', 'device', 'phases', 'rounds', 'seconds', 'threads', ...KEPT],
  methods: [
    ...(['methods', 'data', 'epochs', 'limit', 'attacked', 'seed', 'engine', 'device'] as const),
    ...(['threads', 'out', 'html', ...KEPT] as const),
  ],
  gaat: [
    ...(['runs', 'models', 'eps', 'rounds', 'data', 'epochs', 'limit', 'attacked', 'seed'] as const),
    ...(['engine', 'device', 'threads', 'out', 'html', ...KEPT] as const),
  ],
  curves: [
    ...(['figures', 'data', 'epochs', 'limit', 'attacked', 'seed', 'engine', 'device'] as const),
    ...(['threads', 'out', ...KEPT] as const),
  ],
  phases: [
    ...(['models', 'batch', 'engine', 'device', 'methods', 'rounds', 'seconds'] as const),
    ...(['threads', 'html', ...KEPT] as const),
  ],
  cost: [
    ...(['methods', 'data', 'epochs', 'limit', 'rounds', 'seed', 'engine', 'device'] as const),
    ...(['threads', ...KEPT] as const),
  ],
  attacks: [
    ...(['rounds', 'model', 'data', 'eps', 'limit', 'tools', 'attacks', 'threads'] as const),
    ...(['html', ...KEPT] as const),
  ],
  compare: [],
  autoattack: ['model', 'data', 'eps', 'norm', 'limit', 'rounds', ...KEPT],
  masking: ['models', 'model', 'data', 'eps', 'limit', ...KEPT],
  queue: ['limit', 'batch', ...KEPT],
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
    a: {
      type: 'positional',
      description: 'compare: a record, or its folder',
      required: false,
      valueHint: 'A',
    },
    b: {
      type: 'positional',
      description: 'compare: another of its kind',
      required: false,
      valueHint: 'B',
    },
    ...OPTIONS,
  },
  async run({ args }) {
    const names = Object.keys(BENCHMARKS) as Benchmark[];
    const name = names.find((b) => b === args.benchmark);
    if (!name) throw new TouchstoneError('E_OPTION', `bench ${args.benchmark}`, names.join(', '));
    return runScript(name, [...recordsOf(name, args), ...passedOn(name, args)], 'benchmarks');
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
      wanted ? 'two records: bench compare A B' : 'options only: see bench --help',
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
  return passedOptions(Object.fromEntries(given.map((o) => [o, args[o]])));
}
