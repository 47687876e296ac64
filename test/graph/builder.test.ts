import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import {
  float32,
  type Graph,
  GraphBuilder,
  int64,
  type Node,
  type Tensor,
  toModel,
  type Value,
  validateModel,
} from '../../src/graph/index.ts';
import { evaluate } from '../autodiff/evaluate.ts';

const counting = (shape: readonly number[]): Tensor<Float32Array> & { dtype: 'float32' } => ({
  dtype: 'float32',
  shape,
  data: Float32Array.from({ length: shape.reduce((a, b) => a * b, 1) }, (_, i) => i + 1),
});

type Step = (b: GraphBuilder, x: Value, others: readonly Value[]) => Value;

/**
 * Runs a step on constants, which must be computed at once, and on inputs, where onnxruntime computes it.
 * Layout operations move numbers and do not change them: both must be equal to the last bit.
 */
async function expectFolds(tensors: readonly Tensor[], step: Step): Promise<void> {
  const constant = new GraphBuilder();
  const [first, ...rest] = tensors.map((t) => constant.constant(t));
  const folded = constant.constantValue(step(constant, first!, rest));
  expect(constant.nodes).toEqual([]);

  const running = new GraphBuilder();
  const [x, ...others] = tensors.map((t, i) => running.input(`x${i}`, 'float32', t.shape));
  const y = step(running, x!, others);
  running.output(y, 'y');
  const feeds = Object.fromEntries(tensors.map((t, i) => [`x${i}`, t]));
  const { y: computed } = await evaluate(running.build(), feeds);
  expect(folded!.shape).toEqual(computed!.shape);
  expect(folded!.data).toEqual(computed!.data);
}

const dims = fc.array(fc.integer({ min: 1, max: 4 }), { minLength: 1, maxLength: 4 });
const options = { numRuns: 40, seed: 9 };

describe('layout operations on constants are what onnxruntime computes', () => {
  it('Transpose', async () => {
    const shuffled = dims.chain((shape) =>
      fc.tuple(
        fc.constant(shape),
        fc.shuffledSubarray([...shape.keys()], { minLength: shape.length, maxLength: shape.length }),
      ),
    );
    await fc.assert(
      fc.asyncProperty(shuffled, ([shape, perm]) =>
        expectFolds([counting(shape)], (b, x) => b.transpose(x, perm)),
      ),
      options,
    );
  });

  it('Slice, with bounds beyond the ends and steps both ways', async () => {
    const bound = fc.integer({ min: -7, max: 7 });
    const cut = fc.record({ start: bound, end: bound, step: fc.constantFrom(-3, -2, -1, 1, 2, 3) });
    const sliced = dims.chain((shape) =>
      fc.tuple(fc.constant(shape), fc.array(cut, { minLength: 1, maxLength: shape.length })),
    );
    await fc.assert(
      fc.asyncProperty(sliced, ([shape, cuts]) =>
        expectFolds([counting(shape)], (b, x) =>
          b.slice(
            x,
            cuts.map((c, axis) => ({ axis, ...c })),
          ),
        ),
      ),
      { ...options, numRuns: 120 },
    );
  });

  it('flip', async () => {
    const flipped = dims.chain((shape) => fc.tuple(fc.constant(shape), fc.subarray([...shape.keys()])));
    await fc.assert(
      fc.asyncProperty(flipped, async ([shape, axes]) => {
        await expectFolds([counting(shape)], (b, x) => b.flip(x, axes));
      }),
      options,
    );
  });

  it('Pad', async () => {
    const amounts = fc.array(fc.integer({ min: 0, max: 3 }), { minLength: 4, maxLength: 4 });
    const padded = fc.tuple(dims, amounts, amounts);
    await fc.assert(
      fc.asyncProperty(padded, ([shape, before, after]) =>
        expectFolds([counting(shape)], (b, x) =>
          b.pad(x, before.slice(0, shape.length), after.slice(0, shape.length)),
        ),
      ),
      options,
    );
  });

  it('Concat', async () => {
    const joined = dims.chain((shape) =>
      fc.tuple(
        fc.constant(shape),
        fc.integer({ min: 0, max: shape.length - 1 }),
        fc.array(fc.integer({ min: 1, max: 3 }), { minLength: 1, maxLength: 4 }),
      ),
    );
    await fc.assert(
      fc.asyncProperty(joined, ([shape, axis, sizes]) =>
        expectFolds(
          sizes.map((n) => counting(shape.with(axis, n))),
          (b, x, others) => b.concat([x, ...others], axis),
        ),
      ),
      options,
    );
  });

  it('Reshape', async () => {
    await expectFolds([counting([2, 6])], (b, x) => b.reshape(x, [3, 1, 4]));
  });

  it('leaves what it does not fold to onnxruntime: negative pads, integers', async () => {
    const b = new GraphBuilder();
    b.output(b.pad(b.constant(counting([3, 3])), [-1, 0], [0, 1]), 'cut');
    b.output(b.transpose(b.constant(int64([1, 2, 3, 4], [2, 2])), [1, 0]), 'turned');
    const { cut, turned } = await evaluate(b.build(), {});
    expect([...(cut!.data as Float32Array)]).toEqual([4, 5, 6, 0, 7, 8, 9, 0]);
    expect([...(turned!.data as BigInt64Array)]).toEqual([1n, 3n, 2n, 4n]);
  });
});

describe('building', () => {
  it('gives every value a name of its own', () => {
    const b = new GraphBuilder();
    b.input('x', 'float32', ['N', 3]);
    const values = [
      b.op('Relu', ['x']),
      b.op('Relu', ['x']),
      b.scalar(1),
      b.scalar(1),
      b.op('Relu', ['x'], {}, 'x'),
    ];
    expect(new Set([...values, 'x']).size).toBe(6);
    for (const v of values) b.output(v);
    expect(() => validateModel(toModel(b.build()))).not.toThrow();
  });

  it('does not give the names of a graph it goes on from', () => {
    const b = new GraphBuilder();
    b.input('x', 'float32', ['N', 3]);
    b.output(b.op('Relu', ['x'], {}, 'Relu'));
    const c = GraphBuilder.from(b.build());
    expect(c.op('Relu', ['Relu'])).not.toBe('Relu');
    expect(c.shape('Relu')).toEqual(['N', 3]);
  });

  it('drops what the outputs do not need, and keeps all inputs', () => {
    const b = new GraphBuilder();
    b.input('x', 'float32', ['N']);
    b.input('unused', 'float32', ['N']);
    b.op('Add', ['x', b.scalar(7)]);
    b.output(b.op('Mul', ['x', b.scalar(2)]), 'y');
    const graph = b.build();
    expect(graph.nodes.map((n) => n.op)).toEqual(['Mul', 'Identity']);
    expect([...graph.initializers.values()].map((t) => t.data[0])).toEqual([2]);
    expect(graph.inputs.map((i) => i.name)).toEqual(['x', 'unused']);
  });

  it('names unknown dimensions of an input, each its own', () => {
    const b = new GraphBuilder();
    b.input('x', 'float32', [null, 3, null]);
    expect(b.shape('x')).toEqual(['x_0', 3, 'x_2']);
  });

  it('takes Constant nodes as initializers', () => {
    const b = new GraphBuilder();
    const value = { type: 'tensor', value: float32([1, 2]) } as const;
    const constant = b.op('Constant', [], { value });
    expect(b.nodes).toEqual([]);
    expect(b.constantValue(constant)!.data).toEqual(Float32Array.of(1, 2));
  });

  it('an initializer that is also an input is a constant', () => {
    const b = new GraphBuilder();
    b.input('x', 'float32', [2]);
    b.output(b.op('Add', ['x', b.initializer('w', float32([1, 2]))]), 'y');
    const graph = b.build();
    const listed: Graph = {
      ...graph,
      inputs: [...graph.inputs, { name: 'w', type: { kind: 'tensor', dtype: 'float32', shape: [2] } }],
    };
    expect(GraphBuilder.from(listed).constantValue('w')!.data).toEqual(Float32Array.of(1, 2));
  });
});

describe('what does not fit together is refused, naming the node', () => {
  const b = () => {
    const builder = new GraphBuilder();
    builder.input('x', 'float32', ['N', 3, 8, 8]);
    return builder;
  };
  const weight = (builder: GraphBuilder, ...shape: number[]) => builder.constant(counting(shape));
  const cases: readonly (readonly [string, (c: GraphBuilder) => Value, RegExp])[] = [
    [
      'channels',
      (c) => c.op('Conv', ['x', weight(c, 4, 2, 3, 3)], {}, 'conv1'),
      /^E_SHAPE: Conv "conv1" got 3 channels, expected 2/,
    ],
    [
      'a window larger than the image',
      (c) => c.op('MaxPool', ['x'], { kernel_shape: [9, 9] }, 'pool'),
      /^E_SHAPE: MaxPool "pool" gives a 0×0 map/,
    ],
    [
      'inner sizes',
      (c) => c.op('Gemm', [c.op('Flatten', ['x']), weight(c, 5, 2)], {}, 'fc'),
      /^E_SHAPE: Gemm "fc" got shapes \[N, 192\] and \[5, 2\]/,
    ],
    ['inner sizes of MatMul', (c) => c.op('MatMul', ['x', weight(c, 5, 2)]), /^E_SHAPE: MatMul/],
    ['broadcasting', (c) => c.op('Add', ['x', weight(c, 5)]), /^E_SHAPE: Add .* \[N, 3, 8, 8\] and \[5\]/],
    [
      'a reshape',
      (c) => c.op('Reshape', [weight(c, 5), c.ints([2, 3])]),
      /^E_SHAPE: Reshape .* reshapes to \[2,3\]/,
    ],
    ['a reshape with -1', (c) => c.op('Reshape', [weight(c, 5), c.ints([2, -1])]), /^E_SHAPE: Reshape/],
    [
      'an axis',
      (c) => c.op('Softmax', [c.op('Squeeze', ['x', c.ints([7])])]),
      /^E_SHAPE: Squeeze .* has axis 7/,
    ],
    ['parts to join', (c) => c.op('Concat', ['x', weight(c, 1, 3, 7, 8)], { axis: 1 }), /^E_SHAPE: Concat/],
    ['an expansion', (c) => c.op('Expand', [weight(c, 3), c.ints([2])]), /^E_SHAPE: Expand/],
    [
      'channels to depth',
      (c) => c.op('DepthToSpace', ['x'], { blocksize: 2 }),
      /^E_SHAPE: DepthToSpace .* got 3 channels/,
    ],
    [
      'a value that is not there',
      (c) => c.op('Relu', ['nowhere'], {}, 'r'),
      /^E_ONNX: Relu "r" lacks input 0/,
    ],
    [
      'a shape computed while running',
      (c) => c.op('Reshape', ['x', c.op('Cast', ['x'], { to: 7 })]),
      /^E_UNSUPPORTED: Reshape .* computed while running/,
    ],
  ];
  it.each(cases)('%s', (_what, build, message) => {
    expect(() => build(b())).toThrow(message);
  });

  it('what is built on a size that is not known', () => {
    const c = new GraphBuilder();
    c.input('x', 'float32', ['N', 3, 'H', 8]);
    const pooled = c.op('MaxPool', ['x'], { kernel_shape: [2, 2] }, 'pool');
    expect(c.shape(pooled)).toEqual(['N', 3, null, 7]);
    expect(() => c.op('Conv', ['x', c.input('w', 'float32', [4, 3, 'K', 3])], {}, 'conv')).toThrow(
      /Conv "conv": kernel is K/,
    );
  });

  it('a parameter is in the graph, but no constant', () => {
    const c = new GraphBuilder();
    c.input('x', 'float32', ['N', 3]);
    c.output(c.op('MatMul', ['x', c.transpose(c.parameter('w', counting([2, 3])), [1, 0])]), 'y');
    expect(c.constantValue('w')).toBeUndefined();
    expect(c.build().nodes.map((n) => n.op)).toEqual(['Transpose', 'MatMul', 'Identity']);
    expect(c.build().initializers.has('w')).toBe(true);
  });

  it('more outputs than an operator has', () => {
    const node: Node = {
      op: 'Relu',
      domain: '',
      name: 'r',
      inputs: ['x'],
      outputs: ['a', 'b'],
      attributes: new Map(),
    };
    expect(() => b().node(node)).toThrow(/Relu "r" has 2 outputs, expected 1/);
  });
});
