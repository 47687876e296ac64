import type { HyperplaneProjection } from './hyperplane.ts';

/**
 * The smallest ‖d‖₁: coordinates go to their walls one after the other, the steepest first, and the last one as far as is still
 * needed (a fractional knapsack).
 *
 * Which one is last is found by selection: the coordinates are split around a pivot by |wᵢ|, and only the side that holds the last
 * one is split again. O(d) on average.
 *
 * @param size coordinates per row
 */
export function l1Projection(size: number): HyperplaneProjection {
  const slopes = new Float64Array(size);
  const rooms = new Float64Array(size);
  const order = new Int32Array(size);

  const swap = (a: number, b: number): void => {
    const [slope, room, index] = [slopes[a]!, rooms[a]!, order[a]!];
    slopes[a] = slopes[b]!;
    rooms[a] = rooms[b]!;
    order[a] = order[b]!;
    slopes[b] = slope;
    rooms[b] = room;
    order[b] = index;
  };

  return (points, weights, from, rise, d) => {
    const sign = rise < 0 ? -1 : 1;
    let left = sign * rise;
    let end = 0;
    for (let i = 0; i < size; i++) {
      d[i] = 0;
      const w = sign * weights[from + i]!;
      const p = points[from + i]!;
      const room = w > 0 ? 1 - p : p;
      if (w === 0 || room === 0) continue;
      slopes[end] = w > 0 ? w : -w;
      rooms[end] = room;
      order[end] = i;
      end += 1;
    }
    let norm = 0;
    const move = (k: number, length: number): void => {
      const i = order[k]!;
      d[i] = sign * weights[from + i]! > 0 ? length : -length;
      norm += length;
    };
    /** Moves as many of [start, stop), in their order, as are needed. @returns whether that was enough */
    const take = (start: number, stop: number): boolean => {
      for (let k = start; k < stop; k++) {
        const gain = slopes[k]! * rooms[k]!;
        if (gain >= left) {
          move(k, Math.min(left / slopes[k]!, rooms[k]!));
          left = 0;
          return true;
        }
        move(k, rooms[k]!);
        left -= gain;
      }
      return false;
    };
    let start = 0;
    while (start < end && left > 0) {
      // Split [start, end) into steeper than the pivot, as steep, and less.
      const pivot = median(slopes[start]!, slopes[(start + end) >> 1]!, slopes[end - 1]!);
      let [steeper, k, less] = [start, start, end];
      let gain = 0;
      while (k < less) {
        const slope = slopes[k]!;
        if (slope > pivot) {
          gain += slope * rooms[k]!;
          swap(k++, steeper++);
        } else if (slope < pivot) swap(k, --less);
        else k += 1;
      }
      if (gain >= left && steeper > start) {
        end = steeper;
        continue;
      }
      if (take(start, steeper) || take(steeper, less)) break;
      start = less;
    }
    return norm;
  };
}

const median = (a: number, b: number, c: number): number =>
  Math.max(Math.min(a, b), Math.min(Math.max(a, b), c));
