/** Reads an experiment.json: JSON with comments. */
import { basename, dirname, resolve } from 'node:path';
import stripJsonComments from 'strip-json-comments';
import type { z } from 'zod';
import { TouchstoneError } from '../errors.ts';
import { readFileLimited } from '../io/index.ts';
import { printable } from '../report/format.ts';
import { type Experiment, experimentSchema } from './schema.ts';

/** An experiment, and where the paths in it begin. */
export interface ExperimentFile {
  readonly experiment: Experiment;
  readonly folder: string;
}

/** @throws E_FILE where it cannot be read; E_DATA where it is no JSON; E_OPTION naming what is wrong in it */
export async function readExperiment(path: string): Promise<ExperimentFile> {
  const text = new TextDecoder().decode(await readFileLimited(path, 2 ** 20));
  return { experiment: parseExperiment(text, basename(path)), folder: dirname(resolve(path)) };
}

/** @param where the file's name, for errors. @throws E_DATA, E_OPTION */
export function parseExperiment(text: string, where: string): Experiment {
  const parsed = experimentSchema.safeParse(jsonOf(text, where), { reportInput: true });
  if (parsed.success) return parsed.data;
  const mistakes = parsed.error.issues.map(mistakeOf);
  const [{ at, got, expected }] = mistakes as [Mistake];
  const more = mistakes.length > 1 ? ` (and ${mistakes.length - 1} more)` : '';
  throw new TouchstoneError('E_OPTION', `${where}${more}, ${at}: ${got}`, expected);
}

function jsonOf(text: string, where: string): unknown {
  // Comments become blanks, so that the place that JSON.parse tells is the place in the file.
  const bare = stripJsonComments(text.replace(/^\ufeff/, ''), { trailingCommas: true });
  try {
    return JSON.parse(bare, (key, value) => (key === '__proto__' ? undefined : value));
  } catch (cause) {
    throw new TouchstoneError(
      'E_DATA',
      `${where} is no JSON (${placeOf(cause, bare)})`,
      'JSON, // comments allowed',
      'touchstone experiment init writes an example',
      { cause },
    );
  }
}

/** `JSON.parse` names an offset; people want a line. */
function placeOf(error: unknown, text: string): string {
  const message = error instanceof Error ? error.message : String(error);
  const at = /position (\d+)/.exec(message)?.[1];
  if (at === undefined) return message.slice(0, 120);
  const before = text.slice(0, Number(at)).split('\n');
  return `line ${before.length}, column ${before.at(-1)!.length + 1}`;
}

interface Mistake {
  /** `methods[2].steps` */
  readonly at: string;
  readonly got: string;
  readonly expected: string | undefined;
}

type Issue = z.core.$ZodIssue;

/** Of alternatives, the one that was meant: whose mistakes lie deepest. */
function meant(issue: Issue): Issue {
  if (issue.code !== 'invalid_union') return issue;
  const atTop = ({ path, code }: Issue) => path.length === 0 && code !== 'unrecognized_keys';
  const deep = issue.errors.find((errors) => !errors.some(atTop));
  const near = issue.errors.find((errors) => !errors.some((e) => atTop(e) && e.code === 'invalid_type'));
  const inner = (deep ?? near ?? issue.errors[0])?.[0];
  return inner ? meant({ ...inner, path: [...issue.path, ...inner.path] } as Issue) : issue;
}

const pathOf = (path: readonly PropertyKey[]): string =>
  path
    .map((key) => (typeof key === 'number' ? `[${key}]` : `.${String(key)}`))
    .join('')
    .replace(/^\./, '') || 'the file';

function mistakeOf(given: Issue): Mistake {
  const issue = meant(given);
  const at = pathOf(issue.path);
  if (issue.code === 'unrecognized_keys')
    return { at, got: `unknown ${issue.keys.map((k) => `"${k}"`).join(', ')}`, expected: undefined };
  if (issue.code === 'invalid_value')
    return { at, got: shown(issue.input), expected: issue.values.map(String).join(', ') };
  const expected = issue.message.replace(/^[A-Z][a-z ]+: /, '').replace(/^expected /, '');
  return { at, got: shown(issue.input), expected: expected.replace(/, received .*$/, '') };
}

/** What stands there, in short. */
const shown = (value: unknown): string =>
  value === undefined ? 'nothing' : printable(JSON.stringify(value) ?? String(value), 60);
