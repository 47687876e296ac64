import type { Norm } from '../../src/eval/index.ts';

/** Doubles halve an interval of any two of them to nothing in this many steps. */
const HALVINGS = 2200;

/** The point in [low, high] where an increasing function reaches a goal, by halving. */
function reach(low: number, high: number, f: (v: number) => number, goal: number): number {
  let [a, b] = [low, high];
  for (let i = 0; i < HALVINGS && a < b; i++) {
    const middle = a + (b - a) / 2;
    if (middle === a || middle === b) break;
    if (f(middle) < goal) a = middle;
    else b = middle;
  }
  return b;
}

/**
 * The smallest ‖d‖ with w·d = rise and point + d in [0, 1], from the dual problem, solved by halving intervals; where the walls do not allow
 * it, that of going to all walls on the way.
 */
export function smallestDisplacement(
  norm: Norm,
  point: readonly number[],
  w: readonly number[],
  rise: number,
): { length: number; rise: number } {
  const goal = Math.abs(rise);
  const moves = point
    .map((p, i) => ({ slope: Math.abs(w[i]!), room: w[i]! * rise > 0 ? 1 - p : p }))
    .filter(({ slope, room }) => slope > 0 && room > 0);
  const sum = (f: (m: { slope: number; room: number }) => number) => moves.reduce((s, m) => s + f(m), 0);
  const most = sum(({ slope, room }) => slope * room);
  const rooms = moves.map((m) => m.room);
  if (goal === 0 || moves.length === 0) return { length: 0, rise: 0 };
  const lengthOf = (d: readonly number[]) =>
    ({
      linf: Math.max(...d),
      l2: Math.hypot(...d),
      l1: d.reduce((s, v) => s + v, 0),
    })[norm];
  if (most <= goal) return { length: lengthOf(rooms), rise: most };
  if (norm === 'linf') {
    const r = reach(0, 1, (v) => sum(({ slope, room }) => slope * Math.min(v, room)), goal);
    return { length: r, rise: goal };
  }
  if (norm === 'l2') {
    const brim = Math.max(...moves.map(({ slope, room }) => room / slope));
    const level = reach(0, brim, (v) => sum(({ slope, room }) => slope * Math.min(v * slope, room)), goal);
    return { length: Math.hypot(...moves.map((m) => Math.min(level * m.slope, m.room))), rise: goal };
  }
  // L1's dual: the largest λ·goal − Σ room·max(0, λ·slope − 1); its slope in λ falls, and is 0 where it is largest.
  const price = reach(
    0,
    1 / Math.min(...moves.map((m) => m.slope)),
    (v) => sum(({ slope, room }) => (v * slope > 1 ? slope * room : 0)),
    goal,
  );
  const cost = sum(({ slope, room }) => room * Math.max(0, price * slope - 1));
  return { length: price * goal - cost, rise: goal };
}
