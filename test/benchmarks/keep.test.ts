/** Where records go: files, pages, folders; how they are found again. */
import {
  existsSync,
  mkdirSync,
  mkdtempSync,
  readdirSync,
  readFileSync,
  rmSync,
  writeFileSync,
} from 'node:fs';
import { tmpdir } from 'node:os';
import { dirname, join } from 'node:path';
import { fileURLToPath } from 'node:url';
import fc from 'fast-check';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { parseOptions as attacks } from '../../benchmarks/attacks/options.ts';
import { parseOptions as cost } from '../../benchmarks/cost/options.ts';
import { parseOptions as curves } from '../../benchmarks/curves/options.ts';
import { parseOptions as engines } from '../../benchmarks/engines/options.ts';
import { parseOptions as gaat } from '../../benchmarks/gaat/options.ts';
import {
  keeper,
  keepOptions,
  latestRecord,
  RECORDS,
  recordPath,
  recordText,
  saveName,
} from '../../benchmarks/keep.ts';
import { parseOptions as methods } from '../../benchmarks/methods/options.ts';
import { parseOptions as phases } from '../../benchmarks/phases/options.ts';
import { BENCHMARKS } from '../../src/cli/commands/bench.ts';
import { execute, program } from '../cli/harness.ts';

const root = join(dirname(fileURLToPath(import.meta.url)), '..', '..');
const day = new Date('2026-02-03T23:59:59.999Z');

let home: string;
beforeAll(() => {
  home = mkdtempSync(join(tmpdir(), 'touchstone-keep-'));
});
afterAll(() => rmSync(home, { recursive: true }));

const read = (path: string) => readFileSync(path, 'utf8');

describe('the options', () => {
  it('name a folder by its day, in UTC, in benchmarks/records or elsewhere', () => {
    expect(keepOptions({}, day)).toEqual({});
    expect(keepOptions({ save: 'phases-2' }, day)).toEqual({
      folder: join(root, 'benchmarks', 'records', '2026-02-03-phases-2'),
    });
    expect(keepOptions({ record: 'a.json', html: 'a.html', save: 'A', records: 'there' }, day)).toEqual({
      ...{ record: 'a.json', html: 'a.html', folder: join('there', '2026-02-03-A') },
    });
  });

  it.each(['', 'a b', '../a', 'a/b', 'a.json', '-a', 'a-', 'a--b', 'ä'])('refuse the name "%s"', (save) => {
    expect(() => keepOptions({ save })).toThrow(/^E_OPTION: --save .*, expected letters, digits and hyphens/);
  });

  it('refuse a folder of records without a name', () => {
    expect(() => keepOptions({ records: 'there' })).toThrow(
      /^E_OPTION: --records there without a name, expected --save NAME/,
    );
  });

  it('take the names that commands suggest', () => {
    fc.assert(
      fc.property(fc.string(), (text) => {
        const save = saveName(`phases-${text}`);
        expect(keepOptions({ save }, day).folder).toBe(join(RECORDS, `2026-02-03-${save}`));
      }),
    );
    expect(saveName('phases-vgg16,wrn-28-4-dat+gaat')).toBe('phases-vgg16-wrn-28-4-dat-gaat');
  });
});

describe('the text of a record', () => {
  it('is JSON of the same, whatever it holds', () => {
    fc.assert(
      fc.property(fc.jsonValue(), (value) => {
        expect(JSON.parse(recordText(value))).toEqual(JSON.parse(JSON.stringify(value)));
      }),
    );
  });

  it('has numbers in a row in a line, and nothing else', () => {
    expect(recordText({ samples: [1, -2.5, 1e-7], names: ['1', '2'], said: '[\n 1\n]' })).toBe(
      '{\n "samples": [1, -2.5, 1e-7],\n "names": [\n  "1",\n  "2"\n ],\n "said": "[\\n 1\\n]"\n}\n',
    );
  });
});

describe('keeping', () => {
  const record = { benchmark: 'nap', samples: [1, 2] };
  const options = (name: string) => keepOptions({ save: name, records: home }, day);
  const page = async () => (r: typeof record) => `<p>${r.samples}</p>`;
  const folder = (name: string) => join(home, `2026-02-03-${name}`);

  it('writes all that is asked for, again and again', async () => {
    const [json, html] = [join(home, 'a.json'), join(home, 'a.html')];
    const keep = keeper('nap', { ...options('nap'), record: json, html }, page);
    expect(existsSync(folder('nap'))).toBe(false);
    await keep(record);
    await keep({ ...record, samples: [3] });
    expect(readdirSync(folder('nap')).sort()).toEqual(['page.html', 'record.json']);
    for (const path of [json, join(folder('nap'), 'record.json')])
      expect(JSON.parse(read(path))).toEqual({ benchmark: 'nap', samples: [3] });
    for (const path of [html, join(folder('nap'), 'page.html')]) expect(read(path)).toBe('<p>3</p>');
  });

  it('of a benchmark without a page writes none; "-" is no file', async () => {
    await keeper('nap', { ...options('bare'), record: '-' })(record);
    expect(readdirSync(folder('bare'))).toEqual(['record.json']);
    expect(existsSync('-')).toBe(false);
    const before = readdirSync(home);
    await keeper('nap', { record: '-' }, page)(record);
    expect(readdirSync(home)).toEqual(before);
  });

  it('goes on in its own folder, and writes over nothing else', () => {
    expect(() => keeper('nap', options('nap'))).not.toThrow();
    expect(() => keeper('walk', options('nap'))).toThrow(
      /^E_FILE: \S+2026-02-03-nap holds a record of nap, expected a new folder, or one of bench walk/,
    );
    mkdirSync(folder('mine'));
    writeFileSync(join(folder('mine'), 'notes.txt'), 'mine');
    expect(() => keeper('nap', options('mine'))).toThrow(/^E_FILE: \S+-mine holds something else/);
  });

  it('is found again: a folder is its record, and of a name the last day counts', async () => {
    expect(recordPath(folder('nap'))).toBe(join(folder('nap'), 'record.json'));
    expect(recordPath('nowhere')).toBe('nowhere');
    await keeper('nap', keepOptions({ save: 'nap', records: home }, new Date('2026-02-04')))(record);
    await keeper('nap', keepOptions({ save: 'late-nap', records: home }, new Date('2026-03-01')))(record);
    expect(latestRecord('nap', home)).toBe(join(home, '2026-02-04-nap', 'record.json'));
    expect(() => latestRecord('walk', home)).toThrow(/^E_FILE: no record walk in /);
  });
});

describe('the command', () => {
  it('of every benchmark that has a record takes both options', () => {
    for (const [name, options] of Object.entries<readonly string[]>(BENCHMARKS))
      expect([name, options.includes('save'), options.includes('records')]).toEqual([
        ...[name, options.includes('json'), options.includes('json')],
      ]);
    for (const parse of [engines, methods, gaat, curves, phases, cost, attacks]) {
      expect(parse(['--save', 'nap', '--records', home]).folder).toMatch(/2\d{3}-\d\d-\d\d-nap$/);
      expect(() => parse(['--save', 'a/b'])).toThrow(/^E_OPTION: --save a\/b, expected letters/);
    }
  });

  it('saves a folder, and says where', async () => {
    const records = join(home, 'saved');
    const json = join(home, 'cost.json');
    const tiny = ['--limit', '300', '--epochs', '1', '--rounds', '3', '--device', 'cpu', '--threads', '1'];
    const asked = ['--methods', 'natural', '--save', 'small', '--records', records, '--json', json];
    const args = [program, 'bench', 'cost', ...tiny, ...asked];
    const { code, stderr } = await execute(process.execPath, args, root);
    expect(code).toBe(0);
    const [name, ...others] = readdirSync(records);
    expect([name, others]).toEqual([expect.stringMatching(/^\d{4}-\d\d-\d\d-small$/), []]);
    expect(readdirSync(join(records, name!))).toEqual(['record.json']);
    expect(read(join(records, name!, 'record.json'))).toBe(read(json));
    expect(stderr).toContain(`saved in ${join(records, name!)}\n`);
  }, 60_000);
});
