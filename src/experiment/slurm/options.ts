/** What a cluster is asked for. Everything here ends in a script, so everything is checked. */
import { resolve } from 'node:path';
import { TouchstoneError } from '../../errors.ts';

export interface SlurmOptions {
  /** Folder of the experiment, on a disk that all nodes see: scripts, lists and logs go to its `slurm`. */
  readonly out: string;
  /** As `openStore` takes it; a folder must be on a disk that all nodes see. */
  readonly store: string;
  readonly partition?: string;
  /** Of one job, as sbatch takes it: minutes, `hours:minutes:seconds`, `days-hours`. */
  readonly time?: string;
  readonly account?: string;
  /** More options of sbatch, `gres=gpu:1`, with or without their dashes. */
  readonly extra?: readonly string[];
  /** Cores of one job. @default 1 */
  readonly threads?: number;
  /** Elements of an array that run at once. @default as many as the cluster has room for */
  readonly atOnce?: number;
  /** Jobs in one array; of the cluster's MaxArraySize where that is not given. */
  readonly arraySize?: number;
  /** The program and its first arguments, as an array element calls it. @default this one */
  readonly touchstone?: readonly string[];
  /** What makes the comparison, as arguments to `touchstone`. */
  readonly compare: readonly string[];
}

const NAME = /^[A-Za-z0-9][A-Za-z0-9_.,-]{0,99}$/;
const TIME = /^(?:(?:\d+-)?\d+(?::\d{1,2}){0,2}|UNLIMITED|INFINITE)$/i;
/** No spaces, quotes or `#`: nothing that the reader of `#SBATCH` lines could take for something else. */
const EXTRA = /^(?:--)?([a-z][a-z0-9-]*)(?:=[A-Za-z0-9_.,:@%+*=()[\]/|&!-]+)?$/;

/** Options of sbatch that the scripts set themselves. */
const OURS = [
  'array chdir cpus-per-task dependency error export export-file input job-name kill-on-invalid-dep open-mode output parsable',
  'partition time account requeue no-requeue test-only wait wrap',
].flatMap((line) => line.split(' '));

/** The `#SBATCH` lines that come from options. @throws E_OPTION for one that is not of its form, or that the scripts set themselves */
export function directives({
  partition,
  time,
  account,
  extra = [],
  threads = 1,
}: Pick<SlurmOptions, 'partition' | 'time' | 'account' | 'extra' | 'threads'>): string[] {
  return [
    `--cpus-per-task=${threads}`,
    ...(partition === undefined ? [] : [`--partition=${like(partition, NAME, '--partition', 'a name')}`]),
    ...(time === undefined ? [] : [`--time=${like(time, TIME, '--time', 'such as 90, 12:00:00 or 2-00')}`]),
    ...(account === undefined ? [] : [`--account=${like(account, NAME, '--account', 'a name')}`]),
    ...extra.map(extraOption),
  ].map((line) => `#SBATCH ${line}`);
}

function like(value: string, form: RegExp, option: string, expected: string): string {
  if (!form.test(value))
    throw new TouchstoneError('E_OPTION', `${option} ${JSON.stringify(value)}`, expected);
  return value;
}

function extraOption(text: string): string {
  const name = EXTRA.exec(text)?.[1];
  if (name === undefined)
    throw new TouchstoneError(
      'E_OPTION',
      `--slurm-arg ${JSON.stringify(text)}`,
      'one long option of sbatch without spaces or quotes, such as gres=gpu:1',
    );
  if (OURS.includes(name))
    throw new TouchstoneError(
      'E_OPTION',
      `--slurm-arg ${name}`,
      'an option that the scripts do not set',
      'partition, time, account and threads have options of their own',
    );
  return `--${text.replace(/^--/, '')}`;
}

/**
 * A word of a shell script that stands for exactly this text.
 *
 * @throws E_OPTION for text that would break a line or a terminal
 */
export function quote(text: string): string {
  // biome-ignore lint/suspicious/noControlCharactersInRegex: those are what is looked for
  if (/[\u0000-\u001f\u007f]/.test(text))
    throw new TouchstoneError('E_OPTION', `${JSON.stringify(text)} with a control character`, 'a plain name');
  return /^[A-Za-z0-9_@%+=:,./-]+$/.test(text) ? text : `'${text.replaceAll("'", `'\\''`)}'`;
}

/** A store as an element finds it from wherever it runs. */
export const absoluteStore = (store: string): string =>
  /^[a-z0-9]+:\/\//.test(store) ? store : resolve(store);
