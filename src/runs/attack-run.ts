/** What audits, sweeps and transfers have in common. */
import { join } from 'node:path';
import { checkLabels, type DataSet } from '../data/index.ts';
import type { Engine } from '../engine/index.ts';
import { assertFits, type Preprocessing } from '../eval/index.ts';
import { tool, writeFilesAtomic } from '../io/index.ts';
import { type OpenModel, openModel } from './open-model.ts';
import { dataRecord, environmentRecord } from './records.ts';

export interface AttackRunOptions {
  /** As `--data` takes it. */
  readonly data: string;
  /** Images attacked, the first ones. @default 1000 */
  readonly limit?: number;
  /** What every model wants done to pixels in [0, 1] first. @default nothing */
  readonly preprocessing?: Preprocessing;
  readonly seed: number;
  readonly engine: Engine;
  /** The folder that the results go to. @default nothing is written */
  readonly out?: string;
  readonly commandLine: readonly string[];
  readonly onProgress?: (stage: string, fraction: number) => void;
  readonly signal?: AbortSignal;
}

/** Images attacked where nothing is said. */
export const USUAL_LIMIT = 1000;

/**
 * Opens a model for the images of a data set.
 *
 * @param options.output which output of the model to read
 * @throws TouchstoneError as `openModel` does, and where images or labels do not fit; nothing is left open then
 */
export async function openFor(
  data: DataSet,
  path: string,
  { engine, output, preprocessing }: Pick<AttackRunOptions, 'engine' | 'preprocessing'> & { output?: string },
): Promise<OpenModel> {
  const opened = await openModel(path, {
    threads: engine.threads,
    image: data.shape,
    ...(output === undefined ? {} : { output }),
    ...(preprocessing ? { preprocessing } : {}),
  });
  try {
    const { card } = opened.subject;
    assertFits(card.input, data.shape);
    checkLabels(data, card.classes);
    return opened;
  } catch (error) {
    await opened.close();
    throw error;
  }
}

/** What produced a result, but for the models. @param started by `performance.now()` */
export const originOf = (
  { seed, engine, commandLine }: AttackRunOptions,
  data: DataSet,
  started: number,
) => ({
  tool: tool(),
  createdAt: new Date().toISOString(),
  seed,
  commandLine: [...commandLine],
  data: dataRecord(data),
  environment: environmentRecord(engine),
  seconds: (performance.now() - started) / 1000,
});

/** Writes a result and its page, both at once. @param names of the two files */
export const writePage = (
  out: string,
  [json, html]: readonly [string, string],
  result: unknown,
  page: string,
): Promise<void> =>
  writeFilesAtomic(
    new Map([
      [join(out, json), `${JSON.stringify(result, null, 2)}\n`],
      [join(out, html), page],
    ]),
  );
