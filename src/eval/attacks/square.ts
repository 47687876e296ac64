import { stream } from '../../random/index.ts';
import { type Images, imageSize } from '../images.ts';
import { at } from '../threat.ts';
import type { AttackInput, AttackOutput, AttackSpec } from './attack.ts';
import { Bumps, type Search, SignSquares, type SquareMoves } from './square-moves.ts';

/**
 * The Square attack: random search that sees logits only.
 *
 * Andriushchenko, Croce, Flammarion, Hein, "Square Attack: a query-efficient black-box adversarial attack via random
 * search", ECCV 2020, arXiv:1912.00049, Alg. 1 with Alg. 2 (L∞) and Alg. 3 (L2); L1 as in Croce and Hein, "Mind the box",
 * ICML 2021, arXiv:2103.01208. The settings are those of AutoAttack: p₀ = 0.8, the schedule of p not rescaled to the
 * number of queries.
 *
 * From a start on the ball's boundary, each query changes one square of the image, at a random place, and the change stays
 * where the loss falls: the margin z_y − max z_i (i ≠ y); towards a class, its cross-entropy.
 *
 * Deviations:
 * - Every image draws its squares from a stream of its own, `key.fold('image', index)`. AutoAttack draws one place for all
 *   images of a batch. The outcome of an image depends on its index among those given, and not on which others are left
 *   (beyond what a batch does to the last bits of its logits).
 * - Squares reach the last row and column, as in the paper; AutoAttack's places stop one short.
 * - A proposal that leaves the image as it is counts as a query, but no pass is spent on it: its answer is known. Under L∞
 *   that is a quarter of them on MNIST: a square of a grey image has one sign.
 *
 * Cost per image: at most `queries` forward passes, fewer where it breaks or proposals change nothing.
 */
export const square: AttackSpec = {
  name: 'square',
  about: 'random search over squares of pixels; no gradient is used',
  source:
    'Andriushchenko et al., "Square Attack: a query-efficient black-box adversarial attack via random search", arXiv:1912.00049',
  norms: ['linf', 'l2', 'l1'],
  tunable: true,
  targeted: true,
  continues: true,
  defaults: () => ({ queries: QUERIES }),
  run: (input) => randomSearch(input, input.parameters.queries ?? QUERIES),
};

/** Per image, the first one included. */
const QUERIES = 5000;
/** Share of the pixels that a square has at first. */
const P_INIT = 0.8;
/** It is halved after so many queries. */
const HALVINGS = [10, 50, 200, 500, 1000, 2000, 4000, 6000, 8000];

/** Images asked about at once: more is no faster, and the pixels of these stay in the cache. */
const BATCH = 256;
/** Pixels held at once, for large images: 64 MB. */
const MOST_PIXELS = 2 ** 24;

/**
 * Every image has a search of its own, and many of them share a batch: where one ends, the next image takes its place, so
 * that batches stay full.
 */
async function randomSearch(input: AttackInput, queries: number): Promise<AttackOutput> {
  const { classifier, x, y, target, threat, key, onProgress, signal } = input;
  const n = queries > 0 ? y.length : 0;
  const size = imageSize(x);
  const batch = new Float32Array(Math.min(n, BATCH, Math.ceil(MOST_PIXELS / size)) * size);
  const moves = threat.norm === 'linf' ? new SignSquares(x, batch) : new Bumps(x, batch, threat.norm);
  const sides = sidesOf(queries, x, moves.sides);
  const adversarial = x.data.slice();
  const broken = new Array<boolean>(y.length).fill(false);
  /** The searches under way, in the order of their rows. */
  const active: Search[] = [];
  let begun = 0;
  let spent = 0;

  const begin = () => {
    const image = begun++;
    const search: Search = {
      image,
      radius: at(threat.epsilon, image),
      random: stream(key.fold('image', image)),
      offset: active.length * size,
      tried: 1,
      loss: Number.POSITIVE_INFINITY,
      kept: new Float32Array(size),
      side: 0,
      top: 0,
      left: 0,
    };
    moves.start(search);
    active.push(search);
  };
  /** Leaves what was found; the last search takes the row over. */
  const end = (search: Search) => {
    adversarial.set(batch.subarray(search.offset, search.offset + size), search.image * size);
    spent += queries;
    const last = active.pop()!;
    if (last === search) return;
    batch.copyWithin(search.offset, last.offset, last.offset + size);
    active[search.offset / size] = last;
    last.offset = search.offset;
  };

  while (!signal?.aborted) {
    for (let i = active.length - 1; i >= 0; i--) if (!proposeNext(active[i]!, moves, sides)) end(active[i]!);
    while (active.length * size < batch.length && begun < n) begin();
    if (active.length === 0) break;
    const data = batch.subarray(0, active.length * size);
    const logits = await classifier.logits({ data, shape: [active.length, ...x.shape.slice(1)] });
    let under = 0;
    // From the last row on: a row that moves is one that was seen.
    for (let i = active.length - 1; i >= 0; i--) {
      const search = active[i]!;
      const row = logits.subarray(i * classifier.classes, (i + 1) * classifier.classes);
      const loss = lossOf(row, y[search.image]!, target?.[search.image]);
      under += search.tried;
      if (loss < search.loss) search.loss = loss;
      else moves.undo(search);
      if (loss > -Infinity) continue;
      broken[search.image] = true;
      under -= search.tried;
      end(search);
    }
    onProgress?.((spent + under) / (n * queries));
  }
  for (const search of active)
    adversarial.set(batch.subarray(search.offset, search.offset + size), search.image * size);
  return { adversarial, broken };
}

/** Proposes until something changes. @returns false where no query is left */
function proposeNext(search: Search, moves: SquareMoves, sides: Uint16Array): boolean {
  while (search.tried <= sides.length) {
    const side = sides[search.tried - 1]!;
    search.tried += 1;
    if (moves.propose(search, side)) return true;
  }
  return false;
}

/** The side of the square of each query after the first: √p of that of the image, p being halved now and then. */
function sidesOf(queries: number, { shape }: Images, { least, odd }: SquareMoves['sides']): Uint16Array {
  const [, , height = 1, width = 1] = shape;
  return Uint16Array.from({ length: Math.max(0, queries - 1) }, (_, t) => {
    const p = P_INIT / 2 ** HALVINGS.filter((after) => t > after).length;
    const side = Math.max(Math.round(Math.sqrt(p * height * width)), least);
    return Math.min(odd && side % 2 === 0 ? side + 1 : side, height, width);
  });
}

/** What the search lowers; −∞ where the image is misclassified, or classified as wanted. */
function lossOf(logits: Float32Array, label: number, target: number | undefined): number {
  const aim = target ?? label;
  let rival = aim === 0 ? 1 : 0;
  for (let k = rival + 1; k < logits.length; k++) if (k !== aim && logits[k]! > logits[rival]!) rival = k;
  // The class with the largest logit is predicted, the first of equals.
  const aimWins = logits[aim]! > logits[rival]! || (logits[aim] === logits[rival] && aim < rival);
  if (aimWins === (target !== undefined)) return -Infinity;
  if (target === undefined) return logits[label]! - logits[rival]!;
  let sum = 0;
  for (let k = 0; k < logits.length; k++) sum += Math.exp(logits[k]! - logits[rival]!);
  return logits[rival]! - logits[target]! + Math.log(sum);
}
