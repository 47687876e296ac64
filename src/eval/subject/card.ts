import { type Dim, type Graph, isFloat, type Model, type Node, nodeLabel } from '../../graph/index.ts';
import type { ImageInput } from './image-input.ts';
import type { OutputKind } from './output.ts';

/** What kind of classifier a model file holds. */
export interface ModelCard {
  readonly producer: string;
  readonly opset: number;
  readonly irVersion: number;
  /** Scalars in the floating-point initializers and constants. */
  readonly parameters: number;
  /** The tensors that training would change, as guessed from the graph: names and shapes. */
  readonly trainable: readonly { readonly name: string; readonly shape: readonly number[] }[];
  /** How often each operator occurs, most often first; those of other domains carry their domain. */
  readonly operators: readonly (readonly [op: string, count: number])[];
  readonly input: ImageInput;
  readonly output: { readonly name: string; readonly shape: readonly Dim[] };
  readonly outputs: readonly string[];
  readonly outputKind: OutputKind | 'unknown';
  /** 0 where it is not known. */
  readonly classes: number;
  /** Nodes that no gradient can be computed through, and why. */
  readonly unsupported: readonly string[];
  /** Nodes whose true gradient is zero, and what is used in its place. */
  readonly zeroGradients: readonly string[];
  /** Operators that hide or falsify gradients, or make the model random or dependent on its batch. */
  readonly maskingRisks: readonly string[];
  /** Nodes whose metadata or doc strings hold file paths: the file tells where its author worked. */
  readonly tellsPaths: number;
}

const RANDOM = /^(Random\w+|Bernoulli|Multinomial)$/;
const HARD =
  /^(Round|Floor|Ceil|Sign|QuantizeLinear|DynamicQuantizeLinear|QLinear\w+|QGemm|ConvInteger|MatMulInteger|ArgMax|ArgMin|Hardmax)$/;

/** The part of a card that reading the file alone tells. */
export function fileFacts(model: Model) {
  const { graph } = model;
  const nodes = [...allNodes(graph)];
  const counts = new Map<string, number>();
  for (const n of nodes) {
    const name = n.domain ? `${n.domain}.${n.op}` : n.op;
    counts.set(name, (counts.get(name) ?? 0) + 1);
  }
  const constants = nodes.flatMap((n) => {
    const value = n.op === 'Constant' ? n.attributes.get('value') : undefined;
    return value?.type === 'tensor' ? [value.value] : [];
  });
  return {
    producer: [model.producerName, model.producerVersion].filter(Boolean).join(' ') || 'unknown',
    opset: model.opsets.get('') ?? 0,
    irVersion: model.irVersion,
    parameters: [...graph.initializers.values(), ...constants].reduce(
      (n, t) => n + (isFloat(t.dtype) ? t.shape.reduce((a, b) => a * b, 1) : 0),
      0,
    ),
    operators: [...counts].sort((a, b) => b[1] - a[1] || a[0].localeCompare(b[0])),
    outputs: graph.outputs.map((o) => o.name),
    maskingRisks: nodes.filter(isRisky).map(nodeLabel),
    tellsPaths: nodes.filter(tellsPath).length,
  };
}

/** The nodes of a graph and of the branches inside it. */
function* allNodes(graph: Graph): Generator<Node> {
  for (const n of graph.nodes) {
    yield n;
    for (const a of n.attributes.values()) if (a.type === 'graph') yield* allNodes(a.value);
  }
}

function isRisky(n: Node): boolean {
  const training = n.attributes.get('training_mode');
  if (training?.type === 'int' && training.value === 1) return true;
  return HARD.test(n.op) || RANDOM.test(n.op) || (n.op === 'Dropout' && n.inputs.length > 2);
}

/** Absolute paths, with a file name behind them: what exporters write as stack traces. */
const PATH = /(?:\/(?:home|Users|root|usr|opt|mnt|data|work|tmp)\/|[A-Z]:\\)[^\s"':]*\.\w+/;

const tellsPath = (n: Node): boolean =>
  PATH.test(n.doc ?? '') || [...(n.metadata?.values() ?? [])].some((text) => PATH.test(text));
