/** Whether two records agree on who is faster. */
import { readFile } from 'node:fs/promises';
import { TouchstoneError } from '../../src/errors.ts';
import { recordPath } from '../keep.ts';
import { type Call, type Compared, kinds } from './kinds.ts';

/** Agree and disagree where both call one faster; otherwise who does, or that a row is in one only. */
export type Verdict =
  | 'agree'
  | 'DISAGREE'
  | 'only A calls'
  | 'only B calls'
  | 'no call'
  | 'only in A'
  | 'only in B';

export interface Line {
  readonly row: string;
  readonly a: Call | undefined;
  readonly b: Call | undefined;
  readonly verdict: Verdict;
}

interface Read extends Compared {
  readonly kind: string;
}

/** @throws E_FILE where it cannot be read, E_DATA where it is no record that can be compared */
async function readRecord(given: string): Promise<Read> {
  const path = recordPath(given);
  const value = parsed(await contentsOf(path), path);
  const name =
    typeof value === 'object' && value !== null && 'benchmark' in value ? value.benchmark : undefined;
  const kind = Object.entries(kinds).find(([known]) => known === name);
  const expected = `a record of bench ${Object.keys(kinds).join(' or ')}`;
  if (!kind) throw new TouchstoneError('E_DATA', `${path} is of bench ${String(name)}`, expected);
  try {
    return { kind: kind[0], ...kind[1](value) };
  } catch (cause) {
    const message = `${path} does not read as a record of bench ${kind[0]}`;
    throw new TouchstoneError('E_DATA', message, 'one of this version', 'measure again', { cause });
  }
}

async function contentsOf(path: string): Promise<string> {
  try {
    return await readFile(path, 'utf8');
  } catch (cause) {
    const { code } = cause as NodeJS.ErrnoException;
    throw new TouchstoneError('E_FILE', `cannot read ${path} (${code})`, 'a record', undefined, { cause });
  }
}

function parsed(text: string, path: string): unknown {
  try {
    return JSON.parse(text);
  } catch (cause) {
    throw new TouchstoneError('E_DATA', `${path} is no JSON`, 'a record', undefined, { cause });
  }
}

/** @throws E_OPTION where they are not of the same: another kind, model, data, radius or number of threads */
function assertSame(a: Read, b: Read): void {
  const [one, other] = [a, b].map(
    ({ kind, subject }) => ({ benchmark: kind, ...subject }) as Record<string, string>,
  );
  const differing = Object.keys({ ...one, ...other }).find((key) => one?.[key] !== other?.[key]);
  if (differing)
    throw new TouchstoneError(
      'E_OPTION',
      `A's ${differing} is ${one?.[differing]}, B's ${other?.[differing]}`,
      'two records of the same',
    );
}

function verdictOf(a: Call | undefined, b: Call | undefined): Verdict {
  if (!a) return 'only in B';
  if (!b) return 'only in A';
  if (a.faster && b.faster) return a.faster === b.faster ? 'agree' : 'DISAGREE';
  if (a.faster) return 'only A calls';
  return b.faster ? 'only B calls' : 'no call';
}

/** Row by row, in A's order. */
export function linesOf(a: Compared, b: Compared): Line[] {
  const names = [...new Set([...a.calls, ...b.calls].map((c) => c.row))];
  const of = ({ calls }: Compared, row: string) => calls.find((c) => c.row === row);
  return names.map((row) => ({
    row,
    a: of(a, row),
    b: of(b, row),
    verdict: verdictOf(of(a, row), of(b, row)),
  }));
}

/**
 * @param pathA a record, or its folder
 * @throws as reading either does; E_OPTION where they are not of the same
 */
export async function compareRecords(pathA: string, pathB: string): Promise<Line[]> {
  const [a, b] = [await readRecord(pathA), await readRecord(pathB)];
  assertSame(a, b);
  return linesOf(a, b);
}
