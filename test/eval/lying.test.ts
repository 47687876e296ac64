/** Attacks that lie, at the verifier's door and through a whole audit: each is refused, by the name of what is wrong. */
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import fs from 'fs-extra';
import { afterAll, afterEach, beforeAll, describe, expect, it, vi } from 'vitest';
import { onnxruntimeEngine } from '../../src/engine/onnxruntime/index.ts';
import { attacks, type Ball, type Norm, type Oracle, verify } from '../../src/eval/index.ts';
import { buildHeadline } from '../../src/report/index.ts';
import { auditRun } from '../../src/runs/audit-run.ts';
import { oracleOf } from './fakes.ts';
import {
  claiming,
  classifier,
  companyGraph,
  type Given,
  type LieName,
  lies,
  marginOf,
  pictures,
  radiiOf,
  radiusOf,
  truth,
  writeSubject,
} from './lies.ts';

const N = 24;
const NORMS: readonly Norm[] = ['linf', 'l2', 'l1'];
const names = Object.keys(lies) as LieName[];
const { x, y } = pictures(N);

describe('the verifier', () => {
  const balls = NORMS.flatMap((norm): [string, Ball][] => [
    [`${norm}, one radius`, { norm, epsilon: radiusOf(norm) }],
    [`${norm}, a radius for each image`, { norm, epsilon: radiiOf(norm, N) }],
  ]);
  const examine = (ball: Ball, tell: (given: Given) => Float32Array, oracle = oracleOf(classifier())) =>
    verify(oracle, { x: x.data, adversarial: tell({ x, y, threat: ball }), y, shape: x.shape }, ball);
  const all = Array<boolean>(N).fill(true);
  const none = Array<boolean>(N).fill(false);

  it.each(balls)('%s: confirms what is so', async (_, ball) => {
    const { confirmed, reasons, maxDistance, tolerance, ...rest } = await examine(ball, truth);
    expect(confirmed).toEqual(all);
    expect(reasons).toEqual({});
    expect(rest).toEqual({ rejected: 0, batchSizeOneMismatches: 0 });
    const largest = typeof ball.epsilon === 'number' ? ball.epsilon : Math.max(...ball.epsilon);
    expect(Math.abs(maxDistance! - largest)).toBeLessThanOrEqual(tolerance);
    expect(tolerance).toBeLessThan(2e-6);
  });

  it.each(balls.flatMap(([where, ball]) => names.map((name) => [where, name, ball] as const)))(
    '%s: refuses %s',
    async (_, name, ball) => {
      const { reason, tell } = lies[name];
      const { confirmed, reasons, rejected } = await examine(ball, tell);
      expect(confirmed).toEqual(none);
      expect([rejected, reasons]).toEqual([N, { [reason]: N }]);
    },
  );

  it.each(NORMS)('%s: measures each image against its own radius, not the largest', async (norm) => {
    // As if all had the largest radius: those with less room are outside of theirs, by 0.4/24 of it at least.
    const radii = radiiOf(norm, N);
    const wide = Math.max(...radii);
    const { confirmed, reasons } = await examine({ norm, epsilon: radii }, (given) =>
      truth({ ...given, threat: { norm, epsilon: wide } }),
    );
    expect(confirmed).toEqual(all.map((_, i) => i === N - 1));
    expect(reasons).toEqual({ 'outside the ball': N - 1 });
  });

  it.each(NORMS)('%s: refuses a claim whose radius is not there', async (norm) => {
    const given = { x, y, threat: { norm, epsilon: radiusOf(norm) } };
    const claim = { x: x.data, adversarial: truth(given), y, shape: x.shape };
    const few = { norm, epsilon: new Float32Array(N - 1).fill(2 * radiusOf(norm)) };
    const { reasons } = await verify(oracleOf(classifier()), claim, few);
    expect(reasons).toEqual({ 'outside the ball': 1 });
  });

  /** Sees images as they are in batches of some sizes, and their opposites in others. */
  const moody = (sees: (size: number) => boolean): Oracle => ({
    async predict(data, shape) {
      const logits = await classifier().logits({ data, shape });
      return sees(shape[0]!) ? logits : logits.map((v) => -v);
    },
  });

  it.each(balls)('%s: counts a success in company only', async (_, ball) => {
    const result = await examine(
      ball,
      truth,
      moody((size) => size > 1),
    );
    expect(result).toMatchObject({ rejected: 0, batchSizeOneMismatches: N });
  });

  it.each(balls)('%s: refuses a success alone only', async (_, ball) => {
    const result = await examine(
      ball,
      truth,
      moody((size) => size === 1),
    );
    expect(result).toMatchObject({ rejected: N, reasons: { 'not misclassified': N } });
  });
});

describe('an audit', () => {
  let folder: string;
  const engine = onnxruntimeEngine({ threads: 1 });
  const audit = (model: string, norm: Norm) =>
    auditRun({
      model,
      data: join(folder, 'plain', 'data.npz'),
      threat: { norm, epsilon: radiusOf(norm) },
      attacks: ['fgsm'],
      seed: 0,
      engine,
      commandLine: [],
    });
  const plain = (norm: Norm) => audit(join(folder, 'plain', 'model.onnx'), norm);

  beforeAll(async () => {
    folder = await fs.mkdtemp(join(tmpdir(), 'touchstone-lies-'));
    await writeSubject(join(folder, 'plain'), N);
    await writeSubject(join(folder, 'company'), N, companyGraph());
  });
  afterEach(() => {
    vi.restoreAllMocks();
  });
  afterAll(async () => {
    await engine.close();
    await fs.remove(folder);
  });

  it.each(NORMS)('%s: believes what is so', async (norm) => {
    vi.spyOn(attacks.fgsm, 'run').mockImplementation(claiming(truth));
    const { robust, verifier } = await plain(norm);
    expect(robust).toEqual({ correct: 0, n: N });
    expect(verifier).toMatchObject({ ok: true, checked: N, rejected: 0, batchSizeOneMismatches: 0 });
  });

  it.each(NORMS.flatMap((norm) => names.map((name) => [norm, name] as const)))(
    '%s: %s breaks nothing, is named, and spoils the number',
    async (norm, name) => {
      const { reason, tell } = lies[name];
      vi.spyOn(attacks.fgsm, 'run').mockImplementation(claiming(tell));
      const result = await plain(norm);
      expect(result.robust).toEqual({ correct: N, n: N });
      expect(result.attacks).toMatchObject([{ name: 'fgsm', broken: 0, attacked: N }]);
      expect(result.verifier).toMatchObject({ ok: false, checked: N, rejected: N, reasons: { [reason]: N } });
      expect(result.verdict).toMatchObject({ belief: 'not believable' });
      expect(result.verdict!.reasons[0]).toBe(`The verifier rejected ${N} of ${N} adversarial examples.`);
      expect(buildHeadline(result)).toMatchObject({ trust: 'fail', verifier: 'rejected' });
    },
  );

  it.each(NORMS)('%s: a success in company only spoils the number', async (norm) => {
    // What z₀ − z₁ is in a batch, in float64: sure of itself, by more than what class 0 is favoured by.
    const values = (data: Float32Array, among: readonly number[]) => {
      const own = among.map((i) => marginOf(data, i));
      const mean = own.reduce((a, b) => a + b, 0) / own.length;
      expect(Math.min(...own.map((v) => Math.abs(v - mean)))).toBeGreaterThan(2e-4);
      return own.map((v) => v - mean);
    };
    const everyone = Array.from(y.keys());
    const clean = values(x.data, everyone);
    const correct = everyone.filter((i) => clean[i]! > 0 === (y[i] === 0));
    const found = truth({ x, y, threat: { norm, epsilon: radiusOf(norm) } });
    const company = values(found, correct);
    expect(correct.every((i, place) => company[place]! > 0 === (y[i] === 1))).toBe(true);
    const alone = correct.filter((i) => y[i] === 0).length;
    expect(alone).toBeGreaterThan(5);

    vi.spyOn(attacks.fgsm, 'run').mockImplementation(claiming(truth));
    const result = await audit(join(folder, 'company', 'model.onnx'), norm);
    expect(result.verifier).toMatchObject({
      ok: false,
      checked: correct.length,
      rejected: 0,
      batchSizeOneMismatches: alone,
    });
    expect(result.verdict).toMatchObject({ belief: 'not believable' });
    expect(result.verdict!.reasons[0]).toBe(
      `Predicted by themselves, ${alone} adversarial examples are none.`,
    );
    expect(buildHeadline(result)).toMatchObject({ trust: 'fail' });
  });
});
