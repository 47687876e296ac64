/** What an audit is about: a model file, understood and made ready. */
export type { ModelCard } from './card.ts';
export { assertFits, type ImageInput, type Layout, nativeShape, toNative } from './image-input.ts';
export { describe, type InspectOptions, inspect, type Subject } from './inspect.ts';
export type { OutputKind } from './output.ts';
