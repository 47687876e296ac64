import type { GraphBuilder, Value } from '../graph/index.ts';

/**
 * What a loss is fed beside the logits: `y`, int64 labels `[N]`; `target`, the int64 classes `[N]` that a targeted
 * attack wants; `q`, probabilities `[N, K]` to compare with.
 */
export type LossInput = 'y' | 'target' | 'q';

export interface LossOptions {
  /** Share of the label's weight that is spread evenly over all classes, in [0, 1). @default 0 */
  readonly smoothing?: number;
}

/**
 * A loss per sample as a graph: from logits `[N, K]` to `[N]`.
 *
 * All losses but `logit` grow as the classification gets worse, so attacks ascend them and training descends them.
 */
export interface Loss {
  readonly about: string;
  /** What it reads, in this order. */
  readonly inputs: readonly LossInput[];
  /** @default 2 */
  readonly minClasses?: number;
  build(
    b: GraphBuilder,
    logits: Value,
    inputs: Readonly<Record<LossInput, Value>>,
    options: LossOptions,
  ): Value;
}
