/** Records on the disk, read by whichever source knows them. */
import { readdir, readFile, stat } from 'node:fs/promises';
import { join, relative } from 'node:path';
import { z } from 'zod';
import { TouchstoneError } from '../../src/errors.ts';
import type { Found } from './found.ts';
import { sources } from './sources/index.ts';

export interface Evidence extends Found {
  /** Records that were of use, and JSON files that no source knows. */
  readonly read: readonly string[];
  readonly passedOver: readonly string[];
}

/** Of a folder and all below it; a file is its own. */
async function jsonFiles(folder: string): Promise<string[]> {
  if ((await stat(folder).catch(() => undefined))?.isFile()) return [folder];
  const entries = await readdir(folder, { recursive: true }).catch((cause: unknown) => {
    throw new TouchstoneError('E_FILE', `no folder ${folder}`, 'a folder of records', undefined, { cause });
  });
  return entries
    .filter((name) => name.endsWith('.json'))
    .sort()
    .map((name) => join(folder, name));
}

/**
 * @param folders of records' folders, of audits, of plain files: searched with all below them, for *.json
 * @throws E_FILE for a folder that is not there; E_DATA for a file that is no JSON, or no record of the kind that it says
 */
export async function readRecords(folders: readonly string[]): Promise<Evidence> {
  const files = [...new Set((await Promise.all(folders.map(jsonFiles))).flat())];
  const records: { readonly kind: number; readonly found: Found }[] = [];
  const [read, passedOver]: [string[], string[]] = [[], []];
  for (const file of files) {
    const path = relative('.', file);
    const one = readRecord(await readFile(file, 'utf8'), path);
    if (one) records.push(one);
    (one ? read : passedOver).push(path);
  }
  // Where all else is equal the first counts: by kind, then the last day's, as folders begin with it.
  const found = records
    .reverse()
    .sort((a, b) => a.kind - b.kind)
    .map((r) => r.found);
  return {
    accuracies: found.flatMap((f) => f.accuracies),
    times: found.flatMap((f) => f.times),
    curves: found.flatMap((f) => f.curves ?? []),
    lenses: found.flatMap((f) => f.lenses ?? []),
    ...{ read, passedOver },
  };
}

/**
 * @returns what it holds, and its kind's place in `sources`; null where no source knows it
 * @throws E_DATA where it is not as it should be
 */
export function readRecord(
  text: string,
  path: string,
): { readonly kind: number; readonly found: Found } | null {
  let value: unknown;
  try {
    value = JSON.parse(text);
  } catch (cause) {
    throw new TouchstoneError('E_DATA', `${path} is no JSON`, 'a record', undefined, { cause });
  }
  if (typeof value !== 'object' || value === null) return null;
  const kind = sources.findIndex((s) => s.matches(value as Record<string, unknown>));
  const known = sources[kind];
  if (!known) return null;
  try {
    return { kind, found: known.read(value, path) };
  } catch (error) {
    if (!(error instanceof z.ZodError)) throw error;
    const [issue] = error.issues;
    throw new TouchstoneError(
      'E_DATA',
      `${path}, ${issue!.path.join('.')}: ${issue!.message}`,
      `a record of kind ${known.name}`,
    );
  }
}
