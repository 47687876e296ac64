import type { HyperplaneProjection } from './hyperplane.ts';
import { l2Projection, linfProjection } from './hyperplane-fill.ts';
import { l1Projection } from './hyperplane-l1.ts';

export type { HyperplaneProjection } from './hyperplane.ts';

/** Projections onto a hyperplane within [0, 1], by the norm that is to be small, for rows of some size. */
export const hyperplaneProjections = {
  linf: linfProjection,
  l2: l2Projection,
  l1: l1Projection,
} as const satisfies Record<string, (size: number) => HyperplaneProjection>;

export { type BallProjection, l1BallProjection } from './l1-ball.ts';
export { kthLargest } from './select.ts';
