/** APGD on many images, on none, with radii and targets of their own, told to end. */
import { describe, expect, it } from 'vitest';
import { type AttackParameters, attacks, type Norm } from '../../../src/eval/index.ts';
import { key } from '../../../src/random/index.ts';
import { fake } from '../fakes.ts';
import { each, images, labelled, type NAMES, SIZE, smooth } from './apgd-models.ts';

describe('each image for itself', () => {
  const setting = async (n: number) => {
    const classifier = smooth(5);
    const x = images(5, n);
    return { classifier, x, y: await labelled(classifier, x) };
  };
  const epsilons = { linf: 0.06, l2: 0.2, l1: 0.5 };
  const parameters: AttackParameters = { steps: 12, restarts: 2, targets: 2 };

  it.each(each)('%s %s is the same again, and with fewer beside it', async (name, norm) => {
    const { classifier, x, y } = await setting(12);
    const threat = { norm, epsilon: epsilons[norm] };
    const run = (n: number) =>
      attacks[name].run({
        classifier,
        x: { data: x.data.slice(0, n * SIZE), shape: [n, 3, 2, 2] },
        y: y.slice(0, n),
        threat,
        parameters,
        key: key(1),
      });
    const [all, again, few] = [await run(12), await run(12), await run(5)];
    expect(all.broken).toContain(true);
    expect(all.broken).toContain(false);
    expect(again.adversarial).toEqual(all.adversarial);
    expect(few.adversarial).toEqual(all.adversarial.slice(0, 5 * SIZE));
    expect(few.broken).toEqual(all.broken.slice(0, 5));
  });

  it.each(each)('%s %s with a radius for each is as it is with that radius for all', async (name, norm) => {
    const { classifier, x, y } = await setting(6);
    const radii = Float32Array.from(y, (_, n) => (epsilons[norm] * (n + 1)) / 4);
    const run = (epsilon: number | Float32Array) =>
      attacks[name].run({ classifier, x, y, threat: { norm, epsilon }, parameters, key: key(2) });
    const together = await run(radii);
    expect(together.broken).toContain(true);
    for (const [n, radius] of radii.entries()) {
      const alone = await run(radius);
      expect(together.broken[n]).toBe(alone.broken[n]);
      const row = [n * SIZE, (n + 1) * SIZE] as const;
      expect(together.adversarial.slice(...row)).toEqual(alone.adversarial.slice(...row));
    }
  });

  it.each(each)('%s %s towards a class accepts no other', async (name, norm) => {
    const { classifier, x, y } = await setting(10);
    const target = y.map((label) => (label + 2) % 5);
    const { adversarial, broken } = await attacks[name].run({
      classifier,
      x,
      y,
      target,
      threat: { norm, epsilon: { linf: 0.4, l2: 1.2, l1: 3 }[norm] },
      parameters: { steps: 30 },
      key: key(3),
    });
    const found = await labelled(classifier, { data: adversarial, shape: x.shape });
    expect(broken).toEqual(Array.from(found, (label, n) => label === target[n]));
    expect(broken.filter(Boolean).length).toBeGreaterThanOrEqual(5);
  });
});

describe('at the edges', () => {
  const flat = () => fake({ classes: 5, logits: () => [1, 0, 0, 0, 0] });
  const n = 3;
  const run = (
    name: (typeof NAMES)[number],
    norm: Norm,
    over: Partial<Parameters<typeof attacks.pgd.run>[0]> = {},
  ) =>
    attacks[name].run({
      classifier: flat(),
      x: images(1, n),
      y: new Int32Array(n),
      threat: { norm, epsilon: 0.1 },
      parameters: { steps: 8, targets: 2 },
      key: key(1),
      ...over,
    });

  it.each(each)('%s %s: no gradient moves nothing, and makes nothing infinite', async (name, norm) => {
    const { adversarial, broken } = await run(name, norm);
    expect(broken).toEqual([false, false, false]);
    expect(adversarial.every((v) => v >= 0 && v <= 1)).toBe(true);
  });

  it.each(each)('%s %s: no images, all broken at once, few steps', async (name, norm) => {
    const none = { x: { data: new Float32Array(0), shape: [0, 3, 2, 2] }, y: new Int32Array(0) };
    expect((await run(name, norm, none)).broken).toEqual([]);
    const lost = fake({ classes: 5, logits: () => [0, 1, 0, 0, 0] });
    expect((await run(name, norm, { classifier: lost })).broken).toEqual([true, true, true]);
    // Seen at the start of the first run, or under L1 of its last stage: 4 + 4 points and one. Before it, a look for the targets.
    expect(lost.sights.length).toBe(n * ((norm === 'l1' ? 9 : 1) + (name === 'apgd-t' ? 1 : 0)));
    for (let steps = 1; steps < 8; steps++)
      expect((await run(name, norm, { parameters: { steps } })).broken).toHaveLength(n);
  });

  it.each(each)('%s %s ends where it is told to, and says how far it is', async (name, norm) => {
    const control = new AbortController();
    const heard: number[] = [];
    const classifier = flat();
    await run(name, norm, {
      classifier,
      onProgress(fraction) {
        heard.push(fraction);
        if (heard.length === 3) control.abort();
      },
      signal: control.signal,
    });
    expect(heard).toHaveLength(3);
    const told: number[] = [];
    await run(name, norm, { onProgress: (fraction) => told.push(fraction) });
    expect(told.at(-1)).toBe(1);
    expect([...told].sort((a, b) => a - b)).toEqual(told);
    expect(classifier.sights.length).toBeLessThan(6 * n);
  });

  it('takes the margin for its loss where there is no fourth class, and as many targets as there are', async () => {
    expect(attacks['apgd-t'].defaults({ norm: 'linf', epsilon: 1 }, 3)).toEqual({
      steps: 100,
      restarts: 1,
      targets: 2,
      loss: 'margin-targeted',
    });
    const asked: string[] = [];
    const inner = fake({ classes: 3, logits: () => [2, 1, 0] });
    const classifier = {
      ...inner,
      gradient: (...request: Parameters<typeof inner.gradient>) => {
        asked.push(`${request[0]} ${request[3]?.[0]}`);
        return inner.gradient(...request);
      },
    };
    await run('apgd-t', 'linf', { classifier, parameters: { steps: 1 } });
    expect(asked).toEqual(['margin-targeted 1', 'margin-targeted 2']);
  });

  it('under L1 takes no point of a larger ball for an example', async () => {
    // Misclassified from a distance of 0.15 on, with a gradient that leads there: seen at 3ε and 2ε, never within ε = 0.1.
    const classifier = fake({
      classes: 2,
      logits: (image) => [0.5 + 0.15, image[0]! + image[1]!],
      gradient: () => [1, 1, ...new Array(SIZE - 2).fill(0)],
    });
    const x = { data: new Float32Array(SIZE).fill(0.25), shape: [1, 3, 2, 2] };
    const { broken } = await run('apgd-ce', 'l1', { classifier, x, y: new Int32Array(1) });
    expect(classifier.sights.some((s) => s.predicted === 1)).toBe(true);
    expect(broken).toEqual([false]);
  });
});
