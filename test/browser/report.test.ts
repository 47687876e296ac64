/** The report in a real browser. */
import { describe, expect, it } from 'vitest';
import { type Result, renderReport } from '../../src/report/index.ts';
import { fixtureExamples, fixtureResult } from '../fixtures/result.ts';
import { browserFor, LONG as long, look, PAPER, SCREENS, show } from './chromium.ts';

const browser = browserFor('report');

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

const open = (name: string, result: Result) =>
  browser.open(name, renderReport(result, { examples: fixtureExamples() }));

describe.each(reports)('report %s', (name, result, figures) => {
  it('is silent, complete, and fits phones, desks and paper, light and dark', async () => {
    const { page, noise, requests, url } = await open(name, result);
    for (const medium of [...SCREENS, ['print', 720, 'dark']] as const) {
      const [media, width, colorScheme] = medium;
      await show(page, medium);
      for (const id of figures) expect(await page.locator(`#figure-${id}`).isVisible(), id).toBe(true);
      const seen = await look(page);
      expect(seen.svgs).toHaveLength(result.training ? 5 : 1);
      for (const [w, h] of seen.svgs) expect(w > 250 && h > 150, `${w} × ${h} at ${width}`).toBe(true);
      expect(seen.images).toHaveLength(24);
      for (const image of seen.images) expect(image).toEqual([true, 28]);
      expect(seen.overflow, `horizontal overflow at ${width}`).toBe(0);
      const dark = media === 'screen' && colorScheme === 'dark';
      expect(seen.paper).toBe(dark ? PAPER.dark : PAPER.light);
      await page.screenshot({
        path: browser.shot(`${name}-${width}-${colorScheme}-${media}`),
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
