import { describe, expect, it } from 'vitest';
import {
  attacks,
  type Classifier,
  type Transfer,
  type TransferOptions,
  transfer,
} from '../../src/eval/index.ts';
import { key, uniform } from '../../src/random/index.ts';
import { fake, linear, oracleOf } from './fakes.ts';

const SIZE = 12;
const N = 80;

/** z₀ − z₁ = w·(x − ½) + b. */
const model = (w: readonly number[], b = 0) => {
  const bias = b - w.reduce((sum, v) => sum + v / 2, 0);
  return linear([w.map((v) => v / 2), w.map((v) => -v / 2)], [bias / 2, -bias / 2]);
};
const weights = (seed: number) => Array.from(uniform(key(seed).fold('w'), SIZE, -1, 1));

const x = { data: uniform(key(5).fold('x'), N * SIZE, 0.3, 0.7), shape: [N, 3, 2, 2] };
const value = (w: readonly number[], i: number) =>
  w.reduce((sum, v, k) => sum + v * (x.data[SIZE * i + k]! - 0.5), 0);
/** Two models that agree about most images, and labels by the first. */
const [w1, w2] = [weights(1), weights(1).map((v, i) => v + 0.5 * weights(2)[i]!)];
const y = Int32Array.from({ length: N }, (_, i) => (value(w1, i) > 0 ? 0 : 1));
const way = (i: number) => (y[i] === 0 ? 1 : -1);

const run = (
  options: Partial<TransferOptions> & Pick<TransferOptions, 'sources' | 'targets'>,
): Promise<Transfer> =>
  transfer({
    attacks: [{ attack: 'pgd', parameters: attacks.pgd.defaults({ norm: 'linf', epsilon: 0.1 }) }],
    x,
    y,
    threat: { norm: 'linf', epsilon: 0.1 },
    key: key(3),
    ...options,
  });
const one = (name: string, classifier: Classifier) => ({
  name,
  id: name,
  classifier,
  oracle: oracleOf(classifier),
});
const sign = (w: readonly number[]) => w.map(Math.sign);
const dot = (a: readonly number[], b: readonly number[]) => a.reduce((sum, v, k) => sum + v * b[k]!, 0);

describe('between two linear models', () => {
  it.each([0.02, 0.05, 0.1, 0.15])(
    'the target loses what the source’s corner of the ball takes, at ε %d',
    async (epsilon) => {
      const [source, target] = [one('source', model(w1)), one('target', model(w2))];
      const outcome = await run({
        sources: [source, target],
        targets: [target, source],
        threat: { norm: 'linf', epsilon },
        attacks: [{ attack: 'pgd', parameters: { steps: 25, stepSize: epsilon / 8, restarts: 1 } }],
      });
      // PGD on a linear model ends at x − ε·sign(w) towards the other class, whether or not it got there before: what is left
      // of the target's margin is w′·(x − ½) − ε·w′·sign(w).
      for (const [from, w] of [
        ['source', w1],
        ['target', w2],
      ] as const) {
        for (const [to, v] of [
          ['target', w2],
          ['source', w1],
        ] as const) {
          const correct = Array.from(y.keys()).filter((i) => way(i) * value(v, i) > 0);
          const left = correct.map((i) => way(i) * value(v, i) - epsilon * dot(v, sign(w)));
          expect(
            left.every((m) => Math.abs(m) > 1e-5),
            'none too close to call',
          ).toBe(true);
          const cell = outcome.cells.find((c) => c.source === from && c.target === to);
          expect(cell).toEqual({
            source: from,
            attack: 'pgd',
            target: to,
            whiteBox: from === to,
            correct: correct.length,
            standing: left.filter((m) => m > 0).length,
            invalid: 0,
          });
        }
      }
      expect(outcome.targets).toEqual([
        { name: 'target', correct: Array.from(y.keys()).filter((i) => way(i) * value(w2, i) > 0).length },
        { name: 'source', correct: N },
      ]);
      expect(outcome.findings.map((f) => [f.target, f.verdict])).toEqual([
        ['target', 'pass'],
        ['source', 'pass'],
      ]);
    },
  );

  it('attacks only what some target classifies correctly, whatever the source makes of it', async () => {
    const source = one('source', model(w2));
    // The target knows the first half of the images only.
    const known = model(w1);
    const target = {
      name: 'target',
      id: 'target',
      oracle: {
        async predict(data: Float32Array, shape: readonly number[]) {
          const logits = await known.logits({ data, shape });
          return shape[0] === N ? logits.map((z, k) => (k < N ? z : -z)) : logits;
        },
      },
    };
    const { runs, cells } = await run({ sources: [source], targets: [target] });
    expect(runs).toMatchObject([{ source: 'source', attack: 'pgd', attacked: N / 2 }]);
    expect(cells[0]!.correct).toBe(N / 2);
    const wrong = Array.from(y.keys()).filter((i) => i < N / 2 && way(i) * value(w2, i) < 0);
    expect(wrong.length).toBeGreaterThan(0);
  });

  it('counts an attack’s passes, all steps of all images', async () => {
    const [source, target] = [model(w1), model(w2)];
    const counts = () => ({ forwardImages: source.forwards, backwardImages: source.backwards });
    const parameters = { steps: 7, stepSize: 0.02, restarts: 1 };
    const { runs } = await run({
      sources: [one('source', source)],
      targets: [one('target', target)],
      attacks: [
        { attack: 'pgd', parameters },
        { attack: 'fgsm', parameters: {} },
      ],
      counts,
    });
    const { attacked } = runs[0]!;
    expect(runs.map((r) => [r.attack, r.forwards, r.backwards])).toEqual([
      ['pgd', 8 * attacked, 7 * attacked],
      ['fgsm', 2 * attacked, attacked],
    ]);
  });
});

describe('a transfer', () => {
  it('says where examples of others do better than those of the model itself: its gradients are masked', async () => {
    const honest = model(w1);
    const masked = fake({ classes: 2, logits: (image) => w1logits(image) });
    const w1logits = (image: Float32Array) => {
      const z = w1.reduce((sum, v, k) => sum + v * (image[k]! - 0.5), 0);
      return [z / 2, -z / 2];
    };
    const target = one('masked', masked);
    const outcome = await run({ sources: [target, one('honest', honest)], targets: [target] });
    const [own, others] = outcome.cells;
    expect(own!.whiteBox).toBe(true);
    expect(others!.standing).toBeLessThan(own!.standing - 20);
    expect(outcome.findings).toMatchObject([
      { id: 'black-box-finds-more', verdict: 'fail', target: 'masked' },
    ]);
    expect(outcome.findings[0]!.figures).toMatchObject({ images: N, blackBox: N - others!.standing });
  });

  it('says nothing of masking where the target is no source', async () => {
    const outcome = await run({ sources: [one('a', model(w1))], targets: [one('b', model(w2))] });
    expect(outcome.findings).toEqual([]);
  });

  it('knows a model by its id, not by its name', async () => {
    const outcome = await run({
      sources: [{ ...one('a', model(w1)), id: 'same' }],
      targets: [{ ...one('b', model(w1)), id: 'same' }],
    });
    expect(outcome.cells[0]!.whiteBox).toBe(true);
  });

  it('is the same again with the same key; under L2, too', async () => {
    const go = () =>
      run({
        sources: [one('a', model(w1))],
        targets: [one('b', model(w2))],
        threat: { norm: 'l2', epsilon: 0.3 },
        attacks: [
          { attack: 'noise', parameters: { restarts: 3 } },
          { attack: 'pgd-margin', parameters: { steps: 5, stepSize: 0.1, restarts: 2 } },
        ],
      });
    const [a, b] = [await go(), await go()];
    expect(a.cells).toEqual(b.cells);
    expect(a.cells.map((c) => c.attack)).toEqual(['noise', 'pgd-margin']);
  });

  it('says how far it is, and ends when told to', async () => {
    const fractions: number[] = [];
    const stop = new AbortController();
    const models = { sources: [one('a', model(w1)), one('b', model(w2))], targets: [one('b', model(w2))] };
    await run({ ...models, onProgress: (_, f) => fractions.push(f) });
    expect(fractions).toEqual([...fractions].sort((p, q) => p - q));
    expect(fractions.at(-1)).toBeCloseTo(1, 9);
    const cut = run({ ...models, signal: stop.signal, onProgress: (_, f) => f > 0.3 && stop.abort() });
    await expect(cut).rejects.toThrow(/abort/i);
  });

  it('of no images has nothing to say', async () => {
    const empty = { x: { data: new Float32Array(), shape: [0, 3, 2, 2] }, y: new Int32Array() };
    const outcome = await run({ sources: [one('a', model(w1))], targets: [one('b', model(w2))], ...empty });
    expect(outcome).toMatchObject({ n: 0, findings: [] });
    expect(outcome.cells[0]).toMatchObject({ correct: 0, standing: 0 });
  });
});
