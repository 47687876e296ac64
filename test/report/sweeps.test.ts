import { readFileSync } from 'node:fs';
import { describe, expect, it } from 'vitest';
import {
  parseSweep,
  parseTransfer,
  renderSweep,
  renderTransfer,
  type SweepResult,
  sweepJsonSchema,
  sweepTable,
  transferJsonSchema,
  transferTable,
} from '../../src/report/index.ts';
import { fixtureSweep, fixtureTransfer } from '../fixtures/sweeps.ts';

const published = (name: string) =>
  readFileSync(new URL(`../../docs/schema/${name}`, import.meta.url), 'utf8');

describe('the schemas of sweep.json and transfer.json', () => {
  it('accept the fixtures, also after a round trip through JSON', () => {
    for (const sweep of [fixtureSweep(), JSON.parse(JSON.stringify(fixtureSweep()))])
      expect(parseSweep(sweep)).toEqual(fixtureSweep());
    for (const transfer of [fixtureTransfer(), JSON.parse(JSON.stringify(fixtureTransfer()))])
      expect(parseTransfer(transfer)).toEqual(fixtureTransfer());
  });

  const [cell] = fixtureSweep().cells as [SweepResult['cells'][number]];
  const last = fixtureSweep().cells.at(-1)!;
  it.each([
    ['another version', { schema: 'touchstone-sweep/2' }, /schema/],
    ['an accuracy in percent', { cells: [{ ...cell, robustAccuracy: 98.3 }] }, /robustAccuracy/],
    ['one that is not its count', { cells: [{ ...cell, standing: 12 }] }, /cells\.0: does not add up/],
    ['images that are neither attacked nor carried', { cells: [{ ...last, carried: 1 }] }, /does not add up/],
    ['more of the sample than it has', { cells: [{ ...cell, freshStanding: 101 }] }, /does not add up/],
    ['a negative radius', { cells: [{ ...cell, epsilon: -0.1 }] }, /epsilon/],
    ['a missing field', { attack: undefined }, /attack/],
  ])('reject a sweep with %s', (_, changes, message) => {
    const parse = () => parseSweep({ ...fixtureSweep(), ...changes });
    expect(parse).toThrow(/^E_DATA: not a valid sweep/);
    expect(parse).toThrow(message);
  });

  const [pair] = fixtureTransfer().cells;
  it.each([
    ['another version', { schema: 'touchstone-sweep/1' }, /schema/],
    [
      'an accuracy that is not its count',
      { cells: [{ ...pair, accuracy: 0.1 }] },
      /cells\.0: does not add up/,
    ],
    [
      'more standing than correct',
      { cells: [{ ...pair, standing: 990, accuracy: 0.99 }] },
      /does not add up/,
    ],
    ['a target that does not add up', { targets: [{ name: 'a', correct: 1, accuracy: 1 }] }, /targets\.0/],
  ])('reject a transfer with %s', (_, changes, message) => {
    const parse = () => parseTransfer({ ...fixtureTransfer(), ...changes });
    expect(parse).toThrow(/^E_DATA: not a valid transfer result/);
    expect(parse).toThrow(message);
  });

  it('are published as JSON Schema; if this fails: node --import tsx src/report/write-schema.ts', () => {
    expect(published('sweep-1.json')).toBe(sweepJsonSchema());
    expect(published('transfer-1.json')).toBe(transferJsonSchema());
    for (const [file, fixture] of [
      ['sweep-1.json', fixtureSweep()],
      ['transfer-1.json', fixtureTransfer()],
    ] as const) {
      const { required, properties } = JSON.parse(published(file)) as {
        required: string[];
        properties: object;
      };
      expect(Object.keys(properties)).toEqual(required);
      expect([...required].sort()).toEqual(Object.keys(fixture).sort());
    }
  });

  it('are described in docs/sweeps.md, every field of the first level', () => {
    const text = readFileSync(new URL('../../docs/sweeps.md', import.meta.url), 'utf8');
    for (const field of [...Object.keys(fixtureSweep()), ...Object.keys(fixtureTransfer())])
      expect(text).toContain(`\`${field}\``);
  });
});

const HOSTILE = `</script><img src=x onerror="alert(1)">'"&\u202e\u001b[31m<!--`;
const hostile = (page: string) => {
  expect(page).not.toContain('<img src=x');
  // biome-ignore lint/suspicious/noControlCharactersInRegex: none may be left
  expect(page).not.toMatch(/[\u001b\u202e]/);
  expect(page.match(/<script/g)).toHaveLength(1);
  expect(page.match(/<!--/g)).toBeNull();
};
const embedded = (page: string): unknown =>
  JSON.parse(page.match(/<script type="application\/json" id="result">(.*?)<\/script>/s)?.[1] ?? '');

describe('the page of a sweep', () => {
  it('holds the sweep, asks the network for nothing, and escapes what files bring', () => {
    const page = renderSweep(fixtureSweep());
    expect(embedded(page)).toEqual(fixtureSweep());
    expect(page.replaceAll('http://www.w3.org/', '')).not.toMatch(
      /(?:src|href|url\()\s*=?\s*["']?(?:https?:|\/\/)/,
    );
    const { model, data, findings } = fixtureSweep();
    hostile(
      renderSweep(
        fixtureSweep({
          model: { ...model, path: `dir/${HOSTILE}`, metadata: { [HOSTILE]: HOSTILE } },
          data: { ...data, name: HOSTILE },
          commandLine: [HOSTILE],
          findings: findings.map((f) => ({ ...f, title: HOSTILE, message: HOSTILE, section: HOSTILE })),
        }),
      ),
    );
  });

  it('has a row per radius, a column per setting, and a curve for each', () => {
    const page = renderSweep(fixtureSweep());
    for (const label of ['1 step', '10 steps', '50 steps']) expect(page).toContain(`>${label}</th>`);
    expect(page).toMatch(
      /<th scope="row">0\.15<\/th><td[^>]*>83\.1<\/td><td[^>]*>78\.7<\/td><td[^>]*>78\.4<\/td>/,
    );
    expect(page).toContain('id="figure-radii"');
    expect(page).toContain('id="figure-steps"');
    expect(page.indexOf('10 steps break fewer')).toBeLessThan(page.indexOf('A larger ε breaks no fewer'));
  });

  it('names what differs between columns, and nothing else', () => {
    const { cells } = fixtureSweep();
    const quarter = cells.map((c) => ({ ...c, stepSize: 0.25 }));
    const several = [
      ...quarter,
      ...quarter.map((c) => ({ ...c, stepSize: 0.1 })),
      ...quarter.map((c) => ({ ...c, restarts: 5 })),
    ];
    expect(sweepTable(fixtureSweep({ cells: quarter }))).not.toContain('of 0.25');
    const text = sweepTable(fixtureSweep({ cells: several }));
    expect(text).toContain('10 steps of 0.25 ε × 1');
    expect(text).toContain('10 steps of 0.1 ε × 1');
    expect(text).toContain('50 steps of 0.25 ε × 5');
    const asked = cells.map((c) => ({
      ...c,
      parameters: { queries: c.steps },
      stepSize: null,
      restarts: null,
    }));
    expect(sweepTable(fixtureSweep({ attack: 'square', cells: asked }))).toContain('1 query  10 queries');
    expect(renderSweep(fixtureSweep({ cells: several }))).toContain('ε 0.2 of 0.25 ε × 5');
  });

  it('draws one column, one radius, and nothing at all', () => {
    const { cells } = fixtureSweep();
    const few = cells.filter((c) => c.steps === 10);
    expect(renderSweep(fixtureSweep({ cells: few }))).not.toContain('id="figure-steps"');
    expect(renderSweep(fixtureSweep({ cells: few.slice(0, 1) }))).toContain('id="figure-radii"');
    const none = few.map((c) => ({
      ...c,
      robustAccuracy: 0,
      standing: 0,
      carried: 0,
      attacked: 0,
      freshStanding: 0,
    }));
    expect(renderSweep(fixtureSweep({ cells: none, correct: 0, sampled: 0, findings: [] }))).toContain(
      'The grid is too small to tell.',
    );
  });
});

describe('the page of a transfer', () => {
  it('holds the result, and escapes what files bring', () => {
    expect(embedded(renderTransfer(fixtureTransfer()))).toEqual(fixtureTransfer());
    const { cells, runs, targets, models, findings } = fixtureTransfer();
    hostile(
      renderTransfer(
        fixtureTransfer({
          models: models.map((m) => ({ ...m, name: HOSTILE, path: HOSTILE })),
          targets: targets.map((t) => ({ ...t, name: HOSTILE })),
          cells: cells.map((c) => ({ ...c, source: HOSTILE, target: HOSTILE, attack: HOSTILE })),
          runs: runs.map((r) => ({
            ...r,
            source: HOSTILE,
            attack: HOSTILE,
            parameters: { [HOSTILE]: HOSTILE },
          })),
          findings: findings.map((f) => ({ ...f, message: HOSTILE, target: HOSTILE })),
        }),
      ),
    );
  });

  it('is a matrix of sources and attacks by targets', () => {
    const page = renderTransfer(fixtureTransfer());
    expect(page).toMatch(/>none<\/th><td class="text">–<\/td><td[^>]*>98\.3<\/td>/);
    expect(page).toMatch(
      />model\.onnx<\/th><td class="text">pgd<\/td><td class="shade own"[^>]*>78\.8<\/td>/,
    );
    expect(page).toMatch(
      />conv4\.onnx<\/th><td class="text">pgd-margin<\/td><td class="shade"[^>]*>94\.1<\/td>/,
    );
    expect(page).toContain(
      'model.onnx gets 98.3\u00a0% right without an attack, 94.0\u00a0% under examples made on conv4.onnx, 78.8\u00a0% under examples made on itself.',
    );
  });

  it('says where there is nothing to compare with', () => {
    const page = renderTransfer(fixtureTransfer({ findings: [] }));
    expect(page).toContain('No target is among the sources');
  });
});

describe('in the terminal', () => {
  it('a sweep is its grid and its findings', () => {
    const text = sweepTable(fixtureSweep());
    expect(text).toMatch(/ε {2}1 step {2}10 steps {2}50 steps/);
    expect(text).toMatch(/0\.2 {2}41\.0 % {4}22\.3 % {4}21\.0 %/);
    expect(text).toContain('fail one-step-beats-many: 10 steps break fewer than 1');
    // biome-ignore lint/suspicious/noControlCharactersInRegex: colours only where asked for
    expect(text).not.toMatch(/\u001b/);
    expect(sweepTable(fixtureSweep(), { colour: true })).toContain('\u001b[31mfail');
    expect(sweepTable(fixtureSweep({ model: { ...fixtureSweep().model, path: HOSTILE } }))).not.toContain(
      '\u001b',
    );
  });

  it('a transfer is its matrix, with white boxes marked', () => {
    const text = transferTable(fixtureTransfer());
    expect(text).toMatch(/model\.onnx +pgd +78\.8 % \*/);
    expect(text).toContain('* source and target are the same model');
    expect(text).toContain('pass black-box-finds-more: ');
    const { cells } = fixtureTransfer();
    const black = cells.map((c) => ({ ...c, whiteBox: false }));
    expect(transferTable(fixtureTransfer({ cells: black }))).not.toContain('the same model');
    expect(
      transferTable(
        fixtureTransfer({ cells: black.map((c) => ({ ...c, source: `${c.source}${HOSTILE}` })) }),
      ),
    ).not.toContain('\u001b');
  });
});
