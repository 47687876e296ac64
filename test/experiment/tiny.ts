/** Experiments that take seconds: a file of a few MNIST images, one epoch. */
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { loadData } from '../../src/data/index.ts';
import { parseExperiment } from '../../src/experiment/read.ts';
import type { Experiment } from '../../src/experiment/schema.ts';
import { encodeNpz } from '../../src/io/index.ts';
import type { Comparison } from '../../src/report/index.ts';

export const IMAGES = 64;

/** A folder with `digits.npz`, the first test images of MNIST. */
export async function tinyFolder(): Promise<{ dir: string; remove: () => void }> {
  const dir = mkdtempSync(join(tmpdir(), 'touchstone-experiment-'));
  const { images, labels, shape } = await loadData('mnist', 'test', { limit: IMAGES });
  writeFileSync(
    join(dir, 'digits.npz'),
    encodeNpz({
      x: { dtype: 'uint8', shape: [IMAGES, ...shape], data: images as Uint8Array },
      y: { dtype: 'int32', shape: [IMAGES], data: labels },
    }),
  );
  return { dir, remove: () => rmSync(dir, { recursive: true, force: true }) };
}

/** One cell, audited in two shards. */
export const tiny = {
  schema: 'touchstone-experiment/1',
  name: 'tiny',
  methods: ['natural'],
  models: ['mnist-cnn'],
  data: ['digits.npz'],
  eps: [0.1],
  seeds: [0],
  training: { epochs: 1, batchSize: 32, validation: 0 },
  audit: { attacks: ['fgsm'], limit: 16, shards: 2, chunk: 8 },
};

/** As from a file with these changes. */
export const experimentOf = (changes: Readonly<Record<string, unknown>> = {}): Experiment =>
  parseExperiment(JSON.stringify({ ...tiny, ...changes }), 'tiny.json');

/** What must be the same whatever carried the jobs, and however often they were begun. */
export function timeless({ times: _, createdAt: __, ...rest }: Comparison): unknown {
  return rest;
}
