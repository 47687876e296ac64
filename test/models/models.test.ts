import { describe, expect, it } from 'vitest';
import { type Architecture, architectures } from '../../models/index.ts';
import { mnistCnn } from '../../models/mnist-cnn.ts';
import { resnet18 } from '../../models/resnet.ts';
import { type Graph, parameterNames, toModel, validateModel } from '../../src/graph/index.ts';
import { key, uniform } from '../../src/random/index.ts';
import { evaluate, numbers } from '../autodiff/evaluate.ts';

const all: readonly Architecture[] = Object.values(architectures);
const size = (shape: readonly number[]) => shape.reduce((a, b) => a * b, 1);
const count = (graph: Graph) =>
  parameterNames(graph).reduce((sum, name) => sum + size(graph.initializers.get(name)!.shape), 0);
const floats = (graph: Graph, name: string) => graph.initializers.get(name)!.data as Float32Array;
const bytes = (graph: Graph, name: string) => Buffer.from(floats(graph, name).buffer);
const largest = (values: Float32Array) => values.reduce((worst, v) => Math.max(worst, Math.abs(v)), 0);
const image = (batch: number, shape: readonly number[]) => {
  const full = [batch, ...shape];
  return { dtype: 'float32', shape: full, data: uniform(key(1).fold('image'), size(full)) } as const;
};

describe('the sizes of published networks', () => {
  it('MNIST net: 166,406 parameters', () => {
    expect(count(mnistCnn.build(key(0)))).toBe(166_406);
  });

  it('ResNet-18 with the CIFAR stem: 11,173,962 parameters for 10 classes', () => {
    expect(count(resnet18.build(key(0)))).toBe(11_173_962);
    // 90 more classes of 512 weights and a bias
    expect(count(resnet18.build(key(0), { classes: 100 }))).toBe(11_173_962 + 90 * 513);
  });
});

describe.each(all.map((a) => [a.name, a] as const))('%s', (name, architecture) => {
  const graph = architecture.build(key(3));

  it('is registered under its name, and says where it comes from', () => {
    expect(Object.entries(architectures).find(([, a]) => a === architecture)?.[0]).toBe(name);
    expect(graph.name).toBe(name);
    expect(architecture.source).not.toBe('');
  });

  it('is a valid model from x to logits, with a dynamic batch', () => {
    validateModel(toModel(graph));
    expect(graph.inputs).toMatchObject([{ name: 'x', type: { shape: ['N', ...architecture.input] } }]);
    expect(graph.outputs).toMatchObject([{ name: 'logits', type: { shape: ['N', architecture.classes] } }]);
  });

  it('runs on batches of 1 and 2, each image by itself', async () => {
    const two = image(2, architecture.input);
    const one = { ...two, shape: [1, ...architecture.input], data: two.data.slice(0, two.data.length / 2) };
    const [a, b] = [
      numbers((await evaluate(graph, { x: one })).logits!),
      (await evaluate(graph, { x: two })).logits!,
    ];
    expect(b.shape).toEqual([2, architecture.classes]);
    // Kernels may sum in another order for another batch: 1e-5 of the largest logit.
    const scale = Math.max(...a.map(Math.abs));
    expect(Math.max(...a.map((v, i) => Math.abs(v - numbers(b)[i]!)))).toBeLessThan(1e-5 * scale);
    expect(a.every(Number.isFinite)).toBe(true);
    expect(new Set(a).size).toBe(architecture.classes);
  });

  it('is the same for the same key, and other for another', () => {
    const [same, other] = [architecture.build(key(3)), architecture.build(key(4))];
    expect({ ...same, initializers: null }).toEqual({ ...graph, initializers: null });
    for (const [weight, tensor] of graph.initializers) {
      expect(bytes(same, weight).equals(bytes(graph, weight)), weight).toBe(true);
      if (tensor.shape.length > 1)
        expect(bytes(other, weight).equals(bytes(graph, weight)), weight).toBe(false);
    }
  });

  it('draws no two weights alike', () => {
    const firsts = [...graph.initializers.values()].filter((t) => t.shape.length > 1).map((t) => t.data[0]);
    expect(new Set(firsts).size).toBe(firsts.length);
  });

  it('has weights within ±1/√fan_in, and of the spread of a uniform distribution', () => {
    for (const node of graph.nodes) {
      if (node.op !== 'Conv' && node.op !== 'Gemm') continue;
      const weight = graph.initializers.get(node.inputs[1]!)!;
      const fanIn = size(weight.shape.slice(1));
      const values = floats(graph, node.inputs[1]!);
      const bound = Math.fround(1 / Math.sqrt(fanIn));
      expect(largest(values)).toBeLessThanOrEqual(bound);
      // The mean square of n uniform values is bound²/3, with a relative standard deviation of 0.9/√n: six of them.
      const square = values.reduce((sum, v) => sum + v * v, 0) / values.length;
      expect(Math.abs((square * 3) / bound ** 2 - 1)).toBeLessThan((6 * 0.9) / Math.sqrt(values.length));
      if (node.inputs[2]) expect(largest(floats(graph, node.inputs[2]))).toBeLessThanOrEqual(bound);
    }
  });

  it('starts its normalisation as the identity', () => {
    for (const node of graph.nodes) {
      if (node.op !== 'BatchNormalization') continue;
      const [gamma, beta, mean, variance] = node.inputs
        .slice(1)
        .map((v) => [...new Set(numbers(graph.initializers.get(v)!))]);
      expect([gamma, beta, mean, variance]).toEqual([[1], [0], [0], [1]]);
    }
  });
});

it('other images and classes than the default give other shapes', async () => {
  const graph = mnistCnn.build(key(0), { input: [3, 32, 32], classes: 7 });
  const { logits } = await evaluate(graph, { x: image(1, [3, 32, 32]) });
  expect(logits!.shape).toEqual([1, 7]);
});
