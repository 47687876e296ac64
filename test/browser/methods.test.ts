/** The page of `bench methods` in a real browser: Debian's Chromium, or the one named by the environment variable CHROMIUM. */
import { existsSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { pathToFileURL } from 'node:url';
import { type BrowserContext, chromium } from 'playwright-core';
import { afterAll, beforeAll, expect, it } from 'vitest';
import { renderMethods } from '../../benchmarks/methods/page.ts';
import { fixtureMethods } from '../fixtures/methods-record.ts';

const executablePath = process.env.CHROMIUM ?? '/usr/bin/chromium';
const folder = mkdtempSync(join(tmpdir(), 'touchstone-methods-page-'));
let browser: BrowserContext;

beforeAll(async () => {
  if (!existsSync(executablePath))
    throw new Error(
      `no Chromium at ${executablePath}: run apt-get install -y chromium, or set CHROMIUM to the path of one`,
    );
  browser = await chromium.launchPersistentContext(join(folder, 'profile'), {
    executablePath,
    headless: true,
    args: ['--no-sandbox', '--disable-gpu', '--disable-background-networking'],
  });
}, 60_000);

afterAll(async () => {
  await browser?.close();
  rmSync(join(folder, 'profile'), { recursive: true, force: true });
  console.info(`screenshots: ${folder}`);
});

// Strings, as this project's types know no DOM: they run in the browser.
const overflow = 'document.documentElement.scrollWidth - document.documentElement.clientWidth';
const scrolled = `[...document.querySelectorAll('.methods')].map((t) => t.parentElement.scrollWidth - t.parentElement.clientWidth)`;
const paper = 'getComputedStyle(document.body).backgroundColor';

it('is silent, and fits phones and desks, light and dark', async () => {
  const record = fixtureMethods();
  const file = join(folder, 'methods.html');
  writeFileSync(file, renderMethods(record));
  const url = pathToFileURL(file).href;
  const page = await browser.newPage();
  const noise: string[] = [];
  page.on('console', (message) => noise.push(message.text()));
  page.on('pageerror', (error) => noise.push(error.message));
  page.on('request', (request) => {
    if (request.url() !== url && !request.url().startsWith('data:')) noise.push(request.url());
  });
  await page.goto(url, { waitUntil: 'load' });
  for (const width of [390, 1280])
    for (const colorScheme of ['light', 'dark'] as const) {
      await page.setViewportSize({ width, height: 900 });
      await page.emulateMedia({ colorScheme });
      for (const open of [false, true]) {
        await page.evaluate(`document.querySelector('details').open = ${open}`);
        expect(await page.evaluate(overflow), `overflow at ${width}`).toBe(0);
      }
      expect(await page.evaluate(scrolled), `columns out of sight at ${width}`).toEqual([0]);
      expect(await page.evaluate(paper)).toBe(
        colorScheme === 'dark' ? 'rgb(23, 25, 27)' : 'rgb(253, 252, 249)',
      );
      for (const id of ['passes', 'seconds'])
        expect(await page.locator(`#figure-${id}`).isVisible()).toBe(true);
      await page.screenshot({ path: join(folder, `methods-${width}-${colorScheme}.png`), fullPage: true });
    }
  expect(await page.locator('.methods tbody tr').count()).toBe(record.rows.length);
  expect(noise).toEqual([]);
  await page.close();
});
