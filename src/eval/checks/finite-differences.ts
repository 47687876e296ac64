import { TouchstoneError } from '../../errors.ts';
import { signs } from '../../random/index.ts';
import { gather, gatherLabels, type Images, imageSize } from '../images.ts';
import type { Reference } from '../reference.ts';
import { forEachImage } from '../threat.ts';
import type { CheckSpec, Evidence } from './check.ts';

const DIRECTIONS = 4;
/** In float32, on the engine: small enough to stay between most kinks, large enough for rounded losses. */
const ENGINE_STEP = 1e-4;
/** In float64, by the reference interpreter: no kink is near, no rounding felt. */
const REFERENCE_STEP = 1e-7;
/** The interpreter may take about this long in all, in milliseconds; a model too large for it is left to the engine. */
const BUDGET = 8000;
const MOST_REFERENCE_IMAGES = 8;

/** The margins of images moved by `step` along a direction. */
type MarginsAt = (direction: Float32Array, step: number) => Promise<ArrayLike<number>>;

interface Way {
  readonly precision: 'float64' | 'float32';
  readonly step: number;
  readonly x: Images;
  readonly y: Int32Array;
  readonly marginsAt: MarginsAt;
}

/** The gradient agrees with central differences of the loss along random directions. */
export const finiteDifferences: CheckSpec = {
  id: 'finite-differences',
  title: 'The gradient agrees with finite differences',
  async run(evidence) {
    if (evidence.y.length === 0) return undefined;
    const { precision, step, x, y, marginsAt } = byReference(evidence) ?? byEngine(evidence);
    // The margin is linear between kinks and large, so that its differences survive float32.
    const { gradient } = await evidence.classifier.gradient('margin', x, y);
    let [dot, left, right] = [0, 0, 0];
    for (let d = 0; d < DIRECTIONS; d++) {
      const direction = signs(evidence.key.fold('direction', d), x.data.length);
      const [above, below] = [await marginsAt(direction, step), await marginsAt(direction, -step)];
      forEachImage(x, (n, from, to) => {
        let slope = 0;
        for (let i = from; i < to; i++) slope += gradient[i]! * direction[i]!;
        const difference = (above[n]! - below[n]!) / (2 * step);
        dot += slope * difference;
        left += slope * slope;
        right += difference * difference;
      });
    }
    const cosine = left === 0 && right === 0 ? 1 : dot / Math.max(Math.sqrt(left * right), Number.MIN_VALUE);
    const agree = cosine > 0.99;
    const through = evidence.card.zeroGradients.filter((z) => z.includes('straight-through'));
    return {
      // Of a quantiser that gradients are passed straight through, differences are known to say something else.
      verdict: agree ? 'pass' : cosine > 0.9 || through.length > 0 ? 'warn' : 'fail',
      figures: {
        samples: y.length,
        directions: DIRECTIONS,
        step,
        precision,
        cosine: Number.isFinite(cosine) ? Number(cosine.toFixed(6)) : 'not finite',
      },
      message: agree
        ? `Slopes and ${precision} differences agree (cosine ${cosine.toFixed(4)}).`
        : through.length > 0
          ? `Slopes and ${precision} differences disagree (cosine ${cosine.toFixed(4)}), as they must: the gradient is passed straight through ${through[0]}.`
          : `Slopes and ${precision} differences disagree (cosine ${cosine.toFixed(4)}): the gradient is false, or the model is very rough.`,
    };
  },
};

function byEngine({ classifier, x, y }: Evidence): Way {
  const marginsAt: MarginsAt = async (direction, step) => {
    const data = x.data.map((v, i) => v + step * direction[i]!);
    return (await classifier.gradient('margin', { data, shape: x.shape }, y)).loss;
  };
  return { precision: 'float32', step: ENGINE_STEP, x, y, marginsAt };
}

/** Undefined without a reference, or where one image alone takes it too long. */
function byReference({ reference, classifier, x, y, fixedBatch }: Evidence): Way | undefined {
  if (!reference) return undefined;
  const first = (count: number): number[] => Array.from({ length: count }, (_, i) => i);
  const some = (count: number): Images => gather(x, first(count));
  const least = fixedBatch ?? 1;
  if (least > y.length) return undefined;
  const started = performance.now();
  try {
    margins(reference, some(least), y, classifier.classes);
  } catch (error) {
    // A random operator, say, has no value to refer to.
    if (error instanceof TouchstoneError && error.code === 'E_UNSUPPORTED') return undefined;
    throw error;
  }
  const each = (performance.now() - started) / least;
  const affordable = Math.floor(BUDGET / Math.max(each, 1e-3) / (2 * DIRECTIONS));
  const count = fixedBatch ?? Math.min(affordable, MOST_REFERENCE_IMAGES, y.length);
  if (count < 1 || count > affordable) return undefined;
  const chosen = some(count);
  const marginsAt: MarginsAt = async (direction, step) =>
    margins(reference, chosen, y, classifier.classes, (i) => step * direction[i]!);
  return {
    precision: 'float64',
    step: REFERENCE_STEP,
    x: chosen,
    y: gatherLabels(y, first(count)),
    marginsAt,
  };
}

/** max_{i≠y} z_i − z_y per image, in float64. */
function margins(
  reference: Reference,
  x: Images,
  y: Int32Array,
  classes: number,
  moved: (i: number) => number = () => 0,
): number[] {
  const z = reference(
    Float64Array.from(x.data, (v, i) => v + moved(i)),
    x.shape,
  );
  return Array.from({ length: x.data.length / imageSize(x) }, (_, n) => {
    let best = Number.NEGATIVE_INFINITY;
    for (let k = 0; k < classes; k++) if (k !== y[n]) best = Math.max(best, z[n * classes + k]!);
    return best - z[n * classes + y[n]!]!;
  });
}
