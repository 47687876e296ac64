import { spawnSync } from 'node:child_process';
import { createHash } from 'node:crypto';
import { existsSync, readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';

export const root = fileURLToPath(new URL('../..', import.meta.url));

/** Runs a command in the checkout; the process ends with its exit code where that is not 0. */
export function run(command, args, env = {}) {
  const options = { stdio: 'inherit', cwd: root, env: { ...process.env, ...env } };
  const { status, error } = spawnSync(command, args, options);
  if (error) {
    console.error(`error cannot run ${command}: ${error.message}; expected Python 3.11 or newer: set PYTHON`);
    process.exit(2);
  }
  if (status !== 0) process.exit(status ?? 1);
}

/**
 * A virtual environment made from pinned requirements when first needed, and again when they change. PYTHON names the
 * interpreter to make it with.
 *
 * @param folder in the checkout
 * @param lists requirement files, each with the options that pip takes for it
 * @returns its interpreter, and whether it was made just now
 */
export function venv(folder, lists) {
  const python = join(root, folder, process.platform === 'win32' ? 'Scripts/python.exe' : 'bin/python');
  const stamp = join(root, folder, 'requirements.sha256');
  const wanted = createHash('sha256')
    .update(lists.map(({ file }) => readFileSync(file)).join('\n'))
    .digest('hex');
  if (existsSync(stamp) && readFileSync(stamp, 'utf8') === wanted) return { python, made: false };
  run(process.env.PYTHON ?? 'python3', ['-m', 'venv', join(root, folder)]);
  for (const { file, options = [] } of lists)
    run(python, ['-m', 'pip', 'install', '--quiet', ...options, '-r', file]);
  writeFileSync(stamp, wanted);
  return { python, made: true };
}
