import { type Key, laplace, normal, uniform } from '../random/index.ts';
import { type Images, imageSize } from './images.ts';
import { l1Step } from './l1-step.ts';
import { l1BallProjection } from './projections/index.ts';

export type Norm = 'linf' | 'l2' | 'l1';

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
 * Projects candidates onto the threat's set, in place. For L∞ and L2: onto the ball around x, then onto [0, 1] (which cannot
 * leave the ball, as x itself is in [0, 1]); for L1: onto the nearest point of both.
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
  if (norm === 'l1') {
    const onto = l1BallProjection(imageSize(x));
    forEachImage(x, (n, start) => onto(candidates, data, start, at(epsilon, n)));
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

/** Directions of equal density in all of a norm's unit ball; uniform numbers fill the L∞ ball as they are. */
const draws = {
  linf: (key: Key, length: number) => uniform(key, length, -1, 1),
  l2: (key: Key, length: number) => normal(key, length),
  l1: laplace,
} as const satisfies Record<Norm, (key: Key, length: number) => Float32Array>;

/**
 * A random start: uniform in the L∞ ball; for L2 a Gaussian and for L1 a Laplacian direction (evenly spread over the sphere) with
 * a uniform radius. Projected.
 */
export function randomStart(x: Images, ball: Ball, key: Key): Float32Array {
  const { norm, epsilon } = ball;
  const start = draws[norm](key, x.data.length);
  const radii = norm === 'linf' ? undefined : uniform(key.fold('radius'), x.shape[0]!, 0, 1);
  forEachImage(x, (n, from, to) => {
    let scale = at(epsilon, n);
    if (radii) scale *= radii[n]! / length(start, from, to, norm);
    for (let i = from; i < to; i++) start[i] = start[i]! * scale + x.data[i]!;
  });
  project(start, x, ball);
  return start;
}

/** ‖v‖₁ or ‖v‖₂ of one image. */
function length(v: Float32Array, from: number, to: number, norm: Norm): number {
  let [sum, square] = [0, 0];
  for (let i = from; i < to; i++) {
    sum += Math.abs(v[i]!);
    square += v[i]! ** 2;
  }
  return norm === 'l1' ? sum : Math.sqrt(square);
}

/**
 * The steepest-ascent step of length `stepSize` in the threat's norm, in place and projected: α·sign g for L∞,
 * α·g/‖g‖₂ for L2; for L1 spread over the pixels with the largest |g| (l1-step.ts). Where the gradient is zero, the
 * image stays.
 */
export function ascend(
  x: Float32Array,
  gradient: Float32Array,
  clean: Images,
  ball: Ball,
  stepSize: PerImage,
): void {
  const alongL1 = ball.norm === 'l1' ? l1Step(imageSize(clean)) : undefined;
  forEachImage(clean, (n, start, end) => {
    const reach = at(stepSize, n);
    if (alongL1) {
      alongL1(x, gradient, start, reach);
    } else if (ball.norm === 'linf') {
      for (let i = start; i < end; i++) {
        const g = gradient[i]!;
        if (g !== 0) x[i] = x[i]! + (g > 0 ? reach : -reach);
      }
    } else {
      const steepness = length(gradient, start, end, 'l2');
      if (steepness === 0) return;
      const scale = reach / steepness;
      for (let i = start; i < end; i++) x[i] = x[i]! + gradient[i]! * scale;
    }
  });
  project(x, clean, ball);
}
