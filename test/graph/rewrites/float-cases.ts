import { int64, type Tensor } from '../../../src/graph/index.ts';
import {
  type Case,
  type Cases,
  constant,
  type Draw,
  fed,
  fixed,
  int,
  ints,
  real,
  reals,
  text,
} from './draw.ts';

/** A value of random rank, 1 to 4. */
const anything = (d: Draw): Tensor =>
  d.floats(
    Array.from({ length: d.int(1, 4) }, () => d.int(1, 5)),
    -4,
    4,
  );
const unary =
  (attributes: (d: Draw) => Case['attributes'] = () => ({}), opset?: number) =>
  (d: Draw): Case => ({
    inputs: [fed(anything(d))],
    attributes: attributes(d)!,
    ...(opset === undefined ? {} : { opset }),
  });
const image = (d: Draw, low = 1, high = 7): Tensor =>
  d.floats([d.int(1, 3), d.int(1, 6), d.int(low, high), d.int(low, high)]);

const reduction =
  (low: number) =>
  (d: Draw): Case => {
    const rank = d.int(1, 4);
    const x = d.floats(
      Array.from({ length: rank }, () => d.int(1, 5)),
      low,
      2,
    );
    const axes = Array.from({ length: rank }, (_, a) => (d.bool() ? a : a - rank)).filter(() => d.bool());
    const given = axes.length > 0 ? [constant(int64(axes))] : [];
    return {
      inputs: [fed(x), ...given],
      attributes: { keepdims: int(d.int(0, 1)), noop_with_empty_axes: int(d.int(0, 1)) },
    };
  };

const activations: Cases = {
  Celu: unary((d) => ({ alpha: real(d.pick([1, 0.5, 2])) })),
  HardSwish: unary(),
  Mish: unary(),
  Reciprocal: (d) => ({ inputs: [fed(d.floats([2, 3, 4], 0.2, 3))] }),
  Softsign: unary(),
  Swish: (d) => ({ ...unary((e) => ({ alpha: real(e.number(0.3, 2)) }), 24)(d), oracle: 'reference' }),
  ThresholdedRelu: unary((d) => ({ alpha: real(d.number(0, 2)) })),
  Shrink: unary((d) => ({ bias: real(d.pick([0, 0.3])), lambd: real(d.number(0, 1)) })),
  'com.microsoft.Gelu': unary(),
  'com.microsoft.QuickGelu': unary((d) => ({ alpha: real(d.pick([1.702, 1])) })),
  'com.microsoft.BiasGelu': (d) => {
    const width = d.int(1, 6);
    return { inputs: [fed(d.floats([2, d.int(1, 4), width])), constant(d.floats([width]))] };
  },
  'com.microsoft.FastGelu': (d) => {
    const width = d.int(1, 6);
    const x = fed(d.floats([2, d.int(1, 4), width]));
    return { inputs: d.bool() ? [x, constant(d.floats([width]))] : [x] };
  },
};

const norms: Cases = {
  GroupNormalization: (d) => {
    const groups = d.int(1, 3);
    const channels = groups * d.int(1, 3);
    const spatial = Array.from({ length: d.int(1, 2) }, () => d.int(2, 5));
    return {
      inputs: [
        fed(d.floats([d.int(1, 3), channels, ...spatial])),
        constant(d.floats([channels], 0.5, 1.5)),
        constant(d.floats([channels])),
      ],
      attributes: { num_groups: int(groups), epsilon: real(d.pick([1e-5, 1e-2])) },
      opset: 21,
    };
  },
  LRN: (d) => ({
    inputs: [fed(image(d))],
    attributes: {
      size: int(d.pick([1, 3, 5])),
      alpha: real(d.number(0.01, 1)),
      beta: real(d.number(0.3, 1)),
      bias: real(d.number(0.5, 2)),
    },
  }),
  LpNormalization: (d) => ({
    inputs: [fed(d.floats([2, 3, 4]))],
    attributes: { axis: int(d.int(-3, 2)), p: int(d.int(1, 2)) },
  }),
  MeanVarianceNormalization: (d) => ({
    inputs: [fed(image(d, 2))],
    ...(d.bool()
      ? {
          attributes: {
            axes: ints(
              ...d.pick([
                [2, 3],
                [0, 2, 3],
                [1, 2, 3],
              ]),
            ),
          },
        }
      : {}),
  }),
  RMSNormalization: (d) => {
    const axis = d.int(-2, -1);
    const shape = [2, d.int(2, 4), d.int(2, 5)];
    return {
      inputs: [fed(d.floats(shape)), constant(d.floats(shape.slice(axis)))],
      attributes: { axis: int(axis), epsilon: real(1e-3) },
      opset: 23,
    };
  },
  'com.microsoft.SkipLayerNormalization': (d) => {
    const shape = [2, d.int(1, 4), d.int(3, 6)];
    const vector = () => constant(d.floats(shape.slice(2)));
    const [beta, bias] = [d.bool() ? vector() : undefined, d.bool() ? vector() : undefined];
    return {
      inputs: [fed(d.floats(shape)), fed(d.floats(shape)), vector(), beta, bias],
      attributes: { epsilon: real(1e-5) },
      outputs: [true, false, false, true],
    };
  },
};

const window = (d: Draw) => {
  const kernel = [d.int(1, 3), d.int(1, 3)];
  return {
    kernel_shape: ints(...kernel),
    strides: ints(d.int(1, 2), d.int(1, 2)),
    pads: ints(...[...kernel, ...kernel].map((k) => d.int(0, k - 1))),
  };
};

const reductions: Cases = {
  ReduceL1: reduction(-2),
  ReduceLogSum: reduction(0.1),
  ReduceSumSquare: reduction(-2),
  Mean: (d) => {
    const shapes = [[2, 3, 4], [3, 1], [4], [2, 1, 1]].slice(0, d.int(1, 4));
    return { inputs: shapes.map((s, i) => fed(d.floats(s), i === 0 ? 0 : -1)) };
  },
  GlobalMaxPool: (d) => ({ inputs: [fed(image(d))] }),
  GlobalLpPool: (d) => ({ inputs: [fed(image(d))], attributes: { p: int(d.int(1, 3)) } }),
  LpPool: (d) => ({
    inputs: [fed(image(d, 4, 8))],
    attributes: { p: int(d.int(1, 3)), ...window(d), ceil_mode: int(d.int(0, 1)) },
  }),
};

const attention: Cases = {
  Attention: (d) => {
    const [heads, size, valueSize] = [d.int(1, 2), d.int(1, 4), d.int(1, 4)];
    const repeats = d.int(1, 2);
    const [queries, keys] = [d.int(1, 5), d.int(1, 5)];
    const flat = d.bool();
    const causal = d.int(0, 1);
    const value = (h: number, length: number, width: number) =>
      fed(d.floats(flat ? [2, length, h * width] : [2, h, length, width]));
    const cached = !flat && d.bool();
    const total = cached ? keys + 2 : keys;
    const mask: Tensor = d.bool()
      ? d.floats([queries, total])
      : {
          dtype: 'bool',
          shape: [queries, total],
          data: new Uint8Array(queries * total).map((_, i) => (i % 3 ? 1 : i % total === 0 ? 1 : 0)),
        };
    const past = cached ? [fed(d.floats([2, heads, 2, size])), fed(d.floats([2, heads, 2, valueSize]))] : [];
    return {
      inputs: [
        value(heads * repeats, queries, size),
        value(heads, keys, size),
        value(heads, keys, valueSize),
        d.bool() ? constant(mask) : undefined,
        ...past,
      ],
      attributes: {
        ...(flat ? { q_num_heads: int(heads * repeats), kv_num_heads: int(heads) } : {}),
        ...(d.bool() ? { scale: real(0.7) } : {}),
        is_causal: int(causal),
        softcap: real(d.pick([0, 2])),
      },
      outputs: cached ? [true, true, true] : [true],
      opset: 23,
      // With a past, set 23's text left open where the causal mask begins; onnxruntime 1.30 has it at the first key.
      ...(cached && causal ? { oracle: 'reference' } : {}),
    };
  },
  RotaryEmbedding: (d) => {
    const [heads, length, half] = [d.int(1, 3), d.int(1, 4), d.int(1, 3)];
    const rest = d.pick([0, 0, 2]);
    const size = 2 * half + rest;
    const flat = d.bool();
    const positions = d.bool();
    const cache = () => (positions ? constant(d.floats([8, half])) : fed(d.floats([2, length, half])));
    const ids = int64(
      Array.from({ length: 2 * length }, () => d.int(0, 7)),
      [2, length],
    );
    return {
      inputs: [
        fed(d.floats(flat ? [2, length, heads * size] : [2, heads, length, size])),
        cache(),
        cache(),
        ...(positions ? [fed(ids)] : []),
      ],
      attributes: {
        interleaved: int(d.int(0, 1)),
        ...(flat || rest > 0 ? { num_heads: int(heads) } : {}),
        ...(rest > 0 ? { rotary_embedding_dim: int(2 * half) } : {}),
      },
      opset: 23,
    };
  },
};

const layout: Cases = {
  AffineGrid: (d) => {
    const spatial = Array.from({ length: d.int(2, 3) }, () => d.int(1, 5));
    const rank = spatial.length;
    return {
      inputs: [fixed(d.floats([2, rank, rank + 1])), constant(int64([2, 3, ...spatial]))],
      attributes: { align_corners: int(d.int(0, 1)) },
    };
  },
  CastLike: (d) => ({
    inputs: [fed(d.floats([2, 3])), constant(int64([1]))],
    types: ['int64'],
  }),
  CenterCropPad: (d) => {
    const sizes = [d.int(1, 8), d.int(1, 8)];
    return {
      inputs: [fed(image(d)), constant(int64(sizes))],
      attributes: {
        axes: ints(
          ...d.pick([
            [2, 3],
            [-1, 2],
          ]),
        ),
      },
    };
  },
  Col2Im: (d) => {
    const [block, strides, dilations] = [
      [1, 3],
      [1, 2],
      [1, 2],
    ].map(([low, high]) => [d.int(low!, high!), d.int(low!, high!)]) as [number[], number[], number[]];
    const pads = [d.int(0, 1), d.int(0, 1), d.int(0, 1), d.int(0, 1)];
    const size = [d.int(6, 9), d.int(6, 9)];
    const count = (a: number) =>
      Math.floor((size[a]! + pads[a]! + pads[a + 2]! - dilations[a]! * (block[a]! - 1) - 1) / strides[a]!) +
      1;
    return {
      inputs: [
        fed(d.floats([2, d.int(1, 3) * block[0]! * block[1]!, count(0) * count(1)])),
        constant(int64(size)),
        constant(int64(block)),
      ],
      attributes: { strides: ints(...strides), dilations: ints(...dilations), pads: ints(...pads) },
    };
  },
  Compress: (d) => {
    const condition: Tensor = { dtype: 'bool', shape: [3], data: Uint8Array.of(1, 0, 1) };
    const axis = d.pick([undefined, 1, -1]);
    return {
      inputs: [fed(d.floats([2, 3, 4])), constant(condition)],
      ...(axis === undefined ? {} : { attributes: { axis: int(axis) } }),
    };
  },
  GridSample: (d) => {
    const rank = d.int(2, 3);
    const size = Array.from({ length: rank }, () => d.int(1, 5));
    const out = Array.from({ length: rank }, () => d.int(1, 4));
    const mode = d.pick(rank === 2 ? ['linear', 'nearest', 'cubic'] : ['linear', 'nearest']);
    return {
      inputs: [fed(d.floats([2, d.int(1, 3), ...size])), fed(d.floats([2, ...out, rank], -1.6, 1.6))],
      attributes: {
        mode: text(mode),
        padding_mode: text(d.pick(['zeros', 'border', 'reflection'])),
        align_corners: int(d.int(0, 1)),
      },
    };
  },
  Upsample: (d) => ({
    inputs: [fed(image(d)), constant(d.floats([4], 1, 1))].map((input, i) =>
      i === 0
        ? input
        : constant({ dtype: 'float32', shape: [4], data: Float32Array.of(1, 1, d.int(1, 3), d.int(1, 3)) }),
    ),
    attributes: { mode: text(d.pick(['nearest', 'linear'])) },
    opset: 9,
  }),
};

const contrib: Cases = {
  'com.microsoft.FusedConv': (d) => {
    const [activation, parameters] = d.pick<[string, number[]]>([
      ['Relu', []],
      ['Sigmoid', []],
      ['Tanh', []],
      ['LeakyRelu', [0.2]],
      ['Clip', [-0.5, 0.5]],
      ['HardSigmoid', [0.3, 0.4]],
    ]);
    const channels = d.int(1, 4);
    const sum = activation === 'Relu' && d.bool() ? [fed(d.floats([2, channels, 5, 5]))] : [];
    return {
      inputs: [
        fed(d.floats([2, 3, 5, 5])),
        constant(d.floats([channels, 3, 3, 3])),
        constant(d.floats([channels])),
        ...sum,
      ],
      attributes: {
        activation: text(activation),
        pads: ints(1, 1, 1, 1),
        ...(parameters.length > 0 ? { activation_params: reals(...parameters) } : {}),
      },
    };
  },
  'com.microsoft.FusedGemm': (d) => {
    const [m, k, l] = [d.int(1, 4), d.int(1, 4), d.int(1, 4)];
    const [transA, transB] = [d.bool(), d.bool()];
    const [activation, extra] = d.pick<[string, Record<string, number>]>([
      ['Relu', {}],
      ['Tanh', {}],
      ['LeakyRelu', { activation_alpha: 0.2 }],
    ]);
    return {
      inputs: [
        fixed(d.floats(transA ? [k, m] : [m, k])),
        constant(d.floats(transB ? [l, k] : [k, l])),
        constant(d.floats([l])),
      ],
      attributes: {
        activation: text(activation),
        transA: int(Number(transA)),
        transB: int(Number(transB)),
        alpha: real(0.5),
        beta: real(2),
        ...Object.fromEntries(Object.entries(extra).map(([name, v]) => [name, real(v)])),
      },
    };
  },
  'com.microsoft.FusedMatMul': (d) => {
    const [n, m, k, l] = [2, d.int(1, 4), d.int(1, 4), d.int(1, 4)];
    const [ta, tb, batches] = [d.bool(), d.bool(), d.bool()];
    const matrix = (rows: number, columns: number, turned: boolean) => {
      const [first, second] = turned ? [columns, rows] : [rows, columns];
      return d.floats(batches ? [first, n, second] : [n, first, second]);
    };
    return {
      inputs: [fixed(matrix(m, k, ta)), fixed(matrix(k, l, tb))],
      attributes: {
        transA: int(Number(ta)),
        transB: int(Number(tb)),
        transBatchA: int(Number(batches)),
        transBatchB: int(Number(batches)),
        alpha: real(d.pick([1, 0.5])),
      },
    };
  },
};

export const floatCases: Cases = {
  ...activations,
  ...norms,
  ...reductions,
  ...attention,
  ...layout,
  ...contrib,
};
