import { describe, expect, it } from 'vitest';
import { parsePairs, repeated } from '../../src/cli/repeated.ts';
import { assertSlurmArgs, slurmOptions } from '../../src/cli/slurm-args.ts';

const where = { experiment: 'e.json', out: '/runs/e', store: 's3://bucket/e' };
const nothing = {
  _: [],
  slurm: undefined,
  'write-only': undefined,
  partition: undefined,
  time: undefined,
  account: undefined,
  'at-once': undefined,
  'slurm-arg': undefined,
  collect: undefined,
};
const parsed = (more: object) => ({ ...nothing, ...more }) as unknown as Parameters<typeof slurmOptions>[0];

describe('options that may be given several times', () => {
  it('are all taken, in both forms', () => {
    const words = [
      'e.json',
      '--slurm-arg',
      'gres=gpu:1',
      '--slurm',
      '--slurm-arg=exclusive',
      '--slurm-args',
      'x',
    ];
    expect(repeated(words, 'slurm-arg')).toEqual(['gres=gpu:1', 'exclusive']);
  });

  it('name data sets', () => {
    expect(parsePairs(['a=cifar10:/d', 'b=x=y'], 'data')).toEqual(
      new Map([
        ['a', 'cifar10:/d'],
        ['b', 'x=y'],
      ]),
    );
    expect(() => parsePairs(['mnist'], 'data')).toThrow('E_OPTION: --data mnist, expected NAME=SPEC');
  });
});

describe('the options of a cluster', () => {
  it('become those of the scripts', () => {
    const args = parsed({
      slurm: true,
      'write-only': true,
      partition: 'gpu',
      time: '90',
      'at-once': '50',
      threads: '8',
    });
    expect(slurmOptions(args, ['--slurm-arg', 'exclusive'], where)).toEqual({
      out: '/runs/e',
      store: 's3://bucket/e',
      extra: ['exclusive'],
      compare: [
        'run',
        `${process.cwd()}/e.json`,
        '--collect',
        '--store',
        's3://bucket/e',
        '--out',
        '/runs/e',
      ],
      writeOnly: true,
      partition: 'gpu',
      time: '90',
      atOnce: 50,
      threads: 8,
    });
  });

  it.each([
    [{ partition: 'gpu' }, [], '--partition without --slurm, expected both'],
    [{ 'at-once': '4' }, [], '--at-once without --slurm, expected both'],
    [{ 'write-only': true }, [], '--write-only without --slurm, expected both'],
    [{ slurm: true, collect: true }, [], '--slurm with --collect, expected one of them'],
    [{ slurm: true, account: 'a b' }, [], '--account "a b", expected a name'],
    [{ slurm: true }, ['--slurm-arg', 'wrap=id'], '--slurm-arg wrap, expected an option that'],
  ])('refused: %j %j', (args, words, line) => {
    expect(() => assertSlurmArgs(parsed(args), words)).toThrow(`E_OPTION: ${line}`);
  });

  it('are none by default', () => {
    expect(() => assertSlurmArgs(parsed({}), ['e.json'])).not.toThrow();
  });
});
