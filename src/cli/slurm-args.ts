import { resolve } from 'node:path';
import type { ArgsDef, ParsedArgs } from 'citty';
import { TouchstoneError } from '../errors.ts';
import { absoluteStore, directives, type SlurmOptions } from '../experiment/slurm/options.ts';
import { parseCount } from './numbers.ts';
import { repeated } from './repeated.ts';

/** What `run` takes for a cluster. */
export const slurmArgs = {
  slurm: { type: 'boolean', description: 'write job arrays for Slurm and submit them; does not wait' },
  'write-only': { type: 'boolean', description: 'with --slurm: submit nothing' },
  partition: { type: 'string', description: 'with --slurm: where jobs run', valueHint: 'P' },
  time: { type: 'string', description: 'with --slurm: the longest that one job may take', valueHint: 'T' },
  account: { type: 'string', description: 'with --slurm: who pays', valueHint: 'A' },
  'at-once': {
    type: 'string',
    description: 'with --slurm: elements of a job array that run at once (default: no limit of ours)',
    valueHint: 'N',
  },
  'slurm-arg': {
    type: 'string',
    description: 'with --slurm: one more option of sbatch, such as gres=gpu:1; may be repeated',
    valueHint: 'X',
  },
  collect: {
    type: 'boolean',
    description: 'run nothing: compare what the store holds (the last job of --slurm)',
  },
} as const satisfies ArgsDef;

type SlurmArgs = ParsedArgs<typeof slurmArgs>;

/** Before anything is read or written. @throws E_OPTION where they go with another way to run, or cannot stand in a script */
export function assertSlurmArgs(args: SlurmArgs, rawArgs: readonly string[]): void {
  if (args.slurm) {
    if (args.collect) throw new TouchstoneError('E_OPTION', '--slurm with --collect', 'one of them');
    directives(asked(args, rawArgs));
    return;
  }
  const alone = (['write-only', 'partition', 'time', 'account', 'at-once', 'slurm-arg'] as const).find(
    (name) => args[name] !== undefined,
  );
  if (alone !== undefined) throw new TouchstoneError('E_OPTION', `--${alone} without --slurm`, 'both');
}

/**
 * @param args of `run`, with `--threads` as it was given
 * @param where the experiment's file, its folder and its store
 */
export function slurmOptions(
  args: SlurmArgs & { threads?: string | undefined },
  rawArgs: readonly string[],
  where: { readonly experiment: string; readonly out: string; readonly store: string },
): SlurmOptions & { readonly writeOnly: boolean } {
  const [out, store] = [resolve(where.out), absoluteStore(where.store)];
  return {
    out,
    store,
    ...asked(args, rawArgs),
    ...(args['at-once'] === undefined ? {} : { atOnce: parseCount(args['at-once'], 'at-once') }),
    compare: ['run', resolve(where.experiment), '--collect', '--store', store, '--out', out],
    writeOnly: args['write-only'] === true,
    ...(args.threads === undefined ? {} : { threads: parseCount(args.threads, 'threads') }),
  };
}

/** What goes to sbatch. */
function asked({ partition, time, account }: SlurmArgs, rawArgs: readonly string[]) {
  return {
    extra: repeated(rawArgs, 'slurm-arg'),
    ...(partition === undefined ? {} : { partition }),
    ...(time === undefined ? {} : { time }),
    ...(account === undefined ? {} : { account }),
  };
}
