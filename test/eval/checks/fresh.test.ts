/** The checks that attack the sample themselves. */
import { describe, expect, it } from 'vitest';
import { TouchstoneError } from '../../../src/errors.ts';
import { checks, runChecks, type Threat } from '../../../src/eval/index.ts';
import { evidence, fake, oracleOf, twoClasses } from '../fakes.ts';
import { broken, edge, grey, list, run } from './given.ts';

const N = 64;
const threat: Threat = { norm: 'linf', epsilon: 0.1 };

/** Where each image of an attack started: what the first gradients were asked at. */
const starts = (classifier: ReturnType<typeof edge>): Float32Array[] =>
  classifier.sights
    .filter((s) => s.kind === 'gradient')
    .slice(0, N)
    .map((s) => s.image);

describe('unbounded-succeeds', () => {
  it('passes where the gradient leads across the edge', async () => {
    const finding = await run('unbounded-succeeds', { ...grey(N), classifier: edge(0.02), threat });
    expect(finding).toMatchObject({ verdict: 'pass', figures: { samples: N, left: 0, epsilon: 1 } });
  });

  it.each([
    [1, 'warn'],
    [5, 'fail'],
  ] as const)('leaves those %d whose gradient vanishes: %s', async (hidden, verdict) => {
    // All pixels but the first stay where the attack starts: the `hidden` brightest of these starts have no gradient.
    const rest = (image: Float32Array) => image.reduce((sum, v, i) => (i === 0 ? 0 : sum + v), 0);
    const probe = edge(0.02);
    await run('unbounded-succeeds', { ...grey(N), classifier: probe, threat });
    const above = starts(probe)
      .filter((image) => image[0]! >= 0.02)
      .map(rest)
      .sort((a, b) => b - a)[hidden]!;
    const classifier = edge(0.02, (image) => (rest(image) > above ? 0 : -1));
    const finding = await run('unbounded-succeeds', { ...grey(N), classifier, threat });
    expect(finding).toMatchObject({ verdict, figures: { left: hidden } });
  });

  it('knows the largest distances of L2 and L1', async () => {
    const over = { ...grey(N), classifier: edge(0.02) };
    for (const [norm, epsilon] of [
      ['l2', Math.sqrt(12)],
      ['l1', 12],
    ] as const)
      expect(await run('unbounded-succeeds', { ...over, threat: { norm, epsilon: 1 } })).toMatchObject({
        verdict: 'pass',
        figures: { epsilon },
      });
  });
});

describe('converged', () => {
  // Steps of ε/1000 from a start u·ε: the edge at −0.9 ε is passed after 1000·(u + 0.9) steps.
  const slow = { steps: 100, stepSize: threat.epsilon / 1000 };
  const over = (parameters = {}) => {
    const classifier = edge(0.5 - 0.9 * threat.epsilon);
    return { ...grey(N), classifier, threat, parameters };
  };
  const counts = (classifier: ReturnType<typeof edge>) => {
    const u = starts(classifier).map((image) => (image[0]! - 0.5) / threat.epsilon);
    const within = (steps: number) => u.filter((v) => v < -0.9 + steps / 1000).length;
    return { lastTenth: within(100) - within(90), broken: within(100), later: within(1000) - within(100) };
  };

  it('passes where the attack has come to its end', async () => {
    expect(await run('converged', over())).toMatchObject({
      verdict: 'pass',
      figures: { steps: 40, broken: N, manySteps: 400, later: 0, beyond: 0 },
    });
  });

  it('counts what the last tenth and ten times the steps win', async () => {
    const given = over(slow);
    const finding = (await run('converged', given))!;
    const { lastTenth, broken: all, later } = counts(given.classifier);
    expect(later).toBeGreaterThan(20);
    expect(finding.verdict).toBe('fail');
    expect(finding.figures).toMatchObject({
      steps: 100,
      manySteps: 1000,
      lastTenth,
      broken: all,
      later,
      beyond: later,
    });
  });

  it('warns where other attacks broke what PGD had not come to', async () => {
    const indices = Array.from({ length: N }, (_, i) => 2 * i);
    const given = { ...over(slow), indices, ...broken({ 'apgd-t': list(2 * N, 0, 2 * N) }) };
    expect(await run('converged', given)).toMatchObject({ verdict: 'warn', figures: { beyond: 0 } });
    // All but the sample's first five: those are news, and few.
    const rest = { ...given, ...broken({ 'apgd-t': list(2 * N, 10, 2 * N) }) };
    const finding = (await run('converged', rest))!;
    expect(finding.verdict).toBe('warn');
    expect(finding.figures.beyond).toBeLessThanOrEqual(5);
  });
});

describe('epsilon-monotone', () => {
  it('fails where an attack gets lost in a larger ball', async () => {
    // Beyond 0.56 the gradient points the wrong way: no start at ε/2 is there, and many at 2 ε and 4 ε.
    const classifier = edge(0.46, (image) => (image[0]! > 0.56 ? 1 : -1));
    const finding = (await run('epsilon-monotone', { ...grey(N), classifier, threat }))!;
    expect(finding.verdict).toBe('fail');
    const [half, one, two, four] = String(finding.figures.brokenAnew).split(', ').map(Number) as number[];
    expect(half).toBe(N);
    expect(one).toBeLessThan(N);
    expect(two).toBeLessThan(one!);
    expect(finding.figures.lostAgain).toBe(N - Math.min(one!, two!, four!));
  });

  it('passes where it does not, and is no warning where nothing moves but the curve', async () => {
    const classifier = edge(0.46);
    const sweep = [0, 0.1, 0.2].map((epsilon) => ({ epsilon, robustAccuracy: 1 }));
    expect(await run('epsilon-monotone', { ...grey(N), classifier, threat, sweep })).toMatchObject({
      verdict: 'pass',
      figures: { brokenAnew: `${N}, ${N}, ${N}, ${N}` },
    });
  });
});

describe('saturated-softmax', () => {
  const scaled = (gap: number) =>
    fake({
      classes: 2,
      logits: (image) => [gap + image[0]! - 0.5, 0],
      gradient: (loss, image, _, z) => {
        const p = Math.exp(z[1]! - z[0]!) / (1 + Math.exp(z[1]! - z[0]!));
        return Array.from(image, (__, i) => (i === 0 ? (loss === 'ce' ? -p : -1) : 0));
      },
    });
  it.each([
    [5, 'pass', 0, 0],
    [16, 'pass', 0, 0],
    [18, 'warn', N, 0],
    [80, 'warn', N, 0],
    [120, 'fail', N, N],
  ] as const)('a gap of %d between logits: %s', async (gap, verdict, one, hidden) => {
    expect(await run('saturated-softmax', { ...grey(N), classifier: scaled(gap) })).toMatchObject({
      verdict,
      figures: { probabilityOne: one, hiddenGradient: hidden },
    });
  });
});

describe('finite-differences at the distance of an attack’s step', () => {
  // A ripple of period 0.02 on pixel 0: its slope at the image is right, and foretells nothing 0.01 away.
  const rippled = (height: number) => {
    const wave = (v: number) => v + height * Math.sin((2 * Math.PI * v) / 0.02);
    const slope = (v: number) => 1 + ((height * 2 * Math.PI) / 0.02) * Math.cos((2 * Math.PI * v) / 0.02);
    const { w } = twoClasses(1, 1);
    return fake({
      classes: 2,
      logits: (image) => [image.reduce((sum, v, i) => sum + 1e4 * wave(v) * w[i]!, 0), 0],
      gradient: (_, image) => Array.from(image, (v, i) => -1e4 * slope(v) * w[i]!),
    });
  };
  const images = () => {
    const { x } = twoClasses(3, N);
    return { x, y: new Int32Array(N) };
  };
  it.each([
    [0, 'pass'],
    [0.02, 'fail'],
  ] as const)('a ripple of %d: %s', async (height, verdict) => {
    const finding = (await run('finite-differences', { ...images(), classifier: rippled(height), threat }))!;
    expect(finding).toMatchObject({ verdict, figures: { attackStep: 0.01 } });
    expect(finding.figures.cosine).toBeGreaterThan(0.99);
  });
});

describe('a model that no gradient goes through', () => {
  const dead = () => {
    const { classifier, x, y } = twoClasses(1, N);
    classifier.gradient = () =>
      Promise.reject(new TouchstoneError('E_UNSUPPORTED', 'no gradient reaches "x"', 'a path of operators'));
    return evidence({ classifier, x, y, oracle: oracleOf(classifier), threat });
  };

  it('fails one check, and the others have nothing to say', async () => {
    const findings = await runChecks(dead());
    expect(findings.filter((f) => f.verdict === 'fail').map((f) => f.id)).toEqual(['zero-gradients']);
    expect(findings.find((f) => f.id === 'zero-gradients')!.message).toMatch(
      /^No gradient reaches the images/,
    );
    expect(findings.map((f) => f.id)).toEqual([
      'zero-gradients',
      'stable-predictions',
      'batch-composition',
      'graph-risks',
    ]);
  });
});

describe('all checks on a linear model', () => {
  it('pass, without a list of what was broken', async () => {
    const findings = await runChecks(evidence({ threat }));
    const needSquare = ['black-box-finds-more', 'square-after-apgd'];
    expect(findings.map(({ id, verdict }) => [id, verdict])).toEqual(
      Object.keys(checks)
        .filter((id) => !needSquare.includes(id))
        .map((id) => [id, 'pass']),
    );
  });

  it('say nothing of no images', async () => {
    const { x } = grey(0);
    const findings = await runChecks(evidence({ x, y: new Int32Array(0), threat }));
    expect(findings.map((f) => f.id)).toEqual(['graph-risks']);
  });

  it('give the same twice: their attacks draw from the key', async () => {
    const figures = async () => (await runChecks(evidence({ threat }))).map((f) => f.figures);
    expect(await figures()).toEqual(await figures());
  });
});
