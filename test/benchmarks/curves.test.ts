import { mkdtempSync, rmSync, statSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import type { Ours } from '../../benchmarks/claims/ours.ts';
import { renderClaims } from '../../benchmarks/claims/page.ts';
import { claimsReport } from '../../benchmarks/claims/report.ts';
import { bestOf } from '../../benchmarks/claims/sections/figures.ts';
import { curvesSource } from '../../benchmarks/claims/sources/curves.ts';
import {
  type CurveSpec,
  FIGURE_NAMES,
  type Figure,
  figures,
  runsOf,
} from '../../benchmarks/curves/figures/index.ts';
import { parseOptions } from '../../benchmarks/curves/options.ts';
import { type CurvesRecord, curvesRecord } from '../../benchmarks/curves/record.ts';
import { benchCurves } from '../../benchmarks/curves/run.ts';
import { seriesOf } from '../../benchmarks/curves/series.ts';
import { curvesTable } from '../../benchmarks/curves/table.ts';
import { common } from '../../benchmarks/methods/settings.ts';
import { randomImages } from '../../benchmarks/phases/bed.ts';
import { createProgress } from '../../src/cli/progress.ts';
import { resolveRecipe } from '../../src/runs/run-options.ts';

let home: string;
beforeAll(() => {
  home = mkdtempSync(join(tmpdir(), 'touchstone-curves-'));
});
afterAll(() => rmSync(home, { recursive: true }));

const all: readonly Figure[] = FIGURE_NAMES.map((name) => figures[name]);

describe('the figures', () => {
  it('draw runs that they have, all of them, and whose names are one run in every figure', () => {
    const byName = new Map<string, CurveSpec>();
    for (const { panels, runs, figure } of all) {
      const drawn = new Set(panels.flatMap((panel) => panel.runs));
      expect([...drawn].sort(), figure).toEqual(runs.map(({ name }) => name).sort());
      for (const run of runs) expect(byName.get(run.name) ?? run).toEqual(run);
      for (const run of runs) byName.set(run.name, run);
    }
    expect(runsOf(FIGURE_NAMES)).toHaveLength(byName.size);
  });

  it('are of runs that can be trained', () => {
    const data = randomImages('mnist-cnn', 20);
    for (const { name, options } of runsOf(FIGURE_NAMES)) {
      const recipe = resolveRecipe({ ...common, ...options, data: 'mnist', epochs: 2 }, data);
      expect(recipe.method, name).toBe(options.method);
      for (const [setting, value] of Object.entries(options))
        expect(recipe, name).toHaveProperty(setting, value);
    }
  });

  it('cover what the papers’ texts show as curves, by their numbers', () => {
    const numbers = (paper: string) => all.filter((f) => f.paper === paper).map((f) => f.figure);
    expect(numbers('gaat')).toEqual(['fig. 1', 'fig. 2']);
    expect(numbers('deat')).toEqual(['2', '3', '4', '5', '6', '7', '8'].map((n) => `fig. ${n}`));
    expect(numbers('efgsm')).toEqual(['fig. 2', 'fig. 3']);
  });
});

/** 270 images in three mini-batches; FREE-8 has eight epochs’ allowance, which is one of eight replays. */
const tiny = (more: readonly string[] = []) =>
  parseOptions([
    ...['--figures', 'deat-4,gaat-2', '--limit', '300', '--epochs', '2', '--attacked', '20'],
    ...['--out', join(home, 'runs'), '--device', 'cpu', '--threads', '1', ...more],
  ]);
const controls = () => ({
  progress: createProgress({ quiet: true }),
  signal: new AbortController().signal,
});

describe('bench curves', () => {
  let record: CurvesRecord;
  beforeAll(async () => {
    record = await benchCurves(tiny(), controls());
  }, 180_000);
  const run = (name: string) => record.runs.find((r) => r.name === name)!;

  it('has every run’s epochs, FREE’s as many as the others’', () => {
    expect(record.runs.map((r) => [r.name, r.state, r.epochs.length])).toEqual(
      ['free-8', 'u-fgsm', 'pgd-7', 'm-deat', 'rat', 'dat', 'gaat', 'dat-gaat'].map((n) => [n, 'done', 2]),
    );
    const perBatch = (name: string) => run(name).epochs.map((e) => e.backwardPasses / e.batches);
    expect(perBatch('free-8')).toEqual([8, 8]);
    expect(perBatch('m-deat')).toEqual([1, 2]); // r = 2 after epoch 1, DEAT, Alg. 3
    expect(perBatch('dat')).toEqual([1, 11]); // natural for the first half
  });

  it('has l_X per image: of training, and of PGD, whose history has none, by a look at it', () => {
    for (const epoch of run('u-fgsm').epochs) expect(epoch.gradientL1PerImage).toBe(epoch.gradientL1! / 270);
    for (const epoch of run('pgd-7').epochs) {
      expect(epoch.gradientL1).toBeNull();
      expect(epoch.gradientL1PerImage).toBeGreaterThan(0);
      expect(epoch.residualAfter).toBeGreaterThan(0);
    }
    expect(run('gaat').epochs[0]!.residualAfter).toBeNull();
    expect(run('gaat').epochs[0]!.residual).toBeGreaterThan(0);
  });

  it('sweeps the networks of figures that need it: over steps and radii, never rising with the radius', () => {
    expect(run('u-fgsm').sweep).toBeNull();
    const { steps, epsilons, n } = run('gaat').sweep!;
    expect(n).toBe(20);
    expect(steps.map((p) => [p.steps, p.epsilon])).toEqual([1, 2, 5, 10, 20, 50, 100].map((s) => [s, 0.1]));
    expect(epsilons[0]!.epsilon).toBe(0);
    for (const [i, p] of epsilons.entries())
      if (i > 0) expect(p.robustAccuracy).toBeLessThanOrEqual(epsilons[i - 1]!.robustAccuracy);
  });

  it('is a record of its schema, with a row per run in the terminal', () => {
    expect(curvesRecord.parse(JSON.parse(JSON.stringify(record)))).toEqual(record);
    for (const { label } of record.runs) expect(curvesTable(record)).toContain(`║ ${label} `);
  });

  it('trains and sweeps nothing a second time', async () => {
    const files = () =>
      record.runs.flatMap(({ name }) =>
        ['state.npz', 'bench.json'].map((file) => statSync(join(home, 'runs', name, file)).mtimeMs),
      );
    const before = files();
    const again = await benchCurves(tiny(), controls());
    expect(files()).toEqual(before);
    expect(again.runs).toEqual(record.runs);
  });

  it('is drawn on the page of claims; a figure without runs names its command', async () => {
    const folder = mkdtempSync(join(home, 'records-'));
    writeFileSync(join(folder, 'curves.json'), JSON.stringify(record));
    const report = await claimsReport([folder]);
    expect(report.records).toHaveLength(1);
    const page = renderClaims(report);
    for (const id of ['figure-deat-4-1', 'figure-gaat-2-1', 'figure-gaat-2-2']) {
      const [, figure] = page.split(`id="${id}"`);
      expect(figure!.slice(0, figure!.indexOf('</figure>'))).toContain('<path');
    }
    expect(page).not.toContain('id="figure-gaat-1-1"');
    expect(page).toContain('touchstone bench curves --figures gaat-1 ');
    expect(page).not.toContain('touchstone bench curves --figures deat-4 ');
    // Some of fig. 2’s runs are there: they are drawn, and the others are named.
    expect(page).toContain('Not there: FREE-4, DEAT-3, DEAT-40%.');
  });

  it('speaks of claims: what was swept of its networks, and times of its runs', () => {
    const { accuracies, times } = curvesSource.read(record, 'x.json');
    const swept = record.runs.filter((r) => r.sweep !== null);
    expect(new Set(accuracies.map((a) => a.method))).toEqual(new Set(swept.map((r) => r.method)));
    const own = accuracies.filter((a) => a.method === 'gaat');
    const { steps, epsilons } = run('gaat').sweep!;
    expect(own.map((a) => [a.attack?.steps ?? 0, a.value])).toEqual([
      [0, epsilons[0]!.robustAccuracy],
      ...steps.map((p) => [p.steps, p.robustAccuracy]),
    ]);
    expect(own[0]).toMatchObject({ model: 'mnist-cnn', data: 'MNIST', epsilon: 0.1, epochs: 2, n: 20 });
    expect(own[0]!.settings).toMatchObject({ batchSize: 128, stepSize: 0.0125 });
    const ours = (more: Partial<Ours>): Ours => ({
      ...{ method: 'pgd', model: 'mnist-cnn', data: 'MNIST', epsilon: 0.1, batchSize: 128, epochs: 6 },
      ...{ steps: 10, replays: 8, every: 3, naturalShare: 0.5, rivals: 0, endsEarly: false, ...more },
    });
    const steady = (name: string) =>
      run(name).epochs.reduce((sum, e) => sum + e.medianSeconds! * e.batches, 0) / 2;
    const [of] = times;
    // Two runs of PGD: each is found by its T.
    expect(of!.seconds(ours({}))).toBeCloseTo(6 * steady('rat'), 10);
    expect(of!.seconds(ours({ steps: 7 }))).toBeCloseTo(6 * steady('pgd-7'), 10);
    expect(of!.seconds(ours({ steps: 20 }))).toBeNull();
    expect(of!.nearest(ours({ steps: 20 }))!.about).toMatch(/^mnist-cnn, MNIST, T = /);
    expect(of!.seconds(ours({ method: 'free' }))).toBeCloseTo(6 * steady('free-8'), 10);
    expect(of!.seconds(ours({ method: 'free', replays: 4 }))).toBeNull();
    expect(of!.seconds(ours({ method: 'mart' }))).toBeNull();
  });

  it('draws the record with the most of a figure’s runs, then the longest training', () => {
    const curves = (more: Partial<CurvesRecord>, path: string) => ({
      origin: { record: path, machine: 'a machine' },
      record: { ...record, ...more },
    });
    const training = { ...record.training, epochs: 9 };
    const [short, long] = [curves({}, 'short'), curves({ training }, 'long')];
    const part = curves({ training, runs: record.runs.slice(0, 1) }, 'part');
    expect(bestOf(figures['deat-4'], [short, part, long])!.origin.record).toBe('long');
    expect(bestOf(figures['deat-4'], [part, short])!.origin.record).toBe('short');
    expect(bestOf(figures['gaat-1'], [short, long])).toBeUndefined();
  });

  it('draws what a panel asks for', () => {
    const [line] = seriesOf(record.runs, {
      ...{ kind: 'epochs', title: '', column: '#BP', runs: ['m-deat', 'nowhere'] },
    });
    expect(line).toEqual({
      name: 'M-DEAT',
      points: [
        { x: 1, y: 1 },
        { x: 2, y: 2 },
      ],
    });
    const [end] = seriesOf(record.runs, { kind: 'ends', title: '', runs: ['m-deat'] });
    const { validationRobustAccuracy } = run('m-deat').epochs[1]!;
    expect(end!.points).toEqual([{ x: 3 + 6, y: 1 - validationRobustAccuracy! }]);
  });
});

it.each([
  ['--figures gaat-3', /^E_OPTION: --figures gaat-3, expected gaat-1, /],
  ['--epochs 0', /^E_OPTION: --epochs 0/],
  ['--html x', /^E_OPTION: Unknown option '--html'/],
])('refuses %s', (argv, line) => {
  expect(() => parseOptions(argv.split(' '))).toThrow(line);
});
