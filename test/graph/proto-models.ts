import type {
  Attribute,
  DataType,
  Graph,
  Model,
  Node,
  NumericArray,
  Tensor,
  ValueInfo,
} from '../../src/graph/ir.ts';

/** Small models made by hand, for the tests of reading, writing and files. */

export function node(
  op: string,
  inputs: readonly string[],
  outputs: readonly string[],
  attributes: Readonly<Record<string, Attribute>> = {},
): Node {
  const name = `${op.toLowerCase()}_${outputs[0]}`;
  return { op, domain: '', name, inputs, outputs, attributes: new Map(Object.entries(attributes)) };
}

export const value = (name: string, shape: readonly (number | string | null)[] = ['N']): ValueInfo => ({
  name,
  type: { kind: 'tensor', dtype: 'float32', shape },
});

export const graph = (
  nodes: readonly Node[],
  initializers: Readonly<Record<string, Tensor>> = {},
  inputs: readonly string[] = ['x'],
  outputs: readonly string[] = ['y'],
): Graph => ({
  name: 'g',
  inputs: inputs.map((name) => value(name)),
  outputs: outputs.map((name) => value(name)),
  nodes,
  initializers: new Map(Object.entries(initializers)),
  valueInfo: [],
});

export const model = (g: Graph, opsets: Readonly<Record<string, number>> = { '': 17 }): Model => ({
  graph: g,
  irVersion: 8,
  opsets: new Map(Object.entries(opsets)),
  metadata: new Map(),
});

export const floats = (shape: readonly number[], at: (i: number) => number = (i) => Math.sin(i)): Tensor => ({
  dtype: 'float32',
  shape,
  data: Float32Array.from({ length: shape.reduce((a, b) => a * b, 1) }, (_, i) => at(i)),
});

const ints = (...values: number[]): Attribute => ({ type: 'ints', value: values });

/** A classifier like the MNIST one: convolution, pooling, two dense layers. About 22 kB. */
export const classifier = (): Model =>
  model({
    ...graph(
      [
        node('Conv', ['x', 'w1', 'b1'], ['h1'], {
          kernel_shape: ints(3, 3),
          strides: ints(2, 2),
          pads: ints(1, 1, 1, 1),
        }),
        node('Relu', ['h1'], ['h2']),
        node('MaxPool', ['h2'], ['h3'], { kernel_shape: ints(2, 2), strides: ints(2, 2) }),
        node('Flatten', ['h3'], ['h4'], { axis: { type: 'int', value: 1 } }),
        node('Gemm', ['h4', 'w2', 'b2'], ['h5'], {
          alpha: { type: 'float', value: 1 },
          transB: { type: 'int', value: 1 },
        }),
        node('Relu', ['h5'], ['h6']),
        node('Gemm', ['h6', 'w3'], ['y'], { transB: { type: 'int', value: 1 } }),
      ],
      {
        w1: floats([4, 1, 3, 3]),
        b1: floats([4]),
        w2: floats([24, 4 * 7 * 7]),
        b2: floats([24]),
        w3: floats([10, 24]),
      },
    ),
    inputs: [value('x', ['N', 1, 28, 28])],
    outputs: [value('y', ['N', 10])],
  });

const u8 = (...bytes: number[]) => Uint8Array.from(bytes);
const u16 = (...bits: number[]) => Uint16Array.from(bits);

/** Three elements of every type, the extremes among them; packed types in as many bytes as they take. */
export const SAMPLES: { readonly [D in DataType]: NumericArray | readonly string[] } = {
  float32: Float32Array.of(-0, Number.NaN, 3.4028234663852886e38),
  float64: Float64Array.of(Number.MIN_VALUE, -Infinity, Math.PI),
  float16: u16(0x7c00, 0x8000, 0x3555),
  bfloat16: u16(0xff80, 0x0001, 0x3f80),
  int8: Int8Array.of(-128, 127, 0),
  int16: Int16Array.of(-32768, 32767, 1),
  int32: Int32Array.of(-(2 ** 31), 2 ** 31 - 1, 5),
  int64: BigInt64Array.of(-(2n ** 63n), 2n ** 63n - 1n, 2n ** 53n + 1n),
  uint8: u8(0, 255, 7),
  uint16: u16(0, 65535, 7),
  uint32: Uint32Array.of(0, 2 ** 32 - 1, 7),
  uint64: BigUint64Array.of(0n, 2n ** 64n - 1n, 7n),
  bool: u8(1, 0, 1),
  string: ['', 'Ärger \u{1F600}', '\uFEFFa byte order mark is text'],
  complex64: Float32Array.of(1, -2, 3, -4, 5, -6),
  complex128: Float64Array.of(1, -2, 3, -4, 5, -6),
  float8e4m3fn: u8(0x7e, 0x80, 1),
  float8e4m3fnuz: u8(0x7e, 0x80, 1),
  float8e5m2: u8(0x7c, 0xff, 1),
  float8e5m2fnuz: u8(0x7c, 0xff, 1),
  float8e8m0: u8(0x7f, 0xff, 0),
  float4e2m1: u8(0x7f, 0x03),
  int4: u8(0x87, 0x0f),
  uint4: u8(0xf0, 0x09),
  int2: u8(0b00_01_10_11),
  uint2: u8(0b00_11_00_01),
};

export const DATA_TYPES = Object.keys(SAMPLES) as DataType[];
