export {
  integers,
  laplace,
  normal,
  permutation,
  type Stream,
  signs,
  stream,
  uniform,
} from './distributions.ts';
export { type Key, type KeyPart, key } from './key.ts';
