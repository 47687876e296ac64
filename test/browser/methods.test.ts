/** The page of `bench methods` in a real browser. */
import { expect, it } from 'vitest';
import { renderMethods } from '../../benchmarks/methods/page.ts';
import { fixtureMethods } from '../fixtures/methods-record.ts';
import { browserFor, look, PAPER, SCREENS, show } from './chromium.ts';

const browser = browserFor('methods-page');

// A string, as this project's types know no DOM: it runs in the browser.
const scrolled = `[...document.querySelectorAll('.methods')].map((t) => t.parentElement.scrollWidth - t.parentElement.clientWidth)`;

it('is silent, and fits phones and desks, light and dark', async () => {
  const record = fixtureMethods();
  const { page, url, noise, requests } = await browser.open('methods', renderMethods(record));
  for (const medium of SCREENS) {
    const [, width, colorScheme] = medium;
    await show(page, medium);
    for (const open of [false, true]) {
      await page.evaluate(`document.querySelector('details').open = ${open}`);
      expect((await look(page)).overflow, `overflow at ${width}`).toBe(0);
    }
    expect(await page.evaluate(scrolled), `columns out of sight at ${width}`).toEqual([0]);
    expect((await look(page)).paper).toBe(PAPER[colorScheme]);
    for (const id of ['passes', 'seconds'])
      expect(await page.locator(`#figure-${id}`).isVisible()).toBe(true);
    await page.screenshot({ path: browser.shot(`methods-${width}-${colorScheme}`), fullPage: true });
  }
  expect(await page.locator('.methods tbody tr').count()).toBe(record.rows.length);
  expect(noise).toEqual([]);
  expect(requests).toEqual([url]);
  await page.close();
});
