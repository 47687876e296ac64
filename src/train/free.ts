/**
 * "Free" adversarial training.
 *
 * A. Shafahi et al., "Adversarial Training for Free!", arXiv:1904.12843, as in G. Capaldi, G. Capozzi, "Free vs Fast
 * Adversarial Training" (2020), Alg. 2: each mini-batch is replayed m times, and one backward pass serves the
 * parameters and the perturbation, which is kept from one mini-batch to the next.
 *
 * Differs from the listing: x + δ is clipped to [0, 1] (δ itself is not); `δ ← +ε·sign` of l. 11 is read as
 * `δ ← δ + ε·sign`, as in arXiv:1904.12843; the last, smaller mini-batch of an epoch uses the first rows of δ. #BP m.
 */
import type { Images } from '../eval/index.ts';
import type { Method, MethodState } from './method.ts';
import { replays } from './replay.ts';

/** δ, zero before the first mini-batch, which no later one exceeds. */ // Alg. 2, l. 2
export function keptDelta({ arrays }: MethodState, { data }: Images): Float32Array {
  arrays.delta ??= new Float32Array(data.length);
  return arrays.delta.subarray(0, data.length);
}

export const free: Method = {
  name: 'free',
  about: 'm replays of each mini-batch; δ is kept, and moved by the updates’ own backward passes',
  source: 'Shafahi et al., arXiv:1904.12843; Capaldi, Capozzi, Free vs Fast (2020), Alg. 2',
  defaults: { replays: 8 },
  attack: { steps: 1, stepSize: 1 },
  // Alg. 2, l. 3: N/m epochs
  epochs: (allowance, { replays: m }) => Math.ceil(allowance / m),
  async step(args) {
    const delta = keptDelta(args.state, args.x); // Alg. 2, l. 2
    return replays(args, delta, args.options.replays); // Alg. 2, l. 5–12
  },
};
