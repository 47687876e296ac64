import { describe, expect, it } from 'vitest';
import { rules } from '../../../src/eval/attacks/apgd-rules.ts';
import { type AttackParameters, attacks, type Norm } from '../../../src/eval/index.ts';
import { key, normal, uniform } from '../../../src/random/index.ts';
import { type Counted, fake, lossOf } from '../fakes.ts';
import { type LinearOptions, linearProblem } from './boxed.ts';
import { type Point, visited } from './plain-apgd.ts';

const NORMS: readonly Norm[] = ['linf', 'l2', 'l1'];
const NAMES = ['apgd-ce', 'apgd-dlr', 'apgd-t'] as const;
const each = NAMES.flatMap((name) => NORMS.map((norm) => [name, norm] as const));

const SIZE = 12;

/** z = V·tanh(Ux) with as many classes, on images of 3×2×2: smooth, and not linear. */
function smooth(
  seed: number,
  classes = 5,
): Counted & { slope(loss: 'ce' | 'dlr', x: Point, y: number): number[]; of(x: Point): number[] } {
  const [hidden, at] = [8, key(seed)];
  const U = normal(at.fold('U'), hidden * SIZE, 0, 0.8);
  const V = normal(at.fold('V'), classes * hidden);
  const units = (x: Point) =>
    Array.from({ length: hidden }, (_, h) => {
      let sum = 0;
      for (let i = 0; i < SIZE; i++) sum += U[h * SIZE + i]! * (x[i]! - 0.5);
      return Math.tanh(sum);
    });
  const logits = (x: Point) => {
    const t = units(x);
    return Array.from({ length: classes }, (_, k) =>
      t.reduce((sum, v, h) => sum + v * V[k * hidden + h]!, 0),
    );
  };
  const back = (x: Point, slopes: readonly number[]) => {
    const t = units(x);
    const inner = t.map(
      (v, h) => (1 - v * v) * slopes.reduce((sum, s, k) => sum + s * V[k * hidden + h]!, 0),
    );
    return Array.from({ length: SIZE }, (_, i) => inner.reduce((sum, v, h) => sum + v * U[h * SIZE + i]!, 0));
  };
  const classifier = fake({
    classes,
    logits,
    gradient: (loss, x, label, z, target) => back(x, lossOf(loss, z, label, target).slopes),
  });
  return Object.assign(classifier, {
    of: logits,
    slope: (loss: 'ce' | 'dlr', x: Point, y: number) => back(x, lossOf(loss, logits(x), y, undefined).slopes),
  });
}

const images = (seed: number, n: number) => ({
  data: uniform(key(seed).fold('x'), n * SIZE, -0.2, 1.2).map((v) => Math.min(1, Math.max(0, v))),
  shape: [n, 3, 2, 2],
});

async function labelled(classifier: Counted, x: { data: Float32Array; shape: readonly number[] }) {
  const z = await classifier.logits(x);
  const y = Int32Array.from({ length: x.shape[0]! }, (_, n) => {
    const own = Array.from(z.subarray(n * classifier.classes, (n + 1) * classifier.classes));
    return own.indexOf(Math.max(...own));
  });
  classifier.sights.length = 0;
  classifier.forwards = 0;
  return y;
}

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

describe('each image for itself', () => {
  const setting = async (n: number) => {
    const classifier = smooth(5);
    const x = images(5, n);
    return { classifier, x, y: await labelled(classifier, x) };
  };
  const epsilons = { linf: 0.06, l2: 0.2, l1: 0.5 };
  const parameters: AttackParameters = { steps: 12, restarts: 2, targets: 2 };

  it.each(each)('%s %s is the same again, and with fewer beside it', async (name, norm) => {
    const { classifier, x, y } = await setting(12);
    const threat = { norm, epsilon: epsilons[norm] };
    const run = (n: number) =>
      attacks[name].run({
        classifier,
        x: { data: x.data.slice(0, n * SIZE), shape: [n, 3, 2, 2] },
        y: y.slice(0, n),
        threat,
        parameters,
        key: key(1),
      });
    const [all, again, few] = [await run(12), await run(12), await run(5)];
    expect(all.broken).toContain(true);
    expect(all.broken).toContain(false);
    expect(again.adversarial).toEqual(all.adversarial);
    expect(few.adversarial).toEqual(all.adversarial.slice(0, 5 * SIZE));
    expect(few.broken).toEqual(all.broken.slice(0, 5));
  });

  it.each(each)('%s %s with a radius for each is as it is with that radius for all', async (name, norm) => {
    const { classifier, x, y } = await setting(6);
    const radii = Float32Array.from(y, (_, n) => (epsilons[norm] * (n + 1)) / 4);
    const run = (epsilon: number | Float32Array) =>
      attacks[name].run({ classifier, x, y, threat: { norm, epsilon }, parameters, key: key(2) });
    const together = await run(radii);
    expect(together.broken).toContain(true);
    for (const [n, radius] of radii.entries()) {
      const alone = await run(radius);
      expect(together.broken[n]).toBe(alone.broken[n]);
      const row = [n * SIZE, (n + 1) * SIZE] as const;
      expect(together.adversarial.slice(...row)).toEqual(alone.adversarial.slice(...row));
    }
  });

  it.each(each)('%s %s towards a class accepts no other', async (name, norm) => {
    const { classifier, x, y } = await setting(10);
    const target = y.map((label) => (label + 2) % 5);
    const { adversarial, broken } = await attacks[name].run({
      classifier,
      x,
      y,
      target,
      threat: { norm, epsilon: { linf: 0.4, l2: 1.2, l1: 3 }[norm] },
      parameters: { steps: 30 },
      key: key(3),
    });
    const found = await labelled(classifier, { data: adversarial, shape: x.shape });
    expect(broken).toEqual(Array.from(found, (label, n) => label === target[n]));
    expect(broken.filter(Boolean).length).toBeGreaterThanOrEqual(5);
  });
});

describe('at the edges', () => {
  const flat = () => fake({ classes: 5, logits: () => [1, 0, 0, 0, 0] });
  const n = 3;
  const run = (
    name: (typeof NAMES)[number],
    norm: Norm,
    over: Partial<Parameters<typeof attacks.pgd.run>[0]> = {},
  ) =>
    attacks[name].run({
      classifier: flat(),
      x: images(1, n),
      y: new Int32Array(n),
      threat: { norm, epsilon: 0.1 },
      parameters: { steps: 8, targets: 2 },
      key: key(1),
      ...over,
    });

  it.each(each)('%s %s: no gradient moves nothing, and makes nothing infinite', async (name, norm) => {
    const { adversarial, broken } = await run(name, norm);
    expect(broken).toEqual([false, false, false]);
    expect(adversarial.every((v) => v >= 0 && v <= 1)).toBe(true);
  });

  it.each(each)('%s %s: no images, all broken at once, few steps', async (name, norm) => {
    const none = { x: { data: new Float32Array(0), shape: [0, 3, 2, 2] }, y: new Int32Array(0) };
    expect((await run(name, norm, none)).broken).toEqual([]);
    const lost = fake({ classes: 5, logits: () => [0, 1, 0, 0, 0] });
    expect((await run(name, norm, { classifier: lost })).broken).toEqual([true, true, true]);
    // Seen at the start of the first run, or under L1 of its last stage: 4 + 4 points and one. Before it, a look for the targets.
    expect(lost.sights.length).toBe(n * ((norm === 'l1' ? 9 : 1) + (name === 'apgd-t' ? 1 : 0)));
    for (let steps = 1; steps < 8; steps++)
      expect((await run(name, norm, { parameters: { steps } })).broken).toHaveLength(n);
  });

  it.each(each)('%s %s ends where it is told to, and says how far it is', async (name, norm) => {
    const control = new AbortController();
    const heard: number[] = [];
    const classifier = flat();
    await run(name, norm, {
      classifier,
      onProgress(fraction) {
        heard.push(fraction);
        if (heard.length === 3) control.abort();
      },
      signal: control.signal,
    });
    expect(heard).toHaveLength(3);
    const told: number[] = [];
    await run(name, norm, { onProgress: (fraction) => told.push(fraction) });
    expect(told.at(-1)).toBe(1);
    expect([...told].sort((a, b) => a - b)).toEqual(told);
    expect(classifier.sights.length).toBeLessThan(6 * n);
  });

  it('takes the margin for its loss where there is no fourth class, and as many targets as there are', async () => {
    expect(attacks['apgd-t'].defaults({ norm: 'linf', epsilon: 1 }, 3)).toEqual({
      steps: 100,
      restarts: 1,
      targets: 2,
      loss: 'margin-targeted',
    });
    const asked: string[] = [];
    const inner = fake({ classes: 3, logits: () => [2, 1, 0] });
    const classifier = {
      ...inner,
      gradient: (...request: Parameters<typeof inner.gradient>) => {
        asked.push(`${request[0]} ${request[3]?.[0]}`);
        return inner.gradient(...request);
      },
    };
    await run('apgd-t', 'linf', { classifier, parameters: { steps: 1 } });
    expect(asked).toEqual(['margin-targeted 1', 'margin-targeted 2']);
  });

  it('under L1 takes no point of a larger ball for an example', async () => {
    // Misclassified from a distance of 0.15 on, with a gradient that leads there: seen at 3ε and 2ε, never within ε = 0.1.
    const classifier = fake({
      classes: 2,
      logits: (image) => [0.5 + 0.15, image[0]! + image[1]!],
      gradient: () => [1, 1, ...new Array(SIZE - 2).fill(0)],
    });
    const x = { data: new Float32Array(SIZE).fill(0.25), shape: [1, 3, 2, 2] };
    const { broken } = await run('apgd-ce', 'l1', { classifier, x, y: new Int32Array(1) });
    expect(classifier.sights.some((s) => s.predicted === 1)).toBe(true);
    expect(broken).toEqual([false]);
  });
});
