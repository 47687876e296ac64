import { float32, intOf, intsOf, stringOf } from '../attributes.ts';
import type { Value } from '../builder.ts';
import { dataTypeNumber } from '../data-types.ts';
import {
  axesFrom,
  axisWithin,
  bounded,
  constantNumbers,
  fixedDim,
  floatInput,
  inputOf,
  malformed,
  shapeOfRank,
  unsupported,
} from './parts.ts';
import type { Rewrite } from './rewrite.ts';

export const CastLike: Rewrite = (b, n) => {
  const { dtype } = b.type(inputOf(n, 1));
  return [b.op('Cast', [inputOf(n, 0)], { to: dataTypeNumber(dtype) })];
};

/** Blocks back to where they were cut from, overlaps added: a transposed convolution whose weights are one-hot. */
export const Col2Im: Rewrite = (b, n) => {
  const x = floatInput(b, n);
  const [, rows] = shapeOfRank(b, n, x, 3);
  const [image, block] = [constantNumbers(b, n, 1, 'image shape'), constantNumbers(b, n, 2, 'block shape')];
  const rank = image.length;
  const list = (name: string, count: number, fallback: number): readonly number[] => {
    const given = intsOf(n, name) ?? new Array<number>(count).fill(fallback);
    if (given.length !== count) throw malformed(n, `has ${given.length} ${name}`, `${count}`);
    return given;
  };
  if (rank < 1 || rank > 3 || block.length !== rank)
    throw unsupported(
      n,
      `an image of rank ${rank} and blocks of rank ${block.length}`,
      'equal ranks of 1 to 3',
    );
  const [strides, dilations, pads] = [
    list('strides', rank, 1),
    list('dilations', rank, 1),
    list('pads', 2 * rank, 0),
  ];
  const taps = block.reduce((a, k) => a * k, 1);
  const total = fixedDim(n, rows, 'the number of its rows');
  if (!(taps >= 1) || total % taps !== 0 || strides.some((s) => !(s >= 1)))
    throw malformed(n, `has ${total} rows for blocks of ${taps}`, 'a multiple, and strides of at least 1');
  bounded(b, n, total * taps, 'one-hot weights');
  const span = (a: number) => dilations[a]! * (block[a]! - 1) + 1;
  const rest = (a: number) => image[a]! + pads[a]! + pads[a + rank]! - span(a);
  const counts = axesFrom(0, rank).map((a) => Math.floor(rest(a) / strides[a]!) + 1);
  if (counts.some((c) => !(c >= 1)))
    throw malformed(n, `has an image of [${image}]`, 'one that holds a block');
  const weight = new Float32Array(total * taps);
  for (let i = 0; i < total; i++) weight[i * taps + (i % taps)] = 1;
  const y = b.op(
    'ConvTranspose',
    [b.reshape(x, [0, total, ...counts]), b.constant(float32(weight, [total, 1, ...block]))],
    {
      group: total / taps,
      strides,
      dilations,
      pads,
      output_padding: axesFrom(0, rank).map((a) => rest(a) % strides[a]!),
    },
  );
  return [y];
};

export const Compress: Rewrite = (b, n) => {
  const kept = constantNumbers(b, n, 1, 'condition').flatMap((keep, i) => (keep ? [i] : []));
  const x = inputOf(n, 0);
  const axis = n.attributes.has('axis') ? intOf(n, 'axis', 0) : undefined;
  const flat = axis === undefined ? b.op('Reshape', [x, b.ints([-1])]) : x;
  const at = axisWithin(n, axis ?? 0, b.shape(flat).length);
  const size = b.shape(flat)[at];
  const beyond = kept.find((i) => typeof size === 'number' && i >= size);
  if (beyond !== undefined) throw malformed(n, `keeps element ${beyond} of ${size}`, 'elements that exist');
  return [b.op('Gather', [flat, b.ints(kept)], { axis: at })];
};

/** Cuts or pads each axis to its new size, equally at both ends; what is odd goes to the end. */
export const CenterCropPad: Rewrite = (b, n) => {
  let x = inputOf(n, 0);
  const shape = b.shape(x);
  const sizes = constantNumbers(b, n, 1, 'shape');
  const axes = (intsOf(n, 'axes') ?? axesFrom(0, shape.length)).map((a) => axisWithin(n, a, shape.length));
  if (axes.length !== sizes.length) throw malformed(n, `has ${sizes.length} sizes`, `${axes.length}`);
  const cuts: { axis: number; start: number; end: number }[] = [];
  const before = new Array<number>(shape.length).fill(0);
  const after = [...before];
  for (const [i, axis] of axes.entries()) {
    const [from, to] = [fixedDim(n, shape[axis], `axis ${axis}`), fixedDim(n, sizes[i], 'a size')];
    if (from > to) {
      const start = Math.floor((from - to) / 2);
      cuts.push({ axis, start, end: start + to });
    } else {
      before[axis] = Math.floor((to - from) / 2);
      after[axis] = to - from - before[axis]!;
    }
  }
  const size = b.constantValue(x) ? axes.reduce((a, axis, i) => (a / Number(shape[axis])) * sizes[i]!, 1) : 0;
  bounded(b, n, size * (b.constantValue(x)?.data.length ?? 0), 'a padded constant');
  x = b.slice(x, cuts);
  return [b.pad(x, before, after)];
};

/** Nearest (floor) or linear resizing, at coordinates x/scale. */
export const Upsample: Rewrite = (b, n) => {
  const x = inputOf(n, 0);
  const written = n.attributes.get('scales');
  let scales: Value = n.inputs[1] ?? '';
  if (written?.type === 'floats') scales = b.floats(written.value);
  if (scales === '') throw malformed(n, 'has no scales', 'a scale per axis');
  const mode = stringOf(n, 'mode', 'nearest');
  if (mode !== 'nearest' && mode !== 'linear' && mode !== 'bilinear')
    throw malformed(n, `has mode "${mode}"`, 'nearest or linear');
  return [
    b.op('Resize', [x, '', scales], {
      mode: mode === 'nearest' ? 'nearest' : 'linear',
      coordinate_transformation_mode: 'asymmetric',
      ...(mode === 'nearest' ? { nearest_mode: 'floor' } : {}),
    }),
  ];
};
