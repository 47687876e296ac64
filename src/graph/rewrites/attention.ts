import { floatOf, intOf } from '../attributes.ts';
import type { GraphBuilder, Value } from '../builder.ts';
import type { Node } from '../ir.ts';
import {
  bounded,
  fixedDim,
  floatInput,
  inputOf,
  malformed,
  matrixTranspose,
  scaledBy,
  shapeOfRank,
  splitInto,
  unsupported,
} from './parts.ts';
import type { Rewrite } from './rewrite.ts';

/** What is added to scores that must not count: the lowest float32, so that a row of nothing else stays finite. */
const LOWEST = -3.4028234663852886e38;

/** [N, S, heads·d] to [N, heads, S, d]; four axes stay. */
function byHeads(b: GraphBuilder, n: Node, x: Value, heads: number, which: string): Value {
  const shape = shapeOfRank(b, n, x, 3, 4);
  if (shape.length === 4) return x;
  const width = fixedDim(n, shape[2], `the width of its ${which}`);
  if (!(heads >= 1) || width % heads !== 0)
    throw malformed(n, `has ${heads} heads for a width of ${width}`, 'a number that divides it');
  const split = b.reshape(x, [0, 0, heads, width / heads]);
  return b.op('Transpose', [split], { perm: [0, 2, 1, 3] });
}

/** Each of a few heads of keys or values serves `times` heads of queries. */
function repeated(b: GraphBuilder, x: Value, heads: number, times: number): Value {
  if (times === 1) return x;
  const [, , , width] = b.shape(x);
  const apart = b.op('Unsqueeze', [x, b.ints([2])]);
  const all = b.op('Expand', [apart, b.ints([1, 1, times, 1, 1])]);
  return b.reshape(all, [0, heads * times, -1, width as number]);
}

/** The mask as something to add to the scores, padded to all keys. */
function additive(b: GraphBuilder, n: Node, mask: Value, keys: unknown): Value {
  const { dtype } = b.type(mask);
  const bias = dtype === 'bool' ? b.op('Where', [mask, b.scalar(0), b.scalar(LOWEST)]) : floatInput(b, n, 3);
  const last = b.shape(mask).at(-1);
  if (typeof last !== 'number' || typeof keys !== 'number' || last >= keys || last === 1) return bias;
  const rank = b.shape(mask).length;
  const after = [...new Array<number>(rank - 1).fill(0), keys - last];
  return b.op('Pad', [bias, b.ints([...new Array<number>(rank).fill(0), ...after]), b.scalar(LOWEST)]);
}

/** Query i sees the keys up to `past` + i. */
function causal(b: GraphBuilder, n: Node, queries: number, keys: number, past: number): Value {
  bounded(b, n, queries * keys, 'a causal mask');
  const mask = new Float32Array(queries * keys);
  for (let i = 0; i < queries; i++)
    mask.fill(LOWEST, i * keys + Math.min(keys, past + i + 1), (i + 1) * keys);
  return b.floats(mask, [queries, keys]);
}

function refuseNewerForms(n: Node): void {
  if (n.inputs[6]) throw unsupported(n, 'nonpad_kv_seqlen', 'keys without padding');
  for (const side of ['left_window_size', 'right_window_size'])
    if (intOf(n, side, -1) !== -1) throw unsupported(n, side, 'no window');
  const mode = intOf(n, 'qk_matmul_output_mode', 0);
  if (n.outputs[3] && mode !== 0 && mode !== 3)
    throw unsupported(n, `qk_matmul_output_mode ${mode}`, '0 (scores) or 3 (probabilities)');
}

// softmax(s·Q·Kᵀ + mask)·V per head (arXiv:1706.03762); fewer heads of K and V are shared by those of Q
export const Attention: Rewrite = (b, n) => {
  refuseNewerForms(n);
  const flat = b.shape(floatInput(b, n)).length === 3;
  const query = byHeads(b, n, inputOf(n, 0), intOf(n, 'q_num_heads', 0), 'queries');
  let key = byHeads(b, n, floatInput(b, n, 1), intOf(n, 'kv_num_heads', 0), 'keys');
  let value = byHeads(b, n, floatInput(b, n, 2), intOf(n, 'kv_num_heads', 0), 'values');
  const past = n.inputs[4] ? b.shape(n.inputs[4])[2] : 0;
  if (n.inputs[4]) key = b.concat([n.inputs[4], key], 2);
  if (n.inputs[5]) value = b.concat([n.inputs[5], value], 2);
  const [presentKey, presentValue] = [key, value];
  const [, heads, queries, width] = b.shape(query);
  const [, shared, keys] = b.shape(key);
  const d = fixedDim(n, width, 'its head size');
  const [h, kv] = [fixedDim(n, heads, 'its number of heads'), fixedDim(n, shared, 'its number of key heads')];
  if (h % kv !== 0) throw malformed(n, `has ${h} query and ${kv} key heads`, 'a multiple');
  fixedDim(n, b.shape(value)[3], 'the head size of its values');
  key = repeated(b, key, kv, h / kv);
  value = repeated(b, value, kv, h / kv);

  const scale = floatOf(n, 'scale', 1 / Math.sqrt(d));
  const raw = b.op('MatMul', [scaledBy(b, query, scale), matrixTranspose(b, n, key)]);
  const cap = floatOf(n, 'softcap', 0);
  let scores = raw;
  if (cap > 0) scores = scaledBy(b, b.op('Tanh', [b.op('Div', [raw, b.scalar(cap)])]), cap);
  if (n.inputs[3]) scores = b.op('Add', [scores, additive(b, n, n.inputs[3], keys)]);
  if (intOf(n, 'is_causal', 0) === 1) {
    const [rows, columns] = [
      fixedDim(n, queries, 'its number of queries'),
      fixedDim(n, keys, 'its number of keys'),
    ];
    const before = typeof past === 'number' ? past : fixedDim(n, past, 'the length of its past');
    scores = b.op('Add', [scores, causal(b, n, rows, columns, before)]);
  }
  const weights = b.op('Softmax', [scores], { axis: -1 });
  let y = b.op('MatMul', [weights, value]);
  if (flat) {
    const merged = b.op('Transpose', [y], { perm: [0, 2, 1, 3] });
    y = b.reshape(merged, [0, 0, h * (b.shape(value)[3] as number)]);
  }
  return [y, presentKey, presentValue, intOf(n, 'qk_matmul_output_mode', 0) === 3 ? weights : raw];
};

// (x₁, x₂) → (x₁·cos − x₂·sin, x₁·sin + x₂·cos), of halves or of neighbours (arXiv:2104.09864)
export const RotaryEmbedding: Rewrite = (b, n) => {
  const input = floatInput(b, n);
  const shape = shapeOfRank(b, n, input, 3, 4);
  let x = input;
  if (shape.length === 3) {
    const heads = intOf(n, 'num_heads', 0);
    const width = fixedDim(n, shape[2], 'its width');
    if (!(heads >= 1) || width % heads !== 0)
      throw malformed(n, `has num_heads ${heads} for a width of ${width}`, 'a number that divides it');
    x = b.reshape(input, [0, 0, heads, width / heads]);
  }
  const size = fixedDim(n, b.shape(x)[3], 'its head size');
  const rotated = intOf(n, 'rotary_embedding_dim', 0) || size;
  if (rotated < 2 || rotated > size || rotated % 2 !== 0)
    throw malformed(n, `rotates ${rotated} of ${size}`, 'an even number within the head');
  const interleaved = intOf(n, 'interleaved', 0) === 1;

  const cache = (i: number): Value => {
    const whole = floatInput(b, n, i);
    const at = n.inputs[3] ? b.op('Gather', [whole, n.inputs[3]], { axis: 0 }) : whole;
    shapeOfRank(b, n, at, 3);
    // Heads are axis 1 of four given axes, and axis 2 of those split off here.
    const heads = shape.length === 4 ? 1 : 2;
    return b.op('Unsqueeze', [at, b.ints(interleaved ? [heads, 4] : [heads])]);
  };
  const [cos, sin] = [cache(1), cache(2)];
  const [turned, rest] =
    rotated === size ? [x] : (splitInto(b, x, 3, [rotated, size - rotated]) as [Value, Value]);
  const pairs = interleaved ? b.op('Reshape', [turned, b.ints([0, 0, 0, rotated / 2, 2])]) : turned;
  const axis = interleaved ? 4 : 3;
  const half = interleaved ? 1 : rotated / 2;
  const [first, second] = splitInto(b, pairs, axis, [half, half]) as [Value, Value];
  const product = (v: Value, w: Value) => b.op('Mul', [v, w]);
  const real = b.op('Sub', [product(first, cos), product(second, sin)]);
  const imaginary = b.op('Add', [product(first, sin), product(second, cos)]);
  let y = b.concat([real, imaginary], axis);
  if (interleaved) y = b.reshape(y, [0, 0, 0, rotated]);
  if (rest !== undefined) y = b.concat([y, rest], 3);
  return [shape.length === 3 ? b.reshape(y, [0, 0, shape[2] as number]) : y];
};
