/** Verdicts: the rules by hand, records made up, the records that there are, and the three views. */
import { spawnSync } from 'node:child_process';
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import fs from 'fs-extra';
import { afterAll, describe, expect, it } from 'vitest';
import type { Times } from '../../benchmarks/claims/found.ts';
import type { Ours } from '../../benchmarks/claims/ours.ts';
import { renderClaims } from '../../benchmarks/claims/page.ts';
import { readRecord, readRecords } from '../../benchmarks/claims/records.ts';
import { claimsReport } from '../../benchmarks/claims/report.ts';
import { claimsTable } from '../../benchmarks/claims/table.ts';
import { accuracyHolds, ratioHolds, VERDICTS } from '../../benchmarks/claims/verdict.ts';
import { fixtureResult } from '../fixtures/result.ts';
import { judged, origin } from './judged.ts';

describe('the rules', () => {
  it.each([
    // claimed, measured, data, ±, holds
    [95.13, 94.13, 'MNIST', 0, true],
    [95.13, 94.12, 'MNIST', 0, false],
    [45.5, 60, 'CIFAR-10', 0, true],
    [40.47, 38.1, 'CIFAR-10', 2.4, true],
    [40.47, 38, 'CIFAR-10', 2.4, false],
    // A collapse: more is no success.
    [0, 1, 'CIFAR-10', 0, true],
    [0, 45, 'CIFAR-10', 0, false],
    // No collapse where there are a hundred classes.
    [9.9, 20, 'CIFAR-100', 0, true],
  ] as const)('accuracy %d %%, here %d %% on %s ± %d: %s', (claimed, measured, data, spread, holds) => {
    expect(accuracyHolds({ claimed, measured }, data, spread)).toBe(holds);
  });

  it.each([
    // GAAT's 46.32 %: nine tenths are 41.69 %.
    [1 - 0.4632, 1 - 0.417, true],
    [1 - 0.4632, 1 - 0.416, false],
    [1 - 0.4632, 1 - 0.818, true],
    // What costs more must cost as much more.
    [2.873, 2.6, true],
    [2.873, 2.5, false],
    [2.873, 1.16, false],
    [12.6, 9.985, false],
  ])('ratio %d, here %d: %s', (claimed, measured, holds) => {
    expect(ratioHolds({ claimed, measured })).toBe(holds);
  });
});

describe('a time', () => {
  const id = 'gaat/table 2/CIFAR-10/VGGNet-16/GAAT/Time saved';
  const times = (seconds: Partial<Record<string, number>>, more: Partial<Times> = {}): Times => ({
    ...{ origin, about: 'made up', isProjected: false, batchSize: 128 },
    seconds: ({ method, model }: Ours) => (model === 'vgg16' ? (seconds[method] ?? null) : null),
    nearest: ({ method }: Ours) =>
      seconds[method] === undefined ? null : { seconds: seconds[method], about: 'near' },
    ...more,
  });

  it('is a ratio to RAT’s, beside what passes say', () => {
    const found = judged(id, { times: [times({ pgd: 200, gaat: 110 })] });
    expect(found).toMatchObject({ kind: 'ratio', verdict: 'reproduced', isProjected: false });
    expect(found.claimed).toBeCloseTo(1 - 0.4632, 12);
    expect(found.measured).toBeCloseTo(0.55, 12);
    expect(found.predicted).toBeCloseTo(2 / 11, 12);
    expect(judged(id, { times: [times({ pgd: 200, gaat: 130 })] }).verdict).toBe('not reproduced');
  });

  it('says where more is saved than claimed', () => {
    expect(judged(id, { times: [times({ pgd: 200, gaat: 40 })] })).toMatchObject({
      verdict: 'reproduced',
      reason: 'saves 80.0\u00a0% against RAT, claimed: saves 46.3\u00a0%, more than claimed',
    });
  });

  it('is measured before it is projected, and marked where it is projected', () => {
    const projected = times({ pgd: 100, gaat: 90 }, { isProjected: true });
    const both = judged(id, { times: [projected, times({ pgd: 200, gaat: 110 }, { batchSize: 8 })] });
    expect(both).toMatchObject({ isProjected: false });
    expect(both.measured).toBeCloseTo(0.55, 12);
    expect(judged(id, { times: [projected] })).toMatchObject({
      isProjected: true,
      verdict: 'not reproduced',
    });
  });

  it('is never put together of two records', () => {
    const apart = [times({ pgd: 200 }), times({ gaat: 110 })];
    expect(judged(id, { times: apart })).toMatchObject({ verdict: 'not testable here', elsewhere: null });
  });

  it('of another network stands elsewhere', () => {
    const other = times({ pgd: 200, gaat: 110 }, { seconds: () => null });
    expect(judged(id, { times: [other] })).toMatchObject({
      verdict: 'not testable here',
      elsewhere: { value: 'saves 45.0\u00a0%', about: 'near' },
    });
  });

  it('per epoch is of epochs as the paper counts them', () => {
    // 159 epochs of one replay each; 178 of PGD-10: whole runs in the ratio 0.1 are epochs in the ratio 0.1 · 178 / 159.
    const runs = times({}, { seconds: ({ method }) => ({ pgd: 1000, free: 100 })[method as 'pgd'] ?? null });
    expect(judged('efgsm/table 1/CIFAR10/AdvFree/T_epoch', { times: [runs] }).measured).toBeCloseTo(
      (0.1 * 178) / 159,
      12,
    );
  });
});

describe('records', () => {
  const machine = { node: '20.0.0', platform: 'p', cpu: 'a CPU', cores: 2, memoryGiB: 8 };
  const ours = {
    method: 'pgd',
    model: 'vgg16',
    data: 'CIFAR-10',
    epsilon: 8 / 255,
    batchSize: 128,
    epochs: 200,
  };
  const run = (more: Partial<Ours>): Ours =>
    ({
      ...ours,
      steps: 10,
      replays: 1,
      every: 0,
      naturalShare: 0,
      rivals: 0,
      endsEarly: false,
      ...more,
    }) as Ours;

  it('of phases are projected: mini-batches of each epoch, natural ones first', () => {
    const set = { model: 'vgg16', engine: 'onnxruntime', device: 'cpu', batch: 100 };
    const record = {
      ...{ benchmark: 'phases', machine, threads: 2, steps: 10 },
      rows: [
        { ...set, phase: 'RAT lines 5-8', steps: 10, p50: 500 },
        { ...set, phase: 'RAT lines 6-7', p50: 60 },
        { ...set, phase: 'DEAT lines 6-9', p50: 110 },
      ],
      projections: [
        { ...set, method: 'natural', batchMilliseconds: 100 },
        { ...set, method: 'pgd', batchMilliseconds: 600 },
        { ...set, method: 'dat', batchMilliseconds: 600 },
        { ...set, method: 'gaat', batchMilliseconds: 160 },
      ],
    };
    const [times] = readRecord(JSON.stringify(record), 'x.json')!.found.times;
    // 500 mini-batches of 100 in an epoch of 50,000 images.
    expect(times!.seconds(run({}))).toBeCloseTo(200 * 500 * 0.6, 9);
    expect(times!.seconds(run({ steps: 7 }))).toBeCloseTo(200 * 500 * (0.6 - 3 * 0.05), 9);
    expect(times!.seconds(run({ method: 'gaat' }))).toBeCloseTo(200 * 500 * 0.16, 9);
    expect(times!.seconds(run({ method: 'dat', naturalShare: 0.5 }))).toBeCloseTo(100 * 500 * 0.7, 9);
    expect(times!.seconds(run({ method: 'free', replays: 8 }))).toBeCloseTo(200 * 500 * 0.88, 9);
    // Replays 1, 1, 2, 2, 3.
    expect(times!.seconds(run({ method: 'deat', every: 2, epochs: 5 }))).toBeCloseTo(500 * 9 * 0.11, 9);
    expect(times!.phase!('pgd', run({}))! / times!.phase!('pgd-step', run({}))!).toBeCloseTo(500 / 60, 12);
    expect(times!.seconds(run({ model: 'resnet18' }))).toBeNull();
    expect(times!.seconds(run({ method: 'm-deat' }))).toBeNull();
    expect(times!.seconds(run({ endsEarly: true }))).toBeNull();
  });

  it('of audits are read with the settings of their training, confirmed attacks alone', () => {
    const result = fixtureResult();
    const read = (more: object) =>
      readRecord(JSON.stringify({ ...result, ...more }), 'result.json')!.found.accuracies;
    const natural = {
      method: 'gaat',
      model: 'mnist-cnn',
      data: 'MNIST',
      epsilon: 0.1,
      epochs: 6,
      attack: null,
    };
    const [clean, ...attacked] = read({});
    expect(clean).toMatchObject({ ...natural, value: result.clean.accuracy, n: result.clean.n });
    expect(attacked.map((a) => [a.attack!.name, a.value])).toEqual(
      result.attacks.filter((a) => !a.error && !a.survivors).map((a) => [a.name, a.robustAccuracy]),
    );
    expect(attacked.length).toBeGreaterThan(0);
    const { training, threat, verifier } = result;
    const elsewhere = { ...training!, recipe: { ...training!.recipe, epsilon: 0.3 } };
    for (const more of [
      { training: null },
      { threat: { ...threat, norm: 'l2' } },
      { verifier: { ...verifier, ok: false } },
      { training: elsewhere },
    ])
      expect(read(more)).toEqual([]);
  });

  it('that are as good count by their kind, then by their day: the last one', async () => {
    const folder = mkdtempSync(join(tmpdir(), 'touchstone-records-'));
    const set = { model: 'vgg16', engine: 'onnxruntime', device: 'cpu', batch: 128 };
    const phases = (gaat: number) => ({
      ...{ benchmark: 'phases', machine, threads: 2, steps: 10 },
      rows: [{ ...set, phase: 'forward', p50: 1 }],
      projections: [
        { ...set, method: 'pgd', batchMilliseconds: 100 },
        { ...set, method: 'gaat', batchMilliseconds: gaat },
      ],
    });
    const save = (name: string, record: object) =>
      fs.outputFileSync(join(folder, name, 'record.json'), JSON.stringify(record));
    try {
      save('2026-01-01-b', phases(90));
      save('2026-01-02-a', phases(40));
      const rows = (phase: string, median: number) => ({
        ...{ ...set, phase, median, n: 1, quartiles: [median, median], forward: 1, backward: 1 },
        ...{ overForward: null, overOnnxruntime: 1, overPytorch: null, samples: [median] },
      });
      save('2026-01-03-engines', {
        ...{ benchmark: 'engines', machine, tool: { name: 't', version: '0' }, gpus: [], tf32: false },
        ...{ threads: 2, rounds: 1, versions: {}, leftOut: [], failures: [] },
        rows: [rows('pgd-step', 10), rows('pgd-10', 100), rows('train-step', 30)],
      });
      const found = await readRecords([folder, join(folder, '2026-01-02-a', 'record.json')]);
      expect(found.read).toHaveLength(3);
      const saved = judged('gaat/table 2/CIFAR-10/VGGNet-16/GAAT/Time saved', found);
      expect(saved.measured).toBeCloseTo(0.4, 12);
      expect(saved.evidence!.record).toContain('2026-01-02-a');
    } finally {
      rmSync(folder, { recursive: true });
    }
  });

  it('of kinds that claims do not know are passed over', () => {
    for (const text of ['[]', '3', '{"benchmark": "masking", "rows": []}', '{"benchmark": "claims"}'])
      expect(readRecord(text, 'x.json')).toBeNull();
  });

  it.each([
    ['{', 'x.json is no JSON'],
    ['{"benchmark": "phases", "machine": 3}', 'x.json, machine'],
    ['{"record": "learning", "runs": 3}', 'x.json'],
  ])('that are broken are refused: %s', (text, message) => {
    expect(() => readRecord(text, 'x.json')).toThrow(message);
  });
});

describe('what there is', async () => {
  const report = await claimsReport(['benchmarks/records']);
  const every = report.tables.flatMap((t) => t.claims);

  it('leaves no claim without verdict and reason', () => {
    expect(every.length).toBe(520);
    for (const { claim, verdict, reason, measured, evidence, commands } of every) {
      expect(VERDICTS, claim.id).toContain(verdict);
      expect(reason.length, claim.id).toBeGreaterThan(10);
      expect(reason, claim.id).not.toMatch(/undefined|null|NaN/);
      expect(measured === null, claim.id).toBe(verdict === 'not testable here');
      expect(evidence === null, claim.id).toBe(measured === null);
      if (claim.why === undefined && !claim.id.startsWith('efgsm/table 1/MNIST'))
        expect(commands, claim.id).not.toBeNull();
    }
    expect(Object.values(report.counts).reduce((a, b) => a + b, 0)).toBe(520);
  });

  it('has GAAT on MNIST as the records of its runs have it', () => {
    const text = readFileSync('benchmarks/records/2026-11-21-gaat-mnist-20-epochs/record.json', 'utf8');
    const { clean, attacks } = JSON.parse(text) as {
      clean: { correct: number; n: number };
      attacks: { name: string; robustAccuracy: number }[];
    };
    const row = (column: string) =>
      every.find((j) => j.claim.id === `gaat/table 2/MNIST/Convolutional ReLU/GAAT/${column}`)!;
    expect(row('Nat acc').measured).toBeCloseTo((100 * clean.correct) / clean.n, 9);
    expect(row('Adv acc').measured).toBeCloseTo(
      100 * attacks.find((a) => a.name === 'pgd')!.robustAccuracy,
      9,
    );
    expect(row('Adv acc').evidence!.record).toBe(
      'benchmarks/records/2026-11-21-gaat-mnist-20-epochs/record.json',
    );
  });

  it('projects no CIFAR accuracy', () => {
    const cifar = every.filter((j) => j.claim.data !== 'MNIST' && j.claim.quantity === 'accuracy');
    expect(cifar.length).toBeGreaterThan(300);
    for (const { measured, reason } of cifar) expect([measured, reason]).toEqual([null, expect.any(String)]);
  });

  it('is in the terminal, number by number', () => {
    const text = claimsTable(report);
    for (const table of report.tables)
      expect(text).toContain(`${table.paper}, ${table.table}: ${table.caption}`);
    expect(text.match(/(reproduced|not testable here) \[\d+\]/g)).toHaveLength(520);
    expect(text).toContain('of the text that these figures are from it has only the heading');
  });

  it('answers the first questions on the page, and has each table', () => {
    const page = renderClaims(report);
    expect(page).not.toMatch(/undefined|NaN|\ufffd|<script/);
    for (const question of [
      'Is GAAT 46 % cheaper than RAT on VGG-16?',
      'At what accuracy, on the data at hand?',
      'Why?',
    ])
      expect(page).toContain(question);
    expect(page).toContain('GAAT saves 46.3\u00a0% of RAT’s time');
    expect(page).toContain('it saves 81.8\u00a0%');
    expect(page).toContain('94.91\u00a0%');
    // (226 − 421) min · 60,000 / 200 / 391 = −149.6 ms of RAT's 284 for examples: 134.4 of GAAT's, in steps of 27.
    expect(page).toContain(((284 - 149.616) / 27).toFixed(1));
    for (const { paper, table } of report.tables)
      expect(page).toContain(`id="${paper}-${table.replaceAll(/[^\w-]+/g, '-')}"`);
    expect(page.match(/data-label="verdict"/g)).toHaveLength(520);
  });
});

describe('the command', () => {
  const folder = mkdtempSync(join(tmpdir(), 'touchstone-claims-'));
  afterAll(() => rmSync(folder, { recursive: true, force: true }));
  const claims = (...args: string[]) =>
    spawnSync(process.execPath, ['bin/touchstone.mjs', 'claims', ...args], { encoding: 'utf8' });

  it('writes JSON and page, and ends with 0', () => {
    const [json, html] = [join(folder, 'c.json'), join(folder, 'c.html')];
    const { status, stdout } = claims('--json', json, '--html', html);
    expect(status).toBe(0);
    expect(stdout).toContain('520');
    expect(JSON.parse(readFileSync(json, 'utf8'))).toMatchObject({
      benchmark: 'claims',
      rules: { accuracyPoints: 1 },
    });
    expect(readFileSync(html, 'utf8')).toContain('First questions');
  });

  it('ends with 2 in one line where the request or a record is wrong', () => {
    writeFileSync(join(folder, 'bad.json'), '{"benchmark": "phases"}');
    for (const args of [
      ['--records', 'nowhere'],
      ['--records', folder],
      ['--records', ','],
      ['--nap', '1'],
    ]) {
      const { status, stderr, stdout } = claims(...args);
      expect([status, stdout], args.join(' ')).toEqual([2, '']);
      expect(stderr.trim().split('\n'), args.join(' ')).toHaveLength(1);
    }
  });
});
