/** From a checkpoint to files that other tools open. */
export { deployable } from './deploy.ts';
export { gradientModel } from './gradient-model.ts';
export { type Parity, parity } from './parity.ts';
