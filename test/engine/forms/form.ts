import fc from 'fast-check';
import { type AttributeValue, type DataType, rangeOf, type Tensor } from '../../../src/graph/index.ts';
import { type Dense, tensorOf } from '../../../src/graph/reference/index.ts';
import { int, list } from '../../autodiff/generators/sample.ts';

/** One operator on values: those that are fed, in its order of inputs; null stands for one left out. */
export interface Form {
  readonly inputs: readonly (Dense | Constant | null)[];
  readonly attributes?: Readonly<Record<string, AttributeValue>>;
  /** @default 1 */
  readonly outputs?: number;
}

/** An input that is known before running. */
export interface Constant {
  readonly constant: Tensor;
}

export type Forms = fc.Arbitrary<Form>;

export const sizeOf = (shape: readonly number[]): number => shape.reduce((a, b) => a * b, 1);

export const dense = (dtype: DataType, shape: readonly number[], values: readonly number[]): Dense => ({
  dtype,
  shape,
  data: Float64Array.from(values, dtype === 'float32' ? Math.fround : (v) => v),
});
export const constant = (dtype: DataType, shape: readonly number[], values: readonly number[]): Constant => ({
  constant: tensorOf(dense(dtype, shape, values)),
});
export const ints = (values: readonly number[]): Constant => constant('int64', [values.length], values);

export const shapes = (minRank: number, maxRank: number, largest = 4) =>
  fc.array(int(1, largest), { minLength: minRank, maxLength: maxRank });

/** Few values, so that ties are common. */
export const POOL = [-2, -1.5, -1, -0.5, 0, 0.5, 1, 1.5, 2, 2.5];
export const drawn = (dtype: DataType, shape: readonly number[], pool = POOL): fc.Arbitrary<Dense> => {
  const [low, high] = dtype === 'bool' ? [0, 1] : (rangeOf(dtype) ?? [-Infinity, Infinity]);
  const fit = dtype === 'float32' ? pool : pool.map(Math.trunc).filter((v) => v >= low && v <= high);
  return list(fc.constantFrom(...fit), sizeOf(shape)).map((values) => dense(dtype, shape, values));
};
export const smooth = (shape: readonly number[]): fc.Arbitrary<Dense> =>
  list(fc.double({ min: -3, max: 3, noNaN: true }), sizeOf(shape)).map((v) => dense('float32', shape, v));

export const NUMBERS = ['float32', 'int32', 'int64', 'uint8', 'int8'] as const;
