import { TouchstoneError } from '../../errors.ts';

/** Parts of a key begin with a letter or digit, so that none is `..`, hidden or an option. */
const PART = '[A-Za-z0-9][A-Za-z0-9+_.-]{0,127}';
const KEY = new RegExp(`^${PART}(/${PART}){0,7}$`);
const PREFIX = new RegExp(`^(${PART}/){0,7}(${PART})?$`);

/** A key that is the same in every store and can leave none. @throws E_OPTION */
export function checkKey(key: string): string {
  if (!KEY.test(key)) throw wrong('key', key);
  return key;
}

/** The beginning of keys; empty for all. @throws E_OPTION */
export function checkPrefix(prefix: string): string {
  if (!PREFIX.test(prefix)) throw wrong('prefix', prefix);
  return prefix;
}

const wrong = (what: string, key: string) =>
  new TouchstoneError(
    'E_OPTION',
    `the store's ${what} ${JSON.stringify(String(key).slice(0, 120))}`,
    'at most 8 names of letters, digits and + _ . - with / between',
  );

/** No limit of the caller's: what Node holds in one piece is one. */
export const MOST_BYTES = 2 ** 31;

/** @throws E_DATA where a value is larger than its reader allows */
export function checkSize(key: string, bytes: number, limit: number): void {
  if (bytes > limit)
    throw new TouchstoneError('E_DATA', `${key} of the store has ${bytes} bytes`, `at most ${limit}`);
}

/** @param store its name */
export const missing = (key: string, store: string) =>
  new TouchstoneError('E_FILE', `${key} is not in the store ${store}`, undefined, 'has its job been done?');
