/** Engines run programs: graphs, and gradients of graphs. */
export * from './engine.ts';
export { type ClassifierProgramOptions, classifierProgram, logitsProgram, portName } from './programs.ts';
export { floatsOf, labelTensor } from './tensors.ts';
