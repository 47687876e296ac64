/**
 * GAAT's approximation under the lens: what ∇ℓ(x + δ) ≈ J + Hδ says at some images of a network, and what is true there.
 *
 * H. Gong, "Reducing Adversarial Training Cost with Gradient Approximation", arXiv:2309.09464, eqs. 3–5 and 8. With H = JJᵀ
 * (eq. 8) J + Hδ = J·(1 + J·δ): ±J, and a step along it differs from one along J only where J·δ < −1.
 */
import type { Engine } from '../../src/engine/index.ts';
import { approximateSteps, forEachImage, gather, type Images, randomStart } from '../../src/eval/index.ts';
import { type Graph, parameterNames } from '../../src/graph/index.ts';
import type { Key } from '../../src/random/index.ts';
import { createLearner, type Learner, type TrainingThreat } from '../../src/train/index.ts';
import { lossOf } from '../../src/train/residual.ts';
import type { Residuals, Sight } from './record.ts';

export interface LensRequest {
  /** `[N, C, H, W]` in [0, 1] */
  readonly x: Images;
  /** `[N]` */
  readonly y: Int32Array;
  readonly epsilon: number;
  /** T. */
  readonly steps: number;
  /** α, in pixel space. */
  readonly stepSize: number;
  /** Of the random starts. */
  readonly key: Key;
}

/** The second derivatives of a network of some depth take memory by the image. */
const BATCH = 128;

/** A network as methods see it, to look at and not to train. */
export async function openLearner(
  engine: Engine,
  model: Graph,
  classes: number,
): Promise<{ readonly learner: Learner; close(): Promise<void> }> {
  const optimizer = { momentum: 0, weightDecay: 0 };
  const trainer = await engine.trainer({ model, parameters: parameterNames(model), optimizer });
  return { learner: await createLearner(trainer, model, { classes }), close: () => trainer.close() };
}

type Part = LensRequest & { readonly learner: Learner; readonly threat: TrainingThreat };

/** What is asked, cut into batches. */
function* parts(learner: Learner, request: LensRequest): Generator<Part> {
  const n = request.y.length;
  const threat = { norm: 'linf', epsilon: request.epsilon } as const;
  for (let from = 0; from < n; from += BATCH) {
    const at = Array.from({ length: Math.min(BATCH, n - from) }, (_, i) => from + i);
    const [x, y] = [gather(request.x, at), request.y.slice(from, from + at.length)];
    yield { ...request, learner, threat, x, y, key: request.key.fold('part', from) };
  }
}

/** Sums over samples, to be divided by their number. */
class Means {
  readonly #sums = new Map<string, number>();
  #n = 0;

  add(n: number, values: Readonly<Record<string, number>>): void {
    this.#n += n;
    for (const [name, sum] of Object.entries(values)) this.#sums.set(name, (this.#sums.get(name) ?? 0) + sum);
  }

  of(name: string): number {
    return this.#sums.get(name)! / this.#n;
  }
}

/** A number per sample, of what belongs to its pixels. */
const perImage = (x: Images, of: (from: number, to: number) => number): number[] => {
  const out: number[] = [];
  forEachImage(x, (_, from, to) => out.push(of(from, to)));
  return out;
};
const dots = (x: Images, a: Float32Array, b: Float32Array): number[] =>
  perImage(x, (from, to) => {
    let sum = 0;
    for (let i = from; i < to; i++) sum += a[i]! * b[i]!;
    return sum;
  });
const total = (values: Iterable<number>): number => {
  let sum = 0;
  for (const v of values) sum += v;
  return sum;
};
const difference = (a: Float32Array, b: Float32Array): Float32Array => a.map((v, i) => v - b[i]!);

/** Per sample, the share of the pixels of which a direction is not 0 on which another has not its sign. */
const turned = (x: Images, direction: Float32Array, other: Float32Array): number[] =>
  perImage(x, (from, to) => {
    let [all, differ] = [0, 0];
    for (let i = from; i < to; i++) {
      if (direction[i] === 0) continue;
      all += 1;
      if (Math.sign(direction[i]!) !== Math.sign(other[i]!)) differ += 1;
    }
    return all === 0 ? 0 : differ / all;
  });

/** Per sample, −J·δ at the point of the ball and of [0, 1] where that is largest: above 1, some start is turned round. */
const farthestBack = (x: Images, J: Float32Array, epsilon: number): number[] =>
  perImage(x, (from, to) => {
    let sum = 0;
    for (let i = from; i < to; i++) {
      const room = J[i]! > 0 ? x.data[i]! : 1 - x.data[i]!;
      sum += Math.abs(J[i]!) * Math.min(epsilon, room);
    }
    return sum;
  });

/** What is known at x. */
interface AtX {
  readonly J: Float32Array;
  readonly loss: Float32Array;
}

/** R(x, δ) and its like: by H = JJᵀ (eq. 4 as the paper has it), without H, and with the exact one. Sums over samples. */
async function residuals(
  { learner, x, y }: Part,
  { J, loss }: AtX,
  adversarial: Float32Array,
): Promise<Record<keyof Residuals, number>> {
  const delta = difference(adversarial, x.data);
  const actual = lossOf(
    await learner.logits({ data: adversarial, shape: x.shape }),
    y,
    learner.classes,
    'ce',
  );
  const slope = dots(x, J, delta); // δᵀJ
  const bend = dots(x, delta, await learner.hessianProduct(x, y, delta)); // δᵀHδ
  const off = (second: (n: number) => number) =>
    total(slope.map((s, n) => Math.abs(actual[n]! - loss[n]! - s - 0.5 * second(n))));
  return {
    gaussNewton: off((n) => slope[n]! ** 2),
    none: off(() => 0),
    exact: off((n) => bend[n]!),
    rise: total(Array.from(actual, (l, n) => l - loss[n]!)),
  };
}

/** One batch at one ε: sums over its samples. */
async function look(part: Part, { J, loss }: AtX): Promise<Record<string, number>> {
  const { learner, x, y, epsilon, threat, steps, stepSize, key } = part;
  const n = y.length;
  const start = randomStart(x, threat, key.fold('start'));
  const delta = difference(start, x.data);
  const closed = approximateSteps(x, start, J, { threat, steps, stepSize });
  const bend = await learner.hessianProduct(x, y, delta); // Hδ, exact
  const exact = J.map((j, i) => j + bend[i]!);
  const { gradient: actual } = await learner.gradient({ data: start, shape: x.shape }, y);
  const exactTurned = turned(x, J, exact);
  const pgd = await learner.ascend({ data: start, shape: x.shape }, y, x, { threat, stepSize }, steps);
  const named = (of: string, r: Record<string, number>) =>
    Object.fromEntries(Object.entries(r).map(([name, sum]) => [`${of} ${name}`, sum]));
  return {
    flipped: closed.flipped * n,
    couldFlip: farthestBack(x, J, epsilon).filter((back) => back > 1).length,
    along: total(dots(x, J, delta).map(Math.abs)),
    exactTurned: total(exactTurned),
    mixed: exactTurned.filter((share) => share > 0 && share < 1).length,
    firstWrong: total(turned(x, actual, J)),
    exactWrong: total(turned(x, actual, exact)),
    ...named('gaat', await residuals(part, { J, loss }, closed.adversarial)),
    ...named('pgd', await residuals(part, { J, loss }, pgd.next)),
  };
}

/** What the approximation says at one ε. */
export async function sightOf(learner: Learner, request: LensRequest): Promise<Sight> {
  const means = new Means();
  for (const part of parts(learner, request)) {
    const { gradient: J, loss } = await learner.gradient(part.x, part.y);
    const seen = await look(part, { J, loss });
    means.add(part.y.length, { ...seen, gradientL1: total(J.map(Math.abs)) });
  }
  const residualsOf = (of: 'gaat' | 'pgd'): Residuals => ({
    gaussNewton: means.of(`${of} gaussNewton`),
    none: means.of(`${of} none`),
    exact: means.of(`${of} exact`),
    rise: means.of(`${of} rise`),
  });
  return {
    epsilon: request.epsilon,
    gradientL1: means.of('gradientL1'),
    along: means.of('along'),
    flipped: means.of('flipped'),
    couldFlip: means.of('couldFlip'),
    exactTurned: means.of('exactTurned'),
    mixed: means.of('mixed'),
    firstWrong: means.of('firstWrong'),
    exactWrong: means.of('exactWrong'),
    gaat: residualsOf('gaat'),
    pgd: residualsOf('pgd'),
  };
}

/** What PGD's own history does not say: R(x, δ) where its T steps end, and ‖∇ₓℓ‖₁ before the last of them. */
export async function pgdSight(
  learner: Learner,
  request: LensRequest,
): Promise<{ residual: number; gradientL1: number }> {
  const means = new Means();
  for (const part of parts(learner, request)) {
    const { x, y, threat, steps, stepSize, key } = part;
    const { gradient: J, loss } = await learner.gradient(x, y);
    const step = { threat, stepSize };
    const start = { data: randomStart(x, threat, key.fold('start')), shape: x.shape };
    const before =
      steps > 1 ? { data: (await learner.ascend(start, y, x, step, steps - 1)).next, shape: x.shape } : start;
    const { gradient } = await learner.gradient(before, y);
    const { next } = await learner.ascend(before, y, x, step);
    const logits = await learner.logits({ data: next, shape: x.shape });
    const actual = lossOf(logits, y, learner.classes, 'ce');
    const slope = dots(x, J, difference(next, x.data));
    const off = slope.map((s, n) => Math.abs(actual[n]! - loss[n]! - s - 0.5 * s ** 2)); // eq. 4, H by eq. 8
    means.add(y.length, { residual: total(off), gradientL1: total(gradient.map(Math.abs)) });
  }
  return { residual: means.of('residual'), gradientL1: means.of('gradientL1') };
}
