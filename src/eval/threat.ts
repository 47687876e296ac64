import { type Key, normal, uniform } from '../random/index.ts';
import { type Images, imageSize } from './images.ts';

export type Norm = 'linf' | 'l2';

/** The set of images an attacker may put in place of x: ‖x′ − x‖ ≤ ε, in [0, 1]. */
export interface Threat {
  readonly norm: Norm;
  /** In pixel space, > 0. */
  readonly epsilon: number;
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
export function project(candidates: Float32Array, x: Images, { norm, epsilon }: Threat): void {
  const { data } = x;
  if (norm === 'linf') {
    for (let i = 0; i < data.length; i++) {
      const low = Math.max(data[i]! - epsilon, 0);
      const high = Math.min(data[i]! + epsilon, 1);
      const v = candidates[i]!;
      candidates[i] = v < low ? low : Math.min(v, high);
    }
    return;
  }
  forEachImage(x, (_, start, end) => {
    let square = 0;
    for (let i = start; i < end; i++) square += (candidates[i]! - data[i]!) ** 2;
    const shrink = square > epsilon ** 2 ? epsilon / Math.sqrt(square) : 1;
    for (let i = start; i < end; i++) {
      const v = data[i]! + (candidates[i]! - data[i]!) * shrink;
      candidates[i] = v < 0 ? 0 : Math.min(v, 1);
    }
  });
}

/** A random start: uniform in the L∞ ball; for L2 a Gaussian direction with a uniform radius. Projected. */
export function randomStart(x: Images, threat: Threat, key: Key): Float32Array {
  const { norm, epsilon } = threat;
  const start = norm === 'linf' ? uniform(key, x.data.length, -epsilon, epsilon) : normal(key, x.data.length);
  if (norm === 'l2') {
    const radii = uniform(key.fold('radius'), x.shape[0]!, 0, epsilon);
    forEachImage(x, (n, from, to) => {
      let square = 0;
      for (let i = from; i < to; i++) square += start[i]! ** 2;
      const scale = radii[n]! / Math.sqrt(square);
      for (let i = from; i < to; i++) start[i] = start[i]! * scale;
    });
  }
  for (let i = 0; i < start.length; i++) start[i] = start[i]! + x.data[i]!;
  project(start, x, threat);
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
  threat: Threat,
  stepSize: number,
): void {
  if (threat.norm === 'linf') {
    for (let i = 0; i < x.length; i++) {
      const g = gradient[i]!;
      if (g !== 0) x[i] = x[i]! + (g > 0 ? stepSize : -stepSize);
    }
  } else {
    forEachImage(clean, (_, start, end) => {
      let square = 0;
      for (let i = start; i < end; i++) square += gradient[i]! ** 2;
      if (square === 0) return;
      const scale = stepSize / Math.sqrt(square);
      for (let i = start; i < end; i++) x[i] = x[i]! + gradient[i]! * scale;
    });
  }
  project(x, clean, threat);
}
