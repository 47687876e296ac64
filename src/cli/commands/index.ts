import type { CommandDef } from 'citty';

/** Each command's module is loaded when it is called, so that `--help` is quick. */
interface Entry {
  readonly about: string;
  load(): Promise<CommandDef>;
}

// citty types a command by its own options; as a list they are all just commands.
const entry = (about: string, load: () => Promise<{ command: unknown }>): Entry => ({
  about,
  load: async () => (await load()).command as CommandDef,
});

export const commands = {
  demo: entry(
    'train on MNIST for about a minute, export, audit, write runs/demo/report.html',
    () => import('./demo.ts'),
  ),
  train: entry('train a classifier adversarially', () => import('./train.ts')),
  export: entry(
    'turn a training run into a deployable model.onnx, with a parity proof',
    () => import('./export.ts'),
  ),
  audit: entry('attack an ONNX classifier and report how robust it is', () => import('./audit.ts')),
  merge: entry('make one result of the shards of an audit', () => import('./merge.ts')),
  experiment: entry('write a commented experiment.json', () => import('./experiment.ts')),
  run: entry(
    'do an experiment: methods × models × data × ε × seeds, and one page that compares them',
    () => import('./run.ts'),
  ),
  sweep: entry('attack over radii, steps, step sizes and restarts', () => import('./sweep.ts')),
  transfer: entry('try examples made on other models, beside white-box ones', () => import('./transfer.ts')),
  check: entry(
    'say what kind of model a file holds and whether attacks on it can be believed',
    () => import('./check.ts'),
  ),
  gradient: entry('write the gradient graph of a classifier as ONNX', () => import('./gradient.ts')),
  bench: entry(
    'time engines, methods or attacks on this machine, beside their peers',
    () => import('./bench.ts'),
  ),
  claims: entry('set each number of the papers beside what was measured here', () => import('./claims.ts')),
  data: entry('list and verify data sets', () => import('./data.ts')),
  setup: entry('fetch what npm does not bring: tensorflow or cuda', () => import('./setup.ts')),
  doctor: entry(
    'say what is set up on this machine, and the command for what is not',
    () => import('./doctor.ts'),
  ),
  worker: entry('do the jobs that run --redis puts into a queue', () => import('./worker.ts')),
  status: entry('what runs where in a queue, what failed and why', () => import('./status.ts')),
  job: entry('do one job of an experiment, as the arrays of Slurm call it', () => import('./job.ts')),
} as const satisfies Record<string, Entry>;
