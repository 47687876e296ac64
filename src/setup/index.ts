/** What is set up on demand: TensorFlow's native part and onnxruntime's CUDA provider. */
export { cacheFolder, variantFolder } from './cache.ts';
export { type CudaOptions, setUpCuda } from './cuda.ts';
export { size } from './download.ts';
export { type Reporter, SetupFailure } from './failure.ts';
export { nvidiaGpus } from './gpu.ts';
export { atLeast, type Host, thisHost } from './host.ts';
export { lastLine } from './run.ts';
export { type SetupOptions, type SetupResult, setUpTensorflow, spaceNeeded } from './tensorflow.ts';
export { type TensorflowSetup, TFJS, tensorflowSetup } from './tensorflow-state.ts';
export { type Found, findCompiler, findPython } from './tools.ts';
export { type Tried, tryTensorflow } from './verify.ts';
