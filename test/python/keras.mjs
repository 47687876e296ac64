// Keras classifiers, exported by tf2onnx in an environment of their own (TensorFlow is large), then compared.
//
//   npm run test:keras [-- pytest options]
import { existsSync } from 'node:fs';
import { join } from 'node:path';
import { root, run, venv } from './venv.mjs';

const here = join(root, 'test/python');
const tensorflow = venv('.venv-keras', [{ file: join(here, 'keras_zoo/requirements.txt') }]);
const zoo = join(root, '.venv-keras', 'zoo');
if (tensorflow.made || !existsSync(zoo)) run(tensorflow.python, [join(here, 'keras_zoo/make.py'), zoo]);
const { python } = venv('.venv', [
  { file: join(here, 'requirements.txt') },
  { file: join(here, 'requirements-peers.txt'), options: ['--no-deps'] },
]);
const chosen = [join(here, 'test_keras.py'), ...process.argv.slice(2)];
run(python, ['-m', 'pytest', ...chosen], { KERAS_ZOO: zoo });
