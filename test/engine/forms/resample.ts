import fc from 'fast-check';
import { type DataType, float } from '../../../src/graph/index.ts';
import { flag, int, list } from '../../autodiff/generators/sample.ts';
import { constant, dense, drawn, type Forms, ints, shapes, sizeOf, smooth } from './form.ts';

export const quantise: Forms = fc
  .tuple(
    shapes(2, 4),
    fc.constantFrom<DataType>('uint8', 'int8', 'int16', 'uint16'),
    fc.constantFrom('tensor', 'axis', 'block'),
  )
  .chain(([shape, dtype, by]) => {
    const axis = 1;
    const rank = shape.length;
    const size = shape[axis]!;
    const spread =
      by === 'tensor'
        ? []
        : by === 'axis'
          ? [size]
          : shape.map((d, i) => (i === axis ? Math.ceil(d / 2) : d));
    return fc
      .tuple(
        drawn('float32', shape, [-40, -2.5, -0.75, -0.25, 0, 0.25, 0.5, 1.25, 3, 100]),
        drawn('float32', spread, [0.5, 0.25, 2]),
        drawn(dtype, spread, [0, 1, 3]),
      )
      .map(([x, s, z]) => ({
        inputs: [x, s, z],
        attributes: { axis: axis - (by === 'axis' ? rank : 0), ...(by === 'block' && { block_size: 2 }) },
      }));
  });

export const dequantise: Forms = fc
  .tuple(shapes(2, 4), fc.constantFrom<DataType>('uint8', 'int8', 'int32'), fc.boolean())
  .chain(([shape, dtype, perAxis]) => {
    const spread = perAxis ? [shape[1]!] : [];
    return fc
      .tuple(drawn(dtype, shape, [-100, -3, 0, 1, 7, 90]), smooth(spread), drawn(dtype, spread, [0, 1, 3]))
      .map((inputs) => ({ inputs }));
  });

export const crossEntropy: Forms = fc
  .tuple(
    shapes(0, 3, 3),
    int(1, 3),
    int(1, 4),
    fc.constantFrom('none', 'sum', 'mean'),
    fc.boolean(),
    fc.constantFrom(undefined, -1, 0, 7),
  )
  .chain(([pixels, n, classes, reduction, weighted, ignore_index]) => {
    const shape = [n, ...pixels];
    const labels = Array.from({ length: classes }, (_, i) => i);
    const pool = ignore_index === undefined ? labels : [...labels, ignore_index];
    return fc
      .tuple(smooth([n, classes, ...pixels]), list(fc.constantFrom(...pool), sizeOf(shape)))
      .map(([x, at]) => ({
        inputs: [
          x,
          dense('int64', shape, at),
          ...(weighted ? [dense('float32', [classes], [0.5, 2, 1, 3].slice(0, classes))] : []),
        ],
        attributes: { reduction, ...(ignore_index !== undefined && { ignore_index }) },
        outputs: 2,
      }));
  });

const COORDINATES = [
  'half_pixel',
  'asymmetric',
  'align_corners',
  'pytorch_half_pixel',
  'half_pixel_symmetric',
  'tf_half_pixel_for_nn',
  'tf_crop_and_resize',
];
const NEAREST = ['round_prefer_floor', 'round_prefer_ceil', 'floor', 'ceil'];

export const resize: Forms = fc
  .record({
    image: list(int(1, 5), 2),
    mode: fc.constantFrom('nearest', 'linear', 'cubic'),
    coordinate_transformation_mode: fc.constantFrom(...COORDINATES),
    nearest_mode: fc.constantFrom(...NEAREST),
    antialias: flag,
    exclude_outside: flag,
    cubic_coeff_a: fc.constantFrom(-0.75, -0.5),
    to: list(int(1, 9), 2),
    scales: fc.option(list(fc.constantFrom(0.5, 0.75, 1, 1.5, 2), 2), { nil: undefined }),
    policy: fc.constantFrom('stretch', 'not_larger', 'not_smaller'),
    all: fc.boolean(),
    value: fc.constantFrom(0, -2.5),
  })
  .filter(({ image, scales }) => image.every((d, i) => Math.floor(d * (scales?.[i] ?? 1)) > 0))
  .chain(
    ({ image, to, scales, policy, all, value, cubic_coeff_a, mode, antialias, exclude_outside, ...rest }) =>
      smooth([2, 3, ...image]).map((x) => {
        const crops = rest.coordinate_transformation_mode === 'tf_crop_and_resize';
        const lead = all ? [1, 1] : [];
        const roi = crops ? [...lead.map(() => 0), 0.1, -0.2, ...lead, 0.9, 1.1] : [];
        // Scales of a crop are of its size.
        const sized = crops || !scales;
        return {
          inputs: [
            x,
            crops ? constant('float32', [roi.length], roi) : null,
            sized ? null : constant('float32', [lead.length + 2], [...lead, ...scales]),
            sized ? ints([...(all ? [2, 3] : []), ...to]) : null,
          ],
          attributes: {
            ...rest,
            mode,
            // Antialiasing is for interpolation, the other for cubic.
            ...(mode !== 'nearest' && { antialias }),
            ...(mode === 'cubic' && { exclude_outside, cubic_coeff_a: float(cubic_coeff_a) }),
            ...(!all && { axes: [2, -1], keep_aspect_ratio_policy: crops ? 'stretch' : policy }),
            extrapolation_value: float(value),
          },
        };
      }),
  );
