/** The report in a real browser: Debian's Chromium, or the one named by the environment variable CHROMIUM. */
import { existsSync, mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { pathToFileURL } from 'node:url';
import { type BrowserContext, chromium, type Page } from 'playwright-core';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { type Result, renderReport } from '../../src/report/index.ts';
import { fixtureExamples, fixtureResult } from '../fixtures/result.ts';

const executablePath = process.env.CHROMIUM ?? '/usr/bin/chromium';
const folder = mkdtempSync(join(tmpdir(), 'touchstone-report-'));
const shots = join(folder, 'screenshots');
let browser: BrowserContext | undefined;

const long = 'a_very_long_name_without_a_single_place_to_break_it_'.repeat(4);

/** What stresses the layout: long names, many digits, a sweep to 1, a verdict against the number. */
function awkwardResult(): Result {
  const result = fixtureResult();
  const accuracy = (n: number): number => (n - 1) / n;
  return {
    ...result,
    model: { ...result.model, path: `${long}<img src=x onerror=alert(1)>.onnx`, metadata: { [long]: long } },
    commandLine: ['audit', long],
    threat: { norm: 'linf', epsilon: 8 / 255, clip: [0, 1] },
    attacks: result.attacks.map((a, i) => ({
      ...a,
      name: i === 0 ? long : a.name,
      parameters: { ...a.parameters, [long]: long },
      forwards: 812_400_000,
      backwards: 811_417_000,
      seconds: 12_345.6,
      ...(i === 1 ? { error: 'E_ENGINE: out of memory' } : {}),
    })),
    checks: result.checks.map((c, i) => ({
      ...c,
      verdict: i === 0 ? 'fail' : c.verdict,
      message: `${c.message} ${long}`,
    })),
    sweep: ['pgd', 'apgd-ce'].flatMap((attack, i) =>
      [0, 2, 4, 8, 16, 32, 64, 255].map((k) => ({
        attack,
        epsilon: k / 255,
        robustAccuracy: Math.max(0, 0.98 - k / (50 + 20 * i)),
        seconds: 123.4,
      })),
    ),
    perClass: Array.from({ length: 100 }, (_, label) => ({
      label,
      name: label === 0 ? long : `class ${label}`,
      n: 10,
      cleanAccuracy: accuracy(10),
      robustAccuracy: accuracy(2 + (label % 9)),
    })),
    training: {
      ...result.training!,
      epochs: Array.from({ length: 60 }, (_, i) => ({
        ...result.training!.epochs[0]!,
        epoch: i + 1,
        loss: i === 30 ? null : 2 / (i + 1),
        validationRobustAccuracy: i % 5 === 0 ? 0.5 + i / 200 : null,
      })),
    },
  };
}

const reports: [string, Result, string[]][] = [
  [
    'trained',
    fixtureResult(),
    ['epsilon', 'classes', 'loss-epochs', 'accuracy-epochs', 'loss-backwards', 'accuracy-backwards'],
  ],
  ['untrained', fixtureResult({ training: null }), ['epsilon', 'classes']],
  ['awkward', awkwardResult(), ['epsilon', 'classes', 'loss-epochs', 'accuracy-backwards']],
];

beforeAll(async () => {
  if (!existsSync(executablePath)) {
    throw new Error(
      `no Chromium at ${executablePath}: run apt-get install -y chromium, or set CHROMIUM to the path of one`,
    );
  }
  mkdirSync(shots);
  // Playwright passes the folder as --user-data-dir: new, so that nothing of another run is seen.
  browser = await chromium.launchPersistentContext(join(folder, 'profile'), {
    executablePath,
    headless: true,
    args: ['--no-sandbox', '--disable-gpu', '--disable-background-networking'],
  });
}, 60_000);

afterAll(async () => {
  await browser?.close();
  rmSync(join(folder, 'profile'), { recursive: true, force: true });
  console.info(`screenshots: ${shots}`);
});

/** Opens a report and collects what it says to the console and asks of the network. */
async function open(
  name: string,
  result: Result,
): Promise<{ page: Page; noise: string[]; requests: string[]; url: string }> {
  const file = join(folder, `${name}.html`);
  writeFileSync(file, renderReport(result, { examples: fixtureExamples() }));
  const url = pathToFileURL(file).href;
  const page = await browser!.newPage();
  const noise: string[] = [];
  const requests: string[] = [];
  page.on('console', (message) => noise.push(`${message.type()}: ${message.text()}`));
  page.on('pageerror', (error) => noise.push(error.message));
  page.on('dialog', (dialog) => noise.push(`dialog: ${dialog.message()}`));
  page.on('request', (request) => {
    if (!request.url().startsWith('data:')) requests.push(request.url());
  });
  await page.goto(url, { waitUntil: 'load' });
  return { page, noise, requests, url };
}

interface Seen {
  readonly svgs: readonly [number, number][];
  readonly images: readonly [boolean, number][];
  readonly overflow: number;
}

// Strings, as this project's types know no DOM: they run in the browser.
const look = `({
  svgs: [...document.querySelectorAll('figure svg.plot')].map((s) => { const b = s.getBoundingClientRect(); return [b.width, b.height]; }),
  images: [...document.images].map((i) => [i.complete, i.naturalWidth]),
  overflow: document.documentElement.scrollWidth - document.documentElement.clientWidth,
})`;

describe.each(reports)('report %s', (name, result, figures) => {
  it('is silent, complete, and fits phones, desks and paper, light and dark', async () => {
    const { page, noise, requests, url } = await open(name, result);
    for (const [media, width, colorScheme] of [
      ['screen', 390, 'light'],
      ['screen', 390, 'dark'],
      ['screen', 1280, 'light'],
      ['screen', 1280, 'dark'],
      ['print', 720, 'dark'],
    ] as const) {
      await page.setViewportSize({ width, height: 900 });
      await page.emulateMedia({ media, colorScheme });
      for (const id of figures) expect(await page.locator(`#figure-${id}`).isVisible(), id).toBe(true);
      const seen = await page.evaluate<Seen>(look);
      expect(seen.svgs).toHaveLength(result.training ? 5 : 1);
      for (const [w, h] of seen.svgs) expect(w > 250 && h > 150, `${w} × ${h} at ${width}`).toBe(true);
      expect(seen.images).toHaveLength(24);
      for (const image of seen.images) expect(image).toEqual([true, 28]);
      expect(seen.overflow, `horizontal overflow at ${width}`).toBe(0);
      const paper = await page.evaluate<string>('getComputedStyle(document.body).backgroundColor');
      const dark = media === 'screen' && colorScheme === 'dark';
      expect(paper).toBe(dark ? 'rgb(23, 25, 27)' : 'rgb(253, 252, 249)');
      await page.screenshot({
        path: join(shots, `${name}-${width}-${colorScheme}-${media}.png`),
        fullPage: true,
      });
    }
    expect(noise).toEqual([]);
    expect(requests).toEqual([url]);
    await page.close();
  });
});

it('gives the result back as a download', async () => {
  const result = fixtureResult();
  const { page } = await open('download', result);
  const [download] = await Promise.all([page.waitForEvent('download'), page.click('a[download]')]);
  expect(download.suggestedFilename()).toBe('result.json');
  const chunks: Buffer[] = [];
  for await (const chunk of await download.createReadStream()) chunks.push(chunk as Buffer);
  expect(JSON.parse(Buffer.concat(chunks).toString('utf8'))).toEqual(result);
  await page.close();
});

it('forbids scripts even if one got in', async () => {
  const { page, noise } = await open('policy', fixtureResult());
  await page.evaluate(
    `document.body.append(Object.assign(document.createElement('script'), { textContent: 'window.ran = 1' }))`,
  );
  expect(await page.evaluate('window.ran')).toBeUndefined();
  expect(noise.join()).toContain('Content Security Policy');
  await page.close();
});
