/**
 * Moves row `from` of `candidates` to the nearest point, in L2, of {x′ : ‖x′ − x‖₁ ≤ ε, x′ in [0, 1]}, in place.
 *
 * @param clean x, laid out as the candidates, in [0, 1]
 */
export type BallProjection = (
  candidates: Float32Array,
  clean: Float32Array,
  from: number,
  epsilon: number,
) => void;

/**
 * The projection onto an L1 ball within the box (Croce and Hein, "Mind the box: l1-APGD for sparse adversarial attacks on image
 * classifiers", arXiv:2103.01208, prop. 2.1): not the same as onto one and then the other, which gives away half of
 * the radius on images.
 *
 * With a = |x′ − x| and the room u that a pixel has on its side, the projection moves pixel i by min(max(aᵢ − λ, 0), uᵢ), with the
 * λ ≥ 0 that makes φ(λ) = Σ of these moves ε (0 where they are no more than ε as they are). φ falls, linear between
 * the bends aᵢ − uᵢ, where a pixel leaves its wall, and aᵢ, where it is back at x. The paper sorts the bends; here the piece
 * with the solution is found by splitting them around a pivot, and only the side with the solution again: O(d) on average.
 *
 * @param size elements per row
 */
export function l1BallProjection(size: number): BallProjection {
  const bends = new Float64Array(2 * size);
  /** By how much the number of pixels that move changes at a bend: +1 or −1. */
  const changes = new Int8Array(2 * size);

  /** @returns λ where φ falls to ε, from φ(0) > ε and the number of pixels that λ just above 0 moves */
  function multiplier(count: number, moved: number, falling: number, epsilon: number): number {
    let low = 0; // the solution is above it, and so are all bends that are left
    while (count > 0) {
      const pivot = middle(bends[0]!, bends[count >> 1]!, bends[count - 1]!);
      let drop = falling * (pivot - low);
      let at = falling;
      for (let k = 0; k < count; k++) {
        const bend = bends[k]!;
        if (bend > pivot) continue;
        drop += changes[k]! * (pivot - bend);
        at += changes[k]!;
      }
      const above = moved - drop <= epsilon;
      let kept = 0;
      for (let k = 0; k < count; k++) {
        const bend = bends[k]!;
        if (above ? bend >= pivot : bend <= pivot) continue;
        bends[kept] = bend;
        changes[kept++] = changes[k]!;
      }
      count = kept;
      if (above) continue;
      low = pivot;
      moved -= drop;
      falling = at;
    }
    // Where nothing falls any more, it is rounding alone that keeps φ above ε.
    return falling > 0 ? low + (moved - epsilon) / falling : low;
  }

  return (candidates, clean, from, epsilon) => {
    let moved = 0;
    let falling = 0;
    let count = 0;
    for (let i = from; i < from + size; i++) {
      const x = clean[i]!;
      const d = candidates[i]! - x;
      const a = d > 0 ? d : -d;
      const room = d > 0 ? 1 - x : x;
      if (a === 0 || room === 0) continue;
      bends[count] = a;
      changes[count++] = -1;
      if (a > room) {
        moved += room;
        bends[count] = a - room;
        changes[count++] = 1;
      } else {
        moved += a;
        falling += 1;
      }
    }
    const lambda = moved > epsilon ? multiplier(count, moved, falling, epsilon) : 0;
    for (let i = from; i < from + size; i++) {
      const x = clean[i]!;
      const d = candidates[i]! - x;
      const a = (d > 0 ? d : -d) - lambda;
      const room = d > 0 ? 1 - x : x;
      const move = Math.min(a, room);
      candidates[i] = move > 0 ? (d > 0 ? x + move : x - move) : x;
    }
  };
}

/** The one in the middle of three. */
const middle = (a: number, b: number, c: number): number =>
  Math.max(Math.min(a, b), Math.min(Math.max(a, b), c));
