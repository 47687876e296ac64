import fc from 'fast-check';
import { any, apart } from '../check.ts';
import { type Generators, int, list, type Sample } from './sample.ts';

/** A window over one to three axes, and a size that it fits at least once. */
interface Geometry {
  readonly rank: number;
  readonly n: number | 'N';
  readonly size: readonly number[];
  readonly kernel: readonly number[];
  readonly strides: readonly number[];
  readonly dilations: readonly number[];
  readonly pads: readonly number[];
  readonly auto: string | undefined;
}

/** Half of the windows have one stride and no dilation in two dimensions: the phases' way. */
const geometry = (largestPad: (kernel: number) => number): fc.Arbitrary<Geometry> =>
  fc
    .record({
      rank: fc.constantFrom(1, 2, 2, 2, 3),
      n: fc.constantFrom<number | 'N'>('N', 2),
      size: list(int(1, 7), 3),
      kernel: list(int(1, 3), 3),
      stride: int(1, 3),
      strides: list(int(1, 3), 3),
      square: fc.boolean(),
      dilations: list(int(1, 2), 3),
      pads: list(int(0, 3), 6),
      auto: fc.constantFrom(undefined, undefined, undefined, 'SAME_UPPER', 'SAME_LOWER', 'VALID'),
    })
    .map((r) => {
      const take = <T>(v: readonly T[]) => v.slice(0, r.rank);
      const kernel = take(r.kernel);
      const pad = (at: number) => take(r.pads.slice(at)).map((p, a) => Math.min(p, largestPad(kernel[a]!)));
      const pads = r.auto ? new Array<number>(2 * r.rank).fill(0) : [...pad(0), ...pad(3)];
      const dilations = r.square ? kernel.map(() => 1) : take(r.dilations);
      // A map that holds the window once, without its padding.
      const size = take(r.size).map((s, a) => Math.max(s, (kernel[a]! - 1) * dilations[a]! + 1));
      return {
        rank: r.rank,
        n: r.n,
        size: r.rank === 3 ? size.map((s) => Math.min(s, 5)) : size,
        kernel,
        strides: r.square ? kernel.map(() => r.stride) : take(r.strides),
        dilations,
        pads,
        auto: r.auto,
      };
    });

const attributesOf = (g: Geometry) => ({
  kernel_shape: g.kernel,
  strides: g.strides,
  dilations: g.dilations,
  ...(g.auto ? { auto_pad: g.auto } : { pads: g.pads }),
});

const describe = (g: Geometry) =>
  `[${g.size}] by ${g.kernel} strides ${g.strides} dilations ${g.dilations} ${g.auto ?? `pads ${g.pads}`}`;

const conv: fc.Arbitrary<Sample> = fc
  .tuple(
    geometry(() => 3),
    int(1, 3),
    int(1, 2),
    int(1, 2),
    fc.boolean(),
    fc.boolean(),
  )
  .map(([g, group, perGroup, filters, bias, wide]) => {
    // Sixteen channels and more take the product of columns, where the weight is differentiated.
    const c = wide && g.rank === 2 && group === 1 ? 16 : perGroup;
    return {
      label: `Conv ${group}×${c}→${filters} ${describe(g)}`,
      inputs: { x: any(g.n, group * c, ...g.size) },
      weights: { w: any(group * filters, c, ...g.kernel), ...(bias && { c: any(group * filters) }) },
      y: (b) => b.op('Conv', bias ? ['x', 'w', 'c'] : ['x', 'w'], { ...attributesOf(g), group }),
    };
  });

const convTranspose: fc.Arbitrary<Sample> = fc
  .tuple(
    geometry((k) => k - 1),
    int(1, 2),
    int(1, 2),
    int(1, 2),
    fc.boolean(),
    list(int(0, 2), 3),
    int(0, 3),
  )
  .map(([g, group, perGroup, filters, bias, extra, stated]) => {
    const output_padding = g.strides.map((s, a) => Math.min(extra[a]!, Math.max(s, g.dilations[a]!) - 1));
    const full = g.size.map((n, a) => (n - 1) * g.strides[a]! + (g.kernel[a]! - 1) * g.dilations[a]! + 1);
    const output_shape = full.map((n, a) => Math.max(1, n - (extra[a]! % 3)));
    const base = { kernel_shape: g.kernel, strides: g.strides, dilations: g.dilations, group };
    const attributes =
      stated === 0
        ? { ...base, output_shape, ...(g.auto && g.auto !== 'VALID' && { auto_pad: g.auto }) }
        : { ...attributesOf(g), group, ...(stated === 1 && { output_padding }) };
    // What is cut away must leave something.
    const kept = full.every((n, a) => n > g.pads[a]! + g.pads[a + g.rank]!);
    return {
      label: `ConvTranspose ${describe(g)} ${JSON.stringify(attributes)}`,
      inputs: { x: any(g.n, group * perGroup, ...g.size) },
      weights: { w: any(group * perGroup, filters, ...g.kernel), ...(bias && { c: any(group * filters) }) },
      y: (b) => b.op('ConvTranspose', bias ? ['x', 'w', 'c'] : ['x', 'w'], kept ? attributes : base),
    };
  });

/** onnxruntime's pools miscount SAME padding under dilation, and refuse it where a stride skips pixels. */
const pooled = (g: Geometry): Geometry => ({
  ...g,
  ...(g.auto?.startsWith('SAME') && {
    dilations: g.kernel.map(() => 1),
    strides: g.strides.map((s, a) => Math.min(s, g.kernel[a]!)),
  }),
});

const pool = (op: 'MaxPool' | 'AveragePool'): fc.Arbitrary<Sample> =>
  fc
    .tuple(geometry((k) => k - 1).map(pooled), int(1, 2), int(0, 1), int(0, 1), fc.boolean())
    .map(([g, channels, ceil_mode, count_include_pad, indices]) => {
      const shape = [g.n, channels, ...g.size];
      return {
        label: `${op} ${describe(g)} ceil ${ceil_mode} count ${count_include_pad}`,
        inputs: { x: op === 'MaxPool' ? apart(...shape) : any(...shape) },
        y: (b) => {
          const attributes = { ...attributesOf(g), ceil_mode };
          return op === 'MaxPool'
            ? b.ops(op, ['x'], attributes, indices ? 2 : 1)[0]!
            : b.op(op, ['x'], { ...attributes, count_include_pad });
        },
      };
    });

const globalPool: fc.Arbitrary<Sample> = fc
  .tuple(
    fc.constantFrom<number | 'N'>('N', 2),
    fc.constantFrom(1, 3, 16),
    fc.array(int(1, 4), { minLength: 1, maxLength: 3 }),
  )
  .map(([n, c, size]) => ({
    label: `GlobalAveragePool [${[n, c, ...size]}]`,
    inputs: { x: any(n, c, ...size) },
    y: (b) => b.op('GlobalAveragePool', ['x']),
  }));

export const spatial: Generators = {
  AveragePool: pool('AveragePool'),
  Conv: conv,
  ConvTranspose: convTranspose,
  GlobalAveragePool: globalPool,
  MaxPool: pool('MaxPool'),
};
