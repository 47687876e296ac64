import { describe, expect, it } from 'vitest';
import {
  type Attribute,
  canonicalise,
  float32,
  GraphBuilder,
  int64,
  type Model,
  type Node,
  type Tensor,
  toModel,
  writeModel,
} from '../../src/graph/index.ts';
import { check, expectClose, int, ints, made, ops, random, run, sub, tensor, text } from './canonical.ts';
import { floats, graph, node } from './proto-models.ts';

/** What torch.onnx writes for `x.view(x.size(0), -1)`: the first size of x, then a number. */
const sizeOf = (axis: number, to: string, cast?: number): Node[] => [
  node('Shape', ['x'], [`${to}_shape`]),
  node('Constant', [], [`${to}_at`], { value: tensor(int64([axis], [])) }),
  node('Gather', [`${to}_shape`, `${to}_at`], [cast ? `${to}_int` : to], { axis: int(0) }),
  ...(cast ? [node('Cast', [`${to}_int`], [to], { to: int(cast) })] : []),
];

describe('shapes that are computed while running', () => {
  it('a chain of Shape, Gather, Unsqueeze and Concat is a constant', async () => {
    const m = made(
      [
        ...sizeOf(0, 'n'),
        node('Unsqueeze', ['n'], ['n1'], { axes: ints(0) }),
        node('Constant', [], ['rest'], { value: tensor(int64([-1])) }),
        node('Concat', ['n1', 'rest'], ['shape'], { axis: int(0) }),
        node('Reshape', ['x', 'shape'], ['flat']),
        node('Gemm', ['flat', 'w'], ['y']),
      ],
      { w: floats([144, 5]) },
      { opset: 11 },
    );
    const canonical = await check(m);
    expect(ops(canonical)).toEqual(['Reshape', 'Gemm']);
    expect(canonical.outputs[0]!.type).toMatchObject({ shape: ['N', 5] });
  });

  it('a detour over floats: half of a size, rounded down', async () => {
    const m = made(
      [
        ...sizeOf(2, 'h', 1),
        node('Div', ['h', 'two'], ['half']),
        node('Floor', ['half'], ['floor']),
        node('Cast', ['floor'], ['h2'], { to: int(7) }),
        node('Unsqueeze', ['h2', 'zero'], ['v']),
        node('Slice', ['x', 'from', 'v', 'axis'], ['y']),
      ],
      { two: float32([2], []), zero: int64([0]), from: int64([1]), axis: int64([2]) },
    );
    expect(ops(await check(m))).toEqual(['Slice']);
  });

  it('a class token as large as the batch takes a measured size, and nothing more', async () => {
    const m = made(
      [
        ...sizeOf(0, 'n'),
        node('Unsqueeze', ['n', 'zero'], ['n1']),
        node('Concat', ['n1', 'one', 'width'], ['shape'], { axis: int(0) }),
        // torch writes expand(-1) as: where a size is -1, take 1 instead.
        node('ConstantOfShape', ['three'], ['ones'], { value: tensor(int64([1])) }),
        node('Mul', ['ones', 'minus'], ['negative']),
        node('Equal', ['shape', 'negative'], ['keeps']),
        node('Where', ['keeps', 'ones', 'shape'], ['wanted']),
        node('Expand', ['token', 'wanted'], ['tokens']),
        node('Concat', ['tokens', 'x'], ['y'], { axis: int(1) }),
      ],
      {
        zero: int64([0]),
        one: int64([1]),
        width: int64([6]),
        three: int64([3]),
        minus: int64([-1], []),
        token: floats([1, 1, 6]),
      },
      { shape: ['N', 4, 6] },
    );
    expect(ops(await check(m))).toEqual(['Shape', 'Concat', 'Expand', 'Concat']);
  });

  it('sizes for Resize of the axes that change, next to a batch that does not', async () => {
    const m = made(
      [
        node('Shape', ['x'], ['s']),
        node('Slice', ['s', 'zero', 'two'], ['front']),
        node('Concat', ['front', 'size'], ['sizes'], { axis: int(0) }),
        node('Resize', ['x', '', '', 'sizes'], ['y'], { mode: text('linear') }),
      ],
      { zero: int64([0]), two: int64([2]), size: int64([9, 11]) },
    );
    const canonical = await check(m);
    expect(ops(canonical)).toEqual(['Resize']);
    expect(canonical.outputs[0]!.type).toMatchObject({ shape: ['N', 4, 9, 11] });
  });

  it('a size of the input that is given instead of the one in the file', async () => {
    const m = made([...sizeOf(2, 'h', 1), node('Mul', ['x', 'h'], ['y'])], {}, { shape: ['N', 3, 'H', 'W'] });
    expect(ops(canonicalise(m))).toContain('Shape');
    const fixed = canonicalise(m, { inputShapes: new Map([['x', [2, 3, 5, 7]]]) });
    expect(ops(fixed)).toEqual(['Mul']);
    expect(fixed.outputs[0]!.type).toMatchObject({ shape: [2, 3, 5, 7] });
    expect(() => canonicalise(m, { inputShapes: new Map([['x', [2, 3]]]) })).toThrow(
      /E_SHAPE: shape \[2, 3\]/,
    );
  });
});

describe('branches', () => {
  const branch = (nodes: readonly Node[], to: string): Attribute => sub(graph(nodes, {}, [], [to]));
  const squeeze = (condition: readonly Node[]): Model =>
    made(
      [
        ...condition,
        node('If', ['c'], ['y'], {
          then_branch: branch([node('ReduceMean', ['x'], ['t'], { axes: ints(1), keepdims: int(0) })], 't'),
          else_branch: branch([node('Relu', ['x'], ['e0']), node('Neg', ['e0'], ['e'])], 'e'),
        }),
      ],
      { one: int64([1], []) },
      { opset: 16 },
    );

  it('an If that asks for a size takes its branch', async () => {
    const m = squeeze([...sizeOf(1, 'channels'), node('Equal', ['channels', 'one'], ['c'])]);
    expect(ops(await check(m))).toEqual(['Relu', 'Neg']);
  });

  it('an If whose condition is computed is refused, naming it', () => {
    const m = squeeze([
      node('ReduceMax', ['x'], ['m'], { keepdims: int(0) }),
      node('Cast', ['m'], ['c'], { to: int(9) }),
    ]);
    expect(() => canonicalise(m)).toThrow(
      /E_UNSUPPORTED: If "if_y" whose condition is computed while running/,
    );
  });
});

describe('what is known before running', () => {
  it('constants are computed, and kept under their names', async () => {
    const m = made(
      [
        node('Transpose', ['w'], ['wt'], { perm: ints(1, 0) }),
        node('Mul', ['wt', 'two'], ['scaled']),
        node('MatMul', ['x', 'scaled'], ['h']),
        node('Add', ['h', 'b'], ['y']),
      ],
      { w: floats([5, 3]), two: float32([2], []), b: floats([5]) },
      { shape: ['N', 2, 3] },
    );
    const canonical = await check(m);
    expect(ops(canonical)).toEqual(['MatMul', 'Add']);
    expect([...canonical.initializers.keys()].sort()).toEqual(['b', 'scaled']);
  });

  it('quantised weights are floats, and quantised activations stay', async () => {
    const m = made(
      [
        node('DequantizeLinear', ['w8', 'ws'], ['w'], { axis: int(0) }),
        node('QuantizeLinear', ['x', 's', 'z'], ['q']),
        node('DequantizeLinear', ['q', 's', 'z'], ['h']),
        node('Conv', ['h', 'w'], ['y']),
      ],
      {
        w8: {
          dtype: 'int8',
          shape: [5, 4, 1, 1],
          data: Int8Array.from({ length: 20 }, (_, i) => i * 7 - 60),
        },
        ws: float32([0.01, 0.02, 0.03, 0.04, 0.05]),
        s: float32([0.01], []),
        z: { dtype: 'uint8', shape: [], data: Uint8Array.of(128) },
      },
    );
    expect(ops(await check(m))).toEqual(['QuantizeLinear', 'DequantizeLinear', 'Conv']);
  });

  it('statistics of a normalisation by its own batch stay, though nobody reads them: onnxruntime asks for them', () => {
    const m = made(
      [
        node('BatchNormalization', ['x', 'g', 'g', 'g', 'g'], ['y', 'mean', 'variance'], {
          training_mode: int(1),
        }),
      ],
      { g: floats([4]) },
    );
    expect(canonicalise(m).nodes[0]!.outputs).toEqual(['y', 'mean', 'variance']);
  });

  it('what does nothing is dropped, and outputs keep their names without a copy', async () => {
    const m = made(
      [
        node('Identity', ['x'], ['a']),
        node('Dropout', ['a'], ['b', 'mask']),
        node('Cast', ['b'], ['c'], { to: int(1) }),
        node('Reshape', ['c', 'shape'], ['d']),
        node('Transpose', ['d'], ['e'], { perm: ints(0, 1, 2, 3) }),
        node('Pad', ['e', 'none'], ['f']),
        node('Slice', ['f', 'zero', 'end', 'axis'], ['g']),
        node('AveragePool', ['g'], ['h'], { kernel_shape: ints(1, 1) }),
        node('Concat', ['h'], ['i'], { axis: int(1) }),
        node('Resize', ['i', '', 'ones'], ['j']),
        node('Mul', ['j', 'one'], ['k']),
        node('Expand', ['k', 'expand'], ['l']),
        node('Relu', ['l'], ['m']),
        node('Identity', ['m'], ['y']),
      ],
      {
        shape: int64([0, 4, -1, 6]),
        none: int64(new Array(8).fill(0)),
        zero: int64([0]),
        end: int64([9]),
        axis: int64([2]),
        ones: float32([1, 1, 1, 1]),
        one: float32([1], []),
        expand: int64([1, 1, 1, 6]),
      },
    );
    const canonical = await check(m);
    expect(ops(canonical)).toEqual(['Relu']);
    expect(canonical.nodes[0]!.outputs).toEqual(['y']);
  });

  it('two outputs of one value, and an output that is an input, are both there', async () => {
    const float = { kind: 'tensor', dtype: 'float32' } as const;
    const m = made(
      [
        node('Relu', ['x'], ['h']),
        node('Identity', ['h'], ['y']),
        node('Identity', ['h'], ['z']),
        node('Identity', ['x'], ['same']),
      ],
      {},
      { outputs: ['y', 'z', 'same'].map((name) => ({ name, type: float })) },
    );
    await check(m);
  });

  it('blocks of 4-bit weights are floats; of activations they are refused', async () => {
    // Each byte holds two numbers, the first one low.
    const w4: Tensor = {
      dtype: 'uint4',
      shape: [6, 4],
      data: Uint8Array.from({ length: 12 }, (_, i) => i * 21),
    };
    const scales = { s: float32([0.1, 0.2, 0.3, 0.4, 0.5, 0.6, 0.7, 0.8], [2, 4]) };
    const blocks = { axis: int(0), block_size: int(3) };
    const m = made(
      [node('DequantizeLinear', ['w4', 's'], ['w'], blocks), node('MatMul', ['x', 'w'], ['y'])],
      { w4, ...scales },
      { opset: 21, shape: ['N', 6] },
    );
    expect(ops(await check(m))).toEqual(['MatMul']);
    const running = made(
      [
        node('QuantizeLinear', ['x', 's', 'z'], ['q'], blocks),
        node('DequantizeLinear', ['q', 's', 'z'], ['y'], blocks),
      ],
      { ...scales, z: { dtype: 'int8', shape: [2, 4], data: new Int8Array(8) } },
      { opset: 21, shape: [6, 4] },
    );
    expect(() => canonicalise(running)).toThrow(
      /E_UNSUPPORTED: QuantizeLinear "quantizelinear_q": scales per block/,
    );
  });

  it('an operand that is expanded to what it meets is broadcast instead', async () => {
    const m = made([
      node('ReduceL2', ['x'], ['norm']),
      node('Shape', ['x'], ['shape']),
      node('Expand', ['norm', 'shape'], ['norms']),
      node('Div', ['x', 'norms'], ['y']),
    ]);
    expect(ops(await check(m))).toEqual(['ReduceL2', 'Div']);
  });

  it('equal nodes are one, random ones are not', () => {
    const twice = made([
      node('Relu', ['x'], ['a']),
      node('Relu', ['x'], ['b']),
      node('RandomNormalLike', ['x'], ['r1']),
      node('RandomNormalLike', ['x'], ['r2']),
      node('Sum', ['a', 'b', 'r1', 'r2'], ['y']),
    ]);
    expect(ops(canonicalise(twice)).sort()).toEqual(['RandomNormalLike', 'RandomNormalLike', 'Relu', 'Sum']);
  });

  it('lists of known length are their parts', async () => {
    const m = made(
      [
        node('SplitToSequence', ['x', 'two'], ['parts'], { axis: int(1) }),
        node('SequenceAt', ['parts', 'zero'], ['a']),
        node('SequenceAt', ['parts', 'last'], ['b']),
        node('SequenceConstruct', ['b', 'a'], ['swapped']),
        node('ConcatFromSequence', ['swapped'], ['y'], { axis: int(1), new_axis: int(1) }),
      ],
      { two: int64([2], []), zero: int64([0], []), last: int64([-1], []) },
    );
    expect(ops(await check(m))).not.toContain('SplitToSequence');
  });
});

describe('parameters that are to be trained', () => {
  const trained = made(
    [
      node('Transpose', ['w'], ['wt'], { perm: ints(1, 0, 2, 3) }),
      node('Conv', ['x', 'wt', 'c'], ['h']),
      node('BatchNormalization', ['h', 'g', 'b', 'm', 'v'], ['n']),
      node('Constant', [], ['scale'], { value: tensor(floats([1, 4, 1, 1])) }),
      node('Mul', ['n', 'scale'], ['y']),
    ],
    {
      w: floats([4, 4, 1, 1]),
      c: floats([4]),
      g: floats([4]),
      b: floats([4]),
      m: floats([4]),
      v: floats([4], (i) => 1 + i),
      unused: floats([3]),
    },
  );

  it('are kept under their names, and nothing is folded over them', async () => {
    const live = new Set(['w', 'g', 'b', 'scale']);
    const canonical = canonicalise(trained, { live });
    expect(ops(canonical)).toEqual(['Transpose', 'Conv', 'BatchNormalization', 'Mul']);
    for (const name of live)
      expect(canonical.initializers.get(name)!.data.length).toBe(name === 'w' ? 16 : 4);
    const x = random('x', [2, 4, 6, 6]);
    expectClose((await run(canonical, x)).y!, (await run(writeModel(trained), x)).y!);
  });

  it('without them all is folded, and what is not used is gone', async () => {
    const canonical = await check(trained);
    expect(ops(canonical)).toEqual(['Conv']);
    expect(canonical.initializers.size).toBe(2);
  });

  it('must be there', () => {
    expect(() => canonicalise(trained, { live: new Set(['nothing']) })).toThrow(/no initializer "nothing"/);
  });
});

it('canonicalising again changes nothing', () => {
  const b = new GraphBuilder();
  b.input('x', 'float32', ['N', 4, 6, 6]);
  const h = b.op('Conv', ['x', b.initializer('w', floats([4, 4, 3, 3]))], { pads: [1, 1, 1, 1] });
  const g = b.op('Relu', [h]);
  b.output(b.op('Expand', [b.op('ReduceMean', [g, b.ints([0])]), b.op('Shape', ['x'])]), 'y');
  const once = canonicalise(toModel(b.build()));
  const twice = canonicalise(toModel(once));
  expect(ops(twice)).toEqual(ops(once));
  expect([...twice.initializers.keys()]).toEqual([...once.initializers.keys()]);
});
