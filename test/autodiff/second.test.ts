import { describe, expect, it } from 'vitest';
import { gradient } from '../../src/autodiff/index.ts';
import {
  float,
  float32,
  type Graph,
  GraphBuilder,
  int64,
  type Tensor,
  type Value,
} from '../../src/graph/index.ts';
import { key, permutation, uniform } from '../../src/random/index.ts';
import { lossOf } from './check.ts';
import { gradientsAt, numbers } from './evaluate.ts';

const random = (name: string, shape: readonly number[], scale = 1) => {
  const size = shape.reduce((a, b) => a * b, 1);
  return float32(uniform(key(4).fold(name), size, -scale, scale), shape);
};

type Layer = (b: GraphBuilder, x: Value) => Value;

/** A small convolutional network with smooth activations, its loss per sample called `loss`. */
function network(middle: Layer, front: Layer): Graph {
  const b = new GraphBuilder();
  const x = b.input('x', 'float32', ['N', 2, 8, 8]);
  const t = b.input('t', 'int64', ['N']);
  const weight = (name: string, ...shape: number[]) => b.initializer(name, random(name, shape, 0.5));
  const first = b.op('Conv', [front(b, x), weight('w1', 4, 2, 3, 3), weight('b1', 4)], {
    pads: [1, 1, 1, 1],
  });
  const h = middle(b, b.op('Tanh', [first]));
  const flat = b.op('Flatten', [h]);
  const width = b.shape(flat)[1] as number;
  const z = b.op('Gemm', [flat, weight('w2', 3, width), weight('b2', 3)], { transB: 1 });
  b.output(lossOf(b, 'ce', z, t), 'loss');
  return b.build();
}

const strided: Layer = (b, x) => {
  const w = b.initializer('w', random('w', [4, 4, 3, 3], 0.5));
  return b.op('Sigmoid', [b.op('Conv', [x, w], { strides: [2, 2], pads: [1, 1, 1, 1] })]);
};

const identity: Layer = (_b, x) => x;

const middles: readonly (readonly [name: string, middle: Layer, front?: Layer])[] = [
  ['a max pool', strided, (b, x) => b.op('MaxPool', [x], { kernel_shape: [2, 2], strides: [2, 2] })],
  ['a strided convolution', strided],
  ['an average pool', (b, x) => b.op('AveragePool', [x], { kernel_shape: [3, 3], strides: [2, 2] })],
  ['global pooling', (b, x) => b.op('GlobalAveragePool', [x])],
  [
    'normalisation and softmax',
    (b, x) => {
      const vector = (name: string) => b.initializer(name, random(name, [4]));
      const variance = b.initializer('v', float32([0.5, 1, 1.5, 2]));
      const normal = b.op('BatchNormalization', [x, vector('g'), vector('c'), vector('m'), variance]);
      return b.op('Softmax', [normal], { axis: 1 });
    },
  ],
  [
    'normalisation by its own batch',
    (b, x) => {
      const inputs = ['g', 'c', 'm', 'v'].map((name) =>
        b.initializer(name, name === 'v' ? float32([1, 1, 1, 1]) : random(name, [4])),
      );
      const attributes = { training_mode: 1, epsilon: float(0.1) };
      return b.ops('BatchNormalization', [x, ...inputs], attributes, 3)[0]!;
    },
  ],
  [
    'a shortcut',
    (b, x) => {
      const v = b.initializer('v', random('v', [4, 4, 1, 1]));
      return b.op('Add', [strided(b, x), b.op('Conv', [x, v], { strides: [2, 2] })]);
    },
  ],
];

describe('the gradient of a gradient', () => {
  // All pixels are 0.01 apart or more, so that no maximum changes place by a step.
  const x = float32(
    Float32Array.from(permutation(key(4), 384), (i) => (i - 191.5) * 0.01),
    [3, 2, 8, 8],
  );
  const t = int64([0, 2, 1]);
  const v = random('direction', [3, 2, 8, 8]);

  /** Hv as the gradient of Σ ∇L·v. */
  async function product(graph: Graph, emitter: 'cpu' | 'cuda'): Promise<Tensor> {
    const b = GraphBuilder.from(gradient(graph, { of: 'loss', wrt: ['x'], emitter }, ['first']));
    b.output(b.op('Mul', ['first', b.input('direction', 'float32', b.shape('x'))], {}, 'along'));
    return (await gradientsAt(b.build(), 'along', ['x'], { x, t, direction: v }, emitter))[0]!;
  }

  /**
   * Gradients differ along 2εv, with ε so that rounding (6e-8·|∇|/ε) and truncation (ε²·fourth derivative) stay below
   * 1e-3 of the product; the bound has a margin of three.
   */
  const EPSILON = 0.003;
  const TOLERANCE = 3e-3;

  it.each(middles.map(([name, ...layers]) => ({ name, layers })))(
    'is the Hessian, through $name',
    async ({ layers }) => {
      const [middle, front = identity] = layers;
      const graph = network(middle, front);
      const at = async (by: number) => {
        const data = Float32Array.from(x.data, (value, i) => value + by * v.data[i]!);
        return numbers((await gradientsAt(graph, 'loss', ['x'], { x: float32(data, x.shape), t }))[0]!);
      };
      const [above, below] = [await at(EPSILON), await at(-EPSILON)];
      const expected = above.map((value, i) => (value - below[i]!) / (2 * EPSILON));
      const norm = Math.hypot(...expected);
      expect(norm).toBeGreaterThan(1e-3);
      for (const emitter of ['cpu', 'cuda'] as const) {
        const got = numbers(await product(graph, emitter));
        expect(Math.hypot(...got.map((value, i) => value - expected[i]!)) / norm).toBeLessThan(TOLERANCE);
      }
    },
  );

  it('is zero where the network is linear in pieces, and only there', async () => {
    const b = new GraphBuilder();
    const input = b.input('x', 'float32', ['N', 2, 8, 8]);
    const h = b.op('Relu', [b.op('Conv', [input, b.initializer('w', random('w', [4, 2, 3, 3]))])]);
    b.output(b.op('ReduceSum', [b.op('Mul', [h, h]), b.ints([1, 2, 3])], { keepdims: 0 }), 'square');
    b.output(b.op('ReduceSum', [h, b.ints([1, 2, 3])], { keepdims: 0 }), 'plain');
    const graph = b.build();
    const second = async (of: string) => {
      const c = GraphBuilder.from(gradient(graph, { of, wrt: ['x'] }, ['first']));
      // Σ ∇L·(∇L + 0·x): it depends on x even where ∇L does not.
      const still = c.op('Mul', ['x', c.scalar(0)]);
      c.output(c.op('Mul', ['first', c.op('Add', ['first', still])], {}, 'along'));
      return numbers((await gradientsAt(c.build(), 'along', ['x'], { x }))[0]!);
    };
    expect((await second('plain')).every((value) => value === 0)).toBe(true);
    expect((await second('square')).some((value) => value !== 0)).toBe(true);
  });
});

describe('ties', () => {
  const gradientOf = async (y: (b: GraphBuilder) => Value, data: readonly number[], ...shape: number[]) => {
    const b = new GraphBuilder();
    b.input('x', 'float32', shape);
    b.output(y(b), 'y');
    return numbers((await gradientsAt(b.build(), 'y', ['x'], { x: float32(data, shape) }))[0]!);
  };
  const pool = (kernel: number, stride: number) => (b: GraphBuilder) =>
    b.op('MaxPool', ['x'], { kernel_shape: [kernel, kernel], strides: [stride, stride] });

  it('of MaxPool go to the first pixel of each window, as in PyTorch', async () => {
    const ones = new Array<number>(16).fill(1);
    // prettier-ignore
    expect(await gradientOf(pool(2, 2), ones, 1, 1, 4, 4)).toEqual([
      1, 0, 1, 0, 0, 0, 0, 0, 1, 0, 1, 0, 0, 0, 0, 0,
    ]);
    // prettier-ignore
    expect(await gradientOf(pool(2, 1), ones, 1, 1, 4, 4)).toEqual([
      1, 1, 1, 0, 1, 1, 1, 0, 1, 1, 1, 0, 0, 0, 0, 0,
    ]);
    // prettier-ignore
    expect(await gradientOf(pool(2, 2), [0, 5, 5, 0], 1, 1, 2, 2)).toEqual([0, 1, 0, 0]);
  });

  it('of ReduceMax are shared', async () => {
    const most = (b: GraphBuilder) => b.op('ReduceMax', ['x', b.ints([1])]);
    expect(await gradientOf(most, [2, 2, 1, 3, 3, 3], 2, 3)).toEqual(
      [0.5, 0.5, 0, 1 / 3, 1 / 3, 1 / 3].map(Math.fround),
    );
  });

  it('of Relu and Clip fall as in PyTorch: nothing at 0, all on the bounds', async () => {
    expect(await gradientOf((b) => b.op('Relu', ['x']), [0, -1, 1], 3)).toEqual([0, 0, 1]);
    const clip = (b: GraphBuilder) => b.op('Clip', ['x', b.scalar(-1), b.scalar(1)]);
    expect(await gradientOf(clip, [-2, -1, 0, 1, 2], 5)).toEqual([0, 1, 1, 1, 0]);
  });
});

describe('values at the edges of float32', () => {
  it('leave the gradients of the losses finite', async () => {
    for (const name of ['ce', 'margin'] as const) {
      const b = new GraphBuilder();
      b.output(lossOf(b, name, b.input('z', 'float32', ['N', 3]), b.input('t', 'int64', ['N'])), 'loss');
      const z = float32([1e4, -1e4, 0, -1e6, 1e6, 0, 0, 0, 0], [3, 3]);
      const [g] = await gradientsAt(b.build(), 'loss', ['z'], { z, t: int64([1, 1, 0]) });
      expect(numbers(g!).every(Number.isFinite)).toBe(true);
      // Far on the wrong side, both losses grow by as much as the logits move.
      expect(numbers(g!).slice(0, 3)).toEqual([1, -1, 0]);
    }
  });
});
