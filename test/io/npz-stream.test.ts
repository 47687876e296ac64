import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { decodeNpz, encodeNpz, npzStream } from '../../src/io/index.ts';

async function joined(pieces: AsyncIterable<Uint8Array>): Promise<Uint8Array> {
  const all: Uint8Array[] = [];
  for await (const piece of pieces) all.push(piece);
  return Uint8Array.from(Buffer.concat(all));
}

function* cut(data: Float32Array, at: readonly number[]): Generator<Float32Array> {
  const places = [0, ...at.map((p) => Math.min(p, data.length)).sort((a, b) => a - b), data.length];
  for (let i = 1; i < places.length; i++) yield data.slice(places[i - 1], places[i]);
}

describe('an archive in pieces', () => {
  it('holds the same arrays as one in one piece, however it is cut', async () => {
    await fc.assert(
      fc.asyncProperty(
        fc.array(fc.float({ noNaN: true }), { maxLength: 40 }),
        fc.array(fc.nat(40), { maxLength: 5 }),
        async (values, cuts) => {
          const data = Float32Array.from(values);
          const y = BigInt64Array.from([1n, 2n]);
          const bytes = await joined(
            npzStream({
              x: { dtype: 'float32', shape: [data.length], parts: () => cut(data, cuts) },
              y: { dtype: 'int64', shape: [2, 1], parts: () => [y] },
            }),
          );
          const whole = encodeNpz({
            x: { dtype: 'float32', shape: [data.length], data },
            y: { dtype: 'int64', shape: [2, 1], data: y },
          });
          expect(decodeNpz(bytes)).toEqual(decodeNpz(whole));
          const again = await joined(
            npzStream({
              x: { dtype: 'float32', shape: [data.length], parts: () => [data] },
              y: { dtype: 'int64', shape: [2, 1], parts: () => [y] },
            }),
          );
          expect(again).toEqual(bytes);
        },
      ),
      { numRuns: 30 },
    );
  });

  it('is refused where its parts do not add up to its shape', async () => {
    const short = npzStream({ x: { dtype: 'float32', shape: [3], parts: () => [new Float32Array(2)] } });
    await expect(joined(short)).rejects.toThrow(/^E_SHAPE: array "x" has 2 numbers, expected 3/);
  });

  it('does not wait for the end with what it has', async () => {
    let asked = 0;
    async function* parts() {
      for (; asked < 3; asked++) yield new Float32Array(1000);
    }
    const stream = npzStream({ x: { dtype: 'float32', shape: [3000], parts } });
    await stream.next();
    expect(asked).toBeLessThan(3);
    await stream.return(undefined);
  });
});
