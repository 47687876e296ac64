/** Cells and jobs: how many there are, which are shared, and what is refused before any work. */
import { writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { cellsOf } from '../../src/experiment/cells.ts';
import { jobId, jobSchema, needsOf } from '../../src/experiment/jobs.ts';
import { chunkOf, planExperiment } from '../../src/experiment/plan.ts';
import { experimentOf, IMAGES, tinyFolder } from './tiny.ts';

let folder: string;
let remove: () => void;
beforeAll(async () => {
  ({ dir: folder, remove } = await tinyFolder());
});
afterAll(() => remove());

const planOf = (changes: Record<string, unknown>) =>
  planExperiment({ experiment: experimentOf(changes), folder });
const kindsOf = (jobs: readonly { job: { kind: string } }[]) => {
  const counts: Record<string, number> = {};
  for (const { job } of jobs) counts[job.kind] = (counts[job.kind] ?? 0) + 1;
  return counts;
};

describe('the cells of an experiment', () => {
  it('are methods × models × data × ε × seeds, each with a name of its own', () => {
    const cells = cellsOf(
      experimentOf({
        methods: ['natural', 'pgd', { method: 'pgd', label: 'pgd-2', steps: 2 }],
        models: ['mnist-cnn', 'conv4'],
        data: ['digits.npz', { data: 'mnist:DIR', label: 'other' }],
        eps: [0.1, '8/255'],
        seeds: [0, 1, 2, 3, 4],
      }),
    );
    expect(cells).toHaveLength(3 * 2 * 2 * 2 * 5);
    expect(new Set(cells.map(({ id }) => id)).size).toBe(cells.length);
    expect(cells[0]!.id).toBe('digits/mnist-cnn/natural/eps-0.1-seed-0');
    expect(cells.at(-1)!.id).toBe('other/conv4/pgd-2/eps-8-255-seed-4');
  });

  it('take what a method says over what is for all, and the radius of the cell where nothing does', () => {
    const [own, common] = cellsOf(
      experimentOf({
        methods: [{ method: 'pgd', steps: 3, epochs: 7, epsilon: '2/255' }, 'fast'],
        training: { epochs: 2, batchSize: 32 },
      }),
    ).map(({ subject }) => (subject.kind === 'training' ? subject.settings : {}));
    expect(own).toMatchObject({
      method: 'pgd',
      steps: 3,
      epochs: 7,
      batchSize: 32,
      epsilon: 2 / 255,
      seed: 0,
    });
    expect(common).toMatchObject({ method: 'fast', epochs: 2, epsilon: 0.1 });
  });

  it.each<[string, Record<string, unknown>, RegExp]>([
    [
      'two methods of one name',
      { methods: ['pgd', { method: 'pgd', steps: 1 }] },
      /methods\[1\]: 'pgd' again.*label/,
    ],
    ['a seed twice', { seeds: [1, 2, 1] }, /seeds\[2\]: '1' again, as seeds\[0\]/],
    ['radii that look the same', { eps: [0.1, 0.1000001] }, /eps\[1\]: '0\.1' again/],
    ['two data sets of one name', { data: ['digits.npz', 'a/digits.npz'] }, /data\[1\]: 'digits' again/],
    ['methods and no model', { models: [] }, /1 methods and 0 models/],
    ['nothing to do', { methods: [], models: [] }, /no methods and no checkpoints/],
    ['a radius beyond pixel space', { eps: [8] }, /eps\[0\]: 8, expected at most 1/],
    ['L2 without a radius to train with', { audit: { norm: 'l2' } }, /methods\[0\]: no radius to train with/],
  ])('are refused for %s', (_, changes, message) => {
    expect(() => cellsOf(experimentOf(changes))).toThrow(message);
    expect(() => cellsOf(experimentOf(changes))).toThrow(/^E_OPTION: [^\n]*$/);
  });
});

describe('the jobs of an experiment', () => {
  it('are train, export, shards and merge of each cell, each after its needs', async () => {
    const { jobs, cells, blobs, data } = await planOf({ methods: ['natural', 'fast'], seeds: [0, 1] });
    expect(kindsOf(jobs)).toEqual({ train: 4, export: 4, shard: 8, merge: 4 });
    const seen = new Set<string>();
    for (const { id, job, needs } of jobs) {
      expect(jobSchema.parse(JSON.parse(JSON.stringify(job)))).toEqual(job);
      expect(jobId(job)).toBe(id);
      expect(needsOf(job)).toEqual(needs);
      for (const need of needs) expect(seen).toContain(need);
      seen.add(id);
    }
    for (const { train, export: exported, shards, merge } of cells)
      for (const id of [train!, exported!, ...shards, merge]) expect(seen).toContain(id);
    // The images travel by their hash, and no path does.
    expect([...blobs.values()]).toEqual([join(folder, 'digits.npz')]);
    expect(data.size).toBe(0);
    expect(JSON.stringify(jobs)).not.toContain(folder);
  });

  it('are shared where two cells ask for the same', async () => {
    const { jobs, cells } = await planOf({
      methods: [{ method: 'natural', epsilon: 0.1 }],
      eps: [0.1, 0.2, 0.3],
    });
    expect(cells).toHaveLength(3);
    expect(kindsOf(jobs)).toEqual({ train: 1, export: 1, shard: 6, merge: 3 });
    expect(jobs[0]!.cells).toEqual(cells.map(({ id }) => id));
  });

  it('have ids that depend on everything that the result does, and on nothing else', async () => {
    const idOf = async (changes: Record<string, unknown>) => (await planOf(changes)).cells[0]!.merge;
    const first = await idOf({});
    expect(await idOf({ name: 'another', seeds: [0, 1] })).toBe(first);
    const others: Record<string, unknown>[] = [
      { seeds: [1] },
      { eps: [0.2] },
      { training: { epochs: 2, batchSize: 32, validation: 0 } },
      { audit: { attacks: ['pgd'], limit: 16, shards: 2, chunk: 8 } },
      { audit: { attacks: ['fgsm'], limit: 15, shards: 2, chunk: 8 } },
      { audit: { attacks: ['fgsm'], limit: 16, shards: 2, chunk: 4 } },
    ];
    const ids = await Promise.all(others.map(idOf));
    expect(new Set([first, ...ids]).size).toBe(ids.length + 1);
  });

  it('of a data set in a folder name it, and leave its path to each worker', async () => {
    const { jobs, data } = await planOf({
      data: [{ data: 'mnist', label: 'digits' }],
      training: { limit: 64 },
    });
    expect(data).toEqual(new Map([['digits', 'mnist']]));
    const { job } = jobs[0]!;
    expect(job.kind === 'train' && job.data).toMatchObject({ name: 'digits', train: /^[0-9a-f]{64}$/ });
  });

  it.each<[string, Record<string, unknown>, RegExp]>([
    ['no such file', { data: ['none.npz'] }, /^E_FILE: data\[0\] \(none\): /],
    ['a data set that there is not', { data: ['minst'] }, /^E_OPTION: data\[0\] \(minst\): /],
    [
      'a network for other images',
      { models: ['resnet18'] },
      /^E_SHAPE: methods\[0\] \(natural\), models\[0\] \(resnet18\), data/,
    ],
    ['a setting out of range', { training: { epochs: 0 } }, /^E_RANGE: methods\[0\].*--epochs of 0/],
    [
      'an option of another method',
      { methods: [{ method: 'pgd', replays: 3 }] },
      /^E_OPTION: methods\[0\] \(pgd\).*--replays/,
    ],
    ['an unknown attack', { audit: { attacks: ['pdg'] } }, /^E_OPTION: unknown attack "pdg"/],
    ['more shards than images', { audit: { limit: 4, shards: 5 } }, /audit\.shards: 5 for 4 images/],
    [
      'more shards than chunks',
      { audit: { limit: 16, shards: 3, chunk: 8 } },
      /audit\.chunk: 8, .*set it to 5/,
    ],
    [
      'a checkpoint that is no model',
      { checkpoints: ['digits.onnx'] },
      /^E_ONNX: checkpoints\[0\] \(digits\)/,
    ],
  ])('are refused for %s', async (_, changes, message) => {
    writeFileSync(join(folder, 'digits.onnx'), 'no model');
    await expect(planOf(changes)).rejects.toThrow(message);
  });

  it.each([
    [1000, 1, undefined, 512],
    [1000, 3, undefined, 333],
    [1000, 300, undefined, 3],
    [16, 16, undefined, 1],
    [1000, 4, 100, 100],
  ])('%i images in %i shards of chunk %s get %i', (images, shards, chunk, expected) => {
    const { audit } = experimentOf();
    const { chunk: _, ...rest } = audit;
    const size = chunkOf({ ...rest, shards, ...(chunk !== undefined && { chunk }) }, images);
    expect(size).toBe(expected);
    expect(Math.ceil(images / size)).toBeGreaterThanOrEqual(shards);
  });

  it('attack no more images than there are', async () => {
    const { jobs } = await planOf({ audit: { attacks: ['fgsm'], limit: 1e6, shards: 1 } });
    const { job } = jobs.at(-1)!;
    expect(job.kind === 'merge' && job.limit).toBe(IMAGES);
  });
});
