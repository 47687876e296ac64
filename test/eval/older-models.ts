import {
  type Attribute,
  float32,
  type Graph,
  int64,
  type Model,
  type Node,
  type Tensor,
} from '../../src/graph/index.ts';
import { floats, graph, model, node, value } from '../graph/proto-models.ts';

export const int = (v: number): Attribute => ({ type: 'int', value: v });
export const ints = (...v: number[]): Attribute => ({ type: 'ints', value: v });
const real = (v: number): Attribute => ({ type: 'float', value: v });

/** A classifier [N, 3, 6, 6] → [N, 4] in an operator set; the nodes go from x to y. */
export function classifier(
  opset: number,
  nodes: readonly Node[],
  initializers: Readonly<Record<string, Tensor>> = {},
  outputs: Graph['outputs'] = [value('y', ['N', 4])],
  inputs: Graph['inputs'] = [value('x', ['N', 3, 6, 6])],
): Model {
  const g = graph(nodes, { w: floats([108, 4]), b0: floats([4]), ...initializers }, [], []);
  return model({ ...g, inputs, outputs }, { '': opset });
}
export const dense = (from: string, to = 'y') => [
  node('Flatten', [from], [`${to}_flat`]),
  node('Gemm', [`${to}_flat`, 'w', 'b0'], [to]),
];

const slice1 = { starts: ints(1, 0), ends: ints(6, 5), axes: ints(2, 3) };
const body = (
  opset: number,
  nodes: readonly Node[],
  initializers: Readonly<Record<string, Tensor>> = {},
): [string, Model] => [
  `${opset}: ${nodes.map((n) => n.op).join(' ')}`,
  classifier(opset, nodes, initializers),
];
export const four = { v: floats([4, 4]), f: floats([4, 3, 1, 1]) };
export const conv = (to = 'c') => node('Conv', ['x', 'f'], [to]); // [N, 4, 6, 6]

/** The forms that operators had before set 20, each with attributes where they are inputs now. */
export const older: readonly [string, Model][] = [
  body(9, [node('Clip', ['x'], ['a'], { min: real(0.2), max: real(0.7) }), ...dense('a')]),
  body(10, [node('Clip', ['x'], ['a'], { max: real(0.6) }), ...dense('a')]),
  body(10, [node('Clip', ['x'], ['a'], { min: real(0.4) }), ...dense('a')]),
  body(11, [node('Clip', ['x', '', 'high'], ['a']), ...dense('a')], { high: float32([0.5], []) }),
  body(9, [node('Slice', ['x'], ['a'], slice1), ...dense('a')], { w: floats([75, 4]) }),
  body(9, [node('Slice', ['x'], ['a'], { starts: ints(0, 1), ends: ints(2 ** 62, 3) }), ...dense('a')], {
    w: floats([72, 4]),
  }),
  body(10, [node('Slice', ['x', 's', 'e', 'ax'], ['a']), ...dense('a')], {
    s: int64([1, 0]),
    e: int64([6, -1]),
    ax: int64([2, 3]),
    w: floats([75, 4]),
  }),
  body(
    9,
    [node('Pad', ['x'], ['a'], { pads: ints(0, 0, 1, 0, 0, 0, 0, 2), value: real(0.3) }), ...dense('a')],
    { w: floats([3 * 7 * 8, 4]) },
  ),
  body(10, [node('Pad', ['x'], ['a'], { pads: ints(0, 0, 1, 1, 0, 0, 1, 1) }), ...dense('a')], {
    w: floats([192, 4]),
  }),
  body(11, [node('Pad', ['x', 'p'], ['a']), ...dense('a')], {
    p: int64([0, 0, 1, 1, 0, 0, 1, 1]),
    w: floats([192, 4]),
  }),
  body(11, [conv(), node('ReduceMean', ['c'], ['y'], { axes: ints(2, 3), keepdims: int(0) })], four),
  body(
    11,
    [
      conv(),
      node('ReduceMean', ['c'], ['m'], { axes: ints(-1, -2) }),
      node('Squeeze', ['m'], ['y'], { axes: ints(2, 3) }),
    ],
    four,
  ),
  body(17, [conv(), node('ReduceMean', ['c'], ['y'], { axes: ints(2, 3), keepdims: int(0) })], four),
  body(18, [conv(), node('ReduceMean', ['c', 'ax'], ['y'], { keepdims: int(0) })], {
    ...four,
    ax: int64([2, 3]),
  }),
  body(12, [conv(), node('ReduceSum', ['c'], ['y'], { axes: ints(2, 3), keepdims: int(0) })], four),
  body(13, [conv(), node('ReduceSum', ['c', 'ax'], ['y'], { keepdims: int(0) })], {
    ...four,
    ax: int64([2, 3]),
  }),
  body(17, [conv(), node('ReduceMax', ['c'], ['y'], { axes: ints(2, 3), keepdims: int(0) })], four),
  body(
    11,
    [conv(), node('GlobalAveragePool', ['c'], ['p']), node('Squeeze', ['p'], ['y'], { axes: ints(2, 3) })],
    four,
  ),
  body(13, [conv(), node('GlobalAveragePool', ['c'], ['p']), node('Squeeze', ['p', 'ax'], ['y'])], {
    ...four,
    ax: int64([2, 3]),
  }),
  body(11, [node('Unsqueeze', ['x'], ['a'], { axes: ints(1) }), ...dense('a')]),
  body(9, [...dense('x', 'h'), node('Dropout', ['h'], ['y'], { ratio: real(0.5) })]),
  body(12, [...dense('x', 'h'), node('Dropout', ['h', 'r'], ['d']), node('Relu', ['d'], ['y'])], {
    r: float32([0.5], []),
  }),
  body(11, [...dense('x', 'h'), node('Softmax', ['h'], ['s']), node('Gemm', ['s', 'v'], ['y'])], four),
  body(13, [...dense('x', 'h'), node('Softmax', ['h'], ['s']), node('Gemm', ['s', 'v'], ['y'])], four),
  // Rank 4: before set 13 over all axes from `axis` on together, since then over that axis alone.
  body(11, [node('Softmax', ['x'], ['s'], { axis: int(1) }), ...dense('s')]),
  body(11, [node('Softmax', ['x'], ['s'], { axis: int(2) }), ...dense('s')]),
  body(12, [node('LogSoftmax', ['x'], ['s']), ...dense('s')]),
  body(13, [node('Softmax', ['x'], ['s'], { axis: int(1) }), ...dense('s')]),
  body(
    9,
    [
      conv(),
      node('BatchNormalization', ['c', 'g', 'b', 'b', 'g'], ['n']),
      node('GlobalAveragePool', ['n'], ['p']),
      node('Flatten', ['p'], ['y']),
    ],
    { ...four, g: floats([4], (i) => 1 + i), b: floats([4]) },
  ),
  body(22, [conv(), node('ReduceMean', ['c', 'ax'], ['y'], { keepdims: int(0) })], {
    ...four,
    ax: int64([2, 3]),
  }),
];
