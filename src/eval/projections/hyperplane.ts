/**
 * Projections of a point of the box [0, 1]ᵈ onto a hyperplane within the box: the smallest displacement d with
 * w·(point + d) = w·point + rise and point + d in [0, 1], exactly (Croce and Hein, arXiv:1907.02044, who sort the coordinates; here
 * nothing is sorted).
 *
 * Only coordinates that bring w·x the right way move, each at most to its wall: that is its room. A projection owns the arrays that it works
 * in: make one per attack, not one per call.
 */

/**
 * @param points rows in [0, 1]
 * @param weights w, finite, laid out as the points
 * @param from where the row starts, in both
 * @param rise by how much w·x is to change, of either sign
 * @param d the displacement is written here; where the walls are too near for `rise`, the one that comes closest to it
 * @returns ‖d‖ in the norm that is smallest
 */
export type HyperplaneProjection = (
  points: Float32Array,
  weights: Float32Array,
  from: number,
  rise: number,
  d: Float64Array,
) => number;
