import { settled } from './convert.ts';
import { type Call, type Dense, elements, type Kernel } from './kernel.ts';
import { broadcastShape, permuted, spread } from './strides.ts';

/** The last two axes swapped. */
export function flipped(c: Call, x: Dense): Dense {
  const { length } = x.shape;
  if (length < 2) throw c.misfit(`got rank ${length}`, 'rank 2 at least');
  return permuted(
    c,
    x,
    x.shape.map((_, i) => (i === length - 1 ? length - 2 : i === length - 2 ? length - 1 : i)),
  );
}

/** Products of matrices [.., M, K] · [.., K, N], the axes before broadcast; a vector is a row or a column. */
export function multiplied(c: Call, left: Dense, right: Dense): Dense {
  const [row, column] = [left.shape.length === 1, right.shape.length === 1];
  const a = row ? c.reshaped(left, [1, left.data.length]) : left;
  const b = column ? c.reshaped(right, [right.data.length, 1]) : right;
  const [m, k] = a.shape.slice(-2);
  const [k2, n] = b.shape.slice(-2);
  if (m === undefined || n === undefined || k === undefined || k2 === undefined || k !== k2)
    throw c.misfit(
      `got shapes [${left.shape.join(', ')}] and [${right.shape.join(', ')}]`,
      'matrices that multiply',
    );
  const batch = broadcastShape(c, [a.shape.slice(0, -2), b.shape.slice(0, -2)]);
  const y = c.make(left.dtype, [...batch, m, n]);
  c.steps(y.data.length * k);
  const [x, w] = [spread(c, a, [...batch, m, k]), spread(c, b, [...batch, k, n])];
  for (let i = 0; i < elements(batch) * m; i++) {
    const at = Math.floor(i / m) * k * n;
    for (let j = 0; j < k; j++) {
      const value = x[i * k + j]!;
      for (let o = 0; o < n; o++) y.data[i * n + o]! += value * w[at + j * n + o]!;
    }
  }
  return settled(c.reshaped(y, [...batch, ...(row ? [] : [m]), ...(column ? [] : [n])]));
}

export const MatMul: Kernel = (c) => [multiplied(c, c.input(0), c.input(1))];

/** α·A′B′ + β·C */
export const Gemm: Kernel = (c) => {
  const [a, b, bias] = [c.input(0, 2), c.input(1, 2), c.optional(2)];
  const left = c.int('transA', 0) !== 0 ? flipped(c, a) : a;
  const right = c.int('transB', 0) !== 0 ? flipped(c, b) : b;
  const y = multiplied(c, left, right);
  const [alpha, beta] = [c.float('alpha', 1), c.float('beta', 1)];
  const add = bias && spread(c, bias, y.shape);
  for (let i = 0; i < y.data.length; i++) y.data[i] = alpha * y.data[i]! + (add ? beta * add[i]! : 0);
  return [settled(y)];
};
