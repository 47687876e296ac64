import { describe, expect, it } from 'vitest';
import { TouchstoneError } from '../../src/errors.ts';
import {
  type AttackName,
  checks,
  type Evidence,
  type Finding,
  type Oracle,
  type Reference,
  runChecks,
  type Verdict,
} from '../../src/eval/index.ts';
import { resultSchema } from '../../src/report/index.ts';
import { card, evidence, fake, linear, oracleOf, twoClasses } from './fakes.ts';

const run = (id: string, over: Partial<Evidence> = {}) => checks[id]!.run(evidence(over));

/** Which of `n` samples an attack broke: those in [from, to). */
const list = (n: number, from: number, to: number) =>
  Array.from({ length: n }, (_, i) => i >= from && i < to);
const broken = (of: Partial<Record<AttackName, readonly boolean[]>>) => ({
  broken: new Map(Object.entries(of)) as Evidence['broken'],
});
const curve = (...accuracies: number[]) => ({
  sweep: accuracies.map((robustAccuracy, i) => ({ epsilon: i / 10, robustAccuracy })),
});

/** Five images of 0.5 and labels 0, for classifiers that only look at the sample's number in pixel 1. */
const samples = (n: number) => ({
  x: {
    data: Float32Array.from({ length: n * 12 }, (_, i) => (i % 12 === 1 ? Math.floor(i / 12) / n : 0.5)),
    shape: [n, 3, 2, 2],
  },
  y: new Int32Array(n),
});

/** The true gradients of a linear model, spoilt for the first `bad` of `n` samples. */
function spoilt(n: number, bad: number, loss: 'ce' | 'margin' | 'both', by: (v: number) => number) {
  const { x, y } = samples(n);
  const classifier = fake({
    classes: 2,
    logits: (image) => [image[0]! + 1, 0],
    gradient: (which, image) => {
      const spoil = Math.round(image[1]! * n) < bad && (loss === 'both' || loss === which);
      return Array.from(image, (_, i) => (spoil ? by(i === 0 ? -1 : 0) : i === 0 ? -1 : 0));
    },
  });
  return { classifier, x, y };
}

/** An oracle whose answer may depend on the batch and on how often it was asked. */
const moody = (
  label: (image: Float32Array, place: { row: number; size: number; call: number }) => number,
): Oracle => {
  let call = 0;
  return {
    async predict(data, [n]) {
      const [each, out] = [data.length / n!, new Float32Array(2 * n!)];
      for (let row = 0; row < n!; row++)
        out[2 * row + label(data.subarray(row * each, (row + 1) * each), { row, size: n!, call })] = 1;
      call += 1;
      return out;
    },
  };
};
const number = (image: Float32Array, n: number) => Math.round(image[1]! * n);

/** A classifier of one pixel whose claimed slope is the true one times `factor`. */
const steep = (factor: (image: Float32Array) => number) =>
  fake({
    classes: 2,
    logits: (image) => [image[0]! * 3, image[0]! * -3],
    gradient: (_, image) => Array.from(image, (__, i) => (i === 0 ? -6 * factor(image) : 0)),
  });

const cases: readonly [id: string, verdict: Verdict, why: string, over: Partial<Evidence>][] = [
  [
    'noise-finds-more',
    'pass',
    'PGD breaks all that noise does',
    broken({ noise: list(200, 0, 5), pgd: list(200, 0, 9) }),
  ],
  [
    'noise-finds-more',
    'warn',
    '1 of 200 samples falls to noise alone',
    broken({ noise: list(200, 8, 10), pgd: list(200, 0, 9) }),
  ],
  [
    'noise-finds-more',
    'fail',
    '3 of 200 fall to noise alone',
    broken({ noise: list(200, 8, 12), pgd: list(200, 0, 9) }),
  ],
  [
    'noise-finds-more',
    'fail',
    'the same, with the margin PGD for want of the other',
    broken({ noise: list(9, 0, 3), 'pgd-margin': list(9, 3, 4) }),
  ],

  [
    'one-step-beats-many',
    'pass',
    'PGD breaks all that FGSM does',
    broken({ fgsm: list(200, 0, 50), pgd: list(200, 0, 90) }),
  ],
  [
    'one-step-beats-many',
    'pass',
    '2 of 200 samples fall to one step alone',
    broken({ fgsm: list(200, 0, 50), pgd: list(200, 2, 90) }),
  ],
  [
    'one-step-beats-many',
    'warn',
    '3 of 200 fall to one step alone',
    broken({ fgsm: list(200, 0, 50), pgd: list(200, 3, 90) }),
  ],
  [
    'one-step-beats-many',
    'fail',
    'FGSM breaks more',
    broken({ fgsm: list(200, 0, 50), pgd: list(200, 0, 49) }),
  ],

  ['epsilon-monotone', 'pass', 'the curve falls', curve(1, 0.8, 0.3, 0)],
  [
    'epsilon-monotone',
    'pass',
    'the curve rises by less than the starts of PGD explain',
    curve(1, 0.8, 0.804, 0),
  ],
  ['epsilon-monotone', 'warn', 'the curve rises', curve(1, 0.5, 0.52, 0.1)],
  ['epsilon-monotone', 'warn', 'the curve is flat: no attack moves the model', curve(0.9, 0.9, 0.9)],
  ['epsilon-monotone', 'pass', 'there is nothing left to lose', curve(0, 0, 0)],

  ['zero-gradients', 'pass', 'all are there', spoilt(64, 0, 'both', () => 0)],
  ['zero-gradients', 'warn', 'one of 64 is zero even of the margin', spoilt(64, 1, 'both', () => 0)],
  ['zero-gradients', 'fail', 'four of 64 are', spoilt(64, 4, 'both', () => 0)],
  [
    'zero-gradients',
    'warn',
    'the softmax is saturated: the cross-entropy has none, the margin has',
    spoilt(64, 64, 'ce', () => 0),
  ],
  ['zero-gradients', 'pass', 'three of 64 are saturated', spoilt(64, 3, 'ce', () => 0)],
  ['zero-gradients', 'fail', 'one of 64 is NaN', spoilt(64, 1, 'ce', () => Number.NaN)],
  ['zero-gradients', 'fail', 'some are infinite', spoilt(64, 4, 'margin', () => Infinity)],
  [
    'zero-gradients',
    'fail',
    'all are below the normal float32',
    spoilt(64, 64, 'both', (v) => v * 2 ** -140),
  ],

  [
    'stable-predictions',
    'pass',
    'it depends on the image alone',
    { ...samples(200), oracle: moody((image) => (image[1]! > 0.5 ? 1 : 0)) },
  ],
  [
    'stable-predictions',
    'fail',
    'it draws lots',
    { ...samples(200), oracle: moody((image, { call }) => (number(image, 200) + Math.floor(call / 13)) % 2) },
  ],
  [
    'stable-predictions',
    'warn',
    'one of 200 differs alone',
    { ...samples(200), oracle: moody((image, { size }) => (size === 1 && number(image, 200) === 7 ? 1 : 0)) },
  ],
  [
    'stable-predictions',
    'fail',
    'three of 200 differ alone',
    { ...samples(200), oracle: moody((image, { size }) => (size === 1 && number(image, 200) < 3 ? 1 : 0)) },
  ],
  [
    'stable-predictions',
    'fail',
    'it depends on the place in the batch',
    { ...samples(200), oracle: moody((_, { row }) => (row > 2 ? 1 : 0)) },
  ],

  ['finite-differences', 'pass', 'they agree', { ...samples(60), classifier: steep(() => 1) }],
  // Slopes of one half in size: cos = Σ(f·1)/√(Σf²·Σ1); for f = 0 on 1 in 6 samples √(5/6) = 0.913, on 1 in 2 it is 0.71.
  [
    'finite-differences',
    'warn',
    'a sixth of the samples hides its slope',
    { ...samples(60), classifier: steep((i) => (number(i, 60) % 6 === 0 ? 0 : 1)) },
  ],
  [
    'finite-differences',
    'fail',
    'half of them do',
    { ...samples(60), classifier: steep((i) => (number(i, 60) % 2 === 0 ? 0 : 1)) },
  ],
  [
    'finite-differences',
    'fail',
    'the gradient has the wrong sign',
    { ...samples(60), classifier: steep(() => -1) },
  ],
  [
    'finite-differences',
    'fail',
    'it is zero where the loss is not flat',
    { ...samples(60), classifier: steep(() => 0) },
  ],
  ['finite-differences', 'fail', 'it is NaN', { ...samples(60), classifier: steep(() => Number.NaN) }],

  ['graph-risks', 'pass', 'there is none', {}],
  [
    'graph-risks',
    'pass',
    'a softmax, which attacks go behind',
    { card: card({ outputKind: 'probabilities' }) },
  ],
  ['graph-risks', 'warn', 'the graph rounds', { card: card({ maskingRisks: ['Sign "s"'] }) }],
];

describe('each check', () => {
  it.each(cases)('%s: %s where %s', async (id, verdict, _, over) => {
    const finding = await run(id, over);
    expect(finding).toMatchObject({ verdict });
    expect(finding!.message).toMatch(/^[A-Z0-9].*[.]$/);
    recordable(id, finding!);
  });

  it('gives every verdict that it can, here', () => {
    const seen = new Map<string, Set<Verdict>>();
    for (const [id, verdict] of cases) seen.set(id, (seen.get(id) ?? new Set()).add(verdict));
    const three = ['fail', 'pass', 'warn'];
    const expected = Object.keys(checks).map((id) => [
      id,
      // An ε curve alone, or an operator's mere presence, convicts nobody.
      id === 'epsilon-monotone' || id === 'graph-risks' ? three.slice(1) : three,
    ]);
    expect([...seen].map(([id, verdicts]) => [id, [...verdicts].sort()])).toEqual(expected);
  });

  const lacking: readonly [id: string, over: Partial<Evidence>][] = [
    ['noise-finds-more', broken({ noise: [true] })],
    ['noise-finds-more', broken({ pgd: [true] })],
    ['one-step-beats-many', broken({ fgsm: [true] })],
    ['one-step-beats-many', broken({ pgd: [true] })],
    ['epsilon-monotone', curve(1, 0.5)],
    ['zero-gradients', samples(0)],
    ['finite-differences', samples(0)],
    ['stable-predictions', samples(0)],
  ];
  it.each(lacking)('%s says nothing without its evidence: %o', async (id, over) => {
    expect(await run(id, over)).toBeUndefined();
  });
});

/** A finding must go into a result: no NaN or Infinity, which JSON cannot hold. */
function recordable(id: string, { verdict, figures, message }: Finding): void {
  const entry = { id, verdict, title: 'T', figures, section: `docs/checks.md#${id}`, message };
  expect(resultSchema.shape.checks.safeParse([entry]).error).toBeUndefined();
}

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
    ...broken({ noise: list(40, 0, 1), fgsm: list(40, 0, 9), pgd: list(40, 0, 9) }),
    ...curve(1, 0.5, 0),
  };

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
    expect(findings.filter((f) => f.verdict === 'fail').map((f) => [f.id, f.message])).toEqual([
      ['zero-gradients', 'The check did not finish: no kernel'],
      ['finite-differences', 'The check did not finish: no kernel'],
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
