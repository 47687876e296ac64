import { expect } from 'vitest';
import { TouchstoneError } from '../../src/errors.ts';
import { float, float32, type Graph, GraphBuilder, int64, type Tensor } from '../../src/graph/index.ts';
import { integers, key, uniform } from '../../src/random/index.ts';
import { unflat } from './oracle.ts';

/** Small models whose results can be computed by hand, and what the suites compare with. */

export const CLASSES = 3;
export const PIXELS = 4;

export const random = (name: string, shape: readonly number[], low = -1, high = 1) => {
  const size = shape.reduce((a, b) => a * b, 1);
  return float32(uniform(key(11).fold(name), size, low, high), shape);
};
export const labelsFor = (n: number, classes: number) =>
  int64([...integers(key(11).fold('labels'), n, classes)]);
export const numbers = (t: Tensor): number[] => Array.from(t.data as ArrayLike<number | bigint>, Number);
export const bits = (t: Tensor): string =>
  Buffer.from((t.data as Float32Array).slice().buffer).toString('hex');
export const rowsOf = (t: Tensor): number[][] => {
  const width = t.data.length / t.shape[0]!;
  return Array.from({ length: t.shape[0]! }, (_, n) => numbers(t).slice(n * width, (n + 1) * width));
};

/** z = Wx + b on 2×2 images. */
export function linearModel(): Graph {
  const b = new GraphBuilder();
  const x = b.op('Flatten', [b.input('x', 'float32', ['N', 1, 2, 2])]);
  const weight = b.initializer('weight', random('weight', [CLASSES, PIXELS]));
  const bias = b.initializer('bias', random('bias', [CLASSES]));
  b.output(b.op('Gemm', [x, weight, bias], { transB: 1 }), 'logits');
  return b.build('linear');
}
export const linear = unflat(
  [...numbers(random('weight', [CLASSES, PIXELS])), ...numbers(random('bias', [CLASSES]))],
  CLASSES,
  PIXELS,
);

/** Normalised images of two channels, averaged: BatchNormalization, pooling, then z = Wx + b. */
export function normalisedModel(): Graph {
  const b = new GraphBuilder();
  const x = b.input('x', 'float32', ['N', 2, 2, 2]);
  const statistics = [
    b.initializer('bn.weight', float32([1.5, 0.5])),
    b.initializer('bn.bias', float32([0.1, -0.2])),
    b.initializer('bn.running_mean', float32([0.25, -0.5])),
    b.initializer('bn.running_var', float32([1, 2])),
  ];
  const attributes = { epsilon: float(1e-5), momentum: float(0.9) };
  const normal = b.op('Relu', [b.op('BatchNormalization', [x, ...statistics], attributes)]);
  const pooled = b.op('Flatten', [b.op('GlobalAveragePool', [normal])]);
  const inputs = [
    pooled,
    b.initializer('weight', random('w', [CLASSES, 2])),
    b.initializer('bias', random('b', [CLASSES])),
  ];
  b.output(b.op('Gemm', inputs, { transB: 1 }), 'logits');
  return b.build('normalised');
}

/** One float32 operation errs by 6e-8; a handful of them on numbers around 1. */
export const FEW_OPERATIONS = 1e-6;

export function expectClose(got: readonly number[], expected: readonly number[], tolerance: number): void {
  expect(got.length).toBe(expected.length);
  const worst = Math.max(...got.map((v, i) => Math.abs(v - expected[i]!)));
  expect(worst, `[${got}] against [${expected}]`).toBeLessThanOrEqual(tolerance);
}

export async function refused(promise: Promise<unknown>): Promise<TouchstoneError> {
  const error: unknown = await promise.then(
    () => undefined,
    (reason: unknown) => reason,
  );
  expect(error).toBeInstanceOf(TouchstoneError);
  return error as TouchstoneError;
}
