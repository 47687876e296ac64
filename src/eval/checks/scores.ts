import { gather, type Images } from '../images.ts';
import type { Oracle } from '../verifier.ts';

/** The oracle's scores, `[N, K]`, in batches. */
export async function scoresOf(oracle: Oracle, x: Images, batchSize: number): Promise<Float32Array> {
  const n = x.shape[0]!;
  const parts: Float32Array[] = [];
  for (let from = 0; from < n; from += batchSize) {
    const part = gather(
      x,
      Array.from({ length: Math.min(batchSize, n - from) }, (_, i) => from + i),
    );
    parts.push(await oracle.predict(part.data, part.shape));
  }
  const classes = parts[0]!.length / Math.min(batchSize, n);
  const all = new Float32Array(n * classes);
  let at = 0;
  for (const part of parts) {
    all.set(part, at);
    at += part.length;
  }
  return all;
}

/** What float32 sums in another order, and eight-bit kernels, may change of a score, as a share of the scores' range. */
const ROUNDING = 1e-3;

export interface Difference {
  /** Rows with another largest element. */
  readonly labels: number;
  /** Rows with an element that differs by more than rounding explains. */
  readonly rows: number;
  /** The largest difference of an element, as a share of the range of all. */
  readonly largest: number;
}

/** How scores `[N, K]` of the same images differ. */
export function differenceOf(before: Float32Array, after: Float32Array, n: number): Difference {
  const classes = before.length / n;
  const range =
    before.reduce((a, b) => Math.max(a, b), -Infinity) - before.reduce((a, b) => Math.min(a, b), Infinity);
  let [labels, rows, largest] = [0, 0, 0];
  for (let i = 0; i < n; i++) {
    const [a, b] = [before, after].map((scores) => scores.subarray(i * classes, (i + 1) * classes)) as [
      Float32Array,
      Float32Array,
    ];
    if (best(a) !== best(b)) labels += 1;
    const most = a.reduce((m, v, k) => Math.max(m, Math.abs(v - b[k]!)), 0) / (range || 1);
    if (!(most <= ROUNDING)) rows += 1;
    largest = Math.max(largest, Number.isFinite(most) ? most : 1);
  }
  return { labels, rows, largest };
}

function best(row: Float32Array): number {
  let at = 0;
  for (let k = 1; k < row.length; k++) if (row[k]! > row[at]!) at = k;
  return at;
}
