/** An experiment from its plan to its comparison, whatever carries the jobs. */
import { join } from 'node:path';
import fs from 'fs-extra';
import { TouchstoneError } from '../errors.ts';
import { writeFilesAtomic } from '../io/index.ts';
import type { Comparison } from '../report/index.ts';
import { outputNames, readOutput } from './execute/outputs.ts';
import { bringBlobs, type ExperimentPlan } from './plan.ts';
import type { Scheduler, SchedulerControls } from './scheduler.ts';
import type { Store } from './store.ts';

export interface RunExperimentOptions {
  readonly store: Store;
  readonly scheduler: Scheduler;
  /** The folder for comparison.json, comparison.html and cells/. */
  readonly out: string;
}

/** What lies in an experiment's folder: a folder that holds other things only is somebody else's. */
const OWN = ['comparison.json', 'comparison.html', 'cells', 'store', 'work', 'slurm'];
/** What a cell's folder gets of its audit. */
const SHOWN = ['result.json', 'report.html'];

/** @throws E_FILE where the folder is a file, or holds something else */
export async function assertOwn(out: string): Promise<void> {
  if (!(await fs.pathExists(out))) return;
  if (!(await fs.stat(out)).isDirectory())
    throw new TouchstoneError('E_FILE', `${out} is a file`, 'a folder to write to');
  const present = (await fs.readdir(out)).filter((name) => !name.startsWith('.'));
  if (present.length === 0 || present.some((name) => OWN.includes(name))) return;
  throw new TouchstoneError(
    'E_FILE',
    `${out} already holds ${present.slice(0, 3).join(', ')}`,
    'a new folder, or that of an experiment',
    'name another with --out',
  );
}

/**
 * Has the jobs done that are not, and writes the comparison of what they came to; of cells that failed, their reasons.
 *
 * @throws AbortError when stopped: the same call goes on; TouchstoneError as the scheduler and the store do
 */
export async function runExperiment(
  plan: ExperimentPlan,
  { store, scheduler, out }: RunExperimentOptions,
  controls: SchedulerControls = {},
): Promise<Comparison> {
  await bringBlobs(plan, store);
  let page: ReturnType<typeof loadPage> | undefined;
  const onEvent: SchedulerControls['onEvent'] = (event) => {
    page ??= loadPage();
    controls.onEvent?.(event);
  };
  const outcomes = await scheduler(plan, store, { ...controls, onEvent });
  const [{ compare }, { renderComparison }] = await (page ?? loadPage());
  const comparison = await compare(plan, store, outcomes);
  for (const { id, merge } of plan.cells)
    if (outcomes.get(merge)?.state === 'done') await show(store, merge, join(out, 'cells', id));
  await writeFilesAtomic(
    new Map([
      [join(out, 'comparison.json'), `${JSON.stringify(comparison, null, 2)}\n`],
      [join(out, 'comparison.html'), renderComparison(comparison)],
    ]),
  );
  return comparison;
}

/** Its plots take a second to load: that is done while the jobs run. */
const loadPage = () => Promise.all([import('./compare.ts'), import('../report/index.ts')]);

async function show(store: Store, merge: string, folder: string): Promise<void> {
  const there = await outputNames(store, merge);
  const files = new Map<string, Uint8Array>();
  for (const name of SHOWN)
    if (there.includes(name)) files.set(join(folder, name), await readOutput(store, merge, name));
  await writeFilesAtomic(files);
}
