import { TouchstoneError } from '../errors.ts';
import { intOf } from './attributes.ts';
import type { DataType, Node } from './ir.ts';

/** TensorProto.DataType's numbers, in order; index 0 is UNDEFINED. */
const ORDER: readonly (DataType | undefined)[] = [
  undefined,
  'float32',
  'uint8',
  'int8',
  'uint16',
  'int16',
  'int32',
  'int64',
  'string',
  'bool',
  'float16',
  'float64',
  'uint32',
  'uint64',
  'complex64',
  'complex128',
  'bfloat16',
  'float8e4m3fn',
  'float8e4m3fnuz',
  'float8e5m2',
  'float8e5m2fnuz',
  'uint4',
  'int4',
  'float4e2m1',
  'float8e8m0',
  'uint2',
  'int2',
];

/** The number ONNX writes for an element type. */
export const dataTypeNumber = (dtype: DataType): number => ORDER.indexOf(dtype);

/** The element type of an ONNX number. @throws E_ONNX for a number that ONNX does not define. */
export function dataTypeOf(number: number): DataType {
  const dtype = ORDER[number];
  if (!dtype)
    throw new TouchstoneError('E_ONNX', `element type ${number}`, 'one that ONNX defines (1 to 26)');
  return dtype;
}

/** The element type that a node's attribute names (Cast's `to`). */
export const attributeDataType = (node: Node, name: string): DataType => dataTypeOf(intOf(node, name, 0));

export const isFloat = (dtype: DataType): boolean =>
  dtype === 'float32' || dtype === 'float64' || dtype === 'float16' || dtype === 'bfloat16';

/** The range of each integer type, bool among them: what quantisation saturates to. */
const RANGES: Partial<Record<DataType, readonly [low: number, high: number]>> = {
  bool: [0, 1],
  int2: [-2, 1],
  uint2: [0, 3],
  int4: [-8, 7],
  uint4: [0, 15],
  int8: [-128, 127],
  uint8: [0, 255],
  int16: [-32768, 32767],
  uint16: [0, 65535],
  int32: [-(2 ** 31), 2 ** 31 - 1],
  uint32: [0, 2 ** 32 - 1],
  int64: [-(2 ** 63), 2 ** 63],
  uint64: [0, 2 ** 64],
};

/** Low and high, both of which the type holds; undefined for what is no integer. */
export const rangeOf = (dtype: DataType): readonly [number, number] | undefined => RANGES[dtype];
