import { describe, expect, it } from 'vitest';
import { deepfool, walkToBoundary } from '../../../src/eval/attacks/deepfool.ts';
import { type Norm, predictions } from '../../../src/eval/index.ts';
import { key } from '../../../src/random/index.ts';
import { fake } from '../fakes.ts';
import { curvedProblem, distanceOf, linearProblem, numberOf, type Problem, SIZE } from './models.ts';

const NORMS: readonly Norm[] = ['linf', 'l2'];

const inputOf = ({ classifier, x, y }: Problem, norm: Norm, epsilon: number | Float32Array) => ({
  classifier,
  x,
  y,
  threat: { norm, epsilon },
  parameters: {},
  key: key(1),
});

const rowOf = (data: Float32Array, n: number) => Array.from(data.subarray(n * SIZE, (n + 1) * SIZE));

/** Alg. 2 in float64 (and its form for L∞), with the clipping to [0, 1], and after the first no step below 1e-4. @returns what it finds, and in how many steps */
function slow(
  { network, x, y }: Awaited<ReturnType<typeof curvedProblem>>,
  n: number,
  norm: Norm,
): { image: number[]; steps: number } | undefined {
  const x0 = rowOf(x.data, n);
  const label = y[n]!;
  const total = new Array<number>(SIZE).fill(0);
  let image = x0;
  for (let steps = 1; steps <= 50; steps++) {
    const [z, jacobian] = [network.logits(image), network.jacobian(image)];
    const ways = z.flatMap((score, k) => {
      if (k === label) return [];
      const w = jacobian[k]!.map((v, i) => v - jacobian[label]![i]!);
      const f = Math.abs(score - z[label]!);
      const [sum, square] = [w.reduce((s, v) => s + Math.abs(v), 0), w.reduce((s, v) => s + v * v, 0)];
      return norm === 'linf'
        ? [{ length: f / sum, along: w.map(Math.sign) }]
        : [{ length: f / Math.sqrt(square), along: w.map((v) => v / Math.sqrt(square)) }];
    });
    const { length, along } = ways.reduce((best, way) => (way.length < best.length ? way : best));
    const far = steps === 1 ? length : Math.max(length, 1e-4);
    for (const [i, v] of along.entries()) total[i]! += far * v;
    image = x0.map((v, i) => Math.min(1, Math.max(0, v + 1.02 * total[i]!)));
    const scores = network.logits(image);
    if (scores.indexOf(Math.max(...scores)) !== label) return { image, steps };
  }
  return undefined;
}

describe('DeepFool', () => {
  it.each(NORMS)('under %s overshoots the nearest boundary of a linear model by 2 percent', async (norm) => {
    for (let seed = 0; seed < 6; seed++) {
      const problem = await linearProblem(seed, 30);
      const radii = Array.from(problem.y, (_, n) => problem.nearest(n, norm));
      const epsilon = radii.toSorted((a, b) => a - b)[15]!;
      const { distances } = await walkToBoundary(inputOf(problem, norm, epsilon), {
        steps: 50,
        minimal: true,
      });
      const { broken, adversarial } = await deepfool.run(inputOf(problem, norm, epsilon));
      const found = predictions(
        await problem.classifier.logits({ data: adversarial, shape: problem.x.shape }),
        5,
      );
      for (const [n, radius] of radii.entries()) {
        // In one step, where no wall cuts it off; pixels and logits are float32, off by 1e-7.
        if (radius < 0.29)
          expect(Math.abs(distances[n]! - 1.02 * radius), `seed ${seed}, image ${n}`).toBeLessThan(1e-6);
        expect(broken[n]).toBe(distances[n]! <= epsilon);
        if (radius < epsilon / 1.021) expect(broken[n]).toBe(true);
        if (radius > epsilon) expect(broken[n]).toBe(false);
        expect(found[n] !== problem.y[n]).toBe(broken[n]);
        expect(distanceOf(adversarial, problem.x.data, n, norm)).toBeLessThanOrEqual(epsilon);
      }
      expect(broken).toContain(true);
      expect(broken).toContain(false);
    }
  });

  it.each(NORMS)('under %s is Alg. 2 in float64, on a network, in as many steps', async (norm) => {
    let [compared, many] = [0, 0];
    for (let seed = 0; seed < 4; seed++) {
      const problem = await curvedProblem(seed, 25);
      const data = problem.x.data;
      const { adversarial, distances } = await walkToBoundary(inputOf(problem, norm, 0.01), {
        steps: 50,
        minimal: true,
      });
      const before = problem.classifier.sights.length;
      for (let n = 0; n < 25; n++) {
        const expected = slow(problem, n, norm);
        if (!expected) {
          expect(distances[n]).toBe(Number.POSITIVE_INFINITY);
          continue;
        }
        compared += 1;
        if (expected.steps > 1) many += 1;
        // Each step rounds pixels to float32, 2⁻²⁵; the network's curvature makes a little more of it.
        for (const [i, v] of expected.image.entries())
          expect(Math.abs(adversarial[n * SIZE + i]! - v), `seed ${seed}, image ${n}`).toBeLessThan(1e-5);
        const alone = await curvedProblem(seed, 25);
        const one = { ...alone, x: { data: data.slice(n * SIZE, (n + 1) * SIZE), shape: [1, 3, 2, 2] } };
        await walkToBoundary(inputOf({ ...one, y: alone.y.slice(n, n + 1) }, norm, 0.01), { steps: 50 });
        // Per step 4 boundaries and a forward; one forward in all.
        const { forwards, backwards } = alone.classifier;
        expect([forwards, backwards]).toEqual([1 + 5 * expected.steps, 4 * expected.steps]);
      }
      expect(problem.classifier.sights.length).toBe(before);
    }
    expect(compared).toBeGreaterThan(80);
    expect(many, 'curved enough for a second step').toBeGreaterThan(10);
  });

  it.each(NORMS)('under %s crosses boundaries that walls hold it back from', async (norm) => {
    // z₀ − z₁ = Σxᵢ − 3.2 with pixels of 0 and of 0.6 to 0.75: all must fall, half of them cannot, and each step comes half as near.
    const n = 16;
    const high = (i: number) => 0.6 + (0.15 * Math.floor(i / SIZE)) / n;
    const x = {
      data: Float32Array.from({ length: n * SIZE }, (_, i) => (i % 2 === 0 ? high(i) : 0)),
      shape: [n, 3, 2, 2],
    };
    const classifier = fake({
      classes: 2,
      logits: (image) => [image.reduce((sum, v) => sum + v, -3.2), 0],
      gradient: () => new Array(SIZE).fill(-1),
    });
    const input = inputOf({ classifier, x, y: new Int32Array(n) }, norm, 10);
    const { distances, broken } = await walkToBoundary(input, { steps: 16 });
    expect(broken).not.toContain(false);
    for (const [i, distance] of distances.entries()) {
      // The six pixels that can move share what is too much; beyond that, two steps of 1e-4.
      const shared = (6 * high(i * SIZE) - 3.2) / 6;
      const nearest = norm === 'linf' ? shared : shared * Math.sqrt(6);
      expect(distance).toBeGreaterThan(nearest);
      expect(distance).toBeLessThan(nearest + 2.1e-4);
    }
  });

  it('looks at the ten likeliest classes of the clean image alone', async () => {
    const problem = await linearProblem(1, 5, { classes: 14 });
    const logits = await problem.classifier.logits(problem.x);
    problem.classifier.forwards = 0;
    const aims: number[][] = [];
    const classifier: typeof problem.classifier = {
      ...problem.classifier,
      gradient(loss, x, y, target) {
        aims.push(Array.from(target!));
        return problem.classifier.gradient(loss, x, y, target);
      },
    };
    await walkToBoundary({ ...inputOf(problem, 'l2', 0.01), classifier }, { steps: 1 });
    expect(aims).toHaveLength(9);
    for (const n of problem.y.keys()) {
      const row = logits.subarray(n * 14, (n + 1) * 14);
      const likeliest = Array.from(row.keys()).toSorted((a, b) => row[b]! - row[a]!);
      expect(aims.map((aim) => aim[n])).toEqual(likeliest.slice(1, 10));
    }
  });

  it('leaves a sample alone once it is misclassified, also outside of its radius', async () => {
    const problem = await linearProblem(2, 8, { numbered: true });
    const { classifier, y } = problem;
    const { broken } = await deepfool.run(inputOf(problem, 'l2', 1e-6));
    expect(broken).not.toContain(true);
    for (const n of y.keys()) {
      const seen = classifier.sights.filter(({ image }) => numberOf(image) === n);
      expect(seen.findIndex(({ predicted }) => predicted !== y[n])).toBe(seen.length - 1);
    }
  });

  it.each(NORMS)('under %s: a radius for each image gives what each radius gives', async (norm) => {
    const problem = await curvedProblem(3, 20);
    const radii = Float32Array.from({ length: 20 }, (_, n) => 0.01 * (1 + (n % 5)));
    const together = await deepfool.run(inputOf(problem, norm, radii));
    expect(together.broken).toContain(true);
    expect(together.broken).toContain(false);
    for (let n = 0; n < 20; n++) {
      const alone = await deepfool.run(inputOf(problem, norm, radii[n]!));
      expect(together.broken[n]).toBe(alone.broken[n]);
      expect(rowOf(together.adversarial, n)).toEqual(rowOf(alone.adversarial, n));
    }
  });

  it.each(NORMS)('under %s: no gradient, no images, wrong already, told to end', async (norm) => {
    const flat = (gradient: number) =>
      fake({ classes: 3, logits: () => [1, 0, -1], gradient: () => new Array(SIZE).fill(gradient) });
    const x = { data: new Float32Array(2 * SIZE).fill(0.25), shape: [2, 3, 2, 2] };
    for (const gradient of [0, Number.POSITIVE_INFINITY, Number.NaN]) {
      const stuck = inputOf({ classifier: flat(gradient), x, y: new Int32Array(2) }, norm, 0.1);
      expect((await deepfool.run(stuck)).adversarial).toEqual(x.data);
    }
    const none = { data: new Float32Array(0), shape: [0, 3, 2, 2] };
    const empty = inputOf({ classifier: flat(1), x: none, y: new Int32Array(0) }, norm, 0.1);
    expect((await deepfool.run(empty)).broken).toEqual([]);
    const wrong = inputOf({ classifier: flat(1), x, y: Int32Array.of(1, 2) }, norm, 0.1);
    expect((await deepfool.run(wrong)).broken).toEqual([true, true]);
    expect(wrong.classifier.forwards).toBe(2);
    const ended = inputOf({ classifier: flat(1), x, y: new Int32Array(2) }, norm, 0.1);
    const { broken } = await deepfool.run({ ...ended, signal: AbortSignal.abort() });
    expect(broken).toEqual([false, false]);
    expect(ended.classifier.backwards).toBe(0);
  });
});
