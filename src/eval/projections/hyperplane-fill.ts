import type { HyperplaneProjection } from './hyperplane.ts';

/** v/(|v| + TINY) is the sign of v, and 0 for 0: pixels and gradients are 0 or far larger than this. */
const TINY = 1e-300;
/** Fills every room: larger than any room by any slope, and small enough to be multiplied by one. */
const BRIM = 1e200;

/**
 * Coordinate i moves by min(λ·vᵢ, its room), with the smallest λ that makes g(λ) = Σ |wᵢ|·min(λ·vᵢ, roomᵢ) the rise wanted. With
 * vᵢ = 1 that is the smallest ‖d‖∞, with vᵢ = |wᵢ| the smallest ‖d‖₂ (the optimality conditions of least squares in a box).
 *
 * g is concave, increasing and linear between the walls: Newton's method comes to that λ from below, and is exact as soon as a step
 * reaches no further wall. Each step is O(d), and images need two or three.
 *
 * Signs of gradients are as random as a coin, and a wrongly predicted branch costs as much as the rest of the loop: the loops have
 * none, but take signs by a division (half of the time measured with branches).
 */
const filling =
  (euclidean: boolean) =>
  (size: number): HyperplaneProjection => {
    const slopes = new Float64Array(size);
    const speeds = new Float64Array(size).fill(1);
    const rooms = new Float64Array(size);
    return (points, weights, from, rise, d) => {
      const way = rise < 0 ? -1 : 1;
      const goal = way * rise;
      let total = 0;
      for (let i = 0; i < size; i++) {
        const w = weights[from + i]!;
        const slope = Math.abs(w);
        const sign = (way * w) / (slope + TINY);
        slopes[i] = slope;
        if (euclidean) speeds[i] = slope;
        rooms[i] = 0.5 + sign * (0.5 - points[from + i]!); // 1 − p upwards, p downwards
        total += slope * speeds[i]!;
      }
      let level = total > 0 ? goal / total : 0;
      for (let last = -1; level > last; ) {
        last = level;
        let rate = 0; // of those that have not reached their walls
        let full = 0; // what those at their walls give
        for (let i = 0; i < size; i++) {
          const room = rooms[i]!;
          const ahead = room - level * speeds[i]!;
          const slope = slopes[i]!;
          const free = slope * (0.5 + (0.5 * ahead) / (Math.abs(ahead) + TINY));
          rate += free * speeds[i]!;
          full += slope * room - free * room;
        }
        level = Math.max(last, rate > 0 ? (goal - full) / rate : BRIM);
      }
      let [largest, square] = [0, 0];
      for (let i = 0; i < size; i++) {
        const sign = (way * weights[from + i]!) / (slopes[i]! + TINY);
        const room = rooms[i]!;
        const ahead = room - level * speeds[i]!;
        const move = sign * (room - ahead * (0.5 + (0.5 * ahead) / (Math.abs(ahead) + TINY)));
        const length = Math.abs(move);
        if (length > largest) largest = length;
        square += move * move;
        d[i] = move;
      }
      return euclidean ? Math.sqrt(square) : largest;
    };
  };

/** The smallest ‖d‖∞. @param size coordinates per row */
export const linfProjection = filling(false);

/** The smallest ‖d‖₂. @param size coordinates per row */
export const l2Projection = filling(true);
