import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { conv4 } from '../../models/conv4.ts';
import { type Architecture, architectures } from '../../models/index.ts';
import { mnistCnn } from '../../models/mnist-cnn.ts';
import type { Initialisation } from '../../models/net.ts';
import { preactResnet18 } from '../../models/preact-resnet.ts';
import { resnet18, resnet56 } from '../../models/resnet.ts';
import { vgg16 } from '../../models/vgg.ts';
import { wideResNet } from '../../models/wide-resnet.ts';
import { classifierProgram } from '../../src/engine/index.ts';
import { lowered, Session } from '../../src/engine/onnxruntime/index.ts';
import { type Graph, int64, toModel, validateModel } from '../../src/graph/index.ts';
import { key } from '../../src/random/index.ts';
import { evaluate, numbers } from '../autodiff/evaluate.ts';
import { bytes, count, image, largest, meanOf, size } from './weights.ts';

const all: readonly Architecture[] = Object.values(architectures);

/** Networks whose convolutions are not drawn as PyTorch draws them by default. */
const drawnAfterHe: Readonly<Record<string, Initialisation>> = {
  resnet56: 'he-fan-in',
  'wrn-28-4': 'he-fan-out',
  'wrn-34-10': 'he-fan-out',
  'wrn-22-5': 'he-fan-out',
};

/** Large, and of the same code as a smaller one of their family: they are not drawn three times. */
const drawnOnce = ['resnet50', 'wrn-34-10'];

/** Trained parameters for 10 classes; the running statistics of normalisations are not among them. */
const published: Readonly<Record<string, readonly [parameters: number, source: string]>> = {
  'mnist-cnn': [166_406, 'the layers of Wong and Kolter, 2018: 272 + 8,224 + 156,900 + 1,010'],
  conv4: [1_147_978, 'its layers: 260,160 in convolutions, 819,456 + 65,792 + 2,570 in dense ones'],
  vgg16: [14_728_266, 'pytorch-cifar, vgg.py'],
  resnet18: [11_173_962, 'pytorch-cifar, resnet.py'],
  resnet50: [23_520_842, 'pytorch-cifar, resnet.py'],
  resnet56: [853_018, '"0.85M" in table 6 of arXiv:1512.03385; what pytorch_resnet_cifar10 prints'],
  'preact-resnet18': [11_172_170, "fast_adversarial, preact_resnet.py: pytorch-cifar's 11,171,146 + 2·512"],
  'wrn-28-4': [5_849_050, '"5.8M", as it is usually cited'],
  'wrn-34-10': [46_160_474, '"near 46 millions" in eFGSM §3.4; TRADES, wideresnet.py'],
  'wrn-22-5': [6_711_194, '"6.7 millions" in eFGSM §3.4'],
};

describe('more sizes', () => {
  it('100 classes are 90 more rows of the last layer', () => {
    expect(count(resnet18.build(key(0), { classes: 100 }))).toBe(11_173_962 + 90 * 513);
    expect(count(resnet56.build(key(0), { classes: 100 }))).toBe(853_018 + 90 * 65);
  });

  // In millions, from the table of depths and widths in arXiv:1605.07146.
  it.each([
    [40, 1, 0.6],
    [40, 2, 2.2],
    [40, 4, 8.9],
  ])('WRN-%i-%i has %f million', (depth, width, millions) => {
    expect(Math.abs(count(wideResNet(depth, width).build(key(0))) / 1e6 - millions)).toBeLessThan(0.05);
  });

  it('refuses wide networks that do not exist', () => {
    for (const [depth, width] of [
      [27, 4],
      [4, 1],
      [28, 0],
      [28, 1.5],
    ] as const)
      expect(() => wideResNet(depth, width)).toThrow(/E_OPTION.*6n \+ 4/);
  });
});

describe.each(all.map((a) => [a.name, a] as const))('%s', (name, architecture) => {
  let graph: Graph;
  let session: Session;

  beforeAll(async () => {
    graph = architecture.build(key(3));
    const program = lowered(classifierProgram(graph, 'ce'), 'cpu');
    session = await Session.create(program, { device: 'cpu', threads: 2 });
  });
  afterAll(() => session.close());

  it('is registered under its name, and says where it comes from', () => {
    expect(Object.entries(architectures).find(([, a]) => a === architecture)?.[0]).toBe(name);
    expect(graph.name).toBe(name);
    expect(architecture.source).not.toBe('');
  });

  it('has as many parameters as published', () => {
    expect(count(graph)).toBe(published[name]?.[0]);
  });

  it('is a valid model from x to logits, with a dynamic batch', () => {
    validateModel(toModel(graph));
    expect(graph.inputs).toMatchObject([{ name: 'x', type: { shape: ['N', ...architecture.input] } }]);
    expect(graph.outputs).toMatchObject([{ name: 'logits', type: { shape: ['N', architecture.classes] } }]);
  });

  it('runs on batches of 1 and 3, each image by itself, and so does its gradient', async () => {
    const [three, y] = [image(3, architecture.input), int64([1, 7, 2])];
    const one = image(1, architecture.input);
    expect(one.data).toEqual(three.data.slice(0, one.data.length));
    const [a, b] = [await session.run({ x: one, y: int64([1]) }), await session.run({ x: three, y })];
    expect(a.logits!.shape).toEqual([1, architecture.classes]);
    expect(b.logits!.shape).toEqual([3, architecture.classes]);
    const [alone, together] = [numbers(a.logits!), numbers(b.logits!)];
    // Kernels may sum in another order for another batch: 1e-5 of the largest logit.
    const scale = Math.max(...alone.map(Math.abs));
    expect(Math.max(...alone.map((v, i) => Math.abs(v - together[i]!)))).toBeLessThan(1e-5 * scale);
    expect(together.every(Number.isFinite)).toBe(true);
    expect(new Set(alone).size).toBe(architecture.classes);
    expect(b.gradient!.shape).toEqual(three.shape);
    // That it is the right one, test/python/test_architectures.py asks PyTorch.
    expect(numbers(b.gradient!).every(Number.isFinite)).toBe(true);
    expect(largest(b.gradient!.data as Float32Array)).toBeGreaterThan(0);
  });

  it('draws no two weights alike', () => {
    const firsts = [...graph.initializers.values()].filter((t) => t.shape.length > 1).map((t) => t.data[0]);
    expect(new Set(firsts).size).toBe(firsts.length);
  });

  it('has weights of the spread that its initialisation says', () => {
    for (const node of graph.nodes) {
      if (node.op !== 'Conv' && node.op !== 'Gemm') continue;
      const [, name1, name2] = node.inputs;
      const { shape, data } = graph.initializers.get(name1!)!;
      const values = data as Float32Array;
      const fanIn = size(shape.slice(1));
      const he = node.op === 'Conv' ? drawnAfterHe[name] : undefined;
      const bound = Math.fround(1 / Math.sqrt(fanIn));
      const fan = he === 'he-fan-out' ? size([shape[0]!, ...shape.slice(2)]) : fanIn;
      const variance = he ? 2 / fan : bound ** 2 / 3;
      if (!he) expect(largest(values), name1).toBeLessThanOrEqual(bound);
      // The mean square of n values has a relative standard deviation of √((κ − 1)/n), where κ is 1.8 for a uniform and
      // 3 for a normal distribution; their mean has one of √(variance/n). Six of each.
      const [mean, square] = meanOf(values);
      const six = 6 / Math.sqrt(values.length);
      expect(Math.abs(square / variance - 1), name1).toBeLessThan(six * Math.sqrt(he ? 2 : 0.8));
      expect(Math.abs(mean), name1).toBeLessThan(six * Math.sqrt(variance));
      if (name2)
        expect(largest(graph.initializers.get(name2)!.data as Float32Array)).toBeLessThanOrEqual(bound);
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

const repeatable = all.filter(({ name }) => !drawnOnce.includes(name)).map((a) => [a.name, a] as const);
it.each(repeatable)('%s is the same for the same key, and other for another', (_name, { build }) => {
  const [first, same, other] = [build(key(3)), build(key(3)), build(key(4))];
  expect({ ...same, initializers: null }).toEqual({ ...first, initializers: null });
  for (const [weight, tensor] of first.initializers) {
    expect(bytes(same, weight).equals(bytes(first, weight)), weight).toBe(true);
    if (tensor.shape.length > 1)
      expect(bytes(other, weight).equals(bytes(first, weight)), weight).toBe(false);
  }
});

it.each(
  (
    [
      [mnistCnn, [3, 32, 32]],
      [conv4, [1, 28, 28]],
      [vgg16, [1, 64, 32]],
      [resnet56, [1, 28, 28]],
      [preactResnet18, [1, 21, 15]],
      [wideResNet(10, 1), [3, 64, 64]],
    ] as const
  ).map(([architecture, input]) => [architecture.name, input, architecture] as const),
)('%s takes images of %j and 7 classes', async (_name, input, architecture) => {
  const graph = architecture.build(key(0), { input, classes: 7 });
  expect((await evaluate(graph, { x: image(1, input) })).logits!.shape).toEqual([1, 7]);
  const three = (await evaluate(graph, { x: image(3, input) })).logits!;
  expect(three.shape).toEqual([3, 7]);
  expect(numbers(three).every(Number.isFinite)).toBe(true);
});

it('VGG-16 refuses images that its five pools leave nothing of', () => {
  expect(() => vgg16.build(key(0), { input: [1, 28, 28] })).toThrow(/E_SHAPE.*28×28.*32×32 or larger/);
});

/** Every other pixel and zeros around the channels, by hand: what option A of ResNet-56 adds. */
it('shortcuts without parameters take every other pixel, between channels of zeros', async () => {
  const graph = resnet56.build(key(0));
  const pad = graph.nodes.find((n) => n.op === 'Pad')!;
  const pool = graph.nodes.find((n) => n.outputs[0] === pad.inputs[0])!;
  const seen = (name: string) =>
    ({ name, type: { kind: 'tensor', dtype: 'float32', shape: [null, null, null, null] } }) as const;
  const outputs = [seen(pool.inputs[0]!), seen(pad.outputs[0]!)];
  const values = await evaluate({ ...graph, outputs }, { x: image(1, [3, 32, 32]) });
  const [before, after] = outputs.map((o) => values[o.name]!.data as Float32Array) as [
    Float32Array,
    Float32Array,
  ];
  expect([before.length, after.length]).toEqual([16 * 32 * 32, 32 * 16 * 16]);
  const expected = Array.from({ length: 32 * 16 * 16 }, (_, i) => {
    const [c, h, w] = [Math.floor(i / 256) - 8, Math.floor(i / 16) % 16, i % 16];
    return c < 0 || c >= 16 ? 0 : before[c * 1024 + 2 * h * 32 + 2 * w]!;
  });
  expect(Array.from(after)).toEqual(expected);
});
