import { backward, type Emitter } from '../../autodiff/index.ts';
import { type Graph, GraphBuilder } from '../../graph/index.ts';
import type { Sgd } from '../engine.ts';

/** The name under which an updated value comes back. */
export const next = (name: string): string => `${name}_next`;
export const velocityOf = (name: string): string => `${name}_velocity`;

/**
 * One step of SGD as a graph: v ← μv + (∇L + λp), p ← p − γv, with L the mean of `loss` over the batch.
 *
 * @param graph a forward graph whose parameters are inputs
 * @param input whose gradient, of the mean, is a further output, `gradient`
 */
export function sgdStep(
  graph: Graph,
  loss: string,
  parameters: readonly string[],
  sgd: Sgd,
  emitter: Emitter,
  input?: string,
): Graph {
  const b = GraphBuilder.from(graph);
  const mean = b.op('ReduceMean', [loss], { keepdims: 0 }, 'mean_loss');
  const wrt = input === undefined ? parameters : [...parameters, input];
  const gradients = backward(b, { of: mean, wrt, emitter, blocked: false });
  const rate = b.input('learning_rate', 'float32', []);
  for (const output of graph.outputs) b.output(output.name);
  if (input !== undefined) b.output(gradients.at(-1)!, 'gradient');
  for (const [i, name] of parameters.entries()) {
    const shape = b.shape(name);
    const velocity = b.input(velocityOf(name), 'float32', shape);
    const scaled = (value: string, by: number) => b.op('Mul', [value, b.scalar(by)]);
    const decayed = sgd.weightDecay
      ? b.op('Add', [gradients[i]!, scaled(name, sgd.weightDecay)])
      : gradients[i]!;
    const v = sgd.momentum
      ? b.op('Add', [scaled(velocity, sgd.momentum), decayed])
      : b.op('Identity', [decayed]);
    b.output(v, next(velocityOf(name)));
    b.output(b.op('Sub', [name, b.op('Mul', [v, rate])]), next(name));
  }
  return b.build(`${graph.name}_sgd`);
}
