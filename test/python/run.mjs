// Runs the interop tests in a virtual environment of their own.
//
//   npm run test:python [-- pytest options]
import { join } from 'node:path';
import { root, run, venv } from './venv.mjs';

const here = join(root, 'test/python');
const { python } = venv('.venv', [
  { file: join(here, 'requirements.txt') },
  { file: join(here, 'requirements-peers.txt'), options: ['--no-deps'] },
]);
run(python, ['-m', 'pytest', 'test/python', ...process.argv.slice(2)]);
