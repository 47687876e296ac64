import { mkdtemp, readFile, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { architectures, reconstructors } from '../../models/index.ts';
import { parameterNames } from '../../src/graph/index.ts';
import { key } from '../../src/random/index.ts';
import { type RunControls, type RunOptions, resumeRun, startRun } from '../../src/runs/train-run.ts';
import { bits, checkpointOf, outcomeOf, stateOf } from './files.ts';

let home: string;
let count = 0;
const fresh = () => join(home, `run-${count++}`);
const options: RunOptions = {
  method: 'efgsm+reconstructor',
  model: 'mnist-cnn',
  data: 'mnist',
  limit: 80,
  validation: 16,
  validationSteps: 1,
  epochs: 2,
  batchSize: 24, // 3 mini-batches an epoch, the last of 16
  augment: true,
  rivals: 1,
  learningRate: 0.1,
  threads: 1,
  seed: 3,
  engine: 'onnxruntime',
};
const votesOf = async (dir: string) =>
  bits(new Map(Object.entries((await stateOf(dir)).method.arrays).map(([name, data]) => [name, { data }])));

let straight: string;
beforeAll(async () => {
  home = await mkdtemp(join(tmpdir(), 'touchstone-reconstructor-'));
  straight = fresh();
  await startRun({ ...options, out: straight });
});
afterAll(() => rm(home, { recursive: true, force: true }));

describe('a run with a reconstructor', () => {
  const reconstructor = reconstructors['mnist-reconstructor']!.build(key(0));

  it('trains it, and keeps it with the state alone', async () => {
    const { state, method } = await stateOf(straight);
    const own = [...state.parameters.keys()].filter((name) => name.startsWith('reconstructor.'));
    expect(own).toEqual(parameterNames(reconstructor).map((name) => `reconstructor.${name}`));
    for (const name of own) {
      const { data, shape } = state.parameters.get(name)!;
      expect(shape).toEqual(reconstructor.initializers.get(name.slice('reconstructor.'.length))!.shape);
      expect(
        (state.velocities.get(name)!.data as Float32Array).some((v) => v !== 0),
        name,
      ).toBe(true);
      expect((data as Float32Array).every(Number.isFinite), name).toBe(true);
    }
    expect(method.arrays.votes).toHaveLength(64 * 784);
  });

  it('drops it from the checkpoint, which is the plain architecture', async () => {
    const { graph } = await checkpointOf(straight);
    const plain = architectures['mnist-cnn']!.build(key(0));
    expect([...graph.initializers.keys()].sort()).toEqual([...plain.initializers.keys()].sort());
    expect(graph.nodes.map((n) => n.op)).toEqual(plain.nodes.map((n) => n.op));
  });

  it('tells its λ and options in run.json', async () => {
    const { recipe } = JSON.parse(await readFile(join(straight, 'run.json'), 'utf8'));
    expect(recipe).toMatchObject({
      lambda: 0.1,
      smoothing: 0.1,
      decay: 0.95,
      rivals: 1,
      reach: 'free',
      init: null,
    });
  });

  it.each([1, 3, 5])('interrupted after %i mini-batches gives the same bits, Γ and all', async (stopAt) => {
    const stop = new AbortController();
    let seen = 0;
    const controls: RunControls = {
      signal: stop.signal,
      onProgress: () => ++seen === stopAt && stop.abort(),
    };
    const out = fresh();
    expect((await startRun({ ...options, out }, controls)).end).toBe('interrupted');
    expect((await resumeRun(out)).end).toBe('finished');
    expect(await outcomeOf(out)).toEqual(await outcomeOf(straight));
    expect(await votesOf(out)).toEqual(await votesOf(straight));
  });
});
