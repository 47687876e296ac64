/** Attacks that claim what is not so, on a classifier of which every image can be broken: the verifier alone stands between. */
import { join } from 'node:path';
import fs from 'fs-extra';
import type { AttackInput, Ball, Images, Norm } from '../../src/eval/index.ts';
import type { Reason } from '../../src/eval/verifier.ts';
import { type Graph, GraphBuilder, int64, toModel } from '../../src/graph/index.ts';
import { encodeNpz, writeModelFile } from '../../src/io/index.ts';
import { key, uniform } from '../../src/random/index.ts';
import { type Counted, linear } from './fakes.ts';

/** z₀ − z₁ = Σ wᵢ(xᵢ − ½) on images of 1×2×2. The first pixel is not read: a lie may do anything with it. */
const WEIGHTS = [0, 1, -1, 1];
const SIZE = WEIGHTS.length;
const BIAS = -WEIGHTS.reduce((sum, w) => sum + w / 2, 0);
const FIRST = 0.9;
/** The pixels that are read are within 0.1 of ½, and may go twice as far: every image can be broken, with room to spare. */
const ROOM = 0.2;

/** How long a step by t in all pixels is, over t. */
const PIXELS: Record<Norm, number> = { linf: 1, l2: Math.sqrt(SIZE), l1: SIZE };

/** The radius that is all the room. */
export const radiusOf = (norm: Norm): number => ROOM * PIXELS[norm];

/** Radii from 0.6 to 1 times that, which suffice as well. */
export const radiiOf = (norm: Norm, n: number): Float32Array =>
  Float32Array.from({ length: n }, (_, i) => radiusOf(norm) * (0.6 + (0.4 * i) / n));

/** The classifier in float64. */
export const classifier = (): Counted =>
  linear([WEIGHTS.map((w) => w / 2), WEIGHTS.map((w) => -w / 2)], [BIAS / 2, -BIAS / 2]);

/** z₀ − z₁ of one image among others. */
export const marginOf = (data: Float32Array, image: number): number =>
  WEIGHTS.reduce((sum, w, i) => sum + w * data[image * SIZE + i]!, BIAS);

export function classifierGraph(): Graph {
  const b = new GraphBuilder();
  b.input('image', 'float32', ['N', 1, 2, 2]);
  const weights = Float32Array.from([...WEIGHTS, ...WEIGHTS], (w, i) => (i < SIZE ? w / 2 : -w / 2));
  const inputs = [b.op('Flatten', ['image']), b.floats(weights, [2, SIZE]), b.floats([BIAS / 2, -BIAS / 2])];
  b.output(b.op('Gemm', inputs, { transB: 1 }), 'logits');
  return b.build();
}

/**
 * The same with logits less their mean over the batch, and class 0 a little favoured. Alone, an image is of class 0: a success against
 * that is one in company only.
 */
export function companyGraph(): Graph {
  const b = GraphBuilder.from(classifierGraph());
  const mean = b.op('ReduceMean', ['logits', b.ints([0])], { keepdims: 1 });
  b.output(b.op('Add', [b.op('Sub', ['logits', mean]), b.floats([1e-4, 0])]), 'centred');
  return b.build();
}

/** Images with the labels that the classifier gives them. */
export function pictures(n: number): { x: Images; y: Int32Array } {
  const data = uniform(key(7), n * SIZE, 0.4, 0.6).map((v, i) => (i % SIZE === 0 ? FIRST : v));
  return {
    x: { data, shape: [n, 1, 2, 2] },
    y: Int32Array.from({ length: n }, (_, i) => (marginOf(data, i) > 0 ? 0 : 1)),
  };
}

/** A model, and images that the classifier gives their labels, as files. */
export async function writeSubject(
  folder: string,
  n: number,
  graph = classifierGraph(),
): Promise<{ model: string; data: string }> {
  await fs.ensureDir(folder);
  const [model, data] = [join(folder, 'model.onnx'), join(folder, 'data.npz')];
  const { x, y } = pictures(n);
  await writeModelFile(model, toModel(graph));
  const labels = int64(Array.from(y));
  await fs.writeFile(data, encodeNpz({ x: { dtype: 'float32', shape: x.shape, data: x.data }, y: labels }));
  return { model, data };
}

/** Of an attack's input, all that a claim is made of. */
export type Given = Pick<AttackInput, 'x' | 'y'> & { readonly threat: Ball };

/** Every pixel moved by as much, to the end of the radius and `more`: over the boundary, or `back` from it. */
function moved({ x, y, threat: { norm, epsilon } }: Given, { more = 0, back = false } = {}): Float32Array {
  return x.data.map((v, i) => {
    const n = Math.floor(i / SIZE);
    const step = ((typeof epsilon === 'number' ? epsilon : epsilon[n]!) + more) / PIXELS[norm];
    const w = WEIGHTS[i % SIZE]!;
    if (w === 0) return v - step;
    return v + step * w * ((y[n] === 0) === back ? 1 : -1);
  });
}

const withFirst = (data: Float32Array, first: number): Float32Array =>
  data.map((v, i) => (i % SIZE === 0 ? first : v));

/** In the ball, in range, finite and misclassified: all of them. */
export const truth = (given: Given): Float32Array => moved(given);

export interface Lie {
  /** What the verifier must say of each claim. */
  readonly reason: Reason;
  /** Claimed of all images: but for the one thing, nothing is wrong with them. */
  tell(given: Given): Float32Array;
}

export const lies = {
  'out of the ball by 1e-4': { reason: 'outside the ball', tell: (given) => moved(given, { more: 1e-4 }) },
  'out of range by 1e-4': {
    reason: 'outside [0, 1]',
    tell: (given) => withFirst(moved(given), 1 + 1e-4),
  },
  'NaN in a pixel that is not read': {
    reason: 'not finite',
    tell: (given) => withFirst(moved(given), Number.NaN),
  },
  'another label than it gets': {
    reason: 'not misclassified',
    tell: (given) => moved(given, { back: true }),
  },
} as const satisfies Record<string, Lie>;

export type LieName = keyof typeof lies;

/** An attack that claims all of its images to be broken. */
export const claiming =
  (adversarial: (given: Given) => Float32Array) =>
  async (input: Given): Promise<{ adversarial: Float32Array; broken: boolean[] }> => ({
    adversarial: adversarial(input),
    broken: Array.from(input.y, () => true),
  });
