import { float32 } from '../attributes.ts';
import { asFloat32 } from '../fold.ts';
import type { Node } from '../ir.ts';
import { Patterns, type Reform } from './reform-pattern.ts';

const LEAST_BUDGET = 2 ** 20;

/**
 * Conv followed by constant products and sums per channel as one Conv: W′ = W·s, b′ = b·s + t, in float64 and rounded once.
 * Nothing that is trained is folded.
 */
export const affines: Reform = (graph, context) => {
  const p = new Patterns(graph, context);
  // One weight may serve many layers, each of which would get its own: together they may be as large as the model again.
  let budget = LEAST_BUDGET;
  for (const t of graph.initializers.values()) budget += t.data.length;
  for (const conv of p.all('Conv')) {
    const weight = asFloat32(p.constant(conv.inputs[1]));
    const bias = conv.inputs[2] ? asFloat32(p.constant(conv.inputs[2])) : undefined;
    const rank = p.context.type(conv.outputs[0]!)?.shape.length;
    const channels = p.context.type(conv.inputs[1]!)?.shape[0];
    if (rank === undefined || typeof channels !== 'number' || (conv.inputs[2] && !bias)) continue;
    const scale = new Float64Array(channels).fill(1);
    const shift = Float64Array.from({ length: channels }, (_, c) => bias?.data[c] ?? 0);
    let last: Node = conv;
    let scaled = false;
    for (;;) {
      const next = p.only(last.outputs[0]!, 'Mul', 'Add', 'Sub', 'Div');
      const step = next && perChannel(p, next, last.outputs[0]!, channels, rank);
      if (!next || !step) break;
      const multiplies = next.op === 'Mul' || next.op === 'Div';
      if (multiplies && !weight) break;
      for (let c = 0; c < channels; c++) {
        if (multiplies) {
          scale[c]! *= step[c]!;
          shift[c]! *= step[c]!;
        } else shift[c]! += step[c]!;
      }
      scaled ||= multiplies;
      last = next;
    }
    if (last === conv || (scaled && weight && weight.data.length > budget)) continue;
    if (![...scale, ...shift].every(Number.isFinite)) continue;
    if (scaled && weight) budget -= weight.data.length;
    const row = weight ? weight.data.length / channels : 0;
    const name =
      scaled && weight
        ? p.addConstant(
            float32(
              weight.data.map((v, i) => v * scale[Math.floor(i / row)]!),
              weight.shape,
            ),
            `${conv.inputs[1]}_folded`,
          )
        : conv.inputs[1]!;
    const biasName = p.addConstant(float32(Float32Array.from(shift)), `${conv.inputs[1]}_folded_bias`);
    p.replace(last, { ...conv, inputs: [conv.inputs[0]!, name, biasName], outputs: [last.outputs[0]!] });
  }
  return p.finish();
};

/** What a node multiplies by or adds to each channel of `value`; undefined where it is anything else. */
function perChannel(
  p: Patterns,
  n: Node,
  value: string,
  channels: number,
  rank: number,
): number[] | undefined {
  const second = n.inputs[0] === value;
  if (!second && (n.op === 'Sub' || n.op === 'Div')) return undefined;
  const t = asFloat32(p.constant(second ? n.inputs[1] : n.inputs[0]));
  if (!t || t.shape.length > rank) return undefined;
  const single = t.data.length === 1;
  const at = t.shape.length - (rank - 1);
  if (!single && (t.data.length !== channels || at < 0 || t.shape[at] !== channels)) return undefined;
  return Array.from({ length: channels }, (_, c) => {
    const v = t.data[single ? 0 : c]!;
    if (n.op === 'Sub') return -v;
    return n.op === 'Div' ? 1 / v : v;
  });
}
