import { type AttributeValue, float, int64 } from '../../../src/graph/index.ts';
import { any, type Case, type Spec } from '../check.ts';

type Attributes = Readonly<Record<string, AttributeValue>>;

const resize = (mode: string, scales: readonly [number, number], attributes: Attributes = {}): Case => ({
  name: `Resize ${mode} by ${scales} ${JSON.stringify(attributes)}`,
  inputs: { x: any('N', 2, 4, 6) },
  y: (b) => b.op('Resize', ['x', '', b.floats([1, 1, ...scales])], { mode, ...attributes }),
});
const toSize = (mode: string, sizes: readonly [number, number], attributes: Attributes = {}): Case => ({
  name: `Resize ${mode} to ${sizes} ${JSON.stringify(attributes)}`,
  inputs: { x: any(2, 2, 4, 6) },
  y: (b) => b.op('Resize', ['x', '', '', b.ints([2, 2, ...sizes])], { mode, ...attributes }),
});
const coordinates = (coordinate_transformation_mode: string) => ({ coordinate_transformation_mode });

const pad = (mode: string, x: Spec, ...pads: number[]): Case => ({
  name: `Pad ${mode} ${pads} of [${x.shape}]`,
  inputs: { x },
  y: (b) => b.op('Pad', ['x', b.ints(pads)], { mode }),
});

const split = (name: string, sizes: readonly number[] | number, used: readonly number[]): Case => ({
  name: `Split ${name}`,
  inputs: { x: any('N', 7, 2) },
  y: (b) => {
    const equal = typeof sizes === 'number';
    const count = equal ? sizes : sizes.length;
    const inputs = equal ? ['x'] : ['x', b.ints(sizes)];
    const parts = b.ops('Split', inputs, { axis: 1, ...(equal && { num_outputs: count }) }, count);
    const taken = used.map((i) => b.op('ReduceSum', [b.op('Tanh', [parts[i]!]), b.ints([1])]));
    return taken.length > 1 ? b.op('Sum', taken) : taken[0]!;
  },
});

const of = (name: string, x: Spec, y: Case['y']): Case => ({ name, inputs: { x }, y });

export const resampled: readonly Case[] = [
  resize('nearest', [2, 2], coordinates('asymmetric')),
  resize('nearest', [2, 3]),
  resize('nearest', [1.5, 0.5], { nearest_mode: 'floor', ...coordinates('asymmetric') }),
  ...['half_pixel', 'pytorch_half_pixel', 'align_corners', 'asymmetric', 'half_pixel_symmetric'].map((mode) =>
    resize('linear', [2, 1.5], coordinates(mode)),
  ),
  resize('linear', [0.5, 0.5], { antialias: 1 }),
  resize('cubic', [2, 0.7], { cubic_coeff_a: float(-0.5) }),
  resize('cubic', [1.5, 2], { exclude_outside: 1 }),
  toSize('linear', [7, 5]),
  toSize('nearest', [8, 3]),
  toSize('cubic', [3, 9], coordinates('align_corners')),

  ...['reflect', 'edge', 'wrap'].flatMap((mode) => [
    pad(mode, any('N', 2, 4, 5), 0, 0, 1, 2, 0, 0, 2, 0),
    pad(mode, any('N', 5), 0, 3, 0, 3),
  ]),
  {
    name: 'Pad with a value that is differentiated',
    inputs: { x: any('N', 3) },
    weights: { v: any() },
    y: (b) => b.op('Pad', ['x', b.ints([0, 1, 0, 2]), 'v']),
  },

  split('in unequal parts', [1, 4, 2], [0, 1, 2]),
  split('with parts unused', [1, 2, 1, 3], [1, 3]),
  split('with the last unused', [3, 4], [0]),
  split('in three', 3, [0, 2]),
  of('Tile', any('N', 2, 3), (b) => b.op('Tile', ['x', b.ints([2, 1, 3])])),
  {
    name: 'Tile to a dynamic batch',
    inputs: { x: any(1, 3), like: any('N', 6) },
    y: (b) => {
      const batch = b.op('Shape', ['like'], { start: 0, end: 1 });
      const repeats = b.op('Concat', [batch, b.ints([2])], { axis: 0 });
      return b.op('Mul', [b.op('Tile', ['x', repeats]), 'like']);
    },
  },
  of('Tile of nothing', any('N', 2), (b) => b.op('Tile', ['x', b.ints([1, 1])])),
  of('Trilu', any('N', 3, 4), (b) => b.op('Trilu', ['x'])),
  of('Trilu, lower from −1', any('N', 3, 4), (b) =>
    b.op('Trilu', ['x', b.constant(int64([-1], []))], { upper: 0 }),
  ),
  ...[0, 1].flatMap((exclusive) =>
    [0, 1].map((reverse) =>
      of(`CumSum, exclusive ${exclusive}, reverse ${reverse}`, any('N', 5), (b) =>
        b.op('CumSum', ['x', b.constant(int64([1], []))], { exclusive, reverse }),
      ),
    ),
  ),
];
