import { describe, expect, it } from 'vitest';
import {
  attacks,
  type Classifier,
  ensembles,
  eot,
  type Images,
  type Norm,
  predictions,
} from '../../src/eval/index.ts';
import { key, normal, uniform } from '../../src/random/index.ts';
import { type Counted, twoClasses } from './fakes.ts';

describe('expectation over transformation', () => {
  const x: Images = { data: uniform(key(1), 24), shape: [2, 3, 2, 2] };
  const y = Int32Array.of(0, 1);

  it('gives the mean of n gradients, the last logits and loss, and counts every pass', async () => {
    const seen: { logits: Float32Array; loss: Float32Array; gradient: Float32Array }[] = [];
    const noisy: Classifier = {
      classes: 3,
      logits: async () => new Float32Array(6),
      async gradient() {
        const at = key(seen.length);
        seen.push({ logits: normal(at, 6), loss: normal(at.fold(1), 2), gradient: normal(at.fold(2), 24) });
        return seen.at(-1)!;
      },
    };
    const averaged = eot(noisy, 5);
    const { logits, loss, gradient } = await averaged.gradient('ce', x, y);
    expect(seen).toHaveLength(5);
    expect([logits, loss]).toEqual([seen[4]!.logits, seen[4]!.loss]);
    for (const [i, v] of gradient.entries()) {
      const mean = seen.reduce((sum, s) => sum + s.gradient[i]!, 0) / 5;
      expect(v).toBeCloseTo(mean, 6); // five sums in float32
    }
    expect([averaged.classes, averaged.stochastic]).toEqual([3, true]);
  });

  it('hands on labels and targets, and leaves what it was given alone', async () => {
    const calls: unknown[] = [];
    const gradient = Float32Array.from({ length: 24 }, (_, i) => i);
    const classifier: Classifier = {
      classes: 2,
      logits: async () => new Float32Array(4),
      async gradient(...request) {
        calls.push(request);
        return { logits: new Float32Array(4), loss: new Float32Array(2), gradient };
      },
    };
    const target = Int32Array.of(1, 0);
    const mean = (await eot(classifier, 2).gradient('margin-targeted', x, y, target)).gradient;
    expect(calls).toEqual([
      ['margin-targeted', x, y, target],
      ['margin-targeted', x, y, target],
    ]);
    expect(mean).toEqual(gradient);
    expect(gradient[5]).toBe(5);
  });
});

describe('a model that answers by chance', () => {
  /** As a fake, but every answer is turned round with some probability. */
  function noisy(inner: Counted, share: number): Classifier {
    let call = 0;
    const swapped = (logits: Float32Array) => {
      const draws = uniform(key(9).fold(call++), logits.length / 2);
      return logits.map((_, i) => logits[(draws[i >> 1]! < share ? i ^ 1 : i) as number]!);
    };
    return {
      classes: 2,
      logits: async (x) => swapped(await inner.logits(x)),
      async gradient(...request) {
        const answer = await inner.gradient(...request);
        return { ...answer, logits: swapped(answer.logits) };
      },
    };
  }

  it('is not believed the first time: runs go on, and the last misclassified point stands', async () => {
    const { classifier: inner, x, y, w, margins } = twoClasses(4, 30);
    const dual = w.reduce((sum, v) => sum + Math.abs(v), 0);
    const epsilon = Float32Array.from(margins, (margin) => (1.05 * margin) / dual); // all can be broken, just
    const find = async (classifier: Classifier) => {
      inner.sights.length = 0;
      const parameters = { steps: 40 };
      const threat = { norm: 'linf' as const, epsilon };
      const output = await attacks['apgd-ce'].run({ classifier, x, y, threat, parameters, key: key(1) });
      const looks = inner.sights.length;
      const found = predictions(await inner.logits({ data: output.adversarial, shape: x.shape }), 2);
      return { ...output, looks, right: found.reduce((sum, label, n) => sum + (label !== y[n] ? 1 : 0), 0) };
    };
    const careless = await find(noisy(inner, 0.4));
    const careful = await find(eot(noisy(inner, 0.4), 1));
    expect(careless.broken.every(Boolean)).toBe(true);
    expect(careful.broken.every(Boolean)).toBe(true);
    // Without noise, many points of the first are no examples at all; those of the end of a run are.
    expect(careless.right).toBeLessThan(24);
    expect(careful.right).toBeGreaterThanOrEqual(29);
    expect(careful.looks).toBe(41 * 30);
  });
});

describe('AutoAttack', () => {
  const norms: readonly Norm[] = ['linf', 'l2', 'l1'];
  const stages = norms.flatMap((norm) =>
    Object.entries(ensembles).flatMap(([name, list]) => list(norm).map((stage) => ({ name, norm, stage }))),
  );

  it.each(stages)(
    '$name $norm: $stage.attack exists, knows the norm, and heeds what it is told',
    ({ norm, stage }) => {
      const spec = attacks[stage.attack];
      expect(spec.norms).toContain(norm);
      const heeded = Object.keys(spec.defaults({ norm, epsilon: 0.1 }));
      expect(heeded).toEqual(expect.arrayContaining(Object.keys(stage.parameters)));
    },
  );

  it('is as published', () => {
    const names = (list: readonly { attack: string }[]) => list.map((s) => s.attack).join(' ');
    expect(names(ensembles.standard('linf'))).toBe('apgd-ce apgd-t fab-t square');
    expect(names(ensembles.plus())).toBe('apgd-ce apgd-dlr fab square apgd-t fab-t');
    expect(names(ensembles.rand())).toBe('apgd-ce apgd-dlr');
    expect(ensembles.rand().map((s) => s.eot)).toEqual([20, 20]);
    expect(ensembles.standard('l1').map((s) => s.parameters)).toEqual([
      { steps: 100, restarts: 5 },
      { steps: 100, restarts: 1, targets: 5 },
      { steps: 100, restarts: 1, targets: 9 },
      { queries: 5000 },
    ]);
  });
});
