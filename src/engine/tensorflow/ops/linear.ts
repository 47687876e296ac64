import * as tf from '@tensorflow/tfjs-core';
import type { Call, TfOp } from '../call.ts';
import { expanded, productOf } from '../tensors.ts';
import { contracted, labelled } from './einsum.ts';

/** α·A·B + β·C */
export const Gemm: TfOp = (c) => {
  const [alpha, beta] = [c.float('alpha', 1), c.float('beta', 1)];
  const product = tf.matMul(c.x(0), c.x(1), c.int('transA', 0) !== 0, c.int('transB', 0) !== 0);
  const scaled = alpha === 1 ? product : tf.mul(product, alpha);
  if (!c.has(2) || beta === 0) return scaled;
  return tf.add(scaled, beta === 1 ? c.x(2) : tf.mul(c.x(2), beta));
};

/** As numpy's matmul: vectors are rows and columns, batches are broadcast. */
export const MatMul: TfOp = (c) => {
  const [a, b] = [c.x(0), c.x(1)];
  const left = a.rank === 1 ? tf.reshape(a, [1, -1]) : a;
  const right = b.rank === 1 ? tf.reshape(b, [-1, 1]) : b;
  return tf.reshape(multiplied(left, right), c.out());
};

function multiplied(a: tf.Tensor, b: tf.Tensor): tf.Tensor {
  const [m, k] = a.shape.slice(-2) as [number, number];
  const n = b.shape.at(-1)!;
  if (b.rank === 2) return tf.matMul(tf.reshape(a, [-1, k]), b as tf.Tensor2D);
  // The gradient of tf.matMul does not add up what was broadcast.
  const rank = Math.max(a.rank, b.rank) - 2;
  const batch = (t: tf.Tensor) => [...new Array<number>(rank + 2 - t.rank).fill(1), ...t.shape.slice(0, -2)];
  const [p, q] = [batch(a), batch(b)];
  const all = p.map((d, i) => (d === 1 ? q[i]! : d));
  const spread = (t: tf.Tensor, from: readonly number[], inner: readonly number[]) => {
    const same = from.every((d, i) => d === all[i]);
    const whole = same ? t : expanded(tf.reshape(t, [...from, ...inner]), [...all, ...inner]);
    return tf.reshape(whole, [productOf(all), ...inner]);
  };
  return tf.matMul(spread(a, p, [m, k]), spread(b, q, [k, n]));
}

/** Operand after operand is contracted with what the former ones gave. tf.einsum has no gradient. */
export const Einsum: TfOp = (c: Call) => {
  const { operands, output } = labelled(c);
  let [product, ...rest] = operands as [(typeof operands)[number], ...typeof operands];
  while (rest.length > 0) {
    const [next, ...others] = rest as [(typeof operands)[number], ...typeof operands];
    const needed = new Set([...output, ...others.flatMap((o) => o.labels)]);
    product = contracted(product, next, needed);
    rest = others;
  }
  const summed = contracted(product, { t: tf.ones([]), labels: [] }, new Set(output));
  return tf.transpose(
    summed.t,
    output.map((l) => summed.labels.indexOf(l)),
  );
};
