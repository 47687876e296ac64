import { tmpdir } from 'node:os';
import { delimiter, join } from 'node:path';
import fs from 'fs-extra';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { TouchstoneError } from '../../../src/errors.ts';
import type { executeJob } from '../../../src/experiment/execute.ts';
import { jobId } from '../../../src/experiment/jobs.ts';
import {
  collectScheduler,
  runElement,
  submitPlan,
  describe as told,
} from '../../../src/experiment/slurm/index.ts';
import { openStore } from '../../../src/experiment/store/index.ts';
import { jobKey, type Store } from '../../../src/experiment/store.ts';
import { execute } from '../../cli/harness.ts';
import { planOf } from './plans.ts';

let folder: string;
let store: Store;
const { PATH } = process.env;
beforeEach(async () => {
  folder = await fs.mkdtemp(join(tmpdir(), 'touchstone-submit-'));
  store = await openStore(join(folder, 'store'));
  process.env.PATH = [join(folder, 'bin'), PATH].join(delimiter);
});
afterEach(async () => {
  process.env.PATH = PATH;
  await store.close();
  await fs.remove(folder);
});

const at = (...names: string[]): string => join(folder, ...names);
const options = () => ({ out: at('out'), store: at('store'), compare: ['run'] });
const ended = (id: string) =>
  ({ id, kind: 'train', seconds: 1, machine: 'm', finishedAt: '2026-01-01T00:00:00Z', files: {} }) as const;
const finish = (id: string): Promise<void> =>
  store.put(jobKey(id, 'done.json'), new TextEncoder().encode(JSON.stringify(ended(id))));

/** Stands in for a command of Slurm; `$@` goes to a log that is the same for all. */
const fake = (name: string, script: string): Promise<void> =>
  fs.outputFile(at('bin', name), `#!/bin/bash\necho "${name} $*" >>'${at('calls')}'\n${script}\n`, {
    mode: 0o755,
  });
const calls = (): string[] => fs.readFileSync(at('calls'), 'utf8').trim().split('\n');

/** Gives out the ids 1, 2, 3 …, and refuses from the one named. */
const sbatch = (refused: number): Promise<void> =>
  fake(
    'sbatch',
    `n=$(grep -c ^sbatch '${at('calls')}')
[ "$n" -lt ${refused} ] || { echo 'sbatch: error: Batch job submission failed: Invalid partition' >&2; exit 1; }
echo "$n;cluster"`,
  );

describe('submitting', () => {
  it('goes level by level, by the ids that sbatch gave', async () => {
    await fake('scontrol', 'echo "MaxArraySize            = 3"');
    await sbatch(99);
    const submitted = await submitPlan(planOf(2, 2), store, options());
    expect(calls()).toEqual([
      'scontrol show config',
      'sbatch --parsable --array=0-1 train.sbatch train-1.jsonl',
      'sbatch --parsable --dependency=afterany:1 --array=0-1 export.sbatch export-1.jsonl',
      'sbatch --parsable --dependency=afterany:2 --array=0-2 shard.sbatch shard-1.jsonl',
      'sbatch --parsable --dependency=afterany:2 --array=0-0 shard.sbatch shard-2.jsonl',
      'sbatch --parsable --dependency=afterany:3:4 --array=0-1 merge.sbatch merge-1.jsonl',
      'sbatch --parsable --dependency=afterany:5 compare.sbatch',
    ]);
    expect(submitted.jobs).toBe(10);
    expect(fs.readFileSync(at('out/slurm/submitted.txt'), 'utf8')).toBe('1\n2\n3\n4\n5\n6\n');
    expect(told(submitted)).toMatch(/^submitted 10 jobs: train-1 1, .*; the comparison is job 6\./);
  });

  it('takes back what it submitted where Slurm refuses the next', async () => {
    await sbatch(3);
    await fake('scancel', '');
    await expect(submitPlan(planOf(1, 1), store, options())).rejects.toThrow(
      'E_ENGINE: sbatch failed: sbatch: error: Batch job submission failed: Invalid partition',
    );
    expect(calls().at(-1)).toBe('scancel 1 2');
  });

  it('says so where there is no Slurm', async () => {
    process.env.PATH = at('bin');
    await expect(submitPlan(planOf(1, 1), store, options())).rejects.toThrow(
      /^E_ENGINE: no sbatch on this machine, .* or use --write-only$/,
    );
  });

  it('with writeOnly writes and submits nothing', async () => {
    await sbatch(99);
    const submitted = await submitPlan(planOf(1, 1), store, { ...options(), writeOnly: true });
    expect(fs.existsSync(at('calls')) ? calls().filter((c) => c.startsWith('sbatch')) : []).toEqual([]);
    expect(submitted.ids).toBeUndefined();
    expect(told(submitted)).toContain(`bash ${at('out/slurm/submit.sh')}`);
    expect(fs.statSync(at('out/slurm/submit.sh')).mode & 0o111).toBe(0o111);
  });

  it('by submit.sh is the same, once; it stops where Slurm refuses', async () => {
    await submitPlan(planOf(2, 2), store, { ...options(), writeOnly: true, arraySize: 3 });
    const submit = () =>
      execute('env', [`PATH=${process.env.PATH}`, 'bash', at('out/slurm/submit.sh')], folder);
    const refused = 'sbatch: error: Batch job submission failed: Invalid partition\n';
    await sbatch(2);
    await fs.remove(at('calls'));
    expect(await submit()).toEqual({ code: 1, stdout: '', stderr: refused });
    expect(calls()).toHaveLength(2);
    await fs.remove(at('out/slurm/submitted.txt'));
    await fs.remove(at('calls'));
    await sbatch(99);
    expect((await submit()).code).toBe(0);
    expect(calls()).toEqual([
      'sbatch --parsable --array=0-1 train.sbatch train-1.jsonl',
      'sbatch --parsable --dependency=afterany:1 --array=0-1 export.sbatch export-1.jsonl',
      'sbatch --parsable --dependency=afterany:2 --array=0-2 shard.sbatch shard-1.jsonl',
      'sbatch --parsable --dependency=afterany:2 --array=0-0 shard.sbatch shard-2.jsonl',
      'sbatch --parsable --dependency=afterany:3:4 --array=0-1 merge.sbatch merge-1.jsonl',
      'sbatch --parsable --dependency=afterany:5 compare.sbatch',
    ]);
    expect(await submit()).toMatchObject({ code: 1, stderr: expect.stringContaining('submitted before') });
    expect(calls()).toHaveLength(6);
  });

  it('leaves out what is done, and what was written before', async () => {
    const plan = planOf(1, 4);
    const dry = { ...options(), writeOnly: true, arraySize: 2 };
    await submitPlan(plan, store, dry);
    for (const { id, job } of plan.jobs)
      if (job.kind !== 'merge' && !(job.kind === 'shard' && job.index === 4)) await finish(id);
    expect((await submitPlan(plan, store, dry)).jobs).toBe(2);
    expect(fs.readdirSync(at('out/slurm')).sort()).toEqual([
      'compare.sbatch',
      'log',
      'merge-1.jsonl',
      'merge.sbatch',
      'shard-1.jsonl',
      'shard.sbatch',
      'submit.sh',
    ]);
    const left = fs.readFileSync(at('out/slurm/shard-1.jsonl'), 'utf8').trim().split('\n');
    expect(left.map((line) => JSON.parse(line).job.index)).toEqual([4]);
    for (const { id } of plan.jobs) await finish(id);
    expect(told(await submitPlan(plan, store, dry))).toBe('all jobs are done');
  });

  it('is refused while an earlier one is in the queue, and not after', async () => {
    await sbatch(99);
    await fake('squeue', "printf '2\\n2\\n3\\n77\\n'");
    await submitPlan(planOf(1, 1), store, options());
    await expect(submitPlan(planOf(1, 1), store, options())).rejects.toThrow(
      'E_OPTION: 2 arrays of this experiment are in the queue (2, 3), expected none: wait for them, or scancel 2 3',
    );
    await fake('squeue', 'echo 77');
    expect((await submitPlan(planOf(1, 1), store, options())).jobs).toBe(4);
  });
});

describe('an element', () => {
  const plan = planOf(1, 1);
  const [train, exported, shard, merge] = plan.jobs.map(({ id }) => id) as [string, string, string, string];

  /** As `touchstone job` does it, with an executor of the test's. */
  async function run(list: string, index: number, execute: typeof executeJob, attempt = 1) {
    const where = { store, folder: at('work'), data: new Map<string, string>() };
    return runElement({ list, index, failures: at('failed'), attempt }, where, {}, execute);
  }

  const done: typeof executeJob = async (payload, { folder: own }) => {
    await fs.outputFile(join(own, 'half'), '');
    const id = jobId(payload as Parameters<typeof jobId>[0]);
    await finish(id);
    return ended(id);
  };
  const failing =
    (error: Error): typeof executeJob =>
    async () => {
      throw error;
    };

  /** All jobs, one list per kind. */
  async function lists(): Promise<void> {
    await submitPlan(plan, store, { ...options(), writeOnly: true });
  }
  const list = (kind: string): string => at('out/slurm', `${kind}-1.jsonl`);
  const collected = () => collectScheduler({ failures: at('failed') })(plan, store, {});

  it('does its job in a folder of its own, which is gone afterwards', async () => {
    await lists();
    expect(await run(list('train'), 0, done)).toEqual({ state: 'done', id: train });
    expect(fs.readdirSync(at('work'))).toEqual([]);
    expect((await collected()).get(train)).toEqual({ state: 'done', done: ended(train) });
  });

  it('without its need does nothing', async () => {
    await lists();
    const never = failing(new Error('was called'));
    expect(await run(list('export'), 0, never)).toEqual({ state: 'skipped', id: exported, because: train });
    expect(await run(list('merge'), 0, never)).toEqual({ state: 'skipped', id: merge, because: shard });
    expect(fs.existsSync(at('failed'))).toBe(false);
  });

  it('that fails leaves its reason, and what depends on it is laid to it', async () => {
    await lists();
    const end = await run(list('train'), 0, failing(new Error('loss is\n not finite')), 3);
    expect(end).toMatchObject({ state: 'failed', id: train });
    expect([...(await collected()).values()]).toEqual([
      { state: 'failed', reason: 'loss is not finite', attempts: 3 },
      ...Array.from({ length: 3 }, () => ({ state: 'skipped', because: train })),
    ]);
    expect((await run(list('train'), 0, done)).state).toBe('done');
    expect(fs.readdirSync(at('failed'))).toEqual([]);
  });

  it('that is refused is told from one that failed', async () => {
    await lists();
    const other = new TouchstoneError('E_OPTION', 'a job of version 9', '0.0.0-test');
    expect((await run(list('train'), 0, failing(other))).state).toBe('refused');
  });

  it('that was killed is told as that', async () => {
    expect((await collected()).get(train)).toMatchObject({
      state: 'failed',
      reason: expect.stringContaining('killed, or out of time or memory'),
    });
  });

  it.each([
    ['{"id":"../../etc","job":{"kind":"shell","run":"id"}}', /line 1 of .* holds no job \(job\.kind: /],
    [
      '{"job":{"kind":"export","schema":"touchstone-job/1","version":"1","train":"../x"}}',
      /job\.train: expected 64/,
    ],
    ['not json', /line 1 of .* holds no job/],
    ['', /^E_DATA: .*bad.jsonl is empty/],
  ])('of a list that is none: %s', async (line, message) => {
    await fs.outputFile(at('bad.jsonl'), `${line}\n`);
    await expect(run(at('bad.jsonl'), 0, failing(new Error('was called')))).rejects.toThrow(message);
    expect(fs.readdirSync(folder).sort()).toEqual(['bad.jsonl', 'store']);
  });

  it('beyond the list', async () => {
    await lists();
    await expect(run(list('train'), 1, done)).rejects.toThrow(/^E_OPTION: --index 1, expected 0 to 0, as /);
  });
});
