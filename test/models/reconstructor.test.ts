import { describe, expect, it } from 'vitest';
import { type Reconstructor, reconstructors } from '../../models/index.ts';
import { wideResNet } from '../../models/wide-resnet.ts';
import { gradient } from '../../src/autodiff/index.ts';
import { Session } from '../../src/engine/onnxruntime/index.ts';
import {
  asInputs,
  float32,
  type Graph,
  inTrainingMode,
  parameterNames,
  type Tensor,
  toModel,
  validateModel,
} from '../../src/graph/index.ts';
import { key, uniform } from '../../src/random/index.ts';
import { evaluate, numbers } from '../autodiff/evaluate.ts';
import { bytes, count } from './weights.ts';

const all: readonly Reconstructor[] = Object.values(reconstructors);

/** Class probabilities, `[N, 10]`. */
function codes(batch: number): Tensor {
  const values = uniform(key(2).fold('code'), 10 * batch);
  const sums = Array.from({ length: batch }, (_, n) =>
    values.slice(10 * n, 10 * n + 10).reduce((a, b) => a + b, 0),
  );
  return float32(
    values.map((v, i) => v / sums[Math.floor(i / 10)]!),
    [batch, 10],
  );
}

it.each([
  // eFGSM §3.4, in millions with as many digits as it gives.
  ['mnist-reconstructor', 2, 0.26],
  ['cifar-reconstructor', 1, 5.1],
])('%s has the size that the paper says', (name, digits, millions) => {
  const parameters = count(reconstructors[name]!.build(key(0)));
  expect(Number((parameters / 1e6).toFixed(digits))).toBe(millions);
});

it('CIFAR: twice the size of WRN-22-3, as in the paper', () => {
  const ratio =
    count(reconstructors['cifar-reconstructor']!.build(key(0))) / count(wideResNet(22, 3).build(key(0)));
  expect(ratio).toBeCloseTo(2.1, 1);
});

describe.each(all.map((r) => [r.name, r] as const))('%s', (name, reconstructor) => {
  const graph = reconstructor.build(key(3));

  it('is registered under its name, and says where it comes from', () => {
    expect(Object.entries(reconstructors).find(([, r]) => r === reconstructor)?.[0]).toBe(name);
    expect(graph.name).toBe(name);
    expect(reconstructor.source).not.toBe('');
  });

  it('is a valid model from a code to an image, with a dynamic batch', () => {
    validateModel(toModel(graph));
    expect(graph.inputs).toMatchObject([{ name: 'code', type: { shape: ['N', 10] } }]);
    expect(graph.outputs).toMatchObject([
      { name: 'reconstruction', type: { shape: ['N', ...reconstructor.image] } },
    ]);
  });

  it('gives images in [0, 1], each by itself', async () => {
    const [one, three] = [
      (await evaluate(graph, { code: codes(1) })).reconstruction!,
      (await evaluate(graph, { code: codes(3) })).reconstruction!,
    ];
    expect(one.shape).toEqual([1, ...reconstructor.image]);
    expect(three.shape).toEqual([3, ...reconstructor.image]);
    const all = numbers(three);
    expect(all.every((v) => v > 0 && v < 1)).toBe(true);
    // Kernels may sum in another order for another batch.
    expect(Math.max(...numbers(one).map((v, i) => Math.abs(v - all[i]!)))).toBeLessThan(1e-5);
    expect(new Set(all).size).toBeGreaterThan(all.length / 10);
  });

  it('takes other images and classes', async () => {
    const other = reconstructor.build(key(0), { input: [2, 8, 12], classes: 4 });
    const code = float32([0.1, 0.2, 0.3, 0.4], [1, 4]);
    expect((await evaluate(other, { code })).reconstruction!.shape).toEqual([1, 2, 8, 12]);
  });

  it('refuses images that it cannot double to', () => {
    expect(() => reconstructor.build(key(0), { input: [1, 30, 28] })).toThrow(
      /E_SHAPE.*30×28.*multiples of 4/,
    );
  });

  it('is the same for the same key, and other for another', () => {
    const [same, other] = [reconstructor.build(key(3)), reconstructor.build(key(4))];
    for (const [weight, tensor] of graph.initializers) {
      expect(bytes(same, weight).equals(bytes(graph, weight)), weight).toBe(true);
      if (tensor.shape.length > 1)
        expect(bytes(other, weight).equals(bytes(graph, weight)), weight).toBe(false);
    }
  });

  it('trains: the gradients of all its parameters, and of the code, are what its output changes by', async () => {
    const parameters = parameterNames(graph);
    const training: Graph = asInputs(inTrainingMode(graph), parameters);
    const wrt = ['code', ...parameters];
    const program = gradient(
      { ...training, outputs: [training.outputs[0]!] },
      { of: 'reconstruction', wrt, emitter: 'cpu' },
      wrt.map((w) => `d_${w}`),
    );
    const session = await Session.create(program, { device: 'cpu', threads: 2 });
    const at: Record<string, Tensor> = { code: codes(2) };
    for (const p of parameters) at[p] = graph.initializers.get(p)!;
    const found = await session.run(at);
    const sum = (t: Tensor) => numbers(t).reduce((a, b) => a + b, 0);
    for (const w of wrt) {
      const g = found[`d_${w}`]!.data as Float32Array;
      const length = Math.hypot(...Array.from(g.subarray(0, 5000)));
      expect(g.every(Number.isFinite), w).toBe(true);
      expect(length, w).toBeGreaterThan(0);
    }
    // Along the gradient of each output layer's weight and of the code: a central difference of Σ reconstruction.
    const plain = await Session.create(
      { ...training, outputs: [training.outputs[0]!] },
      { device: 'cpu', threads: 2 },
    );
    for (const w of [parameters.at(-2)!, parameters[0]!, 'code']) {
      const g = Array.from(found[`d_${w}`]!.data as Float32Array);
      const norm = Math.hypot(...g);
      const step = 1e-2 / Math.max(1, norm);
      const moved = (h: number) => ({
        ...at,
        [w]: float32(
          Float32Array.from(g, (v, i) => (at[w]!.data[i] as number) + (h * v) / norm),
          at[w]!.shape,
        ),
      });
      const up = sum((await plain.run(moved(step))).reconstruction!);
      const down = sum((await plain.run(moved(-step))).reconstruction!);
      expect(Math.abs((up - down) / (2 * step * norm) - 1), w).toBeLessThan(0.05);
    }
    await session.close();
    await plain.close();
  });
});
