/**
 * Writes what test_gradient.py checks: `node --import tsx test/python/write_gradients.ts OUT_DIR`.
 *
 * For each architecture: NAME.onnx, the model; NAME.gradient.onnx, its gradient graph for the CPU, and
 * NAME.cuda.onnx for CUDA (inputs x, y; outputs logits, loss, gradient); NAME.step.onnx, one step of SGD in training
 * mode (inputs x, y, learning_rate, each parameter and its `_velocity`; outputs the same with `_next`).
 */
import { join } from 'node:path';
import { mnistCnn } from '../../models/mnist-cnn.ts';
import { resnet18 } from '../../models/resnet.ts';
import { classifierProgram } from '../../src/engine/index.ts';
import { lowered } from '../../src/engine/onnxruntime/index.ts';
import { sgdStep } from '../../src/engine/onnxruntime/update.ts';
import { asInputs, inTrainingMode, parameterNames, statisticNames, toModel } from '../../src/graph/index.ts';
import { writeModelFile } from '../../src/io/index.ts';
import { key } from '../../src/random/index.ts';

const [to] = process.argv.slice(2);
if (!to) throw new Error('usage: write_gradients.ts OUT_DIR');

/** PyTorch's names: momentum and weight_decay of test_gradient.py are the same. */
const sgd = { momentum: 0.9, weightDecay: 0.01 };

for (const { name, build } of [mnistCnn, resnet18]) {
  const model = build(key(12));
  await writeModelFile(join(to, `${name}.onnx`), toModel(model));
  const program = classifierProgram(model, 'ce');
  await writeModelFile(join(to, `${name}.gradient.onnx`), toModel(lowered(program, 'cpu')));
  await writeModelFile(join(to, `${name}.cuda.onnx`), toModel(lowered(program, 'cuda')));
  const parameters = parameterNames(model);
  const training = classifierProgram(inTrainingMode(model), 'ce', { differentiate: false }).graph;
  const open = asInputs(training, [...parameters, ...statisticNames(model)]);
  await writeModelFile(join(to, `${name}.step.onnx`), toModel(sgdStep(open, 'loss', parameters, sgd, 'cpu')));
}
