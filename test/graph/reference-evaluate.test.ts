import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { TouchstoneError } from '../../src/errors.ts';
import { float } from '../../src/graph/attributes.ts';
import {
  type Attribute,
  type DataType,
  type Graph,
  GraphBuilder,
  type Node,
  type Tensor,
} from '../../src/graph/index.ts';
import { OPS, REWRITTEN } from '../../src/graph/ops.ts';
import { STORAGE } from '../../src/graph/proto/storage.ts';
import { callKernel, type Dense, denseOf, evaluate, tensorOf } from '../../src/graph/reference/index.ts';
import { dense, ints, nodeOf } from './kernels.ts';

const run = (op: string, inputs: (Dense | undefined)[], attributes = {}) =>
  callKernel(nodeOf(op, inputs, attributes), inputs);
const line = (...values: number[]) => dense([values.length], values);

describe('kernels by hand', () => {
  it('erf and gelu to full precision', () => {
    // Abramowitz and Stegun, table 7.1.
    const at = line(0.1, 0.5, 1, 2, -3, 7);
    const known = [
      0.1124629160182849, 0.5204998778130465, 0.8427007929497149, 0.9953222650189527, -0.9999779095030014, 1,
    ];
    for (const [i, v] of run('Erf', [at])[0]!.data.entries()) expect(v).toBeCloseTo(known[i]!, 14);
    expect(run('Gelu', [line(Math.SQRT2)])[0]!.data[0]).toBeCloseTo((Math.SQRT2 / 2) * (1 + known[2]!), 14);
  });

  it('rounds halves to even, divides integers towards zero and wraps them', () => {
    expect([...run('Round', [line(0.5, 1.5, 2.5, -0.5, -1.5)])[0]!.data]).toEqual([0, 2, 2, 0, -2]);
    const a = dense([4], [7, -7, 7, -7], 'int32');
    const b = dense([4], [2, 2, -2, -2], 'int32');
    expect([...run('Div', [a, b])[0]!.data]).toEqual([3, -3, -3, 3]);
    expect([...run('Mod', [a, b])[0]!.data]).toEqual([1, 1, -1, -1]);
    expect([...run('Cast', [line(256, -1, 300.9)], { to: 2 })[0]!.data]).toEqual([0, 255, 44]);
    expect([...run('Add', [dense([1], [2147483647], 'int32'), dense([1], [1], 'int32')])[0]!.data]).toEqual([
      -2147483648,
    ]);
  });

  it('keeps NaN where there is one', () => {
    for (const op of ['Relu', 'Abs', 'Sign', 'LeakyRelu', 'Elu', 'Clip', 'Sigmoid', 'Softplus'])
      expect(run(op, [line(NaN)])[0]!.data[0], op).toBeNaN();
    expect(run('Max', [line(1), line(NaN)])[0]!.data[0]).toBeNaN();
    expect(run('MaxPool', [dense([1, 1, 3], [1, NaN, 2])], { kernel_shape: [3] })[0]!.data[0]).toBeNaN();
  });

  it('finds the maximum of a tie where it first is, and never in the padding', () => {
    const x = dense([1, 1, 2, 2], [-3, -3, -3, -3]);
    const [y, where] = callKernel(nodeOf('MaxPool', [x], { kernel_shape: [2, 2], pads: [1, 1, 1, 1] }, 2), [
      x,
    ]);
    expect([...y!.data]).toEqual(new Array(9).fill(-3));
    expect([...where!.data]).toEqual([0, 0, 1, 0, 0, 1, 2, 2, 3]);
  });

  it('counts what lies in the pads, but not what ceil_mode adds', () => {
    const x = dense([1, 1, 4], [1, 2, 3, 4]);
    const attributes = { kernel_shape: [3], strides: [2], pads: [1, 0], ceil_mode: 1 };
    expect([...run('AveragePool', [x], attributes)[0]!.data]).toEqual([1.5, 3]);
    const counted = { ...attributes, pads: [1, 1], strides: [3], count_include_pad: 1 };
    expect([...run('AveragePool', [x], counted)[0]!.data]).toEqual([1, 7 / 3]);
  });

  it('convolves a signal, forth and back', () => {
    const [x, w] = [dense([1, 1, 4], [1, 2, 3, 4]), dense([1, 1, 3], [1, 10, 100])];
    expect([...run('Conv', [x, w], { pads: [1, 1] })[0]!.data]).toEqual([210, 321, 432, 43]);
    expect([...run('ConvTranspose', [x, w])[0]!.data]).toEqual([1, 12, 123, 234, 340, 400]);
  });

  it('gives zero to a query that may see no key', () => {
    const one = dense([1, 1, 1, 2], [1, 2]);
    const mask = dense([1, 1], [0], 'bool');
    expect([...run('Attention', [one, one, one, mask])[0]!.data]).toEqual([0, 0]);
  });
});

describe('tensors and their elements', () => {
  const codes: [DataType, number][] = [
    ['float16', 65536],
    ['bfloat16', 65536],
    ['float8e4m3fn', 256],
    ['float8e4m3fnuz', 256],
    ['float8e5m2', 256],
    ['float8e5m2fnuz', 256],
    ['float8e8m0', 256],
  ];
  it.each(codes)('every code of %s is read and written back', (dtype, count) => {
    const { array } = STORAGE[dtype];
    const data = Uint16Array.from({ length: count }, (_, i) => i);
    const tensor = {
      dtype,
      shape: [count],
      data: array === Uint8Array ? Uint8Array.from(data) : data,
    } as Tensor;
    const values = denseOf(tensor);
    const back = denseOf(tensorOf(values));
    // A NaN has many codes, and is written as one.
    for (const [i, v] of values.data.entries()) expect(Object.is(back.data[i], v), `code ${i}`).toBe(true);
    const written = tensorOf(values).data as Uint8Array;
    for (const [i, v] of values.data.entries()) if (!Number.isNaN(v)) expect(written[i]).toBe(i);
  });

  it('knows float16', () => {
    const known = [0x3c00, 0xc000, 0x7bff, 0x0001, 0x0400, 0x7c00, 0x3555];
    const values = denseOf({ dtype: 'float16', shape: [7], data: Uint16Array.from(known) }).data;
    expect([...values]).toEqual([1, -2, 65504, 2 ** -24, 2 ** -14, Infinity, 0.333251953125]);
    // Halfway to the next: to even; beyond the largest by half a step: infinite.
    const rounded = tensorOf(dense([4], [1 + 2 ** -11, 1 + 3 * 2 ** -11, 65519.9, 65520], 'float16')).data;
    expect([...(rounded as Uint16Array)]).toEqual([0x3c00, 0x3c02, 0x7bff, 0x7c00]);
  });

  it('packs what is narrower than a byte', () => {
    const four = dense([3], [-8, 7, -1], 'int4');
    expect([...(tensorOf(four).data as Uint8Array)]).toEqual([0x78, 0x0f]);
    expect([...denseOf(tensorOf(four)).data]).toEqual([-8, 7, -1]);
    expect([...denseOf({ dtype: 'uint2', shape: [5], data: Uint8Array.of(0b11100100, 2) }).data]).toEqual([
      0, 1, 2, 3, 2,
    ]);
  });

  it('holds 64-bit integers up to 2^53, and saturates beyond 2^63', () => {
    const data = BigInt64Array.of(-(2n ** 53n), 5n, 2n ** 63n - 1n);
    expect([...(tensorOf(denseOf({ dtype: 'int64', shape: [3], data })).data as BigInt64Array)]).toEqual([
      ...data,
    ]);
    expect([...(tensorOf(dense([2], [Infinity, -Infinity], 'int64')).data as BigInt64Array)]).toEqual([
      2n ** 63n - 1n,
      -(2n ** 63n),
    ]);
  });

  it('refuses text and data that do not fit', () => {
    expect(() => denseOf({ dtype: 'string', shape: [1], data: ['a'] })).toThrow(
      /^E_UNSUPPORTED: a tensor of string/,
    );
    expect(() => denseOf({ dtype: 'float32', shape: [3], data: Float32Array.of(1) })).toThrow(/^E_SHAPE/);
  });
});

describe('evaluate', () => {
  const small = (): GraphBuilder => {
    const b = new GraphBuilder();
    b.input('x', 'float32', [2, 3]);
    return b;
  };

  it('runs nodes in order, and lets an initializer be fed', () => {
    const b = small();
    const w = b.initializer('w', { dtype: 'float32', shape: [3], data: Float32Array.of(1, 2, 3) });
    b.output(b.op('ReduceSum', [b.op('Mul', ['x', w])], { keepdims: 0 }), 'y');
    const x = dense([2, 3], [1, 1, 1, 2, 2, 2]);
    const graph = b.build();
    const [name] = graph.outputs.map((o) => o.name);
    expect(evaluate(graph, new Map([['x', x]])).get(name!)!.data).toEqual(Float64Array.of(18));
    const other = evaluate(
      graph,
      new Map([
        ['x', x],
        ['w', line(0, 0, 1)],
      ]),
    );
    expect(other.get(name!)!.data).toEqual(Float64Array.of(3));
  });

  it('takes the branch of an If, which sees what is around it', () => {
    const branch = (op: string): Graph => ({
      ...emptyGraph,
      nodes: [{ ...nodeOf(op, []), inputs: ['x'], outputs: ['z'] }],
      outputs: [{ name: 'z' }],
    });
    const node: Node = {
      ...nodeOf('If', []),
      inputs: ['condition'],
      attributes: new Map<string, Attribute>([
        ['then_branch', { type: 'graph', value: branch('Neg') }],
        ['else_branch', { type: 'graph', value: branch('Exp') }],
      ]),
      outputs: ['y'],
    };
    const graph: Graph = { ...emptyGraph, nodes: [node], outputs: [{ name: 'y' }] };
    const feeds = (condition: number) =>
      new Map([
        ['x', line(0)],
        ['condition', dense([], [condition], 'bool')],
      ]);
    expect(evaluate(graph, feeds(1)).get('y')!.data[0]).toBe(-0);
    expect(evaluate(graph, feeds(0)).get('y')!.data[0]).toBe(1);
  });

  const one = (op: string, attributes = {}, inputs = ['x'], outputs = ['y']): Graph => ({
    ...emptyGraph,
    nodes: [{ ...nodeOf(op, [], attributes), inputs, outputs }],
    outputs: [{ name: 'y' }],
  });
  const feeds = new Map([['x', line(1, 2, 3)]]);

  it('names the node of an operator that it does not know, that is random or that gives no such output', () => {
    expect(() => evaluate(one('Loop'), feeds)).toThrow(/^E_UNSUPPORTED: operator Loop "node"/);
    expect(() => evaluate(one('RandomUniformLike'), feeds)).toThrow(
      /^E_UNSUPPORTED: RandomUniformLike "node" is random/,
    );
    expect(() => evaluate(one('Relu', {}, ['x'], ['y', 'more']), feeds)).toThrow(
      /^E_UNSUPPORTED: output 1 of Relu "node"/,
    );
    expect(() => evaluate(one('Relu', {}, ['z']), feeds)).toThrow(/^E_ONNX: Relu "node" needs "z"/);
    expect(() => evaluate(one('Relu', {}, ['']), feeds)).toThrow(/^E_ONNX: Relu "node" without its input 0/);
  });

  it('drops nothing at random', () => {
    const training = new Map([...feeds, ['r', dense([], [0.5])], ['t', dense([], [1], 'bool')]] as const);
    expect(evaluate(one('Dropout'), feeds).get('y')).toEqual(line(1, 2, 3));
    expect(() => evaluate(one('Dropout', {}, ['x', 'r', 't']), training)).toThrow(
      /^E_UNSUPPORTED: Dropout "node" drops/,
    );
  });

  it('refuses what is larger than the limit before it is made', () => {
    const graph = one('Expand', {}, ['x', 's']);
    const huge = new Map([...feeds, ['s', ints(2 ** 40, 3)]] as const);
    expect(() => evaluate(graph, huge)).toThrow(/^E_UNSUPPORTED: Expand "node" whose output has shape/);
    const four = new Map([...feeds, ['s', ints(4, 3)]] as const);
    expect(evaluate(graph, four, { limit: 12 }).get('y')!.shape).toEqual([4, 3]);
    expect(() => evaluate(graph, four, { limit: 11 })).toThrow(/at most 11 elements/);
  });

  const emptyGraph: Graph = {
    name: 'g',
    inputs: [],
    outputs: [],
    nodes: [],
    initializers: new Map(),
    valueInfo: [],
  };
});

describe('hostile nodes', () => {
  const ATTRIBUTES: readonly string[] = [
    ...[
      'axis',
      'axes',
      'perm',
      'keepdims',
      'kernel_shape',
      'strides',
      'pads',
      'dilations',
      'group',
      'auto_pad',
    ],
    ...[
      'output_padding',
      'output_shape',
      'ceil_mode',
      'p',
      'size',
      'blocksize',
      'mode',
      'batch_dims',
      'equation',
    ],
    ...[
      'num_groups',
      'hidden_size',
      'direction',
      'activations',
      'activation',
      'layout',
      'num_heads',
      'q_num_heads',
    ],
    ...[
      'kv_num_heads',
      'rotary_embedding_dim',
      'to',
      'k',
      'block_size',
      'num_outputs',
      'allowzero',
      'value',
      'start',
    ],
    ...[
      'coordinate_transformation_mode',
      'keep_aspect_ratio_policy',
      'antialias',
      'reduction',
      'storage_order',
      'dtype',
    ],
    ...[
      'transA',
      'transB',
      'transBatchA',
      'channels_last',
      'scales',
      'opset',
      'output_dtype',
      'nearest_mode',
      'end',
    ],
  ];
  const attribute: fc.Arbitrary<Attribute> = fc.oneof(
    fc
      .constantFrom(-1, 0, 1, 2, 3, 7, 2 ** 40, -(2 ** 63))
      .map((value): Attribute => ({ type: 'int', value })),
    fc
      .array(fc.constantFrom(-1, 0, 1, 2, 3, 2 ** 40), { maxLength: 6 })
      .map((value): Attribute => ({ type: 'ints', value })),
    fc.constantFrom(NaN, 0.5, -1, Infinity).map(float),
    fc
      .array(fc.constantFrom(0.5, NaN, 2, 1e30), { maxLength: 4 })
      .map((value): Attribute => ({ type: 'floats', value })),
    fc
      .constantFrom(
        '',
        'linear',
        'cubic',
        'reflect',
        'wrap',
        'SAME_UPPER',
        'VALID',
        'bidirectional',
        'ij,jk->ik',
        '...i->i',
        '__proto__',
        'constructor',
        'tf_crop_and_resize',
        'align_corners',
        'not_larger',
      )
      .map((value): Attribute => ({ type: 'string', value })),
    fc.constant<Attribute>({ type: 'strings', value: ['toString'] }),
    fc.constant<Attribute>({
      type: 'tensor',
      value: { dtype: 'int64', shape: [0], data: new BigInt64Array() },
    }),
  );
  const shape = fc.array(fc.constantFrom(0, 1, 1, 2, 2, 3, 4), { maxLength: 5 });
  const tensor: fc.Arbitrary<Dense> = fc
    .tuple(
      shape,
      fc.constantFrom<DataType>('float32', 'int64', 'bool', 'uint8', 'int32'),
      fc.array(fc.constantFrom(-1, 0, 1, 2, 3, 0.5, NaN, Infinity, 1e18, -(2 ** 63), 2 ** 31), {
        minLength: 3,
        maxLength: 3,
      }),
    )
    .map(([dims, dtype, values]) => {
      const size = dims.reduce<number>((a, b) => a * b, 1);
      return dense(
        dims,
        Float64Array.from({ length: size }, (_, i) => values[i % 3]!),
        dtype,
      );
    });
  const hostile = fc.record({
    inputs: fc.array(fc.option(tensor, { nil: undefined, freq: 8 }), { maxLength: 9 }),
    attributes: fc.array(fc.tuple(fc.constantFrom(...ATTRIBUTES), attribute), { maxLength: 8 }),
  });

  it.each([...OPS, ...REWRITTEN])('%s ends in a result or in a typed error', (op) => {
    fc.assert(
      fc.property(hostile, ({ inputs, attributes }) => {
        const node = { ...nodeOf(op, inputs), attributes: new Map(attributes) };
        try {
          for (const { shape: dims, data } of callKernel(node, inputs, 4096)) {
            expect(dims.every((d) => Number.isInteger(d) && d >= 0)).toBe(true);
            expect(data.length).toBe(dims.reduce((a, b) => a * b, 1));
          }
        } catch (error) {
          if (!(error instanceof TouchstoneError)) throw error;
          expect(error.message).toMatch(/^E_(SHAPE|UNSUPPORTED|ONNX|RANGE): /);
        }
      }),
      { numRuns: 150 },
    );
  });
});
