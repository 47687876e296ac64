/** Attacks, checks and the audit that composes them. */

export { ascentGraph, ascentStep } from './ascent.ts';
export * from './attacks/index.ts';
export * from './audit.ts';
export * from './checks/index.ts';
export * from './classifier.ts';
export { type EngineClassifierOptions, engineClassifier } from './engine-classifier.ts';
export * from './images.ts';
export * from './preprocessing.ts';
export { type Reference, referenceOf } from './reference.ts';
export * from './subject/index.ts';
export * from './threat.ts';
export { type Oracle, padded, predictAll, type Verification, verify } from './verifier.ts';
