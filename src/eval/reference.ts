import { type Dense, evaluate, type Graph, GraphBuilder, type Value } from '../graph/index.ts';

/** Logits in float64, by the reference interpreter: slow, readable, and no code of an engine in it. */
export interface Reference {
  /**
   * @param x `[N, C, H, W]`, row-major
   * @returns `[N, K]`, row-major
   */
  (x: Float64Array, shape: readonly number[]): Float64Array;
  /** What an image costs. @default next to nothing */
  readonly multiplications?: number;
}

/** Multiplications that an image may cost: plain loops take some two seconds for them. */
const AFFORDABLE = 4e8;

/**
 * @param graph as `inspect` gives it: one input, the images; one output, the logits
 * @returns undefined for a model too large to be interpreted
 */
export function referenceOf(graph: Graph): Reference | undefined {
  const input = graph.inputs.find((i) => !graph.initializers.has(i.name))!.name;
  const output = graph.outputs[0]!.name;
  const b = GraphBuilder.from(graph);
  const cost = multiplications(b);
  if (cost > AFFORDABLE) return undefined;
  b.output(output);
  const alone = b.build();
  const logits = (data: Float64Array, shape: readonly number[]) => {
    const x: Dense = { dtype: 'float32', shape, data };
    return evaluate(alone, new Map([[input, x]])).get(output)!.data;
  };
  return Object.assign(logits, { multiplications: cost });
}

/** Of one image's products and convolutions, a dynamic size counting as 1. */
function multiplications(b: GraphBuilder): number {
  const size = (value: Value): number =>
    b.shape(value).reduce<number>((p, d) => (typeof d === 'number' ? p * d : p), 1);
  let total = 0;
  for (const { op, inputs, outputs } of b.nodes) {
    const [x, w] = inputs as [Value, Value];
    const out = outputs[0]!;
    const inner = x ? b.shape(x).at(-1) : 1;
    if (op === 'Conv') total += size(out) * (size(w) / Math.max(1, Number(b.shape(w)[0]) || 1));
    else if (op === 'ConvTranspose') total += size(x) * (size(w) / Math.max(1, Number(b.shape(w)[0]) || 1));
    else if (op === 'Gemm' || op === 'MatMul') total += size(out) * (typeof inner === 'number' ? inner : 1);
  }
  return total;
}
