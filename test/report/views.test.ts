import { inflateSync } from 'node:zlib';
import { describe, expect, it } from 'vitest';
import { auditTable, type ReportExtras, type Result, renderReport } from '../../src/report/index.ts';
import { embeddedJson, html } from '../../src/report/markup.ts';
import { encodePng, pngDataUri } from '../../src/report/png.ts';
import { magnifiedDifference } from '../../src/report/sections/examples.ts';
import { fixtureExamples, fixtureResult } from '../fixtures/result.ts';

const HOSTILE = `</script><img src=x onerror="alert(1)">'"&\u202e\u001b[31m<!--`;

/** A result in which every text that a file could bring is hostile. */
function hostileResult(): Result {
  const result = fixtureResult();
  const bad = HOSTILE;
  return {
    ...result,
    commandLine: [bad],
    model: { ...result.model, path: `dir/${bad}`, producer: bad, metadata: { [bad]: bad } },
    data: { ...result.data, name: bad, split: bad },
    attacks: result.attacks.map((a) => ({ ...a, name: bad, parameters: { [bad]: bad }, error: bad })),
    checks: result.checks.map((c) => ({
      ...c,
      title: bad,
      message: bad,
      figures: { [bad]: bad },
      section: bad,
    })),
    sweep: result.sweep.map((point, i) => ({ ...point, attack: i % 2 ? bad : 'pgd' })),
    training: { ...result.training!, method: bad, recipe: { [bad]: [bad, 1] } },
    perClass: result.perClass.map((entry) => ({ ...entry, name: bad })),
    verifier: { ...result.verifier, ok: false, rejected: 1, reasons: { [bad]: 1 } },
  };
}

const report = (result: Result, extras: Partial<ReportExtras> = {}): string =>
  renderReport(result, { examples: fixtureExamples(2), ...extras });

describe('markup', () => {
  it('escapes what it is given, joins arrays, and drops nothing-values', () => {
    expect(html`<p title="${'a"b'}">${'<b>&'}${[html`<i>`, 1]}${null}${false}</p>`.text).toBe(
      '<p title="a&quot;b">&lt;b&gt;&amp;<i>1</p>',
    );
    expect(html`plain`.text).toBe('plain');
  });

  it('embeds JSON that no content can break out of', () => {
    const text = embeddedJson({ [HOSTILE]: '\u2028<' }).text;
    expect(text).not.toMatch(/[<>&\u2028]/);
    expect(JSON.parse(text)).toEqual({ [HOSTILE]: '\u2028<' });
  });
});

describe('renderReport', () => {
  it('escapes hostile names everywhere', () => {
    const page = report(hostileResult(), { classNames: Array<string>(10).fill(HOSTILE) });
    expect(page).not.toContain('<img src=x');
    // biome-ignore lint/suspicious/noControlCharactersInRegex: none may be left
    expect(page).not.toMatch(/[\u001b\u202e]/);
    expect(page.match(/<script/g)).toHaveLength(1);
    expect(page.match(/<\/script/g)).toHaveLength(1);
    expect(page.match(/<!--/g)).toBeNull();
    for (const [, source] of page.matchAll(/<img src="([^"]*)"/g))
      expect(source).toMatch(/^data:image\/png;base64,/);
  });

  it('holds the result, in the page and behind the link', () => {
    const result = fixtureResult();
    const page = report(result);
    const embedded = page.match(/<script type="application\/json" id="result">(.*?)<\/script>/s)?.[1] ?? '';
    expect(JSON.parse(embedded)).toEqual(result);
    const href =
      page.match(/download="result\.json" href="data:application\/json;charset=utf-8,([^"]*)"/)?.[1] ?? '';
    expect(JSON.parse(decodeURIComponent(href))).toEqual(result);
  });

  it('names no address that could be fetched', () => {
    const page = report(fixtureResult()).replaceAll('http://www.w3.org/', '');
    expect(page).not.toMatch(/(?:src|href|url\()\s*=?\s*["']?(?:https?:|\/\/)/);
    expect(page).toContain("default-src 'none'");
  });

  it('leaves out what there is not', () => {
    const page = report(fixtureResult({ training: null, sweep: [], perClass: [], checks: [] }), {
      examples: [],
    });
    expect(page).not.toMatch(/id="(training|curve|examples|classes)"/);
    expect(page).toContain('No check for gradient masking was run');
  });

  it('draws odd training runs: one epoch, a loss that is not finite, no validation', () => {
    const training = fixtureResult().training!;
    const epoch = {
      ...training.epochs[0]!,
      loss: null,
      validationAccuracy: null,
      validationRobustAccuracy: null,
    };
    for (const epochs of [
      [],
      [epoch],
      Array.from({ length: 200 }, (_, i) => ({ ...epoch, epoch: i + 1, loss: 1 })),
    ]) {
      const page = report(fixtureResult({ training: { ...training, epochs } }));
      expect(page).toContain('id="training"');
      expect(page).not.toMatch(/NaN|undefined|Infinity/);
    }
  });

  it('links to the documentation only where the link can work', () => {
    const withChecks = (section: string): Result =>
      fixtureResult({ checks: fixtureResult().checks.map((check) => ({ ...check, section })) });
    expect(report(withChecks('javascript:alert(1)'))).not.toContain('href="javascript');
    expect(report(withChecks('docs/checks.md#x'))).toContain('<code>docs/checks.md#x</code>');
    expect(report(withChecks('docs/checks.md#x'), { docsBase: '../' })).toContain(
      'href="../docs/checks.md#x"',
    );
  });

  it('refuses examples whose pixels do not fit their shape', () => {
    const [example] = fixtureExamples(1);
    const render = () => report(fixtureResult(), { examples: [{ ...example!, shape: [3, 28, 28] }] });
    expect(render).toThrow(/E_SHAPE/);
  });
});

/** Decodes what encodePng writes, checking sizes; filters other than 0 are not expected. */
function decodePng(png: Uint8Array): { width: number; height: number; colour: number; rows: Uint8Array } {
  expect([...png.subarray(0, 8)]).toEqual([137, 80, 78, 71, 13, 10, 26, 10]);
  const view = new DataView(png.buffer, png.byteOffset, png.byteLength);
  const chunks = new Map<string, Uint8Array>();
  let at = 8;
  while (at < png.length) {
    const size = view.getUint32(at);
    chunks.set(String.fromCharCode(...png.subarray(at + 4, at + 8)), png.subarray(at + 8, at + 8 + size));
    at += 12 + size;
  }
  expect([...chunks.keys()]).toEqual(['IHDR', 'IDAT', 'IEND']);
  const colour = png[25]!;
  return {
    width: view.getUint32(16),
    height: view.getUint32(20),
    colour,
    rows: inflateSync(chunks.get('IDAT')!),
  };
}

describe('png', () => {
  it('writes grey images, clipped, and RGB images interleaved', () => {
    const grey = decodePng(encodePng(Float32Array.of(0, 0.5, 1, -1, 2, Number.NaN), [1, 2, 3]));
    expect(grey).toMatchObject({ width: 3, height: 2, colour: 0 });
    expect([...grey.rows]).toEqual([0, 0, 128, 255, 0, 0, 255, 0]);
    const rgb = decodePng(encodePng(Float32Array.of(1, 0, 0.2, 0.4, 0, 1), [3, 1, 2]));
    expect(rgb.colour).toBe(2);
    expect([...rgb.rows]).toEqual([0, 255, 51, 0, 0, 102, 255]);
  });

  it('shows the mean of other numbers of channels', () => {
    expect([...decodePng(encodePng(Float32Array.of(0.2, 0.6), [2, 1, 1])).rows]).toEqual([0, 102]);
  });

  it('ends in the chunk that every PNG ends in, checksum included', () => {
    const end = [...encodePng(Float32Array.of(0), [1, 1, 1]).subarray(-12)];
    expect(end).toEqual([0, 0, 0, 0, 0x49, 0x45, 0x4e, 0x44, 0xae, 0x42, 0x60, 0x82]);
    expect(pngDataUri(Float32Array.of(0), [1, 1, 1])).toMatch(
      /^data:image\/png;base64,iVBORw0KGgo[\w+/]+=*$/,
    );
  });

  it('magnifies differences ten times around mid-grey', () => {
    const difference = magnifiedDifference(Float32Array.of(0.5, 0.5, 0.5), Float32Array.of(0.5, 0.6, 0.45));
    expect([...difference].map((value) => Number(value.toFixed(4)))).toEqual([0.5, 1, 0.25]);
    expect(() => magnifiedDifference(Float32Array.of(1), Float32Array.of(1, 1))).toThrow(/E_SHAPE/);
  });
});

describe('auditTable', () => {
  it('holds every attack with its costs, the worst case and the headline', () => {
    const text = auditTable(fixtureResult());
    expect(text).toMatch(/^ apgd-t +88\.1 % +119 +812,400 +811,417 +21\.6 $/m);
    expect(text).toMatch(/^ worst case \(1,000\) +88\.1 % +119 +990,631 +886,433 +31\.9 $/m);
    expect(text).toContain('88.1 % stay correct under every attack');
    expect(text).toContain('warn not-converged');
  });

  it.each([40, 60, 80, 120])('fits into %d columns', (width) => {
    const attacks = fixtureResult().attacks.map((a) => ({
      ...a,
      name: `${a.name} with a long name, restarted`,
    }));
    for (const line of auditTable(fixtureResult({ attacks }), { width }).split('\n')) {
      expect(line.length).toBeLessThanOrEqual(width);
    }
  });

  it('colours only when asked, and never passes on control characters', () => {
    expect(auditTable(fixtureResult())).not.toContain('\u001b');
    expect(auditTable(fixtureResult(), { colour: true })).toContain('\u001b[');
    // biome-ignore lint/suspicious/noControlCharactersInRegex: none may be left
    expect(auditTable(hostileResult())).not.toMatch(/[\u001b\u202e]/);
  });

  it('says so when an attack did not finish', () => {
    const [first, ...others] = fixtureResult().attacks;
    const text = auditTable(fixtureResult({ attacks: [{ ...first!, error: 'E_ENGINE' }, ...others] }));
    expect(text).toContain('random noise (did not finish)');
    expect(text).toContain('Do not rely on this number');
  });
});
