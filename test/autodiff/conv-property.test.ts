import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { asInputs, float32, GraphBuilder, type Tensor } from '../../src/graph/index.ts';
import { key, uniform } from '../../src/random/index.ts';
import { gradientsAt } from './evaluate.ts';

/** A convolution's geometry: sizes and pads per axis. */
interface Geometry {
  readonly n: number;
  readonly group: number;
  readonly perGroup: readonly [channels: number, filters: number];
  readonly size: readonly [number, number];
  readonly kernel: readonly [number, number];
  readonly stride: readonly [number, number];
  readonly dilation: readonly [number, number];
  readonly before: readonly [number, number];
  readonly after: readonly [number, number];
}

const pair = (min: number, max: number) =>
  fc.tuple(fc.integer({ min, max }), fc.integer({ min, max })) as fc.Arbitrary<[number, number]>;
const same = (min: number, max: number) => fc.integer({ min, max }).map((n): [number, number] => [n, n]);

const outputSize = (g: Geometry): [number, number] => {
  const along = (a: 0 | 1) =>
    Math.floor((g.size[a] + g.before[a] + g.after[a] - g.dilation[a] * (g.kernel[a] - 1) - 1) / g.stride[a]) +
    1;
  return [along(0), along(1)];
};

const geometry: fc.Arbitrary<Geometry> = fc
  .record({
    n: fc.integer({ min: 1, max: 2 }),
    group: fc.integer({ min: 1, max: 2 }),
    perGroup: pair(1, 4),
    size: pair(1, 8),
    kernel: pair(1, 4),
    // Equal strides without dilation take the way of phases: let half of the cases be so.
    stride: fc.oneof(same(1, 3), pair(1, 3)),
    dilation: fc.oneof(same(1, 1), pair(1, 2)),
    before: pair(0, 4),
    after: pair(0, 4),
  })
  .filter((g) => outputSize(g).every((o) => o >= 1));

/** dx and dW by the definition of a convolution, in float64. */
function byDefinition(g: Geometry, x: Float32Array, w: Float32Array, dy: Float32Array) {
  const [c, m] = g.perGroup;
  const [height, width] = g.size;
  const [rows, columns] = outputSize(g);
  const dx = new Float64Array(x.length);
  const dw = new Float64Array(w.length);
  for (let n = 0; n < g.n; n++)
    for (let f = 0; f < m * g.group; f++)
      for (let o1 = 0; o1 < rows; o1++)
        for (let o2 = 0; o2 < columns; o2++) {
          const error = dy[((n * m * g.group + f) * rows + o1) * columns + o2]!;
          for (let k1 = 0; k1 < g.kernel[0]; k1++)
            for (let k2 = 0; k2 < g.kernel[1]; k2++) {
              const i = o1 * g.stride[0] - g.before[0] + k1 * g.dilation[0];
              const j = o2 * g.stride[1] - g.before[1] + k2 * g.dilation[1];
              if (i < 0 || i >= height || j < 0 || j >= width) continue;
              for (let q = 0; q < c; q++) {
                const channel = Math.floor(f / m) * c + q;
                const atX = ((n * c * g.group + channel) * height + i) * width + j;
                const atW = ((f * c + q) * g.kernel[0] + k1) * g.kernel[1] + k2;
                dx[atX]! += error * w[atW]!;
                dw[atW]! += error * x[atX]!;
              }
            }
        }
  return { dx, dw };
}

function graphOf(g: Geometry, w: Tensor) {
  const [c, m] = g.perGroup;
  const b = new GraphBuilder();
  b.input('x', 'float32', ['N', c * g.group, ...g.size]);
  b.initializer('w', w);
  const y = b.op('Conv', ['x', 'w'], {
    kernel_shape: g.kernel,
    strides: g.stride,
    dilations: g.dilation,
    pads: [...g.before, ...g.after],
    group: g.group,
  });
  b.input('dy', 'float32', ['N', m * g.group, ...outputSize(g)]);
  b.output(b.op('Mul', [y, 'dy'], {}, 'of'));
  return b.build();
}

/** Sums of at most 2·8·4·16 products of numbers up to 1, in float32: errors stay below 1e-5; ten times that. */
const TOLERANCE = 1e-4;
const largestError = (got: Tensor, expected: Float64Array) =>
  expected.reduce((worst, v, i) => Math.max(worst, Math.abs((got.data as Float32Array)[i]! - v)), 0);

describe('any convolution', () => {
  it('has the gradients that its definition gives, with both emitters', async () => {
    await fc.assert(
      fc.asyncProperty(geometry, fc.constantFrom('cpu' as const, 'cuda' as const), async (g, emitter) => {
        const [c, m] = g.perGroup;
        const random = (name: string, ...shape: number[]) => {
          const size = shape.reduce((a, b) => a * b, 1);
          return float32(uniform(key(2).fold(name, size), size, -1, 1), shape);
        };
        const x = random('x', g.n, c * g.group, ...g.size);
        const w = random('w', m * g.group, c, ...g.kernel);
        const dy = random('dy', g.n, m * g.group, ...outputSize(g));
        const { dx, dw } = byDefinition(g, x.data, w.data, dy.data);
        const graph = graphOf(g, w);
        const [constant] = await gradientsAt(graph, 'of', ['x'], { x, dy }, emitter);
        const fed = await gradientsAt(asInputs(graph, ['w']), 'of', ['x', 'w'], { x, dy, w }, emitter);
        expect(largestError(constant!, dx)).toBeLessThan(TOLERANCE);
        expect(largestError(fed[0]!, dx)).toBeLessThan(TOLERANCE);
        expect(largestError(fed[1]!, dw)).toBeLessThan(TOLERANCE);
      }),
      { numRuns: 200, seed: 3 },
    );
  });
});
