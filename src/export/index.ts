/** From a checkpoint to files that other tools open. */
export { deployable } from './deploy.ts';
export { type GradientModelOptions, gradientModel, parameterGradient } from './gradient-model.ts';
export { type Parity, parity } from './parity.ts';
