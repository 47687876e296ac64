/**
 * Toy runs by hand, in float64, for the methods whose number of passes depends on the data: each listing again, on the
 * linear model, with the random numbers of the run's own keys, and its passes counted where they are taken.
 */
import { type Key, normal, permutation, uniform } from '../../src/random/index.ts';
import type { TrainOptions, TrainSettings } from '../../src/train/index.ts';
import { logSoftmax, type Parameters, papers, parametersOf, slopesOf } from './float64.ts';
import { SIZE } from './linear.ts';

/** As an epoch's record has them: over mini-batches, and over images. */
export interface Passes {
  forwardPasses: number;
  backwardPasses: number;
  forwards: number;
  backwards: number;
}

export const noPasses = (): Passes => ({ forwardPasses: 0, backwardPasses: 0, forwards: 0, backwards: 0 });

interface Sample {
  readonly x: number[];
  readonly y: number;
}

interface MiniBatch {
  readonly samples: readonly Sample[];
  readonly key: Key;
  readonly rate: number;
}

/** What an epoch came to, as far as rules look at it. */
interface Seen {
  l1: number;
  correct: number;
  samples: number;
}

/** A method by hand. */
interface Listing {
  step(batch: MiniBatch, passes: Passes, seen: Seen): void;
  endEpoch?(seen: Seen): void;
}
export type Rule = (net: Net, settings: TrainSettings) => Listing;

const clip = (v: number, low: number, high: number) => Math.min(high, Math.max(low, v));
const largest = (z: readonly number[]) => z.indexOf(Math.max(...z));
const l1 = (v: readonly number[]) => v.reduce((sum, value) => sum + Math.abs(value), 0);
const dot = (a: readonly number[], b: readonly number[]) => a.reduce((sum, v, i) => sum + v * b[i]!, 0);
const rows = (data: ArrayLike<number>, n: number) =>
  Array.from({ length: n }, (_, at) => Array.from({ length: SIZE }, (__, i) => data[at * SIZE + i]!));

/** A pass over n images. */
function count(passes: Passes, n: number, backward: boolean): void {
  passes.forwardPasses += 1;
  passes.forwards += n;
  if (!backward) return;
  passes.backwardPasses += 1;
  passes.backwards += n;
}

/** The linear model under SGD with momentum: v ← μv + ∇, p ← p − γv. */
class Net {
  readonly at: Parameters;
  readonly #velocity: Parameters;
  readonly #settings: TrainSettings;

  constructor({ model, settings }: TrainOptions) {
    this.at = parametersOf(model);
    this.#velocity = { w: this.at.w.map(() => 0), b: this.at.b.map(() => 0) };
    this.#settings = settings;
  }

  probabilities = (x: readonly number[]): number[] => logSoftmax(this.at, x).map(Math.exp);
  loss = (x: readonly number[], y: number): number => -logSoftmax(this.at, x)[y]!;
  onehot = (y: number): number[] => this.at.b.map((_, k) => (k === y ? 1 : 0));

  /** ∇ₓ of the divergence from `towards`, of the cross-entropy where that is onehot: Wᵀ(p − towards). */
  slope(x: readonly number[], towards: readonly number[]): number[] {
    const error = this.probabilities(x).map((p, k) => p - towards[k]!);
    return x.map((_, i) => error.reduce((sum, e, k) => sum + e * this.at.w[k * SIZE + i]!, 0));
  }

  /** x′ + α·sign(direction), back in the ball around x and in [0, 1]. */
  moved({ x }: Sample, from: readonly number[], direction: readonly number[], stepSize: number): number[] {
    const { epsilon } = this.#settings.threat;
    return from.map((v, i) => {
      const next = v + stepSize * Math.sign(direction[i]!);
      return clip(clip(next, x[i]! - epsilon, x[i]! + epsilon), 0, 1);
    });
  }

  /** One step on the mean of a paper's loss of x and x′. */
  descend(
    loss: keyof typeof papers,
    { samples, rate }: MiniBatch,
    adversarial: readonly number[][],
    passes: Passes,
  ): void {
    count(passes, samples.length, true);
    const { options, momentum } = this.#settings;
    const mean = () =>
      samples.reduce((sum, { x, y }, n) => {
        const [p, q] = [logSoftmax(this.at, x), logSoftmax(this.at, adversarial[n]!)];
        return sum + papers[loss](p, q, y, options) / samples.length;
      }, 0);
    const slopes = { w: slopesOf(this.at.w, mean), b: slopesOf(this.at.b, mean) };
    for (const name of ['w', 'b'] as const)
      for (const [i, slope] of slopes[name].entries()) {
        this.#velocity[name][i] = momentum * this.#velocity[name][i]! + slope;
        this.at[name][i]! -= rate * this.#velocity[name][i]!;
      }
  }
}

const cleanOf = ({ samples }: MiniBatch) => samples.map(({ x }) => x);
const ball = ({ samples, key }: MiniBatch, epsilon: number) =>
  rows(uniform(key.fold('start'), samples.length * SIZE, -epsilon, epsilon), samples.length);

/** Uniform in the ball. */
const random = (batch: MiniBatch, { threat }: TrainSettings): number[][] =>
  ball(batch, threat.epsilon).map((d, n) => d.map((v, i) => clip(v + batch.samples[n]!.x[i]!, 0, 1)));

/** x + 0.001·N(0, I). */
const nearby = ({ samples, key }: MiniBatch): number[][] =>
  rows(normal(key.fold('start'), samples.length * SIZE, 0, 0.001), samples.length).map((d, n) =>
    d.map((v, i) => v + samples[n]!.x[i]!),
  );

/** Where x′ starts, what it moves away from, what is descended, and whether f(x) is known beforehand. */
const adversaries = {
  pgd: { from: random, away: (net: Net, { y }: Sample) => net.onehot(y), loss: 'ce', knows: false },
  trades: {
    from: nearby,
    away: (net: Net, { x }: Sample) => net.probabilities(x),
    loss: 'trades',
    knows: true,
  },
  mart: { from: nearby, away: (net: Net, { y }: Sample) => net.onehot(y), loss: 'mart', knows: false },
} as const;

type Base = keyof typeof adversaries;

/** FAT, Alg. 1: PGD-K-τ. A sample is in a pass until the one that finds it misclassified after τ steps. */
export const friendly =
  (base: Base): Rule =>
  (net, settings) => ({
    step(batch, passes) {
      const { from, away, loss, knows } = adversaries[base];
      const { steps, stepSize, options } = settings;
      const { samples } = batch;
      if (knows) count(passes, samples.length, false);
      const looks = new Array<number>(steps).fill(0);
      const adversarial = from(batch, settings).map((start, n) => {
        const sample = samples[n]!;
        const towards = away(net, sample);
        let [point, patience] = [start, options.patience];
        for (let k = 0; k < steps; k++) {
          looks[k]! += 1;
          if (largest(net.probabilities(point)) !== sample.y && patience-- === 0) break;
          point = net.moved(sample, point, net.slope(point, towards), stepSize);
        }
        return point;
      });
      for (const n of looks) if (n > 0) count(passes, n, true);
      net.descend(loss, batch, adversarial, passes);
    },
  });

/** DEAT, Alg. 3, l. 14–20: one more after epoch 1, and whenever l_X is above its threshold, which moves along. */
function growing({ options: { growth } }: TrainSettings, most: number) {
  let [epochs, threshold] = [0, 0];
  return (r: number, { l1: magnitude }: Seen): number => {
    epochs += 1;
    const above = epochs > 2 && magnitude > threshold;
    if (epochs === 2 || above) threshold = growth * magnitude;
    return epochs === 1 || above ? Math.min(r + 1, most) : r;
  };
}

/** DEAT, Alg. 4: r steps of max(α, ε/r), T at most. */
export const magnitude =
  (base: Base): Rule =>
  (net, settings) => {
    const grow = growing(settings, settings.steps);
    let r = 1;
    return {
      step(batch, passes, seen) {
        const { from, away, loss, knows } = adversaries[base];
        const stepSize = Math.max(settings.stepSize, settings.threat.epsilon / r);
        const { samples } = batch;
        if (knows) count(passes, samples.length, false);
        let points = from(batch, settings);
        for (let t = 0; t < r; t++) {
          count(passes, samples.length, true);
          const slopes = points.map((point, n) => net.slope(point, away(net, samples[n]!)));
          if (t === r - 1) seen.l1 += slopes.reduce((sum, slope) => sum + l1(slope), 0);
          points = points.map((point, n) => net.moved(samples[n]!, point, slopes[n]!, stepSize));
        }
        net.descend(loss, batch, points, passes);
      },
      endEpoch(seen) {
        r = grow(r, seen);
      },
    };
  };

/** DEAT, Alg. 1 and 3: replays, whose one pass moves the parameters and δ. */
export const replayed =
  (criterion: 'accuracy' | 'magnitude'): Rule =>
  (net, settings) => {
    const grow = growing(settings, Number.POSITIVE_INFINITY);
    const { stepSize, threat, options } = settings;
    let r = 1;
    return {
      step(batch, passes, seen) {
        const { samples } = batch;
        let delta = ball(batch, threat.epsilon);
        for (let j = 0; j < r; j++) {
          const points = samples.map(({ x }, n) => x.map((v, i) => clip(v + delta[n]![i]!, 0, 1)));
          const slopes = points.map((point, n) => net.slope(point, net.onehot(samples[n]!.y)));
          if (j === r - 1) {
            seen.l1 += slopes.reduce((sum, slope) => sum + l1(slope), 0);
            seen.correct += points.filter((p, n) => largest(net.probabilities(p)) === samples[n]!.y).length;
          }
          net.descend('ce', batch, points, passes);
          delta = delta.map((d, n) =>
            d.map((v, i) => clip(v + stepSize * Math.sign(slopes[n]![i]!), -threat.epsilon, threat.epsilon)),
          );
        }
      },
      endEpoch(seen) {
        if (criterion === 'magnitude') r = grow(r, seen);
        else if (seen.correct / seen.samples > options.threshold) r += 1; // §4.1
      },
    };
  };

/** GAAT, Alg. 2 with eq. (8); where R of eq. (4), on the first eighth, is above the limit, Alg. 1 in its place. */
export const adaptive: Rule = (net, settings) => ({
  step(batch, passes) {
    const { steps, stepSize, options } = settings;
    const { samples } = batch;
    const starts = options.start === 'random' ? random(batch, settings) : cleanOf(batch);
    count(passes, samples.length, true); // J
    const climbed = starts.map((start, n) => {
      const sample = samples[n]!;
      const J = net.slope(sample.x, net.onehot(sample.y));
      const along = (at: readonly number[]) =>
        dot(
          J,
          at.map((v, i) => v - sample.x[i]!),
        );
      let at = start;
      for (let t = 0; t < steps; t++) {
        const product = along(at); // Hδ = Jᵀ(Jδ)
        at = net.moved(
          sample,
          at,
          J.map((j) => j + j * product),
          stepSize,
        );
      }
      const predicted = net.loss(sample.x, sample.y) + along(at) + 0.5 * along(at) ** 2;
      return { at, residual: Math.abs(net.loss(at, sample.y) - predicted) };
    });
    const part = climbed.slice(0, Math.ceil(samples.length / 8));
    count(passes, part.length, false); // ℓ(x + δ)
    const residual = part.reduce((sum, { residual: R }) => sum + R / part.length, 0);
    let points = climbed.map(({ at }) => at);
    if (residual > options.residualLimit) {
      points = starts;
      for (let t = 0; t < steps; t++) {
        count(passes, samples.length, true);
        points = points.map((p, n) => {
          const sample = samples[n]!;
          return net.moved(sample, p, net.slope(p, net.onehot(sample.y)), stepSize);
        });
      }
    }
    net.descend('ce', batch, points, passes);
  },
});

/** All epochs of a run. */
export function byHand(run: TrainOptions, rule: Rule): Passes[] {
  const { data, settings, key } = run;
  const net = new Net(run);
  const listing = rule(net, settings);
  const batches = Math.ceil(data.n / settings.batchSize);
  return Array.from({ length: settings.epochs }, (_, epoch) => {
    const order = permutation(key.fold('shuffle', epoch), data.n);
    const [passes, seen]: [Passes, Seen] = [noPasses(), { l1: 0, correct: 0, samples: data.n }];
    const natural = epoch < Math.round(settings.options.naturalShare * settings.epochs);
    for (let b = 0; b < batches; b++) {
      const indices = order.subarray(b * settings.batchSize, (b + 1) * settings.batchSize);
      const { x, y } = data.batch(indices);
      const batch: MiniBatch = {
        samples: rows(x.data, y.length).map((row, n) => ({ x: row, y: y[n]! })),
        key: key.fold('step', epoch, b).fold('method'),
        rate: settings.schedule(epoch + (b + 0.5) / batches),
      };
      if (natural) net.descend('ce', batch, cleanOf(batch), passes);
      else listing.step(batch, passes, seen);
    }
    if (!natural) listing.endEpoch?.(seen);
    return passes;
  });
}
