import { TouchstoneError } from '../errors.ts';
import { type Key, permutation } from '../random/index.ts';

export interface BatchesOptions {
  /** Leave out the last batch where it is smaller. @default false */
  readonly dropLast?: boolean;
}

/**
 * The indices 0 … n−1 in batches of `size`, in order, or shuffled by a key. Can be iterated again, with the same
 * result: fold the epoch into the key to shuffle anew.
 *
 * @throws TouchstoneError E_OPTION when `n` or `size` is not a positive integer.
 */
export function batches(
  n: number,
  size: number,
  key?: Key,
  options: BatchesOptions = {},
): Iterable<Uint32Array> {
  for (const [what, value] of Object.entries({ 'data set': n, batch: size })) {
    if (!Number.isSafeInteger(value) || value < 1) {
      throw new TouchstoneError('E_OPTION', `a ${what} of ${value}`, 'a positive integer');
    }
  }
  const order = key ? permutation(key, n) : Uint32Array.from({ length: n }, (_, i) => i);
  const end = options.dropLast ? n - (n % size) : n;
  return {
    *[Symbol.iterator]() {
      for (let at = 0; at < end; at += size) yield order.slice(at, Math.min(at + size, end));
    },
  };
}
