import { intOf, type Node, rangeOf, type Tensor, type Value } from '../../graph/index.ts';
import { axisOf, type Rule, refuse, type Tape } from '../tape.ts';

/** Types that activations are quantised to. */
const QUANTISED = /^(u?int(2|4|8|16)|int32)$/;

const numbers = (tensor: Tensor): number[] => Array.from(tensor.data as ArrayLike<number | bigint>, Number);

/** A scale or a zero point as float32, shaped to broadcast against x: per tensor a scalar, per axis `[C, 1, …]`. */
function broadcastable(t: Tape, node: Node, value: Value): Value {
  const rank = t.shape(node.inputs[0]!).length;
  const shape = t.shape(value);
  if (shape.length > 1 || intOf(node, 'block_size', 0) !== 0)
    throw refuse(node, 'is quantised in blocks', 'quantise per tensor or per channel');
  const count = shape[0] ?? 1;
  const after = count === 1 ? 0 : rank - 1 - axisOf(node, rank, 1);
  const target = count === 1 ? [] : [count as number, ...new Array<number>(after).fill(1)];
  const { dtype } = t.type(value);
  const constant = t.constant(value);
  if (constant && dtype !== 'float16' && dtype !== 'bfloat16' && constant.data.length === (count as number))
    return t.b.floats(numbers(constant), target);
  return t.b.reshape(dtype === 'float32' ? value : t.b.op('Cast', [value], { to: 1 }), target);
}

/** The edges of what is not clamped, s·(q − z ∓ ½): computed at once for constants. */
function edge(t: Tape, scale: Value, zero: Value | undefined, q: number): Value {
  const [s, z] = [t.constant(scale), t.constant(zero)];
  if (s && (z ? z.data.length === s.data.length : !zero)) {
    const zeros = z ? numbers(z) : [];
    return t.b.floats(
      numbers(s).map((v, i) => v * (q - (zeros[i] ?? 0))),
      s.shape,
    );
  }
  return t.mul(zero ? t.sub(q, zero) : t.b.scalar(q), scale);
}

/**
 * q = clamp(round(x/s) + z), straight-through: dx = g/s where nothing is clamped, else 0. Where g comes from a
 * DequantizeLinear of the same scale, the two scales cancel. Scale and zero point are taken as constants.
 */
export const QuantizeLinear: Rule = (t, node, [g]) => {
  const [x, s, z] = node.inputs as [Value, Value, Value?];
  const { dtype } = t.type(node.outputs[0]!);
  const range = QUANTISED.test(dtype) ? rangeOf(dtype) : undefined;
  if (!range) throw refuse(node, `quantises to ${dtype}`, 'quantise to 4, 8 or 16 bit integers');
  const scale = broadcastable(t, node, s);
  const zero = z ? broadcastable(t, node, z) : undefined;
  return t.each(node, () => {
    const low = t.indicator('GreaterOrEqual', x, edge(t, scale, zero, range[0] - 0.5));
    const high = t.indicator('LessOrEqual', x, edge(t, scale, zero, range[1] + 0.5));
    const plain = t.unscaled(g!, s);
    return t.mul(t.mul(low, high), plain ?? t.div(g!, scale));
  });
};

/** y = s·(q − z): dq = s·g. Scale and zero point are taken as constants. */
export const DequantizeLinear: Rule = (t, node, [g]) =>
  t.each(node, () => t.scaled(g!, broadcastable(t, node, node.inputs[1]!), node.inputs[1]!));
