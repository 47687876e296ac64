import { tmpdir } from 'node:os';
import { join } from 'node:path';
import fc from 'fast-check';
import fs from 'fs-extra';
import { afterAll, afterEach, beforeAll, describe, expect, it, vi } from 'vitest';
import { onnxruntimeEngine } from '../../src/engine/onnxruntime/index.ts';
import {
  type AttackInput,
  attacks,
  type Oracle,
  padded,
  predictAll,
  project,
  type Threat,
  verify,
} from '../../src/eval/index.ts';
import type { Claim } from '../../src/eval/verifier.ts';
import { decodeNpz } from '../../src/io/index.ts';
import { key, normal, uniform } from '../../src/random/index.ts';
import { buildHeadline } from '../../src/report/index.ts';
import { auditRun } from '../../src/runs/audit-run.ts';
import { type Files, writeFiles } from './files.ts';

/** Says class 1 to everything: with labels 0, every claim is a misclassification. */
const always = (label: number): Oracle => ({
  predict: async (_, [n]) => Float32Array.from({ length: 2 * n! }, (__, i) => (i % 2 === label ? 1 : 0)),
});

const claim = (x: readonly number[], adversarial: readonly number[], y = 0): Claim => ({
  x: Float32Array.from(x),
  adversarial: Float32Array.from(adversarial),
  y: Int32Array.of(y),
  shape: [1, 1, 1, x.length],
});

/** The float32 that is `steps` steps above a positive one. */
function above(value: number, steps: number): number {
  const bits = new Uint32Array(Float32Array.of(value).buffer);
  bits[0]! += steps;
  return new Float32Array(bits.buffer)[0]!;
}

describe('the verifier', () => {
  const linf: Threat = { norm: 'linf', epsilon: 0.1 };

  it.each([
    // 0.6 to the nearest float32 is 0.1 + 2.4e-8 from 0.5, and a step there is 6.0e-8: so is the tolerance, 2⁻²⁴.
    ['the nearest float32', 0, true],
    ['one float32 further', 1, false],
    ['one float32 nearer', -1, true],
  ])('under L∞ takes %s of x + ε: %i steps, %s', async (_, steps, ok) => {
    const result = await verify(always(1), claim([0.5], [above(0.6, steps)]), linf);
    expect(result.tolerance).toBe(2 ** -24);
    expect(result.confirmed).toEqual([ok]);
    expect(result.reasons).toEqual(ok ? {} : { 'outside the ball': 1 });
    expect(result.maxDistance).toBe(above(0.6, steps) - 0.5);
  });

  it('under L2 allows √n·2⁻²⁴ + ε·10⁻⁶: of 0.75 + 4 pixels, six steps of 2⁻²⁴ but not seven', async () => {
    const threat: Threat = { norm: 'l2', epsilon: 0.25 };
    const at = (steps: number) =>
      verify(always(1), claim([0.5, 0.5, 0.5, 0.5], [above(0.75, steps), 0.5, 0.5, 0.5]), threat);
    expect((await at(6)).tolerance).toBeCloseTo(2 * 2 ** -24 + 0.25e-6, 15);
    expect((await at(6)).confirmed).toEqual([true]);
    expect(await at(7)).toMatchObject({ confirmed: [false], reasons: { 'outside the ball': 1 } });
  });

  it('under L1 allows n·2⁻²⁴ + ε·10⁻⁶, and adds up what all pixels differ by', async () => {
    const threat: Threat = { norm: 'l1', epsilon: 0.5 };
    const at = (steps: number) =>
      verify(always(1), claim([0.5, 0.5, 0.5, 0.5], [above(0.75, steps), 0.25, 0.5, 0.5]), threat);
    expect((await at(0)).tolerance).toBeCloseTo(4 * 2 ** -24 + 0.5e-6, 15);
    expect((await at(0)).maxDistance).toBe(0.5);
    expect((await at(12)).confirmed).toEqual([true]); // 12·2⁻²⁴ = 7.15e-7 of the 7.38e-7 allowed
    expect(await at(13)).toMatchObject({ confirmed: [false], reasons: { 'outside the ball': 1 } });
  });

  it('takes whatever is projected onto the ball, in all norms and of any size', async () => {
    await fc.assert(
      fc.asyncProperty(
        fc.integer(),
        fc.constantFrom<Threat['norm']>('linf', 'l2', 'l1'),
        fc.double({ min: 1e-4, max: 1, noNaN: true }),
        fc.constantFrom(1, 12, 3072),
        async (seed, norm, epsilon, size) => {
          const x = { data: uniform(key(seed), size), shape: [1, 1, 1, size] };
          const far = normal(key(seed).fold('direction'), size, 0.5, 10);
          project(far, x, { norm, epsilon });
          const { confirmed } = await verify(
            always(1),
            { x: x.data, adversarial: far, y: Int32Array.of(0), shape: x.shape },
            { norm, epsilon },
          );
          expect(confirmed).toEqual([true]);
        },
      ),
    );
  });

  it.each([
    ['one float32 above 1', [1], [above(1, 1)], 'outside [0, 1]'],
    ['the smallest number below 0', [0], [-(2 ** -149)], 'outside [0, 1]'],
    ['NaN', [0.5], [Number.NaN], 'not finite'],
    ['infinity', [0.5], [Infinity], 'not finite'],
    ['minus infinity in one pixel of two', [0.5, 0.5], [0.5, -Infinity], 'not finite'],
    ['far away', [0.2], [0.9], 'outside the ball'],
  ] as const)('rejects %s', async (_, x, adversarial, reason) => {
    for (const norm of ['linf', 'l2', 'l1'] as const) {
      const result = await verify(always(1), claim(x, adversarial), { norm, epsilon: 0.1 });
      expect(result).toMatchObject({ confirmed: [false], rejected: 1, reasons: { [reason]: 1 } });
    }
  });

  it('takes 0, −0 and 1 themselves', async () => {
    for (const v of [0, -0, 1])
      expect((await verify(always(1), claim([v], [v]), linf)).confirmed).toEqual([true]);
  });

  it('rejects what is classified correctly, by its own oracle', async () => {
    expect(await verify(always(0), claim([0.5], [0.55]), linf)).toMatchObject({
      confirmed: [false],
      rejected: 1,
      reasons: { 'not misclassified': 1 },
    });
  });

  it('judges each claim by itself, counts by reason, and leaves what is not finite out of the distance', async () => {
    const claims: Claim = {
      x: Float32Array.of(0.5, 0.5, 0.5, 0.5),
      adversarial: Float32Array.of(0.55, 0.75, Number.NaN, 0.75),
      y: Int32Array.of(0, 0, 0, 0),
      shape: [4, 1, 1, 1],
    };
    expect(await verify(always(1), claims, linf)).toMatchObject({
      confirmed: [true, false, false, false],
      rejected: 3,
      reasons: { 'outside the ball': 2, 'not finite': 1 },
      maxDistance: 0.25,
    });
  });

  it('has nothing to say where nothing is claimed', async () => {
    const none: Claim = {
      x: new Float32Array(0),
      adversarial: new Float32Array(0),
      y: new Int32Array(0),
      shape: [0, 1, 1, 1],
    };
    expect(await verify(always(1), none, linf)).toMatchObject({
      confirmed: [],
      rejected: 0,
      maxDistance: null,
    });
  });

  it('counts the confirmed examples that are classified correctly alone', async () => {
    // In company everything is class 1; alone, an image is class 0 where its pixel is below 0.52.
    const oracle: Oracle = {
      predict: async (data, [n]) =>
        Float32Array.from({ length: 2 * n! }, (_, i) =>
          i % 2 === (n! > 1 || data[0]! >= 0.52 ? 1 : 0) ? 1 : 0,
        ),
    };
    const claims: Claim = {
      x: Float32Array.of(0.5, 0.5, 0.5),
      adversarial: Float32Array.of(0.51, 0.55, 0.9),
      y: Int32Array.of(0, 0, 0),
      shape: [3, 1, 1, 1],
    };
    expect(await verify(oracle, claims, linf)).toMatchObject({
      confirmed: [true, true, false],
      batchSizeOneMismatches: 1,
    });
    expect(await verify(oracle, claims, linf, { alone: false })).toMatchObject({ batchSizeOneMismatches: 0 });
    expect(await verify(oracle, claims, linf, { batchSize: 1 })).toMatchObject({
      confirmed: [false, true, false],
      batchSizeOneMismatches: 0,
    });
  });

  it('gives the oracle no more than the batch size, and an oracle of one size exactly that', async () => {
    const sizes: number[] = [];
    const counting: Oracle = {
      predict: async (data, shape) => {
        sizes.push(shape[0]!);
        return Float32Array.from({ length: 2 * shape[0]! }, (_, i) => (i % 2 === 0 ? 0.5 : data[i >> 1]!));
      },
    };
    const pixels = Float32Array.of(0.1, 0.9, 0.2, 0.8, 0.7);
    const expected = Int32Array.of(0, 1, 0, 1, 1);
    expect(await predictAll(counting, pixels, [5, 1, 1, 1], 2)).toEqual(expected);
    expect(await predictAll(padded(counting, 4), pixels, [5, 1, 1, 1], 4)).toEqual(expected);
    expect(sizes).toEqual([2, 2, 1, 4, 4]);
  });
});

describe('an audit', () => {
  let folder: string;
  let files: Files;
  const engine = onnxruntimeEngine({ threads: 1 });
  const epsilon = 0.02;
  const run = async (out?: string, names: readonly string[] = ['fgsm', 'pgd']) => {
    const result = await auditRun({
      model: files.model,
      data: files.data,
      threat: { norm: 'linf', epsilon },
      attacks: names,
      seed: 0,
      engine,
      commandLine: [],
      ...(out === undefined ? {} : { out }),
    });
    return { result, headline: buildHeadline(result) };
  };

  beforeAll(async () => {
    folder = await fs.mkdtemp(join(tmpdir(), 'touchstone-'));
    files = await writeFiles(folder);
  });
  afterEach(() => {
    vi.restoreAllMocks();
  });
  afterAll(async () => {
    await engine.close();
    await fs.remove(folder);
  });

  it('of a linear model finds its exact robust accuracy, and every example is confirmed', async () => {
    const { result, headline } = await run();
    const standing = files.margins.slice(0, -2).filter((m) => m > epsilon * files.dual).length;
    expect(result.clean).toMatchObject({ correct: 28, n: 30 });
    expect(result.robust).toEqual({ correct: standing, n: 30 });
    expect(standing).toBeGreaterThan(5);
    expect(standing).toBeLessThan(25);
    expect(result.verifier).toMatchObject({
      ok: true,
      rejected: 0,
      batchSizeOneMismatches: 0,
      tolerance: 2 ** -24,
    });
    expect(result.verifier.checked).toBe(2 * (28 - standing));
    expect(result.verifier.maxDistance).toBeLessThanOrEqual(epsilon + 2 ** -24);
    expect(headline.verifier).toBe('confirmed');
  });

  it('does not believe a lying attack: not ok, no lower accuracy, and its images are not handed out', async () => {
    const honest = (await run()).result;
    vi.spyOn(attacks.fgsm, 'run').mockImplementation(async ({ x, y }: AttackInput) => ({
      // A third is far outside the ball and misclassified, a third outside and not, a third the clean image itself.
      adversarial: x.data.map((v, i) => (i % 36 < 12 ? 1 - v : i % 36 < 24 ? 0.5 + 1.4 * (v - 0.5) : v)),
      broken: Array.from(y, () => true),
    }));
    const out = join(folder, 'lies');
    const { result, headline } = await run(out, ['pgd', 'fgsm']);
    expect(result.verifier).toMatchObject({
      ok: false,
      rejected: 28,
      reasons: { 'outside the ball': 19, 'not misclassified': 9 },
    });
    expect(result.robust).toEqual(honest.robust);
    expect(result.attacks[1]).toMatchObject({ name: 'fgsm', broken: 2 });
    expect(headline).toMatchObject({ trust: 'fail', verifier: 'rejected' });
    expect(headline.trustSentence).toMatch(/^Do not rely on this number: the verifier rejected 28 of/);

    const arrays = decodeNpz(fs.readFileSync(join(out, 'adversarial.npz')));
    const array = (name: string) => arrays.get(name)!.data as Float32Array;
    const away = array('x').map((v, i) => Math.abs(array('x_adv')[i]! - v));
    expect(Math.max(...away)).toBeLessThanOrEqual(epsilon + 2 ** -24);
    expect(Math.max(...away)).toBeGreaterThan(epsilon / 2); // PGD's are there
  });

  it('records a crash, counts it for nothing, and says not to rely on the number', async () => {
    const honest = (await run(undefined, ['pgd'])).result;
    vi.spyOn(attacks.fgsm, 'run').mockRejectedValue(new Error('out of memory'));
    const { result, headline } = await run();
    expect(result.attacks[0]).toMatchObject({ name: 'fgsm', error: 'out of memory', broken: 2 });
    expect(result.attacks[1]).not.toHaveProperty('error');
    expect(result.robust).toEqual(honest.robust);
    expect(headline).toMatchObject({ trust: 'fail' });
    expect(headline.trustSentence).toMatch(/^Do not rely on this number: .*fgsm.* did not finish/);
  });

  it('goes on where every gradient crashes, its ε curve too', async () => {
    vi.spyOn(attacks.pgd, 'run').mockRejectedValue(new Error('no gradient'));
    const { result, headline } = await run(undefined, ['pgd', 'fgsm']);
    expect(result.attacks.map((a) => a.error)).toEqual(['no gradient', undefined]);
    expect(result.attacks[1]!.broken).toBeGreaterThan(2);
    expect(result.sweep.map((s) => s.epsilon)).toEqual([0]);
    expect(headline.trust).toBe('fail');
    // Where no attack crashed, a curve that does is a failed run: nothing else would tell.
    await expect(run(undefined, ['fgsm'])).rejects.toThrow('no gradient');
  });

  it('with nothing but a crash does not call the model robust', async () => {
    vi.spyOn(attacks.fgsm, 'run').mockRejectedValue(new Error('no'));
    const { result, headline } = await run(undefined, ['fgsm']);
    expect(result.robustAccuracy).toBe(result.clean.accuracy);
    expect(headline.trust).toBe('fail');
    expect(headline.trustSentence).toContain('Do not rely on this number');
  });
});
