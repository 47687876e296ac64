import { intOf } from '../attributes.ts';
import type { Node } from '../ir.ts';
import { Patterns, type Reform } from './reform-pattern.ts';

const [FLOAT, INT32] = [1, 6];

/**
 * Drops the way through int32 of a product or convolution of integers, whose result is an integer already: a gradient passes
 * where casts would stop it. The integers are DequantizeLinear's with a scale of 1, or constants.
 */
export const integers: Reform = (graph, context) => {
  const p = new Patterns(graph, context);
  // A constant may serve many nodes, and is looked through once.
  const known = new Map<string, boolean>();
  const isWhole = (v: string): boolean => {
    const found = known.get(v) ?? isInteger(p, v);
    known.set(v, found);
    return found;
  };
  for (const n of p.all('Cast')) {
    if (intOf(n, 'to', 0) !== FLOAT) continue;
    const cast = p.made(n.inputs[0], 'Cast');
    const product = cast && p.made(cast.inputs[0], 'MatMul', 'Conv');
    if (!cast || !product || intOf(cast, 'to', 0) !== INT32 || p.isOutput(cast.outputs[0]!)) continue;
    if (product.inputs.every(isWhole)) p.replace(n, p.standIn(n, 'Identity', [product.outputs[0]!]));
  }
  return p.finish();
};

function isInteger(p: Patterns, value: string): boolean {
  const t = p.constant(value);
  if (t) return t.data instanceof Float32Array && t.data.every(Number.isInteger);
  const n: Node | undefined = p.made(value, 'DequantizeLinear');
  const scale = n && p.constant(n.inputs[1]);
  return scale?.data instanceof Float32Array && scale.data.every((v) => v === 1);
}
