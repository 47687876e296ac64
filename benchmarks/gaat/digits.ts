/** Digits for networks that take coloured images of 32×32: the same digits, framed and repeated per channel. */
import { join } from 'node:path';
import type { DataSet } from '../../src/data/index.ts';
import { TouchstoneError } from '../../src/errors.ts';
import { encodeNpz, writeFileAtomic } from '../../src/io/index.ts';

const [CHANNELS, SIDE] = [3, 32];

/** Of `[N, 1, H, W]`, bytes or floats, `[N, 3, 32, 32]`: in the middle of a black frame. */
export function coloured<A extends Uint8Array | Float32Array>(images: A, h: number, w: number): A {
  const n = images.length / (h * w);
  const out = new (images.constructor as new (length: number) => A)(n * CHANNELS * SIDE ** 2);
  const [top, left] = [Math.floor((SIDE - h) / 2), Math.floor((SIDE - w) / 2)];
  for (let plane = 0; plane < n * CHANNELS; plane++)
    for (let row = 0; row < h; row++) {
      const from = (Math.floor(plane / CHANNELS) * h + row) * w;
      out.set(images.subarray(from, from + w), (plane * SIDE + top + row) * SIDE + left);
    }
  return out;
}

/**
 * Writes them to a file, as `--data` takes it.
 *
 * @param n the first so many images
 * @throws E_SHAPE for images that are not grey, or larger than the frame
 */
export async function colouredFile(data: DataSet, n: number, folder: string): Promise<string> {
  const [channels, h, w] = data.shape;
  if (channels !== 1 || h > SIDE || w > SIDE)
    throw new TouchstoneError(
      'E_SHAPE',
      `${data.name} has images of ${data.shape.join('×')}`,
      `grey ones of at most ${SIDE}×${SIDE}`,
      'pass --models none',
    );
  const shape = [n, CHANNELS, SIDE, SIDE];
  const images = coloured(data.images.slice(0, n * h * w), h, w);
  const x =
    images instanceof Uint8Array
      ? ({ dtype: 'uint8', shape, data: images } as const)
      : ({ dtype: 'float32', shape, data: images } as const);
  const path = join(folder, `${data.name.replaceAll(/[^\w-]+/g, '-')}-coloured-${n}.npz`);
  const y = { dtype: 'int32', shape: [n], data: data.labels.slice(0, n) } as const;
  await writeFileAtomic(path, encodeNpz({ x, y }, { level: 1 }));
  return path;
}
