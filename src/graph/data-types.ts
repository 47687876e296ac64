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
