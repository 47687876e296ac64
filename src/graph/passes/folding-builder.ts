import { TouchstoneError } from '../../errors.ts';
import { GraphBuilder } from '../builder.ts';
import { sizeOf } from '../dims.ts';
import type { Dim, Graph, Node, Tensor } from '../ir.ts';
import { callKernel, denseOf, tensorOf } from '../reference/index.ts';
import type { TensorType } from '../shapes/index.ts';
import { equationOf } from '../shapes/linear.ts';

/** The largest constant that is computed, in elements: what is larger stays in the graph as it is written. */
const LARGEST = 2 ** 22;
/** The same where it is no larger than what it is computed from: a dequantised weight, say. */
const LARGEST_KEPT = 2 ** 24;
/** Elementary steps for one node. */
const STEPS_PER_NODE = 2 ** 25;
/** Steps for all nodes together, and more for each element that the file itself brings. */
const STEPS = 2 ** 22;
const STEPS_PER_ELEMENT = 8;

/** How much may be computed before running; shared by all passes over one model. */
export interface Budget {
  steps: number;
}

/** A budget in proportion to what a model's own constants hold. */
export function budgetFor(graph: Graph): Budget {
  let elements = 0;
  for (const t of graph.initializers.values()) elements += t.data.length;
  for (const n of graph.nodes)
    for (const a of n.attributes.values()) if (a.type === 'tensor') elements += a.value.data.length;
  return { steps: STEPS + STEPS_PER_ELEMENT * elements };
}

/** What is drawn anew in every run. */
const RANDOM = /^(Random|Bernoulli|Multinomial)/;
export const isRandom = (node: Node): boolean =>
  RANDOM.test(node.op) || (node.op === 'Dropout' && !!node.inputs[2]);

/**
 * A builder that computes what is known before running: a node whose inputs are constants, or whose elements follow from
 * dimensions, becomes constants of the same names. Work and memory are bounded by what the graph itself brings.
 */
export class FoldingBuilder extends GraphBuilder {
  readonly #budget: Budget;

  constructor(budget: Budget) {
    super();
    this.#budget = budget;
  }

  override node(node: Node): void {
    if (node.domain === '' && node.op !== 'Constant' && !isRandom(node)) {
      const inferred = this.infer(node);
      const tensors = fromValues(node, inferred) ?? this.#computed(node, inferred.types);
      if (tensors) {
        for (const [i, tensor] of tensors.entries())
          if (node.outputs[i]) this.initializer(node.outputs[i], tensor);
        return;
      }
    }
    super.node(node);
  }

  /** The outputs of a node whose inputs are all constants, where that is cheap; rounded to their types. */
  #computed(node: Node, types: readonly TensorType[]): readonly Tensor[] | undefined {
    const inputs = node.inputs.map((name) => (name ? this.constantValue(name) : undefined));
    if (node.inputs.some((name, i) => name && !inputs[i])) return undefined;
    const steps = stepsOf(node, inputs, types);
    if (!(steps <= Math.min(STEPS_PER_NODE, this.#budget.steps))) return undefined;
    try {
      const dense = inputs.map((t) => t && denseOf(t));
      const outputs = callKernel(node, dense, LARGEST_KEPT).map(tensorOf);
      this.#budget.steps -= steps;
      return node.outputs.every((name, i) => !name || outputs[i]) ? outputs : undefined;
    } catch (error) {
      // What the interpreter refuses is left for onnxruntime to compute, or to refuse.
      if (error instanceof TouchstoneError) return undefined;
      throw error;
    }
  }
}

/** Tensors of numbers that follow from dimensions alone. */
function fromValues(node: Node, inferred: ReturnType<GraphBuilder['infer']>): readonly Tensor[] | undefined {
  const tensors: Tensor[] = [];
  for (const [i, name] of node.outputs.entries()) {
    const value = inferred.values[i];
    const type = inferred.types[i];
    if (!name && type) tensors.push(EMPTY);
    else if (!type || !value?.every(Number.isFinite)) return undefined;
    else
      tensors.push(
        tensorOf({ ...type, shape: type.shape as number[], data: Float64Array.from(value as number[]) }),
      );
  }
  return tensors;
}

/** Stands for an output that nobody wants. */
const EMPTY: Tensor = { dtype: 'float32', shape: [0], data: new Float32Array(0) };

const count = (shape: readonly Dim[]): number => sizeOf(shape) ?? Number.POSITIVE_INFINITY;

/** About how many elementary steps a node takes; infinite where its shapes are not known, or it is too large. */
function stepsOf(node: Node, inputs: readonly (Tensor | undefined)[], types: readonly TensorType[]): number {
  const out = Math.max(0, ...types.map(({ shape }) => count(shape)));
  const read = inputs.reduce((n, t) => n + (t?.data.length ?? 0), 0);
  if (out > Math.max(LARGEST, Math.min(read, LARGEST_KEPT))) return Number.POSITIVE_INFINITY;
  const shapeOf = (i: number): readonly number[] => inputs[i]?.shape ?? [];
  const volume = (shape: readonly number[]): number => shape.reduce((a, d) => a * d, 1);
  switch (node.op) {
    case 'MatMul':
      return read + out * (shapeOf(0).at(-1) ?? 1);
    case 'Gemm':
      return read + out * Math.max(...shapeOf(0), 1);
    case 'Conv':
      return read + out * volume(shapeOf(1).slice(1));
    case 'ConvTranspose':
      return read + volume(shapeOf(0)) * volume(shapeOf(1).slice(1));
    case 'Einsum': {
      const sizes = new Map<string, number>();
      let rest = 1;
      for (const [i, labels] of equationOf(node).operands.entries()) {
        if (labels.includes('.')) rest *= volume(shapeOf(i));
        else for (const [a, label] of labels.entries()) sizes.set(label, shapeOf(i)[a] ?? 1);
      }
      return read + volume([...sizes.values()]) * rest;
    }
    // Windows, tables and sorting: more than any of them takes for what it reads and writes.
    case 'AveragePool':
    case 'MaxPool':
      return read + out * volume(windowSize(node));
    case 'Resize':
      return (read + out) * 256;
    case 'TopK':
    case 'OneHot':
      return (read + out) * 32;
    default:
      return read + out;
  }
}

const windowSize = (node: Node): readonly number[] => {
  const kernel = node.attributes.get('kernel_shape');
  return kernel?.type === 'ints' ? kernel.value : [];
};
