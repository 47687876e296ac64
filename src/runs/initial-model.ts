/** Fine-tuning: a classifier from an ONNX file, trained in canonical form and written back in its own. */
import type { DataSet } from '../data/index.ts';
import { TouchstoneError } from '../errors.ts';
import { assertFits, type Images, inspect, nativeShape, toNative } from '../eval/index.ts';
import {
  constantsOf,
  type Graph,
  type Model,
  type Node,
  parameterNames,
  rename,
  statisticNames,
  type Tensor,
  valueNames,
} from '../graph/index.ts';

/** What a value may not end in: updates give their results such names. */
const RESULT = /_(?:next|velocity)\.*$/;

/**
 * The graph with all its names apart from any other's: `fc.weight` is `prefix.fc.weight`, and nothing ends as the results of
 * an update do.
 *
 * @returns the graph, and what each name was
 */
export function apart(graph: Graph, prefix: string): { graph: Graph; original: ReadonlyMap<string, string> } {
  const names = [...valueNames(graph)]
    .filter((name) => name !== '')
    .map((name) => [name, `${prefix}.${name}${RESULT.test(name) ? '.' : ''}`] as const);
  const renamed = rename(graph, new Map(names));
  return {
    graph: { ...renamed, nodes: renamed.nodes.map((n) => ({ ...n, name: `${prefix}.${n.name}` })) },
    original: new Map(names.map(([name, other]) => [other, name])),
  };
}

/** A file's classifier, as training takes it. */
export interface InitialModel {
  /** Canonical, images `[N, C, H, W]` to logits, its names apart from those of programs. */
  readonly graph: Graph;
  /** Initializers that are trained, by their names in `graph`. */
  readonly parameters: readonly string[];
  readonly classes: number;
  /** The file's own output of logits. */
  readonly output: string;
  /** Images as the file takes them. */
  native(x: Images): Images;
  /** The file with other values: by the names in `graph`, parameters and statistics. */
  restored(values: ReadonlyMap<string, Tensor>): Model;
}

const unfit = (got: string, expected: string, remedy: string) =>
  new TouchstoneError('E_UNSUPPORTED', got, expected, remedy);

/**
 * @param image shape of the images that it is to be trained on
 * @throws E_UNSUPPORTED for a model that cannot be differentiated, does not put out logits, or has a fixed batch or weights of
 * another type; E_SHAPE where the images do not fit it
 */
export function initialModel(model: Model, image: DataSet['shape']): InitialModel {
  const names = parameterNames(model.graph);
  if (names.length === 0)
    throw unfit('a model without parameters', 'float initializers', 'export its weights, too');
  const constants = constantsOf(model.graph);
  const statistics = statisticNames(model.graph).filter((name) => constants.has(name));
  const { graph, logits, card } = inspect(model, { live: new Set([...names, ...statistics]), image });
  assertFits(card.input, image);
  const { input, output, outputKind } = card;
  if (outputKind !== 'logits')
    throw unfit(
      `output "${output.name}" of ${outputKind}`,
      'logits',
      'export the model without its last softmax',
    );
  if (typeof input.shape[0] === 'number')
    throw unfit(
      `a model for batches of ${input.shape[0]}`,
      'a batch of any size',
      'export it with a dynamic batch axis',
    );
  const trained = names.filter((name) => graph.initializers.has(name));
  const moved = statisticNames(graph);
  for (const name of [...trained, ...moved]) assertTrainable(name, constants.get(name));
  const named = apart({ ...graph, outputs: graph.outputs.filter((o) => o.name === logits) }, 'model');
  const own = new Map([...named.original].map(([other, name]) => [name, other]));
  return {
    graph: named.graph,
    parameters: trained.map((name) => own.get(name)!),
    classes: card.classes,
    output: output.name,
    native({ data, shape }) {
      const [n, c, h, w] = shape as [number, number, number, number];
      const own = nativeShape(input.layout, [n, c, h, w], c * h * w) as number[];
      return { data: toNative(input.layout, data, shape), shape: own };
    },
    restored: (values) =>
      withConstants(model, new Map([...trained, ...moved].map((n) => [n, values.get(own.get(n)!)!]))),
  };
}

/** @throws E_UNSUPPORTED unless the file can take other values for a name */
function assertTrainable(name: string, tensor: Tensor | undefined): void {
  if (!tensor)
    throw unfit(
      `a normalisation whose statistics are computed ("${name}")`,
      'initializers',
      'export the model in inference form, with its constants folded',
    );
  if (tensor.dtype !== 'float32')
    throw unfit(`${tensor.dtype} weights "${name}"`, 'float32', 'export the model in float32');
}

/** A model with other values for some of its constants, whether initializers or Constant nodes. */
function withConstants(model: Model, values: ReadonlyMap<string, Tensor>): Model {
  const { graph } = model;
  const replaced = (old: Tensor, name: string): Tensor => {
    const data = values.get(name)?.data;
    return data ? { ...old, data } : old;
  };
  const node = (n: Node): Node => {
    const value = n.op === 'Constant' && n.domain === '' ? values.get(n.outputs[0]!) : undefined;
    return value ? { ...n, attributes: new Map([['value', { type: 'tensor', value }]]) } : n;
  };
  return {
    ...model,
    graph: {
      ...graph,
      initializers: new Map([...graph.initializers].map(([name, t]) => [name, replaced(t, name)])),
      nodes: graph.nodes.map(node),
    },
  };
}
