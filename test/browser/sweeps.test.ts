/** The pages of a sweep and of a transfer in a real browser: Debian's Chromium, or the one named by the environment variable CHROMIUM. */
import { existsSync, mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { pathToFileURL } from 'node:url';
import { type BrowserContext, chromium } from 'playwright-core';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import {
  renderSweep,
  renderTransfer,
  type SweepResult,
  type TransferResult,
} from '../../src/report/index.ts';
import { fixtureSweep, fixtureTransfer } from '../fixtures/sweeps.ts';

const executablePath = process.env.CHROMIUM ?? '/usr/bin/chromium';
const folder = mkdtempSync(join(tmpdir(), 'touchstone-sweeps-'));
const shots = join(folder, 'screenshots');
let browser: BrowserContext | undefined;

const long = 'a_very_long_name_without_a_single_place_to_break_it_'.repeat(4);

/** Fourteen columns, long names, many digits. */
function awkwardSweep(): SweepResult {
  const sweep = fixtureSweep();
  const steps = [1, 2, 3, 5, 7, 10, 20, 50, 100, 200, 500, 1000, 2000, 5000];
  const column = sweep.cells.filter((c) => c.steps === 10);
  return {
    ...sweep,
    model: { ...sweep.model, path: `${long}.onnx`, metadata: { [long]: long } },
    commandLine: ['sweep', long],
    cells: steps.flatMap((s) =>
      column.map((c) => ({
        ...c,
        steps: s,
        forwards: 812_400_000,
        backwards: 811_417_000,
        seconds: 12_345.6,
      })),
    ),
    findings: sweep.findings.map((f) => ({ ...f, message: `${f.message} ${long}` })),
  };
}

/** Five targets and eight sources with long names. */
function awkwardTransfer(): TransferResult {
  const transfer = fixtureTransfer();
  const [cell] = transfer.cells as [TransferResult['cells'][number]];
  const targets = [1, 2, 3, 4, 5].map((t) => ({ ...transfer.targets[0]!, name: `${t}_${long}` }));
  return {
    ...transfer,
    targets,
    runs: transfer.runs.map((r) => ({ ...r, source: long, forwards: 812_400_000, seconds: 12_345.6 })),
    cells: [1, 2, 3, 4, 5, 6, 7, 8].flatMap((s) =>
      targets.map(({ name }) => ({ ...cell, source: `${s}_${long}`, target: name, whiteBox: s === 1 })),
    ),
    findings: targets.map(({ name }) => ({
      ...transfer.findings[0]!,
      target: name,
      verdict: 'fail' as const,
    })),
  };
}

const pages: [string, string, string[], number][] = [
  ['sweep', renderSweep(fixtureSweep()), ['radii', 'steps'], 2],
  ['sweep-awkward', renderSweep(awkwardSweep()), ['radii', 'steps'], 2],
  ['transfer', renderTransfer(fixtureTransfer()), ['matrix'], 0],
  ['transfer-awkward', renderTransfer(awkwardTransfer()), ['matrix'], 0],
];

beforeAll(async () => {
  if (!existsSync(executablePath))
    throw new Error(
      `no Chromium at ${executablePath}: run apt-get install -y chromium, or set CHROMIUM to the path of one`,
    );
  mkdirSync(shots);
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

// A string, as this project's types know no DOM: it runs in the browser.
const look = `({
  svgs: [...document.querySelectorAll('figure svg.plot')].map((s) => { const b = s.getBoundingClientRect(); return [b.width, b.height]; }),
  overflow: document.documentElement.scrollWidth - document.documentElement.clientWidth,
})`;
interface Seen {
  readonly svgs: readonly [number, number][];
  readonly overflow: number;
}

describe.each(pages)('page %s', (name, html, figures, plots) => {
  it('is silent, asks for nothing, and fits phones, desks and paper', async () => {
    const file = join(folder, `${name}.html`);
    writeFileSync(file, html);
    const url = pathToFileURL(file).href;
    const page = await browser!.newPage();
    const noise: string[] = [];
    const requests: string[] = [];
    page.on('console', (message) => noise.push(`${message.type()}: ${message.text()}`));
    page.on('pageerror', (error) => noise.push(error.message));
    page.on('request', (request) => {
      if (!request.url().startsWith('data:')) requests.push(request.url());
    });
    await page.goto(url, { waitUntil: 'load' });
    for (const [media, width, colorScheme] of [
      ['screen', 390, 'light'],
      ['screen', 390, 'dark'],
      ['screen', 1280, 'light'],
      ['screen', 1280, 'dark'],
      ['print', 720, 'light'],
    ] as const) {
      await page.setViewportSize({ width, height: 900 });
      await page.emulateMedia({ media, colorScheme });
      for (const id of figures) expect(await page.locator(`#figure-${id}`).isVisible(), id).toBe(true);
      const { svgs, overflow } = await page.evaluate<Seen>(look);
      expect(svgs).toHaveLength(plots);
      for (const [w, h] of svgs) expect(w > 250 && h > 150, `${w} × ${h} at ${width}`).toBe(true);
      if (media === 'screen') expect(overflow, `horizontal overflow at ${width}`).toBe(0);
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
