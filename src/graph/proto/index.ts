export { DEFAULT_LIMITS, type ReadLimits } from './limits.ts';
export { freeNames, sortGraph } from './order.ts';
export { type ReadOptions, readModel } from './read.ts';
export type { ExternalData } from './tensors.ts';
export { writeModel } from './write.ts';
