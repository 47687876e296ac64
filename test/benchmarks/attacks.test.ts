import { existsSync, mkdtempSync, readdirSync, readFileSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { dirname, join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { BOUTS, boutNames, parametersOf, threatOf } from '../../benchmarks/attacks/bouts.ts';
import { parseOptions } from '../../benchmarks/attacks/options.ts';
import { lead, renderAttacks } from '../../benchmarks/attacks/page.ts';
import { type AttacksRecord, attacksRecord, type Run, rowOf } from '../../benchmarks/attacks/record.ts';
import { benchAttacks } from '../../benchmarks/attacks/run.ts';
import { attacksTable } from '../../benchmarks/attacks/table.ts';
import { Timing } from '../../benchmarks/attacks/timing.ts';
import { RULE } from '../../benchmarks/ratio.ts';
import { createProgress, type Progress } from '../../src/cli/progress.ts';
import { loadData } from '../../src/data/index.ts';
import { attacks } from '../../src/eval/index.ts';
import { execute, program, writeInputs } from '../cli/harness.ts';

const root = join(dirname(fileURLToPath(import.meta.url)), '..', '..');

let home: string;
beforeAll(async () => {
  home = mkdtempSync(join(tmpdir(), 'touchstone-attacks-'));
  await writeInputs(home);
});
afterAll(() => rmSync(home, { recursive: true }));

const quiet = createProgress({ quiet: true });
const EPSILON = 0.02;

/** Whether nothing within ε is misclassified by the model of `writeInputs`, logits W·x: each pixel goes as far as it may. */
function stands(x: ArrayLike<number>, y: number): boolean {
  const pixels = Array.from(x);
  const weight = (k: number, i: number) => Math.fround(Math.sin(64 * k + i));
  return [0, 1, 2].every((k) => {
    const gains = pixels.map((v, i) => {
      const slope = weight(k, i) - weight(y, i);
      return slope * Math.min(1, Math.max(0, v + EPSILON * Math.sign(slope)));
    });
    return k === y || gains.reduce((sum, gain) => sum + gain, 0) < 0;
  });
}
const always = new AbortController().signal;
const request = (more: readonly string[]) =>
  parseOptions([
    ...['--model', join(home, 'model.onnx'), '--data', join(home, 'data.npz'), '--eps', String(EPSILON)],
    ...['--threads', '1', ...more],
  ]);

describe('bench attacks without its peers', () => {
  let record: AttacksRecord;
  const soFar: AttacksRecord[] = [];
  beforeAll(async () => {
    record = await benchAttacks(request(['--tools', 'touchstone', '--rounds', '2']), {
      progress: quiet,
      signal: always,
      onRecord: async (r) => void soFar.push(structuredClone(r)),
    });
  }, 60_000);

  const row = (attack: string) => {
    const found = record.rows.find((r) => r.attack === attack)!;
    if (found.state !== 'measured') throw new Error(`${attack} is ${found.state}`);
    return found;
  };

  it('has a row per attack, in a record of its schema', () => {
    expect(record.failures).toEqual([]);
    expect(record.state).toBe('whole');
    expect(record.rows.map((r) => r.attack)).toEqual(boutNames);
    expect(attacksRecord.parse(JSON.parse(JSON.stringify(record)))).toEqual(record);
    const wrong = { ...record, rows: [{ ...record.rows[0], robustAccuracy: 98 }] };
    expect(attacksRecord.safeParse(wrong).success).toBe(false);
    expect(record.rule).toBe(RULE);
  });

  it('counts the images that were passed', () => {
    const { attacked } = record.data;
    expect(attacked).toBeGreaterThan(0);
    expect(row('fgsm')).toMatchObject({ n: 2, forwards: 2 * attacked, backwards: attacked });
    // Who survives is passed back in every step, the others until they break.
    for (const [name, steps] of [
      ['pgd-10', 10],
      ['pgd-100', 100],
    ] as const) {
      const { samples } = row(name);
      samples.backwards.forEach((b, i) => {
        expect(b).toBeGreaterThanOrEqual(steps * samples.standing[i]!);
        expect(b).toBeLessThanOrEqual(steps * attacked);
      });
    }
    const square = row('square-500');
    expect(square.backwards).toBe(0);
    expect(square.forwards).toBeLessThanOrEqual(500 * attacked);
  });

  it('finds what can be found in a linear model: no more than the closed form, and all but an image of it', async () => {
    const { images, labels, n } = await loadData(join(home, 'data.npz'), 'test');
    const standing = Array.from({ length: n }, (_, i) =>
      stands(images.subarray(64 * i, 64 * (i + 1)), labels[i]!),
    );
    const optimum = standing.filter(Boolean).length;
    expect(optimum).toBeGreaterThan(2);
    expect(optimum).toBeLessThan(record.data.attacked - 2);
    for (const attack of ['pgd-40', 'pgd-100', 'apgd-100']) {
      const found = row(attack).robustAccuracy * n;
      expect(found, attack).toBeGreaterThanOrEqual(optimum);
      expect(found, attack).toBeLessThanOrEqual(optimum + 1);
    }
  });

  it('compares ours with nobody', () => {
    for (const r of record.rows) expect(r).toMatchObject({ tool: 'touchstone', faster: null });
  });

  it('has a point of the curve for each number of steps', () => {
    const steps = (attack: string) => record.curve.filter((p) => p.attack === attack).map((p) => p.steps);
    expect(steps('pgd')).toEqual([1, 2, 5, 10, 20, 50, 100]);
    expect(steps('apgd-ce')).toEqual([1, 2, 5, 10, 20, 50, 100]);
    for (const { attack, steps: t, backwards } of record.curve)
      if (t === 1) expect(backwards, attack).toBe(record.data.attacked);
  });

  it('tells what there is after the warm-up, the curve, and each round', () => {
    expect(soFar.map((r) => r.state)).toEqual(Array(4).fill('running'));
    const rounds = soFar.map((r) => r.rows.map((one) => (one.state === 'measured' ? one.n : 0)));
    expect(rounds).toEqual([[], [], boutNames.map(() => 1), boutNames.map(() => 2)]);
    expect(soFar.map((r) => r.curve.length)).toEqual([0, 14, 14, 14]);
    expect(soFar.at(-1)!.rows).toEqual(record.rows);
  });

  it('shows every row and both figures', () => {
    const [text, page] = [attacksTable(record), renderAttacks(record)];
    for (const name of boutNames) {
      expect(text).toMatch(new RegExp(`║ ${name} +│ touchstone +│`));
      expect(page).toContain(`class="text">${name}<`);
    }
    for (const attack of ['pgd', 'apgd-ce']) expect(page).toContain(`id="figure-${attack}"`);
    expect(page).not.toMatch(/<script|https?:\/\/(?!www\.w3\.org)/);
  });
});

describe('bench attacks, disturbed', () => {
  it('says of peers that are not there why, and goes on', async () => {
    const lines: string[] = [];
    const python = process.env.PYTHON;
    process.env.PYTHON = '/nowhere/python';
    try {
      const options = request(['--tools', 'art,touchstone', '--attacks', 'fgsm', '--rounds', '1']);
      const progress: Progress = { ...quiet, line: (line) => lines.push(line) };
      const { rows, failures } = await benchAttacks(options, { progress, signal: always });
      const why = expect.stringMatching(/^no Python at \/nowhere\/python/);
      expect(rows).toMatchObject([
        { state: 'absent', tool: 'art', attack: 'fgsm', why },
        { state: 'measured', tool: 'touchstone', attack: 'fgsm' },
      ]);
      expect(failures).toEqual([]);
      expect(lines).toEqual([expect.stringMatching(/^art is left out: no Python/)]);
    } finally {
      if (python === undefined) delete process.env.PYTHON;
      else process.env.PYTHON = python;
    }
  });

  it('keeps what there is when it is interrupted', async () => {
    const stop = new AbortController();
    const options = request(['--tools', 'touchstone', '--attacks', 'fgsm,pgd-10', '--rounds', '50']);
    let told = 0;
    const record = await benchAttacks(options, {
      progress: quiet,
      signal: stop.signal,
      onRecord: async () => void (++told === 3 && stop.abort()), // after the first round
    });
    expect(record.state).toBe('interrupted');
    expect(record.rows.map((r) => r.state === 'measured' && r.n)).toEqual([1, 1]);
    expect(attacksTable(record)).toContain('This record is not whole');
  });

  it('ends with 2 where the request was wrong, in one line', async () => {
    const bench = (...args: string[]) => execute(process.execPath, [program, 'bench', ...args], root);
    const tool = await bench('attacks', '--tools', 'nix');
    expect(tool).toMatchObject({ code: 2, stdout: '' });
    expect(tool.stderr).toMatch(/^error E_OPTION: --tools nix, expected touchstone, torchattacks, .*\n$/);
    const model = await bench('attacks', '--model', join(home, 'text.onnx'), '--tools', 'touchstone');
    expect(model).toMatchObject({ code: 2, stdout: '' });
    expect(model.stderr).toMatch(/^error E_ONNX: .*\n$/);
    const record = await bench('attacks', 'more');
    expect(record.code).toBe(2);
    expect(record.stderr).toMatch(/E_OPTION: bench attacks more, expected options only/);
  });

  it('writes its record and its page from the command line', async () => {
    const [json, html, records] = ['a.json', 'a.html', 'records'].map((name) => join(home, name)) as [
      string,
      string,
      string,
    ];
    const files = ['--model', join(home, 'model.onnx'), '--data', join(home, 'data.npz')];
    const few = ['--tools', 'touchstone', '--attacks', 'fgsm', '--rounds', '1', '--threads', '1'];
    const args = [program, 'bench', 'attacks', ...files, ...few, '--json', json, '--html', html];
    args.push('--save', 'attacks', '--records', records);
    const { code, stdout } = await execute(process.execPath, args, root);
    expect(code).toBe(0);
    expect(stdout).toMatch(/║ fgsm +│ touchstone +│/);
    expect(attacksRecord.parse(JSON.parse(readFileSync(json, 'utf8'))).rows).toHaveLength(1);
    expect(existsSync(html)).toBe(true);
    const [folder] = readdirSync(records);
    expect(readFileSync(join(records, folder!, 'record.json'), 'utf8')).toBe(readFileSync(json, 'utf8'));
    expect(readFileSync(join(records, folder!, 'page.html'), 'utf8')).toBe(readFileSync(html, 'utf8'));
  });
});

describe('the options of bench attacks', () => {
  it.each([
    ['--attacks fgsm,nap', /^E_OPTION: --attacks nap, expected fgsm, pgd-10/],
    ['--tools ,', /^E_OPTION: --tools ,/],
    ['--eps 8', /^E_OPTION: --eps 8, expected at most 1/],
    ['--rounds 0', /^E_OPTION: --rounds 0/],
    ['--limit 1.5', /^E_OPTION: --limit 1.5, expected a whole number/],
    ['--steps 3', /^E_OPTION: Unknown option '--steps'/],
  ])('refuse %s', (argv, line) => {
    expect(() => parseOptions(argv.split(' '))).toThrow(line);
  });

  it('ask each attack for what it knows: its norm, and parameters that it can be told', () => {
    for (const [name, bout] of Object.entries(BOUTS)) {
      const spec = attacks[bout.attack];
      expect(spec.norms, name).toContain(bout.norm);
      const threat = threatOf(bout, 8 / 255, 3072);
      const known = Object.keys(spec.defaults(threat));
      const { restarts: _, ...given } = parametersOf(bout, threat);
      for (const parameter of Object.keys(given)) expect(known, name).toContain(parameter);
    }
    expect(threatOf(BOUTS['pgd-40-l2'], 8 / 255, 3072).epsilon).toBeCloseTo(0.435, 3);
    expect(parametersOf(BOUTS['pgd-10'], { norm: 'linf', epsilon: 0.2 }).stepSize).toBeCloseTo(0.05, 12);
  });
});

describe('what is made of the runs', () => {
  const run = (seconds: number, standing = 8): Run => ({
    ...{ seconds, standing, forwards: 20, backwards: 10, outside: 0 },
  });
  const ours = [1, 2, 1, 4, 1, 1].map((s) => run(s));

  it('is a row: medians, quartiles, the ratio within rounds, and who is faster', () => {
    const runs = [2, 4, 2, 8, 2, 3].map((s, i) => run(s, i < 3 ? 7 : 9));
    const row = rowOf({ attack: 'pgd-40', tool: 'art', runs }, ours, 10);
    expect(row).toMatchObject({
      ...{ state: 'measured', n: 6, robustAccuracy: 0.8, seconds: 2.5, quartiles: [2, 3.75] },
      ...{ forwards: 20, backwards: 10, overOurs: { median: 2, interval: [2, 3] }, faster: 'touchstone' },
    });
    const fast = ours.map(({ seconds }) => run(seconds / 2));
    expect(rowOf({ attack: 'fgsm', tool: 'foolbox', runs: fast }, ours, 10)).toMatchObject({
      faster: 'foolbox',
    });
    expect(rowOf({ attack: 'fgsm', tool: 'foolbox', runs: fast }, undefined, 10)).toMatchObject({
      ...{ overOurs: null, faster: null },
    });
    const slow = rowOf({ attack: 'fgsm', tool: 'art', runs }, ours, 10);
    const tied = rowOf({ attack: 'fgsm', tool: 'torchattacks', runs: ours }, ours, 10);
    const foolbox = rowOf({ attack: 'fgsm', tool: 'foolbox', runs: fast }, ours, 10);
    expect(lead({ rows: [slow, slow, foolbox, tied] })).toBe(
      'In 2 of 4 comparisons ours is the faster attack, in 1 the other one; of 1 the rounds do not say.',
    );
    const few = rowOf({ attack: 'fgsm', tool: 'art', runs: fast.slice(1) }, ours, 10);
    expect(lead({ rows: [few] })).toBe('So few rounds do not say who is faster.');
  });

  it('is a table: a fixture, row by row', () => {
    const measured = (tool: 'touchstone' | 'torchattacks', factor: number) =>
      rowOf({ attack: 'pgd-40', tool, runs: ours.map((r) => run(factor * r.seconds)) }, ours, 10);
    const record = {
      ...{ state: 'whole', threads: 2, batch: 256, curve: [], failures: [] },
      ...{ epsilon: { linf: 0.2, l2: 1.4 }, data: { name: 'mnist', n: 10, attacked: 9 } },
      rows: [
        measured('touchstone', 1),
        measured('torchattacks', 1.5),
        { state: 'absent', attack: 'pgd-40', tool: 'art', why: 'no art' },
      ],
    } as unknown as AttacksRecord;
    const text = attacksTable(record);
    expect(text).toMatch(
      /║ pgd-40 │ touchstone +│ +80\.0 │ +1\.00 │ 1\.00 – 1\.75 │ 6 │ +20 │ +10 │ +│ +│ +║/,
    );
    expect(text).toMatch(/torchattacks │ +80\.0 │ +1\.50 │.*│ +1\.50 │ 1\.50 – 1\.50 │ touchstone ║/);
    expect(text).toMatch(/│ ART +│ +absent │/);
    expect(text).toContain('ART absent: no art');
    expect(text).toContain('pgd-40: 40 steps of 2.5·ε ÷ 40');
  });
});

describe('the time left', () => {
  const job = (key: string, name: 'art' | 'foolbox', work: number) => ({
    ...{ key, tool: { name, attack: async () => Promise.reject(new Error('not run')) } },
    bout: { ...BOUTS.fgsm, work },
  });

  it('expects of an attack what it took, of others so much per backward pass', () => {
    const jobs = [job('a', 'art', 10), job('b', 'foolbox', 5), job('a', 'art', 10), job('c', 'art', 20)];
    const timing = new Timing(jobs);
    expect(timing.fraction()).toBe(0);
    timing.took(jobs[0]!, 2);
    // b by anyone's rate 5·0.2, a again 2, c by art's rate 20·0.2
    expect(timing.fraction()).toBeCloseTo(2 / (2 + 1 + 2 + 4), 12);
    timing.skip(jobs[1]!);
    timing.took(jobs[2]!, 2);
    timing.took(jobs[3]!, 3);
    expect(timing.fraction()).toBe(1);
  });
});
