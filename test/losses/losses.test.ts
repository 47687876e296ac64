import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { backward } from '../../src/autodiff/index.ts';
import { type Dense, denseOf, evaluate, float32, GraphBuilder, int64 } from '../../src/graph/index.ts';
import { appendLoss, type LossName, type LossOptions, losses } from '../../src/losses/index.ts';

/** Each loss of one sample by its definition, in plain float64. */
const definitions: Readonly<
  Record<LossName, (z: number[], y: number, t: number, q: number[], smoothing: number) => number>
> = {
  ce: (z, y, _t, _q, s) => {
    const logs = logSoftmax(z);
    return -(1 - s) * logs[y]! - (s / z.length) * logs.reduce((a, b) => a + b, 0);
  },
  margin: (z, y) => Math.max(...z.filter((_, i) => i !== y)) - z[y]!,
  'margin-targeted': (z, y, t) => z[t]! - z[y]!,
  dlr: (z, y) => {
    const falling = z.toSorted((a, b) => b - a);
    return -(z[y]! - Math.max(...z.filter((_, i) => i !== y))) / (falling[0]! - falling[2]! + 1e-12);
  },
  'dlr-targeted': (z, y, t) => {
    const falling = z.toSorted((a, b) => b - a);
    return -(z[y]! - z[t]!) / (falling[0]! - (falling[2]! + falling[3]!) / 2 + 1e-12);
  },
  kl: (z, _y, _t, q) => {
    const logs = logSoftmax(z);
    return q.reduce((sum, v, k) => sum + (v === 0 ? 0 : v * (Math.log(v) - logs[k]!)), 0);
  },
  logit: (z, y) => z[y]!,
};

function logSoftmax(z: readonly number[]): number[] {
  const top = Math.max(...z);
  const total = Math.log(z.reduce((sum, v) => sum + Math.exp(v - top), 0));
  return z.map((v) => v - top - total);
}

const K = 5;
/** Logits at least 0.05 apart, so that no order changes under the step of a difference. */
const logits = fc
  .tuple(
    fc.shuffledSubarray([0, 1, 2, 3, 4], { minLength: K }),
    fc.array(fc.double({ min: 0.05, max: 2, noNaN: true }), { minLength: K, maxLength: K }),
  )
  .map(([order, gaps]) => {
    let level = -2;
    const z = new Array<number>(K);
    for (const [i, k] of order.entries()) {
      level += gaps[i]!;
      z[k] = Math.fround(level);
    }
    return z;
  });
const probabilities = fc
  .array(fc.integer({ min: 0, max: 9 }), { minLength: K, maxLength: K })
  .filter((q) => q.some((v) => v > 0))
  .map((q) => q.map((v) => Math.fround(v / q.reduce((a, b) => a + b, 0))));
const sample = fc.record({
  z: logits,
  y: fc.nat(K - 1),
  t: fc.nat(K - 1),
  q: probabilities,
  smoothing: fc.constantFrom(0, 0.1, 0.5),
});

function compiled(name: LossName, options: LossOptions) {
  const b = new GraphBuilder();
  const z = b.input('z', 'float32', ['N', K]);
  const loss = appendLoss(b, name, z, options);
  const [gradient] = backward(b, { of: loss, wrt: [z] });
  b.output(loss, 'loss');
  b.output(gradient!, 'gradient');
  return b.build();
}

describe.each(Object.keys(losses) as LossName[])('the %s loss', (name) => {
  it('is its definition, and its gradient the slope of that', () => {
    fc.assert(
      fc.property(fc.array(sample, { minLength: 1, maxLength: 4 }), (samples) => {
        const smoothing = samples[0]!.smoothing;
        const feeds = new Map<string, Dense>([
          [
            'z',
            denseOf(
              float32(
                samples.flatMap((s) => s.z),
                [samples.length, K],
              ),
            ),
          ],
          ['y', denseOf(int64(samples.map((s) => s.y)))],
          ['target', denseOf(int64(samples.map((s) => s.t)))],
          [
            'q',
            denseOf(
              float32(
                samples.flatMap((s) => s.q),
                [samples.length, K],
              ),
            ),
          ],
        ]);
        const graph = compiled(name, { smoothing });
        const needed = new Map([...feeds].filter(([n]) => graph.inputs.some((i) => i.name === n)));
        const out = evaluate(graph, needed);
        const define = (z: number[], { y, t, q }: (typeof samples)[number]) =>
          definitions[name](z, y, t, q, smoothing);
        for (const [n, s] of samples.entries()) {
          const expected = define(s.z, s);
          // Constants are float32, the rest is float64.
          expect(Math.abs(out.get('loss')!.data[n]! - expected)).toBeLessThan(
            1e-6 * Math.max(1, Math.abs(expected)),
          );
          for (let k = 0; k < K; k++) {
            const moved = (by: number) => define(s.z.with(k, s.z[k]! + by), s);
            const slope = (moved(1e-5) - moved(-1e-5)) / 2e-5;
            const found = out.get('gradient')!.data[n * K + k]!;
            expect(Math.abs(found - slope)).toBeLessThan(1e-5 * Math.max(1, Math.abs(slope)));
          }
        }
      }),
      { numRuns: 100, seed: 7 },
    );
  });
});

describe('what a loss cannot do', () => {
  it.each([
    ['dlr', 2, 3],
    ['dlr-targeted', 3, 4],
  ] as const)('%s of %i classes is refused', (name, classes, least) => {
    const b = new GraphBuilder();
    const z = b.input('z', 'float32', ['N', classes]);
    expect(() => appendLoss(b, name, z)).toThrow(
      `E_UNSUPPORTED: the ${name} loss of ${classes} classes, expected at least ${least}: use the margin loss`,
    );
  });

  it('label smoothing lies in [0, 1)', () => {
    const b = new GraphBuilder();
    const z = b.input('z', 'float32', ['N', 3]);
    expect(() => appendLoss(b, 'ce', z, { smoothing: 1 })).toThrow('E_OPTION: label smoothing 1');
  });
});
