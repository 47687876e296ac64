import { TouchstoneError } from '../errors.ts';
import { threefry, type Words } from './threefry.ts';

/** What a key can be folded with: a name, or a safe integer (an epoch, a step, an index). */
export type KeyPart = string | number;

/**
 * A source of randomness as a plain value: the same key always gives the same numbers.
 *
 * A key is never "used up". Give each use a key of its own by folding a name or a number into it, and two uses
 * never share numbers: `k.fold('shuffle')`, `k.fold('epoch', 3)`.
 */
export interface Key {
  /** 128 bits, as four signed 32-bit words. */
  readonly words: Words;
  /**
   * A new key, independent of this one and of every key folded otherwise.
   * Parts are folded one after another: `k.fold('epoch', 3)` is `k.fold('epoch').fold(3)`. `3` and `'3'` differ.
   *
   * @throws TouchstoneError E_OPTION when a number is not a safe integer.
   */
  fold(...parts: readonly KeyPart[]): Key;
}

// The first word of a block says what the block holds, so that no two kinds of part share a block.
const tagSeed = 0;
const tagInteger = 1;
const tagString = 2;
const bytesPerBlock = 12;

const utf8 = new TextEncoder();

function foldInteger(words: Words, tag: number, value: number): Words {
  if (!Number.isSafeInteger(value)) {
    throw new TouchstoneError(
      'E_OPTION',
      `a random key was made with ${value}`,
      'an integer within ±(2^53 − 1)',
    );
  }
  return threefry(words, [tag, value | 0, Math.floor(value / 2 ** 32) | 0, 0]);
}

/** Absorbs the UTF-8 bytes, 12 to a block, each block keyed by the one before; the length comes first. */
function foldString(words: Words, value: string): Words {
  const bytes = utf8.encode(value);
  let state = threefry(words, [tagString, bytes.length, 0, 0]);
  for (let at = 0; at < bytes.length; at += bytesPerBlock) {
    const word = (i: number): number => {
      let bits = 0;
      for (let b = 3; b >= 0; b--) bits = (bits << 8) | (bytes[at + 4 * i + b] ?? 0);
      return bits;
    };
    state = threefry(state, [tagString, word(0), word(1), word(2)]);
  }
  return state;
}

function keyOf(words: Words): Key {
  return Object.freeze({
    words,
    fold(...parts: readonly KeyPart[]): Key {
      let state = words;
      for (const part of parts) {
        state = typeof part === 'string' ? foldString(state, part) : foldInteger(state, tagInteger, part);
      }
      return keyOf(state);
    },
  });
}

/**
 * The root key of a run.
 *
 * @param seed any safe integer, negative ones included
 * @throws TouchstoneError E_OPTION when it is not one.
 */
export function key(seed: number): Key {
  return keyOf(foldInteger([0, 0, 0, 0], tagSeed, seed));
}
