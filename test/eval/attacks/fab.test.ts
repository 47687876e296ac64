import { describe, expect, it } from 'vitest';
import { fab, fabT, fastAdaptiveBoundary } from '../../../src/eval/attacks/fab.ts';
import { type Norm, predictions } from '../../../src/eval/index.ts';
import { key } from '../../../src/random/index.ts';
import { fake } from '../fakes.ts';
import { curvedProblem, distanceOf, linearProblem, numberOf, type Problem, SIZE } from './models.ts';

const NORMS: readonly Norm[] = ['linf', 'l2', 'l1'];
const forms = { fab, 'fab-t': fabT } as const;
type Form = keyof typeof forms;
const cases = NORMS.flatMap((norm) => (Object.keys(forms) as Form[]).map((form) => [form, norm] as const));

const inputOf = ({ classifier, x, y }: Problem, norm: Norm, epsilon: number | Float32Array) => ({
  classifier,
  x,
  y,
  threat: { norm, epsilon },
  parameters: {},
  key: key(1),
});
const options = (form: Form, steps = 100) => ({
  steps,
  restarts: 1,
  ...(form === 'fab-t' && { targets: 9 }),
});

describe('on a linear model, where the nearest boundary is known', () => {
  // The first crossing is at 1.05 of the distance d; taken back to 0.945 d, 0.055 d before the boundary, the second is a share of
  // α = 0.055/1.055 of 1.05 d, and for the rest at 0.945 d + 1.05·0.055 d. Later ones are not nearer.
  const alpha = 0.055 / 1.055;
  const second = alpha * 1.05 + (1 - alpha) * (0.945 + 1.05 * 0.055);

  it.each(cases)('%s %s crosses it at 1.05 of the distance, then at 1.0052', async (form, norm) => {
    for (let seed = 0; seed < 3; seed++) {
      const problem = await linearProblem(seed, 20);
      for (const [steps, ratio] of [
        [1, 1.05],
        [2, second],
        [20, second],
      ] as const) {
        const input = inputOf(problem, norm, 0.01);
        const { distances, adversarial } = await fastAdaptiveBoundary(input, {
          ...options(form, steps),
          minimal: true,
        });
        for (let n = 0; n < 20; n++) {
          const nearest = problem.nearest(n, norm);
          expect(distanceOf(adversarial, problem.x.data, n, norm)).toBeCloseTo(distances[n]!, 12);
          // Under L1 walls are met soon: then overshooting is cut off, and `fab` takes the nearest boundary without walls.
          if (norm === 'l1' && nearest > 0.28) continue;
          expect(Math.abs(distances[n]! / nearest - ratio), `image ${n}`).toBeLessThan(1e-4); // float32 pixels
        }
      }
    }
  });

  it.each(NORMS)('fab-t %s comes to within 5 percent also where walls are in the way', async (norm) => {
    let reachable = 0;
    for (let seed = 0; seed < 2; seed++) {
      const problem = await linearProblem(seed, 25, { low: -0.4, high: 1.4 });
      const input = inputOf(problem, norm, 0.01);
      const { distances } = await fastAdaptiveBoundary(input, { ...options('fab-t', 50), minimal: true });
      for (let n = 0; n < 25; n++) {
        const nearest = problem.nearest(n, norm);
        if (nearest === Number.POSITIVE_INFINITY) continue;
        reachable += 1;
        expect(distances[n]! / nearest, `seed ${seed}, image ${n}`).toBeLessThan(1.05);
        expect(distances[n]! / nearest).toBeGreaterThan(1 - 1e-5);
      }
    }
    expect(reachable).toBeGreaterThan(45);
  });

  it.each(cases)('%s %s breaks all that fall with 1 percent to spare, and no other', async (form, norm) => {
    let [fallen, standing] = [0, 0];
    for (let seed = 10; seed < 14; seed++) {
      const problem = await linearProblem(seed, 30);
      const { x, classifier, y } = problem;
      const nearest = Array.from({ length: 30 }, (_, n) => problem.nearest(n, norm));
      const median = nearest.toSorted((a, b) => a - b)[15]!;
      // Within 0.28 there are no walls, by which `fab` does not choose its boundary.
      const epsilon = norm === 'l1' && form === 'fab' ? Math.min(0.28, median) : median;
      const { adversarial, broken } = await forms[form].run(inputOf(problem, norm, epsilon));
      const found = predictions(await classifier.logits({ data: adversarial, shape: x.shape }), 5);
      for (let n = 0; n < 30; n++) {
        expect(found[n] !== y[n]).toBe(broken[n]);
        expect(distanceOf(adversarial, x.data, n, norm)).toBeLessThanOrEqual(epsilon);
        if (nearest[n]! > epsilon * (1 + 1e-6)) expect(broken[n]).toBe(false);
        if (nearest[n]! < epsilon / 1.01) expect(broken[n], `seed ${seed}, image ${n}`).toBe(true);
        if (broken[n]) fallen += 1;
        else standing += 1;
      }
    }
    expect(fallen).toBeGreaterThan(20);
    expect(standing).toBeGreaterThan(20);
  });

  it.each(cases)('%s %s aims at a class where one is wanted', async (form, norm) => {
    const problem = await linearProblem(3, 40, { classes: 3 });
    const { classifier, x, y } = problem;
    const target = y.map((label) => (label + 1) % 3);
    const epsilon = { linf: 0.2, l2: 0.6, l1: 2 }[norm];
    const input = { ...inputOf(problem, norm, epsilon), target };
    const { broken, adversarial } = await forms[form].run(input);
    const found = predictions(await classifier.logits({ data: adversarial, shape: x.shape }), 3);
    expect(broken.filter(Boolean).length).toBeGreaterThan(5);
    for (const [n, b] of broken.entries()) {
      expect(found[n] === target[n]).toBe(b);
      // Crossing the boundary with the target is not all: the third class may lie before it.
      if (problem.distance(n, target[n]!, norm) > epsilon * (1 + 1e-6)) expect(b).toBe(false);
    }
  });
});

describe('on a network', () => {
  /** Alg. 1 for L2 in float64, without walls: undefined where one would be met. */
  function slow(problem: Awaited<ReturnType<typeof curvedProblem>>, n: number, form: Form, steps: number) {
    const { network, x, y } = problem;
    const x0 = Array.from(x.data.subarray(n * SIZE, (n + 1) * SIZE));
    const label = y[n]!;
    const others = [0, 1, 2, 3, 4].filter((k) => k !== label);
    let best = Number.POSITIVE_INFINITY;
    for (const aims of form === 'fab' ? [others] : others.map((k) => [k])) {
      let point = x0;
      for (let t = 0; t < steps; t++) {
        const [z, jacobian] = [network.logits(point), network.jacobian(point)];
        const planes = aims.map((k) => {
          const w = jacobian[k]!.map((v, i) => v - jacobian[label]![i]!);
          return { w, f: z[k]! - z[label]!, square: w.reduce((s, v) => s + v * v, 0) };
        });
        const away = planes.map(({ f, square }) => Math.abs(f) / Math.sqrt(square));
        const { w, f, square } = planes[away.indexOf(Math.min(...away))]!;
        const from0 = -f + w.reduce((s, v, i) => s + v * (point[i]! - x0[i]!), 0);
        const [a, b] = [Math.abs(f), Math.abs(from0)];
        const alpha = Math.min(0.1, a / (a + b));
        const next = point.map(
          (v, i) =>
            (1 - alpha) * (v - (1.05 * f * w[i]!) / square) +
            alpha * (x0[i]! + (1.05 * from0 * w[i]!) / square),
        );
        if (next.some((v) => v < 0 || v > 1)) return undefined;
        point = next;
        const scores = network.logits(point);
        if (scores.indexOf(Math.max(...scores)) === label) continue;
        best = Math.min(best, Math.hypot(...point.map((v, i) => v - x0[i]!)));
        point = point.map((v, i) => x0[i]! + 0.9 * (v - x0[i]!));
      }
    }
    return best;
  }

  it.each(['fab', 'fab-t'] as const)('%s finds what Alg. 1 in float64 finds', async (form) => {
    const problem = await curvedProblem(5, 40);
    const input = inputOf(problem, 'l2', 0.01);
    const { distances } = await fastAdaptiveBoundary(input, { ...options(form, 25), minimal: true });
    let compared = 0;
    for (let n = 0; n < 40; n++) {
      const expected = slow(problem, n, form, 25);
      if (expected === undefined || expected === Number.POSITIVE_INFINITY) continue;
      compared += 1;
      // Float32 images are 1e-7 off, and what is within that of a boundary may fall to its other side.
      expect(Math.abs(distances[n]! / expected - 1), `image ${n}`).toBeLessThan(1e-3);
    }
    expect(compared).toBeGreaterThan(10);
  });

  it.each(cases)('%s %s: leaving at the radius changes no verdict', async (form, norm) => {
    const problem = await curvedProblem(6, 40);
    const all = await fastAdaptiveBoundary(inputOf(problem, norm, 1e-9), {
      ...options(form, 15),
      minimal: true,
    });
    const epsilon = all.distances.toSorted()[20]! * (1 + 1e-9);
    const { broken } = await fastAdaptiveBoundary(inputOf(problem, norm, epsilon), options(form, 15));
    expect(broken).toEqual(Array.from(all.distances, (d) => d <= epsilon));
    expect(broken.filter(Boolean)).toHaveLength(21);
  });

  it.each(cases)('%s %s: a radius for each image gives what each radius gives', async (form, norm) => {
    const problem = await curvedProblem(7, 12);
    const unit = { linf: 0.02, l2: 0.05, l1: 0.1 }[norm];
    const radii = Float32Array.from({ length: 12 }, (_, n) => unit * (1 + (n % 3)));
    const run = (epsilon: number | Float32Array) =>
      fastAdaptiveBoundary(inputOf(problem, norm, epsilon), { ...options(form, 10), restarts: 2 });
    const together = await run(radii);
    expect(together.broken).toContain(true);
    expect(together.broken).toContain(false);
    for (let n = 0; n < 12; n++) {
      const alone = await run(radii[n]!);
      const range = [n * SIZE, (n + 1) * SIZE] as const;
      expect(together.broken[n]).toBe(alone.broken[n]);
      // Also random starts: they do not depend on who else is left.
      expect(together.adversarial.slice(...range)).toEqual(alone.adversarial.slice(...range));
      expect(together.distances[n]).toBe(alone.distances[n]);
    }
  });

  it.each(NORMS)(
    'a second start (%s) is in the inner half of the ball, and depends on the key',
    async (norm) => {
      const epsilon = 1e-4;
      const startOf = async (seed: number) => {
        const problem = await curvedProblem(8, 1);
        const input = { ...inputOf(problem, norm, epsilon), key: key(seed) };
        await fastAdaptiveBoundary(input, { ...options('fab', 3), restarts: 2 });
        const gradients = problem.classifier.sights.filter((s) => s.kind === 'gradient');
        const start = gradients[3 * 4]!.image; // after three steps with four boundaries each
        expect(distanceOf(start, problem.x.data, 0, norm) / epsilon).toBeCloseTo(0.5, 2); // float32 pixels
        return start;
      };
      const [a, b, c] = [await startOf(1), await startOf(1), await startOf(2)];
      expect(b).toEqual(a);
      expect(c).not.toEqual(a);
    },
  );
});

describe('cost', () => {
  it.each([
    ['fab', 7, 1 + 7 * 5, 7 * 4],
    ['fab-t', 7, 1 + 4 * 7 * 2, 4 * 7],
  ] as const)(
    'of %s, where nothing breaks: steps × (boundaries + 1), and one forward',
    async (form, T, F, B) => {
      const problem = await linearProblem(1, 6);
      const progress: number[] = [];
      await fastAdaptiveBoundary(
        { ...inputOf(problem, 'linf', 1e-6), onProgress: (fraction) => progress.push(fraction) },
        options(form, T),
      );
      expect([problem.classifier.forwards, problem.classifier.backwards]).toEqual([6 * F, 6 * B]);
      expect(progress).toEqual(progress.toSorted((a, b) => a - b));
      expect(progress.at(-1)).toBe(1);
    },
  );

  it.each(['fab', 'fab-t'] as const)('of %s: no pass for a sample within its radius', async (form) => {
    const problem = await linearProblem(2, 8, { numbered: true });
    const { classifier, x, y } = problem;
    const epsilon = Array.from(y, (_, n) => problem.nearest(n, 'l2')).toSorted((a, b) => a - b)[4]!;
    const { broken } = await fastAdaptiveBoundary(inputOf(problem, 'l2', epsilon), options(form, 20));
    expect(broken).toContain(true);
    for (const [n, b] of broken.entries()) {
      const seen = classifier.sights.filter(({ image }) => numberOf(image) === n);
      const clean = x.data.subarray(n * SIZE, (n + 1) * SIZE);
      const reached = seen.findIndex(
        ({ image, predicted }) => predicted !== y[n] && distanceOf(image, clean, 0, 'l2') <= epsilon,
      );
      expect(reached).toBe(b ? seen.length - 1 : -1);
    }
  });
});

describe('at the edges', () => {
  const flat = (gradient: number) =>
    fake({ classes: 3, logits: () => [1, 0, -1], gradient: () => new Array(SIZE).fill(gradient) });
  const x = { data: new Float32Array(2 * SIZE).fill(0.25), shape: [2, 3, 2, 2] };

  it.each(cases)('%s %s leaves images where there is no gradient, or an infinite one', async (form, norm) => {
    for (const gradient of [0, Number.POSITIVE_INFINITY, Number.NaN]) {
      const input = inputOf({ classifier: flat(gradient), x, y: new Int32Array(2) }, norm, 0.1);
      const { broken, adversarial } = await fastAdaptiveBoundary(input, options(form, 3));
      expect(broken).toEqual([false, false]);
      expect(adversarial).toEqual(x.data);
      for (const { image } of input.classifier.sights) expect(image).toEqual(x.data.slice(0, SIZE));
    }
  });

  it.each(cases)('%s %s takes no images, and images that are wrong already', async (form, norm) => {
    const none = { data: new Float32Array(0), shape: [0, 3, 2, 2] };
    const empty = inputOf({ classifier: flat(1), x: none, y: new Int32Array(0) }, norm, 0.1);
    expect((await forms[form].run(empty)).broken).toEqual([]);
    const wrong = inputOf({ classifier: flat(1), x, y: Int32Array.of(1, 2) }, norm, 0.1);
    const { broken, distances } = await fastAdaptiveBoundary(wrong, options(form));
    expect(broken).toEqual([true, true]);
    expect(Array.from(distances)).toEqual([0, 0]);
    expect([wrong.classifier.forwards, wrong.classifier.backwards]).toEqual([2, 0]);
  });

  it.each(cases)('%s %s ends when it is told to, with what it has', async (form, norm) => {
    const problem = await linearProblem(4, 10);
    const controller = new AbortController();
    const input = {
      ...inputOf(problem, norm, { linf: 0.05, l2: 0.1, l1: 0.2 }[norm]),
      signal: controller.signal,
    };
    const onProgress = () => controller.abort();
    const output = await fastAdaptiveBoundary({ ...input, onProgress }, options(form));
    expect(problem.classifier.backwards).toBe(10 * (form === 'fab' ? 4 : 1));
    const first = await fastAdaptiveBoundary(input, options(form));
    expect(first.broken).not.toContain(true); // told before the first step
    expect(output.broken.length).toBe(10);
  });
});
