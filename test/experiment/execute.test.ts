/** One job at a time: what it leaves, what it goes on with, and what is refused. */
import { existsSync, readdirSync, readFileSync, writeFileSync } from 'node:fs';
import { mkdir, rm } from 'node:fs/promises';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { isDone, outputNames, readOutput } from '../../src/experiment/execute/outputs.ts';
import type { Workplace } from '../../src/experiment/execute/workplace.ts';
import { executeJob } from '../../src/experiment/execute.ts';
import { type Job, jobId } from '../../src/experiment/jobs.ts';
import { bringBlobs, type ExperimentPlan, planExperiment } from '../../src/experiment/plan.ts';
import { openStore } from '../../src/experiment/store/index.ts';
import { parseResult } from '../../src/report/index.ts';
import { experimentOf, tinyFolder } from './tiny.ts';

let home: string;
let remove: () => void;
let plan: ExperimentPlan;
beforeAll(async () => {
  ({ dir: home, remove } = await tinyFolder());
  plan = await planExperiment({
    experiment: experimentOf({ methods: ['fast'], training: { epochs: 2, batchSize: 8, validation: 0 } }),
    folder: home,
  });
});
afterAll(() => remove());

let places = 0;
async function place(): Promise<Workplace> {
  places += 1;
  const dir = join(home, `place-${places}`);
  const store = await openStore(join(dir, 'store'));
  await bringBlobs(plan, store);
  return { store, folder: join(dir, 'work'), data: new Map(), threads: 1 };
}

const textOf = (bytes: Uint8Array): string => new TextDecoder().decode(bytes);
const jobs = () => plan.jobs.map(({ job }) => job);
const train = () => jobs()[0]!;

describe('the jobs of a cell', () => {
  it('leave a run, a model, parts and a result, which name no path of the worker', {
    timeout: 120_000,
  }, async () => {
    const at = await place();
    const files: string[][] = [];
    for (const job of jobs()) files.push(Object.keys((await executeJob(job, at)).files).sort());
    expect(files).toEqual([
      ['checkpoint.onnx', 'history.jsonl', 'job.json', 'run.json'],
      ['model.onnx'],
      ['000000.npz', 'audit.json', 'shard.json'],
      ['000001.npz', 'audit.json', 'shard.json'],
      ['adversarial.npz', 'report.html', 'result.json'],
    ]);
    const merge = jobId(jobs().at(-1)!);
    const text = textOf(await readOutput(at.store, merge, 'result.json'));
    const result = parseResult(JSON.parse(text));
    expect(result).toMatchObject({
      seed: 0,
      model: { path: 'model.onnx' },
      robust: { n: 16 },
      commandLine: [],
    });
    expect(result.data.name).toBe('digits.npz');
    expect(text).not.toContain(home);
    expect(textOf(await readOutput(at.store, merge, 'report.html'))).not.toContain(home);
    expect(textOf(await readOutput(at.store, jobId(train()), 'run.json'))).not.toContain(home);
    // Nothing half done is left, and done again it is nothing.
    expect(readdirSync(join(at.folder, 'jobs'))).toEqual([]);
    const before = await executeJob(train(), at);
    expect(await executeJob(train(), { ...at, folder: join(home, 'nowhere') })).toEqual(before);
    expect(existsSync(join(home, 'nowhere'))).toBe(false);
  });

  it('wait for what they need', async () => {
    const at = await place();
    await expect(executeJob(jobs()[1], at)).rejects.toThrow(/^E_FILE: job [0-9a-f]{12} is not done/);
    await expect(executeJob(jobs()[2], at)).rejects.toThrow(/^E_FILE: job [0-9a-f]{12} is not done/);
    expect(existsSync(at.folder)).toBe(false);
  });

  it('go on where they were stopped: the weights are those of a run left alone', async () => {
    const straight = await place();
    await executeJob(train(), straight);
    const at = await place();
    const stop = new AbortController();
    const stopped = executeJob(train(), at, {
      signal: stop.signal,
      onProgress: (fraction) => fraction > 0.3 && stop.abort(),
    });
    await expect(stopped).rejects.toThrow('stopped');
    const folder = join(at.folder, 'jobs', jobId(train()), 'run');
    expect(readdirSync(folder)).toContain('state.npz');
    expect(await isDone(at.store, jobId(train()))).toBe(false);
    const fractions: number[] = [];
    await executeJob(train(), at, { onProgress: (fraction) => fractions.push(fraction) });
    expect(fractions[0]!, 'it does not begin anew').toBeGreaterThan(0.3);
    const weights = async ({ store }: Workplace) => {
      const lines = textOf(await readOutput(store, jobId(train()), 'history.jsonl'))
        .trim()
        .split('\n');
      return lines.map((line) => (JSON.parse(line) as { loss: number }).loss);
    };
    expect(await weights(at)).toEqual(await weights(straight));
  });

  it('begin anew where what is half done is damaged', async () => {
    const at = await place();
    const folder = join(at.folder, 'jobs', jobId(train()), 'run');
    await mkdir(folder, { recursive: true });
    writeFileSync(join(folder, 'run.json'), '{ half');
    await expect(executeJob(train(), at)).rejects.toThrow(/^E_DATA: /);
    expect(await outputNames(at.store, (await executeJob(train(), at)).id)).toHaveLength(4);
  });

  it('refuse images that are not those of the plan, and files that were changed', async () => {
    const at = await place();
    const named = { ...train(), data: { name: 'mnist', test: '0'.repeat(64), train: '0'.repeat(64) } };
    await expect(executeJob(named, at)).rejects.toThrow(/^E_DATA: the data has SHA-256 .* as it was planned/);
    const [blob] = plan.blobs.keys();
    await at.store.put(`blobs/${blob}`, Uint8Array.of(1, 2, 3));
    await expect(executeJob(train(), at)).rejects.toThrow(/^E_DATA: blobs\/[0-9a-f]{64} in .* has SHA-256/);
  });
});

describe('a payload from outside', () => {
  const outside = '../../../../tmp/touchstone-escaped';
  const at12 = '0'.repeat(64);
  const hostile: [string, (job: Job) => unknown, RegExp][] = [
    ['nothing', () => undefined, /^E_OPTION: no job/],
    ['a string', () => 'rm -rf /', /^E_OPTION: no job/],
    ['a list', () => [1, 2], /^E_OPTION: no job/],
    ['an unknown kind', (job) => ({ ...job, kind: 'shell', command: 'id' }), /^E_OPTION: no job: kind/],
    ['a field too many', (job) => ({ ...job, out: '/etc' }), /^E_OPTION: no job.*"out"/],
    ['another schema', (job) => ({ ...job, schema: 'touchstone-job/2' }), /^E_OPTION: no job: schema/],
    [
      'another version',
      (job) => ({ ...job, version: '99.0.0' }),
      /^E_OPTION: a job of touchstone 99\.0\.0, expected \d.*this worker's version/,
    ],
    ['another version’s fields', (job) => ({ ...job, version: '99.0.0', new: 1 }), /99\.0\.0/],
    [
      'settings of the wrong type',
      (job) => ({ ...job, settings: { method: 'fast', epochs: 'many' } }),
      /^E_OPTION: .*epochs/,
    ],
    [
      'a path among the settings',
      (job) => ({ ...job, settings: { method: 'fast', out: outside } }),
      /^E_OPTION: .*"out"/,
    ],
    [
      'a file to begin with',
      (job) => ({ ...job, settings: { method: 'fast', init: '/etc/passwd' } }),
      /^E_OPTION: .*"init"/,
    ],
    ['a data set by its path', (job) => ({ ...job, data: { name: outside } }), /^E_OPTION: no job/],
    [
      'a data set that is not here',
      (job) => ({ ...job, data: { name: 'secret' } }),
      /^E_OPTION: a job on the data set secret/,
    ],
    ['a blob by its path', (job) => ({ ...job, data: { blob: outside } }), /^E_OPTION: no job/],
    [
      'a blob that is not there',
      (job) => ({ ...job, data: { blob: at12 } }),
      /^E_FILE: blobs\/0{64} is not in the store/,
    ],
    [
      'a label that leaves its folder',
      (job) => ({ ...job, data: { blob: at12, label: '..' } }),
      /^E_OPTION: no job/,
    ],
    [
      'an engine that there is not',
      (job) => ({ ...job, engine: { name: './evil.js', device: 'cpu' } }),
      /^E_OPTION: no job: engine/,
    ],
    [
      'a device that it may not use',
      (job) => ({ ...job, engine: { name: 'onnxruntime', device: 'cuda' } }),
      /^E_OPTION: a job on cuda, expected cpu/,
    ],
    [
      'a need by its path',
      () => ({ schema: 'touchstone-job/1', version: train().version, kind: 'export', train: outside }),
      /^E_OPTION: no job: train/,
    ],
    [
      'a million characters',
      (job) => ({ ...job, settings: { method: 'x'.repeat(1e6) } }),
      /^E_OPTION: a payload of \d+ characters, expected at most/,
    ],
    [
      'a circle',
      () => {
        const job: Record<string, unknown> = {};
        job.self = job;
        return job;
      },
      /^E_OPTION: a payload that is not JSON/,
    ],
    [
      'control characters',
      (job) => ({ ...job, version: '\u001b[2J\n1' }),
      /^E_OPTION: a job of touchstone \ufffd\[2J\ufffd1, /,
    ],
    ['too many shards', (job) => ({ ...merge(job), of: 1e9 }), /^E_OPTION: no job: of/],
    [
      'an attack that is a path',
      (job) => ({ ...merge(job), attacks: [outside] }),
      /^E_OPTION: no job: attacks/,
    ],
  ];
  const merge = (_: Job) => plan.jobs.at(-1)!.job;

  it.each(hostile)(
    'that is %s is refused in one line, and nothing is written',
    async (_, payload, message) => {
      const at = await place();
      const before = await at.store.list('');
      const failure = await executeJob(payload(train()), at).then(
        () => 'done',
        (error: Error) => error.message,
      );
      expect(failure).toMatch(message);
      expect(failure).not.toContain('\n');
      expect(failure.length).toBeLessThan(500);
      expect(await at.store.list('')).toEqual(before);
      expect(existsSync(at.folder) ? readdirSync(at.folder) : []).toEqual(
        existsSync(at.folder) ? ['jobs'] : [],
      );
      expect(existsSync('/tmp/touchstone-escaped')).toBe(false);
      await rm(at.folder, { recursive: true, force: true });
    },
  );

  it('cannot make a job of a text that only looks like its fields', async () => {
    const at = await place();
    const tricky = { ...train(), toJSON: () => ({ kind: 'shell' }) };
    await expect(executeJob(tricky, at)).rejects.toThrow(/^E_OPTION: no job/);
    expect(readFileSync(join(home, 'digits.npz')).length).toBeGreaterThan(0);
  });
});
