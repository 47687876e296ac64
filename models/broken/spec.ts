import type { Graph } from '../../src/graph/index.ts';

/** Something that looks like a defence, built around any classifier: what the checks are there to find. */
export interface BrokenDefence {
  readonly name: string;
  readonly about: string;
  /** The check that must fail. */
  readonly check: string;
  /** @param graph one input, the images `[N, C, H, W]` in [0, 1]; one output, the logits `[N, K]` */
  build(graph: Graph): Graph;
}
