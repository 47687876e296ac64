/** What a kind of record is to the claims: how it is known, and what it holds. */
import type { z } from 'zod';
import type { Found, Origin } from '../found.ts';

export interface Source {
  /** As docs/claims.md names it. */
  readonly name: string;
  /** Whether a file is of this kind. */
  matches(value: Readonly<Record<string, unknown>>): boolean;
  /**
   * @param value the whole file
   * @param record its path
   * @throws ZodError where it is not as its kind should be
   */
  read(value: unknown, record: string): Found;
}

/** A source with its schema: what does not fit is refused where it is read. */
export const source = <T>(
  name: string,
  matches: Source['matches'],
  schema: z.ZodType<T>,
  read: (record: T, path: string) => Partial<Found>,
): Source => ({
  name,
  matches,
  read: (value, path) => ({ accuracies: [], times: [], ...read(schema.parse(value), path) }),
});

export const originOf = (
  record: string,
  machine: { readonly cpu: string; readonly cores: number },
): Origin => ({ record, machine: `${machine.cpu}, ${machine.cores} core${machine.cores === 1 ? '' : 's'}` });
