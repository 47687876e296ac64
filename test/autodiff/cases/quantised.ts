import type { Tensor } from '../../../src/graph/index.ts';
import { apart, type Case } from '../check.ts';

/** A pair of QuantizeLinear and DequantizeLinear: straight-through inside the range, which is what a Clip is. */
const pair = (name: string, scales: readonly number[], zero?: Tensor): Case => {
  const [low, high] = zero?.dtype === 'int8' ? [-128.5, 127.5] : [-0.5, 255.5];
  const zeros = Array.from((zero?.data ?? []) as ArrayLike<number>);
  return {
    name: `QuantizeLinear and DequantizeLinear ${name}`,
    // Odd multiples of 0.05 are 0.02 or more from where the ranges end.
    inputs: { x: apart('N', 3, 20) },
    y: (b) => {
      const shape = scales.length > 1 ? [scales.length] : [];
      const inputs = [b.floats(scales, shape), ...(zero ? [b.constant(zero)] : [])];
      const q = b.op('QuantizeLinear', ['x', ...inputs], { axis: 1 });
      return b.op('DequantizeLinear', [q, ...inputs], { axis: 1 });
    },
    truth: (b) => {
      const edge = (q: number) =>
        b.floats(
          scales.map((s, i) => s * (q - (zeros[i] ?? 0))),
          [scales.length, 1],
        );
      return b.op('Min', [b.op('Max', ['x', edge(low)]), edge(high)]);
    },
  };
};

export const quantised: readonly Case[] = [
  pair('of one scale, unsigned', [2 ** -7]),
  pair('of one scale, signed', [2 ** -7], { dtype: 'int8', shape: [], data: Int8Array.of(16) }),
  pair('of three scales', [2 ** -7, 2 ** -6, 2 ** -8], {
    dtype: 'uint8',
    shape: [3],
    data: Uint8Array.of(128, 100, 150),
  }),
];
