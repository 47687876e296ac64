/**
 * Numbers from keys. Every function is pure: the same key and arguments give the same values on every platform
 * (32-bit integer arithmetic, IEEE doubles, `Math.sqrt`, which engines round correctly, and our own logarithm).
 *
 * Two calls with the same key are not independent: fold the key for each use.
 */
import { xoroshiro128plusFromState } from 'pure-rand/generator/xoroshiro128plus';
import type { RandomGenerator } from 'pure-rand/types/RandomGenerator';
import { TouchstoneError } from '../errors.ts';
import type { Key } from './key.ts';
import { log } from './log.ts';

const range32 = 2 ** 32;

/**
 * `key` → xoroshiro128+, started at its 128 bits. The lowest bits of xoroshiro128+ are linear (its authors' advice is
 * to use the upper ones), hence the `>>>` below in place of pure-rand's own distributions, which take the lower.
 */
const generator = (key: Key): RandomGenerator => xoroshiro128plusFromState(key.words);

function checkCount(what: string, value: number, min: number, max: number): void {
  if (!Number.isInteger(value) || value < min || value > max) {
    throw new TouchstoneError(
      'E_RANGE',
      `${what} of ${value} random numbers`,
      `an integer from ${min} to ${max}`,
    );
  }
}
const checkLength = (length: number): void => checkCount('a list', length, 0, range32 - 1);

/**
 * Independent uniform values, `[length]` in [low, high), in steps of (high − low)·2^−24.
 *
 * Computed in double precision, then rounded to the nearest float32: where a bound is not itself a float32 (8/255 is
 * not), a value may exceed it by half a float32 ulp, and `high` itself may come up by rounding.
 */
export function uniform(key: Key, length: number, low = 0, high = 1): Float32Array {
  checkLength(length);
  const random = generator(key);
  const step = (high - low) * 2 ** -24;
  const out = new Float32Array(length);
  for (let i = 0; i < length; i++) out[i] = low + step * (random.next() >>> 8);
  return out;
}

/**
 * Independent normal values, `[length]`, by the polar method (G. Marsaglia, T. Bray, SIAM Review 6(3), 1964).
 *
 * @param sd standard deviation, ≥ 0
 */
export function normal(key: Key, length: number, mean = 0, sd = 1): Float32Array {
  checkLength(length);
  const random = generator(key);
  const out = new Float32Array(length);
  for (let i = 0; i < length; i += 2) {
    let u: number;
    let v: number;
    let s: number;
    do {
      // +½ centres the grid: no coordinate is 0, and the distribution is symmetric
      u = (random.next() + 0.5) * 2 ** -31;
      v = (random.next() + 0.5) * 2 ** -31;
      s = u * u + v * v;
    } while (s >= 1);
    const scale = sd * Math.sqrt((-2 * log(s)) / s);
    out[i] = mean + u * scale;
    if (i + 1 < length) out[i + 1] = mean + v * scale;
  }
  return out;
}

/** Independent Laplace values of mean 0 and scale 1, `[length]`: density e^−|x|/2, by inversion, one draw each. */
export function laplace(key: Key, length: number): Float32Array {
  checkLength(length);
  const random = generator(key);
  const out = new Float32Array(length);
  for (let i = 0; i < length; i++) {
    const u = (random.next() + 0.5) * 2 ** -31; // in (−1, 1), never 0
    out[i] = u > 0 ? -log(u) : log(-u);
  }
  return out;
}

/** One unbiased integer in [0, below): upper bits, drawn again where they reach `below` (fewer than 2 draws expected). */
function integer(random: RandomGenerator, below: number): number {
  if (below === 1) return 0;
  const shift = Math.clz32(below - 1);
  let value: number;
  do value = random.next() >>> shift;
  while (value >= below);
  return value;
}

/**
 * Independent integers, `[length]` in [0, below), every value equally likely.
 *
 * @param below from 1 to 2^31
 */
export function integers(key: Key, length: number, below: number): Int32Array {
  checkLength(length);
  checkCount('a range', below, 1, 2 ** 31);
  const random = generator(key);
  const out = new Int32Array(length);
  for (let i = 0; i < length; i++) out[i] = integer(random, below);
  return out;
}

/** Independent signs, `[length]` of −1 and +1, equally likely. */
export function signs(key: Key, length: number): Float32Array {
  checkLength(length);
  const random = generator(key);
  const out = new Float32Array(length);
  for (let i = 0; i < length; i++) out[i] = random.next() < 0 ? -1 : 1;
  return out;
}

/** 0 … n−1 in random order, every order equally likely (Fisher–Yates). */
export function permutation(key: Key, n: number): Uint32Array {
  checkLength(n);
  const random = generator(key);
  const out = Uint32Array.from({ length: n }, (_, i) => i);
  for (let i = n - 1; i > 0; i--) {
    const j = integer(random, i + 1);
    const moved = out[i]!;
    out[i] = out[j]!;
    out[j] = moved;
  }
  return out;
}

/** Numbers one at a time, for whoever cannot say beforehand how many there will be. */
export interface Stream {
  /** Unbiased, in [0, below). @param below from 1 to 2^31 */
  integer(below: number): number;
  /** −1 or +1, equally likely. */
  sign(): number;
}

/** The stream of a key: not independent of the lists that are drawn with the same key. */
export function stream(key: Key): Stream {
  const random = generator(key);
  return { integer: (below) => integer(random, below), sign: () => (random.next() < 0 ? -1 : 1) };
}
