/** The pages of a sweep and of a transfer in a real browser. */
import { describe, expect, it } from 'vitest';
import {
  renderSweep,
  renderTransfer,
  type SweepResult,
  type TransferResult,
} from '../../src/report/index.ts';
import { fixtureSweep, fixtureTransfer } from '../fixtures/sweeps.ts';
import { browserFor, LONG as long, look, SCREENS, show } from './chromium.ts';

const browser = browserFor('sweeps');

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

describe.each(pages)('page %s', (name, html, figures, plots) => {
  it('is silent, asks for nothing, and fits phones, desks and paper', async () => {
    const { page, url, noise, requests } = await browser.open(name, html);
    for (const medium of [...SCREENS, ['print', 720, 'light']] as const) {
      const [media, width, colorScheme] = medium;
      await show(page, medium);
      for (const id of figures) expect(await page.locator(`#figure-${id}`).isVisible(), id).toBe(true);
      const { svgs, overflow } = await look(page);
      expect(svgs).toHaveLength(plots);
      for (const [w, h] of svgs) expect(w > 250 && h > 150, `${w} × ${h} at ${width}`).toBe(true);
      if (media === 'screen') expect(overflow, `horizontal overflow at ${width}`).toBe(0);
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
