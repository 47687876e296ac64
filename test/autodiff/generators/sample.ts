import fc from 'fast-check';
import type { GraphBuilder, Op, Value } from '../../../src/graph/index.ts';
import type { Spec } from '../check.ts';

/** One form of an operator: what it is fed with, and the graph around it. */
export interface Sample {
  readonly label: string;
  /** Graph inputs and, among them, values that may as well be constants (`weights`). */
  readonly inputs: Readonly<Record<string, Spec>>;
  readonly weights?: Readonly<Record<string, Spec>>;
  readonly y: (b: GraphBuilder) => Value;
  /** The function whose differences are taken, where that is not `y` (a straight-through estimator). */
  readonly truth?: (b: GraphBuilder) => Value;
}

/** A generator per operator. */
export type Generators = Partial<Record<Op, fc.Arbitrary<Sample>>>;

export type Shape = readonly (number | 'N')[];

export const int = (min: number, max: number) => fc.integer({ min, max });
export const flag = fc.integer({ min: 0, max: 1 });
export const list = <T>(of: fc.Arbitrary<T>, length: number) =>
  fc.array(of, { minLength: length, maxLength: length });

/** Sizes from 1 to 4, of which the first may be a dynamic batch. */
export const shapeOf = (minRank = 0, maxRank = 4, largest = 4): fc.Arbitrary<Shape> =>
  fc
    .tuple(fc.array(int(1, largest), { minLength: minRank, maxLength: maxRank }), fc.boolean())
    .map(([dims, dynamic]) => (dynamic && dims.length > 0 ? ['N', ...dims.slice(1)] : dims));

/** An axis of a shape, counted from either end. */
export const axisOf = (rank: number) => int(-rank, rank - 1);

/** Shapes that broadcast to one: leading axes left out, others of size 1. */
export const broadcasting = (count: number, minRank = 0): fc.Arbitrary<Shape[]> =>
  shapeOf(minRank, 4, 3).chain((whole) =>
    fc
      .tuple(
        ...Array.from({ length: count }, () =>
          fc.tuple(int(0, whole.length), list(fc.boolean(), whole.length)),
        ),
      )
      .map((picks) =>
        picks.map(([drop, narrow]) => whole.flatMap((d, i): Shape => (i < drop ? [] : [narrow[i] ? 1 : d]))),
      ),
  );

/** A non-empty choice of axes, some counted from the end. */
export const axesOf = (rank: number): fc.Arbitrary<number[]> =>
  fc
    .tuple(
      fc.subarray(
        Array.from({ length: rank }, (_, i) => i),
        { minLength: 1 },
      ),
      list(fc.boolean(), rank),
    )
    .map(([axes, negative]) => axes.map((a) => (negative[a] ? a - rank : a)));

export const sizeAt = (shape: Shape, axis: number): number => {
  const d = shape.at(axis);
  return typeof d === 'number' ? d : 1;
};
