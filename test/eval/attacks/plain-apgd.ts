import type { Norm } from '../../../src/eval/index.ts';

export type Point = ArrayLike<number>;

export interface Ascent {
  readonly norm: Norm;
  readonly epsilon: number;
  readonly steps: number;
  readonly clean: Point;
  readonly start: Point;
  /** f, and ∇f. */
  value(x: Point): number;
  slope(x: Point): number[];
}

/** Auto-PGD once more, from the papers and for one image: slow, without a state, to compare with. */
export function visited(ascent: Ascent): number[][] {
  if (ascent.norm !== 'l1') return dense(ascent);
  const part = Math.ceil(0.3 * ascent.steps);
  const all: number[][] = [];
  let start = ascent.start;
  for (const [radius, steps] of [
    [3, part],
    [2, part],
    [1, ascent.steps - 2 * part],
  ] as const) {
    const stage = { ...ascent, epsilon: radius * ascent.epsilon, steps };
    const { points, best } = sparse({ ...stage, start: rounded(onto(stage, start)) });
    all.push(...points);
    start = best;
  }
  return all;
}

const rounded = (x: readonly number[]) => x.map(Math.fround);
const clip = (v: number, low: number, high: number) => Math.min(Math.max(v, low), high);
const norm2 = (d: readonly number[]) => Math.sqrt(d.reduce((sum, v) => sum + v * v, 0));

/** P: the nearest point of ball and box, for L2 of the ball and then of the box, as the authors have it. */
function onto({ norm, epsilon, clean }: Pick<Ascent, 'norm' | 'epsilon' | 'clean'>, x: Point): number[] {
  const d = Array.from(x, (v, i) => v - clean[i]!);
  const boxed = (moves: number[]) => moves.map((m, i) => clip(clean[i]! + m, 0, 1));
  if (norm === 'linf') return boxed(d.map((v) => clip(v, -epsilon, epsilon)));
  if (norm === 'l2') return boxed(d.map((v) => v * Math.min(1, epsilon / norm2(d))));
  const shrunk = (by: number) => boxed(d.map((v) => Math.sign(v) * Math.max(Math.abs(v) - by, 0)));
  const length = (p: number[]) => p.reduce((sum, v, i) => sum + Math.abs(v - clean[i]!), 0);
  if (length(shrunk(0)) <= epsilon) return shrunk(0);
  let [low, high] = [0, Math.max(...d.map(Math.abs))];
  for (let k = 0; k < 100; k++) {
    const middle = (low + high) / 2;
    if (length(shrunk(middle)) > epsilon) low = middle;
    else high = middle;
  }
  return shrunk(high);
}

/** The checkpoints of 100 steps, by the paper's formula in whole steps. */
function checkpoints(steps: number): number[] {
  const whole = (p: number) => Math.max(1, Math.floor(p * steps));
  const list = [whole(0.22)];
  for (let gap = list[0]!; list.at(-1)! < steps; list.push(list.at(-1)! + gap))
    gap = Math.max(gap - whole(0.03), whole(0.06));
  return list;
}

function dense(ascent: Ascent): number[][] {
  const { norm, epsilon, steps, value, slope } = ascent;
  const along = (g: number[]) => (norm === 'linf' ? g.map(Math.sign) : g.map((v) => v / norm2(g)));
  const marks = checkpoints(steps);
  const f = (x: Point) => Math.fround(value(x));
  let x = Array.from(ascent.start);
  let before = x;
  let best = x;
  let eta = 2 * epsilon;
  let [rises, since, last, bestThen, halved] = [0, 0, f(x), f(x), true];
  const points = [x];
  for (let k = 1; k <= steps; k++) {
    const z = onto(
      ascent,
      x.map((v, i) => v + eta * along(slope(x))[i]!),
    );
    const w = k === 1 ? z : x.map((v, i) => v + 0.75 * (z[i]! - v) + 0.25 * (v - before[i]!));
    before = x;
    x = rounded(onto(ascent, w));
    points.push(x);
    if (f(x) > last) rises += 1;
    last = f(x);
    if (last > f(best)) best = x;
    since += 1;
    if (!marks.includes(k)) continue;
    halved = rises <= 0.75 * since || (!halved && f(best) <= bestThen);
    if (halved) {
      eta /= 2;
      x = best;
    }
    [rises, since, bestThen] = [0, 0, f(best)];
  }
  return points;
}

function sparse(ascent: Ascent): { points: number[][]; best: number[] } {
  const { epsilon, steps, clean, value, slope } = ascent;
  const support = (x: Point) => Array.from(x).filter((v, i) => v !== clean[i]).length;
  const pixels = (x: Point) => Math.max(1, Math.floor(support(x) / 1.5));
  const f = (x: Point) => Math.fround(value(x));
  const every = Math.max(1, Math.floor(0.04 * steps));
  let x = Array.from(ascent.start);
  let best = x;
  let eta = epsilon;
  let [count, then] = [pixels(x), support(x)];
  const points = [x];
  for (let k = 1; k <= steps; k++) {
    const g = slope(x).map(Math.fround);
    const free = [...g.keys()].filter((i) => (g[i]! > 0 && x[i]! < 1) || (g[i]! < 0 && x[i]! > 0));
    const chosen = free.sort((a, b) => Math.abs(g[b]!) - Math.abs(g[a]!)).slice(0, count);
    const moved = x.map((v, i) =>
      chosen.includes(i) ? Math.fround(v + (eta / chosen.length) * Math.sign(g[i]!)) : v,
    );
    x = rounded(onto(ascent, moved));
    points.push(x);
    if (f(x) > f(best)) best = x;
    if (k % every !== 0) continue;
    const now = support(best);
    count = pixels(best);
    if (now < 0.95 * then) {
      eta = epsilon;
      x = best;
    } else eta = Math.max(eta / 1.5, epsilon / 10);
    then = now;
  }
  return { points, best };
}
