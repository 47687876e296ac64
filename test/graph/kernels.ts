import { expect } from 'vitest';
import { Session } from '../../src/engine/onnxruntime/index.ts';
import { toAttributes } from '../../src/graph/attributes.ts';
import {
  type AttributeValue,
  type DataType,
  type Graph,
  type Node,
  sizeOf,
  toModel,
  writeModel,
} from '../../src/graph/index.ts';
import { callKernel, type Dense, denseOf, tensorOf } from '../../src/graph/reference/index.ts';
import { type Key, uniform } from '../../src/random/index.ts';

/** A node `op` (`domain.op` of another domain) of inputs x0, x1, … and outputs y0, y1, … */
export function nodeOf(
  op: string,
  inputs: readonly (Dense | undefined)[],
  attributes: Readonly<Record<string, AttributeValue>> = {},
  outputs = 1,
): Node {
  const dot = op.lastIndexOf('.');
  return {
    op: op.slice(dot + 1),
    domain: op.slice(0, Math.max(dot, 0)),
    name: 'node',
    inputs: inputs.map((x, i) => (x ? `x${i}` : '')),
    outputs: Array.from({ length: outputs }, (_, i) => `y${i}`),
    attributes: toAttributes(attributes),
  };
}

/** A tensor of the given values. */
export const dense = (
  shape: readonly number[],
  data: ArrayLike<number>,
  dtype: DataType = 'float32',
): Dense => ({
  dtype,
  shape,
  data: Float64Array.from(data),
});

export const ints = (...values: number[]): Dense => dense([values.length], values, 'int64');

/** Uniform in [−1, 1], or in [low, high]. Values of float32, so that engines are given the same. */
export const random = (k: Key, shape: readonly number[], low = -1, high = 1): Dense =>
  dense(shape, uniform(k, sizeOf(shape)!, low, high));

/** Whole numbers in [low, high). */
export const whole = (k: Key, shape: readonly number[], low: number, high: number, dtype: DataType): Dense =>
  dense(shape, uniform(k, sizeOf(shape)!, low, high).map(Math.floor), dtype);

/** What onnxruntime makes of a node. */
export async function onnxruntime(
  node: Node,
  inputs: readonly (Dense | undefined)[],
  opset: number,
): Promise<Dense[]> {
  const present = inputs.flatMap((x, i) => (x ? [[`x${i}`, x] as const] : []));
  const graph: Graph = {
    name: 'one node',
    inputs: present.map(([name, { dtype, shape }]) => ({ name, type: { kind: 'tensor', dtype, shape } })),
    outputs: node.outputs.map((name) => ({ name })),
    nodes: [node],
    initializers: new Map(),
    valueInfo: [],
  };
  const opsets = new Map([
    ['', opset],
    ['com.microsoft', 1],
  ]);
  const bytes = writeModel({ ...toModel(graph), opsets });
  const session = await Session.fromBytes(bytes, { device: 'cpu', threads: 1 });
  try {
    const results = await session.run(Object.fromEntries(present.map(([name, x]) => [name, tensorOf(x)])));
    return node.outputs.map((name) => denseOf(results[name]!));
  } finally {
    await session.close();
  }
}

/** Largest differences that float32 arithmetic over these sizes explains; `steps` allows quantised results to differ. */
export interface Tolerance {
  readonly relative?: number;
  readonly absolute?: number;
  readonly steps?: number;
}

/** Shapes and types equal, integers exact, floats within `absolute + relative·|expected|`. */
export function expectClose(got: Dense, expected: Dense, label: string, tolerance: Tolerance = {}): void {
  const { relative = 1e-4, absolute = 1e-5, steps = 0 } = tolerance;
  expect([got.dtype, got.shape], label).toEqual([expected.dtype, expected.shape]);
  const float = got.dtype.startsWith('float');
  for (const [i, e] of expected.data.entries()) {
    const g = got.data[i]!;
    if (Object.is(g, e) || g === e) continue;
    const allowed = float ? absolute + relative * Math.abs(e) : steps;
    if (!(Math.abs(g - e) <= allowed)) expect.fail(`${label}: element ${i} is ${g}, expected ${e}`);
  }
}

/** Checks that a node's kernel gives what onnxruntime gives. */
export async function expectAsOnnxruntime(
  op: string,
  inputs: readonly (Dense | undefined)[],
  attributes: Readonly<Record<string, AttributeValue>> = {},
  { outputs = 1, opset = 20, ...tolerance }: Tolerance & { outputs?: number; opset?: number } = {},
): Promise<void> {
  const node = nodeOf(op, inputs, attributes, outputs);
  const got = callKernel(node, inputs);
  for (const [i, expected] of (await onnxruntime(node, inputs, opset)).entries())
    expectClose(got[i]!, expected, `${op} y${i}`, tolerance);
}
