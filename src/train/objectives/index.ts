/** What updates descend. */
export { type Branches, branchesOf } from './branches.ts';
export { crossEntropy } from './cross-entropy.ts';
export { imagesOf } from './inputs.ts';
export { martObjective } from './mart.ts';
export type { Objective, ObjectiveContext } from './objective.ts';
export { reconstruction } from './reconstruction.ts';
export { tradesObjective } from './trades.ts';
