import { type AttributeValue, type GraphBuilder, int64, type Value } from '../../../src/graph/index.ts';
import { any, apart, type Case, frozen, labels } from '../check.ts';

type Attributes = Readonly<Record<string, AttributeValue>>;

/** An operator of a value and an index that is fed. */
const fed = (
  op: string,
  x: Case['inputs'][string],
  index: Case['inputs'][string],
  attributes: Attributes = {},
): Case => ({
  name: `${op} by an input [${index.shape}] of [${x.shape}] ${JSON.stringify(attributes)}`,
  inputs: { x, i: index },
  y: (b) => b.op(op, ['x', 'i'], attributes),
});

const constant = (
  op: string,
  x: Case['inputs'][string],
  index: readonly number[],
  shape: readonly number[],
  attributes: Attributes = {},
): Case => ({
  name: `${op} ${index} as [${shape}] of [${x.shape}] ${JSON.stringify(attributes)}`,
  inputs: { x },
  y: (b) => b.op(op, ['x', b.constant(int64(index, shape))], attributes),
});

const scatter = (
  op: string,
  index: readonly number[],
  shape: readonly number[],
  updates: readonly number[],
  attributes: Attributes = {},
): Case => ({
  name: `${op} ${index} ${JSON.stringify(attributes)}`,
  inputs: { x: any(3, 4), u: any(...updates) },
  y: (b) => b.op(op, ['x', b.constant(int64(index, shape)), 'u'], attributes),
});

/** The index of the largest element: computed from the value that is differentiated. */
const best = (b: GraphBuilder): Value => b.op('ArgMax', ['x'], { axis: 1, keepdims: 1 });

export const gathers: readonly Case[] = [
  fed('Gather', any(5, 3), labels(5, 4)),
  fed('Gather', any('N', 5, 3), labels(5, 2, 2), { axis: 1 }),
  fed('Gather', any(2, 3, 5), labels(5), { axis: -1 }),
  fed('GatherElements', any('N', 5), labels(5, 'N', 3), { axis: 1 }),
  constant('GatherElements', any(2, 3), [0, 2, 2, -1], [2, 2], { axis: 1 }),
  {
    name: 'GatherElements by the largest',
    inputs: { x: apart('N', 6) },
    y: (b) => b.op('GatherElements', ['x', best(b)], { axis: 1 }),
  },
  fed('GatherND', any(2, 3, 4), labels(2, 5, 2)),
  fed('GatherND', any('N', 3, 4), labels(3, 'N', 2, 1), { batch_dims: 1 }),
  constant('GatherND', any(3, 4), [0, 1, 2, -1, 0, 1], [3, 2]),
  constant('GatherND', any(3, 4, 2), [1, 0], [2, 1]),

  scatter('ScatterElements', [2, 0, 1, 0], [1, 4], [1, 4]),
  scatter('ScatterElements', [0, 0, 1, 1], [1, 4], [1, 4], { axis: 1, reduction: 'add' }),
  scatter('ScatterND', [0, 1, 2, 3], [2, 2], [2]),
  scatter('ScatterND', [2, 0], [2, 1], [2, 4]),
  scatter('ScatterND', [2, 2], [2, 1], [2, 4], { reduction: 'add' }),

  ...[1, 0].map(
    (largest): Case => ({
      name: `TopK, largest ${largest}`,
      inputs: { x: apart('N', 6) },
      y: (b) => b.ops('TopK', ['x', b.ints([3])], { largest }, 2)[0]!,
    }),
  ),
  {
    name: 'TopK on axis 1',
    inputs: { x: apart('N', 4, 3), m: frozen(any(3)) },
    y: (b) => b.op('Mul', [b.ops('TopK', ['x', b.ints([2])], { axis: 1 }, 2)[0]!, 'm']),
  },
];
