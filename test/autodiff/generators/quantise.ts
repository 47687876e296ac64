import fc from 'fast-check';
import { between } from '../check.ts';
import type { Generators, Sample } from './sample.ts';

/** Quantisers: inside the range the gradient passes, which is what a Clip does. */
const quantised = (label: string): fc.Arbitrary<Sample> =>
  fc
    .tuple(
      fc.constantFrom<number | 'N'>('N', 2),
      fc.boolean(),
      fc.constantFrom('uint8', 'int8', 'int16'),
      fc.boolean(),
      fc.boolean(),
    )
    .map(([n, perAxis, dtype, zeros, other]) => {
      const [low, high] = { uint8: [0, 255], int8: [-128, 127], int16: [-32768, 32767] }[dtype] as [
        number,
        number,
      ];
      const scales = (perAxis ? [0.01, 0.02, 0.004] : [0.01]).map(Math.fround);
      // int16 never reaches its ends here.
      const zero = scales.map((_, i) => (zeros ? [3, -7, 0][i]! + (dtype === 'uint8' ? 120 : 0) : 0));
      const factor = other ? 2 : 1;
      const shape = perAxis ? [3] : [];
      const data =
        dtype === 'int16'
          ? Int16Array.from(zero)
          : dtype === 'int8'
            ? Int8Array.from(zero)
            : Uint8Array.from(zero);
      return {
        label: `${label} ${dtype}${perAxis ? ' per axis' : ''}${zeros ? ' with zero points' : ''}`,
        inputs: { x: between(-3, 3, n, 3, 4) },
        y: (b) => {
          const z =
            zeros || dtype !== 'uint8' ? b.constant({ dtype: dtype as 'int8', shape, data }) : undefined;
          const points = z ? [z] : [];
          const attributes = perAxis ? { axis: 1 } : {};
          const q = b.op('QuantizeLinear', ['x', b.floats(scales, shape), ...points], attributes);
          const back = scales.map((s) => s * factor);
          return b.op('DequantizeLinear', [q, b.floats(back, shape), ...points], attributes);
        },
        truth: (b) => {
          const edge = (q: number) =>
            b.floats(
              scales.map((s, i) => s * (q - zero[i]!)),
              perAxis ? [3, 1] : [],
            );
          const clamped = b.op('Min', [b.op('Max', ['x', edge(low - 0.5)]), edge(high + 0.5)]);
          return b.op('Mul', [clamped, b.scalar(factor)]);
        },
      };
    });

export const quantisers: Generators = {
  DequantizeLinear: quantised('DequantizeLinear'),
  QuantizeLinear: quantised('QuantizeLinear'),
};
