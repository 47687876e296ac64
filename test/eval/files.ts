import { join } from 'node:path';
import fs from 'fs-extra';
import { GraphBuilder, int64, type Model, toModel } from '../../src/graph/index.ts';
import { encodeNpz, writeModelFile } from '../../src/io/index.ts';
import { twoClasses } from './fakes.ts';

/** A linear two-class model of 3×2×2 images as a file, with images it classifies correctly but for the last two. */
export interface Files {
  readonly model: string;
  readonly data: string;
  readonly n: number;
  /** |z₀ − z₁| of each image, and ‖w‖₁: an image falls under L∞ exactly where margin < ε·‖w‖₁. */
  readonly margins: readonly number[];
  readonly dual: number;
}

export interface ModelOptions {
  readonly batch?: number | string;
  /** Operators between the logits and the output. */
  readonly tail?: readonly string[];
}

/** z = ±(w·x + b)/2 as a Flatten and a Gemm. */
export function linearModel(seed: number, { batch = 'N', tail = [] }: ModelOptions = {}): Model {
  const { w } = twoClasses(seed, 1);
  const bias = -w.reduce((sum, v) => sum + v * 0.5, 0) / 2;
  const b = new GraphBuilder();
  b.input('image', 'float32', [batch, 3, 2, 2]);
  const flat = b.op('Flatten', ['image']);
  const weight = b.floats(
    Float32Array.from([...w, ...w], (v, i) => (i < 12 ? v / 2 : -v / 2)),
    [2, 12],
  );
  let value = b.op('Gemm', [flat, weight, b.floats([bias, -bias])], { transB: 1 }, 'scores');
  for (const op of tail) value = b.op(op, [value], {}, `after_${op}`);
  b.output(value, tail.length === 0 ? 'logits' : 'result');
  return toModel(b.build());
}

export async function writeFiles(
  folder: string,
  seed = 2,
  n = 30,
  options: ModelOptions = {},
): Promise<Files> {
  const { x, y, margins, w } = twoClasses(seed, n);
  const labels = Array.from(y, (label, i) => (i >= n - 2 ? 1 - label : label));
  const paths = { model: join(folder, `model-${seed}.onnx`), data: join(folder, `data-${seed}.npz`) };
  await writeModelFile(paths.model, linearModel(seed, options));
  const npz = encodeNpz({ x: { dtype: 'float32', shape: x.shape, data: x.data }, y: int64(labels) });
  await fs.writeFile(paths.data, npz);
  return { ...paths, n, margins, dual: w.reduce((sum, v) => sum + Math.abs(v), 0) };
}
