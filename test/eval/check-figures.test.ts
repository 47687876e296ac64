/** The figures that checks give, and all checks together. */
import { describe, expect, it } from 'vitest';
import { TouchstoneError } from '../../src/errors.ts';
import { checks, type Oracle, type Reference, runChecks } from '../../src/eval/index.ts';
import { broken, curve, list, moody, run, samples, spoilt } from './evidence.ts';
import { card, evidence, fake, linear, oracleOf, twoClasses } from './fakes.ts';

describe('figures', () => {
  it('of zero-gradients are counts of samples', async () => {
    expect(
      (await run(
        'zero-gradients',
        spoilt(64, 3, 'ce', () => 0),
      ))!.figures,
    ).toEqual({
      samples: 64,
      zeroCrossEntropy: 3,
      zeroMargin: 0,
      notFinite: 0,
    });
  });

  it('of stable-predictions tell runs, batch size and company apart', async () => {
    const figures = async (oracle: Oracle) =>
      (await run('stable-predictions', { ...samples(40), oracle, maxBatch: 8 }))!.figures;
    expect(await figures(moody((_, { size }) => (size === 1 ? 1 : 0)))).toMatchObject({
      betweenRuns: 0,
      atBatchSizeOne: 40,
      inReversedOrder: 0,
    });
    // The first of each batch of eight is 1: alone, all are; the other way round, another one of each batch is.
    expect(await figures(moody((_, { row }) => (row === 0 ? 1 : 0)))).toMatchObject({
      betweenRuns: 0,
      atBatchSizeOne: 35,
      inReversedOrder: 10,
    });
    // Five batches a run: the third run answers otherwise.
    expect(await figures(moody((_, { call }) => (call >= 10 && call < 15 ? 1 : 0)))).toMatchObject({
      betweenRuns: 40,
      atBatchSizeOne: 0,
      inReversedOrder: 0,
    });
  });

  it('of finite-differences are 1 for a linear model, up to float32 losses', async () => {
    // Losses of about 1 differ by 2e-3·slope and carry 6e-8 of rounding: 1e-4 of the slope, 1e-8 of the cosine.
    const { figures } = (await run('finite-differences'))!;
    expect(figures.cosine).toBeGreaterThan(0.9999);
    expect(figures.samples).toBe(40);
  });

  it('of finite-differences come from the float64 reference where there is one', async () => {
    const { w } = twoClasses(1, 40);
    const b = -w.reduce((sum, v) => sum + v * 0.5, 0);
    const size = w.length;
    const reference: Reference = (x) =>
      Float64Array.from({ length: (2 * x.length) / size }, (_, i) => {
        const from = (i >> 1) * size;
        const f = w.reduce((sum, v, k) => sum + v * x[from + k]!, b);
        return i % 2 === 0 ? f / 2 : -f / 2;
      });
    const { figures, verdict } = (await run('finite-differences', { reference }))!;
    // Margins of about 1 differ by 2e-7·slope and carry 1e-16 of rounding; the gradient is float32.
    expect(figures).toMatchObject({ precision: 'float64', step: 1e-7, samples: 8 });
    expect(figures.cosine).toBeGreaterThan(0.999999);
    expect(verdict).toBe('pass');
    // One with the opposite sign is caught; so is one that the gradient's straight-through nodes explain.
    const opposite: Reference = (x, shape) => reference(x, shape).map((v) => -v);
    expect(await run('finite-differences', { reference: opposite })).toMatchObject({ verdict: 'fail' });
    const rounding = card({ zeroGradients: ['Round "r" (straight-through)'] });
    const explained = await run('finite-differences', { reference: opposite, card: rounding });
    expect(explained).toMatchObject({ verdict: 'warn', message: expect.stringContaining('as they must') });
    // What the reference cannot compute is left to the engine.
    const random: Reference = () => {
      throw new TouchstoneError('E_UNSUPPORTED', 'RandomNormal is random');
    };
    expect((await run('finite-differences', { reference: random }))!.figures.precision).toBe('float32');
  });

  it('of the curve are its ends and its largest rise', async () => {
    expect((await run('epsilon-monotone', curve(0.9, 0.5, 0.75, 0.25)))!.figures).toEqual({
      largestRise: 0.25,
      first: 0.9,
      last: 0.25,
      points: 4,
    });
  });
});

describe('all checks together', () => {
  const attacked = {
    ...broken({
      noise: list(40, 0, 1),
      fgsm: list(40, 0, 9),
      pgd: list(40, 0, 9),
      'apgd-t': list(40, 0, 9),
      square: list(40, 0, 8),
    }),
    ...curve(1, 0.5, 0),
    threat: { norm: 'linf', epsilon: 0.1 },
  } as const;

  it('pass a linear model, in the order of the registry', async () => {
    const findings = await runChecks(evidence(attacked));
    expect(findings.map(({ id, verdict }) => [id, verdict])).toEqual(
      Object.keys(checks).map((id) => [id, 'pass']),
    );
    expect(findings.map((f) => f.title)).toEqual(Object.values(checks).map((c) => c.title));
  });

  it('fail where they crash, and the others still run', async () => {
    const { classifier } = twoClasses(1, 1);
    classifier.gradient = () => Promise.reject(new Error('no kernel'));
    const findings = await runChecks(evidence({ ...attacked, classifier }));
    // Those that take gradients of their own.
    const gradients = [
      ...['epsilon-monotone', 'unbounded-succeeds', 'converged'],
      ...['zero-gradients', 'saturated-softmax', 'finite-differences'],
    ];
    expect(findings.filter((f) => f.verdict === 'fail').map((f) => [f.id, f.message])).toEqual([
      ...gradients.map((id) => [id, 'The check did not finish: no kernel']),
    ]);
    expect(findings).toHaveLength(Object.keys(checks).length);
  });

  it('expose a saturated softmax: logits of thousands, whose cross-entropy has no gradient', async () => {
    const { x, y, w } = twoClasses(1, 40);
    const b = -w.reduce((sum, v) => sum + v * 0.5, 0);
    const classifier = linear([w.map((v) => v * 1e5), w.map((v) => v * -1e5)], [b * 1e5, -b * 1e5]);
    const findings = await runChecks(
      evidence({ ...attacked, classifier, oracle: oracleOf(classifier), x, y }),
    );
    expect(Object.fromEntries(findings.map((f) => [f.id, f.verdict]))).toMatchObject({
      'zero-gradients': 'warn',
      'finite-differences': 'pass',
    });
  });

  it('expose a masked model: a staircase, flat wherever one looks', async () => {
    const step = (v: number) => Math.floor(v * 500) / 500; // a step is as wide as the differences taken
    const { x, y, w } = twoClasses(1, 40);
    const logits = (image: Float32Array) => {
      const f = image.reduce((sum, v, i) => sum + step(v - 0.5) * w[i]!, 0);
      return [f / 2, -f / 2];
    };
    const classifier = fake({ classes: 2, logits }); // its gradient is zero, and that is true
    const findings = await runChecks(
      evidence({ ...attacked, classifier, oracle: oracleOf(classifier), x, y }),
    );
    expect(Object.fromEntries(findings.map((f) => [f.id, f.verdict]))).toMatchObject({
      'zero-gradients': 'fail',
      'finite-differences': 'fail',
    });
  });
});
