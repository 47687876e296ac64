/**
 * Threefry-4x32-20: a keyed bijection of 128-bit blocks, used to derive keys from keys.
 *
 * J. Salmon, M. Moraes, R. Dror, D. Shaw, "Parallel random numbers: as easy as 1, 2, 3", SC 2011.
 * Tested on the known answers that the authors publish. Integer arithmetic only: the same on every machine.
 */

/** Four 32-bit words (as signed or unsigned integers: only their bits count). */
export type Words = readonly [number, number, number, number];

// Rotations of round r (mod 8): of the pair (0, 1) and of the pair (2, 3); odd rounds pair (0, 3) and (2, 1).
const rotations: readonly (readonly [number, number])[] = [
  [10, 26],
  [11, 21],
  [13, 27],
  [23, 5],
  [6, 20],
  [17, 11],
  [25, 10],
  [18, 20],
];
const parity = 0x1bd11bda;
const rounds = 20;

const rotateLeft = (x: number, by: number): number => (x << by) | (x >>> (32 - by));

/** Encrypts `block` under `key`; returns four signed 32-bit words. */
export function threefry(key: Words, block: Words): Words {
  const schedule = [...key, parity ^ key[0] ^ key[1] ^ key[2] ^ key[3]];
  const subkey = (i: number): number => schedule[i % 5]!;
  let [a, b, c, d] = block.map((word, i) => (word + subkey(i)) | 0) as [number, number, number, number];
  for (let round = 0; round < rounds; round++) {
    const [first, second] = rotations[round % 8]!;
    if (round % 2 === 0) {
      a = (a + b) | 0;
      b = rotateLeft(b, first) ^ a;
      c = (c + d) | 0;
      d = rotateLeft(d, second) ^ c;
    } else {
      a = (a + d) | 0;
      d = rotateLeft(d, first) ^ a;
      c = (c + b) | 0;
      b = rotateLeft(b, second) ^ c;
    }
    if (round % 4 === 3) {
      const s = (round + 1) / 4; // every fourth round the key is injected, shifted by one word
      a = (a + subkey(s)) | 0;
      b = (b + subkey(s + 1)) | 0;
      c = (c + subkey(s + 2)) | 0;
      d = (d + subkey(s + 3) + s) | 0;
    }
  }
  return [a, b, c, d];
}
