import { backward, zeroGradientNodes } from '../../autodiff/index.ts';
import { TouchstoneError } from '../../errors.ts';
import {
  canonicalise,
  constantsOf,
  type Dim,
  formatShape,
  type Graph,
  GraphBuilder,
  type Model,
  parameterNames,
  unsupportedNodes,
  type Value,
} from '../../graph/index.ts';
import { fileFacts, type ModelCard } from './card.ts';
import { type ImageInput, imageInputOf, nativeShape } from './image-input.ts';
import { asMatrix, chooseOutput, classAxis, headOf } from './output.ts';

/** A model ready to be attacked. */
export interface Subject {
  readonly card: ModelCard;
  /**
   * Its canonical graph: one input, of the file's input's name, float32 `[N, C, H, W]` whatever layout the file has; one
   * output, the logits `[N, K]`, behind a final softmax where there is one.
   */
  readonly graph: Graph;
  /** The name of that output. */
  readonly logits: string;
}

export interface InspectOptions {
  /** @default the first output that is a score per class */
  readonly output?: string;
  /** Shape of one image, [C, H, W], for a model that leaves it open. */
  readonly image?: readonly number[];
  /** Initializers to be trained: they stay as they are, under their names. */
  readonly live?: ReadonlySet<string>;
  /** Leaves the input as the file has it, in place of `[N, C, H, W]`. @default false */
  readonly nativeInput?: boolean;
}

/**
 * Looks at a model and makes it ready.
 *
 * @throws E_UNSUPPORTED naming a node that no gradient goes through, or what makes it no image classifier
 */
export function inspect(model: Model, options: InspectOptions = {}): Subject {
  const input = imageInputOf(model.graph);
  const image = imageOf(input, options);
  if (input.layout !== 'flat' && image.some((d) => typeof d !== 'number'))
    throw new TouchstoneError(
      'E_UNSUPPORTED',
      `input "${input.name}" ${formatShape(input.shape)}, which leaves the images' size open`,
      'a size',
      'give it with --image CxHxW, or images with --data',
    );
  const ready = canonicalise(model, {
    inputShapes: new Map([[input.name, openShape(input, image)]]),
    ...(options.live ? { live: options.live } : {}),
  });

  const { b, valueNamed } = withImages(ready, input, options.nativeInput ? undefined : image);
  const output = chooseOutput(ready, (name) => b.shape(valueNamed(name)), options.output);
  const head = headOf(b, valueNamed(output));
  if (head.kind === 'labels' && classAxis(b.shape(head.logits)) === undefined)
    throw new TouchstoneError(
      'E_UNSUPPORTED',
      `output "${output}" is a label`,
      'scores per class',
      'no gradient goes through labels: export the model with its logits as an output',
    );
  const logits = asMatrix(b, head.logits, output);
  b.output(logits);
  const graph = b.build(ready.name);

  return {
    card: {
      ...facts(model, input),
      output: { name: output, shape: b.shape(valueNamed(output)) },
      outputKind: head.kind,
      classes: b.shape(logits)[1] as number,
      unsupported: [],
      zeroGradients: zeroGradientNodes(graph, { of: logits, wrt: [input.name] }).map(
        (z) => `${z.label}${z.kind === 'straight-through' ? ' (straight-through)' : ''}`,
      ),
    },
    graph,
    logits,
  };
}

/** The card of a model, whether it can be differentiated or not. @throws E_UNSUPPORTED where it is no image classifier */
export function describe(model: Model, options: InspectOptions = {}): ModelCard {
  const input = imageInputOf(model.graph);
  const inputShapes = new Map([[input.name, openShape(input, imageOf(input, options))]]);
  const unsupported = unsupportedNodes(model, { inputShapes }).map(({ label, why }) => `${label}: ${why}`);
  if (unsupported.length === 0) {
    const { card, graph, logits } = inspect(model, options);
    return { ...card, unsupported: refusals(graph, logits, input.name) };
  }
  const declared = (name: string): readonly Dim[] | undefined => {
    const type = model.graph.outputs.find((o) => o.name === name)?.type;
    return type?.kind === 'tensor' ? type.shape : undefined;
  };
  const output = chooseOutput(model.graph, declared, options.output);
  const shape = declared(output) ?? [];
  return {
    ...facts(model, input),
    output: { name: output, shape },
    outputKind: 'unknown',
    classes: classAxis(shape)?.classes ?? 0,
    unsupported,
    zeroGradients: [],
  };
}

/** What a gradient rule refuses, though the operator has one. */
function refusals(graph: Graph, logits: Value, input: Value): string[] {
  try {
    backward(GraphBuilder.from(graph), { of: logits, wrt: [input] });
    return [];
  } catch (error) {
    if (error instanceof TouchstoneError) return [error.message];
    throw error;
  }
}

/** What is known of one image's shape, from the file or from the caller. */
const imageOf = (input: ImageInput, options: InspectOptions): readonly Dim[] =>
  input.image.map((d, i) => (typeof d === 'number' ? d : (options.image?.[i] ?? d)));

function facts(model: Model, input: ImageInput) {
  const constants = constantsOf(model.graph);
  const trainable = parameterNames(model.graph).map((name) => ({
    name,
    shape: constants.get(name)?.shape ?? [],
  }));
  return { ...fileFacts(model), trainable, input };
}

/** The file's input with what is known of its images filled in, and its batch open unless the file fixes it. */
function openShape(input: ImageInput, [c = null, h = null, w = null]: readonly Dim[]): readonly Dim[] {
  const [batch] = input.shape;
  const n = typeof batch === 'number' && batch > 0 ? batch : 'N';
  const all = [c, h, w].every((d): d is number => typeof d === 'number');
  const size = input.shape[1] ?? (all ? [c, h, w].reduce<number>((p, d) => p * Number(d), 1) : null);
  return nativeShape(input.layout, [n, c, h, w], size);
}

/** The graph with images `[N, C, H, W]` as its input, whatever layout the file has; undefined leaves it as it is. */
function withImages(
  graph: Graph,
  input: ImageInput,
  image: readonly Dim[] | undefined,
): { b: GraphBuilder; valueNamed: (name: string) => Value } {
  if (input.layout === 'NCHW' || !image) return { b: GraphBuilder.from(graph), valueNamed: (name) => name };
  const b = new GraphBuilder();
  const native = graph.inputs.find((i) => i.name === input.name)?.type;
  const batch = native?.kind === 'tensor' ? native.shape?.[0] : undefined;
  const x = b.input(input.name, 'float32', [batch ?? 'N', ...image]);
  const moved =
    input.layout === 'NHWC'
      ? b.op('Transpose', [x], { perm: [0, 2, 3, 1] }, `${x}_nhwc`)
      : input.layout === 'NHW'
        ? b.op('Squeeze', [x, b.ints([1])], {}, `${x}_nhw`)
        : b.op('Flatten', [x], {}, `${x}_flat`);
  const values = b.inline(graph, new Map([[input.name, moved]]));
  return { b, valueNamed: (name) => values.get(name) ?? name };
}
