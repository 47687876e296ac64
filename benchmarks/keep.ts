/**
 * Where a benchmark's record goes: a file (`--record`), a page (`--html`), a folder of `benchmarks/records` (`--save`), each
 * written anew whenever there is more to tell.
 */
import { existsSync, readdirSync, readFileSync, statSync } from 'node:fs';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { TouchstoneError } from '../src/errors.ts';
import { writeFileAtomic, writeFilesAtomic } from '../src/io/index.ts';

/** A folder per record. */
export const RECORDS = fileURLToPath(new URL('./records', import.meta.url));
/** What a record's folder holds. */
export const RECORD_FILE = 'record.json';
export const PAGE_FILE = 'page.html';

/** The options of every benchmark that has a record; `html` of those that have a page. */
export const KEEP_NAMES = ['record', 'save', 'records'] as const;

export interface KeepOptions {
  /** Where the record goes; `-` is stdout. */
  readonly record?: string;
  /** Where the page goes. */
  readonly html?: string;
  /** The record's folder: `DIR/2026-11-21-NAME`. */
  readonly folder?: string;
}

type Given = Partial<Record<(typeof KEEP_NAMES)[number] | 'html', string>>;

/**
 * @param date of the folder's name. @default now
 * @throws E_OPTION for a name that is none, or `--records` without one
 */
export function keepOptions({ record, html, save, records }: Given, date = new Date()): KeepOptions {
  if (records !== undefined && save === undefined)
    throw new TouchstoneError('E_OPTION', `--records ${records} without a name`, '--save NAME');
  return {
    ...(record !== undefined && { record }),
    ...(html !== undefined && { html }),
    ...(save !== undefined && { folder: join(records ?? RECORDS, folderName(save, date)) }),
  };
}

/** Begins with the day, so that folders are in their order. @throws E_OPTION */
export function folderName(name: string, date: Date): string {
  if (!/^[A-Za-z0-9]+(-[A-Za-z0-9]+)*$/.test(name))
    throw new TouchstoneError('E_OPTION', `--save ${name}`, 'letters, digits and hyphens between them');
  return `${date.toISOString().slice(0, 10)}-${name}`;
}

/** Any text as a name that `--save` takes. */
export const saveName = (text: string): string =>
  text.replaceAll(/[^A-Za-z0-9]+/g, '-').replaceAll(/^-|-$/g, '');

/** A file as it is, a folder as the record in it. */
export const recordPath = (path: string): string =>
  existsSync(path) && statSync(path).isDirectory() ? join(path, RECORD_FILE) : path;

/**
 * The last record of a name, by its folder's day.
 *
 * @throws E_FILE where there is none
 */
export function latestRecord(name: string, records = RECORDS): string {
  const last = readdirSync(records)
    .filter((folder) => /^\d{4}-\d\d-\d\d-/.test(folder) && folder.slice('2026-01-01-'.length) === name)
    .sort()
    .at(-1);
  if (last === undefined)
    throw new TouchstoneError('E_FILE', `no record ${name} in ${records}`, `a folder DATE-${name}`);
  return join(records, last, RECORD_FILE);
}

/** Numbers in a row, as JSON breaks them into lines. Text in JSON has no line breaks. */
const NUMBERS = /\[\n\s+(-?[\d.e+-]+(?:,\n\s+-?[\d.e+-]+)*)\n\s*\]/g;

/** A record as it is written: samples in a line. */
export const recordText = (record: unknown): string =>
  `${JSON.stringify(record, null, 1).replaceAll(NUMBERS, (_, list: string) => `[${list.replaceAll(/\n\s+/g, ' ')}]`)}\n`;

/** The page of a record; loaded where it is asked for, as its figures take a second. */
export type LoadPage<R> = () => Promise<(record: R) => string>;

/** Writes all that the options ask for. */
export type Keeper<R> = (record: R) => Promise<void>;

/**
 * @param name of the benchmark, as the record's `benchmark` has it
 * @throws E_FILE where the folder holds a record of another benchmark
 */
export function keeper<R>(name: string, options: KeepOptions, loadPage?: LoadPage<R>): Keeper<R> {
  const { record: file, html, folder } = options;
  if (folder !== undefined) assertOwn(folder, name);
  return async (record) => {
    const text = recordText(record);
    if (file !== undefined && file !== '-') await writeFileAtomic(file, text);
    if (html === undefined && folder === undefined) return;
    const page = loadPage && (await loadPage())(record);
    if (page !== undefined && html !== undefined) await writeFileAtomic(html, page);
    if (folder === undefined) return;
    const files = new Map([[join(folder, RECORD_FILE), text]]);
    if (page !== undefined) files.set(join(folder, PAGE_FILE), page);
    await writeFilesAtomic(files);
  };
}

/** A folder may be written anew by what has written it: a benchmark goes on where it was stopped. */
function assertOwn(folder: string, name: string): void {
  if (!existsSync(folder)) return;
  const there = benchmarkOf(join(folder, RECORD_FILE));
  if (there !== name)
    throw new TouchstoneError(
      'E_FILE',
      `${folder} holds ${there === undefined ? 'something else' : `a record of ${there}`}`,
      `a new folder, or one of bench ${name}`,
      'save under another name',
    );
}

/** @returns undefined for a file that is no record */
function benchmarkOf(path: string): string | undefined {
  try {
    const { benchmark } = JSON.parse(readFileSync(path, 'utf8')) as { readonly benchmark?: unknown };
    return typeof benchmark === 'string' ? benchmark : undefined;
  } catch {
    return undefined; // no file, or no JSON
  }
}
