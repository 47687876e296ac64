import { mapped } from './elementwise.ts';
import type { Call, Dense, Kernel } from './kernel.ts';
import { joined } from './layout.ts';
import { flipped, multiplied } from './linear.ts';
import { softmaxOf } from './softmax.ts';
import { along, indices, permuted, picked, spread } from './strides.ts';

/** [batch, sequence, heads·size] as [batch, heads, sequence, size]; four axes as they are. */
function byHeads(c: Call, x: Dense, heads: number): Dense {
  if (x.shape.length === 4) return x;
  if (x.shape.length !== 3 || heads < 1)
    throw c.misfit(`got rank ${x.shape.length} in ${heads} heads`, 'rank 3 or 4');
  const [batch, length, hidden] = x.shape as [number, number, number];
  return permuted(c, c.reshaped(x, [batch, length, heads, hidden / heads]), [0, 2, 1, 3]);
}

/** The inverse of {@link byHeads}. */
function withoutHeads(c: Call, x: Dense): Dense {
  const [batch, heads, length, size] = x.shape as [number, number, number, number];
  return c.reshaped(permuted(c, x, [0, 2, 1, 3]), [batch, length, heads * size]);
}

/**
 * What is added to the scores [batch, heads, queries, keys]: the mask (a boolean one is 0 or −∞), −∞ for keys after a
 * query (`is_causal`) and for those beyond what is filled of a cache.
 *
 * @param past how many keys were there before the first query, for each batch
 */
function bias(c: Call, shape: readonly [number, number, number, number], past: (n: number) => number): Dense {
  const y = c.make('float32', shape);
  const [batch, heads, queries, keys] = shape;
  const [mask, filled] = [c.optional(3), c.optional(6)];
  if (filled && filled.data.length !== batch) throw c.misfit(`got ${filled.data.length} lengths`, `${batch}`);
  const causal = c.int('is_causal', 0) !== 0;
  const [left, right] = [c.int('left_window_size', -1), c.int('right_window_size', -1)];
  const given = mask && spread(c, widened(c, mask, keys), shape);
  const allowed = mask?.dtype === 'bool' ? (v: number) => (v !== 0 ? 0 : -Infinity) : (v: number) => v;
  let i = 0;
  for (let n = 0; n < batch; n++)
    for (let h = 0; h < heads; h++)
      for (let q = 0; q < queries; q++)
        for (let k = 0; k < keys; k++, i++) {
          const behind = q + past(n) - k;
          const hidden =
            (causal && behind < 0) ||
            (left >= 0 && behind > left) ||
            (right >= 0 && -behind > right) ||
            (filled && k >= filled.data[n]!);
          y.data[i] = hidden ? -Infinity : given ? allowed(given[i]!) : 0;
        }
  return y;
}

/** A mask for fewer keys than there are hides the rest. */
function widened(c: Call, mask: Dense, keys: number): Dense {
  const width = mask.shape.at(-1) ?? 1;
  if (width >= keys || width === 1) return mask;
  const maps = mask.shape.map((d, i) =>
    indices(c, i === mask.shape.length - 1 ? keys : d, (j) => (j < d ? j : -1)),
  );
  return picked(c, mask, maps, mask.dtype === 'bool' ? 0 : -Infinity);
}

/** Each head `times` over, one after the other. */
const repeated = (c: Call, x: Dense, times: number): Dense =>
  picked(
    c,
    x,
    x.shape.map((d, i) => indices(c, i === 1 ? d * times : d, (j) => (i === 1 ? Math.floor(j / times) : j))),
  );

/**
 * softmax(cap(QKᵀ·scale) + bias)·V per head; several query heads may share one of the keys and values. The other
 * outputs are the keys and values with their past, and the scores as `qk_matmul_output_mode` wants them.
 */
export const Attention: Kernel = (c) => {
  const [pastKey, pastValue] = [c.optional(4), c.optional(5)];
  const flat = c.input(0).shape.length === 3;
  const q = byHeads(c, c.input(0), c.int('q_num_heads', 0));
  const cached = (i: number, past: Dense | undefined): Dense => {
    const fresh = byHeads(c, c.input(i), c.int('kv_num_heads', 0));
    if (past && past.shape.length !== 4) throw c.misfit(`got a past of rank ${past.shape.length}`, 'rank 4');
    return past ? joined(c, [past, fresh], 2) : fresh;
  };
  const [key, value] = [cached(1, pastKey), cached(2, pastValue)];
  const [batch, heads, queries, size] = q.shape as [number, number, number, number];
  const times = heads / Math.max(key.shape[1]!, 1);
  if (!Number.isInteger(times) || value.shape[1] !== key.shape[1])
    throw c.misfit(`got ${heads} heads of queries and ${key.shape[1]} of keys`, 'a multiple');
  const filled = c.optional(6);
  const pastLength = pastKey?.shape[2] ?? 0;
  const past = (n: number) => (filled && !pastKey ? filled.data[n]! - queries : pastLength);

  const scale = c.float('scale', 1 / Math.sqrt(size));
  const products = multiplied(c, q, flipped(c, repeated(c, key, times)));
  const scores = mapped(c, products, (v) => v * scale);
  const cap = c.float('softcap', 0);
  const capped = cap > 0 ? mapped(c, scores, (v) => cap * Math.tanh(v / cap)) : scores;
  const added = bias(c, [batch, heads, queries, key.shape[2]!], past);
  const biased = c.make(q.dtype, capped.shape);
  for (let i = 0; i < biased.data.length; i++) biased.data[i] = capped.data[i]! + added.data[i]!;
  const keys = key.shape[2]!;
  let row = 0;
  const weights = along(c, biased, 3, keys, (line, out) => {
    // A query that may see no key sees nothing, rather than NaN.
    if (added.data.subarray(row * keys, ++row * keys).every((v) => v === -Infinity)) out.fill(0);
    else softmaxOf(line, out);
  });
  const y = multiplied(c, weights, repeated(c, value, times));
  const shown = [scores, capped, biased, weights][c.int('qk_matmul_output_mode', 0)];
  if (!shown) throw c.unsupported('has another qk_matmul_output_mode', '0 to 3');
  return [flat ? withoutHeads(c, y) : y, key, value, shown];
};

/**
 * Pairs of features turned by an angle that grows with the position: (a cos − b sin, a sin + b cos). A pair is the two
 * halves' i-th features, or with `interleaved` two neighbours.
 */
export const RotaryEmbedding: Kernel = (c) => {
  const [given, positions] = [c.input(0), c.optional(3)];
  const x = byHeads(c, given, c.int('num_heads', 0));
  const [batch, heads, length, size] = x.shape as [number, number, number, number];
  const turned = c.int('rotary_embedding_dim', 0) || size;
  const half = turned / 2;
  if (!(turned > 0 && turned <= size && Number.isInteger(half)))
    throw c.misfit(`turns ${turned} of ${size} features`, 'an even number of them');
  const angles = (i: number): Dense => {
    const cache = c.input(i, positions ? 2 : 3);
    if (cache.shape.at(-1) !== half) throw c.misfit(`got a cache of width ${cache.shape.at(-1)}`, `${half}`);
    return positions ? cache : { ...cache, data: spread(c, cache, [batch, length, half]) };
  };
  const [cos, sin] = [angles(1), angles(2)];
  if (positions && positions.data.length !== batch * length)
    throw c.misfit(`got ${positions.data.length} positions`, `${batch * length}`);
  const interleaved = c.int('interleaved', 0) !== 0;
  const y = c.make(x.dtype, x.shape);
  y.data.set(x.data);
  for (let r = 0; r < batch * heads * length; r++) {
    const token = Math.floor(r / (heads * length)) * length + (r % length);
    const at = positions ? positions.data[token]! : token;
    if (!(at >= 0 && (at + 1) * half <= Math.min(cos.data.length, sin.data.length)))
      throw c.outside(`has position ${at}`, 'one within its cache');
    for (let i = 0; i < half; i++) {
      const a = r * size + (interleaved ? 2 * i : i);
      const b = a + (interleaved ? 1 : half);
      const [cosine, sine] = [cos.data[at * half + i]!, sin.data[at * half + i]!];
      y.data[a] = x.data[a]! * cosine - x.data[b]! * sine;
      y.data[b] = x.data[a]! * sine + x.data[b]! * cosine;
    }
  }
  return [given.shape.length === 3 ? withoutHeads(c, y) : y];
};
