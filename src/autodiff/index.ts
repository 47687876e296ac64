/** Reverse-mode differentiation from ONNX graph to ONNX graph. */
export { backward, type GradientOptions, gradient, zeroGradientNodes } from './gradient.ts';
export { hessianVector } from './hessian.ts';
export type { Emitter } from './tape.ts';
