/**
 * What the tests of this folder run on. They are for a machine with an NVIDIA GPU (docs/gpu.md) and fail without one;
 * `DEVICE=cpu` has them compare CPU with CPU, to try the tests themselves.
 */
export const device = process.env.DEVICE === 'cpu' ? 'cpu' : 'cuda';

/** TF32 keeps 10 bits of each factor: with it nothing agrees to better than about 1e-3. */
if (device === 'cuda' && process.env.NVIDIA_TF32_OVERRIDE !== '0')
  throw new Error('set NVIDIA_TF32_OVERRIDE=0: the tolerances of these tests are for float32 without TF32');

/** `MODELS=mnist-cnn,resnet18`: these architectures only. */
export const models = process.env.MODELS?.split(',');
