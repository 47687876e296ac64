import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import {
  type AttackName,
  type AttackParameters,
  type AttackSpec,
  approximateSteps,
  attacks,
  type Norm,
  predictions,
  project,
  randomStart,
  type Threat,
} from '../../src/eval/index.ts';
import { key, normal, uniform } from '../../src/random/index.ts';
import { fake, linear, twoClasses } from './fakes.ts';

/** Those that two classes are enough for. */
const NAMES = (Object.keys(attacks) as AttackName[]).filter((name) => (specOf(name).minClasses ?? 2) <= 2);
const able = (norm: Norm) => NAMES.filter((name) => specOf(name).norms.includes(norm));
const NORMS: readonly Norm[] = ['linf', 'l2', 'l1'];
/** Search at random: what they miss, they miss. */
const RANDOM: readonly string[] = ['noise', 'square'];
function specOf(name: AttackName): AttackSpec {
  return attacks[name];
}
const l1 = (w: readonly number[]) => w.reduce((sum, v) => sum + Math.abs(v), 0);
const l2 = (w: readonly number[]) => Math.sqrt(w.reduce((sum, v) => sum + v * v, 0));
/** They go beyond the boundary on purpose, and have files of tests of their own, with what that costs. */
const MINIMAL: readonly AttackName[] = ['deepfool', 'fab', 'fab-t'];
/** Without randomness, or with none before a second start. */
const FIXED: readonly AttackName[] = ['fgsm', 'mim', ...MINIMAL];
const seeds = fc.integer({ min: 0, max: 2 ** 31 });

/** ‖a − b‖ of one image in float64. */
function distance(a: Float32Array, b: Float32Array, norm: Norm): number {
  const d = Array.from(a, (v, i) => v - b[i]!);
  return { linf: Math.max(...d.map(Math.abs)), l2: l2(d), l1: l1(d) }[norm];
}

/** Rounding a pixel in [0, 1] to float32 moves it by at most 2⁻²⁵; over n pixels L2 by √n times that, L1 by n times. */
const rounding = (norm: Norm, size: number) =>
  2 ** -25 * { linf: 1, l2: Math.sqrt(size), l1: size }[norm] + 1e-12;

describe('on a linear model, where the optimum is ε·‖w‖ of the dual norm', () => {
  // The largest fall of w·x + b in the ball: ε‖w‖₁ under L∞, ε‖w‖₂ under L2, ε‖w‖∞ under L1 (no image is within ε of a border).
  const problem = (seed: number, norm: Norm) => {
    const p = twoClasses(seed, 40);
    const dual = { linf: l1(p.w), l2: l2(p.w), l1: Math.max(...p.w.map(Math.abs)) }[norm];
    const radii = p.margins.map((m) => m / dual).sort((a, b) => a - b);
    return { ...p, dual, epsilon: Math.min(0.25, (radii[19]! + radii[20]!) / 2) };
  };
  // One step of a linear loss reaches the optimum, up to float32 pixels: ‖w‖₁·2⁻²⁵ < 1e-6. PGD under L2 turns towards it
  // by 1/1.1 a step: after 40 steps the angle is below π·1.1⁻⁴⁰ = 0.07, and 1 − cos 0.07 = 0.25 %.
  const slack = (name: AttackName, norm: Norm) => (norm === 'l2' && name !== 'fgsm' ? 0.0025 : 1e-5);

  const optimal = NORMS.flatMap((norm) =>
    able(norm)
      .filter((name) => !RANDOM.includes(name) && !MINIMAL.includes(name))
      .map((name) => [name, norm] as const),
  );
  it.each(optimal)('%s %s breaks exactly the samples with a smaller margin', async (name, norm) => {
    let [decided, fallen] = [0, 0];
    for (let seed = 0; seed < 8; seed++) {
      const { classifier, x, y, margins, dual, epsilon } = problem(seed, norm);
      const { broken } = await attacks[name].run({
        classifier,
        x,
        y,
        threat: { norm, epsilon },
        parameters: {},
        key: key(seed),
      });
      for (const [n, margin] of margins.entries()) {
        const optimum = epsilon * dual;
        if (Math.abs(margin - optimum) <= slack(name, norm) * optimum) continue;
        decided += 1;
        if (broken[n]) fallen += 1;
        expect(broken[n], `seed ${seed}, sample ${n}: margin ${margin}, optimum ${optimum}`).toBe(
          margin < optimum,
        );
      }
    }
    // Hardly a sample is too close to call, and about half fall: ε is the median radius.
    expect(decided).toBeGreaterThan(310);
    expect(fallen / decided).toBeCloseTo(0.5, 1);
  });

  it.each(NORMS)('noise under %s breaks some of them, and none with a larger margin', async (norm) => {
    const { classifier, x, y, margins, dual, epsilon } = problem(3, norm);
    const { broken } = await attacks.noise.run({
      classifier,
      x,
      y,
      threat: { norm, epsilon },
      parameters: {},
      key: key(3),
    });
    expect(broken).toContain(true);
    for (const [n, b] of broken.entries()) if (b) expect(margins[n]).toBeLessThan(epsilon * dual + 1e-6);
  });
});

describe('every attack', () => {
  const cases = NORMS.flatMap((norm) => able(norm).map((name) => [name, norm] as const));

  it.each(cases)(
    '%s %s stays in the ball and in [0, 1], and claims only what it has seen',
    async (name, norm) => {
      await fc.assert(
        fc.asyncProperty(
          seeds,
          fc.double({ min: 1e-6, max: { linf: 1, l2: 6, l1: 20 }[norm], noNaN: true }),
          fc.constantFrom(0, 1e-30, 1, 1e30),
          async (seed, epsilon, scale) => {
            const n = 5;
            const size = 12;
            // A third of the pixels lies on a border. Gradients are noise of any size, or nothing at all.
            const data = uniform(key(seed), n * size, -0.5, 1.5).map((v) => Math.min(1, Math.max(0, v)));
            const y = new Int32Array(n);
            const classifier = fake({
              classes: 2,
              logits: (image) => [image[0]! + image[5]!, image[3]! + image[7]! * 0.9],
              gradient: (_, image) => normal(key(Math.floor(image[1]! * 1e6)), size, 0, scale),
            });
            const threat: Threat = { norm, epsilon };
            const parameters: AttackParameters = {
              steps: 5,
              stepSize: epsilon / 3,
              restarts: 2,
              queries: 50,
            };
            const { adversarial, broken } = await attacks[name].run({
              classifier,
              x: { data, shape: [n, 3, 2, 2] },
              y,
              threat,
              parameters,
              key: key(seed),
            });
            const found = predictions(await classifier.logits({ data: adversarial, shape: [n, 3, 2, 2] }), 2);
            for (let s = 0; s < n; s++) {
              const image = adversarial.subarray(s * size, (s + 1) * size);
              const away = distance(image, data.subarray(s * size, (s + 1) * size), norm);
              expect(away).toBeLessThanOrEqual(epsilon + rounding(norm, size));
              expect(image.every((v) => v >= 0 && v <= 1)).toBe(true);
              expect(found[s] !== y[s]).toBe(broken[s]);
            }
          },
        ),
        { numRuns: 30 },
      );
    },
  );

  it.each(cases)('%s %s is the same again with the same key', async (name, norm) => {
    const { classifier, x, y } = twoClasses(5, 20);
    const run = (seed: number) =>
      attacks[name].run({
        classifier,
        x,
        y,
        threat: { norm, epsilon: 0.02 },
        parameters: { steps: 2, stepSize: 0.001, restarts: 2, queries: 50 },
        key: key(seed),
      });
    const [a, b, c] = [await run(1), await run(1), await run(2)];
    expect(b).toEqual(a);
    expect(Buffer.compare(bytes(c.adversarial), bytes(a.adversarial)) === 0).toBe(FIXED.includes(name));
  });

  it.each([0.5, 0.9999, 1.0001, 1.5, 1e6])(
    'is projected onto the L2 ball from %d ε: inside nothing moves, outside all by one factor',
    (factor) => {
      const epsilon = 0.1;
      const x = { data: new Float32Array(12).fill(0.5), shape: [1, 3, 2, 2] };
      const direction = normal(key(7), 12);
      const length = l2(Array.from(direction));
      const candidate = direction.map((v) => 0.5 + (v / length) * factor * epsilon);
      const projected = candidate.slice();
      project(projected, x, { norm: 'l2', epsilon });
      if (factor < 1) expect(projected).toEqual(candidate);
      else expect(distance(projected, x.data, 'l2')).toBeCloseTo(epsilon, 6); // √12 roundings of 3e-8
      const clipped = Float32Array.from(candidate, (v) => Math.min(1, Math.max(0, v)));
      project(clipped, x, { norm: 'linf', epsilon });
      for (const v of clipped) expect(Math.abs(v - 0.5)).toBeLessThanOrEqual(epsilon + 2 ** -25);
    },
  );

  it('starts anywhere in the ball: both halves of every pixel, every radius', () => {
    const x = { data: new Float32Array(2400).fill(0.5), shape: [200, 3, 2, 2] };
    const linf = randomStart(x, { norm: 'linf', epsilon: 0.1 }, key(1));
    expect(Math.min(...linf)).toBeCloseTo(0.4, 2);
    expect(Math.max(...linf)).toBeCloseTo(0.6, 2);
    for (const norm of ['l2', 'l1'] as const) {
      const start = randomStart(x, { norm, epsilon: 0.3 }, key(1));
      const radii = Array.from({ length: 200 }, (_, n) =>
        distance(start.subarray(n * 12, (n + 1) * 12), x.data.subarray(0, 12), norm),
      );
      // The mean of 200 uniform radii has a standard error of 0.3/√(12·200) = 0.006: five of them.
      expect(Math.abs(radii.reduce((a, r) => a + r, 0) / 200 - 0.15)).toBeLessThan(0.03);
    }
  });
});

const bytes = (a: Float32Array) => Buffer.from(a.buffer, a.byteOffset, a.byteLength);

describe('cost', () => {
  const N = 15;
  /** Images that stay recognisable under any ε < 1/40: pixel 0 says which one it is. */
  const numbered = () => {
    const p = twoClasses(9, N);
    const data = p.x.data.map((v, i) => (i % 12 === 0 ? (Math.floor(i / 12) + 2) / 20 : v));
    return { x: { data, shape: p.x.shape }, who: (image: Float32Array) => Math.round(image[0]! * 20) - 2 };
  };
  const labelled = async (
    classifier: ReturnType<typeof linear>,
    x: { data: Float32Array; shape: readonly number[] },
  ) => predictions(await classifier.logits(x), classifier.classes);
  const w = twoClasses(9, N).w;

  it.each([
    ['pgd', 'linf', 1],
    ['pgd', 'linf', 3],
    ['pgd', 'l2', 2],
    ['pgd-margin', 'linf', 2],
    ['pgd', 'l1', 2],
  ] as const)(
    'of %s %s with %i starts: T gradients and a forward pass per start, none once broken',
    async (name, norm, restarts) => {
      const steps = 7;
      const { x, who } = numbered();
      const values = Array.from({ length: N }, (_, n) =>
        w.reduce((sum, v, i) => sum + v * x.data[12 * n + i]!, 0),
      );
      const b = 0.01 - values.sort((p, q) => p - q)[7]!; // the middle one has a margin of 0.01, ε‖w‖₂ is 0.04
      const classifier = linear([w.map((v) => v / 2), w.map((v) => -v / 2)], [b / 2, -b / 2]);
      const y = await labelled(classifier, x);
      classifier.sights.length = 0;
      classifier.forwards = 0;
      const { broken } = await attacks[name].run({
        classifier,
        x,
        y,
        threat: { norm, epsilon: 0.02 },
        parameters: { steps, stepSize: 0.005, restarts },
        key: key(4),
      });
      expect(broken).toContain(true);
      expect(broken).toContain(false);
      for (let n = 0; n < N; n++) {
        const seen = classifier.sights.filter((s) => who(s.image) === n);
        const wrong = seen.findIndex((s) => s.predicted !== y[n]);
        // Seen misclassified: for the last time. Never: all steps of all starts.
        expect(wrong).toBe(broken[n] ? seen.length - 1 : -1);
        if (broken[n]) continue;
        expect(seen.filter((s) => s.kind === 'gradient')).toHaveLength(steps * restarts);
        expect(seen.filter((s) => s.kind === 'logits')).toHaveLength(restarts);
        expect(seen.every((s) => s.kind === 'logits' || s.label === y[n])).toBe(true);
      }
      expect(classifier.forwards).toBe(classifier.sights.length);
      expect(classifier.backwards).toBe(classifier.sights.filter((s) => s.kind === 'gradient').length);
    },
  );

  it.each([
    ['fgsm', N, 2 * N],
    ['gaat', N, 2 * N],
  ] as const)('of %s: one gradient and one forward pass per sample', async (name, backwards, forwards) => {
    const { classifier, x, y } = twoClasses(9, N);
    await attacks[name].run({
      classifier,
      x,
      y,
      threat: { norm: 'linf', epsilon: 0.01 },
      parameters: {},
      key: key(0),
    });
    expect([classifier.backwards, classifier.forwards]).toEqual([backwards, forwards]);
  });

  it('of noise: a forward pass per draw and survivor, no gradient', async () => {
    const { classifier, x, y } = twoClasses(9, N);
    const { broken } = await attacks.noise.run({
      classifier,
      x,
      y,
      threat: { norm: 'linf', epsilon: 0.2 },
      parameters: { restarts: 6 },
      key: key(0),
    });
    const standing = broken.filter((b) => !b).length;
    expect(classifier.backwards).toBe(0);
    expect(classifier.forwards).toBeGreaterThanOrEqual(6 * standing + (N - standing));
    expect(classifier.forwards).toBeLessThan(6 * N);
  });

  it.each(['pgd', 'gaat'] as const)('restarts of %s work on survivors only, and find more', async (name) => {
    // No gradient: only the random start decides, so each start breaks some of those that are left.
    const logits = (image: Float32Array) => [image[4]!, image[5]! + 0.01];
    const run = async (restarts: number) => {
      const classifier = fake({ classes: 2, logits });
      const x = { data: uniform(key(1), 100 * 12, 0.5, 0.5), shape: [100, 3, 2, 2] };
      const output = await attacks[name].run({
        classifier,
        x,
        y: new Int32Array(100).fill(1),
        threat: { norm: 'linf', epsilon: 0.02 },
        parameters: { steps: 1, stepSize: 0.001, restarts },
        key: key(2),
      });
      return { broken: output.broken.filter(Boolean).length, forwards: classifier.forwards };
    };
    const [one, three] = [await run(1), await run(3)];
    expect(three.broken).toBeGreaterThan(one.broken);
    expect(three.forwards).toBeLessThan(3 * one.forwards);
  });

  it('every restart starts elsewhere', async () => {
    const classifier = fake({ classes: 2, logits: () => [1, 0] });
    const x = { data: new Float32Array(12).fill(0.5), shape: [1, 3, 2, 2] };
    const parameters = { steps: 1, stepSize: 0.001, restarts: 4 };
    const threat: Threat = { norm: 'linf', epsilon: 0.1 };
    await attacks.pgd.run({ classifier, x, y: Int32Array.of(0), threat, parameters, key: key(0) });
    const starts = classifier.sights.filter((s) => s.kind === 'gradient').map((s) => s.image.join());
    expect(new Set(starts).size).toBe(4);
  });
});

describe('the GAAT attack', () => {
  it('is the loop of Alg. 2, l. 7–10, with H = JᵀJ', () => {
    fc.assert(
      fc.property(
        seeds,
        fc.integer({ min: 1, max: 60 }),
        fc.double({ min: 0.01, max: 0.5, noNaN: true }),
        fc.double({ min: 0.1, max: 200, noNaN: true }),
        fc.boolean(),
        (seed, steps, epsilon, size, secondOrder) => {
          const [n, d] = [4, 12];
          const x = { data: uniform(key(seed).fold('x'), n * d), shape: [n, 3, 2, 2] };
          const start = randomStart(x, { norm: 'linf', epsilon }, key(seed));
          const J = normal(key(seed).fold('J'), n * d, 0, size).map((v, i) => (i % 7 === 0 ? 0 : v));
          const stepSize = epsilon / 10;
          const threat: Threat = { norm: 'linf', epsilon };
          const closed = approximateSteps(x, start, J, { threat, steps, stepSize, secondOrder });
          let turned = 0;
          for (let s = 0; s < n; s++) {
            const at = (i: number) => s * d + i;
            const delta = Float64Array.from({ length: d }, (_, i) => start[at(i)]! - x.data[at(i)]!);
            const product = () => delta.reduce((sum, v, i) => sum + J[at(i)]! * v, 0);
            fc.pre(Math.abs(1 + product()) > 1e-6);
            if (secondOrder && 1 + product() < 0) turned += 1;
            for (let t = 0; t < steps; t++) {
              const Jd = secondOrder ? product() : 0; // l. 8: Hδ = Jᵀ(Jδ)
              for (let i = 0; i < d; i++) {
                const moved = delta[i]! + stepSize * Math.sign(J[at(i)]! * (1 + Jd));
                delta[i] = Math.min(epsilon, Math.max(-epsilon, moved));
              }
            }
            for (let i = 0; i < d; i++) {
              const expected = Math.min(1, Math.max(0, x.data[at(i)]! + delta[i]!));
              // Two roundings to float32 of a pixel, 2⁻²⁵ each: of the start and of the result.
              expect(Math.abs(closed.adversarial[at(i)]! - expected)).toBeLessThanOrEqual(2 ** -24 + 1e-12);
            }
          }
          expect(closed.flipped).toBe(turned / n);
        },
      ),
      { numRuns: 200 },
    );
  });
});
