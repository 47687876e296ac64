import { type Key, normal, uniform } from '../random/index.ts';
import { type Images, imageSize } from './images.ts';

export type Norm = 'linf' | 'l2';

/** One number for all images, or one for each, `[N]`. */
export type PerImage = number | Float32Array;

export const at = (value: PerImage, n: number): number => (typeof value === 'number' ? value : value[n]!);

/** The images that may take x's place: ‖x′ − x‖ ≤ ε, in [0, 1]. */
export interface Ball {
  readonly norm: Norm;
  /** In pixel space, > 0. */
  readonly epsilon: PerImage;
}

/** What an attacker may do to every image. */
export interface Threat extends Ball {
  readonly epsilon: number;
}

/** The ball with the radii of some images. */
export const gatherRadii = ({ norm, epsilon }: Ball, indices: readonly number[]): Ball => ({
  norm,
  epsilon: typeof epsilon === 'number' ? epsilon : Float32Array.from(indices, (i) => epsilon[i]!),
});

/** The largest radius: what defaults are made for. */
export const threatOf = ({ norm, epsilon }: Ball): Threat => ({
  norm,
  epsilon: typeof epsilon === 'number' ? epsilon : epsilon.reduce((a, b) => Math.max(a, b), 0),
});

/** A length that is meant for the largest radius, for each image in proportion to its own. */
export function inProportion(length: number, { epsilon }: Ball, largest: number): PerImage {
  return typeof epsilon === 'number' ? length : epsilon.map((radius) => (length * radius) / largest);
}

/** Calls `each` with the range `[start, end)` of every image. */
export function forEachImage(x: Images, each: (n: number, start: number, end: number) => void): void {
  const size = imageSize(x);
  for (let n = 0, at = 0; at < x.data.length; n++, at += size) each(n, at, at + size);
}

/**
 * Projects candidates onto the threat's set, in place: onto the ball around x, then onto [0, 1] (which cannot leave
 * the ball, as x itself is in [0, 1]).
 */
export function project(candidates: Float32Array, x: Images, { norm, epsilon }: Ball): void {
  const { data } = x;
  if (norm === 'linf') {
    forEachImage(x, (n, start, end) => {
      const radius = at(epsilon, n);
      for (let i = start; i < end; i++) {
        const low = Math.max(data[i]! - radius, 0);
        const high = Math.min(data[i]! + radius, 1);
        const v = candidates[i]!;
        candidates[i] = v < low ? low : Math.min(v, high);
      }
    });
    return;
  }
  forEachImage(x, (n, start, end) => {
    const radius = at(epsilon, n);
    let square = 0;
    for (let i = start; i < end; i++) square += (candidates[i]! - data[i]!) ** 2;
    const shrink = square > radius ** 2 ? radius / Math.sqrt(square) : 1;
    for (let i = start; i < end; i++) {
      const v = data[i]! + (candidates[i]! - data[i]!) * shrink;
      candidates[i] = v < 0 ? 0 : Math.min(v, 1);
    }
  });
}

/** A random start: uniform in the L∞ ball; for L2 a Gaussian direction with a uniform radius. Projected. */
export function randomStart(x: Images, ball: Ball, key: Key): Float32Array {
  const { norm, epsilon } = ball;
  const start = norm === 'linf' ? uniform(key, x.data.length, -1, 1) : normal(key, x.data.length);
  const radii = norm === 'linf' ? undefined : uniform(key.fold('radius'), x.shape[0]!, 0, 1);
  forEachImage(x, (n, from, to) => {
    let scale = at(epsilon, n);
    if (radii) {
      let square = 0;
      for (let i = from; i < to; i++) square += start[i]! ** 2;
      scale *= radii[n]! / Math.sqrt(square);
    }
    for (let i = from; i < to; i++) start[i] = start[i]! * scale + x.data[i]!;
  });
  project(start, x, ball);
  return start;
}

/**
 * The steepest-ascent step of length `stepSize` in the threat's norm, in place and projected: α·sign g for L∞,
 * α·g/‖g‖₂ for L2. Where the gradient is zero, the image stays.
 */
export function ascend(
  x: Float32Array,
  gradient: Float32Array,
  clean: Images,
  ball: Ball,
  stepSize: PerImage,
): void {
  forEachImage(clean, (n, start, end) => {
    const length = at(stepSize, n);
    if (ball.norm === 'linf') {
      for (let i = start; i < end; i++) {
        const g = gradient[i]!;
        if (g !== 0) x[i] = x[i]! + (g > 0 ? length : -length);
      }
      return;
    }
    let square = 0;
    for (let i = start; i < end; i++) square += gradient[i]! ** 2;
    if (square === 0) return;
    const scale = length / Math.sqrt(square);
    for (let i = start; i < end; i++) x[i] = x[i]! + gradient[i]! * scale;
  });
  project(x, clean, ball);
}
