import { type GraphBuilder, int64, type Value } from '../../../src/graph/index.ts';
import { any, type Case, type Spec } from '../check.ts';

const of = (name: string, x: Spec, y: (b: GraphBuilder) => Value): Case => ({ name, inputs: { x }, y });

type Cut = readonly [axis: number, start: number, end: number, step: number];
const slice = (x: Spec, ...cuts: readonly Cut[]): Case =>
  of(`Slice ${cuts.map((c) => c.join(' ')).join(' and ')} of [${x.shape}]`, x, (b) =>
    b.op('Slice', [
      'x',
      b.ints(cuts.map((c) => c[1])),
      b.ints(cuts.map((c) => c[2])),
      b.ints(cuts.map((c) => c[0])),
      b.ints(cuts.map((c) => c[3])),
    ]),
  );
const END = 2 ** 62;

const pad = (x: Spec, ...amounts: number[]): Case =>
  of(`Pad ${amounts.join(' ')} of [${x.shape}]`, x, (b) => b.op('Pad', ['x', b.ints(amounts)]));

const gather = (x: Spec, axis: number, index: readonly number[], shape?: readonly number[]): Case =>
  of(`Gather [${index}]${shape ? ` as [${shape}]` : ''} on axis ${axis} of [${x.shape}]`, x, (b) =>
    b.op('Gather', ['x', b.constant(int64(index, shape))], { axis }),
  );

const reshape = (x: Spec, ...shape: number[]): Case =>
  of(`Reshape [${x.shape}] to [${shape}]`, x, (b) => b.op('Reshape', ['x', b.ints(shape)]));

const depth = (op: string, mode: string | undefined, ...x: number[]): Case =>
  of(`${op} ${mode ?? ''} of [${x}]`, any('N', ...x), (b) =>
    b.op(op, ['x'], { blocksize: 2, ...(mode && { mode }) }),
  );

export const layout: readonly Case[] = [
  reshape(any('N', 6), 0, 2, 3),
  reshape(any('N', 2, 3), -1, 6),
  reshape(any('N', 2, 3), 6, -1),
  reshape(any('N', 16, 2, 2), 0, 64),
  reshape(any('N', 64), -1, 16, 2, 2),
  of('Flatten', any('N', 2, 3, 2), (b) => b.op('Flatten', ['x'])),
  of('Flatten axis 2', any('N', 2, 3), (b) => b.op('Flatten', ['x'], { axis: 2 })),
  of('Flatten axis −1', any('N', 2, 3), (b) => b.op('Flatten', ['x'], { axis: -1 })),
  of('Flatten axis 0', any(2, 3), (b) => b.op('Flatten', ['x'], { axis: 0 })),
  of('Flatten of 16 channels', any('N', 16, 2, 3), (b) => b.op('Flatten', [b.op('Tanh', ['x'])])),
  of('Squeeze', any('N', 1, 3, 1), (b) => b.op('Squeeze', ['x', b.ints([1, -1])])),
  of('Squeeze of all', any(1, 3, 1), (b) => b.op('Squeeze', ['x'])),
  of('Unsqueeze', any('N', 3), (b) => b.op('Unsqueeze', ['x', b.ints([0, -1])])),
  of('Transpose', any('N', 2, 3), (b) => b.op('Transpose', ['x'])),
  of('Transpose 2 0 3 1', any('N', 2, 3, 4), (b) => b.op('Transpose', ['x'], { perm: [2, 0, 3, 1] })),
  of('Transpose 1 2 0', any('N', 2, 3), (b) => b.op('Transpose', ['x'], { perm: [1, 2, 0] })),
  of('Expand', any('N', 1, 3), (b) => b.op('Expand', ['x', b.ints([2, 1, 4, 1])])),
  of('Expand of a scalar', any(), (b) => b.op('Expand', ['x', b.ints([2, 3])])),
  {
    name: 'Expand to the shape of another',
    inputs: { x: any(1, 3), like: any('N', 3) },
    y: (b) => b.op('Mul', [b.op('Expand', ['x', b.op('Shape', ['like'])]), 'like']),
  },

  slice(any('N', 7), [1, 2, 6, 1]),
  slice(any('N', 7), [-1, -5, -1, 1]),
  slice(any('N', 7), [1, 1, END, 2]),
  slice(any('N', 7), [1, 0, 6, 3]),
  slice(any('N', 7), [1, -1, -END, -1]),
  slice(any('N', 7), [1, 5, 0, -2]),
  slice(any('N', 7), [1, 100, -100, -3]),
  slice(any('N', 7), [1, 3, 4, 5]),
  slice(any('N', 2, 5, 6), [1, 0, 1, 1], [2, -1, -END, -2], [3, 1, 6, 2]),
  slice(any('N', 2, 5), [0, 0, END, 1], [2, 1, 4, 1]),
  slice(any(5, 3), [0, 4, 0, -2]),
  of('Slice without axes', any(4, 5), (b) => b.op('Slice', ['x', b.ints([1, 2]), b.ints([3, END])])),

  pad(any('N', 2, 3), 0, 1, 2, 0, 0, 1),
  pad(any('N', 2, 5), 0, 0, -1, 0, 0, -2),
  pad(any('N', 2, 5), 0, 1, -2, 0, 0, 1),
  pad(any('N', 3, 5), 0, -1, 2, 0, 2, -1),
  of('Pad of two axes by another value', any('N', 2, 3), (b) =>
    b.op('Pad', ['x', b.ints([1, 0, 0, 2]), b.scalar(5), b.ints([1, -1])]),
  ),

  {
    name: 'Concat',
    inputs: { a: any('N', 2, 3), c: any('N', 1, 3), e: any('N', 4, 3) },
    y: (b) => b.op('Concat', ['a', 'c', 'e'], { axis: 1 }),
  },
  {
    name: 'Concat on axis −1, one twice',
    inputs: { a: any('N', 2), c: any('N', 3) },
    y: (b) => b.op('Concat', ['a', 'c', 'a'], { axis: -1 }),
  },
  {
    name: 'Concat with a constant',
    inputs: { a: any(2, 3) },
    weights: { w: any(4, 3) },
    y: (b) => b.op('Concat', ['w', 'a'], { axis: 0 }),
  },

  gather(any('N', 5), 1, [3, 0, 4]),
  gather(any('N', 5), 1, [2, 2, -1, 0]),
  gather(any('N', 5), 1, [2], []),
  gather(any(5, 3), 0, [-2], []),
  gather(any(5, 3), 0, [1, 1, 4, 0], [2, 2]),
  gather(any('N', 4, 3), 1, [0, 3, 3, 1, 2, 0], [2, 3]),
  gather(any('N', 4, 2, 3), -2, [1, 0, 1]),

  depth('DepthToSpace', 'DCR', 8, 3, 2),
  depth('DepthToSpace', undefined, 4, 2, 2),
  depth('DepthToSpace', 'CRD', 8, 3, 2),
  depth('DepthToSpace', 'CRD', 12, 2, 1),
  depth('SpaceToDepth', undefined, 3, 4, 2),
];
