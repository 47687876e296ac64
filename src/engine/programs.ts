import { TouchstoneError } from '../errors.ts';
import { type Dim, type Graph, GraphBuilder, rename, valueNames } from '../graph/index.ts';
import { appendLoss, type LossName, type LossOptions } from '../losses/index.ts';
import type { Program } from './engine.ts';

/** The names that a classifier's programs use for what goes in and comes out. */
const PORTS: readonly string[] = ['x', 'y', 'target', 'q', 'v', 'logits', 'loss', 'gradient', 'hvp'];

/** The image input of a model: the one input that is not a parameter. */
export function imageInput(graph: Graph): { name: string; shape: readonly Dim[] } {
  const inputs = graph.inputs.filter((i) => !graph.initializers.has(i.name));
  const [input] = inputs;
  if (!input || inputs.length !== 1)
    throw new TouchstoneError(
      'E_UNSUPPORTED',
      `a model with ${inputs.length} inputs`,
      'exactly one, the images',
    );
  const { type } = input;
  if (type?.kind !== 'tensor' || !type.shape || type.dtype !== 'float32')
    throw new TouchstoneError(
      'E_UNSUPPORTED',
      `input "${input.name}" of ${type?.kind === 'tensor' ? type.dtype : 'another type'}`,
      'float32 images of known rank',
    );
  return { name: input.name, shape: type.shape };
}

/** What a value of the model is called in a program: its own name, unless a port has that. */
export const portName = (name: string): string => (PORTS.includes(name) ? `model_${name}` : name);

/** The model with its input called `x`, its logits `logits`, and nothing else in the way of the ports' names. */
function withPorts(model: Graph, logits: string): Graph {
  const names = new Map<string, string>();
  for (const name of valueNames(model)) if (PORTS.includes(name)) names.set(name, portName(name));
  names.set(imageInput(model).name, 'x');
  names.set(logits, 'logits');
  return rename(model, names);
}

/**
 * From images to logits.
 *
 * @returns inputs `x` `[N, C, H, W]`; outputs `logits` `[N, K]`
 */
export function logitsProgram(model: Graph, logits = model.outputs[0]!.name): Program {
  // The logits may be an inner value (what goes into a final softmax): that they are an output is our doing.
  const b = GraphBuilder.from(withPorts(model, logits));
  b.output('logits');
  return { graph: b.build(model.name) };
}

export interface ClassifierProgramOptions extends LossOptions {
  /** Which value of the graph holds the logits. @default the first output */
  readonly logits?: string;
  /** Whether the gradient of each sample's loss by its image is wanted. @default true */
  readonly differentiate?: boolean;
  /** Whether its Hessian's product with a vector per sample, the input `v`, is wanted too. @default false */
  readonly hvp?: boolean;
}

/**
 * From images and labels to logits and a loss per sample, and to the gradient of each sample's loss by its image.
 *
 * @returns inputs `x` `[N, C, H, W]`, what the loss reads (`y` int64 `[N]`), `v` shaped as x with `hvp`; outputs `logits`
 * `[N, K]`, `loss` `[N]`, and `gradient` and `hvp`, shaped as x
 */
export function classifierProgram(
  model: Graph,
  loss: LossName,
  options: ClassifierProgramOptions = {},
): Program {
  const { differentiate = true, hvp = false, logits = model.outputs[0]!.name } = options;
  const renamed = withPorts(model, logits);
  const b = GraphBuilder.from(renamed);
  const value = appendLoss(b, loss, 'logits', options);
  b.output('logits');
  b.output(value, 'loss');
  if (hvp) b.input('v', 'float32', b.shape('x'));
  for (const o of renamed.outputs) if (o.name.endsWith('_next')) b.output(o.name);
  const graph = b.build(model.name);
  if (!differentiate) return { graph };
  const along = hvp ? { along: { vector: 'v', name: 'hvp' } } : {};
  return { graph, gradient: { of: 'loss', wrt: ['x'], names: ['gradient'], ...along } };
}
