// The stores' tests against a real server of S3's protocol, moto, in an environment of its own.
//
//   npm run test:s3
import { join } from 'node:path';
import { root, run, venv } from './venv.mjs';

const { python } = venv('.venv-s3', [{ file: join(root, 'test/python/requirements-s3.txt') }]);
const MOTO_SERVER = join(python, '..', process.platform === 'win32' ? 'moto_server.exe' : 'moto_server');
const vitest = join(root, 'node_modules/vitest/vitest.mjs');
run(process.execPath, [vitest, 'run', '--project', 'unit', 'test/experiment/store'], { MOTO_SERVER });
