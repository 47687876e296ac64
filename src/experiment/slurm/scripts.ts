/** The files of OUT/slurm: a script per level, one for the comparison, the lists of jobs, and `submit.sh`. */
import { join, resolve } from 'node:path';
import { TouchstoneError } from '../../errors.ts';
import { packageRoot } from '../../io/index.ts';
import { label } from '../jobs.ts';
import type { Plan } from '../scheduler.ts';
import { type JobArray, lastOf } from './arrays.ts';
import { absoluteStore, directives, quote, type SlurmOptions } from './options.ts';

/** How often an element tries its job. */
const ATTEMPTS = 3;

/** A submission, as arguments to `sbatch --parsable` and what must have ended before. */
export interface Submission {
  readonly name: string;
  readonly args: readonly string[];
  readonly after: readonly string[];
}

export const slurmFolder = (out: string): string => join(resolve(out), 'slurm');
/** Where an element leaves why its job failed. */
export const failedFolder = (out: string): string => join(slurmFolder(out), 'failed');
/** Ids of what was submitted, one per line. */
export const SUBMITTED = 'submitted.txt';
export const COMPARE = 'compare';

/** In the order in which they are submitted: the arrays, then the comparison. They are run in the folder of the scripts. */
export function submissionsOf(
  arrays: readonly JobArray[],
  { atOnce }: Pick<SlurmOptions, 'atOnce'>,
): Submission[] {
  const limit = atOnce === undefined ? '' : `%${atOnce}`;
  return [
    ...arrays.map(({ name, kind, jobs, after }) => ({
      name,
      args: [`--array=0-${jobs.length - 1}${limit}`, `${kind}.sbatch`, `${name}.jsonl`],
      after,
    })),
    { name: COMPARE, args: [`${COMPARE}.sbatch`], after: lastOf(arrays) },
  ];
}

/** @returns contents by name. @throws E_OPTION where an option or a path cannot stand in a script */
export function slurmFiles(
  plan: Plan,
  arrays: readonly JobArray[],
  options: SlurmOptions,
): Map<string, string> {
  // Slurm puts the name of the log behind the folder's, and then reads it all as a pattern.
  if (/[%\\]/.test(slurmFolder(options.out)))
    throw new TouchstoneError(
      'E_OPTION',
      `--out ${JSON.stringify(options.out)}`,
      'a folder without % and \\ in its name, which mean something else to Slurm',
    );
  const kinds = [...new Set(arrays.map(({ kind }) => kind))];
  return new Map([
    ...arrays.map(({ name, jobs }) => [`${name}.jsonl`, linesOf(jobs)] as const),
    ...kinds.map((kind) => [`${kind}.sbatch`, elementScript(kind, plan, options)] as const),
    [`${COMPARE}.sbatch`, compareScript(plan, options)] as const,
    ['submit.sh', submitScript(plan, submissionsOf(arrays, options))] as const,
  ]);
}

const linesOf = (jobs: JobArray['jobs']): string =>
  jobs.map(({ id, title, job }) => `${JSON.stringify({ id, title, job })}\n`).join('');

function elementScript(kind: string, plan: Plan, options: SlurmOptions): string {
  const folder = slurmFolder(options.out);
  const devices = plan.jobs.some(({ job }) => 'engine' in job && job.engine.device === 'cuda');
  const lines = [
    `${program(options).join(' ')} job`,
    `--store ${quote(absoluteStore(options.store))}`,
    `--work ${quote(join(folder, 'work'))}`,
    `--failures ${quote(failedFolder(options.out))}`,
    ...[...plan.data].map(([name, spec]) => `--data ${quote(`${name}=${spec}`)}`),
    ...(devices ? ['--device cuda'] : []),
    '"$@"',
  ];
  return `${head(kind, `${kind}-%A_%a`, plan, options)}
# Does one line of the list in $1, by its index in the array. What is done in the store is left alone.
run() {
  ${lines.join(' \\\n    ')}
}

trap : TERM # of Slurm, to all: what runs ends by itself first
cd ${quote(process.cwd())}
list=${quote(folder)}/$1
for attempt in ${Array.from({ length: ATTEMPTS }, (_, i) => i + 1).join(' ')}; do
  code=0
  run --list "$list" --index "$SLURM_ARRAY_TASK_ID" --threads "\${SLURM_CPUS_PER_TASK:-1}" --attempt "$attempt" || code=$?
  case $code in
    0 | 2 | 3 | 130) break ;; # done; refused; a need is missing; stopped
  esac
done
exit "$code"
`;
}

function compareScript(plan: Plan, options: SlurmOptions): string {
  return `${head(COMPARE, `${COMPARE}-%j`, plan, options)}
# Gathers what is done, and why the rest is not, into one page.
cd ${quote(process.cwd())}
${[...program(options), ...options.compare.map(quote)].join(' ')}
`;
}

/** A name that may stand in a comment and in a `#SBATCH` line. */
function assertLabel(name: string): string {
  if (label.safeParse(name).success) return name;
  throw new TouchstoneError('E_OPTION', `experiment ${JSON.stringify(name)}`, 'letters, digits and + _ . -');
}

/** Paths are not in `#SBATCH` lines, which have a grammar of their own: sbatch is called in the folder of the scripts. */
function head(kind: string, log: string, { name }: Plan, options: SlurmOptions): string {
  return [
    '#!/bin/bash',
    `#SBATCH --job-name=${assertLabel(name)}-${kind}`,
    `#SBATCH --output=log/${log}.log`,
    '#SBATCH --requeue --open-mode=append',
    ...directives(options),
    'set -euo pipefail',
    '',
  ].join('\n');
}

const program = ({ touchstone }: SlurmOptions): string[] =>
  (touchstone ?? [process.execPath, join(packageRoot(), 'bin/touchstone.mjs')]).map(quote);

/** What {@link submitPlan} does, to be read first. */
function submitScript(plan: Plan, submissions: readonly Submission[]): string {
  const variable = (name: string): string => name.replaceAll('-', '_');
  const line = ({ name, args, after }: Submission): string => {
    const needs = after.map((n) => `:$${variable(n)}`).join('');
    const dependency = needs ? `--dependency="afterany${needs}" ` : '';
    return `${variable(name)}=$(submit ${dependency}${args.map(quote).join(' ')})`;
  };
  return `#!/bin/bash
# Submits the experiment ${assertLabel(plan.name)}: job arrays, each after the level before has ended, then the comparison.
set -euo pipefail
cd "$(dirname "$0")"
mkdir -p log
if [ -e ${SUBMITTED} ]; then
  echo 'these were submitted before: let touchstone run --slurm write new ones' >&2
  exit 1
fi

submit() {
  local id
  id=$(sbatch --parsable "$@") || exit 1
  id=\${id%%;*}
  echo "$id" >>${SUBMITTED}
  echo "$id"
}

${submissions.map(line).join('\n')}
echo "submitted, the last is $${COMPARE}: see squeue --me"
`;
}
