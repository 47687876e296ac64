import type { GraphBuilder, Value } from '../graph/index.ts';

/**
 * Appends a loss per sample to a graph: from logits `[N, C]` and int64 labels `[N]` to `[N]`.
 * All losses grow as the classification gets worse, so attacks ascend them and training descends them.
 */
export type Loss = (b: GraphBuilder, logits: Value, labels: Value) => Value;
