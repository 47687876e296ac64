/** The tables of an experiment, against figures worked out by hand. */
import { describe, expect, it } from 'vitest';
import { statisticOf } from '../../src/report/comparison/statistics.ts';
import { comparisonTable, parseComparison, renderComparison, tablesOf } from '../../src/report/index.ts';
import { cellOf, fixtureComparison } from '../fixtures/comparison.ts';

describe('a statistic', () => {
  it('is the mean and the sample standard deviation', () => {
    // Σ(x − 5)² = 9 + 1 + 1 + 1 + 0 + 0 + 4 + 16 = 32 over n − 1 = 7.
    const { mean, sd, n } = statisticOf([2, 4, 4, 4, 5, 5, 7, 9])!;
    expect([mean, n]).toEqual([5, 8]);
    expect(sd).toBeCloseTo(Math.sqrt(32 / 7), 12);
  });
  it('says nothing of the spread of one, and nothing of none', () => {
    expect(statisticOf([0.5])).toEqual({ mean: 0.5, sd: null, n: 1 });
    expect(statisticOf([])).toBeNull();
  });
});

describe('the tables of a comparison', () => {
  const comparison = fixtureComparison();
  const [table] = comparison.tables;
  const row = (method: string) => table!.rows.find((r) => r.method === method)!;

  it('are one per model, data set and radius, with a row per method', () => {
    expect(comparison.tables.map(({ epsilon }) => epsilon)).toEqual([0.1, 8 / 255]);
    expect(table!.rows.map(({ method }) => method)).toEqual(['natural', 'pgd', 'gaat', 'broken']);
    expect(table!.columns).toEqual(['fgsm', 'pgd']);
  });

  it('have means over the seeds that ended, and say how many did not', () => {
    // 0.90, 0.91, 0.92: deviation 0.01. 0.88, 0.86: deviation √(2·0.01²) = 0.01414.
    expect(row('pgd').robust!.mean).toBeCloseTo(0.91, 12);
    expect(row('pgd').robust!.sd).toBeCloseTo(0.01, 12);
    expect(row('gaat').robust).toMatchObject({
      n: 2,
      mean: expect.closeTo(0.87, 12),
      sd: expect.closeTo(0.0141421, 6),
    });
    expect(row('gaat').failed).toBe(1);
    expect(row('broken')).toMatchObject({ failed: 3, natural: null, robust: null, attacks: [null, null] });
    expect(row('natural').doubted).toBe(3);
  });

  it('set passes and times against pgd', () => {
    expect(row('gaat').saving).toBeCloseTo(1 - 220 / 1100, 12);
    expect(row('pgd').saving).toBe(0);
    // 25 s against the mean of 100, 101 and 102 s.
    expect(comparison.times.rows[0]![2]!.saving).toBeCloseTo(1 - 25 / 101, 12);
    expect(comparison.times.rows[0]![1]!.training).toMatchObject({ mean: 101, sd: 1, n: 3 });
  });

  it('compare with nothing where pgd is not there or has failed', () => {
    for (const cells of [[cellOf('fast', 0, {})], [cellOf('pgd', 0, 'why'), cellOf('fast', 0, {})]]) {
      const { tables, rows } = tablesOf(cells, {}, ['pgd']);
      expect(tables[0]!.rows.at(-1)!.saving).toBeNull();
      expect(rows[0]!.at(-1)).toEqual({ training: null, saving: null });
    }
  });

  it('leave a gap where an attack was not run on all', () => {
    const some = cellOf('fast', 0, { attacks: [{ name: 'apgd-t', robustAccuracy: 0.5 }] });
    const { tables } = tablesOf([cellOf('pgd', 0, {}), some], {}, []);
    expect(tables[0]!.columns).toEqual(['fgsm', 'pgd', 'apgd-t']);
    expect(tables[0]!.rows[1]!.attacks.map((a) => a?.mean ?? null)).toEqual([null, null, 0.5]);
  });

  it('hold to their schema, also after a round trip through JSON', () => {
    expect(parseComparison(JSON.parse(JSON.stringify(comparison)))).toEqual(comparison);
    const wrong = { ...comparison, cells: [{ ...comparison.cells[0], figures: { natural: 99 } }] };
    expect(() => parseComparison(wrong)).toThrow(/^E_DATA: not a valid comparison \(cells\.0\.figures/);
  });
});

describe('a comparison', () => {
  it('in the terminal has the figures, the failures and their reasons', () => {
    const text = comparisonTable(fixtureComparison());
    expect(text).toContain('24 cells, 8 failed');
    expect(text).toMatch(
      /pgd +99\.0 ± 0\.0 +95\.0 ± 0\.0 +90\.0 ± 0\.0 +91\.0 ± 1\.0 +1,100 ± 0 +0 % +101\.0 ± 1\.0 +0 %/,
    );
    expect(text).toMatch(/gaat \(1 failed\) .* 87\.0 ± 1\.4 +220 ± 0 +80 % +25\.0 ± 0\.0 +75 %/);
    expect(text).toMatch(/broken \(3 failed\) +– +– +– +– +– +– +– +–/);
    expect(text).toContain('failed mnist/mnist-cnn/gaat/eps-0.1-seed-2: train: E_RANGE: the loss is NaN');
  });

  it('has no costs where nothing was trained', () => {
    const text = comparisonTable(
      fixtureComparison([cellOf('file', 0, { backwards: null }, { model: 'checkpoints' })]),
    );
    expect(text).not.toContain('#BP');
    expect(text).toContain('One seed: nothing is said about the spread');
  });

  it('cannot steer the terminal or the page by its names', () => {
    const nasty = cellOf('\u001b[2J<script>alert(1)</script>', 0, '\u001b[31m<img src=x>');
    const comparison = fixtureComparison([nasty]);
    expect(comparisonTable(comparison)).not.toContain('\u001b');
    const page = renderComparison(comparison);
    expect(page).not.toMatch(/<script>alert|<img src=x/);
    expect(page).toContain('&lt;script&gt;');
  });

  it('as a page has each table, links each cell to its report, and says why cells failed', () => {
    const page = renderComparison(fixtureComparison());
    expect(page).toContain('mnist-cnn on mnist, L∞, ε = 8/255');
    expect(page).toContain('href="cells/mnist/mnist-cnn/pgd/eps-0.1-seed-0/report.html"');
    expect(page).toContain('91.0<span class="spread"> ± 1.0</span>');
    expect(page).toContain('the loss is NaN in epoch 1');
  });
});
