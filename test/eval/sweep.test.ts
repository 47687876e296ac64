import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import {
  type Classifier,
  defaultStepSize,
  type Images,
  type Norm,
  type Oracle,
  type Sweep,
  type SweepOptions,
  sweep,
} from '../../src/eval/index.ts';
import { key, normal, uniform } from '../../src/random/index.ts';
import { fake, oracleOf, twoClasses } from './fakes.ts';

const lengths: Record<Norm, (w: readonly number[]) => number> = {
  linf: (w) => w.reduce((sum, v) => sum + Math.abs(v), 0),
  l2: (w) => Math.sqrt(w.reduce((sum, v) => sum + v * v, 0)),
  l1: (w) => Math.max(...w.map(Math.abs)),
};

const run = (
  problem: { classifier: Classifier; x: Images; y: Int32Array },
  options: Partial<SweepOptions> = {},
): Promise<Sweep> =>
  sweep({ ...problem, norm: 'linf', epsilons: [0, 0.05], steps: [10], key: key(1), ...options });

const finding = (swept: Sweep, id: string) => swept.findings.find((f) => f.id === id);
const verdicts = (swept: Sweep) => Object.fromEntries(swept.findings.map((f) => [f.id, f.verdict]));

describe('on a linear model, where each image has a known radius', () => {
  // The largest fall of w·x + b in the ball is ε times the dual norm of w, while no image is within ε of a wall (0.3). PGD reaches it
  // under L∞ but for roundings; under L2 its angle to it is below π·1.25⁻⁴⁰ = 5e-4 rad: 1e-4 covers both.
  it.each(['linf', 'l2'] as const)('%s: the accuracy at every ε', async (norm) => {
    const p = twoClasses(2, 60);
    const radii = p.margins.map((m) => m / lengths[norm](p.w));
    const epsilons = [0.02, 0.05, 0.1, 0.15, 0.25];
    const close = radii.filter((r) => epsilons.some((e) => Math.abs(r - e) < 1e-4 * e)).length;
    const swept = await run(p, { norm, epsilons, steps: [40], stepSizes: [0.25], fresh: 25 });
    expect([swept.n, swept.correct, swept.fresh]).toEqual([60, 60, 25]);
    for (const cell of swept.cells) {
      const expected = radii.filter((r) => r > cell.epsilon).length;
      expect(cell.standing).toBe(expected);
      const fresh = radii.slice(0, 25).filter((r) => r > cell.epsilon).length;
      expect(cell.freshStanding).toBe(fresh);
    }
    expect(close).toBe(0);
    expect(new Set(swept.cells.map((c) => c.standing)).size).toBeGreaterThan(3);
    expect(verdicts(swept)).toEqual({ 'epsilon-monotone': 'pass' });
  });

  it('falls to 0 where the ball holds every image, and says so', async () => {
    const swept = await run(twoClasses(4, 40), { epsilons: [0, 0.1, 1], steps: [1, 20] });
    expect(swept.cells.filter((c) => c.epsilon === 1).map((c) => c.standing)).toEqual([0, 0]);
    expect(swept.cells.filter((c) => c.epsilon === 0).map((c) => [c.standing, c.attacked])).toEqual([
      [40, 0],
      [40, 0],
    ]);
    expect(verdicts(swept)).toEqual({
      'epsilon-monotone': 'pass',
      'one-step-beats-many': 'pass',
      'unbounded-succeeds': 'pass',
    });
  });

  it('counts images that are wrong already as lost, and does not attack them', async () => {
    const p = twoClasses(4, 40);
    const y = p.y.map((label, i) => (i % 4 === 0 ? 1 - label : label));
    const swept = await run({ ...p, y }, { epsilons: [0, 0.01] });
    expect([swept.correct, swept.cells[0]!.standing, swept.cells[1]!.attacked]).toEqual([30, 30, 30]);
  });
});

describe('what is carried over', () => {
  const epsilons = [0.02, 0.05, 0.1, 0.2];

  it('to a larger ε: only what stands is attacked, and the sample anew', async () => {
    const p = twoClasses(6, 50);
    const { cells } = await run(p, { epsilons, fresh: 0 });
    for (const [i, cell] of cells.entries()) {
      expect(cell.attacked).toBe(i === 0 ? 50 : cells[i - 1]!.standing);
      expect(cell.carried).toBe(50 - cell.attacked);
    }
    const counted = twoClasses(6, 50);
    await run(counted, { epsilons, fresh: 20 });
    expect(counted.classifier.forwards).toBeGreaterThan(p.classifier.forwards);
  });

  it('to more steps and restarts of the same size, not where the size comes with the steps', async () => {
    const p = twoClasses(6, 50);
    const sized = await run(p, { epsilons: [0.1], steps: [2, 12], stepSizes: [0.25], restarts: [1, 2] });
    const at = (swept: Sweep, steps: number, restarts = 1) =>
      swept.cells.find((c) => c.setting.steps === steps && c.setting.restarts === restarts)!;
    const short = at(sized, 2);
    expect(short.standing).toBeLessThan(50);
    expect(short.standing).toBeGreaterThan(0);
    expect(at(sized, 12).carried).toBe(50 - short.standing);
    expect(at(sized, 2, 2).carried).toBe(50 - short.standing);
    // Its own fewer restarts, and fewer steps of one start; not fewer steps of as many starts.
    expect(at(sized, 12, 2).carried).toBe(50 - at(sized, 12).standing);
    const own = await run(p, { epsilons: [0.1], steps: [2, 12] });
    expect([defaultStepSize(2), defaultStepSize(12)]).toEqual([1, 2.5 / 12]);
    expect(at(own, 12).carried).toBe(0);
  });

  it('is what the longer attack would have broken by itself: it begins with the shorter one', async () => {
    const p = twoClasses(8, 60);
    const options = { epsilons: [0.03, 0.06, 0.1], stepSizes: [0.2], fresh: 0 };
    const both = await run(p, { ...options, steps: [2, 9] });
    const alone = await run(p, { ...options, steps: [9] });
    const long = both.cells.filter((c) => c.setting.steps === 9);
    // Only the first radius is a full run in both; the others start from those left, whose starts differ.
    expect(long[0]!.standing).toBe(alone.cells[0]!.standing);
    expect(long[0]!.carried).toBeGreaterThan(0);
  });

  it('never makes accuracy rise with ε, whatever the model does', async () => {
    await fc.assert(
      fc.asyncProperty(fc.integer({ min: 0, max: 1e6 }), async (seed) => {
        const waves = normal(key(seed), 12, 0, 40);
        const classifier = fake({
          classes: 2,
          logits: (image) => [Math.sin(image.reduce((sum, v, i) => sum + v * waves[i]!, 0)), 0],
          gradient: (_, image) => normal(key(Math.floor(1e6 * image[0]!)), 12),
        });
        const x = { data: uniform(key(seed).fold('x'), 10 * 12), shape: [10, 3, 2, 2] };
        const logits = await classifier.logits(x);
        const y = Int32Array.from({ length: 10 }, (_, i) => (logits[2 * i]! >= 0 ? 0 : 1));
        const { cells } = await run({ classifier, x, y }, { epsilons: [0.001, 0.01, 0.1, 1], steps: [1, 4] });
        for (const steps of [1, 4]) {
          const column = cells.filter((c) => c.setting.steps === steps).map((c) => c.standing);
          expect(column).toEqual([...column].sort((a, b) => b - a));
        }
      }),
      { numRuns: 25 },
    );
  });

  it('of Square, by its queries', async () => {
    const p = twoClasses(6, 30);
    const swept = await run(p, { attack: 'square', epsilons: [0.1], steps: [3, 60] });
    const [few, many] = swept.cells as [Sweep['cells'][number], Sweep['cells'][number]];
    expect(few.parameters).toEqual({ queries: 3 });
    expect(many.setting).toEqual({ steps: 60, stepSize: null, restarts: null });
    expect(many.carried).toBe(30 - few.standing);
    expect(many.standing).toBeLessThan(few.standing);
  });
});

/** One pixel d away from grey decides; the gradient is told by `slope`. */
function alongOnePixel(lost: (d: number) => boolean, slope: (d: number) => number) {
  const classifier = fake({
    classes: 2,
    logits: (image) => (lost(image[0]! - 0.5) ? [0, 1] : [1, 0]),
    gradient: (_, image) => Array.from(image, (v, i) => (i === 0 ? slope(v - 0.5) : 0)),
  });
  const n = 60;
  return {
    classifier,
    x: { data: new Float32Array(12 * n).fill(0.5), shape: [n, 3, 2, 2] },
    y: new Int32Array(n),
  };
}

describe('masked models show', () => {
  it('where a larger ε breaks fewer: steps jump over what small ones find', async () => {
    // Lost only at a distance of 0.05 to 0.08: PGD within 0.06 ends there, within 0.45 at 0.45.
    const p = alongOnePixel((d) => Math.abs(d) > 0.05 && Math.abs(d) < 0.08, Math.sign);
    const swept = await run(p, { epsilons: [0.06, 0.45], fresh: 40 });
    const [small, large] = swept.cells as [Sweep['cells'][number], Sweep['cells'][number]];
    expect([small.standing, large.standing, large.carried]).toEqual([0, 0, 60]);
    expect(small.freshStanding).toBe(0);
    expect(large.freshStanding).toBeGreaterThan(20);
    expect(finding(swept, 'epsilon-monotone')).toMatchObject({
      verdict: 'fail',
      message: expect.stringMatching(/^ε 0.45 breaks fewer than ε 0.06 in 10 steps: \d+ of 40 images fewer/),
    });
  });

  it('where one step breaks more than many: gradients that turn back', async () => {
    // Lost beyond 0.395; from 0.28 on the gradient points back. One step of 0.4 leaps, steps of 0.1 turn round.
    const p = alongOnePixel(
      (d) => Math.abs(d) > 0.395,
      (d) => Math.sign(d) * (Math.abs(d) < 0.28 ? 1 : -1),
    );
    const swept = await run(p, { epsilons: [0.4], steps: [1, 10], fresh: 60 });
    const [one, many] = swept.cells as [Sweep['cells'][number], Sweep['cells'][number]];
    expect(one.standing).toBeLessThan(many.standing - 20);
    expect(finding(swept, 'one-step-beats-many')).toMatchObject({
      verdict: 'fail',
      message: expect.stringMatching(/^10 steps break fewer than 1 at ε 0.4: /),
    });
    expect(finding(swept, 'epsilon-monotone'), 'one radius').toBeUndefined();
  });

  it('where nothing is reached though anything is allowed: no gradient', async () => {
    const p = alongOnePixel(
      (d) => d > 0.499,
      () => 0,
    );
    const swept = await run(p, { epsilons: [0.1, 1] });
    expect(finding(swept, 'unbounded-succeeds')).toMatchObject({
      verdict: 'fail',
      figures: { epsilon: 1, standing: swept.cells[1]!.standing, images: 60 },
    });
  });

  it('and one image by chance is no failure, nor is one step asked to reach everything', async () => {
    const p = alongOnePixel((d) => Math.abs(d) > 0.01, Math.sign);
    // One image of sixty cannot be moved.
    const stubborn = {
      ...p,
      classifier: fake({
        classes: 2,
        logits: (image) => (image[1] !== 0.5 || Math.abs(image[0]! - 0.5) > 0.01 ? [0, 1] : [1, 0]),
        gradient: () => new Array<number>(12).fill(1),
      }),
    };
    const oracle: Oracle = {
      predict: async (data, shape) =>
        Float32Array.from({ length: 2 * shape[0]! }, (_, k) => {
          const moved = data[6 * (k - (k % 2))]! !== 0.5;
          return k % 2 === (moved ? 1 : 0) ? 1 : 0;
        }),
    };
    const swept = await run(stubborn, { epsilons: [1], oracle });
    expect(finding(swept, 'unbounded-succeeds')?.verdict).toBe('pass');
    const single = await run(p, { epsilons: [0.1, 1], steps: [1] });
    expect(single.findings).toEqual([]);
  });
});

describe('a sweep', () => {
  it('believes the oracle, not the attack', async () => {
    const p = twoClasses(6, 40);
    const never: Oracle = {
      predict: async (_, shape) =>
        Float32Array.from({ length: 2 * shape[0]! }, (_, k) => (k % 2 === 0 ? 1 : 0)),
    };
    const swept = await run(p, { oracle: never, epsilons: [0.25] });
    const labelled = p.y.filter((label) => label === 0).length;
    expect(swept.correct).toBe(labelled);
    const broken = p.margins.filter((m, i) => p.y[i] === 0 && m < 0.25 * lengths.linf(p.w)).length;
    expect(swept.cells[0]).toMatchObject({ standing: labelled, rejected: broken });
    expect(broken).toBeGreaterThan(10);
    const agreeing = await run(p, { oracle: oracleOf(p.classifier), epsilons: [0.25] });
    expect(agreeing.cells[0]).toMatchObject({ rejected: 0 });
  });

  it('is the same again with the same key', async () => {
    const options = { epsilons: [0.05, 0.1], steps: [1, 5], restarts: [1, 2] };
    const strip = (swept: Sweep) => swept.cells.map(({ seconds: _, ...cell }) => cell);
    expect(strip(await run(twoClasses(3, 30), options))).toEqual(
      strip(await run(twoClasses(3, 30), options)),
    );
  });

  it('counts the passes of each cell', async () => {
    const p = twoClasses(3, 30);
    const counts = () => ({ forwardImages: p.classifier.forwards, backwardImages: p.classifier.backwards });
    const { cells } = await run(p, {
      oracle: oracleOf(twoClasses(3, 30).classifier),
      counts,
      epsilons: [0, 0.02, 0.1],
    });
    expect(cells.reduce((sum, c) => sum + c.forwards, 0)).toBe(p.classifier.forwards);
    expect(cells.reduce((sum, c) => sum + c.backwards, 0)).toBe(p.classifier.backwards);
    expect(cells[0]).toMatchObject({ forwards: 0, backwards: 0 });
  });

  it('says how far it is, and ends when told to', async () => {
    const fractions: number[] = [];
    const stop = new AbortController();
    const p = twoClasses(3, 30);
    const grid = { epsilons: [0.05, 0.1], steps: [1, 5] };
    await run(p, { ...grid, onProgress: (_, f) => fractions.push(f) });
    expect(fractions.every((f, i) => f >= (fractions[i - 1] ?? 0) - 1e-9)).toBe(true);
    expect(fractions.at(-1)).toBeCloseTo(1, 9);
    const cut = run(p, { ...grid, signal: stop.signal, onProgress: (_, f) => f > 0.4 && stop.abort() });
    await expect(cut).rejects.toThrow(/abort/i);
  });

  it.each([
    [{ attack: 'fgsm' }, /^E_OPTION: a sweep of fgsm, expected .*pgd/],
    [{ attack: 'noise' }, /^E_OPTION: a sweep of noise/],
    [{ attack: 'gaat', norm: 'l2' }, /^E_OPTION: a sweep of gaat under l2, expected .*pgd/],
    [{ attack: 'square', stepSizes: [0.1] }, /^E_OPTION: stepSize for attack square/],
    [{ attack: 'square', restarts: [2] }, /^E_OPTION: restarts for attack square/],
    [{ epsilons: [] }, /^E_OPTION: no ε/],
    [{ epsilons: [-0.1] }, /^E_OPTION: ε of -0.1, expected 0 or more/],
    [{ epsilons: [Number.NaN] }, /^E_OPTION: ε of NaN/],
    [{ steps: [] }, /^E_OPTION: no steps/],
    [{ steps: [0] }, /^E_OPTION: steps of 0, expected 1 or more/],
    [{ restarts: [0] }, /^E_OPTION: restarts of 0/],
  ] as const)('refuses %j', async (options, message) => {
    await expect(run(twoClasses(1, 4), options)).rejects.toThrow(message);
  });

  it('of no images, or none that is classified correctly, has nothing to say', async () => {
    const p = twoClasses(1, 6);
    const none = { ...p, x: { data: new Float32Array(), shape: [0, 3, 2, 2] }, y: new Int32Array() };
    expect(await run(none, { epsilons: [0, 1] })).toMatchObject({ n: 0, correct: 0, findings: [] });
    const wrong = await run({ ...p, y: p.y.map((label) => 1 - label) }, { epsilons: [1] });
    expect(wrong).toMatchObject({ correct: 0, fresh: 0, findings: [] });
    expect(wrong.cells[0]).toMatchObject({ standing: 0, attacked: 0 });
  });
});
