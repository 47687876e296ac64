/**
 * H in ∇ℓ(x + δ) ≈ J + Hδ, eq. (5) of H. Gong, "Reducing Adversarial Training Cost with Gradient Approximation",
 * arXiv:2309.09464: by its own two ways, eqs. (8) and (10), exactly, or not at all. H itself is never formed.
 */
import { signs } from '../random/index.ts';
import type { LossRequest, StepArguments } from './method.ts';
import type { MethodOptions } from './options.ts';

/** What is known at x, before any step. */
export interface Expansion {
  /** ℓ(x), `[N]` */
  readonly loss: Float32Array;
  /** `[N, K]` */
  readonly logits: Float32Array;
  /** J = ∇ₓℓ(x) per sample, shaped as x. */
  readonly J: Float32Array;
  /** Hδ, shaped as x, at step t, from 0. Absent where J tells H (eq. 8), or where there is none. */
  readonly product?: (delta: Float32Array, t: number) => Promise<Float32Array>;
  /** Gradients, and products with H, that every sample was given. */
  readonly passes: number;
}

/** What the expansion is of, and where its first product is wanted. */
interface Wanted {
  readonly of: LossRequest;
  /** δ⁰ */
  readonly delta: Float32Array;
}

type Kind = (args: StepArguments, wanted: Wanted) => Promise<Expansion>;

/** J alone: H = JᵀJ needs no more (eq. 8), nor does H = 0. */
const first: Kind = async ({ learner, x, y }, { of }) => {
  const { gradient, ...rest } = await learner.gradient(x, y, of);
  return { ...rest, J: gradient, passes: 1 };
};

/**
 * Eq. (10): H ≈ diag(∂²ℓ/∂xᵢ²), which the paper gives no way to come by. Here it is the mean of v ⊙ Hv over random signs v,
 * whose expectation it is (Hutchinson; Bekas, Kokiopoulou, Saad, "An estimator for the diagonal of a matrix", 2007); the first
 * product comes with J. #BP 1 + probes.
 *
 * @phase GAAT eq. 10: Hessian build by probes of the diagonal
 */
const diagonal: Kind = async (args, { of }) => {
  const { learner, x, y, options, key } = args;
  const probe = (p: number) => signs(key.fold('probe', p), x.data.length);
  const v = probe(0);
  const { gradient, hvp, ...rest } = await learner.hessianVector(x, y, v, of);
  const entries = hvp.map((h, i) => (h * v[i]!) / options.probes);
  for (let p = 1; p < options.probes; p++) {
    const w = probe(p);
    const more = await learner.hessianProduct(x, y, w, of);
    for (let i = 0; i < entries.length; i++) entries[i] = entries[i]! + (more[i]! * w[i]!) / options.probes;
  }
  return {
    ...rest,
    J: gradient,
    product: async (delta) => delta.map((d, i) => d * entries[i]!),
    passes: 1 + options.probes,
  };
};

/**
 * Eq. (5) as it stands: Hδ anew at each step, by differentiating twice; that of δ⁰ comes with J. #BP 1 + T.
 *
 * @phase GAAT eq. 5: J and the exact Hδ
 */
const exact: Kind = async ({ learner, x, y, steps }, { of, delta: delta0 }) => {
  const { gradient, hvp, ...rest } = await learner.hessianVector(x, y, delta0, of);
  return {
    ...rest,
    J: gradient,
    product: async (delta, t) => (t === 0 ? hvp : learner.hessianProduct(x, y, delta, of)),
    passes: 1 + steps,
  };
};

/** All kinds of H by the name that `--hessian` takes. */
export const curvatures: { readonly [K in MethodOptions['hessian']]: Kind } = {
  'gauss-newton': first,
  none: first,
  diagonal,
  exact,
};
