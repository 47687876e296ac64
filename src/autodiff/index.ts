/** Reverse-mode differentiation from ONNX graph to ONNX graph. */
export { backward, type GradientOptions, gradient } from './gradient.ts';
export type { Emitter } from './tape.ts';
