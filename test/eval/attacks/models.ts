import { type AttackLoss, type Images, type Norm, predictions } from '../../../src/eval/index.ts';
import { key, normal, uniform } from '../../../src/random/index.ts';
import { type Counted, fake, linear } from '../fakes.ts';
import { smallestDisplacement } from '../slow-projection.ts';

export const SIZE = 12;

export interface Problem {
  readonly classifier: Counted;
  readonly x: Images;
  readonly y: Int32Array;
}

export interface LinearProblem extends Problem {
  /** The distance from image n to where class k overtakes its own, in the box. */
  distance(n: number, k: number, norm: Norm): number;
  /** To the nearest class. */
  nearest(n: number, norm: Norm): number;
}

/** Forgets the passes that making a problem took. */
function fresh<P extends Problem>(problem: P): P {
  problem.classifier.sights.length = 0;
  problem.classifier.forwards = 0;
  problem.classifier.backwards = 0;
  return problem;
}

/** The label that the model gives, so that all are classified correctly. */
const labelled = async (classifier: Counted, x: Images) =>
  predictions(await classifier.logits(x), classifier.classes);

/**
 * z = Wx + b with several classes. Images lie in [low, high]: 0.3 from the walls, or beyond them, cut off.
 *
 * @param n images
 * @param numbered the model does not look at pixel 0, which says which image it is: see `numberOf`
 */
export async function linearProblem(
  seed: number,
  n: number,
  { classes = 5, low = 0.3, high = 0.7, numbered = false } = {},
): Promise<LinearProblem> {
  const k = key(seed);
  const rows = Array.from({ length: classes }, (_, c) =>
    Array.from(normal(k.fold('w', c), SIZE), (v, i) => (numbered && i === 0 ? 0 : v)),
  );
  // All classes are equally likely in the middle of the box.
  const bias = rows.map((w) => -w.reduce((sum, v) => sum + 0.5 * v, 0));
  const classifier = linear(rows, bias);
  const data = uniform(k.fold('x'), n * SIZE, low, high).map((v, i) =>
    numbered && i % SIZE === 0 ? i / SIZE / NUMBERS : Math.min(1, Math.max(0, v)),
  );
  const x = { data, shape: [n, 3, 2, 2] };
  const y = await labelled(classifier, x);
  const distance = (i: number, c: number, norm: Norm) => {
    const point = Array.from(data.subarray(i * SIZE, (i + 1) * SIZE));
    const w = rows[c]!.map((v, j) => v - rows[y[i]!]![j]!);
    const value = w.reduce((sum, v, j) => sum + v * point[j]!, bias[c]! - bias[y[i]!]!);
    const { length, rise } = smallestDisplacement(norm, point, w, -value);
    return rise < -value ? Number.POSITIVE_INFINITY : length;
  };
  return fresh({
    classifier,
    x,
    y,
    distance,
    nearest: (i, norm) => Math.min(...rows.flatMap((_, c) => (c === y[i] ? [] : [distance(i, c, norm)]))),
  });
}

const NUMBERS = 8;
/** Which of up to 8 images of a numbered problem it is, whatever steps along gradients have done to it, and draws of less than 1/16. */
export const numberOf = (image: Float32Array): number => Math.round(image[0]! * NUMBERS);

/** z = V·tanh(Wx) in float64, with its Jacobian. */
export interface Network {
  logits(image: ArrayLike<number>): number[];
  /** ∂z_k/∂x, one row per class. */
  jacobian(image: ArrayLike<number>): number[][];
}

function network(seed: number, classes: number, numbered: boolean): Network {
  const [hidden, k] = [8, key(seed)];
  const w = Array.from({ length: hidden }, (_, h) =>
    Array.from(normal(k.fold('w', h), SIZE), (v, i) => (numbered && i === 0 ? 0 : v)),
  );
  const v = Array.from({ length: classes }, (_, c) => Array.from(normal(k.fold('v', c), hidden)));
  const activations = (image: ArrayLike<number>) =>
    w.map((row) => Math.tanh(row.reduce((sum, a, i) => sum + a * (image[i]! - 0.5), 0)));
  return {
    logits(image) {
      const a = activations(image);
      return v.map((row) => row.reduce((sum, b, h) => sum + b * a[h]!, 0));
    },
    jacobian(image) {
      const a = activations(image);
      return v.map((row) =>
        Array.from({ length: SIZE }, (_, i) =>
          row.reduce((sum, b, h) => sum + b * (1 - a[h]! ** 2) * w[h]![i]!, 0),
        ),
      );
    },
  };
}

/** dℓ/dz of the losses without a ratio. */
export function slopes(loss: AttackLoss, z: ArrayLike<number>, y: number, target?: number): number[] {
  const scores = Array.from(z);
  if (loss === 'ce') {
    const total = scores.reduce((sum, v) => sum + Math.exp(v), 0);
    return scores.map((v, k) => Math.exp(v) / total - (k === y ? 1 : 0));
  }
  const others = scores.map((v, k) => (k === y ? Number.NEGATIVE_INFINITY : v));
  const aim = loss === 'margin' ? others.indexOf(Math.max(...others)) : target;
  return scores.map((_, k) => (k === aim ? 1 : 0) - (k === y ? 1 : 0));
}

/** A small network with curved boundaries; numbered as linear problems are. */
export async function curvedProblem(
  seed: number,
  n: number,
  { classes = 5, numbered = false } = {},
): Promise<Problem & { network: Network }> {
  const net = network(seed, classes, numbered);
  const classifier = fake({
    classes,
    logits: (image) => net.logits(image),
    gradient(loss, image, label, z, target) {
      const jacobian = net.jacobian(image);
      const slope = slopes(loss, z, label, target);
      return Array.from(image, (_, i) => slope.reduce((sum, s, k) => sum + s * jacobian[k]![i]!, 0));
    },
  });
  const data = uniform(key(seed).fold('x'), n * SIZE, 0.2, 0.8).map((v, i) =>
    numbered && i % SIZE === 0 ? i / SIZE / NUMBERS : v,
  );
  const x = { data, shape: [n, 3, 2, 2] };
  return fresh({ classifier, x, y: await labelled(classifier, x), network: net });
}

/** ‖a − b‖ of image n, in float64. */
export function distanceOf(a: Float32Array, b: Float32Array, n: number, norm: Norm): number {
  const d = Array.from({ length: SIZE }, (_, i) => Math.abs(a[n * SIZE + i]! - b[n * SIZE + i]!));
  return { linf: Math.max(...d), l2: Math.hypot(...d), l1: d.reduce((s, v) => s + v, 0) }[norm];
}
