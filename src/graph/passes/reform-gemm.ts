import { intsOf } from '../attributes.ts';
import type { Dim } from '../ir.ts';
import { beside, Patterns, type Reform } from './reform-pattern.ts';

/** A·B + C of matrices as Gemm; B may be the transpose of another matrix. */
export const gemms: Reform = (graph, context) => {
  const p = new Patterns(graph, context);
  for (const n of p.all('Add')) {
    const product = beside(n, (v) => p.made(v, 'MatMul'));
    if (!product || !p.only(product.found.outputs[0]!)) continue;
    const [a = '', b = ''] = product.found.inputs;
    const out = context.type(product.found.outputs[0]!)?.shape;
    const bias = context.type(product.other)?.shape;
    const matrices = [a, b].every((v) => p.isFloat(v) && context.type(v)!.shape.length === 2);
    if (!matrices || !out || !bias || !p.isFloat(product.other) || !fits(bias, out)) continue;
    const turned = p.made(b, 'Transpose');
    const transposed = turned && intsOf(turned, 'perm')?.join() !== '0,1' && p.only(b);
    const weight = transposed ? turned.inputs[0]! : b;
    p.replace(n, p.standIn(n, 'Gemm', [a, weight, product.other], transposed ? { transB: 1 } : {}));
  }
  return p.finish();
};

/** Whether a bias broadcasts to `out` without changing it. */
const fits = (bias: readonly Dim[], out: readonly Dim[]): boolean =>
  bias.length <= out.length &&
  bias.every((d, i) => d === 1 || (d !== null && d === out[out.length - bias.length + i]));
