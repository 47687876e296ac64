import { describe, expect, it } from 'vitest';
import { rules } from '../../../src/eval/attacks/apgd-rules.ts';
import { attacks } from '../../../src/eval/index.ts';
import { key } from '../../../src/random/index.ts';
import { fake, lossOf } from '../fakes.ts';
import { images, labelled, type NAMES, NORMS, SIZE, smooth } from './apgd-models.ts';
import { type LinearOptions, linearProblem } from './boxed.ts';
import { visited } from './plain-apgd.ts';

describe('on linear models, where the smallest radius is known', () => {
  // Cross-entropy and DLR aim at no class in particular, and may follow another than the nearest: one rival decides nothing for them.
  const problems: readonly [(typeof NAMES)[number], LinearOptions][] = [
    ['apgd-ce', { n: 60, classes: 2 }],
    ['apgd-dlr', { n: 60, classes: 2, far: 1 }],
    ['apgd-t', { n: 24, classes: 10 }],
    ['apgd-t', { n: 60, classes: 3 }],
  ];
  const cases = problems.flatMap(([name, options]) =>
    NORMS.flatMap((norm) => [false, true].map((walls) => [name, norm, { ...options, walls }] as const)),
  );
  it.each(cases)(
    '%s %s breaks what can be broken with a hundredth to spare, and nothing else: %o',
    async (name, norm, options) => {
      const { classifier, x, y, radii } = linearProblem(key(11), options);
      const smallest = radii(norm);
      const run = (factor: number) =>
        attacks[name].run({
          classifier,
          x,
          y,
          threat: { norm, epsilon: smallest.map((r) => r * factor) },
          parameters: {},
          key: key(12),
        });
      // Under L1 steps end at a tenth of ε, spread over k pixels: where walls make the optimum one of many pixels, 5 %.
      const spare = norm === 'l1' && options.walls ? 1.05 : 1.01;
      const possible = (await run(spare)).broken;
      expect(possible.filter(Boolean).length / options.n).toBeGreaterThanOrEqual(0.999);
      // A pixel's rounding to float32, on 48 pixels, is worth 1 % of a radius of 1e-4 at most.
      const impossible = (await run(0.99)).broken.filter((broken, n) => broken && smallest[n]! > 1e-4);
      expect(impossible).toEqual([]);
    },
  );
});

describe('the points that it visits', () => {
  const cases = (['ce', 'dlr'] as const).flatMap((loss) =>
    NORMS.flatMap((norm) => [100, 23].map((steps) => [loss, norm, steps] as const)),
  );
  it.each(cases)('are those of the paper, in plain loops: %s %s, %i steps', async (loss, norm, steps) => {
    let compared = 0;
    for (let seed = 0; seed < 6; seed++) {
      const classifier = smooth(seed);
      const x = images(seed, 1);
      const y = await labelled(classifier, x);
      const epsilon = { linf: 0.02, l2: 0.05, l1: 0.15 }[norm];
      const { broken } = await attacks[`apgd-${loss}`].run({
        classifier,
        x,
        y,
        threat: { norm, epsilon },
        parameters: { steps },
        key: key(seed),
      });
      if (broken[0]) continue; // it would have gone on
      const points = classifier.sights.map((s) => s.image);
      // L1 looks at the end of each of its three stages.
      expect(points).toHaveLength(norm === 'l1' ? steps + 3 : steps + 1);
      const expected = visited({
        norm,
        epsilon,
        steps,
        clean: x.data,
        start: points[0]!,
        value: (p) => lossOf(loss, classifier.of(p), y[0]!, undefined).value,
        slope: (p) => classifier.slope(loss, p, y[0]!),
      });
      // Both round each point to float32; a last bit that differs grows a little from step to step.
      for (const [k, point] of points.entries())
        for (const [i, v] of point.entries())
          expect(Math.abs(v - expected[k]![i]!), `seed ${seed}, point ${k}`).toBeLessThan(2e-3 * epsilon);
      compared += 1;
    }
    expect(compared).toBeGreaterThanOrEqual(3);
  });
});

describe('what a run is made of', () => {
  it('checks its steps after the windows of the paper', () => {
    const marks = (steps: number) => {
      const list: number[] = [];
      let window = rules.linf.window(steps);
      for (let k = window; k <= steps; k += window) {
        list.push(k);
        window = rules.linf.window(steps, window);
      }
      return list;
    };
    expect(marks(100)).toEqual([22, 41, 57, 70, 80, 87, 93, 99]);
    expect(marks(10)).toEqual([2, 3, 4, 5, 6, 7, 8, 9, 10]);
    expect(marks(1)).toEqual([1]);
    expect(rules.l1.stages(100)).toEqual([
      { radius: 3, steps: 30 },
      { radius: 2, steps: 30 },
      { radius: 1, steps: 40 },
    ]);
    for (let steps = 1; steps < 50; steps++) {
      const stages = rules.l1.stages(steps);
      expect(stages.reduce((sum, s) => sum + s.steps, 0)).toBe(steps);
      expect(stages.at(-1)!.radius).toBe(1);
      expect(stages.every((s) => s.steps > 0)).toBe(true);
    }
  });

  it.each(NORMS)('starts on the sphere, elsewhere for each image, key and restart: %s', async (norm) => {
    const n = 20;
    const epsilon = norm === 'l1' ? 3 : 0.1; // projected onto a small L1 ball, noise of 12 pixels comes down to one
    const x = { data: new Float32Array(n * SIZE).fill(0.5), shape: [n, 3, 2, 2] };
    const starts: Float32Array[] = [];
    for (const seed of [1, 2]) {
      const classifier = fake({ classes: 2, logits: () => [1, 0] });
      const parameters = { steps: 1, restarts: 2 };
      const threat = { norm, epsilon };
      await attacks['apgd-ce'].run({
        classifier,
        x,
        y: new Int32Array(n),
        threat,
        parameters,
        key: key(seed),
      });
      const seen = classifier.sights.filter((s) => s.kind === 'gradient');
      expect(seen).toHaveLength(2 * n);
      starts.push(...seen.map((s) => s.image));
    }
    expect(new Set(starts.map((s) => s.join())).size).toBe(4 * n);
    for (const start of starts) {
      const d = Array.from(start, (v) => Math.abs(v - 0.5));
      const length = {
        linf: Math.max(...d),
        l2: Math.hypot(...d),
        l1: d.reduce((a, b) => a + b, 0),
      }[norm];
      expect(length).toBeCloseTo(epsilon, 5); // 12 roundings of a pixel
    }
  });

  it.each([
    ['apgd-ce', 'linf', 1, 1],
    ['apgd-ce', 'l1', 2, 1],
    ['apgd-dlr', 'l2', 3, 1],
    ['apgd-t', 'linf', 1, 4],
    ['apgd-t', 'l1', 2, 3],
  ] as const)(
    '%s %s with %i restarts costs what the documents say',
    async (name, norm, restarts, targets) => {
      const [n, steps] = [12, 11];
      const classifier = smooth(3);
      const x = images(3, n);
      const y = await labelled(classifier, x);
      const { broken } = await attacks[name].run({
        classifier,
        x,
        y,
        threat: { norm, epsilon: { linf: 0.05, l2: 0.15, l1: 0.4 }[norm] },
        parameters: { steps, restarts, targets },
        key: key(1),
      });
      expect(broken).toContain(true);
      expect(broken).toContain(false);
      const gradients = norm === 'l1' ? steps + 2 : steps;
      const runs = restarts * (name === 'apgd-t' ? targets : 1);
      for (let i = 0; i < n; i++) {
        // Each image by its label and its nearest clean one.
        const seen = classifier.sights.filter((s) => nearest(s.image, x.data) === i);
        const ranked = name === 'apgd-t' ? 1 : 0;
        if (!broken[i]) {
          expect(seen.filter((s) => s.kind === 'gradient')).toHaveLength(runs * gradients);
          expect(seen.filter((s) => s.kind === 'logits')).toHaveLength(runs + ranked);
        } else {
          expect(seen.length).toBeLessThan(runs * (gradients + 1) + ranked);
          expect(seen.at(-1)!.predicted).not.toBe(y[i]); // and was left alone from then on
        }
      }
    },
  );
});

const nearest = (image: Float32Array, clean: Float32Array): number => {
  const distances = Array.from({ length: clean.length / SIZE }, (_, n) =>
    image.reduce((sum, v, i) => sum + (v - clean[n * SIZE + i]!) ** 2, 0),
  );
  return distances.indexOf(Math.min(...distances));
};
