import { float32, type Tensor } from '../../../src/graph/index.ts';
import {
  type Case,
  type Cases,
  constant,
  type Draw,
  fed,
  fixed,
  type Input,
  int,
  ints,
  real,
} from './draw.ts';

type Byte = 'uint8' | 'int8';
const scale = (d: Draw, high = 0.05): Input => constant(float32([d.number(0.01, high)], []));
const zero = (d: Draw, dtype: Byte): Input => {
  const value = dtype === 'uint8' ? d.int(100, 150) : d.int(-20, 20);
  return constant({ dtype, shape: [], data: dtype === 'uint8' ? Uint8Array.of(value) : Int8Array.of(value) });
};
/** A value with its scale and zero point. */
const quantity = (d: Draw, dtype: Byte, shape: readonly number[], weight = false): Input[] => {
  const tensor = d.bytes(dtype, shape);
  return [weight ? constant(tensor) : fed(tensor), scale(d), zero(d, dtype)];
};
const result = (d: Draw, dtype: Byte, high = 0.05): Input[] => [scale(d, high), zero(d, dtype)];
const byte = (d: Draw): Byte => d.pick(['uint8', 'int8']);

const unary =
  (attributes: (d: Draw) => Case['attributes'] = () => ({})) =>
  (d: Draw): Case => {
    const dtype = byte(d);
    return {
      inputs: [...quantity(d, dtype, [2, 3, 5, 6]), ...result(d, dtype)],
      attributes: attributes(d)!,
      types: [dtype],
    };
  };

const binary = (d: Draw): Case => {
  const dtype = byte(d);
  const second = d.pick([[2, 3, 4], [4]]);
  return {
    inputs: [...quantity(d, dtype, [2, 3, 4]), ...quantity(d, dtype, second, true), ...result(d, dtype, 0.1)],
    types: [dtype],
  };
};

/** Scales of one per output channel. */
const scales = (d: Draw, count: number): Input => constant(d.floats([count], 0.01, 0.03));
const zeros = (count: number, dtype: Byte, value: number): Tensor => ({
  dtype,
  shape: [count],
  data: dtype === 'uint8' ? new Uint8Array(count).fill(value) : new Int8Array(count).fill(value),
});

export const quantisedCases: Cases = {
  QLinearConv: (d) => {
    const dtype: Byte = 'uint8';
    const [group, many] = [d.int(1, 2), d.bool()];
    const channels = group * d.int(1, 3);
    const weight = constant(d.bytes('int8', [channels, 2, 3, 3]));
    return {
      inputs: [
        ...quantity(d, dtype, [2, 2 * group, 6, 6]),
        weight,
        many ? scales(d, channels) : scale(d),
        many
          ? constant(zeros(channels, 'int8', 0))
          : constant({ dtype: 'int8', shape: [], data: Int8Array.of(0) }),
        ...result(d, dtype, 0.4),
        ...(d.bool() ? [constant(d.int32s([channels], -2000, 2000))] : []),
      ],
      attributes: {
        group: int(group),
        pads: ints(d.int(0, 1), 1, d.int(0, 1), 1),
        strides: ints(d.int(1, 2), 1),
      },
      types: [dtype],
    };
  },
  QLinearMatMul: (d) => {
    const k = d.int(1, 6);
    const out = d.int(1, 5);
    const many = d.bool();
    return {
      inputs: [
        ...quantity(d, 'uint8', [2, 3, k]),
        constant(d.bytes('int8', [k, out])),
        many ? scales(d, out) : scale(d),
        many ? constant(zeros(out, 'int8', 0)) : zero(d, 'int8'),
        ...result(d, 'uint8', 0.3),
      ],
      types: ['uint8'],
    };
  },
  ConvInteger: (d) => ({
    inputs: [
      fed(d.bytes('uint8', [2, 2, 5, 5])),
      constant(d.bytes(byte(d), [3, 2, 3, 3])),
      ...(d.bool() ? [zero(d, 'uint8')] : []),
    ],
    attributes: { pads: ints(1, 0, 1, 1), strides: ints(1, d.int(1, 2)) },
    types: ['int32'],
  }),
  MatMulInteger: (d) => {
    const [k, out, dtype] = [d.int(1, 6), d.int(1, 5), byte(d)];
    const last = d.pick([[], [zero(d, dtype)], [constant(zeros(out, dtype, 7))]]);
    return {
      inputs: [
        fed(d.bytes('uint8', [2, 3, k])),
        constant(d.bytes(dtype, [k, out])),
        zero(d, 'uint8'),
        ...last,
      ],
      types: ['int32'],
    };
  },
  DynamicQuantizeLinear: (d) => ({
    inputs: [
      fed(
        d.floats(
          [2, 3, 4],
          ...d.pick<[number, number]>([
            [-3, 2],
            [0.5, 3],
            [-2, -1],
            [0, 0],
          ]),
        ),
      ),
    ],
    outputs: [true, true, true],
    types: ['uint8', 'float32', 'uint8'],
  }),
  'com.microsoft.QGemm': (d) => {
    const [m, k, out, transB] = [2, d.int(1, 5), d.int(1, 4), d.bool()];
    const [many, floating] = [d.bool(), d.bool()];
    const bias = d.bool() ? constant(d.int32s([out], -500, 500)) : undefined;
    return {
      inputs: [
        ...quantity(d, 'uint8', [m, k]),
        constant(d.bytes('int8', transB ? [out, k] : [k, out])),
        many ? scales(d, out) : scale(d),
        many ? constant(zeros(out, 'int8', 3)) : zero(d, 'int8'),
        bias,
        ...(floating ? [] : result(d, 'uint8', 0.3)),
      ],
      attributes: { transB: int(Number(transB)), alpha: real(d.pick([1, 0.5])) },
      types: [floating ? 'float32' : 'uint8'],
    };
  },
  'com.microsoft.QLinearAdd': binary,
  'com.microsoft.QLinearMul': binary,
  'com.microsoft.QLinearAveragePool': (d) => {
    const dtype = byte(d);
    const last = d.bool();
    return {
      inputs: [...quantity(d, dtype, [2, 5, 6, 7]), ...result(d, dtype)],
      attributes: {
        kernel_shape: ints(2, 3),
        strides: ints(d.int(1, 2), d.int(1, 2)),
        pads: ints(0, 1, 1, 1),
        count_include_pad: int(d.int(0, 1)),
        channels_last: int(Number(last)),
      },
      types: [dtype],
    };
  },
  'com.microsoft.QLinearGlobalAveragePool': unary((d) => ({ channels_last: int(d.int(0, 1)) })),
  'com.microsoft.QLinearLeakyRelu': unary((d) => ({ alpha: real(d.number(0.05, 0.5)) })),
  'com.microsoft.QLinearSigmoid': unary(),
  'com.microsoft.QLinearSoftmax': (d) => {
    const y = [
      constant(float32([1 / 256], [])),
      constant({ dtype: 'uint8', shape: [], data: Uint8Array.of(0) }),
    ];
    return {
      inputs: [...quantity(d, 'uint8', [2, 3, 4]), ...y],
      attributes: d.pick([
        { axis: int(-1), opset: int(13) },
        { axis: int(1), opset: int(13) },
        { axis: int(1), opset: int(11) },
      ]),
      types: ['uint8'],
    };
  },
  'com.microsoft.QLinearConcat': (d) => {
    const dtype = byte(d);
    const parts = [quantity(d, dtype, [2, 3, 4]), quantity(d, dtype, [2, 2, 4])];
    return {
      inputs: [...result(d, dtype), ...parts.flat().map((p) => (p.constant ? p : fixed(p.tensor)))],
      attributes: { axis: int(d.pick([1, -2])) },
      types: [dtype],
    };
  },
};
