import { type Emitter, gradient } from '../autodiff/index.ts';
import { classifierProgram } from '../engine/index.ts';
import { type Graph, type Model, toModel } from '../graph/index.ts';
import type { LossName } from '../losses/index.ts';

/**
 * The gradient graph of a classifier, as a file anyone can run: inputs `x` `[N, C, H, W]` and `y` (int64 labels `[N]`);
 * outputs `logits` `[N, K]`, `loss` `[N]` and `gradient`, the gradient of each sample's loss by its image.
 *
 * @param logits the value that holds the logits
 */
export function gradientModel(graph: Graph, logits: string, loss: LossName, emitter: Emitter = 'cpu'): Model {
  const program = classifierProgram(graph, loss, { logits });
  const { of, wrt, names } = program.gradient!;
  const metadata = new Map([
    ['touchstone.kind', 'gradient'],
    ['touchstone.loss', loss],
  ]);
  return toModel(gradient(program.graph, { of, wrt, emitter }, names), metadata);
}
