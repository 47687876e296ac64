import type { RunOptions } from '../../src/runs/train-run.ts';

/** A run of about two seconds that writes its folder ten times. */
export const KILLED_RUN: RunOptions = {
  method: 'gaat',
  model: 'mnist-cnn',
  data: 'mnist',
  limit: 1000,
  epochs: 10,
  batchSize: 64,
  start: 'random',
  validationSteps: 3,
  seed: 5,
  threads: 1,
};
