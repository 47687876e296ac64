import { TouchstoneError } from '../errors.ts';
import {
  type Dim,
  dropNoOps,
  foldBatchNorm,
  formatShape,
  type Graph,
  GraphBuilder,
  intOf,
  isFloat,
  isOp,
  type Model,
  modernise,
  type Node,
  nodeLabel,
} from '../graph/index.ts';

export type OutputKind = 'logits' | 'probabilities' | 'log-probabilities' | 'unknown';

/** What kind of classifier a model file holds. */
export interface ModelCard {
  readonly producer: string;
  readonly opset: number;
  readonly irVersion: number;
  /** Scalars in the floating-point initializers. */
  readonly parameters: number;
  /** How often each operator occurs, most often first. */
  readonly operators: readonly (readonly [op: string, count: number])[];
  readonly input: { readonly name: string; readonly dtype: string; readonly shape: readonly Dim[] };
  readonly output: { readonly name: string; readonly shape: readonly Dim[] };
  readonly outputKind: OutputKind;
  readonly classes: number;
  /** The value attacks differentiate: what goes into a final softmax, else the output itself. */
  readonly logits: string;
  /** Nodes without a rule, which no gradient can be computed through. */
  readonly unsupported: readonly string[];
  /** Operators that hide or falsify gradients. */
  readonly maskingRisks: readonly string[];
}

/** A model ready to be attacked: in operator set 20, without no-ops, BatchNormalization folded. */
export interface Subject {
  readonly card: ModelCard;
  readonly graph: Graph;
}

const RISKY =
  /^(Round|Floor|Ceil|Sign|QuantizeLinear|DequantizeLinear|ArgMax|Random\w+|Bernoulli|Multinomial)$/;

/**
 * Looks at a model and makes it ready.
 *
 * @throws E_UNSUPPORTED naming a node that has no rule, or an input that is not one batch of images
 */
export function inspect(model: Model, options: { readonly output?: string } = {}): Subject {
  // First of all: without a rule for every node, shapes are not known either, and would be blamed.
  const [first] = unsupportedNodes(model.graph);
  if (first !== undefined)
    throw new TouchstoneError(
      'E_UNSUPPORTED',
      `operator ${first}`,
      'operators with a gradient rule',
      'export the model with standard ai.onnx operators; `touchstone check` lists what is in it',
    );
  const card = describe(model, options.output);
  const graph = foldBatchNorm(dropNoOps(modernise(model).graph));
  return { card: { ...card, logits: behindSoftmax(graph, card.output.name) }, graph };
}

const unsupportedNodes = (graph: Graph): string[] =>
  graph.nodes.filter((n) => n.domain !== '' || !isOp(n.op)).map(nodeLabel);

/** The value that attacks differentiate: what goes into a final softmax, else the output. */
const behindSoftmax = (graph: Graph, output: string): string => finalSoftmax(graph, output)?.logits ?? output;

const overClasses = (n: Node, byDefault: number): boolean => [1, -1].includes(intOf(n, 'axis', byDefault));

const isSoftmax = (n: Node): boolean => /^(Log)?Softmax$/.test(n.op) && overClasses(n, -1);

/** The softmax over the classes that a model ends in, and what goes into it. */
function finalSoftmax(graph: Graph, output: string): { op: string; logits: string } | undefined {
  const last = producer(graph, output);
  if (!last) return undefined;
  if (isSoftmax(last)) return { op: last.op, logits: last.inputs[0]! };
  // One of before operator set 13, as `modernise` writes it: Reshape(Softmax(Flatten(v)), Shape(v)), v a matrix already.
  if (last.op !== 'Reshape') return undefined;
  const [softmax, shape] = last.inputs.map((v) => producer(graph, v));
  if (!softmax || !isSoftmax(softmax) || shape?.op !== 'Shape') return undefined;
  const flatten = producer(graph, softmax.inputs[0]!);
  if (flatten?.op !== 'Flatten' || !overClasses(flatten, 1)) return undefined;
  const logits = flatten.inputs[0]!;
  return shape.inputs[0] === logits ? { op: softmax.op, logits } : undefined;
}

/** The card of a model, supported or not. @throws E_UNSUPPORTED where it is no image classifier */
export function describe(model: Model, outputName?: string): ModelCard {
  const { graph } = model;
  const inputs = graph.inputs.filter((i) => !graph.initializers.has(i.name));
  const [input] = inputs;
  if (!input || inputs.length !== 1 || input.type?.kind !== 'tensor' || !input.type.shape)
    throw new TouchstoneError(
      'E_UNSUPPORTED',
      `a model with ${inputs.length} inputs`,
      'one input of known rank, the images',
    );
  if (input.type.shape.length !== 4 || input.type.dtype !== 'float32')
    throw new TouchstoneError(
      'E_UNSUPPORTED',
      `input "${input.name}", ${input.type.dtype} ${formatShape(input.type.shape)}`,
      'float32 [N, C, H, W]',
    );
  const output = outputName ? graph.outputs.find((o) => o.name === outputName) : graph.outputs[0];
  if (!output)
    throw new TouchstoneError(
      'E_OPTION',
      `no output "${outputName}"`,
      graph.outputs.map((o) => o.name).join(', '),
    );

  const unsupported = unsupportedNodes(graph);
  const last = finalSoftmax(graph, output.name);
  const shape = outputShape(model, output.name, unsupported.length === 0);
  const classes = shape?.[1];
  if (shape?.length !== 2 || typeof classes !== 'number' || classes < 2)
    throw new TouchstoneError(
      'E_UNSUPPORTED',
      `output "${output.name}" ${formatShape(shape)}`,
      '[N, classes] with at least 2 classes',
      'name another with --output',
    );

  const counts = new Map<string, number>();
  for (const n of graph.nodes) counts.set(n.op, (counts.get(n.op) ?? 0) + 1);
  return {
    producer: [model.producerName, model.producerVersion].filter(Boolean).join(' ') || 'unknown',
    opset: model.opsets.get('') ?? 0,
    irVersion: model.irVersion,
    parameters: [...graph.initializers.values()].reduce(
      (n, t) => n + (isFloat(t.dtype) ? t.data.length : 0),
      0,
    ),
    operators: [...counts].sort((a, b) => b[1] - a[1] || a[0].localeCompare(b[0])),
    input: { name: input.name, dtype: input.type.dtype, shape: input.type.shape },
    output: { name: output.name, shape },
    outputKind:
      last?.op === 'Softmax' ? 'probabilities' : last?.op === 'LogSoftmax' ? 'log-probabilities' : 'logits',
    classes,
    logits: behindSoftmax(graph, output.name),
    unsupported,
    maskingRisks: graph.nodes.filter(risky).map(nodeLabel),
  };
}

function risky(n: Node): boolean {
  const training = n.attributes.get('training_mode');
  return RISKY.test(n.op) || (training?.type === 'int' && training.value === 1);
}

/** The node whose result an output is, seen through Identity. */
function producer(graph: Graph, name: string): Node | undefined {
  const node = graph.nodes.find((n) => n.outputs.includes(name));
  return node?.op === 'Identity' ? producer(graph, node.inputs[0]!) : node;
}

function outputShape(model: Model, name: string, infer: boolean): readonly Dim[] | undefined {
  if (infer) return GraphBuilder.from(modernise(model).graph).shape(name);
  const { type } = model.graph.outputs.find((o) => o.name === name)!;
  return type?.kind === 'tensor' ? type.shape : undefined;
}

/**
 * Checks that images fit a model's input.
 *
 * @param shape of one image, [C, H, W]
 * @throws E_SHAPE saying both shapes
 */
export function assertFits(card: ModelCard, shape: readonly number[]): void {
  const expected = card.input.shape.slice(1);
  if (shape.length === expected.length && expected.every((d, i) => typeof d !== 'number' || d === shape[i]))
    return;
  const [c, h, w] = shape;
  const transposed = expected[0] === h && expected[1] === w && expected[2] === c;
  throw new TouchstoneError(
    'E_SHAPE',
    `images of shape [${shape}]`,
    `${formatShape(expected)}, the model's input`,
    transposed ? 'the model takes NHWC: export it in NCHW' : 'use the data the model was made for',
  );
}
