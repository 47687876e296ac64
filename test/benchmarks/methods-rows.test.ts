import { describe, expect, it } from 'vitest';
import { placeLabels } from '../../benchmarks/methods/figure.ts';
import { stopwatch } from '../../benchmarks/methods/notes.ts';
import {
  bestPublished,
  type Published,
  published,
  publishedSaving,
} from '../../benchmarks/methods/published.ts';
import { type MeasuredMethod, type MethodEpoch, rowsOf } from '../../benchmarks/methods/record.ts';
import { publishedCells } from '../../benchmarks/methods/table.ts';
import { type MethodName, methods } from '../../src/train/index.ts';

const epoch = (more: Partial<MethodEpoch>): MethodEpoch => ({
  ...{ epoch: 1, loss: 1, trainAccuracy: 0.5, validationAccuracy: null, validationRobustAccuracy: null },
  ...{ batches: 10, forwards: 0, backwards: 0, forwardPasses: 0, backwardPasses: 0 },
  ...{ seconds: 1, timed: 10, medianSeconds: 0.1, ...more },
});

const measured = (
  method: MethodName,
  epochs: MethodEpoch[],
  more: Partial<MeasuredMethod> = {},
): MeasuredMethod => ({
  ...{ method, settings: {}, why: null, note: null, state: 'done', failure: null, trainedBy: null },
  ...{ epochs, evaluation: null, ...more },
});

describe('rows', () => {
  const rat = measured('pgd', [
    epoch({ forwards: 1100, backwards: 1100, backwardPasses: 110, seconds: 90, medianSeconds: 4 }),
    epoch({ forwards: 1100, backwards: 1100, backwardPasses: 110, seconds: 41, medianSeconds: 4 }),
  ]);
  const deat = measured('deat', [
    epoch({ forwards: 100, backwards: 100, backwardPasses: 10, seconds: 5, medianSeconds: 0.5 }),
    epoch({ forwards: 200, backwards: 200, backwardPasses: 20, seconds: 11, medianSeconds: null, timed: 0 }),
  ]);

  it('take each epoch by its own median: a pause in one of them counts for nothing', () => {
    const [pgd, other] = rowsOf([rat, deat], 0.1);
    expect(pgd).toMatchObject({ backwardsPerBatch: 11, backwards: 2200, seconds: 131, steadySeconds: 80 });
    // Half a second ten times, then the sum of an epoch whose mini-batches were not timed.
    expect(other).toMatchObject({ backwardsPerBatch: 1.5, backwards: 300, seconds: 16, steadySeconds: 16 });
    expect(other!.saving).toBeCloseTo(1 - 16 / 80, 12);
    expect(other!.predictedSaving).toBeCloseTo(1 - 600 / 4400, 12);
  });

  it('are compared with nothing where RAT is not there', () => {
    const failed = measured('pgd', [], { state: 'failed', failure: 'E_RANGE: …' });
    for (const all of [[deat], [failed, deat]])
      expect(rowsOf(all, 0.1).at(-1)).toMatchObject({
        saving: null,
        predictedSaving: null,
        steadySeconds: 16,
      });
  });
});

describe('the stopwatch', () => {
  const run = (seconds: Record<string, number[]>, ticks: readonly [number, number, number][]) => {
    const tick = stopwatch(seconds);
    for (const [epoch, batch, now] of ticks) tick({ epoch, batch, seconds: now });
    return seconds;
  };

  it('takes differences within an epoch, whose seconds begin at 0', () => {
    const seen = run({}, [
      [1, 1, 2],
      [1, 2, 3],
      [1, 3, 7],
      [2, 1, 1],
      [2, 2, 3],
    ]);
    expect(seen).toEqual({ 1: [2, 1, 4], 2: [1, 2] });
  });

  it('leaves out the first mini-batch after a resumption, and drops an epoch that begins again', () => {
    expect(
      run({ 1: [2, 1] }, [
        [1, 3, 7],
        [1, 4, 8],
      ]),
    ).toEqual({ 1: [2, 1, 1] });
    expect(run({ 1: [2, 1] }, [[1, 1, 4]])).toEqual({ 1: [4] });
  });
});

describe('the published rows', () => {
  const find = (more: Partial<Published>): Published => {
    const found = published.filter((p) =>
      Object.entries(more).every(([k, v]) => p[k as keyof Published] === v),
    );
    expect(found, JSON.stringify(more)).toHaveLength(1);
    return found[0]!;
  };

  it.each([
    // "Time saved", as the GAAT paper's table 2 prints it.
    ['CIFAR-10', 'VGGNet-16', 46.32],
    ['CIFAR-10', 'ResNet-18', 30.16],
    ['CIFAR-10', 'ResNet-50', 50.8],
    ['CIFAR-10', 'WideResNet-28x4', 60.07],
    ['CIFAR-100', 'ResNet-18', 29.63],
    ['CIFAR-100', 'ResNet-50', 51.6],
    ['MNIST', 'Convolutional ReLU', 12.5],
  ] as const)('GAAT on %s, %s, saves %s %% by its own times', (data, model, printed) => {
    const saving = publishedSaving(find({ method: 'gaat', table: 'table 2', data, model }));
    expect((100 * saving!).toFixed(2)).toBe(printed.toFixed(2));
  });

  it('DEAT’s save what its text says', () => {
    const of = (row: string, table: string) => publishedSaving(find({ paper: 'deat', row, table }))!;
    expect(of('M-DEAT', 'table 4')).toBeCloseTo(0.36, 1); // "about 36 % faster than PGD-7"
    expect(1 - (1 - of('M+TRADE', 'table 4')) / (1 - of('TRADE', 'table 4'))).toBeCloseTo(0.26, 2);
    // Table 5 has no PGD-7; its set-up is table 1's, where that took 15.1 minutes.
    const fast = published.find((p) => p.row === 'U-FGSM' && p.time?.value === 5.6)!;
    expect(publishedSaving(fast)).toBeCloseTo(1 - 5.6 / 15.1, 12);
  });

  it('agree with one another where papers print a figure twice', () => {
    const minutes = (p: Partial<Published>) => find(p).time!.value;
    for (const model of ['VGGNet-16', 'ResNet-18', 'ResNet-50', 'WideResNet-28x4'])
      expect(minutes({ row: 'RAT', table: 'table 1', model })).toBe(
        minutes({ row: 'RAT', table: 'table 2', model, data: 'CIFAR-10' }),
      );
    const early = published.filter((p) => p.table === 'table 4' && p.paper === 'gaat');
    for (const method of ['pgd', 'gaat'] as const) {
      const [whole] = early.filter((p) => p.method === method);
      const { natural, robust } = find({ method, table: 'table 2', model: 'ResNet-50', data: 'CIFAR-10' });
      expect(whole).toMatchObject({ natural, robust });
    }
  });

  it('are figures that can be: per cent, and accuracy under attack below natural', () => {
    for (const p of published)
      for (const [attack, percent] of Object.entries(p.robust ?? {})) {
        expect(percent, `${p.row} ${attack}`).toBeGreaterThanOrEqual(0);
        expect(percent, `${p.row} ${attack}`).toBeLessThan(p.natural ?? 100);
      }
  });

  it('stand beside their methods: MNIST first, the same ε first', () => {
    const shown = (method: MethodName) =>
      publishedCells(bestPublished(method, 0.1)).map((text) => text.replace('\u00a0', ' '));
    expect(shown('pgd')).toEqual(['99.31', '96.13 PGD', '0.0 %', 'RAT, MNIST']);
    expect(shown('trades')).toEqual(['99.48', '95.41 PGD-ADP', '88.6 %', 'TRADES, MNIST']);
    expect(shown('m-deat')).toEqual(['79.88', '43.38 PGD-100', '60.3 %', 'M-DEAT, CIFAR-10']);
    expect(shown('dat+gaat')).toEqual(['88.48', '42.32 PGD', '71.8 %', 'DAT+GAAT, CIFAR-10']);
    expect(shown('f-mart')).toEqual(['83.62', '48.88 PGD-100', '−47.6 %', 'F+MART, CIFAR-10']);
    expect(shown('efgsm+trades')).toEqual(['', '48.05 PGD-ADP', '', 'TRADES with eFGSM, CIFAR-10']);
    for (const method of Object.keys(methods) as MethodName[])
      expect(bestPublished(method, 0.1)).toBeDefined();
  });
});

describe('names in the figure', () => {
  it('lie on no other name and no point, and in the frame', () => {
    const frame = { left: 46, right: 422, top: 30, bottom: 318 };
    const names = Object.keys(methods);
    // As close together as methods of a kind are.
    const points = names.map((name, i) => ({ name, x: 60 + 18 * i, y: 100 + 9 * (i % 5) }));
    const boxes = placeLabels(points, frame).map(({ x, y, side }, i) => {
      const width = 6 * names[i]!.length;
      return { left: side === 'start' ? x : x - width, right: side === 'start' ? x + width : x, y };
    });
    for (const [i, a] of boxes.entries()) {
      expect(a.right).toBeLessThanOrEqual(frame.right);
      expect(a.y).toBeGreaterThan(frame.top);
      expect(a.y).toBeLessThan(frame.bottom);
      const others = boxes.filter((b, j) => j !== i && b.left < a.right && a.left < b.right);
      for (const b of others) expect(Math.abs(a.y - b.y)).toBeGreaterThanOrEqual(11);
      const hit = points.filter((p) => p.x > a.left && p.x < a.right && Math.abs(p.y - a.y) < 6);
      expect(hit).toEqual([]);
    }
  });
});
