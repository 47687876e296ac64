/** One training run, gone on with where this folder holds it half done. */
import { join } from 'node:path';
import fs from 'fs-extra';
import { z } from 'zod';
import { TouchstoneError } from '../../errors.ts';
import { writeFileAtomic } from '../../io/index.ts';
import { runRecipe } from '../../runs/run-options.ts';
import { type RunControls, type RunOptions, resumeRun, startRun } from '../../runs/train-run.ts';
import type { TrainJob } from '../jobs.ts';
import { dataSpec, nameOf } from './data.ts';
import type { Executor } from './executor.ts';
import { readBlob } from './outputs.ts';

const { data: _, init: __, ...shape } = runRecipe.shape;
/** All that a run can be told, but for data, folders and the machine. */
export const trainSettings = z.strictObject(shape).partial();

/** The payload, for the export. */
export const PAYLOAD = 'job.json';
const OUTPUTS = ['checkpoint.onnx', 'run.json', 'history.jsonl'] as const;

/**
 * @throws E_OPTION for settings that a run does not have
 */
function settingsOf(job: TrainJob): RunOptions {
  const parsed = trainSettings.safeParse(job.settings);
  if (parsed.success) return parsed.data as RunOptions;
  const [issue] = parsed.error.issues;
  throw new TouchstoneError(
    'E_OPTION',
    `a train job with settings wrong at ${issue?.path.join('.') || 'their top'} (${issue?.message})`,
    'settings of a training run',
  );
}

export const executeTrain: Executor<TrainJob> = async (job, { folder, place, controls }) => {
  const settings = settingsOf(job);
  const dir = join(folder, 'run');
  const data = await dataSpec(job.data, place);
  const run: RunControls = {
    ...(controls.signal && { signal: controls.signal }),
    onProgress: (p) =>
      controls.onProgress?.((p.epoch - 1 + p.batch / p.batches) / p.epochs, `epoch ${p.epoch}/${p.epochs}`),
  };
  const outcome = (await fs.pathExists(join(dir, 'run.json')))
    ? await resumeRun(dir, { ...run, data })
    : await begin(
        job,
        { settings, dir, data },
        run,
        async (hash) => readBlob(place.store, hash),
        place.threads,
      );
  if (outcome.end === 'interrupted') throw stopped();
  await writeFileAtomic(join(folder, PAYLOAD), JSON.stringify(job));
  return new Map([
    [PAYLOAD, join(folder, PAYLOAD)],
    ...OUTPUTS.map((name) => [name, join(dir, name)] as const),
  ]);
};

interface Beginning {
  readonly settings: RunOptions;
  readonly dir: string;
  /** As `--data` has it here. */
  readonly data: string;
}

async function begin(
  job: TrainJob,
  { settings, dir, data }: Beginning,
  controls: RunControls,
  blob: (hash: string) => Promise<Uint8Array>,
  threads: number | undefined,
) {
  await fs.emptyDir(dir); // a process that was killed before its run.json may have left a piece
  const init = job.init === undefined ? undefined : `${dir}-init/${job.init}.onnx`;
  if (init !== undefined) await writeFileAtomic(init, await blob(job.init!));
  const { name: engine, device } = job.engine;
  return startRun(
    {
      ...settings,
      ...(init !== undefined && { init }),
      ...{ data: nameOf(job.data), out: dir, engine, device },
      ...(threads !== undefined && { threads }),
    },
    { ...controls, data, ...(job.data.train !== undefined && { dataSha256: job.data.train }) },
  );
}

const stopped = (): Error => new DOMException('stopped', 'AbortError');
