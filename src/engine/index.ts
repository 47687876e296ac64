/** Engines run programs: graphs, and gradients of graphs. */
export * from './engine.ts';
export { classifierProgram, logitsProgram } from './programs.ts';
export { floatsOf, labelTensor } from './tensors.ts';
