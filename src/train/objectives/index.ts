/** What updates descend. */
export { type Branches, branchesOf } from './branches.ts';
export { crossEntropy } from './cross-entropy.ts';
export { imagesOf } from './inputs.ts';
export type { Objective, ObjectiveContext } from './objective.ts';
