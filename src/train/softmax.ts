/** Probabilities of logits `[N, K]`, row by row, in double precision until they are stored. */
export function softmax(logits: Float32Array, classes: number): Float32Array {
  const out = new Float32Array(logits.length);
  for (let from = 0; from < logits.length; from += classes) {
    const row = logits.subarray(from, from + classes);
    const top = row.reduce((a, b) => Math.max(a, b), Number.NEGATIVE_INFINITY);
    let sum = 0;
    for (const z of row) sum += Math.exp(z - top);
    for (let k = 0; k < classes; k++) out[from + k] = Math.exp(row[k]! - top) / sum;
  }
  return out;
}
