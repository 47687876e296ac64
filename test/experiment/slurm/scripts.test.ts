import { execFileSync, spawn } from 'node:child_process';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import fs from 'fs-extra';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { jobId, jobSchema } from '../../../src/experiment/jobs.ts';
import { arraysOf } from '../../../src/experiment/slurm/arrays.ts';
import { directives, quote, type SlurmOptions } from '../../../src/experiment/slurm/options.ts';
import { slurmFiles } from '../../../src/experiment/slurm/scripts.ts';
import { execute } from '../../cli/harness.ts';
import { planOf } from './plans.ts';

let folder: string;
beforeAll(async () => {
  folder = await fs.mkdtemp(join(tmpdir(), 'touchstone-scripts-'));
});
afterAll(() => fs.remove(folder));

const options = (more: Partial<SlurmOptions> = {}): SlurmOptions => ({
  out: '/shared/runs/tiny',
  store: '/shared/store',
  touchstone: ['/opt/touchstone'],
  compare: ['run', '/shared/tiny.json', '--collect'],
  ...more,
});

/** Writes them as they are written for sbatch, and returns the folder. */
async function written(files: ReadonlyMap<string, string>, at: string): Promise<string> {
  for (const [name, text] of files) await fs.outputFile(join(at, name), text);
  return at;
}

const filesOf = (size: number, more?: Partial<SlurmOptions>, plan = planOf(2, 3)) =>
  slurmFiles(plan, arraysOf(plan.jobs, size), options(more));

describe('arrays', () => {
  it('are one per level, each after the one before', () => {
    const arrays = arraysOf(planOf(2, 3).jobs, 1001);
    expect(arrays.map(({ name, jobs, after }) => [name, jobs.length, after])).toEqual([
      ['train-1', 2, []],
      ['export-1', 2, ['train-1']],
      ['shard-1', 6, ['export-1']],
      ['merge-1', 2, ['shard-1']],
    ]);
  });

  it('are split where a level has more jobs than fit; the next waits for all parts', () => {
    const arrays = arraysOf(planOf(2, 5).jobs, 4);
    expect(arrays.map(({ name, jobs, after }) => [name, jobs.length, after])).toEqual([
      ['train-1', 2, []],
      ['export-1', 2, ['train-1']],
      ['shard-1', 4, ['export-1']],
      ['shard-2', 4, ['export-1']],
      ['shard-3', 2, ['export-1']],
      ['merge-1', 2, ['shard-1', 'shard-2', 'shard-3']],
    ]);
    const ids = arrays.flatMap(({ jobs }) => jobs.map(({ id }) => id));
    expect(new Set(ids)).toEqual(new Set(planOf(2, 5).jobs.map(({ id }) => id)));
    expect(ids).toHaveLength(16);
  });

  it('leave out levels where nothing is to be done', () => {
    const left = planOf(1, 2).jobs.filter(({ job }) => job.kind === 'shard' || job.kind === 'train');
    expect(arraysOf(left, 9).map(({ name, after }) => [name, after])).toEqual([
      ['train-1', []],
      ['shard-1', ['train-1']],
    ]);
  });
});

describe('scripts', () => {
  it('submit arrays with their dependencies', () => {
    const text = filesOf(4).get('submit.sh');
    expect(text?.split('\n').filter((line) => /^\w+=\$\(submit/.test(line))).toEqual([
      'train_1=$(submit --array=0-1 train.sbatch train-1.jsonl)',
      'export_1=$(submit --dependency="afterany:$train_1" --array=0-1 export.sbatch export-1.jsonl)',
      'shard_1=$(submit --dependency="afterany:$export_1" --array=0-3 shard.sbatch shard-1.jsonl)',
      'shard_2=$(submit --dependency="afterany:$export_1" --array=0-1 shard.sbatch shard-2.jsonl)',
      'merge_1=$(submit --dependency="afterany:$shard_1:$shard_2" --array=0-1 merge.sbatch merge-1.jsonl)',
      'compare=$(submit --dependency="afterany:$merge_1" compare.sbatch)',
    ]);
  });

  it('hold to as many elements at once as was said', () => {
    const lines = filesOf(4, { atOnce: 2 })
      .get('submit.sh')
      ?.split('\n')
      .filter((line) => line.includes('--array'));
    expect(lines?.map((line) => /--array=(\S+)/.exec(line)?.[1])).toEqual([
      '0-1%2',
      '0-1%2',
      '0-3%2',
      '0-1%2',
      '0-1%2',
    ]);
  });

  it('say in their heads what was asked for', () => {
    const text = filesOf(9, {
      partition: 'gpu,long',
      time: '2-12:00:00',
      account: 'robust_1',
      extra: ['gres=gpu:a100:1', '--exclusive', 'mail-user=a.b@example.org'],
      threads: 8,
    }).get('train.sbatch');
    expect(text?.split('\n').slice(0, 12)).toEqual([
      '#!/bin/bash',
      '#SBATCH --job-name=tiny-train',
      '#SBATCH --output=log/train-%A_%a.log',
      '#SBATCH --requeue --open-mode=append',
      '#SBATCH --cpus-per-task=8',
      '#SBATCH --partition=gpu,long',
      '#SBATCH --time=2-12:00:00',
      '#SBATCH --account=robust_1',
      '#SBATCH --gres=gpu:a100:1',
      '#SBATCH --exclusive',
      '#SBATCH --mail-user=a.b@example.org',
      'set -euo pipefail',
    ]);
  });

  it('have lists whose lines are the jobs, in order', () => {
    const plan = planOf(2, 3);
    const lines = slurmFiles(plan, arraysOf(plan.jobs, 4), options())
      .get('shard-2.jsonl')
      ?.trim()
      .split('\n');
    const ids = (lines ?? []).map((line) => jobId(jobSchema.parse(JSON.parse(line).job)));
    expect(ids).toEqual(
      plan.jobs
        .filter(({ job }) => job.kind === 'shard')
        .slice(4)
        .map(({ id }) => id),
    );
  });

  it('are bash', async () => {
    const at = await written(filesOf(4), join(folder, 'syntax'));
    const scripts = (await fs.readdir(at)).filter((name) => /\.(?:sbatch|sh)$/.test(name));
    expect(scripts.sort()).toEqual([
      'compare.sbatch',
      'export.sbatch',
      'merge.sbatch',
      'shard.sbatch',
      'submit.sh',
      'train.sbatch',
    ]);
    for (const name of scripts) execFileSync('bash', ['-n', join(at, name)]); // throws where it does not parse
  });

  /** A program that leaves its arguments in a file, and ends as told. */
  async function recorder(name: string, ends: string): Promise<{ program: string; calls(): string[][] }> {
    const [program, log] = [join(folder, name), join(folder, `${name}.log`)];
    await fs.outputFile(program, `#!/bin/bash\nprintf '%s\\0' "$@" '' >>'${log}'\n${ends}\n`, {
      mode: 0o755,
    });
    const calls = (): string[][] =>
      fs
        .readFileSync(log, 'utf8')
        .split('\0\0')
        .filter(Boolean)
        .map((call) => call.split('\0'));
    return { program, calls };
  }

  const element = (at: string) =>
    execute('env', ['SLURM_ARRAY_TASK_ID=3', 'bash', join(at, 'train.sbatch'), 'train-1.jsonl'], folder);

  it('pass hostile names on as they are', async () => {
    const { program, calls } = await recorder('args', 'exit 0');
    const hostile = `it's "a" $(touch ${join(folder, 'pwned')}) \`id\` ; & # é`;
    const plan = { ...planOf(1, 1), data: new Map([['mnist', `mnist:/d/%A \\ ${hostile}`]]) };
    const out = join(folder, hostile);
    const more = { out, store: `s3://b/${hostile}`, touchstone: [program], compare: ['run', hostile] };
    const at = await written(filesOf(9, more, plan), join(out, 'slurm'));
    expect(await element(at)).toMatchObject({ code: 0, stderr: '' });
    expect((await execute('bash', [join(at, 'compare.sbatch')], folder)).code).toBe(0);
    expect(calls()).toEqual([
      [
        'job',
        ...['--store', `s3://b/${hostile}`, '--work', join(at, 'work'), '--failures', join(at, 'failed')],
        ...['--data', `mnist=mnist:/d/%A \\ ${hostile}`, '--list', join(at, 'train-1.jsonl'), '--index', '3'],
        ...['--threads', '1', '--attempt', '1'],
      ],
      ['run', hostile],
    ]);
    expect(fs.existsSync(join(folder, 'pwned'))).toBe(false);
  });

  it.each([
    ['a failure is tried again', 1, ['1', '2', '3']],
    ['so is a crash', 139, ['1', '2', '3']],
    ['what is refused is not', 2, ['1']],
    ['nor what lacks a need', 3, ['1']],
    ['nor what was stopped', 130, ['1']],
  ])('%s', async (_, code, attempts) => {
    const { program, calls } = await recorder(`end-${code}`, `exit ${code}`);
    const at = await written(filesOf(9, { touchstone: [program] }), join(folder, `retry-${code}`));
    expect((await element(at)).code).toBe(code);
    expect(calls().map((args) => args.at(-1))).toEqual(attempts);
  });
});

it('when Slurm says SIGTERM the script waits for its job to end', async () => {
  const [program, begun] = [join(folder, 'slow'), join(folder, 'begun')];
  await fs.outputFile(program, `#!/bin/bash\ntouch '${begun}'\nsleep 1\nexit 130\n`, { mode: 0o755 });
  const at = await written(filesOf(9, { touchstone: [program] }), join(folder, 'term'));
  const child = spawn('bash', [join(at, 'train.sbatch'), 'train-1.jsonl'], {
    env: { ...process.env, SLURM_ARRAY_TASK_ID: '0' },
  });
  const ended = new Promise((resolve) => child.once('exit', (code, signal) => resolve({ code, signal })));
  while (!fs.existsSync(begun)) await sleep(20);
  child.kill('SIGTERM');
  expect(await ended).toEqual({ code: 130, signal: null });
});

describe('what cannot stand in a script is refused', () => {
  it.each([
    [{ partition: 'a b' }, '--partition "a b"'],
    [{ partition: 'a\n#SBATCH --uid=0' }, '--partition "a\\n#SBATCH --uid=0"'],
    [{ time: '1 day' }, '--time "1 day"'],
    [{ account: '-x' }, '--account "-x"'],
    [{ extra: ['wrap=id'] }, '--slurm-arg wrap'],
    [{ extra: ['--array=0-9'] }, '--slurm-arg array'],
    [{ extra: ['comment=a b'] }, '--slurm-arg "comment=a b"'],
    [{ extra: ['comment="a"'] }, '--slurm-arg "comment=\\"a\\""'],
    [{ extra: ['-p main'] }, '--slurm-arg "-p main"'],
  ])('%j', (asked, line) => {
    expect(() => directives(asked)).toThrow(`E_OPTION: ${line}, expected`);
  });

  it('a path with a line break', () => {
    expect(() => quote('/a\nrm -rf /')).toThrow('E_OPTION: "/a\\nrm -rf /" with a control character');
  });

  it.each(['/shared/50%', '/shared/a\\b'])('a folder that Slurm would take for a pattern: %j', (out) => {
    expect(() => filesOf(9, { out })).toThrow(/^E_OPTION: --out ".*, expected a folder without % and \\ /);
  });

  it('an experiment named as none may be', () => {
    const plan = planOf(1, 1, 'a\n#SBATCH --wrap=id');
    expect(() => slurmFiles(plan, arraysOf(plan.jobs, 9), options())).toThrow(/^E_OPTION: experiment "a/);
  });
});
