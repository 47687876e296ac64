import { readFileSync } from 'node:fs';
import { describe, expect, it } from 'vitest';
import { TouchstoneError } from '../../src/errors.ts';
import {
  buildHeadline,
  epsilonText,
  parseResult,
  percent,
  type Result,
  resultJsonSchema,
  wilsonInterval,
} from '../../src/report/index.ts';
import { fixtureResult } from '../fixtures/result.ts';

describe('schema', () => {
  it('accepts the fixture, with and without training, and after a round trip through JSON', () => {
    const result = fixtureResult();
    expect(parseResult(result)).toEqual(result);
    expect(parseResult(JSON.parse(JSON.stringify(result)))).toEqual(result);
    expect(parseResult(fixtureResult({ training: null })).training).toBeNull();
  });

  const { attacks, verifier, clean, robust, model } = fixtureResult();
  const broken: [string, Record<string, unknown>, RegExp][] = [
    ['another version', { schema: 'touchstone-result/2' }, /schema/],
    ['an accuracy in percent', { robustAccuracy: 88.1 }, /robustAccuracy/],
    ['an accuracy that is not its count', { robustAccuracy: 0.9 }, /robustAccuracy: is not robust\.correct/],
    ['NaN', { clean: { ...clean, accuracy: Number.NaN } }, /clean\.accuracy/],
    ['a missing field', { verifier: undefined }, /verifier/],
    ['a hash that is none', { model: { ...model, sha256: 'abc' } }, /model\.sha256/],
    ['a norm that is none', { threat: { norm: 'l3', epsilon: 0.1, clip: [0, 1] } }, /threat\.norm/],
    ['ε of 0', { threat: { norm: 'l2', epsilon: 0, clip: null } }, /threat\.epsilon/],
    ['more correct than there are', { robust: { ...robust, correct: 1001 } }, /1001 correct of 1000/],
    [
      'a worst case above an attack',
      { attacks: attacks.map((a) => ({ ...a, robustAccuracy: 0.5, broken: 500 })) },
      /no worst case/,
    ],
    ['an attack that does not add up', { attacks: attacks.map((a) => ({ ...a, broken: 3 })) }, /attacks\.0/],
    ['a verifier that is content with rejects', { verifier: { ...verifier, rejected: 1 } }, /verifier\.ok/],
  ];
  it.each(broken)('rejects %s', (_, changes, message) => {
    const parse = () => parseResult({ ...fixtureResult(), ...changes });
    expect(parse).toThrow(TouchstoneError);
    expect(parse).toThrow(message);
    expect(parse).toThrow(/^E_DATA: /);
  });

  it('is published as JSON Schema; if this fails: node --import tsx src/report/write-schema.ts', () => {
    const published = readFileSync(new URL('../../docs/schema/result-1.json', import.meta.url), 'utf8');
    expect(published).toBe(resultJsonSchema());
    const { required, properties } = JSON.parse(published) as { required: string[]; properties: object };
    const optional = ['verdict', 'machines']; // results of before there was one are still read; most are not in shards
    expect(Object.keys(properties).filter((p) => !optional.includes(p))).toEqual(required);
    expect(required).toEqual(Object.keys(fixtureResult()));
  });

  it('is described in docs/result-schema.md, every field of the first level', () => {
    const text = readFileSync(new URL('../../docs/result-schema.md', import.meta.url), 'utf8');
    for (const field of Object.keys(fixtureResult())) expect(text).toContain(`\`${field}\``);
  });
});

describe('wilsonInterval', () => {
  // 81/263 and 15/148, 0/20, 1/29: Newcombe, Statistics in Medicine 17 (1998), table I, method 3.
  it.each([
    [81, 263, 0.2553, 0.3662],
    [15, 148, 0.0624, 0.1605],
    [0, 20, 0, 0.1611],
    [1, 29, 0.0061, 0.1718],
  ])('of %d in %d is %d to %d', (correct, n, lower, upper) => {
    const interval = wilsonInterval(correct, n);
    expect(interval.lower).toBeCloseTo(lower, 4);
    expect(interval.upper).toBeCloseTo(upper, 4);
  });

  it('is symmetric, contains the proportion, and stays in [0, 1]', () => {
    for (const [correct, n] of [
      [0, 1],
      [1, 1],
      [10_000, 10_000],
      [9_999, 10_000],
      [3, 7],
    ] as const) {
      const { lower, upper } = wilsonInterval(correct, n);
      const mirrored = wilsonInterval(n - correct, n);
      expect(lower).toBeCloseTo(1 - mirrored.upper, 12);
      expect(lower).toBeLessThanOrEqual(correct / n);
      expect(upper).toBeGreaterThanOrEqual(correct / n);
      expect(lower >= 0 && upper <= 1).toBe(true);
    }
    expect(wilsonInterval(0, 0)).toEqual({ lower: 0, upper: 1 });
  });
});

describe('formats', () => {
  it('never rounds up to 100 % or down to 0 %', () => {
    expect([1, 0.9999, 0.912, 0.0001, 0].map((value) => percent(value).replace('\u00a0', ' '))).toEqual([
      '100.0 %',
      '>99.9 %',
      '91.2 %',
      '<0.1 %',
      '0.0 %',
    ]);
  });

  it('writes ε as people do', () => {
    expect([0.1, 8 / 255, 0.03, 0.5, 1, 1 / 3, 2 / 255, 0].map(epsilonText)).toEqual([
      '0.1',
      '8/255',
      '0.03',
      '0.5',
      '1',
      '85/255',
      '2/255',
      '0',
    ]);
  });
});

describe('buildHeadline', () => {
  const plain = (text: string): string => text.replaceAll('\u00a0', ' ');
  const headline = (changes: Partial<Result>) => buildHeadline(fixtureResult(changes));

  it('says what was found in a sentence', () => {
    expect(plain(headline({}).sentence)).toBe(
      'Of the 1,000 test images, 88.1 % stay correct under every attack tried within ε = 0.1 (L∞).',
    );
    expect(plain(headline({ attacks: [] }).sentence)).toMatch(/^No attack was run/);
  });

  it('trusts the number only if verifier, attacks and checks all allow it', () => {
    const { checks, verifier, attacks } = fixtureResult();
    const passed = checks.filter((check) => check.verdict === 'pass');
    expect(headline({ checks: passed })).toMatchObject({ trust: 'pass', verifier: 'confirmed' });
    expect(headline({}).trust).toBe('warn');
    expect(headline({ checks: [] }).trust).toBe('warn');
    expect(headline({ checks: [...passed, { ...passed[0]!, verdict: 'fail' }] }).trust).toBe('fail');
    const rejected = headline({ verifier: { ...verifier, ok: false, rejected: 3 } });
    expect(rejected).toMatchObject({ trust: 'fail', verifier: 'rejected' });
    expect(rejected.trustSentence).toContain('rejected 3 of 431');
    const crashed = headline({ checks: passed, attacks: [{ ...attacks[0]!, error: 'out of memory' }] });
    expect(crashed.trustSentence).toContain('“random noise” did not finish');
  });
});
