import type { Graph } from '../../graph/index.ts';
import type { MethodOptions } from '../options.ts';

export interface ObjectiveContext {
  /** The model in training mode; inputs `x`; its first output are logits, further ones `<statistic>_next`. */
  readonly model: Graph;
  readonly options: MethodOptions;
  /** The network that is trained beside it, where the method has one. */
  readonly companion?: Graph;
}

/** What an update descends, as a graph over the model. */
export interface Objective {
  readonly name: string;
  /** The equation, and where it is from. */
  readonly source: string;
  /**
   * @returns a graph with inputs `x`, `y` int64 `[N]` and what else it reads; outputs `logits` `[N, K]`, `loss` `[N]`, and
   * the statistics that the model puts out
   */
  build(context: ObjectiveContext): Graph;
}
