import { TouchstoneError } from '../errors.ts';
import { inspect } from '../eval/index.ts';
import { gradientModel } from '../export/index.ts';
import { isFloat, type Model, parameterNames } from '../graph/index.ts';
import { readModelFile, writeModelFile } from '../io/index.ts';
import type { LossName } from '../losses/index.ts';

export interface GradientRunOptions {
  readonly model: string;
  readonly out: string;
  readonly loss: LossName;
  readonly smoothing?: number;
  /** What it is the gradient by. */
  readonly wrt: 'input' | 'parameters' | 'both';
  /** Which initializers are parameters. @default those that `parameterNames` finds */
  readonly parameters?: readonly string[];
  readonly hvp: boolean;
  readonly device: 'cpu' | 'cuda';
  readonly output?: string;
  /** Shape of one image, [C, H, W], for a model that leaves it open. */
  readonly image?: readonly number[];
}

export interface GradientReport {
  readonly model: string;
  readonly out: string;
  readonly loss: LossName;
  readonly nodes: number;
  /** Without the parameters, which have defaults. */
  readonly inputs: readonly string[];
  readonly outputs: readonly string[];
  readonly parameters: readonly string[];
  /** Nodes whose true gradient is zero. */
  readonly zeroGradients: readonly string[];
}

/**
 * Writes the gradient graph of a model file. Its input `x` has the file's own layout.
 *
 * @throws E_OPTION for a parameter that is no float initializer of the model
 */
export async function gradientRun(options: GradientRunOptions): Promise<GradientReport> {
  const { model } = await readModelFile(options.model);
  const { wrt, loss, hvp } = options;
  if (options.smoothing !== undefined && loss !== 'ce')
    throw new TouchstoneError('E_OPTION', `--smoothing with the ${loss} loss`, '--loss ce');
  if (options.parameters && wrt === 'input')
    throw new TouchstoneError('E_OPTION', '--parameters with --wrt input', '--wrt parameters or both');
  const parameters = wrt === 'input' ? [] : parametersOf(model, options.parameters);
  const { graph, logits, card } = inspect(model, {
    nativeInput: true,
    live: new Set(parameters),
    ...(options.output === undefined ? {} : { output: options.output }),
    ...(options.image === undefined ? {} : { image: options.image }),
  });
  // Weights of another output, or of nothing, have no part in this loss.
  const used = parameters.filter((name) => graph.initializers.has(name));
  if (wrt !== 'input' && used.length < (options.parameters ? parameters.length : 1))
    throw new TouchstoneError(
      'E_OPTION',
      `parameter "${parameters.find((name) => !used.includes(name))}" has no part in output "${card.output.name}"`,
      'parameters that the output depends on',
      'name another output with --output',
    );
  const result = gradientModel(graph, logits, {
    loss,
    emitter: options.device,
    image: wrt !== 'parameters',
    parameters: used,
    hvp,
    ...(options.smoothing === undefined ? {} : { smoothing: options.smoothing }),
  });
  await writeModelFile(options.out, result);
  return {
    model: options.model,
    out: options.out,
    loss,
    nodes: result.graph.nodes.length,
    inputs: result.graph.inputs.map((i) => i.name).filter((name) => !result.graph.initializers.has(name)),
    outputs: result.graph.outputs.map((o) => o.name),
    parameters: used,
    zeroGradients: card.zeroGradients,
  };
}

function parametersOf(model: Model, wanted: readonly string[] | undefined): readonly string[] {
  const found = parameterNames(model.graph);
  if (!wanted) {
    if (found.length > 0) return found;
    throw new TouchstoneError('E_UNSUPPORTED', 'a model without parameters', 'float initializers');
  }
  const floats = new Set(
    [...model.graph.initializers].filter(([, t]) => isFloat(t.dtype)).map(([name]) => name),
  );
  for (const name of found) floats.add(name);
  for (const name of wanted)
    if (!floats.has(name))
      throw new TouchstoneError(
        'E_OPTION',
        `no parameter "${name}"`,
        'a float initializer of the model',
        '`touchstone check` lists them',
      );
  return [...new Set(wanted)];
}
