/** What Square's tests attack: linear models without gradients, and how far each image is from their boundary. */
import {
  type AttackParameters,
  attacks,
  type Classifier,
  type Images,
  type Norm,
} from '../../../src/eval/index.ts';
import { key, normal, uniform } from '../../../src/random/index.ts';

export const NORMS: readonly Norm[] = ['linf', 'l2', 'l1'];

const sum = (values: readonly number[]) => values.reduce((a, b) => a + b, 0);
export const lengths: Record<Norm, (v: readonly number[]) => number> = {
  linf: (v) => Math.max(...v.map(Math.abs)),
  l2: (v) => Math.sqrt(sum(v.map((d) => d * d))),
  l1: (v) => sum(v.map(Math.abs)),
};
const DUAL: Record<Norm, Norm> = { linf: 'l1', l2: 'l2', l1: 'linf' };

/** x′ − x of one image, in float64. */
export const difference = (a: Float32Array, b: Float32Array, i: number, size: number) =>
  Array.from({ length: size }, (_, k) => a[i * size + k]! - b[i * size + k]!);

/** z₀ − z₁ = w·x + b for images [N, C, H, W] around grey, and each image's distance to the boundary. */
export function problem(seed: number, n: number, [c, h, w]: readonly [number, number, number], norm: Norm) {
  const size = c * h * w;
  const weights = normal(key(seed).fold('w'), size);
  const data = uniform(key(seed).fold('x'), n * size, 0.45, 0.55);
  const b = -weights.reduce((sum, v) => sum + v * 0.5, 0);
  const value = (x: Float32Array, i: number) => {
    let f = b;
    for (let k = 0; k < size; k++) f += weights[k]! * x[i * size + k]!;
    return f;
  };
  const f = Float64Array.from({ length: n }, (_, i) => value(data, i));
  const asked = { images: 0 };
  const classifier: Classifier = {
    classes: 2,
    async logits({ data: x, shape }) {
      asked.images += shape[0]!;
      return Float32Array.from({ length: 2 * shape[0]! }, (_, k) => (k % 2 ? 0 : value(x, k / 2)));
    },
    gradient: () => Promise.reject(new Error('no gradient is used')),
  };
  const dual = lengths[DUAL[norm]](Array.from(weights));
  return {
    classifier,
    asked,
    x: { data, shape: [n, c, h, w] } satisfies Images,
    y: Int32Array.from(f, (v) => (v > 0 ? 0 : 1)),
    radii: Array.from(f, (v) => Math.abs(v) / dual),
    size,
  };
}

type Problem = Pick<ReturnType<typeof problem>, 'classifier' | 'x' | 'y'>;
export const run = (
  { classifier, x, y }: Problem,
  norm: Norm,
  epsilon: number | Float32Array,
  parameters: AttackParameters = {},
  seed = 0,
) => attacks.square.run({ classifier, x, y, threat: { norm, epsilon }, parameters, key: key(seed) });

export const middleOf = (values: readonly number[]) => [...values].sort((a, b) => a - b)[values.length >> 1]!;
