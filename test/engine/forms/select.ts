import fc from 'fast-check';
import { type DataType, dataTypeNumber, float } from '../../../src/graph/index.ts';
import { type Dense, tensorOf } from '../../../src/graph/reference/index.ts';
import { axisOf, flag, int, list } from '../../autodiff/generators/sample.ts';
import { constant, dense, drawn, type Form, type Forms, ints, shapes, sizeOf } from './form.ts';

export const range: Forms = fc
  .tuple(
    fc.constantFrom<DataType>('float32', 'int32', 'int64'),
    int(-5, 5),
    int(-9, 9),
    int(1, 3),
    fc.boolean(),
  )
  .map(([dtype, start, limit, step, fed]) => {
    const delta = limit < start ? -step : step;
    const scalar = (v: number) => (fed ? dense(dtype, [], [v]) : constant(dtype, [], [v]));
    return { inputs: [scalar(start), scalar(limit), scalar(delta)] };
  });

export const longRange: Forms = fc
  .constantFrom<DataType>('float32', 'int64')
  .map((dtype) => ({ inputs: [0, 5000, 1].map((v) => constant(dtype, [], [v])) }));

export const eyeLike: Forms = fc
  .tuple(
    int(1, 5),
    int(1, 5),
    int(-6, 6),
    fc.constantFrom<DataType>('float32', 'int32', 'bool'),
    fc.boolean(),
  )
  .chain(([rows, columns, k, dtype, stated]) =>
    drawn('int32', [rows, columns]).map((x) => ({
      inputs: [x],
      attributes: { k, ...(stated && { dtype: dataTypeNumber(dtype) }) },
    })),
  );

/** Numbers written in each of the ways that there are. */
export const constants: Forms = fc.array(int(-9, 9), { minLength: 1, maxLength: 4 }).chain((values) =>
  fc.constantFrom<Form>(
    { inputs: [], attributes: { value_int: values[0] } },
    { inputs: [], attributes: { value_ints: values } },
    { inputs: [], attributes: { value_float: float(values[0]! / 2) } },
    { inputs: [], attributes: { value_floats: { type: 'floats', value: values } } },
    {
      inputs: [],
      attributes: { value: { type: 'tensor', value: tensorOf(dense('int8', [values.length], values)) } },
    },
  ),
);

/** Part of a shape, its ends counted from either side. */
export const measured: Forms = fc
  .tuple(shapes(0, 4), int(-5, 5), int(-5, 5))
  .chain(([shape, start, end]) =>
    drawn('float32', shape).map((x) => ({ inputs: [x], attributes: { start, end } })),
  );

/** Beyond what is computed on the host, and fed, so that the device does it. */
export const constantOfShape: Forms = fc
  .tuple(
    fc.constantFrom([5000], [65, 65], [2, 3], [3, 0], []),
    fc.constantFrom<DataType>('float32', 'int64', 'bool', 'int8'),
    fc.boolean(),
    fc.boolean(),
  )
  .map(([shape, dtype, fed, stated]) => {
    const value = tensorOf(dense(dtype, [1], [dtype === 'bool' ? 1 : -3]));
    const at = dense('int64', [shape.length], shape);
    return {
      inputs: [fed ? at : ints(shape)],
      ...(stated && { attributes: { value: { type: 'tensor', value } } }),
    };
  });

export const best: Forms = fc
  .tuple(shapes(1, 4), fc.constantFrom<DataType>('float32', 'int32', 'uint8', 'int8'), flag, flag)
  .chain(([shape, dtype, keepdims, select_last_index]) =>
    fc
      .tuple(drawn(dtype, shape), axisOf(shape.length))
      .map(([x, axis]) => ({ inputs: [x], attributes: { axis, keepdims, select_last_index } })),
  );

export const onAxis = (values: (shape: number[]) => fc.Arbitrary<Dense>): Forms =>
  shapes(1, 5, 3).chain((shape) =>
    fc.tuple(values(shape), axisOf(shape.length)).map(([x, axis]) => ({ inputs: [x], attributes: { axis } })),
  );

/** Indices of either sign, also beyond the depth; as floats, with fractions. */
export const oneHot: Forms = fc
  .tuple(
    shapes(0, 3),
    int(1, 4),
    fc.constantFrom<DataType>('int64', 'int32', 'float32'),
    fc.constantFrom<DataType>('float32', 'int64', 'bool'),
  )
  .chain(([shape, depth, indexType, dtype]) =>
    fc
      .tuple(drawn(indexType, shape, [-6, -4, -2, -1, -0.6, 0, 1, 2.6, 3, 5]), axisOf(shape.length + 1))
      .map(([at, axis]) => ({
        inputs: [at, ints([depth]), dense(dtype, [2], dtype === 'bool' ? [1, 0] : [-1, 3])],
        attributes: { axis },
      })),
  );

export const topK: Forms = fc
  .tuple(shapes(1, 4), fc.constantFrom<DataType>('float32', 'int32', 'int8'), flag)
  .chain(([shape, dtype, largest]) =>
    axisOf(shape.length).chain((axis) =>
      fc.tuple(drawn(dtype, shape), int(0, shape.at(axis)!)).map(([x, k]) => ({
        inputs: [x, ints([k])],
        attributes: { axis, largest },
        outputs: 2,
      })),
    ),
  );

export const gather: Forms = fc
  .tuple(shapes(1, 4), fc.constantFrom<DataType>('float32', 'int64', 'bool'), shapes(0, 2))
  .chain(([shape, dtype, rows]) =>
    axisOf(shape.length).chain((axis) =>
      fc
        .tuple(drawn(dtype, shape), list(int(-shape.at(axis)!, shape.at(axis)! - 1), sizeOf(rows)))
        .map(([x, at]) => ({ inputs: [x, dense('int64', rows, at)], attributes: { axis } })),
    ),
  );

const REDUCTIONS = ['add', 'mul', 'max', 'min'];

/** Positions that meet, and are combined. */
export const scatterElements: Forms = fc
  .tuple(
    shapes(1, 3),
    fc.constantFrom<DataType>('float32', 'int32'),
    fc.constantFrom(...REDUCTIONS),
    int(1, 5),
  )
  .chain(([shape, dtype, reduction, count]) =>
    axisOf(shape.length).chain((axis) => {
      const size = shape.at(axis)!;
      const of = shape.with(axis < 0 ? axis + shape.length : axis, count);
      return fc
        .tuple(drawn(dtype, shape), list(int(-size, size - 1), sizeOf(of)), drawn(dtype, of))
        .map(([x, at, u]) => ({ inputs: [x, dense('int64', of, at), u], attributes: { axis, reduction } }));
    }),
  );

export const scatterND: Forms = fc
  .tuple(
    shapes(1, 3),
    fc.constantFrom<DataType>('float32', 'int64'),
    fc.constantFrom(...REDUCTIONS),
    int(0, 4),
  )
  .chain(([shape, dtype, reduction, count]) =>
    int(1, shape.length).chain((depth) =>
      fc
        .tuple(
          drawn(dtype, shape),
          list(fc.tuple(...shape.slice(0, depth).map((d) => int(-d, d - 1))), count),
          drawn(dtype, [count, ...shape.slice(depth)]),
        )
        .map(([x, at, u]) => ({
          inputs: [x, dense('int64', [count, depth], at.flat()), u],
          attributes: { reduction },
        })),
    ),
  );

/** Booleans replaced: on a permuted axis, so that no two meet. */
export const scatterBooleans: Forms = int(1, 5).chain((n) =>
  fc
    .tuple(drawn('bool', [n, 2]), fc.shuffledSubarray(Array.from({ length: n }, (_, i) => i)))
    .chain(([x, at]) =>
      drawn('bool', [at.length, 2]).map((u) => ({ inputs: [x, dense('int64', [at.length, 1], at), u] })),
    ),
);
