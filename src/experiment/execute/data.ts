/** Where this worker has the images that a job names. */
import { join } from 'node:path';
import fs from 'fs-extra';
import { loadData, type Split } from '../../data/index.ts';
import { TouchstoneError } from '../../errors.ts';
import { writeFileAtomic } from '../../io/index.ts';
import type { DataRef } from '../jobs.ts';
import { readBlob } from './outputs.ts';
import type { Workplace } from './workplace.ts';

/** Data sets that every worker has. */
const EVERYWHERE = new Set(['mnist']);

/** What results and runs call the data, the same on every worker. */
export const nameOf = (ref: DataRef): string =>
  'name' in ref ? ref.name : `${ref.label ?? ref.blob}.npz${layoutOf(ref)}`;

const layoutOf = (ref: Extract<DataRef, { blob: string }>): string =>
  ref.layout === undefined ? '' : `?layout=${ref.layout}`;

/**
 * The data as `--data` has it, on this machine. A file of the store is fetched first.
 *
 * @throws E_OPTION for a data set that this worker was not told of; E_FILE, E_DATA for a file that is missing or damaged
 */
export async function dataSpec(ref: DataRef, place: Workplace): Promise<string> {
  if ('name' in ref) {
    const spec = place.data.get(ref.name) ?? (EVERYWHERE.has(ref.name) ? ref.name : undefined);
    if (spec !== undefined) return spec;
    throw new TouchstoneError(
      'E_OPTION',
      `a job on the data set ${ref.name}`,
      ['mnist', ...place.data.keys()].filter((name, i, all) => all.indexOf(name) === i).join(', '),
      `start the worker with --data ${ref.name}=SPEC`,
    );
  }
  const path = join(place.folder, 'blobs', ref.blob, `${ref.label ?? ref.blob}.npz`);
  if (!(await fs.pathExists(path))) await writeFileAtomic(path, await readBlob(place.store, ref.blob));
  return `${path}${layoutOf(ref)}`;
}

/** Specs whose content was looked at in this process, with its hash: a worker does many jobs on the same images. */
const known = new Map<string, string>();

/**
 * The test images as `--data` has them, once it is sure that they are those that the job means.
 *
 * @throws E_DATA where they are not
 */
export async function checkedTestData(ref: DataRef, place: Workplace): Promise<string> {
  const spec = await dataSpec(ref, place);
  if (ref.test !== undefined) await assertIs(spec, 'test', ref.test);
  return spec;
}

async function assertIs(spec: string, split: Split, wanted: string): Promise<void> {
  const key = `${split} ${spec}`;
  const found = known.get(key) ?? (await loadData(spec, split)).sha256;
  known.set(key, found);
  if (found === wanted) return;
  throw new TouchstoneError(
    'E_DATA',
    `the ${split} images of ${spec} have SHA-256 ${found.slice(0, 12)}…`,
    `${wanted.slice(0, 12)}…, as planned`,
    'bring the data that the experiment names',
  );
}
