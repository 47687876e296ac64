/** What the browser tests share: Debian's Chromium, or the one named by the environment variable CHROMIUM, and pages opened in it. */
import { existsSync, mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { pathToFileURL } from 'node:url';
import { type BrowserContext, chromium, type Page } from 'playwright-core';
import { afterAll, beforeAll } from 'vitest';

const executablePath = process.env.CHROMIUM ?? '/usr/bin/chromium';

/** A page that has loaded, and what it did: both lists go on. */
export interface Opened {
  readonly page: Page;
  readonly url: string;
  /** What it said: to the console, in dialogs, as errors. */
  readonly noise: string[];
  /** What it asked for, itself first; nothing of data: URLs. */
  readonly requests: string[];
}

export interface Browser {
  /** Opens a page of HTML, from a file of that name. */
  open(name: string, html: string): Promise<Opened>;
  /** A file for a screenshot of that name. */
  shot(name: string): string;
}

/**
 * A browser for the tests of a file, from before the first to after the last. The screenshots stay.
 *
 * @param name of the folder that they are in
 */
export function browserFor(name: string): Browser {
  const folder = mkdtempSync(join(tmpdir(), `touchstone-${name}-`));
  const shots = join(folder, 'screenshots');
  let browser: BrowserContext | undefined;

  beforeAll(async () => {
    if (!existsSync(executablePath))
      throw new Error(
        `no Chromium at ${executablePath}: run apt-get install -y chromium, or set CHROMIUM to the path of one`,
      );
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

  return {
    shot: (file) => join(shots, `${file}.png`),
    async open(file, html) {
      const path = join(folder, `${file}.html`);
      writeFileSync(path, html);
      const url = pathToFileURL(path).href;
      const page = await browser!.newPage();
      const [noise, requests]: [string[], string[]] = [[], []];
      page.on('console', (message) => noise.push(`${message.type()}: ${message.text()}`));
      page.on('pageerror', (error) => noise.push(error.message));
      page.on('dialog', (dialog) => noise.push(`dialog: ${dialog.message()}`));
      page.on('request', (request) => {
        if (!request.url().startsWith('data:')) requests.push(request.url());
      });
      await page.goto(url, { waitUntil: 'load' });
      return { page, url, noise, requests };
    },
  };
}

/** A word without a single place to break it. */
export const LONG = 'a_very_long_name_without_a_single_place_to_break_it_'.repeat(4);

// Strings, as this project's types know no DOM: they run in the browser.
const LOOK = `({
  svgs: [...document.querySelectorAll('figure svg.plot')].map((s) => { const b = s.getBoundingClientRect(); return [b.width, b.height]; }),
  images: [...document.images].map((i) => [i.complete, i.naturalWidth]),
  overflow: document.documentElement.scrollWidth - document.documentElement.clientWidth,
  paper: getComputedStyle(document.body).backgroundColor,
})`;

/** What is to be seen of a page. */
export interface Seen {
  /** Width and height of each plot. */
  readonly svgs: readonly [number, number][];
  /** Of each image, whether it is there, and its own width. */
  readonly images: readonly [boolean, number][];
  /** Pixels that are out of sight to the right. */
  readonly overflow: number;
  readonly paper: string;
}

export const look = (page: Page): Promise<Seen> => page.evaluate<Seen>(LOOK);

/** The paper's colour. */
export const PAPER = { light: 'rgb(253, 252, 249)', dark: 'rgb(23, 25, 27)' } as const;

/** Phones and desks, light and dark. */
export const SCREENS = [
  ['screen', 390, 'light'],
  ['screen', 390, 'dark'],
  ['screen', 1280, 'light'],
  ['screen', 1280, 'dark'],
] as const;

export type Medium = readonly ['screen' | 'print', number, 'light' | 'dark'];

/** Shows a page as it is on a medium. */
export async function show(page: Page, [media, width, colorScheme]: Medium): Promise<void> {
  await page.setViewportSize({ width, height: 900 });
  await page.emulateMedia({ media, colorScheme });
}
