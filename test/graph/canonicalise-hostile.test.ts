import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { TouchstoneError } from '../../src/errors.ts';
import {
  type Attribute,
  canonicalise,
  float32,
  type Graph,
  int64,
  type Model,
  type Node,
  type Tensor,
  unsupportedNodes,
} from '../../src/graph/index.ts';
import { int, ints, made, ops, real, sub, tensor, text } from './canonical.ts';
import { floats, graph, node } from './proto-models.ts';

describe('what is refused is named, with what to do', () => {
  const refused: readonly (readonly [string, Node[], RegExp])[] = [
    [
      'Loop',
      [node('Loop', ['', '', 'x'], ['y'])],
      /^E_UNSUPPORTED: operator Loop "loop_y", .* loops are unrolled/,
    ],
    ['NonMaxSuppression', [node('NonMaxSuppression', ['x', 'x'], ['y'])], /detectors/],
    [
      'a custom domain',
      [{ ...node('Fancy', ['x'], ['y']), domain: 'acme' }],
      /operator acme\.Fancy "fancy_y", .*"acme"/,
    ],
    ['a name that objects have', [node('constructor', ['x'], ['y'])], /^E_UNSUPPORTED: operator constructor/],
    ['its own domain, too', [{ ...node('toString', ['x'], ['y']), domain: 'constructor' }], /^E_UNSUPPORTED/],
    [
      'text',
      [node('Constant', [], ['y'], { value_string: text('cat') })],
      /^E_UNSUPPORTED: operator Constant/,
    ],
  ];
  it.each(refused)('%s', (_what, nodes, message) => {
    const m = made(nodes);
    expect(() => canonicalise(m)).toThrow(message);
    expect(unsupportedNodes(m)).toEqual([{ label: expect.any(String), why: expect.stringMatching(message) }]);
  });

  it('all of them at once, but not what stands behind them', () => {
    const m = made(
      [
        node('Loop', ['', '', 'x'], ['a']),
        node('Relu', ['a'], ['b']),
        { ...node('Fancy', ['b'], ['c']), domain: 'acme' },
        node('Conv', ['x', 'w'], ['d']),
        node('Sum', ['c', 'd'], ['y']),
      ],
      { w: floats([2, 3, 1, 1]) },
    );
    expect(unsupportedNodes(m).map(({ label }) => label)).toEqual([
      'Loop "loop_a"',
      'acme.Fancy "fancy_c"',
      'Conv "conv_d"',
    ]);
  });

  it('inputs without a shape', () => {
    const m = made([node('Relu', ['x'], ['y'])]);
    const open = { ...m.graph, inputs: [{ name: 'x', type: { kind: 'tensor', dtype: 'float32' } as const }] };
    expect(() => canonicalise({ ...m, graph: open })).toThrow(/E_UNSUPPORTED: input "x" without a shape/);
    expect(unsupportedNodes({ ...m, graph: open })).toMatchObject([{ label: 'model' }]);
    expect(ops(canonicalise({ ...m, graph: open }, { inputShapes: new Map([['x', ['N', 2]]]) }))).toEqual([
      'Relu',
    ]);
  });
});

/** A file may say anything: what comes of it is a graph or a typed error, soon. */
describe('hostile models', () => {
  const bound = 2000;
  const within = (m: Model): void => {
    const start = performance.now();
    try {
      canonicalise(m);
    } catch (error) {
      expect(error).toBeInstanceOf(TouchstoneError);
    }
    unsupportedNodes(m);
    expect(performance.now() - start).toBeLessThan(bound);
  };
  const chain = (length: number, op: (i: number, from: string, to: string) => Node): Node[] =>
    Array.from({ length }, (_, i) => op(i, i === 0 ? 'x' : `h${i - 1}`, i === length - 1 ? 'y' : `h${i}`));

  it('constants as large as the moon', () => {
    within(
      made([node('ConstantOfShape', ['s'], ['a']), node('Add', ['x', 'a'], ['y'])], {
        s: int64([2 ** 40, 2 ** 40]),
      }),
    );
    within(
      made([node('Range', ['a', 'b', 'c'], ['y'])], {
        a: int64([0], []),
        b: int64([2 ** 52], []),
        c: int64([1], []),
      }),
    );
    within(
      made([node('Expand', ['w', 's'], ['a']), node('MatMul', ['a', 'a'], ['y'])], {
        w: floats([1]),
        s: int64([2048, 2048]),
      }),
    );
    within(made([node('Pad', ['w', 's'], ['y'])], { w: floats([1]), s: int64([2 ** 50, 2 ** 50]) }));
    within(made([node('Tile', ['w', 's'], ['y'])], { w: floats([1]), s: int64([2 ** 50]) }));
    within(
      made([node('OneHot', ['i', 'd', 'v'], ['y'])], {
        i: int64([0]),
        d: int64([2 ** 50], []),
        v: floats([2]),
      }),
    );
  });

  it('many constants of some size', () => {
    const nodes = [
      node('ConstantOfShape', ['s'], ['a']),
      ...chain(200, (i, from, to) => node('Exp', [i === 0 ? 'a' : from], [to])),
    ];
    within(made(nodes, { s: int64([2 ** 21]) }));
  });

  it('products of dimensions without end', () => {
    const nodes = [
      node('Shape', ['x'], ['s']),
      ...chain(100, (i, from, to) => node('Mul', i === 0 ? ['s', 's'] : [from, from], [to])),
    ];
    within(made(nodes, {}, { shape: ['N', 'C', 'H', 'W'] }));
  });

  it('a thousand branches in branches', () => {
    let inner: Graph = graph([node('Identity', ['x'], ['r'])], {}, [], ['r']);
    for (let i = 0; i < 200; i++)
      inner = graph(
        [node('If', ['c'], ['r'], { then_branch: sub(inner), else_branch: sub(inner) })],
        {},
        [],
        ['r'],
      );
    // Both branches are one object here, as they are in memory only: a file has no room for 2^200.
    const once = graph([node('Relu', ['x'], ['r'])], {}, [], ['r']);
    let line: Graph = once;
    for (let i = 0; i < 200; i++)
      line = graph(
        [node('If', ['c'], [`r${i}`], { then_branch: sub(line), else_branch: sub(once) })],
        {},
        [],
        [`r${i}`],
      );
    const c: Tensor = { dtype: 'bool', shape: [], data: Uint8Array.of(1) };
    within(made([node('If', ['c'], ['y'], { then_branch: sub(line), else_branch: sub(once) })], { c }));
  });

  const pool: readonly (readonly [string, number])[] = [
    ['Relu', 1], ['Add', 2], ['Conv', 3], ['MaxPool', 1], ['AveragePool', 1], ['ConvTranspose', 2], ['Reshape', 2],
    ['Transpose', 1], ['Concat', 2], ['Slice', 5], ['Pad', 4], ['Gather', 2], ['GatherND', 2], ['GatherElements', 2],
    ['ScatterND', 3], ['ScatterElements', 3], ['Resize', 4], ['Split', 2], ['Squeeze', 2], ['Unsqueeze', 2], ['Tile', 2],
    ['Expand', 2], ['TopK', 2], ['OneHot', 3], ['Einsum', 2], ['Gemm', 3], ['MatMul', 2], ['LayerNormalization', 3],
    ['GroupNormalization', 3], ['ReduceMean', 2], ['ReduceSum', 2], ['ArgMax', 1], ['CumSum', 2], ['Range', 3], ['Shape', 1],
    ['Cast', 1], ['Where', 3], ['BatchNormalization', 5], ['DepthToSpace', 1], ['SpaceToDepth', 1], ['LSTM', 3], ['LRN', 1],
    ['GridSample', 2], ['AffineGrid', 2], ['Col2Im', 3], ['CenterCropPad', 2], ['QuantizeLinear', 3], ['DequantizeLinear', 3],
    ['Attention', 3], ['Upsample', 2], ['Trilu', 2], ['Flatten', 1], ['Softmax', 1], ['Dropout', 3], ['Clip', 3],
    ['ConstantOfShape', 1], ['EyeLike', 1], ['NonZero', 1], ['SequenceAt', 2], ['SplitToSequence', 2], ['SequenceConstruct', 2],
    ['If', 1], ['PRelu', 2], ['InstanceNormalization', 3], ['LpPool', 1], ['Compress', 2], ['Mod', 2], ['Pow', 2], ['QLinearConv', 8],
  ]; // biome-ignore format: one table
  const names = [
    'axis', 'axes', 'perm', 'kernel_shape', 'pads', 'strides', 'dilations', 'group', 'num_groups', 'to', 'mode', 'equation',
    'keepdims', 'blocksize', 'output_shape', 'auto_pad', 'num_outputs', 'split', 'scales', 'start', 'end', 'batch_dims', 'k',
    'hidden_size', 'size', 'p', 'direction', 'value', 'dtype', 'then_branch', 'ceil_mode', 'allowzero', 'num_heads',
  ]; // biome-ignore format: one table
  const number = fc.constantFrom(
    -(2 ** 63),
    -(2 ** 31),
    -3,
    -1,
    0,
    1,
    2,
    3,
    7,
    100,
    2 ** 31,
    2 ** 53,
    2 ** 62,
  );
  const attribute: fc.Arbitrary<Attribute> = fc.oneof(
    number.map(int),
    fc.array(number, { maxLength: 6 }).map((v) => ints(...v)),
    fc
      .constantFrom('', 'reflect', 'linear', 'SAME_UPPER', 'ij,jk->ik', '...i->i', 'bidirectional', 'cubic')
      .map(text),
    fc.constantFrom(0, Number.NaN, Number.POSITIVE_INFINITY, 1e-30, 3.5).map(real),
    fc.constant(tensor(floats([0]))),
    fc.constant(sub(graph([], {}, [], ['nowhere']))),
  );
  const initializers: Readonly<Record<string, Tensor>> = {
    w: floats([4, 4, 3, 3]),
    v: floats([4]),
    e: floats([0]),
    s: float32([2], []),
    i: int64([1, -1, 0, 3]),
    j: int64([0, 2 ** 40]),
    k: int64([2], []),
    n: float32([Number.NaN, Number.POSITIVE_INFINITY]),
    b: { dtype: 'bool', shape: [2], data: Uint8Array.of(1, 0) },
    q: { dtype: 'uint8', shape: [4, 4], data: new Uint8Array(16) },
    t: { dtype: 'string', shape: [1], data: ['cat'] },
  };
  const wild = fc.record({
    op: fc.constantFrom(...pool),
    inputs: fc.array(fc.constantFrom('', 'x', 'a', 'b0', ...Object.keys(initializers)), {
      minLength: 8,
      maxLength: 8,
    }),
    attributes: fc.dictionary(fc.constantFrom(...names), attribute, { maxKeys: 5 }),
    outputs: fc.integer({ min: 1, max: 3 }),
  });
  it('nodes with any inputs and attributes give typed errors or graphs', () => {
    fc.assert(
      fc.property(
        fc.array(wild, { minLength: 1, maxLength: 3 }),
        fc.constantFrom(7, 10, 11, 13, 18, 20, 23),
        (list, opset) => {
          const nodes = list.map(({ op: [op, count], inputs, attributes, outputs }, i) =>
            node(
              op,
              inputs.slice(0, count).map((name) => (name === 'a' ? 'h0' : name === 'b0' ? 'h1' : name)),
              Array.from({ length: outputs }, (_, j) => (j === 0 ? `h${i}` : `h${i}_${j}`)),
              attributes,
            ),
          );
          const m = made([...nodes, node('Identity', [`h${list.length - 1}`], ['y'])], initializers, {
            opset,
          });
          within(m);
        },
      ),
      { numRuns: 3000, seed: 11 },
    );
  });
});
