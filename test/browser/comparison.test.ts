/** The page of an experiment in a real browser. */
import { describe, expect, it } from 'vitest';
import { type Comparison, renderComparison } from '../../src/report/index.ts';
import { cellOf, fixtureComparison } from '../fixtures/comparison.ts';
import { browserFor, LONG as long, look, SCREENS, show } from './chromium.ts';

const browser = browserFor('comparison');

/** Twelve attacks, long names and reasons. */
function awkward(): Comparison {
  const attacks = Array.from({ length: 12 }, (_, i) => ({
    name: `attack-${i}-${long.slice(0, 20)}`,
    robustAccuracy: 0.9,
  }));
  const methods = [`${long}-one`, 'pgd', `${long}-two`];
  return fixtureComparison(
    methods.flatMap((method, m) =>
      [0, 1, 2].map((seed) =>
        cellOf(method, seed, m === 2 ? `E_FILE: ${long} ${long}` : { attacks, backwards: 812_400_000 }),
      ),
    ),
  );
}

const pages: [string, Comparison][] = [
  ['comparison', fixtureComparison()],
  ['comparison-awkward', awkward()],
];

describe.each(pages)('page %s', (name, comparison) => {
  it('is silent, asks for nothing, and fits phones, desks and paper', async () => {
    const { page, url, noise, requests } = await browser.open(name, renderComparison(comparison));
    await page.locator('details summary').first().click();
    for (const medium of [...SCREENS, ['print', 720, 'light']] as const) {
      const [media, width, colorScheme] = medium;
      await show(page, medium);
      expect(await page.locator('table.compared').count()).toBe(comparison.tables.length);
      const { overflow } = await look(page);
      if (media === 'screen') expect(overflow, `horizontal overflow at ${width}`).toBe(0);
      const path = browser.shot(`${name}-${width}-${colorScheme}-${media}`);
      await page.screenshot({ path, fullPage: true });
    }
    expect(noise).toEqual([]);
    expect(requests).toEqual([url]);
    await page.close();
  });
});
