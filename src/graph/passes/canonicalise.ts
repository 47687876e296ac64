import { TouchstoneError } from '../../errors.ts';
import { constantOf } from '../attributes.ts';
import type { Dim, Graph, Model } from '../ir.ts';
import { nodeLabel } from '../shapes/index.ts';
import { inFloat32 } from './float32.ts';
import { foldBatchNorm } from './fold-batch-norm.ts';
import { budgetFor } from './folding-builder.ts';
import { inlineFunctions } from './inline-functions.ts';
import { mergeDuplicates } from './merge-duplicates.ts';
import { modernise, type OnError } from './modernise.ts';
import { rebuild } from './rebuild.ts';
import { reform } from './reform.ts';
import { withoutUnused } from './simplify.ts';

export interface CanonicaliseOptions {
  /** Shapes for inputs, instead of those that the file states: `[N, 3, 224, 224]`. */
  readonly inputShapes?: ReadonlyMap<string, readonly Dim[]>;
  /** Initializers (or Constant nodes' outputs) that are to be trained: nothing is computed from their values. */
  readonly live?: ReadonlySet<string>;
}

/**
 * The graph of a model as everything here takes it: operator set 20, float32, only operators of OPS, shapes known. It
 * computes what the file says; inputs, outputs and the initializers that remain keep their names, but 16- and 64-bit
 * floats are float32.
 *
 * @throws E_UNSUPPORTED naming the first node that cannot be written so; E_SHAPE, E_ONNX where the model does not fit
 *   together
 */
export function canonicalise(model: Model, options: CanonicaliseOptions = {}): Graph {
  const { live = new Set<string>() } = options;
  const { graph } = inlineFunctions(modernise(model));
  const budget = budgetFor(model.graph);
  const rebuilt = rebuild(withoutUnused(withParameters(inFloat32(graph), live)), { ...options, budget });
  // Twice, as operators that were rewritten leave constants and shapes of their own.
  const settled = rebuild(rebuilt, { live, budget });
  return withoutUnused(mergeDuplicates(reform(foldBatchNorm(settled, { live }), { live })));
}

/** Constant nodes that are to be trained become initializers. */
function withParameters(graph: Graph, live: ReadonlySet<string>): Graph {
  if (live.size === 0) return graph;
  const initializers = new Map(graph.initializers);
  const nodes = graph.nodes.filter((n) => {
    const [name] = n.outputs;
    const value = n.op === 'Constant' && n.domain === '' && live.has(name!) ? constantOf(n) : undefined;
    if (value) initializers.set(name!, value);
    return !value;
  });
  for (const name of live)
    if (!initializers.has(name))
      throw new TouchstoneError(
        'E_ONNX',
        `no initializer "${name}"`,
        'the name of one',
        'check the names of parameters',
      );
  return { ...graph, nodes, initializers };
}

/** A node that canonicalisation refuses. */
export interface UnsupportedNode {
  /** `Loop "loop_1"` */
  readonly label: string;
  /** The error's message, with what to do. */
  readonly why: string;
}

/** More than anyone reads. */
const MOST_REPORTED = 256;

/**
 * The nodes that {@link canonicalise} would refuse, as far as they can be told apart: what stands behind one of them is
 * looked at by its name only. Never throws; what is wrong with the model as a whole comes under the label `model`.
 */
export function unsupportedNodes(model: Model, options: CanonicaliseOptions = {}): UnsupportedNode[] {
  const found = new Map<string, UnsupportedNode>();
  const onError: OnError = (node, error) => {
    const label = nodeLabel(node);
    if (!found.has(label) && found.size < MOST_REPORTED) found.set(label, { label, why: error.message });
  };
  try {
    const { graph } = inlineFunctions(modernise(model, onError));
    rebuild(withoutUnused(inFloat32(graph)), { ...options, onError });
    if (found.size === 0) canonicalise(model, options);
  } catch (error) {
    const why = error instanceof Error ? error.message : String(error);
    found.set('model', { label: 'model', why });
  }
  return [...found.values()];
}
