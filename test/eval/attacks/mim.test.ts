import { describe, expect, it } from 'vitest';
import { mim } from '../../../src/eval/attacks/mim.ts';
import { type Norm, predictions } from '../../../src/eval/index.ts';
import { key } from '../../../src/random/index.ts';
import { fake } from '../fakes.ts';
import { curvedProblem, distanceOf, linearProblem, numberOf, type Problem, SIZE, slopes } from './models.ts';

const NORMS: readonly Norm[] = ['linf', 'l2'];

const inputOf = (
  { classifier, x, y }: Problem,
  norm: Norm,
  epsilon: number | Float32Array,
  parameters = {},
) => ({
  classifier,
  x,
  y,
  threat: { norm, epsilon },
  parameters,
  key: key(1),
});

describe('MIM', () => {
  it.each(NORMS)('under %s is the loop of Alg. 1 in float64', async (norm) => {
    const epsilon = { linf: 0.03, l2: 0.08, l1: 0 }[norm];
    const [steps, stepSize] = [12, epsilon / 4];
    let [fallen, compared] = [0, 0];
    for (let seed = 0; seed < 4; seed++) {
      const problem = await curvedProblem(seed, 20);
      const { network, x, y } = problem;
      const { adversarial, broken } = await mim.run(inputOf(problem, norm, epsilon, { steps, stepSize }));
      for (let n = 0; n < 20; n++) {
        const x0 = Array.from(x.data.subarray(n * SIZE, (n + 1) * SIZE));
        const label = y[n]!;
        let g = new Array<number>(SIZE).fill(0);
        let point = x0;
        let wrong = false;
        for (let t = 0; t < steps && !wrong; t++) {
          const jacobian = network.jacobian(point);
          const slope = slopes('ce', network.logits(point), label);
          const gradient = x0.map((_, i) => slope.reduce((s, v, k) => s + v * jacobian[k]![i]!, 0));
          const size = gradient.reduce((s, v) => s + Math.abs(v), 0);
          g = g.map((v, i) => v + gradient[i]! / size);
          const length = Math.hypot(...g);
          const moved = point.map(
            (v, i) => v + stepSize * (norm === 'linf' ? Math.sign(g[i]!) : g[i]! / length),
          );
          const away = Math.hypot(...moved.map((v, i) => v - x0[i]!));
          const project = (v: number, i: number) =>
            norm === 'linf'
              ? Math.min(x0[i]! + epsilon, Math.max(x0[i]! - epsilon, v))
              : x0[i]! + (v - x0[i]!) * Math.min(1, epsilon / away);
          point = moved.map(project).map((v) => Math.min(1, Math.max(0, v)));
          const scores = network.logits(point);
          wrong = scores.indexOf(Math.max(...scores)) !== label;
        }
        if (broken[n] !== wrong) continue; // on the boundary to 1e-7
        compared += 1;
        if (wrong) fallen += 1;
        // Float32 pixels, 12 steps; a gradient of about 0 may have another sign, which is rare.
        for (const [i, v] of point.entries())
          expect(Math.abs(adversarial[n * SIZE + i]! - v), `seed ${seed}, image ${n}`).toBeLessThan(1e-5);
      }
    }
    expect(compared).toBeGreaterThan(78);
    expect(fallen).toBeGreaterThan(8);
    expect(fallen).toBeLessThan(70);
  });

  it.each(NORMS)('under %s costs T + 1 forwards and T backwards, and no pass once broken', async (norm) => {
    const problem = await linearProblem(1, 8, { numbered: true });
    const { classifier, y } = problem;
    await mim.run(inputOf(problem, norm, 1e-5));
    expect([classifier.forwards, classifier.backwards]).toEqual([8 * 11, 8 * 10]);
    classifier.sights.length = 0;
    const { broken } = await mim.run(inputOf(problem, norm, { linf: 0.05, l2: 0.15, l1: 0 }[norm]));
    expect(broken).toContain(true);
    for (const [n, b] of broken.entries()) {
      const seen = classifier.sights.filter(({ image }) => numberOf(image) === n);
      expect(seen.findIndex(({ predicted }) => predicted !== y[n])).toBe(b ? seen.length - 1 : -1);
      if (!b) expect(seen).toHaveLength(11);
    }
  });

  it.each(NORMS)('under %s aims at a class where one is wanted', async (norm) => {
    const problem = await linearProblem(3, 40, { classes: 3 });
    const { classifier, x, y } = problem;
    const target = y.map((label) => (label + 1) % 3);
    const epsilon = { linf: 0.1, l2: 0.3, l1: 0 }[norm];
    const { broken, adversarial } = await mim.run({ ...inputOf(problem, norm, epsilon), target });
    const found = predictions(await classifier.logits({ data: adversarial, shape: x.shape }), 3);
    expect(broken).toContain(true);
    for (const [n, b] of broken.entries()) {
      expect(found[n] === target[n]).toBe(b);
      if (problem.distance(n, target[n]!, norm) > epsilon * (1 + 1e-5)) expect(b).toBe(false);
    }
  });

  it.each(NORMS)('under %s: a radius for each image gives what each radius gives', async (norm) => {
    const problem = await curvedProblem(4, 15);
    const radii = Float32Array.from({ length: 15 }, (_, n) => 0.01 * 2 ** (n % 4));
    // A step size is meant for the largest radius, and others have theirs in proportion.
    const together = await mim.run(inputOf(problem, norm, radii));
    expect(together.broken).toContain(true);
    expect(together.broken).toContain(false);
    for (let n = 0; n < 15; n++) {
      const alone = await mim.run(inputOf(problem, norm, radii[n]!));
      expect(together.broken[n]).toBe(alone.broken[n]);
      expect(distanceOf(together.adversarial, alone.adversarial, n, 'linf')).toBeLessThan(1e-6); // ε/10 in float32
    }
  });

  it.each(NORMS)('under %s: no gradient, no images, wrong already, told to end', async (norm) => {
    const flat = () => fake({ classes: 3, logits: () => [1, 0, -1] });
    const x = { data: new Float32Array(2 * SIZE).fill(0.25), shape: [2, 3, 2, 2] };
    const stuck = await mim.run(inputOf({ classifier: flat(), x, y: new Int32Array(2) }, norm, 0.1));
    expect(stuck.adversarial).toEqual(x.data);
    expect(stuck.broken).toEqual([false, false]);
    const none = { data: new Float32Array(0), shape: [0, 3, 2, 2] };
    expect(
      (await mim.run(inputOf({ classifier: flat(), x: none, y: new Int32Array(0) }, norm, 0.1))).broken,
    ).toEqual([]);
    const wrong = inputOf({ classifier: flat(), x, y: Int32Array.of(1, 2) }, norm, 0.1);
    expect((await mim.run(wrong)).broken).toEqual([true, true]);
    expect([wrong.classifier.forwards, wrong.classifier.backwards]).toEqual([2, 2]);
    const ended = inputOf({ classifier: flat(), x, y: new Int32Array(2) }, norm, 0.1);
    await mim.run({ ...ended, signal: AbortSignal.abort() });
    expect(ended.classifier.backwards).toBe(0);
  });
});
