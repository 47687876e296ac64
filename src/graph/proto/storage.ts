import type { TensorProto } from 'onnx-buf';
import type { DataType, NumericArray } from '../ir.ts';

/** The fields of a TensorProto that hold elements one by one; `rawData` is the other place. */
export type TypedField = Extract<
  keyof TensorProto,
  'floatData' | 'int32Data' | 'int64Data' | 'doubleData' | 'uint64Data' | 'stringData'
>;

export const TYPED_FIELDS: readonly TypedField[] = [
  'floatData',
  'int32Data',
  'int64Data',
  'doubleData',
  'uint64Data',
  'stringData',
];

type NumericArrayConstructor = {
  readonly BYTES_PER_ELEMENT: number;
  new (length: number): NumericArray;
  new (buffer: ArrayBuffer, byteOffset?: number, length?: number): NumericArray;
};

/** How elements of a type are stored. `slots` is the array's length per element: 2 for complex, ¼ or ½ for packed. */
export interface Storage {
  /** Bits per element. */
  readonly bits: number;
  /** The array the IR holds them in; strings have none. */
  readonly array?: NumericArrayConstructor;
  /** The typed field they may be in. */
  readonly field: TypedField;
  readonly slots: number;
}

const packed = (bits: number): Storage => ({ bits, array: Uint8Array, field: 'int32Data', slots: bits / 8 });
const byte: Storage = packed(8);
const half: Storage = { bits: 16, array: Uint16Array, field: 'int32Data', slots: 1 };

/** Where each type's elements are, in a TensorProto (onnx.proto's comments on the `*_data` fields) and in the IR. */
export const STORAGE: { readonly [D in DataType]: Storage } = {
  float32: { bits: 32, array: Float32Array, field: 'floatData', slots: 1 },
  float64: { bits: 64, array: Float64Array, field: 'doubleData', slots: 1 },
  float16: half,
  bfloat16: half,
  int8: { bits: 8, array: Int8Array, field: 'int32Data', slots: 1 },
  int16: { bits: 16, array: Int16Array, field: 'int32Data', slots: 1 },
  int32: { bits: 32, array: Int32Array, field: 'int32Data', slots: 1 },
  int64: { bits: 64, array: BigInt64Array, field: 'int64Data', slots: 1 },
  uint8: byte,
  uint16: half,
  uint32: { bits: 32, array: Uint32Array, field: 'uint64Data', slots: 1 },
  uint64: { bits: 64, array: BigUint64Array, field: 'uint64Data', slots: 1 },
  bool: byte,
  // A string's own bytes are bounded by the file's; 0 bits keeps it out of the declared total.
  string: { bits: 0, field: 'stringData', slots: 1 },
  complex64: { bits: 64, array: Float32Array, field: 'floatData', slots: 2 },
  complex128: { bits: 128, array: Float64Array, field: 'doubleData', slots: 2 },
  float8e4m3fn: byte,
  float8e4m3fnuz: byte,
  float8e5m2: byte,
  float8e5m2fnuz: byte,
  float8e8m0: byte,
  float4e2m1: packed(4),
  int4: packed(4),
  uint4: packed(4),
  int2: packed(2),
  uint2: packed(2),
};
