import * as tf from '@tensorflow/tfjs-core';
import {
  type Attribute,
  callKernel,
  type Dense,
  isFloat,
  type Node,
  stringOf,
} from '../../../graph/index.ts';
import type { Call, TfOp } from '../call.ts';
import { counted, lastAxis, slabsAt } from '../rows.ts';
import { laid, productOf } from '../tensors.ts';

/** Matrices of more elements than this are refused. */
const LARGEST = 2 ** 24;

/** What is done to one axis. */
interface Part {
  readonly axis: number;
  readonly size: number;
  readonly out: number;
  /** The inputs of the node for this axis alone: region, scale, size. */
  readonly inputs: readonly (Dense | undefined)[];
}

const floats = (data: readonly number[]): Dense => ({
  dtype: 'float32',
  shape: [data.length],
  data: Float64Array.from(data),
});

/** The axes that a node changes, each with its scale or size: one whose scale is 1 stays as it is unless it is cropped. */
function partsOf(c: Call): Part[] {
  const [shape, to] = [c.shape(), c.out()];
  const axes = (c.ints('axes') ?? shape.map((_, i) => i)).map((a) => counted(a, shape.length));
  const read = (i: number): number[] => (c.has(i) ? c.values(i) : []);
  const [region, scales, sizes] = [read(1), read(2), read(3)];
  const policy = stringOf(c.node, 'keep_aspect_ratio_policy', 'stretch');
  const ratios = sizes.map((s, i) => s / shape[axes[i]!]!);
  const common = policy === 'not_larger' ? Math.min(...ratios) : Math.max(...ratios);
  return axes.flatMap((axis, i): Part[] => {
    const size = shape[axis]!;
    const wanted = policy === 'stretch' ? sizes[i]! : common * size;
    const scale = sizes.length > 0 ? wanted / size : scales[i]!;
    if (scale === 1 && !crops(c)) return [];
    const roi =
      region.length === 2 * axes.length ? floats([region[i]!, region[i + axes.length]!]) : undefined;
    const by = sizes.length > 0 ? [undefined, floats([wanted])] : [floats([scale]), undefined];
    return [{ axis, size, out: to[axis]!, inputs: [roi, ...by] }];
  });
}

const crops = (c: Call): boolean =>
  stringOf(c.node, 'coordinate_transformation_mode', 'half_pixel') === 'tf_crop_and_resize';

/** Weights by node, size and scale: they are the same at each run. */
const weights = new WeakMap<Node, Map<string, Dense>>();

function weightsOf(c: Call, part: Part): Dense {
  const known = weights.get(c.node) ?? new Map<string, Dense>();
  weights.set(c.node, known);
  const name = `${part.size} to ${part.out} by ${part.inputs.map((input) => input?.data ?? '-')}`;
  const found = known.get(name) ?? measured(c, part);
  known.set(name, found);
  return found;
}

/**
 * The weights of an axis, `[size, out]`: what the reference's Resize makes of each unit vector, as all modes are linear.
 * Positions outside the region have no weights.
 */
function measured(c: Call, { size, out, inputs }: Part): Dense {
  if (size * out > LARGEST)
    throw c.unsupported(`it resizes ${size} to ${out}`, `a product of at most ${LARGEST}`);
  const attributes = new Map<string, Attribute>(c.node.attributes)
    .set('axes', { type: 'ints', value: [0] })
    .set('extrapolation_value', { type: 'float', value: 0 });
  const node: Node = { ...c.node, attributes };
  const data = new Float64Array(size * out);
  for (let i = 0; i < size; i++) {
    const unit = floats(new Array<number>(size).fill(0).with(i, 1));
    const row = callKernel(node, [unit, ...inputs])[0]!.data;
    if (row.length !== out)
      throw c.unsupported(`it resizes ${size} to ${row.length}`, `${out}, by its shape rule`);
    data.set(row, i * out);
  }
  return { dtype: 'float32', shape: [size, out], data };
}

const isIdentity = ({ shape: [size, out], data }: Dense): boolean =>
  size === out && data.every((w, i) => w === (i % (size! + 1) === 0 ? 1 : 0));

/** The one position that each output is a copy of (any, where it has none); undefined where there is interpolation. */
function picksOf({ shape, data }: Dense): number[] | undefined {
  const [size, out] = shape as [number, number];
  const picks = new Array<number>(out).fill(0);
  const sums = new Array<number>(out).fill(0);
  for (const [i, w] of data.entries()) {
    if (w === 0) continue;
    if (w !== 1) return undefined;
    picks[i % out] = Math.floor(i / out);
    sums[i % out]! += 1;
  }
  return size > 0 && sums.every((s) => s <= 1) ? picks : undefined;
}

/** Axis `axis` of x times a matrix. What is only copied is not multiplied, as it then stays what it was to the last bit. */
function along(x: tf.Tensor, axis: number, by: Dense): tf.Tensor {
  const [size, out] = by.shape as [number, number];
  const picks = picksOf(by);
  if (picks) return slabsAt(x, axis, tf.tensor2d(picks, [out, 1], 'int32'));
  const { there, back } = lastAxis(x.rank, axis);
  const moved = tf.transpose(x, there);
  const lead = moved.shape.slice(0, -1);
  const matrix = tf.tensor2d(Float32Array.from(by.data), [size, out]);
  const product = tf.matMul(tf.reshape(moved, [productOf(lead), size]) as tf.Tensor2D, matrix);
  return tf.transpose(tf.reshape(product, [...lead, out]), back);
}

/** 1 at the positions of an axis that have weights, 0 outside the region. */
function insideOf({ shape, data }: Dense): number[] {
  const inside = new Array<number>(shape[1]!).fill(0);
  for (const [i, w] of data.entries()) if (w !== 0) inside[i % inside.length] = 1;
  return inside;
}

/** Each axis by its matrix: the modes are separable. */
export const Resize: TfOp = (c) => {
  const { dtype } = c.type();
  if (!isFloat(dtype) && stringOf(c.node, 'mode', 'nearest') !== 'nearest')
    throw c.unsupported(`it interpolates ${dtype}`, 'float32');
  const x = laid(c.held(0));
  let y = x.t;
  let inside: tf.Tensor = tf.scalar(1);
  for (const part of partsOf(c)) {
    const matrix = weightsOf(c, part);
    if (isIdentity(matrix)) continue;
    const axis = x.axis(part.axis);
    y = along(y, axis, matrix);
    const line = new Array<number>(y.rank).fill(1).with(axis, matrix.shape[1]!);
    inside = tf.mul(inside, tf.reshape(tf.tensor1d(insideOf(matrix), 'float32'), line));
  }
  if (stringOf(c.node, 'coordinate_transformation_mode', '') !== 'tf_crop_and_resize')
    return x.hold(tf.clone(y));
  const outside = tf.mul(tf.sub(1, inside), c.float('extrapolation_value', 0));
  return x.hold(tf.cast(tf.add(tf.mul(tf.cast(y, 'float32'), inside), outside), y.dtype));
};
