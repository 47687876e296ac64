/** What APGD's tests attack: a smooth classifier that is not linear, with its gradients by hand. */
import type { Norm } from '../../../src/eval/index.ts';
import { key, normal, uniform } from '../../../src/random/index.ts';
import { type Counted, fake, lossOf } from '../fakes.ts';
import type { Point } from './plain-apgd.ts';

export const NORMS: readonly Norm[] = ['linf', 'l2', 'l1'];
export const NAMES = ['apgd-ce', 'apgd-dlr', 'apgd-t'] as const;
export const each = NAMES.flatMap((name) => NORMS.map((norm) => [name, norm] as const));

export const SIZE = 12;

/** z = V·tanh(Ux) with as many classes, on images of 3×2×2: smooth, and not linear. */
export function smooth(
  seed: number,
  classes = 5,
): Counted & { slope(loss: 'ce' | 'dlr', x: Point, y: number): number[]; of(x: Point): number[] } {
  const [hidden, at] = [8, key(seed)];
  const U = normal(at.fold('U'), hidden * SIZE, 0, 0.8);
  const V = normal(at.fold('V'), classes * hidden);
  const units = (x: Point) =>
    Array.from({ length: hidden }, (_, h) => {
      let sum = 0;
      for (let i = 0; i < SIZE; i++) sum += U[h * SIZE + i]! * (x[i]! - 0.5);
      return Math.tanh(sum);
    });
  const logits = (x: Point) => {
    const t = units(x);
    return Array.from({ length: classes }, (_, k) =>
      t.reduce((sum, v, h) => sum + v * V[k * hidden + h]!, 0),
    );
  };
  const back = (x: Point, slopes: readonly number[]) => {
    const t = units(x);
    const inner = t.map(
      (v, h) => (1 - v * v) * slopes.reduce((sum, s, k) => sum + s * V[k * hidden + h]!, 0),
    );
    return Array.from({ length: SIZE }, (_, i) => inner.reduce((sum, v, h) => sum + v * U[h * SIZE + i]!, 0));
  };
  const classifier = fake({
    classes,
    logits,
    gradient: (loss, x, label, z, target) => back(x, lossOf(loss, z, label, target).slopes),
  });
  return Object.assign(classifier, {
    of: logits,
    slope: (loss: 'ce' | 'dlr', x: Point, y: number) => back(x, lossOf(loss, logits(x), y, undefined).slopes),
  });
}

export const images = (seed: number, n: number) => ({
  data: uniform(key(seed).fold('x'), n * SIZE, -0.2, 1.2).map((v) => Math.min(1, Math.max(0, v))),
  shape: [n, 3, 2, 2],
});

export async function labelled(classifier: Counted, x: { data: Float32Array; shape: readonly number[] }) {
  const z = await classifier.logits(x);
  const y = Int32Array.from({ length: x.shape[0]! }, (_, n) => {
    const own = Array.from(z.subarray(n * classifier.classes, (n + 1) * classifier.classes));
    return own.indexOf(Math.max(...own));
  });
  classifier.sights.length = 0;
  classifier.forwards = 0;
  return y;
}
