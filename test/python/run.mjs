// Runs the interop tests in a virtual environment of their own, made from the pinned requirements when first needed
// and again when they change. PYTHON names another interpreter to make it with.
//
//   npm run test:python [-- pytest options]
import { spawnSync } from 'node:child_process';
import { createHash } from 'node:crypto';
import { existsSync, readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';

const here = fileURLToPath(new URL('.', import.meta.url));
const root = join(here, '..', '..');
const venv = join(root, '.venv');
const python = join(venv, process.platform === 'win32' ? 'Scripts/python.exe' : 'bin/python');
const lists = ['requirements.txt', 'requirements-peers.txt'].map((name) => join(here, name));
const stamp = join(venv, 'requirements.sha256');
const wanted = createHash('sha256')
  .update(lists.map((f) => readFileSync(f)).join('\n'))
  .digest('hex');

function run(command, args) {
  const { status, error } = spawnSync(command, args, { stdio: 'inherit', cwd: root });
  if (error) {
    console.error(`error cannot run ${command}: ${error.message}; expected Python 3.11 or newer: set PYTHON`);
    process.exit(2);
  }
  if (status !== 0) process.exit(status ?? 1);
}

if (!existsSync(stamp) || readFileSync(stamp, 'utf8') !== wanted) {
  run(process.env.PYTHON ?? 'python3', ['-m', 'venv', venv]);
  run(python, ['-m', 'pip', 'install', '--quiet', '-r', lists[0]]);
  run(python, ['-m', 'pip', 'install', '--quiet', '--no-deps', '-r', lists[1]]);
  writeFileSync(stamp, wanted);
}
run(python, ['-m', 'pytest', 'test/python', ...process.argv.slice(2)]);
