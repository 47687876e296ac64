import fc from 'fast-check';
import { float, int64 } from '../../../src/graph/index.ts';
import { any } from '../check.ts';
import { flag, type Generators, int, list, type Sample, type Shape, shapeOf } from './sample.ts';

/** A form of one value. */
const of = (label: string, shape: Shape, y: Sample['y']): Sample => ({
  label: `${label} of [${shape}]`,
  inputs: { x: any(...shape) },
  y,
});

/** Splits the sizes of a shape into factors and joins neighbours again. */
const reshape: fc.Arbitrary<Sample> = fc
  .tuple(shapeOf(1), list(fc.boolean(), 4), int(0, 4), fc.boolean())
  .map(([shape, joins, open, keep]) => {
    const to: number[] = [];
    for (const [i, d] of shape.entries()) {
      if (i > 1 && joins[i] && to.at(-1)! > 0) to[to.length - 1] = to.at(-1)! * (d as number);
      else to.push(i === 0 ? (keep || d === 'N' ? 0 : (d as number)) : (d as number));
    }
    if (open > 0 && open < to.length) to[open] = -1;
    return of(`Reshape to ${to}`, shape, (b) => b.op('Reshape', ['x', b.ints(to)]));
  });

const squeeze: fc.Arbitrary<Sample> = fc
  .tuple(shapeOf(0, 3), list(fc.boolean(), 4), fc.boolean())
  .map(([shape, ones, all]) => {
    const wide: (number | 'N')[] = [];
    const axes: number[] = [];
    for (const [i, d] of [...shape, 1].entries()) {
      if (ones[i]) {
        axes.push(wide.length);
        wide.push(1);
      }
      if (i < shape.length) wide.push(d === 1 ? 2 : d);
    }
    const explicit = axes.length === 0 || !all || wide.includes('N');
    return of(`Squeeze ${explicit ? axes : ''}`, wide, (b) =>
      explicit && axes.length === 0
        ? b.op('Identity', [b.op('Squeeze', [b.op('Unsqueeze', ['x', b.ints([0])]), b.ints([0])])])
        : b.op('Squeeze', explicit ? ['x', b.ints(axes)] : ['x']),
    );
  });

const unsqueeze: fc.Arbitrary<Sample> = shapeOf(0, 3).chain((shape) =>
  int(1, 2).chain((count) => {
    const rank = shape.length + count;
    return fc
      .uniqueArray(int(0, rank - 1), { minLength: count, maxLength: count })
      .map((axes) =>
        of(`Unsqueeze ${axes}`, shape, (b) =>
          b.op('Unsqueeze', ['x', b.ints(axes.map((a, i) => (i ? a - rank : a)))]),
        ),
      );
  }),
);

const transpose: fc.Arbitrary<Sample> = shapeOf().chain((shape) =>
  fc
    .tuple(
      fc.shuffledSubarray(
        shape.map((_, i) => i),
        { minLength: shape.length },
      ),
      fc.boolean(),
    )
    .map(([perm, reverse]) =>
      of(`Transpose ${reverse ? '' : perm}`, shape, (b) => b.op('Transpose', ['x'], reverse ? {} : { perm })),
    ),
);

const concat: fc.Arbitrary<Sample> = fc
  .tuple(list(int(1, 3), 3), int(1, 3), fc.boolean(), fc.boolean())
  .chain(([dims, count, dynamic, end]) =>
    fc.tuple(int(dynamic ? 1 : 0, dims.length - 1), list(int(1, 3), count)).map(([axis, sizes]) => {
      const shape = (n: number): Shape => dims.map((d, i) => (i === axis ? n : i === 0 && dynamic ? 'N' : d));
      const names = sizes.map((_, i) => `x${i}`);
      return {
        label: `Concat of ${sizes.map((n) => `[${shape(n)}]`).join(' ')} on ${axis}`,
        inputs: Object.fromEntries(sizes.map((n, i) => [names[i]!, any(...shape(n))])),
        y: (b) => b.op('Concat', names, { axis: end ? axis - dims.length : axis }),
      };
    }),
  );

const split: fc.Arbitrary<Sample> = fc
  .tuple(list(int(1, 3), 3), list(int(1, 3), 3), int(1, 3), fc.boolean(), int(0, 6), int(0, 2))
  .map(([dims, parts, count, equal, used, axis]) => {
    const sizes = parts.slice(0, count);
    const total = equal ? count * 2 - (count > 1 ? 1 : 0) : sizes.reduce((a, b) => a + b, 0);
    const shape = dims.map((d, i) => (i === axis ? total : d));
    const kept = sizes.map((_, i) => i).filter((i) => i === used % count || (used >> i) & 1);
    return of(`Split ${equal ? `in ${count}` : sizes} on ${axis}, using ${kept}`, shape, (b) => {
      const outputs = b.ops(
        'Split',
        equal ? ['x'] : ['x', b.ints(sizes)],
        { axis, ...(equal && { num_outputs: count }) },
        count,
      );
      const sums = kept.map((i) =>
        b.op('Mul', [
          b.op('ReduceSum', [outputs[i]!], { keepdims: 0 }),
          b.op('ReduceMax', [outputs[i]!], { keepdims: 0 }),
        ]),
      );
      return sums.reduce((a, c) => b.op('Add', [a, c]));
    });
  });

const slice: fc.Arbitrary<Sample> = shapeOf(1, 3, 7).chain((shape) => {
  const fixed = shape.flatMap((d, i) => (d === 'N' ? [] : [i]));
  if (fixed.length === 0)
    return fc.constant(
      of('Slice of none', shape, (b) => b.op('Slice', ['x', b.ints([0]), b.ints([2 ** 40])])),
    );
  return fc
    .tuple(
      fc.subarray(fixed, { minLength: 1 }),
      list(fc.tuple(int(-9, 8), int(-9, 8), fc.constantFrom(1, 1, 2, 3, -1, -2)), 3),
      fc.boolean(),
    )
    .map(([axes, cuts, negative]) => {
      const parts = axes.map((axis, i) => {
        const [from, to, step] = cuts[i]!;
        return { axis, from, to, step };
      });
      return of(
        `Slice ${parts.map((p) => `${p.axis}: ${p.from}:${p.to}:${p.step}`).join(', ')}`,
        shape,
        (b) =>
          b.op('Slice', [
            'x',
            b.ints(parts.map((p) => p.from)),
            b.ints(parts.map((p) => p.to)),
            b.ints(parts.map((p) => (negative ? p.axis - shape.length : p.axis))),
            b.ints(parts.map((p) => p.step)),
          ]),
      );
    });
});

const pad: fc.Arbitrary<Sample> = fc
  .tuple(
    fc.constantFrom('constant', 'constant', 'reflect', 'edge', 'wrap'),
    fc.boolean(),
    list(int(3, 5), 3),
    list(int(-1, 2), 6),
    fc.boolean(),
    fc.boolean(),
  )
  .map(([mode, dynamic, sizes, amounts, value, some]) => {
    const shape: Shape = [dynamic ? 'N' : 2, ...sizes];
    const axes = some ? [-1, 2] : [1, 2, 3];
    const pads = [...amounts.slice(0, axes.length), ...amounts.slice(3, 3 + axes.length)];
    const given = value && mode === 'constant';
    return {
      ...of(`Pad by ${mode} ${pads} on ${axes}`, shape, (b) =>
        b.op('Pad', ['x', b.ints(pads), given ? 'v' : '', b.ints(axes)], { mode }),
      ),
      ...(given && { weights: { v: any() } }),
    };
  });

const expand: fc.Arbitrary<Sample> = fc
  .tuple(shapeOf(0, 3), list(fc.boolean(), 4), list(int(1, 3), 2))
  .map(([whole, narrow, more]) => {
    const from = whole.map((d, i) => (narrow[i] ? 1 : d));
    const to = [...more, ...whole.map((d) => (d === 'N' ? 1 : d))];
    return of(`Expand to ${to}`, from, (b) => b.op('Expand', ['x', b.ints(to)]));
  });

const tile: fc.Arbitrary<Sample> = fc
  .tuple(shapeOf(1), list(int(1, 3), 4))
  .map(([shape, repeats]) =>
    of(`Tile ${repeats.slice(0, shape.length)}`, shape, (b) =>
      b.op('Tile', ['x', b.ints(repeats.slice(0, shape.length))]),
    ),
  );

const trilu: fc.Arbitrary<Sample> = fc
  .tuple(shapeOf(2), fc.option(int(-3, 3), { nil: undefined }), fc.constantFrom(0, 1, undefined))
  .map(([shape, k, upper]) =>
    of(`Trilu upper ${upper} k ${k}`, shape, (b) =>
      b.op('Trilu', k === undefined ? ['x'] : ['x', b.constant(int64([k], []))], {
        ...(upper !== undefined && { upper }),
      }),
    ),
  );

const image = (channels: number, factor: number) =>
  fc
    .tuple(fc.constantFrom<number | 'N'>('N', 2), int(1, 2), int(1, 2), int(1, 2))
    .map(([n, c, h, w]): Shape => [n, c * channels, h * factor, w * factor]);
const depth = (
  op: string,
  modes: readonly (string | undefined)[],
  channels: (b: number) => number,
  factor: (b: number) => number,
) =>
  int(1, 3).chain((blocksize) =>
    fc
      .tuple(image(channels(blocksize), factor(blocksize)), fc.constantFrom(...modes))
      .map(([shape, mode]) =>
        of(`${op} ${blocksize} ${mode}`, shape, (b) => b.op(op, ['x'], { blocksize, ...(mode && { mode }) })),
      ),
  );

const resize: fc.Arbitrary<Sample> = fc
  .record({
    size: fc.tuple(int(1, 5), int(1, 6)),
    mode: fc.constantFrom('nearest', 'linear', 'cubic'),
    factors: fc.tuple(fc.constantFrom(0.4, 0.5, 1, 1.3, 2, 3), fc.constantFrom(0.3, 0.6, 1, 2, 2.5)),
    bySizes: fc.boolean(),
    coordinates: fc.constantFrom(
      ...[
        undefined,
        'half_pixel',
        'half_pixel_symmetric',
        'pytorch_half_pixel',
        'align_corners',
        'asymmetric',
      ],
      'tf_crop_and_resize',
    ),
    rounding: fc.constantFrom(undefined, 'round_prefer_floor', 'round_prefer_ceil', 'floor', 'ceil'),
    antialias: flag,
    exclude: flag,
    policy: fc.constantFrom(undefined, 'stretch', 'not_larger', 'not_smaller'),
    axes: fc.boolean(),
    n: fc.constantFrom<number | 'N'>('N', 2),
  })
  .map((r) => {
    // What a region makes of scales, engines disagree on; sizes are sizes.
    const crops = r.coordinates === 'tf_crop_and_resize';
    const bySizes = crops || (r.bySizes && r.axes);
    const attributes = {
      mode: r.mode,
      coordinate_transformation_mode: r.coordinates,
      nearest_mode: r.rounding,
      // Only filters may be wider than their pixels, or leave out what is outside.
      antialias: r.mode === 'nearest' || crops ? undefined : r.antialias,
      exclude_outside: r.mode === 'cubic' ? r.exclude : undefined,
      cubic_coeff_a: r.mode === 'cubic' && r.exclude ? float(-0.5) : undefined,
      extrapolation_value: float(0.5),
      axes: r.axes || crops ? [2, -1] : undefined,
      // Kept in proportion to the smaller ratio, a short axis may vanish.
      keep_aspect_ratio_policy:
        bySizes && (r.policy !== 'not_larger' || Math.min(...r.size) > 3) ? r.policy : undefined,
    };
    const shape: Shape = [r.n, 2, ...r.size];
    const out = r.size.map((s, i) => Math.max(1, Math.floor(s * r.factors[i]!)));
    const factors = r.factors.map((f, i) => (Math.floor(r.size[i]! * f) < 1 ? 1 : f));
    return of(`Resize ${JSON.stringify({ ...attributes, bySizes, factors })}`, shape, (b) => {
      const roi = crops ? b.floats([0.1, -0.2, 0.8, 1.1]) : '';
      return b.op(
        'Resize',
        bySizes ? ['x', roi, '', b.ints(out)] : ['x', roi, b.floats(r.axes ? factors : [1, 1, ...factors])],
        attributes,
      );
    });
  });

export const layout: Generators = {
  Concat: concat,
  DepthToSpace: depth(
    'DepthToSpace',
    ['DCR', 'CRD', undefined],
    (b) => b * b,
    () => 1,
  ),
  Expand: expand,
  Flatten: shapeOf(1).chain((shape) =>
    int(-shape.length, shape.length).map((axis) =>
      of(`Flatten ${axis}`, shape, (b) => b.op('Flatten', ['x'], { axis })),
    ),
  ),
  Pad: pad,
  Reshape: reshape,
  Resize: resize,
  Slice: slice,
  SpaceToDepth: depth(
    'SpaceToDepth',
    [undefined],
    () => 1,
    (b) => b,
  ),
  Split: split,
  Squeeze: squeeze,
  Tile: tile,
  Transpose: transpose,
  Trilu: trilu,
  Unsqueeze: unsqueeze,
};
