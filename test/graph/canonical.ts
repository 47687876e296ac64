import { expect } from 'vitest';
import { Session } from '../../src/engine/onnxruntime/index.ts';
import {
  type Attribute,
  canonicalise,
  float32,
  type Graph,
  isOp,
  type Model,
  type Node,
  type Tensor,
  toModel,
  unsupportedNodes,
  type ValueInfo,
  validateModel,
  writeModel,
} from '../../src/graph/index.ts';
import { key, uniform } from '../../src/random/index.ts';
import { graph, model, value } from './proto-models.ts';

/** What the tests of canonicalisation share: models written down in a few lines, and onnxruntime to compare with. */

export const int = (v: number): Attribute => ({ type: 'int', value: v });
export const ints = (...v: number[]): Attribute => ({ type: 'ints', value: v });
export const real = (v: number): Attribute => ({ type: 'float', value: v });
export const text = (v: string): Attribute => ({ type: 'string', value: v });
export const tensor = (v: Tensor): Attribute => ({ type: 'tensor', value: v });
export const sub = (v: Graph): Attribute => ({ type: 'graph', value: v });

export const ops = (g: Graph) => g.nodes.map((n) => n.op);
export const random = (name: string, shape: readonly number[], low = -1, high = 1) =>
  float32(
    uniform(
      key(3).fold(name),
      shape.reduce((a, b) => a * b, 1),
      low,
      high,
    ),
    shape,
  );

export interface Options {
  readonly opset?: number;
  readonly shape?: readonly (number | string | null)[];
  readonly outputs?: readonly ValueInfo[];
}

/** A model from x, an image by default, to y. */
export function made(
  nodes: readonly Node[],
  initializers: Readonly<Record<string, Tensor>> = {},
  o: Options = {},
): Model {
  const g = graph(nodes, initializers, [], []);
  const outputs = o.outputs ?? [{ name: 'y', type: { kind: 'tensor', dtype: 'float32' } }];
  return model({ ...g, inputs: [value('x', o.shape ?? ['N', 4, 6, 6])], outputs }, { '': o.opset ?? 20 });
}

export async function run(source: Graph | Uint8Array, x: Tensor): Promise<Record<string, Tensor>> {
  const options = { device: 'cpu', threads: 1 } as const;
  const session = await (source instanceof Uint8Array
    ? Session.fromBytes(source, options)
    : Session.create(source, options));
  try {
    return await session.run({ x });
  } finally {
    await session.close();
  }
}

/** Folding and re-forming round once more here and there: a few units of 6e-8, some hundred times added up. */
const TOLERANCE = 1e-5;

export function expectClose(actual: Tensor, expected: Tensor): void {
  expect(actual.shape).toEqual(expected.shape);
  const [a, b] = [actual, expected].map((t) => Array.from(t.data as ArrayLike<number | bigint>, Number)) as [
    number[],
    number[],
  ];
  const scale = Math.max(1e-3, ...b.map(Math.abs));
  expect(Math.max(0, ...a.map((v, i) => Math.abs(v - b[i]!)))).toBeLessThan(TOLERANCE * scale);
}

/** Canonicalises, checks the form, and compares with what onnxruntime computes of the file itself, at two batches. */
export async function check(m: Model, image?: Tensor): Promise<Graph> {
  const canonical = canonicalise(m);
  validateModel(toModel(canonical));
  expect(ops(canonical).filter((op) => !isOp(op))).toEqual([]);
  expect(canonical.outputs.map((o) => o.name)).toEqual(m.graph.outputs.map((o) => o.name));
  expect(unsupportedNodes(m)).toEqual([]);
  const { type } = m.graph.inputs[0]!;
  const shape = type?.kind === 'tensor' ? type.shape! : [];
  for (const batch of shape.some((d) => typeof d !== 'number') ? [1, 3] : [1]) {
    const x =
      image ??
      random(
        'x',
        shape.map((d) => (typeof d === 'number' ? d : batch)),
      );
    const [expected, actual] = [await run(writeModel(m), x), await run(canonical, x)];
    for (const [name, t] of Object.entries(expected)) expectClose(actual[name]!, t);
  }
  return canonical;
}
