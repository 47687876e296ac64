import { describe, expect, it } from 'vitest';
import type { Architecture } from '../../models/index.ts';
import { mnistCnn } from '../../models/mnist-cnn.ts';
import { resnet18 } from '../../models/resnet.ts';
import { batch, loadData } from '../../src/data/index.ts';
import type { Engine, TrainingState } from '../../src/engine/index.ts';
import { parameterNames, type Tensor } from '../../src/graph/index.ts';
import { key, permutation, uniform } from '../../src/random/index.ts';
import { createLearner, type Method, methods, type Sample } from '../../src/train/index.ts';
import { bothEngines, floats } from './engines.ts';

const ARCHITECTURES = { 'mnist-cnn': mnistCnn, resnet18 };
const STEPS = 50;
const TOLERANCE = 1e-3;
const root = key(21);

type Batches = (step: number) => Sample;

/** The state after so many steps of a method, from weights, mini-batches and random starts that are the same for all. */
async function trained(
  engine: Engine,
  { build, classes }: Architecture,
  method: Method,
  batches: Batches,
): Promise<TrainingState> {
  const model = build(root.fold('weights'));
  const optimizer = { momentum: 0.9, weightDecay: 5e-4 };
  const trainer = await engine.trainer({ model, parameters: parameterNames(model), optimizer });
  const learner = await createLearner(trainer, model, { classes });
  learner.learningRate = 0.02;
  for (let step = 0; step < STEPS; step++)
    await method.step({
      learner,
      ...batches(step),
      threat: { norm: 'linf', epsilon: 0.1 },
      steps: 5,
      stepSize: 0.025,
      options: { ...method.defaults, start: 'random' },
      key: root.fold('step', step),
    });
  const state = trainer.state();
  await trainer.close();
  return state;
}

const norm = (v: Float32Array): number => Math.sqrt(v.reduce((sum, x) => sum + x * x, 0));

/** ‖a − b‖ / ‖b‖ of each tensor, the largest. */
function apart(a: ReadonlyMap<string, Tensor>, b: ReadonlyMap<string, Tensor>): { name: string; by: number } {
  let worst = { name: '', by: 0 };
  for (const [name, tensor] of b) {
    const [p, q] = [floats(a.get(name)!), floats(tensor)];
    const by = norm(p.map((v, i) => v - q[i]!)) / norm(q);
    if (by > worst.by) worst = { name, by };
  }
  return worst;
}

async function digits(): Promise<Batches> {
  const data = await loadData('mnist', 'train');
  const order = permutation(root.fold('shuffle'), data.n);
  return (step) => {
    const { x, y, shape } = batch(data, order.subarray(step * 64, (step + 1) * 64));
    return { x: { data: x, shape }, y };
  };
}

const noise: Batches = (step) => ({
  x: { data: uniform(root.fold('images', step), 8 * 3072, 0, 1), shape: [8, 3, 32, 32] },
  y: Int32Array.from({ length: 8 }, (_, i) => (i + step) % 10),
});

describe(`after ${STEPS} steps from the same weights and keys, the two engines are still together`, () => {
  it.each([
    ['natural', 'mnist-cnn', digits],
    ['pgd', 'mnist-cnn', digits],
    ['gaat', 'mnist-cnn', digits],
    ['natural', 'resnet18', async () => noise],
  ] as const)('%s, %s', async (method, architecture, load) => {
    const batches = await load();
    const { tensorflow, onnxruntime } = await bothEngines();
    const a = await trained(tensorflow, ARCHITECTURES[architecture], methods[method], batches);
    const b = await trained(onnxruntime, ARCHITECTURES[architecture], methods[method], batches);
    const { name, by } = apart(a.parameters, b.parameters);
    expect(by, name).toBeLessThanOrEqual(TOLERANCE);
    expect(by, 'they do not share their arithmetic').toBeGreaterThan(0);
    await tensorflow.close();
    await onnxruntime.close();
  });
});
