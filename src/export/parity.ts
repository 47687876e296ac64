import { type Engine, logitsProgram } from '../engine/index.ts';
import type { Graph, Tensor } from '../graph/index.ts';

/** Logits of two graphs on the same images. */
export interface Parity {
  readonly images: number;
  /** Largest |difference| of a logit. */
  readonly maxDifference: number;
  /** Largest |logit| of the reference. */
  readonly scale: number;
  readonly samePredictions: number;
  /** maxDifference ≤ tolerance·max(1, scale), and every prediction the same. */
  readonly ok: boolean;
  readonly tolerance: number;
}

/** What folding BatchNormalization may change: a few roundings of float32 per layer. */
const TOLERANCE = 1e-5;

/**
 * The proof that an exported graph computes what the trained one does.
 *
 * @param x real images, `[N, C, H, W]`
 */
export async function parity(
  engine: Engine,
  before: Graph,
  after: Graph,
  x: Tensor<Float32Array>,
): Promise<Parity> {
  const logitsOf = async (graph: Graph): Promise<Tensor> => {
    const executable = await engine.compile(logitsProgram(graph));
    try {
      return (await executable.run({ x })).logits!;
    } finally {
      await executable.close();
    }
  };
  const [a, b] = [await logitsOf(before), await logitsOf(after)].map((t) => t.data as Float32Array) as [
    Float32Array,
    Float32Array,
  ];
  const images = x.shape[0]!;
  const classes = a.length / images;
  let maxDifference = 0;
  let scale = 0;
  let samePredictions = 0;
  for (let n = 0; n < images; n++) {
    let [topA, topB] = [n * classes, n * classes];
    for (let k = n * classes; k < (n + 1) * classes; k++) {
      // NaN must not pass as equal: Math.max hands it on.
      maxDifference = Math.max(maxDifference, Math.abs(a[k]! - b[k]!));
      scale = Math.max(scale, Math.abs(a[k]!));
      if (a[k]! > a[topA]!) topA = k;
      if (b[k]! > b[topB]!) topB = k;
    }
    if (topA === topB) samePredictions += 1;
  }
  const ok = maxDifference <= TOLERANCE * Math.max(1, scale) && samePredictions === images;
  return { images, maxDifference, scale, samePredictions, ok, tolerance: TOLERANCE };
}
