import { type Graph, parameterNames } from '../../src/graph/index.ts';
import { key, uniform } from '../../src/random/index.ts';

export const size = (shape: readonly number[]): number => shape.reduce((a, b) => a * b, 1);

/** Trained parameters, which the running statistics of normalisations are not. */
export const count = (graph: Graph): number =>
  parameterNames(graph).reduce((sum, name) => sum + size(graph.initializers.get(name)!.shape), 0);

export const bytes = (graph: Graph, name: string): Buffer =>
  Buffer.from((graph.initializers.get(name)!.data as Float32Array).buffer);

export function largest(values: Float32Array): number {
  let worst = 0;
  for (const v of values) worst = Math.max(worst, Math.abs(v));
  return worst;
}

/** The means of the values and of their squares. */
export function meanOf(values: Float32Array): [mean: number, square: number] {
  let [sum, squares] = [0, 0];
  for (const v of values) {
    sum += v;
    squares += v * v;
  }
  return [sum / values.length, squares / values.length];
}

/** Uniform pixels, `[batch, ...shape]`; the first images of a larger batch are those of a smaller one. */
export const image = (batch: number, shape: readonly number[]) => {
  const full = [batch, ...shape];
  return { dtype: 'float32', shape: full, data: uniform(key(1).fold('image'), size(full)) } as const;
};
