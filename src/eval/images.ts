/** Images as they travel between algorithms and engines: row-major `[N, C, H, W]`. */
export interface Images {
  readonly data: Float32Array;
  readonly shape: readonly number[];
}

/** Elements per image. */
export const imageSize = (x: Images): number => x.shape.slice(1).reduce((a, b) => a * b, 1);

/** The images at some indices, in that order. */
export function gather(x: Images, indices: ArrayLike<number>): Images {
  const size = imageSize(x);
  const data = new Float32Array(indices.length * size);
  for (let i = 0; i < indices.length; i++)
    data.set(x.data.subarray(indices[i]! * size, (indices[i]! + 1) * size), i * size);
  return { data, shape: [indices.length, ...x.shape.slice(1)] };
}

export const gatherLabels = (y: Int32Array, indices: ArrayLike<number>): Int32Array =>
  Int32Array.from(indices, (i) => y[i]!);
