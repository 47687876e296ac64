import { float32, int64, intOf, stringOf } from '../attributes.ts';
import type { GraphBuilder, Value } from '../builder.ts';
import type { Node } from '../ir.ts';
import {
  bounded,
  castTo,
  constantNumbers,
  fixedDim,
  floatInput,
  malformed,
  shapeOfRank,
  splitInto,
  unsupported,
} from './parts.ts';
import type { Rewrite } from './rewrite.ts';

/** Positions of the centres of `size` pixels, from −1 to 1; with corners aligned these are the first and last centre. */
const centres = (size: number, aligned: boolean): number[] =>
  Array.from({ length: size }, (_, i) => {
    // onnxruntime sets the last to 1, also where it is the only one.
    if (aligned) return i === size - 1 ? 1 : (2 * i) / (size - 1) - 1;
    return (2 * i + 1) / size - 1;
  });

// grid = (x, y, 1)·θᵀ, over all pixels
export const AffineGrid: Rewrite = (b, n) => {
  const theta = floatInput(b, n);
  shapeOfRank(b, n, theta, 3);
  const size = (b.known(n.inputs[1] ?? '') ?? constantNumbers(b, n, 1, 'size'))
    .slice(2)
    .map((d) => fixedDim(n, d, 'a size'));
  const rank = size.length;
  if (rank !== 2 && rank !== 3) throw malformed(n, `has ${rank} spatial sizes`, '2 or 3');
  const count = size.reduce((a, d) => a * d, 1);
  bounded(b, n, count * (rank + 1), 'a grid');
  const along = size.map((d) => centres(d, intOf(n, 'align_corners', 0) === 1));
  const data = new Float32Array(count * (rank + 1)).fill(1);
  for (let i = 0; i < count; i++) {
    // The last axis comes first: x, y, z.
    for (let axis = rank - 1, rest = i; axis >= 0; axis--) {
      data[i * (rank + 1) + (rank - 1 - axis)] = along[axis]![rest % size[axis]!]!;
      rest = Math.floor(rest / size[axis]!);
    }
  }
  const base = b.constant(float32(data, [1, count, rank + 1]));
  const points = b.op('MatMul', [base, b.op('Transpose', [theta], { perm: [0, 2, 1] })]);
  return [b.reshape(points, [0, ...size, rank])];
};

type Padding = 'zeros' | 'border' | 'reflection';

/** Weights of the taps around a position as polynomials of its fraction t, one row per power; and the first tap. */
interface Kernel {
  readonly first: number;
  readonly taps: number;
  readonly powers: readonly (readonly number[])[];
}

const A = -0.75;
const KERNELS: Readonly<Record<string, Kernel>> = {
  nearest: { first: 0, taps: 1, powers: [] },
  linear: {
    first: 0,
    taps: 2,
    powers: [
      [1, 0],
      [-1, 1],
    ],
  },
  // Keys' cubic convolution with a = −¾, expanded for the taps at −1, 0, 1 and 2.
  cubic: {
    first: -1,
    taps: 4,
    powers: [
      [0, 1, 0, 0],
      [A, 0, -A, 0],
      [-2 * A, -(A + 3), 2 * A + 3, A],
      [A, A + 2, -(A + 2), -A],
    ],
  },
};

/** What one axis contributes: which elements, [N, K, P] int64 in [0, size), and their weights, [N, K, P]. */
interface Taps {
  readonly indices: Value;
  readonly weights: Value | undefined;
}

const whole = (b: GraphBuilder, v: number): Value => b.constant(int64([v], []));

/** Elements beyond the ends: the nearest, or those mirrored at the border (at centres where corners are aligned). */
function inside(b: GraphBuilder, at: Value, size: number, padding: Padding, aligned: boolean): Value {
  if (padding === 'reflection') {
    // A period is 2(size − 1) elements between centres, 2·size between edges; its second half runs backwards.
    const period = aligned ? Math.max(1, 2 * (size - 1)) : 2 * size;
    const once = b.op('Mod', [at, whole(b, period)]);
    return b.op('Min', [once, b.op('Sub', [whole(b, aligned ? period : period - 1), once])]);
  }
  return b.op('Max', [b.op('Min', [at, whole(b, size - 1)]), whole(b, 0)]);
}

/** The taps of one axis around positions g in [−1, 1], [N, 1, P]. */
function tapsOf(
  b: GraphBuilder,
  g: Value,
  size: number,
  kernel: Kernel,
  padding: Padding,
  aligned: boolean,
): Taps {
  // x = (g + 1)/2·(size − 1), or ((g + 1)·size − 1)/2
  const [slope, offset] = aligned ? [(size - 1) / 2, (size - 1) / 2] : [size / 2, (size - 1) / 2];
  let x = b.op('Add', [b.op('Mul', [g, b.scalar(slope)]), b.scalar(offset)]);
  // Four elements beyond the ends nothing changes any more; so far, integers cannot overflow.
  if (padding !== 'reflection') x = b.op('Clip', [x, b.scalar(-4), b.scalar(size + 3)]);
  // Cast to an integer and back, the floor has its true gradient: none.
  const floor = castTo(b, b.op(kernel.taps === 1 ? 'Round' : 'Floor', [x]), 'int64');
  const steps = Array.from({ length: kernel.taps }, (_, i) => kernel.first + i);
  const at = kernel.taps === 1 ? floor : b.op('Add', [floor, b.constant(int64(steps, [1, kernel.taps, 1]))]);

  let weights: Value | undefined;
  if (kernel.taps > 1) {
    const t = b.op('Sub', [x, castTo(b, floor, 'float32')]);
    const row = (power: readonly number[]) => b.floats(power, [1, kernel.taps, 1]);
    const [highest, ...lower] = kernel.powers.toReversed();
    weights = lower.reduce((sum, power) => b.op('Add', [b.op('Mul', [sum, t]), row(power)]), row(highest!));
  }
  if (padding === 'zeros') {
    const valid = b.op('And', [b.op('Greater', [at, whole(b, -1)]), b.op('Less', [at, whole(b, size)])]);
    const mask = castTo(b, valid, 'float32');
    weights = weights === undefined ? mask : b.op('Mul', [weights, mask]);
  }
  return { indices: inside(b, at, size, padding, aligned), weights };
}

// y(p) = Σ wₖ(p)·x(k), over the taps k around each position: all are gathered at once and summed axis by axis
export const GridSample: Rewrite = (b, n) => {
  const [x, grid] = [floatInput(b, n), floatInput(b, n, 1)];
  const shape = shapeOfRank(b, n, x, 3, 5);
  const rank = shape.length - 2;
  const points = shapeOfRank(b, n, grid, rank + 2);
  if (points.at(-1) !== rank) throw malformed(n, `has a grid of ${points.at(-1)} coordinates`, `${rank}`);
  const channels = fixedDim(n, shape[1], 'its number of channels');
  const size = shape.slice(2).map((d) => fixedDim(n, d, 'the size of its map'));
  const out = points.slice(1, -1).map((d) => fixedDim(n, d, 'the size of its grid'));
  const { kernel, padding } = formOf(n, rank);
  const aligned = intOf(n, 'align_corners', 0) === 1;
  const K = kernel.taps;
  const count = out.reduce((a, d) => a * d, 1);

  const flat = b.reshape(grid, [0, count, rank]);
  const coordinates = splitInto(
    b,
    b.op('Transpose', [flat], { perm: [0, 2, 1] }),
    1,
    size.map(() => 1),
  );
  // The grid's first coordinate is along the last axis.
  const taps = size.map((d, a) => tapsOf(b, coordinates[rank - 1 - a]!, d, kernel, padding, aligned));
  const spread = (v: Value, a: number, leading: readonly number[]): Value =>
    K === 1 && leading.length === 0
      ? v
      : b.reshape(v, [0, ...leading, ...size.map((_, i) => (i === a ? K : 1)), count]);

  let linear = spread(taps[0]!.indices, 0, []);
  for (let a = 1; a < rank; a++) {
    linear = b.op('Add', [b.op('Mul', [linear, whole(b, size[a]!)]), spread(taps[a]!.indices, a, [])]);
  }
  const gathered = K ** rank * count;
  const everywhere = b.op('Expand', [b.reshape(linear, [0, 1, gathered]), b.ints([1, channels, 1])]);
  const map = b.reshape(x, [0, channels, size.reduce((a, d) => a * d, 1)]);
  let y = b.op('GatherElements', [map, everywhere], { axis: 2 });
  if (K > 1) y = b.reshape(y, [0, channels, ...size.map(() => K), count]);
  for (let a = rank - 1; a >= 0; a--) {
    const { weights } = taps[a]!;
    if (weights === undefined) continue;
    if (K === 1) y = b.op('Mul', [y, weights]);
    else {
      y = b.op('Mul', [y, spread(weights, a, [1])]);
      y = b.op('ReduceSum', [y, b.ints([2 + a])], { keepdims: 1 });
    }
  }
  return [b.reshape(y, [0, channels, ...out])];
};

function formOf(n: Node, rank: number): { kernel: Kernel; padding: Padding } {
  const given = stringOf(n, 'mode', 'linear');
  // Before set 20 the modes were called bilinear and bicubic.
  const mode = { bilinear: 'linear', bicubic: 'cubic' }[given] ?? given;
  const kernel = Object.hasOwn(KERNELS, mode) ? KERNELS[mode] : undefined;
  if (!kernel) throw malformed(n, `has mode "${given}"`, 'linear, nearest or cubic');
  if (mode === 'cubic' && rank > 2) throw unsupported(n, `cubic sampling of ${rank} axes`, 'at most 2');
  const padding = stringOf(n, 'padding_mode', 'zeros');
  if (padding !== 'zeros' && padding !== 'border' && padding !== 'reflection')
    throw malformed(n, `has padding_mode "${padding}"`, 'zeros, border or reflection');
  return { kernel, padding };
}
