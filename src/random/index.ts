export { integers, normal, permutation, signs, uniform } from './distributions.ts';
export { type Key, type KeyPart, key } from './key.ts';
