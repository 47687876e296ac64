/** The reference interpreter: every operator in float64 and plain loops, to check everything else against. */
export { callKernel } from './call.ts';
export { denseOf, tensorOf } from './convert.ts';
export { evaluate } from './evaluate.ts';
export { Call, DEFAULT_LIMIT, type Dense, type Kernel } from './kernel.ts';
export { kernels } from './kernels.ts';
