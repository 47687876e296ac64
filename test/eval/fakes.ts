import type { AttackLoss, Classifier, Evidence, Images, ModelCard, Oracle } from '../../src/eval/index.ts';
import { key, uniform } from '../../src/random/index.ts';

/** Classifiers made by hand, in float64 and without an engine. */

/** One image as a classifier was shown it. */
export interface Sight {
  readonly kind: 'logits' | 'gradient';
  readonly image: Float32Array;
  /** Its label where gradients were asked for. */
  readonly label?: number;
  readonly predicted: number;
}

export interface Counted extends Classifier {
  /** Every image of every call, in order. */
  readonly sights: Sight[];
  forwards: number;
  backwards: number;
}

/** What a fake computes for one image: its logits, and the gradient of its loss (zero unless given). */
export interface Behaviour {
  readonly classes: number;
  logits(image: Float32Array): ArrayLike<number>;
  gradient?(
    loss: AttackLoss,
    image: Float32Array,
    label: number,
    logits: ArrayLike<number>,
    target: number | undefined,
  ): ArrayLike<number>;
}

const argmax = (z: ArrayLike<number>): number => {
  let best = 0;
  for (let k = 1; k < z.length; k++) if (z[k]! > z[best]!) best = k;
  return best;
};

const others = (z: ArrayLike<number>, label: number): number =>
  argmax(Array.from(z, (v, k) => (k === label ? -Infinity : v)));

/** A loss and its slope by each logit, from its definition. */
export function lossOf(
  loss: AttackLoss,
  z: ArrayLike<number>,
  label: number,
  target: number | undefined,
): { value: number; slopes: number[] } {
  const unit = (k: number) => Array.from(z, (_, i) => (i === k ? 1 : 0));
  const minus = (a: number[], b: number[]) => a.map((v, i) => v - b[i]!);
  const aim = loss.endsWith('-targeted') ? target! : others(z, label);
  const order = Array.from(z, (_, i) => i).sort((a, b) => z[b]! - z[a]!);
  const margin = { value: z[aim]! - z[label]!, slopes: minus(unit(aim), unit(label)) };
  switch (loss) {
    case 'margin':
    case 'margin-targeted':
      return margin;
    case 'logit':
      return { value: z[label]!, slopes: unit(label) };
    case 'dlr':
    case 'dlr-targeted': {
      // m/s: its slope is (m′ − (m/s)·s′)/s.
      const low = loss === 'dlr' ? [order[2]!] : [order[2]!, order[3]!];
      const s = z[order[0]!]! - low.reduce((sum, k) => sum + z[k]! / low.length, 0) + 1e-12;
      const value = margin.value / s;
      const fall = unit(order[0]!).map((v, i) => v - (low.includes(i) ? 1 / low.length : 0));
      return { value, slopes: margin.slopes.map((v, i) => (v - value * fall[i]!) / s) };
    }
    case 'ce': {
      const top = Math.max(...Array.from(z));
      const total = Array.from(z).reduce((sum, v) => sum + Math.exp(v - top), 0);
      const softmax = Array.from(z, (v) => Math.exp(v - top) / total);
      return { value: top + Math.log(total) - z[label]!, slopes: minus(softmax, unit(label)) };
    }
  }
}

/** A classifier that behaves as told and writes down all that it is shown. */
export function fake({ classes, logits, gradient }: Behaviour): Counted {
  const each = (x: Images) => {
    const size = x.data.length / Math.max(1, x.shape[0]!);
    return Array.from({ length: x.shape[0]! }, (_, n) => x.data.slice(n * size, (n + 1) * size));
  };
  return {
    classes,
    sights: [],
    forwards: 0,
    backwards: 0,
    async logits(x) {
      const images = each(x);
      const all = images.map((image) => logits(image));
      this.forwards += images.length;
      this.sights.push(
        ...images.map((image, n) => ({ kind: 'logits' as const, image, predicted: argmax(all[n]!) })),
      );
      return Float32Array.from(all.flatMap((z) => Array.from(z)));
    },
    async gradient(loss, x, y, target) {
      const images = each(x);
      const all = images.map((image) => logits(image));
      this.forwards += images.length;
      this.backwards += images.length;
      this.sights.push(
        ...images.map((image, n) => ({
          kind: 'gradient' as const,
          image,
          label: y[n]!,
          predicted: argmax(all[n]!),
        })),
      );
      const slopes = images.flatMap((image, n) =>
        gradient
          ? Array.from(gradient(loss, image, y[n]!, all[n]!, target?.[n]))
          : Array.from(image, () => 0),
      );
      return {
        logits: Float32Array.from(all.flatMap((z) => Array.from(z))),
        loss: Float32Array.from(all, (z, n) => lossOf(loss, z, y[n]!, target?.[n]).value),
        gradient: Float32Array.from(slopes),
      };
    },
  };
}

/** z = Wx + b with the true gradients of all losses. @param weights one row per class */
export function linear(weights: readonly ArrayLike<number>[], bias: readonly number[]): Counted {
  const classes = weights.length;
  return fake({
    classes,
    logits: (image) => weights.map((w, k) => image.reduce((sum, v, i) => sum + v * w[i]!, bias[k]!)),
    gradient(loss, image, label, z, target) {
      const { slopes } = lossOf(loss, z, label, target);
      return Array.from(image, (_, i) => weights.reduce((sum, w, k) => sum + slopes[k]! * w[i]!, 0));
    },
  });
}

/** A problem whose optimum is known: two classes with z₀ − z₁ = w·x + b, images away from the borders. */
export function twoClasses(
  seed: number,
  n: number,
): { classifier: Counted; x: Images; y: Int32Array; w: number[]; margins: number[] } {
  const size = 12;
  const w = Array.from(uniform(key(seed).fold('w'), size, -1, 1));
  const data = uniform(key(seed).fold('x'), n * size, 0.3, 0.7);
  const b = -w.reduce((sum, v) => sum + v * 0.5, 0);
  const classifier = linear([w.map((v) => v / 2), w.map((v) => -v / 2)], [b / 2, -b / 2]);
  const values = Array.from({ length: n }, (_, s) =>
    w.reduce((sum, v, i) => sum + v * data[s * size + i]!, b),
  );
  return {
    classifier,
    x: { data, shape: [n, 3, 2, 2] },
    y: Int32Array.from(values, (f) => (f > 0 ? 0 : 1)),
    w,
    margins: values.map(Math.abs),
  };
}

/** An oracle that agrees with a behaviour, image by image. */
export const oracleOf = (classifier: Classifier): Oracle => ({
  predict: (data, shape) => classifier.logits({ data, shape }),
});

export const card = (over: Partial<ModelCard> = {}): ModelCard => ({
  producer: 'test',
  opset: 20,
  irVersion: 9,
  parameters: 1,
  operators: [],
  trainable: [],
  input: { name: 'x', dtype: 'float32', shape: ['N', 3, 2, 2], layout: 'NCHW', image: [3, 2, 2] },
  output: { name: 'logits', shape: ['N', 2] },
  outputs: ['logits'],
  outputKind: 'logits',
  classes: 2,
  unsupported: [],
  zeroGradients: [],
  tellsPaths: 0,
  maskingRisks: [],
  ...over,
});

/** Evidence from a model without fault, to be spoilt where a check should see it. */
export function evidence(over: Partial<Evidence> = {}): Evidence {
  const { classifier, x, y } = twoClasses(1, 40);
  return {
    card: card(),
    classifier,
    oracle: oracleOf(classifier),
    x,
    y,
    key: key(0),
    broken: new Map(),
    sweep: [],
    maxBatch: 16,
    ...over,
  };
}
