/** The cluster's own commands, each called with its arguments as they are, never through a shell. */
import { execFile } from 'node:child_process';
import { appendFile } from 'node:fs/promises';
import { join } from 'node:path';
import { promisify } from 'node:util';
import { TouchstoneError } from '../../errors.ts';
import { readFileLimited } from '../../io/index.ts';
import { SUBMITTED, type Submission } from './scripts.ts';

const exec = promisify(execFile);

/** Slurm's own default of MaxArraySize. */
const ARRAY_SIZE = 1001;

/** What a command prints. @throws E_ENGINE where it is missing or fails, with its own words */
async function call(command: string, args: readonly string[], cwd?: string): Promise<string> {
  try {
    const { stdout } = await exec(command, [...args], { maxBuffer: 64 * 2 ** 20, ...(cwd ? { cwd } : {}) });
    return stdout.trim();
  } catch (error) {
    if (isMissing(error))
      throw new TouchstoneError(
        'E_ENGINE',
        `no ${command} on this machine`,
        "Slurm's client commands",
        'submit from a login node, or use --write-only',
      );
    const said = error instanceof Error && 'stderr' in error ? String(error.stderr).trim() : String(error);
    throw new TouchstoneError('E_ENGINE', `${command} failed: ${said}`, undefined, undefined, {
      cause: error,
    });
  }
}

const isMissing = (error: unknown): boolean =>
  error instanceof Error && 'code' in error && error.code === 'ENOENT';

/** How many elements an array may have here; Slurm's default where there is no cluster to ask. */
export async function arraySizeHere(): Promise<number> {
  const config = await call('scontrol', ['show', 'config']).catch(() => '');
  const size = Number(/^MaxArraySize\s*=\s*(\d+)/m.exec(config)?.[1] ?? ARRAY_SIZE);
  return Math.max(1, size);
}

/**
 * Those of an earlier submission that have not ended.
 *
 * @returns ids; none where there is no cluster to ask
 */
export async function stillQueued(folder: string): Promise<string[]> {
  const text = await readFileLimited(join(folder, SUBMITTED), 2 ** 20).catch(() => new Uint8Array());
  const ids = new Set(new TextDecoder().decode(text).split('\n').filter(Boolean));
  if (ids.size === 0) return [];
  const queue = await call('squeue', ['--noheader', '--me', '--format=%F']).catch(() => '');
  return [...new Set(queue.split('\n').map((id) => id.trim()))].filter((id) => ids.has(id));
}

/**
 * Submits in order. Where one is refused, what was submitted before it is taken back.
 *
 * @returns ids by name
 * @throws E_ENGINE with what sbatch said
 */
export async function submitAll(
  folder: string,
  submissions: readonly Submission[],
): Promise<Map<string, string>> {
  const ids = new Map<string, string>();
  try {
    for (const { name, args, after } of submissions) {
      const needs = after.map((n) => `:${ids.get(n)}`).join('');
      const dependency = needs ? [`--dependency=afterany${needs}`] : [];
      const id = idOf(await call('sbatch', ['--parsable', ...dependency, ...args], folder));
      ids.set(name, id);
      await appendFile(join(folder, SUBMITTED), `${id}\n`);
    }
  } catch (error) {
    if (ids.size > 0) await call('scancel', [...ids.values()]).catch(() => undefined);
    throw error;
  }
  return ids;
}

/** `123` or `123;cluster`. */
function idOf(printed: string): string {
  const id = /^(\d+)(?:;|$)/.exec(printed)?.[1];
  if (id === undefined)
    throw new TouchstoneError('E_ENGINE', `sbatch printed ${JSON.stringify(printed)}`, 'the id of a job');
  return id;
}
