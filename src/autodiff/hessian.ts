import type { GraphBuilder, Value } from '../graph/index.ts';
import { backward } from './gradient.ts';
import type { Emitter } from './tape.ts';

/**
 * The Hessian-vector product Hv = ∂(∂ℓ/∂x · v)/∂x, exactly: the gradient of a gradient (Pearlmutter, "Fast exact
 * multiplication by the Hessian", 1994, here in reverse mode twice). Samples do not mix where ℓ does not mix them.
 *
 * @param gradient ∂ℓ/∂x, as `backward` gave it
 * @param x the value it was taken by
 * @param v shaped as x
 * @returns Hv, shaped as x; zeros where the gradient changes with x in steps only, or not at all
 */
export function hessianVector(
  b: GraphBuilder,
  gradient: Value,
  x: Value,
  v: Value,
  emitter: Emitter = 'cpu',
): Value {
  const product = b.op('Mul', [gradient, v], {}, 'gradient_along_v');
  return backward(b, { of: product, wrt: [x], emitter, optional: new Set([x]) })[0]!;
}
