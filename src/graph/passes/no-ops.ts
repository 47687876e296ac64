import { intOf, intsOf, stringOf } from '../attributes.ts';
import type { GraphBuilder, Value } from '../builder.ts';
import { sameShape } from '../dims.ts';
import type { Node } from '../ir.ts';
import type { TensorType } from '../shapes/index.ts';
import { padsOf, permutationOf } from '../shapes/layout.ts';

/** Whether a node gives one of its inputs as it is, and which. */
type NoOp = (b: GraphBuilder, n: Node, out: TensorType) => Value | undefined;

const first: NoOp = (_b, n) => n.inputs[0];

/** Of operators that keep all elements in order: nothing is done where the shape is the same. */
const unlessReshaped: NoOp = (b, n, out) =>
  sameShape(b.shape(n.inputs[0]!), out.shape) ? n.inputs[0] : undefined;

/** Of operators on any number of operands. */
const ofOne: NoOp = (b, n, out) => (n.inputs.length === 1 ? unlessReshaped(b, n, out) : undefined);

const ones = (values: readonly number[] | undefined): boolean => (values ?? []).every((v) => v === 1);

/** A window of one pixel that moves by one. */
const onePixel: NoOp = (b, n, out) => {
  const kernel = intsOf(n, 'kernel_shape');
  const moves = !kernel || !ones(kernel) || !ones(intsOf(n, 'strides')) || !!n.outputs[1];
  return moves || intsOf(n, 'pads')?.some((p) => p !== 0) ? undefined : unlessReshaped(b, n, out);
};

/** An operation with a constant scalar that changes nothing, on the right or on either side. */
const neutral =
  (value: number, commutes: boolean): NoOp =>
  (b, n, out) => {
    const is = (i: number): boolean => {
      const t = b.constantValue(n.inputs[i] ?? '');
      return t?.data.length === 1 && Number(t.data[0]) === value;
    };
    const kept = is(1) ? 0 : commutes && is(0) ? 1 : undefined;
    const input = kept === undefined ? undefined : n.inputs[kept];
    return input && sameShape(b.shape(input), out.shape) ? input : undefined;
  };

const where: NoOp = (b, n, out) => {
  const condition = b.constantValue(n.inputs[0] ?? '');
  if (condition?.dtype !== 'bool' || condition.data.length === 0 || condition.data.length > 2 ** 16)
    return undefined;
  const side = condition.data[0] === 0 ? 2 : 1;
  const input = n.inputs[side]!;
  const uniform = condition.data.every((v) => (v === 0) === (side === 2));
  return uniform && sameShape(b.shape(input), out.shape) ? input : undefined;
};

const noOps: Readonly<Record<string, NoOp>> = {
  Add: neutral(0, true),
  AveragePool: onePixel,
  Cast: (b, n, out) => (b.type(n.inputs[0]!).dtype === out.dtype ? n.inputs[0] : undefined),
  Clip: (_b, n) => (n.inputs[1] || n.inputs[2] ? undefined : n.inputs[0]),
  Concat: ofOne,
  DepthToSpace: unlessReshaped,
  Div: neutral(1, false),
  Dropout: (b, n) => {
    const training = n.inputs[2] ? b.constantValue(n.inputs[2]) : undefined;
    const off = n.inputs[2] ? training?.data[0] === 0 : intOf(n, 'training_mode', 0) === 0;
    return off && !n.outputs[1] ? n.inputs[0] : undefined;
  },
  Expand: unlessReshaped,
  Flatten: unlessReshaped,
  Identity: first,
  Max: ofOne,
  MaxPool: onePixel,
  Min: ofOne,
  Mul: neutral(1, true),
  Pad: (b, n) => {
    const { before, after } = padsOf(b.context(n));
    return [...before, ...after].every((p) => p === 0) ? n.inputs[0] : undefined;
  },
  Pow: neutral(1, false),
  Reshape: unlessReshaped,
  Resize: (b, n, out) => {
    // A crop looks elsewhere even where it keeps the size, and so does a scale that rounds to the same.
    const crops = stringOf(n, 'coordinate_transformation_mode', 'half_pixel') === 'tf_crop_and_resize';
    const scales = n.inputs[2] ? b.known(n.inputs[2]) : [];
    return !crops && scales?.every((s) => s === 1) ? unlessReshaped(b, n, out) : undefined;
  },
  Slice: (b, n, out) => {
    const steps = n.inputs[4] ? b.known(n.inputs[4]) : [];
    return steps?.every((s) => s === 1) ? unlessReshaped(b, n, out) : undefined;
  },
  SpaceToDepth: unlessReshaped,
  Split: unlessReshaped,
  Squeeze: unlessReshaped,
  Sub: neutral(0, false),
  Sum: ofOne,
  Tile: unlessReshaped,
  Transpose: (_b, n, out) =>
    permutationOf(n, out.shape.length).every((p, i) => p === i) ? n.inputs[0] : undefined,
  Unsqueeze: unlessReshaped,
  Where: where,
};

/**
 * The input that a node gives out unchanged, where that is known; undefined where it does something. Its other outputs
 * must not be wanted.
 */
export function passedOn(b: GraphBuilder, node: Node, types: readonly TensorType[]): Value | undefined {
  const out = types[0];
  const rule = node.domain === '' ? noOps[node.op] : undefined;
  if (!rule || !out || node.outputs.slice(1).some((o) => o !== '')) return undefined;
  return rule(b, node, out);
}
