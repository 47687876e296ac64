import { describe, expect, it } from 'vitest';
import { pgdAdp } from '../../../src/eval/attacks/pgd-adp.ts';
import { type Norm, predictions } from '../../../src/eval/index.ts';
import { key, normal, uniform } from '../../../src/random/index.ts';
import { fake } from '../fakes.ts';
import { curvedProblem, distanceOf, linearProblem, type Problem, SIZE } from './models.ts';

const NORMS: readonly Norm[] = ['linf', 'l2'];
const REACHES = [1, 1 / 2, 1 / 4, 1 / 8];

const inputOf = ({ classifier, x, y }: Problem, norm: Norm, epsilon: number | Float32Array, steps = 6) => ({
  classifier,
  x,
  y,
  threat: { norm, epsilon },
  parameters: { steps },
  key: key(1),
});

/** Π(x + α·direction) in float64. */
function stepped(
  x: ArrayLike<number>,
  gradient: number[],
  clean: ArrayLike<number>,
  norm: Norm,
  epsilon: number,
  alpha: number,
) {
  const length = Math.hypot(...gradient);
  const moved = gradient.map((g, i) => x[i]! + alpha * (norm === 'linf' ? Math.sign(g) : g / length));
  const away = Math.hypot(...moved.map((v, i) => v - clean[i]!));
  const back = (v: number, i: number) =>
    norm === 'linf'
      ? Math.min(clean[i]! + epsilon, Math.max(clean[i]! - epsilon, v))
      : clean[i]! + (v - clean[i]!) * Math.min(1, epsilon / away);
  return moved.map(back).map((v) => Math.min(1, Math.max(0, v)));
}

describe('PGD-ADP', () => {
  it.each(NORMS)(
    'under %s tries four sizes and goes on from the best, for each sample by itself',
    async (norm) => {
      const epsilon = { linf: 0.1, l2: 0.4, l1: 0 }[norm];
      const [N, steps] = [8, 6];
      const chosen = new Map<number, number>();
      for (let seed = 0; seed < 4; seed++) {
        // A margin that is largest, and still negative, where a·x is c: how far away that is differs from sample to sample.
        const a = Array.from(normal(key(seed).fold('a'), SIZE));
        // What a·x can change by in the ball; half of it more per seed, so that the first steps are to be short, then long.
        const most = epsilon * (norm === 'linf' ? a.reduce((s, v) => s + Math.abs(v), 0) : Math.hypot(...a));
        const c = a.reduce((s, v) => s + 0.5 * v, (seed / 2) * most);
        const sum = (image: ArrayLike<number>) => a.reduce((s, v, i) => s + v * image[i]!, -c);
        const margin = (image: ArrayLike<number>) => -1 - sum(image) ** 2;
        const slope = (image: ArrayLike<number>) => a.map((v) => -2 * sum(image) * v);
        const classifier = fake({
          classes: 2,
          logits: (image) => [0, margin(image)],
          gradient: (_, image) => slope(image),
        });
        const x = { data: uniform(key(seed).fold('x'), N * SIZE, 0.45, 0.55), shape: [N, 3, 2, 2] };
        await pgdAdp.run(inputOf({ classifier, x, y: new Int32Array(N) }, norm, epsilon, steps));
        const images = classifier.sights.map((s) => s.image);
        expect(images).toHaveLength(N * steps * 5);
        for (let n = 0; n < N; n++) {
          const clean = x.data.subarray(n * SIZE, (n + 1) * SIZE);
          for (let at = n; at < images.length; at += 5 * N) {
            const from = images[at]!;
            const tries = REACHES.map((_, j) => images[at + (j + 1) * N]!);
            for (const [j, reach] of REACHES.entries()) {
              const expected = stepped(from, slope(from), clean, norm, epsilon, reach * epsilon);
              for (const [i, v] of expected.entries()) expect(Math.abs(tries[j]![i]! - v)).toBeLessThan(1e-6); // float32 pixels and gradients
            }
            const next = images[at + 5 * N];
            if (!next) continue;
            const best = Math.max(...tries.map(margin));
            expect(best - margin(next)).toBeLessThan(1e-6); // float32 logits
            const index = tries.findIndex((image) => image.every((v, i) => v === next[i]));
            chosen.set(index, (chosen.get(index) ?? 0) + 1);
          }
        }
      }
      expect(chosen.has(-1), 'a point that was not tried').toBe(false);
      expect([...chosen.keys()].sort(), 'all are best somewhere').toEqual([0, 1, 2, 3]);
    },
  );

  it('costs 5 forwards and 1 backward per step and start', async () => {
    const problem = await linearProblem(1, 8);
    const input = inputOf(problem, 'linf', 1e-5);
    await pgdAdp.run({ ...input, parameters: { steps: 3, restarts: 2 } });
    expect([problem.classifier.forwards, problem.classifier.backwards]).toEqual([8 * 30, 8 * 6]);
    expect(pgdAdp.defaults({ norm: 'linf', epsilon: 1 })).toEqual({ steps: 100, restarts: 1 });
  });

  it.each(NORMS)('under %s stays in the ball of each radius, and breaks what can be broken', async (norm) => {
    for (let seed = 0; seed < 4; seed++) {
      const problem = await linearProblem(seed, 30, { classes: 2 }); // with more, the largest margin may lead astray
      const { classifier, x, y } = problem;
      const radii = Float32Array.from({ length: 30 }, (_, n) => 0.02 * (1 + (n % 5)));
      const { broken, adversarial } = await pgdAdp.run(inputOf(problem, norm, radii, 30));
      const found = predictions(await classifier.logits({ data: adversarial, shape: x.shape }), 2);
      for (const [n, b] of broken.entries()) {
        expect(found[n] !== y[n]).toBe(b);
        // 12 roundings of pixels to float32
        expect(distanceOf(adversarial, x.data, n, norm)).toBeLessThanOrEqual(radii[n]! + 2 ** -24 * 4);
        if (problem.nearest(n, norm) > radii[n]! * (1 + 1e-5)) expect(b).toBe(false);
        if (problem.nearest(n, norm) < radii[n]! / 1.01) expect(b, `seed ${seed}, image ${n}`).toBe(true);
      }
      expect(broken).toContain(true);
      expect(broken).toContain(false);
    }
  });

  it.each(NORMS)('under %s: a radius for each image gives what each radius gives', async (norm) => {
    const problem = await curvedProblem(4, 12);
    const radii = Float32Array.from({ length: 12 }, (_, n) => 0.01 * 2 ** (n % 4));
    const together = await pgdAdp.run(inputOf(problem, norm, radii));
    expect(together.broken).toContain(true);
    expect(together.broken).toContain(false);
    for (let n = 0; n < 12; n++) {
      const alone = await pgdAdp.run(inputOf(problem, norm, radii[n]!));
      expect(together.broken[n]).toBe(alone.broken[n]);
      expect(distanceOf(together.adversarial, alone.adversarial, n, 'linf')).toBe(0);
    }
  });

  it.each(NORMS)('under %s aims at a class where one is wanted', async (norm) => {
    const problem = await linearProblem(3, 40, { classes: 3 });
    const { classifier, x, y } = problem;
    const target = y.map((label) => (label + 1) % 3);
    const epsilon = { linf: 0.1, l2: 0.3, l1: 0 }[norm];
    const { broken, adversarial } = await pgdAdp.run({ ...inputOf(problem, norm, epsilon), target });
    const found = predictions(await classifier.logits({ data: adversarial, shape: x.shape }), 3);
    expect(broken).toContain(true);
    for (const [n, b] of broken.entries()) {
      expect(found[n] === target[n]).toBe(b);
      if (problem.distance(n, target[n]!, norm) > epsilon * (1 + 1e-5)) expect(b).toBe(false);
    }
  });

  it.each(NORMS)('under %s: no gradient, no images, wrong already, told to end', async (norm) => {
    const flat = () => fake({ classes: 3, logits: () => [1, 0, -1] });
    const x = { data: new Float32Array(2 * SIZE).fill(0.25), shape: [2, 3, 2, 2] };
    const stuck = inputOf({ classifier: flat(), x, y: new Int32Array(2) }, norm, 0.1);
    expect((await pgdAdp.run(stuck)).broken).toEqual([false, false]);
    const none = { data: new Float32Array(0), shape: [0, 3, 2, 2] };
    const empty = inputOf({ classifier: flat(), x: none, y: new Int32Array(0) }, norm, 0.1);
    expect((await pgdAdp.run(empty)).broken).toEqual([]);
    const wrong = inputOf({ classifier: flat(), x, y: Int32Array.of(1, 2) }, norm, 0.1);
    expect((await pgdAdp.run(wrong)).broken).toEqual([true, true]);
    expect([wrong.classifier.forwards, wrong.classifier.backwards]).toEqual([2, 2]);
    const ended = inputOf({ classifier: flat(), x, y: new Int32Array(2) }, norm, 0.1);
    await pgdAdp.run({ ...ended, signal: AbortSignal.abort() });
    expect(ended.classifier.backwards).toBe(0);
  });
});
