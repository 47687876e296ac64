import type { Attribute, Attributes, Node, Tensor } from './ir.ts';

/** How a builder's caller writes attributes: integers, integer lists and strings as they are, floats through `float`. */
export type AttributeValue = number | string | readonly number[] | Attribute | undefined;

/** A float attribute. A bare number would be an int, and ONNX tells the two apart. */
export const float = (value: number): Attribute => ({ type: 'float', value });

export function toAttributes(values: Readonly<Record<string, AttributeValue>>): Attributes {
  const attributes = new Map<string, Attribute>();
  for (const [name, value] of Object.entries(values)) {
    if (value === undefined) continue;
    if (typeof value === 'number') attributes.set(name, { type: 'int', value });
    else if (typeof value === 'string') attributes.set(name, { type: 'string', value });
    else if (isList(value)) attributes.set(name, { type: 'ints', value });
    else attributes.set(name, value);
  }
  return attributes;
}

const isList = (value: readonly number[] | Attribute): value is readonly number[] => Array.isArray(value);

/** The value of an `int` (or, leniently, `float`) attribute, or the operator's default. */
export function intOf(node: Node, name: string, fallback: number): number {
  const a = node.attributes.get(name);
  return a?.type === 'int' || a?.type === 'float' ? a.value : fallback;
}

export function floatOf(node: Node, name: string, fallback: number): number {
  const a = node.attributes.get(name);
  return a?.type === 'float' || a?.type === 'int' ? a.value : fallback;
}

export function stringOf(node: Node, name: string, fallback: string): string {
  const a = node.attributes.get(name);
  return a?.type === 'string' ? a.value : fallback;
}

export function intsOf(node: Node, name: string): readonly number[] | undefined {
  const a = node.attributes.get(name);
  return a?.type === 'ints' ? a.value : undefined;
}

/** The tensor that a Constant node holds, whichever of its attributes it is written with. */
export function constantOf(node: Node): Tensor | undefined {
  const { attributes: a } = node;
  for (const [name, attribute] of a) {
    if (name === 'value' && attribute.type === 'tensor') return attribute.value;
    if (name === 'value_float' && attribute.type === 'float')
      return { dtype: 'float32', shape: [], data: Float32Array.of(attribute.value) };
    if (name === 'value_floats' && attribute.type === 'floats')
      return { dtype: 'float32', shape: [attribute.value.length], data: Float32Array.from(attribute.value) };
    if (name === 'value_int' && attribute.type === 'int') return int64([attribute.value], []);
    if (name === 'value_ints' && attribute.type === 'ints') return int64(attribute.value);
  }
  return undefined;
}

/** An int64 tensor (a vector unless a shape is given), as ONNX wants shapes, axes and indices. */
export const int64 = (
  values: readonly number[],
  shape: readonly number[] = [values.length],
): Tensor<BigInt64Array> => ({
  dtype: 'int64',
  shape,
  data: BigInt64Array.from(values, (v) => (v >= 2 ** 63 ? 2n ** 63n - 1n : BigInt(v))),
});

/** A float32 tensor. */
export const float32 = (
  data: Float32Array | readonly number[],
  shape: readonly number[] = [data.length],
): Tensor<Float32Array> => ({
  dtype: 'float32',
  shape,
  data: data instanceof Float32Array ? data : Float32Array.from(data),
});

/** A float32 scalar. */
export const scalar = (value: number): Tensor<Float32Array> => float32([value], []);
