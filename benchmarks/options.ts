/** What the benchmarks' options are read with. */
import { parseArgs } from 'node:util';
import { parseList } from '../src/cli/numbers.ts';
import { TouchstoneError } from '../src/errors.ts';

/**
 * @param argv as `--models a,b --batch 32`
 * @param names the options that there are, each with a value
 * @throws E_OPTION for any other
 */
export function readOptions<Name extends string>(
  argv: readonly string[],
  names: readonly Name[],
): Partial<Record<Name, string>> {
  const options = Object.fromEntries(names.map((name) => [name, { type: 'string' as const }]));
  try {
    return parseArgs({ args: [...argv], options }).values as Partial<Record<Name, string>>;
  } catch (cause) {
    const [reason] = String(cause instanceof Error ? cause.message : cause).split('. ');
    throw new TouchstoneError('E_OPTION', reason!, 'the options of bench --help', undefined, { cause });
  }
}

/** Of a list as typed, what there is: each once, at least one. */
export function chosen<T extends string>(option: string, text: string, known: readonly T[]): T[] {
  const names = [...new Set(parseList(text))];
  const found = names.map((name) => known.find((k) => k === name));
  const unknown = names.find((_, i) => found[i] === undefined);
  if (unknown !== undefined || names.length === 0)
    throw new TouchstoneError('E_OPTION', `--${option} ${unknown ?? text}`, known.join(', '));
  return found as T[];
}

export function one<T extends string>(option: string, text: string, known: readonly T[]): T {
  const found = known.find((k) => k === text);
  if (found === undefined) throw new TouchstoneError('E_OPTION', `--${option} ${text}`, known.join(', '));
  return found;
}
