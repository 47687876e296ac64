import { backward, type Emitter, hessianVector, zeroGradientNodes } from '../autodiff/index.ts';
import { classifierProgram, portName } from '../engine/index.ts';
import { asInputs, type Graph, GraphBuilder, type Model, toModel, type Value } from '../graph/index.ts';
import type { LossName, LossOptions } from '../losses/index.ts';

export interface GradientModelOptions extends LossOptions {
  readonly loss: LossName;
  /** @default 'cpu' */
  readonly emitter?: Emitter;
  /** Whether the gradient by the images is put out. @default true */
  readonly image?: boolean;
  /** Parameters whose gradients are put out, too: names of initializers. @default none */
  readonly parameters?: readonly string[];
  /** Whether the Hessian-vector product by the images is put out. @default false */
  readonly hvp?: boolean;
}

/** The name of the output that holds the gradient by a parameter. */
export const parameterGradient = (name: string): string => `d_${name}`;

/**
 * The gradient graph of a classifier, as a file anyone can run.
 *
 * Inputs: `x`, the images; what the loss reads: `y` and `target` (int64 `[N]`), `q` (float32 `[N, K]`); `v`, shaped as x,
 * where Hessian-vector products are wanted; the parameters that are differentiated by, which have the model's values as
 * defaults. Outputs: `logits` `[N, K]`; `loss` `[N]`; `gradient`, of each sample's loss by its image; `hvp`, of each
 * sample's loss by its image twice, times v; `d_<parameter>`, of the *mean* loss by the parameter.
 *
 * @param graph a canonical graph; parameters must be initializers that canonicalisation left alone
 * @param logits the value that holds the logits
 * @throws E_UNSUPPORTED naming a node that no gradient goes through
 */
export function gradientModel(graph: Graph, logits: string, options: GradientModelOptions): Model {
  const { loss, emitter = 'cpu', image = true, hvp = false } = options;
  const parameters = (options.parameters ?? []).map((name) => ({ name, value: portName(name) }));
  const values = parameters.map((p) => p.value);
  const forward = classifierProgram(graph, loss, { ...options, logits, differentiate: false }).graph;
  const b = GraphBuilder.from(asInputs(forward, values));
  const byImage = image || hvp;
  const wrt = [...(byImage ? ['x'] : []), ...values];
  // A parameter may have no part in the loss (the statistics of a normalisation that takes the batch's): zeros.
  const gradients = backward(b, { of: 'loss', wrt, emitter, optional: new Set(values) });
  const results: [name: string, value: Value][] = [];
  if (image) results.push(['gradient', gradients[0]!]);
  if (hvp) results.push(['hvp', hessianVector(b, gradients[0]!, 'x', 'v', emitter)]);
  if (parameters.length > 0) {
    const count = b.op('Cast', [b.op('Size', ['loss'])], { to: 1 }, 'samples');
    for (const [i, { name }] of parameters.entries())
      results.push([parameterGradient(name), b.op('Div', [gradients[i + (byImage ? 1 : 0)]!, count])]);
  }
  for (const output of forward.outputs) b.output(output.name);
  for (const [name, value] of results) b.output(value, name);
  const built = b.build(`${graph.name}_gradient`);
  const defaults = values.map((name) => [name, forward.initializers.get(name)!] as const);
  const zeros = zeroGradientNodes(forward, { of: 'loss', wrt });
  const metadata = new Map([
    ['touchstone.kind', 'gradient'],
    ['touchstone.loss', loss],
  ]);
  if (zeros.length > 0)
    metadata.set('touchstone.zero_gradients', zeros.map((z) => `${z.label} (${z.kind})`).join(', '));
  return toModel({ ...built, initializers: new Map([...built.initializers, ...defaults]) }, metadata);
}
