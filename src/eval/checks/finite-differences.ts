import { TouchstoneError } from '../../errors.ts';
import { type Key, signs } from '../../random/index.ts';
import { gather, gatherLabels, type Images, imageSize } from '../images.ts';
import type { Reference } from '../reference.ts';
import type { CheckSpec, Evidence } from './check.ts';
import { isUndifferentiable, mainParameters } from './fresh.ts';

const DIRECTIONS = 4;
/** In float32, on the engine: small enough to stay between most kinks, large enough for rounded losses. */
const ENGINE_STEP = 1e-4;
/** In float64, by the reference interpreter: no kink is near, no rounding felt. */
const REFERENCE_STEP = 1e-7;
/**
 * Multiplications that the interpreter may make in all, some 8 seconds' worth; a model too large for it is left to the engine. Not a
 * time: the same audit must find the same on a busy machine.
 */
const AFFORDABLE = 1.6e9;
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

/**
 * The gradient agrees with central differences of the loss along random directions: at a distance where every honest function is
 * linear, and at that of an attack's step, where it must still say something.
 */
export const finiteDifferences: CheckSpec = {
  id: 'finite-differences',
  title: 'The gradient agrees with finite differences',
  async run(evidence) {
    if (evidence.y.length === 0) return undefined;
    const gradient = await gradientOf(evidence);
    if (!gradient) return undefined;
    const way = byReference(evidence) ?? byEngine(evidence, ENGINE_STEP);
    const { precision, step } = way;
    const { cosine } = await agreement(way, gradient, evidence.key);
    const stride = strideOf(evidence);
    const far =
      stride && (await agreement(byEngine(evidence, stride), gradient, evidence.key.fold('far'))).error;
    const lost = far !== undefined && !(far < SAYS_NOTHING);
    const agree = cosine > 0.99;
    const through = evidence.card.zeroGradients.filter((z) => z.includes('straight-through'));
    return {
      // Of a quantiser that gradients are passed straight through, differences are known to say something else nearby.
      verdict:
        lost || (!(cosine > 0.9) && through.length === 0) ? 'fail' : agree && !blurred(far) ? 'pass' : 'warn',
      figures: {
        samples: way.y.length,
        directions: DIRECTIONS,
        step,
        precision,
        cosine: figure(cosine),
        ...(far === undefined ? {} : { attackStep: stride!, errorAtAttackStep: figure(far) }),
      },
      message: messageOf({
        precision,
        cosine,
        far: far !== undefined && blurred(far) ? far : undefined,
        through,
      }),
    };
  },
};

/** What the gradient foretells is as far from what comes as if it had foretold that nothing changes. */
const SAYS_NOTHING = 0.9;
const blurred = (far: number | undefined): boolean => far !== undefined && !(far < 0.45);

const percent = (share: number): string => `${(100 * share).toFixed(0)} %`;
const figure = (cosine: number): number | string =>
  Number.isFinite(cosine) ? Number(cosine.toFixed(6)) : 'not finite';

function messageOf(found: {
  readonly precision: string;
  readonly cosine: number;
  /** Where the gradient says little there. */
  readonly far: number | undefined;
  readonly through: readonly string[];
}): string {
  const { precision, cosine, far, through } = found;
  const near = `${precision} differences ${cosine > 0.99 ? 'agree' : 'disagree'} (cosine ${cosine.toFixed(4)})`;
  if (far !== undefined)
    return `At the distance of an attack’s step differences are not what slopes foretell (off by ${percent(far)} of their size): gradients lead astray${through.length > 0 ? `, passed straight through ${through[0]}` : ''}.`;
  if (cosine > 0.99) return `Slopes and ${near}.`;
  return through.length > 0
    ? `Slopes and ${near}, as they must: the gradient is passed straight through ${through[0]}.`
    : `Slopes and ${near}: the gradient is false, or the model is very rough.`;
}

/** Of the margin, which is linear between kinks and large, so that its differences survive float32. */
const gradientOf = ({ classifier, x, y }: Evidence): Promise<Float32Array | undefined> =>
  classifier.gradient('margin', x, y).then(
    ({ gradient }) => gradient,
    (error: unknown) => {
      if (isUndifferentiable(error)) return undefined;
      throw error;
    },
  );

/** How far an attack's step moves a pixel, where all move alike. */
function strideOf(evidence: Evidence): number | undefined {
  const { threat, x } = evidence;
  if (!threat) return undefined;
  const { stepSize } = mainParameters({ ...evidence, threat });
  const size = imageSize(x);
  return threat.norm === 'linf' ? stepSize : stepSize / (threat.norm === 'l2' ? Math.sqrt(size) : size);
}

/** How well slopes foretell differences, over all images and directions. NaN where one is not a number. */
interface Agreement {
  /** Between them; 1 where all are zero. */
  readonly cosine: number;
  /** ‖slopes − differences‖ ÷ ‖differences‖: 1 is what slopes of zero would get. 0 where all are zero. */
  readonly error: number;
}

async function agreement(
  { x, y, step, marginsAt }: Way,
  gradient: Float32Array,
  key: Key,
): Promise<Agreement> {
  let [dot, left, right, apart] = [0, 0, 0, 0];
  for (let d = 0; d < DIRECTIONS; d++) {
    const direction = signs(key.fold('direction', d), x.data.length);
    const [above, below] = [await marginsAt(direction, step), await marginsAt(direction, -step)];
    for (let n = 0; n < y.length; n++) {
      const size = imageSize(x);
      let slope = 0;
      for (let i = n * size; i < (n + 1) * size; i++) slope += gradient[i]! * direction[i]!;
      const difference = (above[n]! - below[n]!) / (2 * step);
      dot += slope * difference;
      left += slope * slope;
      right += difference * difference;
      apart += (slope - difference) ** 2;
    }
  }
  if (left === 0 && right === 0) return { cosine: 1, error: 0 };
  return {
    cosine: dot / Math.max(Math.sqrt(left * right), Number.MIN_VALUE),
    error: Math.sqrt(apart / Math.max(right, Number.MIN_VALUE)),
  };
}

function byEngine({ classifier, x, y }: Evidence, step: number): Way {
  const marginsAt: MarginsAt = async (direction, distance) => {
    const data = x.data.map((v, i) => v + distance * direction[i]!);
    return (await classifier.gradient('margin', { data, shape: x.shape }, y)).loss;
  };
  return { precision: 'float32', step, x, y, marginsAt };
}

/** Undefined without a reference, or where one image alone is too much for it. */
function byReference({ reference, classifier, x, y, fixedBatch }: Evidence): Way | undefined {
  if (!reference) return undefined;
  const first = (count: number): number[] => Array.from({ length: count }, (_, i) => i);
  const some = (count: number): Images => gather(x, first(count));
  const least = fixedBatch ?? 1;
  if (least > y.length) return undefined;
  try {
    margins(reference, some(least), y, classifier.classes);
  } catch (error) {
    // A random operator, say, has no value to refer to.
    if (error instanceof TouchstoneError && error.code === 'E_UNSUPPORTED') return undefined;
    throw error;
  }
  const affordable = Math.floor(AFFORDABLE / Math.max(reference.multiplications ?? 0, 1) / (2 * DIRECTIONS));
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
