import { backward, hessianVector } from '../../autodiff/index.ts';
import { type Graph, GraphBuilder } from '../../graph/index.ts';
import type { PassCounter } from '../counter.ts';
import type { Program } from '../engine.ts';
import type { SessionOptions } from './session.ts';

/** What the parts of this engine share. */
export interface Runtime extends SessionOptions {
  readonly counter: PassCounter;
}

/** The graph that onnxruntime runs for a program: the forward graph, its gradients, what is done with them. */
export function lowered({ graph, gradient: g, after }: Program, device: 'cpu' | 'cuda'): Graph {
  if (!g) return graph;
  const b = GraphBuilder.from(graph);
  const gradients = backward(b, { of: g.of, wrt: g.wrt, emitter: device });
  const named = new Map(g.names.map((name, i) => [name, gradients[i]!]));
  if (g.along) named.set(g.along.name, hessianVector(b, gradients[0]!, g.wrt[0]!, g.along.vector, device));
  const results = after ? b.inline(after, named) : named;
  for (const output of graph.outputs) b.output(output.name);
  for (const [name, value] of results) b.output(value, name);
  return b.build(`${graph.name}_gradient`);
}
