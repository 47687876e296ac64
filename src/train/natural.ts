import { type Method, recordOf } from './method.ts';

/** Training on the images as they are. #BP 1. */
export const natural: Method = {
  name: 'natural',
  about: 'standard training, no adversary',
  source: 'the baseline of every paper',
  defaults: {},
  async step({ learner, x, y }) {
    return recordOf(await learner.update(x, y)); // θ ← θ − γ ∇_θ ℓ(f_θ(x), y)
  },
};
