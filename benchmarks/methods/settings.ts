/**
 * With what each method learns MNIST within a few epochs at ε = 0.1, found by experiment: one architecture, batch size, optimizer
 * and schedule for all, and per method only what it would not learn without (`why`).
 */
import type { RunOptions } from '../../src/runs/train-run.ts';
import type { MethodName } from '../../src/train/index.ts';

/** What all methods share. */
export const common = {
  model: 'mnist-cnn',
  data: 'mnist',
  batchSize: 128,
  epsilon: 0.1,
  learningRate: 0.1,
  schedule: 'cyclic',
  peak: 0.4,
  momentum: 0.9,
  weightDecay: 2e-4,
  mean: [0.1307],
  std: [0.3081],
} as const satisfies RunOptions;

interface Setting {
  /** Beside the method's own defaults. */
  readonly options: RunOptions;
  /** Where it differs from the others in more than its own options. */
  readonly why?: string;
}

/** PGD with ten steps of ε/4, as DEAT's paper has it in proportion (7 or 10 steps of 2/255 at 8/255). */
const tenSteps = { steps: 10, stepSize: 0.025 } as const;
/** TRADES' and MART's step is smaller in proportion (0.007 at 8/255); β = 1 on MNIST. */
const surrogate = { steps: 10, stepSize: 0.02, beta: 1 } as const;
/** {10, 1/255, 8/255} in proportion: T·α = 1.25 ε. */
const gaat = { start: 'random', steps: 10, stepSize: 0.0125 } as const;
const oneRival = { rivals: 1, steps: 1, stepSize: 0.1 } as const;

export const settings: Readonly<Record<MethodName, Setting>> = {
  natural: { options: {} },
  pgd: { options: tenSteps },
  gaat: { options: gaat },
  free: { options: { replays: 2, stepSize: 0.1 } },
  fast: { options: {} },
  deat: { options: { every: 1 } },
  'm-deat': { options: {} },
  dat: { options: tenSteps },
  'dat+gaat': { options: gaat },
  trades: { options: surrogate },
  mart: { options: { steps: 10, stepSize: 0.02 } },
  'm-pgd': { options: { steps: 10 } },
  'm-trades': { options: { steps: 10, beta: 1 } },
  'm-mart': { options: { steps: 10 } },
  fat: { options: {} },
  'f-trades': { options: { beta: 1 } },
  'f-mart': { options: {} },
  efgsm: { options: { steps: 1, stepSize: 0.1 } },
  'efgsm+reconstructor': {
    options: { ...oneRival, learningRate: 0.5 },
    why: 'its loss is mostly the reconstruction’s, so that λ = 0.1 of the gradient reaches the classifier',
  },
  'efgsm+trades': { options: { ...oneRival, beta: 1 } },
};
