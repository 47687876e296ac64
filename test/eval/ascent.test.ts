import { afterAll, describe, expect, it } from 'vitest';
import { architectures } from '../../models/index.ts';
import { classifierProgram } from '../../src/engine/index.ts';
import { onnxruntimeEngine } from '../../src/engine/onnxruntime/index.ts';
import {
  ascend,
  ascentGraph,
  ascentStep,
  engineClassifier,
  type Norm,
  randomStart,
} from '../../src/eval/index.ts';
import { scalar } from '../../src/graph/index.ts';
import { key, normal, uniform } from '../../src/random/index.ts';

const engine = onnxruntimeEngine({ threads: 1 });
afterAll(() => engine.close());

/** A few roundings of float32 to numbers up to 1, where the loops compute in float64. */
const ROUNDINGS = 4 * 2 ** -24;

const largest = (a: Float32Array, b: Float32Array) =>
  a.reduce((m, v, i) => Math.max(m, Math.abs(v - b[i]!)), 0);

describe.each<{ norm: Norm; epsilon: number; stepSize: number }>([
  { norm: 'linf', epsilon: 0.1, stepSize: 0.03 },
  { norm: 'l2', epsilon: 1.5, stepSize: 0.7 },
])('ascent in $norm', ({ norm, epsilon, stepSize }) => {
  const shape = [6, 1, 9, 7];
  const size = 6 * 63;

  it('does as a graph what the loops do', async () => {
    const graph = await engine.compile({ graph: ascentGraph(norm) });
    const clean = { data: uniform(key(1), size), shape };
    const x = randomStart(clean, { norm, epsilon }, key(2));
    const gradient = normal(key(3), size);
    gradient.fill(0, 0, 63); // an image without a gradient stays
    gradient.set(
      gradient.subarray(63, 126).map((v) => v * 1e-30),
      63,
    );
    const tensor = (data: Float32Array) => ({ dtype: 'float32' as const, shape, data });
    const { next } = await graph.run({
      x: tensor(x),
      gradient: tensor(gradient),
      clean: tensor(clean.data),
      epsilon: scalar(epsilon),
      step_size: scalar(stepSize),
    });
    const expected = x.slice();
    ascend(expected, gradient, clean, { norm, epsilon }, stepSize);
    expect(largest(next!.data as Float32Array, expected)).toBeLessThanOrEqual(ROUNDINGS);
    expect(largest((next!.data as Float32Array).subarray(0, 63), x.subarray(0, 63))).toBeLessThanOrEqual(
      ROUNDINGS,
    );
    expect(largest(expected, x)).toBeGreaterThan(0.01);
  });

  it('is one forward and one backward pass, in batches or at once', async () => {
    const net = architectures['mnist-cnn']!.build(key(0));
    const images = { data: uniform(key(4), 5 * 784), shape: [5, 1, 28, 28] };
    const labels = Int32Array.of(0, 1, 2, 3, 4);
    const step = { threat: { norm, epsilon }, stepSize };
    const start = { ...images, data: randomStart(images, step.threat, key(5)) };
    const before = engine.counts();
    const whole = await engineClassifier(engine, net, { classes: 10 }).ascend!(
      'ce',
      start,
      labels,
      images,
      step,
    );
    const after = engine.counts();
    expect(after.forwardImages - before.forwardImages).toBe(5);
    expect(after.backwardImages - before.backwardImages).toBe(5);
    for (const options of [{ batchSize: 2 }, { fixedBatch: 3 }]) {
      const parts = await engineClassifier(engine, net, { classes: 10, ...options }).ascend!(
        'ce',
        start,
        labels,
        images,
        step,
      );
      expect(largest(parts.next, whole.next)).toBeLessThanOrEqual(1e-5); // a sum in another order may turn a tiny step
    }
    const { gradient } = await (await engine.compile(classifierProgram(net, 'ce'))).run({
      x: { dtype: 'float32', ...start },
      y: { dtype: 'int64', shape: [5], data: BigInt64Array.from(labels, BigInt) },
    });
    const expected = start.data.slice();
    ascend(expected, gradient!.data as Float32Array, images, step.threat, stepSize);
    expect(largest(whole.next, expected)).toBeLessThanOrEqual(ROUNDINGS);
  });
});

it('under L1 steps here, not in a graph, at the same cost', async () => {
  const net = architectures['mnist-cnn']!.build(key(0));
  const classifier = engineClassifier(engine, net, { classes: 10 });
  const clean = { data: uniform(key(4), 3 * 784), shape: [3, 1, 28, 28] };
  const y = Int32Array.of(0, 1, 2);
  const step = { threat: { norm: 'l1' as const, epsilon: 8 }, stepSize: 3 };
  const start = { ...clean, data: randomStart(clean, step.threat, key(5)) };
  const before = engine.counts();
  const { logits, next } = await ascentStep(classifier, 'ce', start, y, clean, step);
  const after = engine.counts();
  expect(after.forwardImages - before.forwardImages).toBe(3);
  expect(after.backwardImages - before.backwardImages).toBe(3);
  const there = await classifier.gradient('ce', start, y);
  expect(logits).toEqual(there.logits);
  const expected = start.data.slice();
  ascend(expected, there.gradient, clean, step.threat, step.stepSize);
  expect(next).toEqual(expected);
  expect(() => ascentGraph('l1')).toThrow('not a graph');
});
