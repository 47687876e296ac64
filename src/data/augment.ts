import { integers, type Key, signs } from '../random/index.ts';
import type { Batch } from './dataset.ts';

export interface AugmentOptions {
  /** Rows and columns of zeros around the image, before a crop of its own size is taken from it. @default 4 */
  readonly pad?: number;
  /** Mirror half of the images. @default true */
  readonly flip?: boolean;
}

/**
 * The usual augmentation for CIFAR: pad with black, crop at a random place, mirror with probability ½. Each image
 * draws its own; `y` and the shape stay as they are.
 *
 * @param batch x [N, C, H, W] in [0, 1]; left unchanged
 * @phase augment: pad, crop, mirror
 */
export function augment(batch: Batch, key: Key, options: AugmentOptions = {}): Batch {
  const { pad = 4, flip = true } = options;
  const [n, channels, height, width] = batch.shape;
  const shiftY = integers(key.fold('rows'), n, 2 * pad + 1);
  const shiftX = integers(key.fold('columns'), n, 2 * pad + 1);
  const mirror = signs(key.fold('mirror'), n);
  const x = new Float32Array(batch.x.length); // what is not written stays black
  for (let i = 0; i < n; i++) {
    const dy = shiftY[i]! - pad;
    const dx = shiftX[i]! - pad;
    const mirrored = flip && mirror[i]! < 0;
    for (let c = 0; c < channels; c++) {
      const plane = (i * channels + c) * height * width;
      for (let row = Math.max(0, -dy); row < Math.min(height, height - dy); row++) {
        const from = plane + (row + dy) * width + dx;
        const to = plane + row * width;
        for (let column = Math.max(0, -dx); column < Math.min(width, width - dx); column++) {
          x[to + (mirrored ? width - 1 - column : column)] = batch.x[from + column]!;
        }
      }
    }
  }
  return { x, y: batch.y, shape: batch.shape };
}
