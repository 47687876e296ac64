import { beforeAll, describe, expect, it } from 'vitest';
import { architectures } from '../../models/index.ts';
import { classifierProgram } from '../../src/engine/index.ts';
import { blockedConvolutions, blockSize } from '../../src/engine/onnxruntime/blocked.ts';
import { Session } from '../../src/engine/onnxruntime/index.ts';
import { sgdStep } from '../../src/engine/onnxruntime/update.ts';
import {
  asInputs,
  float32,
  type Graph,
  GraphBuilder,
  int64,
  parameterNames,
  scalar,
  type Tensor,
  type Value,
} from '../../src/graph/index.ts';
import { key, normal } from '../../src/random/index.ts';

const options = { device: 'cpu', threads: 1 } as const;
const BLOCKED = 'com.microsoft.nchwc';
let block: number;
beforeAll(async () => {
  block = await blockSize(options);
});

const random = (name: string, shape: readonly number[]): Tensor =>
  float32(
    normal(
      key(0).fold(name),
      shape.reduce((a, b) => a * b, 1),
    ),
    shape,
  );

async function run(graph: Graph, feeds: Record<string, Tensor>): Promise<Record<string, Tensor>> {
  const session = await Session.create(graph, options);
  const outputs = await session.run(feeds);
  await session.close();
  return outputs;
}

const count = (graph: Graph, op: string, domain = BLOCKED): number =>
  graph.nodes.filter((n) => n.op === op && n.domain === domain).length;

/** The largest difference between all outputs of two graphs, as a share of the largest number. */
async function difference(a: Graph, b: Graph, feeds: Record<string, Tensor>): Promise<number> {
  const [left, right] = [await run(a, feeds), await run(b, feeds)];
  expect(Object.keys(left)).toEqual(Object.keys(right));
  let worst = 0;
  for (const [name, { data, shape }] of Object.entries(left)) {
    expect(right[name]!.shape).toEqual(shape);
    const [v, w] = [data, right[name]!.data] as [Float32Array, Float32Array];
    const largest = v.reduce((m, x) => Math.max(m, Math.abs(x)), 1e-30);
    for (const [i, x] of v.entries()) worst = Math.max(worst, Math.abs(x - w[i]!) / largest);
  }
  return worst;
}

interface Case {
  readonly x: readonly number[];
  readonly w: readonly number[];
  readonly attributes?: Record<string, number | readonly number[]>;
  /** What follows the convolution; returns the outputs. */
  readonly followed?: (b: GraphBuilder, y: Value) => Value[];
  readonly convolutions: number;
  readonly leaving: number;
}

const CASES: Record<string, Case> = {
  'one that reads the image itself': { x: [3, 1, 9, 8], w: [16, 1, 4, 4], convolutions: 1, leaving: 1 },
  'of three channels, with stride': {
    ...{ x: [2, 3, 9, 8], w: [32, 3, 3, 3], convolutions: 1, leaving: 1 },
    attributes: { strides: [2, 2], pads: [1, 0, 1, 2] },
  },
  'of whole blocks, dilated': {
    ...{ x: [2, 32, 9, 8], w: [16, 32, 3, 2], convolutions: 1, leaving: 1 },
    attributes: { dilations: [2, 1], pads: [2, 1, 2, 0] },
  },
  'then ReLU, which it takes over': {
    ...{ x: [2, 16, 5, 5], w: [16, 16, 3, 3], convolutions: 1, leaving: 1 },
    followed: (b, y) => [b.op('Relu', [y])],
  },
  'then ReLU, of which both are wanted': {
    ...{ x: [2, 16, 5, 5], w: [16, 16, 3, 3], convolutions: 1, leaving: 2 },
    followed: (b, y) => [b.op('Relu', [y]), y],
  },
  'then arithmetic and another, without leaving the blocks': {
    ...{ x: [2, 16, 6, 5], w: [16, 16, 3, 3], convolutions: 2, leaving: 1 },
    followed: (b, y) => {
      const mask = b.op('Sigmoid', [y]);
      const moved = b.op('Mul', [b.op('Mul', [y, mask]), b.floats([0.5], [1])]);
      return [b.op('Conv', [moved, b.input('w2', 'float32', [32, 16, 1, 1])])];
    },
  },
  'then channels last': {
    ...{ x: [2, 16, 6, 5], w: [32, 16, 3, 3], convolutions: 1, leaving: 1 },
    followed: (b, y) => [b.transpose(y, [0, 2, 3, 1])],
  },
  'then a sum with what is not in blocks': {
    ...{ x: [2, 16, 6, 5], w: [16, 16, 1, 1], convolutions: 1, leaving: 1 },
    followed: (b, y) => [b.op('Add', [y, 'x'])],
  },
  'of channels that fill no block': { x: [2, 20, 6, 5], w: [16, 20, 3, 3], convolutions: 0, leaving: 0 },
  'to channels that fill no block': { x: [2, 16, 6, 5], w: [10, 16, 3, 3], convolutions: 0, leaving: 0 },
  'of many weights and few positions': {
    ...{ x: [2, 96, 6, 5], w: [96, 96, 3, 3], convolutions: 0, leaving: 0 },
  },
  'of many weights and many positions': {
    ...{ x: [2, 96, 14, 14], w: [96, 96, 3, 3], convolutions: 1, leaving: 1 },
  },
  'in groups': {
    ...{ x: [2, 32, 6, 5], w: [32, 16, 3, 3], convolutions: 0, leaving: 0 },
    attributes: { group: 2 },
  },
};

describe('a convolution in blocks', () => {
  it.each(Object.entries(CASES))(
    '%s',
    async (_, { x, w, attributes = {}, followed, convolutions, leaving }) => {
      const b = new GraphBuilder();
      b.input('x', 'float32', ['N', ...x.slice(1)]);
      b.input('w', 'float32', w);
      b.input('bias', 'float32', [w[0]!]);
      const y = b.op('Conv', ['x', 'w', 'bias'], attributes);
      for (const [i, value] of (followed?.(b, y) ?? [y]).entries()) b.output(value, `y${i}`);
      const graph = b.build();
      const blocked = blockedConvolutions(graph, ['w', 'bias', 'w2'], block);
      // Where this processor has no blocks of 16, only that the results agree can be asked for.
      if (block === 16) {
        expect(count(blocked, 'Conv')).toBe(convolutions);
        expect(count(blocked, 'ReorderOutput')).toBe(leaving);
      }
      const inputs = graph.inputs.map(({ name, type }) => {
        const shape =
          type?.kind === 'tensor' ? type.shape!.map((d) => (typeof d === 'number' ? d : x[0]!)) : [];
        return [name, random(name, shape)] as const;
      });
      expect(await difference(graph, blocked, Object.fromEntries(inputs))).toBeLessThan(2e-6);
    },
  );

  it('is left alone where its kernel is made of images', () => {
    const b = new GraphBuilder();
    b.input('x', 'float32', [16, 16, 4, 4]);
    b.output(b.op('Conv', ['x', 'x']));
    const graph = b.build();
    expect(blockedConvolutions(graph, [], 16)).toBe(graph);
  });

  it('is left alone where the processor has no blocks', () => {
    const b = new GraphBuilder();
    b.input('x', 'float32', [1, 16, 4, 4]);
    b.input('w', 'float32', [16, 16, 1, 1]);
    b.output(b.op('Conv', ['x', 'w']));
    const graph = b.build();
    expect(blockedConvolutions(graph, ['w'], 1)).toBe(graph);
    expect(blockedConvolutions(graph, ['w'], 16)).not.toBe(graph);
  });
});

describe('an update in blocks', () => {
  it.each(['mnist-cnn', 'resnet18'] as const)('of %s is the same one', async (name) => {
    const net = architectures[name]!.build(key(0));
    const image = name === 'mnist-cnn' ? [1, 28, 28] : [3, 32, 32];
    const parameters = parameterNames(net);
    const { graph } = classifierProgram(net, 'ce', { differentiate: false, logits: net.outputs[0]!.name });
    const sgd = { momentum: 0.9, weightDecay: 5e-4 };
    const step = sgdStep(asInputs(graph, parameters), 'loss', parameters, sgd, 'cpu');
    const blocked = blockedConvolutions(step, parameters, block);
    if (block > 1) expect(count(blocked, 'Conv')).toBeGreaterThan(3);
    const feeds: Record<string, Tensor> = {
      x: random('images', [4, ...image]),
      y: int64([1, 2, 3, 0]),
      learning_rate: scalar(0.1),
    };
    for (const p of parameters) {
      feeds[p] = net.initializers.get(p)!;
      feeds[`${p}_velocity`] = random(p, feeds[p]!.shape);
    }
    const used = new Set(step.inputs.map((i) => i.name));
    const fed = Object.fromEntries(Object.entries(feeds).filter(([k]) => used.has(k)));
    expect(await difference(step, blocked, fed)).toBeLessThan(1e-5);
  });
});
