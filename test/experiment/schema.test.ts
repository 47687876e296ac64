/** What an experiment.json may hold, and what is said of one that may not. */
import { readFileSync } from 'node:fs';
import { describe, expect, it } from 'vitest';
import { example } from '../../src/experiment/example.ts';
import { parseExperiment } from '../../src/experiment/read.ts';
import { experimentJsonSchema } from '../../src/experiment/schema.ts';
import { comparisonJsonSchema } from '../../src/report/index.ts';
import { experimentOf, tiny } from './tiny.ts';

describe('an experiment.json', () => {
  it('may have comments, trailing commas and a byte order mark', () => {
    const text = `\ufeff// what\n${JSON.stringify(tiny).replace(/}$/, ', /* why */ }')}`;
    expect(parseExperiment(text, 'e.json')).toEqual(experimentOf());
  });

  it('has defaults for what is left out', () => {
    const { training: _, audit: __, seeds: ___, ...rest } = tiny;
    expect(parseExperiment(JSON.stringify(rest), 'e.json')).toMatchObject({
      checkpoints: [],
      seeds: [0],
      training: {},
      audit: { norm: 'linf', limit: 1000, shards: 1 },
      engine: { name: 'onnxruntime', device: 'cpu' },
    });
  });

  it('takes radii as people write them', () => {
    const { eps, training } = experimentOf({
      eps: [0.5, '8/255', '1e0 / 2e1'],
      training: { stepSize: '2/255' },
    });
    expect(eps).toEqual([0.5, 8 / 255, 0.05]);
    expect(training.stepSize).toBe(2 / 255);
  });

  it('is written by init as one that can be run', () => {
    const { methods, seeds, audit } = parseExperiment(example, 'experiment.json');
    expect(methods).toHaveLength(5);
    expect(seeds).toEqual([0, 1, 2]);
    expect(audit).toMatchObject({ shards: 2, chunk: 250, limit: 1000 });
  });

  it.each<[string, Record<string, unknown>, RegExp]>([
    [
      'another version',
      { schema: 'touchstone-experiment/2' },
      /tiny\.json, schema: .*expected touchstone-exp/,
    ],
    ['a misspelt field', { epochs: 3 }, /tiny\.json, the file: unknown "epochs"$/],
    ['an unknown method', { methods: ['natural', 'pdg'] }, /methods\[1\]: "pdg", expected natural, pgd/],
    [
      'an unknown method with settings',
      { methods: [{ method: 'pdg', steps: 1 }] },
      /methods\[0\]\.method: "pdg", expected natural/,
    ],
    [
      'a setting of the wrong kind',
      { methods: [{ method: 'pgd', steps: 'ten' }] },
      /methods\[0\]\.steps: "ten", expected .*number/,
    ],
    [
      'a setting that there is not',
      { methods: [{ method: 'pgd', stpes: 1 }] },
      /methods\[0\]: unknown "stpes"/,
    ],
    ['a path as a setting', { training: { out: '/etc' } }, /training: unknown "out"/],
    ['an unknown architecture', { models: ['lenet'] }, /models\[0\]: "lenet", expected mnist-cnn/],
    ['a radius that is none', { eps: ['8/'] }, /eps\[0\]: "8\/", expected a number, or one like "8\/255"/],
    ['a radius below zero', { eps: [-1] }, /eps\[0\]: /],
    ['a seed that is no whole number', { seeds: [0.5] }, /seeds\[0\]: /],
    ['no data', { data: [] }, /data: /],
    [
      'a label that is a path',
      { methods: [{ method: 'pgd', label: '../x' }] },
      /methods\[0\]\.label: .*expected letters/,
    ],
    ['too many shards', { audit: { shards: 2e6 } }, /audit\.shards: /],
    ['several mistakes', { data: [], seeds: [-1] }, /tiny\.json \(and 1 more\), data: /],
  ])('is refused with %s, in one line', (_, changes, message) => {
    expect(() => experimentOf(changes)).toThrow(message);
    expect(() => experimentOf(changes)).toThrow(/^E_OPTION: [^\n]*$/);
  });

  it.each([
    ['a missing comma', '{\n  "schema": "x"\n  "name": "y"\n}', /line 3, column 3/],
    ['a comment that does not end', '{ /* ', /experiment init/],
    ['nothing', '', /is no JSON/],
  ])('is refused where its JSON has %s, with the place', (_, text, message) => {
    expect(() => parseExperiment(text, 'e.json')).toThrow(message);
    expect(() => parseExperiment(text, 'e.json')).toThrow(/^E_DATA: e\.json is no JSON [^\n]*$/);
  });

  it('cannot reach an object’s prototype', () => {
    expect(() => parseExperiment('{"__proto__": {"name": "x"}}', 'e.json')).toThrow(/^E_OPTION/);
    expect(({} as { name?: string }).name).toBeUndefined();
  });
});

it.each([
  ['experiment-1.json', experimentJsonSchema],
  ['comparison-1.json', comparisonJsonSchema],
])('docs/schema/%s is the schema that is used', (name, text) => {
  const published = readFileSync(new URL(`../../docs/schema/${name}`, import.meta.url), 'utf8');
  expect(published).toBe(text());
  expect(() => JSON.parse(published)).not.toThrow();
});
