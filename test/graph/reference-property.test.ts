import fc from 'fast-check';
import { describe, it } from 'vitest';
import type { AttributeValue } from '../../src/graph/index.ts';
import { key } from '../../src/random/index.ts';
import { dense, expectAsOnnxruntime, ints, random } from './kernels.ts';

/** Geometries of windows over one, two or three axes, some of which do not fit: those are left out. */
const window = fc
  .integer({ min: 1, max: 3 })
  .chain((rank) => {
    const list = (min: number, max: number, length = rank) =>
      fc.array(fc.integer({ min, max }), { minLength: length, maxLength: length });
    return fc.record({
      size: list(1, rank === 3 ? 5 : 9),
      kernel: list(1, 3),
      strides: list(1, 3),
      dilations: list(1, 2),
      pads: list(0, 2, 2 * rank),
      auto: fc.constantFrom('NOTSET', 'NOTSET', 'VALID', 'SAME_UPPER', 'SAME_LOWER'),
      ceil: fc.boolean(),
      flag: fc.boolean(),
      groups: fc.constantFrom(1, 2),
      seed: fc.integer({ min: 0, max: 1e6 }),
    });
  })
  .filter((w) =>
    w.size.every((n, a) => {
      const span = w.dilations[a]! * (w.kernel[a]! - 1) + 1;
      // onnxruntime refuses pads as large as a pooling's kernel.
      const pads = w.auto === 'NOTSET' ? w.pads[a]! + w.pads[a + w.size.length]! : 0;
      return n + pads >= span && Math.max(w.pads[a]!, w.pads[a + w.size.length]!) < w.kernel[a]!;
    }),
  );

interface Geometry {
  readonly strides: number[];
  readonly dilations: number[];
  readonly pads: number[];
  readonly auto: string;
}

const attributesOf = ({ strides, dilations, pads, auto }: Geometry): Record<string, AttributeValue> => ({
  strides,
  dilations,
  ...(auto === 'NOTSET' ? { pads } : { auto_pad: auto }),
});

/** onnxruntime accepts SAME only where nothing is dilated. */
const dilated = (w: Geometry) => w.auto !== 'NOTSET' && w.dilations.some((d) => d > 1);

/** What onnxruntime's poolings get wrong: SAME with strides beyond the kernel, and windows whose taps all miss. */
const poolable = (w: Geometry & { readonly size: number[]; readonly kernel: number[] }) =>
  w.size.every((n, a) => n >= w.dilations[a]! && (w.auto === 'NOTSET' || w.kernel[a]! >= w.strides[a]!));

const RUNS = { numRuns: 60 };
const images = (seed: number, shape: number[]) => random(key(seed).fold('x'), shape);

describe('kernels against onnxruntime, any geometry', () => {
  it('Conv', async () => {
    await fc.assert(
      fc.asyncProperty(window, async (w) => {
        fc.pre(!dilated(w));
        const weight = random(key(w.seed).fold('w'), [2 * w.groups, 2, ...w.kernel]);
        const inputs = [
          images(w.seed, [2, 2 * w.groups, ...w.size]),
          weight,
          random(key(w.seed), [2 * w.groups]),
        ];
        await expectAsOnnxruntime('Conv', inputs, { ...attributesOf(w), group: w.groups });
      }),
      RUNS,
    );
  });

  it('ConvTranspose', async () => {
    await fc.assert(
      fc.asyncProperty(window, fc.integer({ min: 0, max: 1 }), async (w, extra) => {
        fc.pre(!dilated(w));
        const output_padding = w.strides.map((s) => Math.min(extra, s - 1));
        const fits = w.size.every(
          (n, a) =>
            w.strides[a]! * (n - 1) + w.dilations[a]! * (w.kernel[a]! - 1) + 1 >
            w.pads[a]! + w.pads[a + w.size.length]!,
        );
        fc.pre(fits);
        const weight = random(key(w.seed).fold('w'), [2 * w.groups, 3, ...w.kernel]);
        const inputs = [
          images(w.seed, [2, 2 * w.groups, ...w.size]),
          weight,
          random(key(w.seed), [3 * w.groups]),
        ];
        await expectAsOnnxruntime('ConvTranspose', inputs, {
          ...attributesOf(w),
          output_padding,
          group: w.groups,
        });
      }),
      RUNS,
    );
  });

  it('MaxPool, with indices', async () => {
    await fc.assert(
      fc.asyncProperty(window, async (w) => {
        fc.pre(!dilated(w) && poolable(w));
        const attributes = { ...attributesOf(w), kernel_shape: w.kernel, ceil_mode: w.ceil ? 1 : 0 };
        const order = { storage_order: w.flag ? 1 : 0 };
        const x = [images(w.seed, [2, 2, ...w.size])];
        await expectAsOnnxruntime('MaxPool', x, { ...attributes, ...order }, { outputs: 2 });
      }),
      RUNS,
    );
  });

  it('AveragePool', async () => {
    await fc.assert(
      fc.asyncProperty(window, async (w) => {
        fc.pre(!dilated(w) && poolable(w));
        const attributes = { ...attributesOf(w), kernel_shape: w.kernel, ceil_mode: w.ceil ? 1 : 0 };
        const count = { count_include_pad: w.flag ? 1 : 0 };
        await expectAsOnnxruntime('AveragePool', [images(w.seed, [2, 2, ...w.size])], {
          ...attributes,
          ...count,
        });
      }),
      RUNS,
    );
  });

  it('LpPool', async () => {
    await fc.assert(
      fc.asyncProperty(window, async (w) => {
        fc.pre(!dilated(w) && poolable(w));
        const attributes = {
          ...attributesOf(w),
          kernel_shape: w.kernel,
          p: w.groups,
          ceil_mode: w.ceil ? 1 : 0,
        };
        await expectAsOnnxruntime('LpPool', [images(w.seed, [1, 2, ...w.size])], attributes);
      }),
      RUNS,
    );
  });

  it('Resize, by sizes and by scales', async () => {
    const geometry = fc.record({
      mode: fc.constantFrom('nearest', 'linear', 'cubic'),
      transform: fc.constantFrom(
        'half_pixel',
        'pytorch_half_pixel',
        'asymmetric',
        'align_corners',
        'half_pixel_symmetric',
      ),
      nearest: fc.constantFrom('round_prefer_floor', 'round_prefer_ceil', 'floor', 'ceil'),
      size: fc.tuple(fc.integer({ min: 1, max: 9 }), fc.integer({ min: 1, max: 9 })),
      out: fc.tuple(fc.integer({ min: 1, max: 12 }), fc.integer({ min: 1, max: 12 })),
      scales: fc.option(
        fc.tuple(fc.constantFrom(0.5, 0.75, 1, 1.5, 2, 3.1), fc.constantFrom(0.5, 0.6, 1, 2.5, 4)),
        {
          nil: undefined,
        },
      ),
      exclude: fc.boolean(),
      antialias: fc.boolean(),
      seed: fc.integer({ min: 0, max: 1e6 }),
    });
    await fc.assert(
      fc.asyncProperty(geometry, async (g) => {
        // Where this one lies exactly on a pixel, float32 decides, in the order that an engine computes in.
        fc.pre(g.mode !== 'nearest' || g.transform !== 'half_pixel_symmetric');
        fc.pre(!g.scales || g.size.every((n, a) => n * g.scales![a]! >= 1));
        const attributes = {
          mode: g.mode,
          coordinate_transformation_mode: g.transform,
          ...(g.mode !== 'nearest' && { antialias: g.antialias ? 1 : 0 }),
          ...(g.mode === 'nearest' && { nearest_mode: g.nearest }),
          // Only cubic interpolation may leave out what is outside.
          ...(g.mode === 'cubic' && { exclude_outside: g.exclude ? 1 : 0 }),
        };
        const by = g.scales
          ? [dense([4], [1, 1, ...g.scales].map(Math.fround)), undefined]
          : [undefined, ints(1, 2, ...g.out)];
        const x = random(key(g.seed), [1, 2, ...g.size]);
        await expectAsOnnxruntime('Resize', [x, undefined, ...by], attributes);
      }),
      { numRuns: 250 },
    );
  });

  it('Pad', async () => {
    const geometry = fc.record({
      mode: fc.constantFrom('constant', 'edge', 'reflect', 'wrap'),
      pads: fc.array(fc.integer({ min: -1, max: 3 }), { minLength: 4, maxLength: 4 }),
      seed: fc.integer({ min: 0, max: 1e6 }),
    });
    await fc.assert(
      fc.asyncProperty(geometry, async ({ mode, pads, seed }) => {
        const value = mode === 'constant' ? dense([], [7]) : undefined;
        await expectAsOnnxruntime('Pad', [random(key(seed), [2, 6, 5]), ints(...pads), value, ints(2, 1)], {
          mode,
        });
      }),
      RUNS,
    );
  });

  it('GridSample', async () => {
    const geometry = fc.record({
      mode: fc.constantFrom('nearest', 'linear', 'cubic'),
      padding_mode: fc.constantFrom('zeros', 'border', 'reflection'),
      align_corners: fc.constantFrom(0, 1),
      size: fc.tuple(fc.integer({ min: 2, max: 6 }), fc.integer({ min: 2, max: 6 })),
      seed: fc.integer({ min: 0, max: 1e6 }),
    });
    await fc.assert(
      fc.asyncProperty(geometry, async ({ size, seed, ...attributes }) => {
        const inputs = [
          random(key(seed), [2, 2, ...size]),
          random(key(seed).fold('grid'), [2, 3, 4, 2], -1.6, 1.6),
        ];
        await expectAsOnnxruntime('GridSample', inputs, attributes);
      }),
      { numRuns: 120 },
    );
  });

  it('Slice, whatever the starts, ends and steps', async () => {
    const cut = fc.record({
      start: fc.integer({ min: -9, max: 9 }),
      end: fc.integer({ min: -9, max: 9 }),
      step: fc.constantFrom(-3, -2, -1, 1, 2, 3),
    });
    await fc.assert(
      fc.asyncProperty(fc.tuple(cut, cut), async ([a, b]) => {
        const of = (name: 'start' | 'end' | 'step') => ints(a[name], b[name]);
        const inputs = [random(key(3), [6, 2, 5]), of('start'), of('end'), ints(0, -1), of('step')];
        await expectAsOnnxruntime('Slice', inputs);
      }),
      RUNS,
    );
  });

  it('MatMul and Add, broadcast', async () => {
    const batch = fc.array(fc.boolean(), { minLength: 0, maxLength: 3 });
    await fc.assert(
      fc.asyncProperty(batch, batch, async (a, b) => {
        const sizes = [2, 3, 2];
        const shape = (keep: boolean[], ...last: number[]) => [
          ...keep.map((k, i) => (k ? sizes[i + 3 - keep.length]! : 1)),
          ...last,
        ];
        const [left, right] = [random(key(4), shape(a, 3, 4)), random(key(5), shape(b, 4, 2))];
        await expectAsOnnxruntime('MatMul', [left, right]);
        await expectAsOnnxruntime('Add', [random(key(4), shape(a, 3)), random(key(5), shape(b, 1))]);
      }),
      RUNS,
    );
  });
});
