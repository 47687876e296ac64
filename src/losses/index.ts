import type { GraphBuilder, Value } from '../graph/index.ts';
import { crossEntropy } from './cross-entropy.ts';
import { margin } from './margin.ts';

/**
 * Appends a loss per sample to a graph: from logits `[N, C]` and int64 labels `[N]` to `[N]`.
 * All losses grow as the classification gets worse, so attacks ascend them and training descends them.
 */
export type Loss = (b: GraphBuilder, logits: Value, labels: Value) => Value;

export const losses = {
  ce: crossEntropy,
  margin,
} as const satisfies Record<string, Loss>;

export type LossName = keyof typeof losses;

export const isLoss = (name: string): name is LossName => Object.hasOwn(losses, name);
