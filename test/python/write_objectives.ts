/**
 * Writes what test_objectives.py checks: `node --import tsx test/python/write_objectives.ts OUT_DIR`.
 *
 * For each architecture: NAME.onnx, the model; NAME.OBJECTIVE.onnx for TRADES and MART, one step of SGD on that loss in
 * training mode (inputs x, adversarial, y, learning_rate, each parameter and its `_velocity`; outputs logits, loss, and
 * the parameters, velocities and statistics with `_next`).
 */
import { join } from 'node:path';
import { mnistCnn } from '../../models/mnist-cnn.ts';
import { resnet18 } from '../../models/resnet.ts';
import { sgdStep } from '../../src/engine/onnxruntime/update.ts';
import { asInputs, inTrainingMode, parameterNames, statisticNames, toModel } from '../../src/graph/index.ts';
import { writeModelFile } from '../../src/io/index.ts';
import { key } from '../../src/random/index.ts';
import { commonDefaults, martObjective, tradesObjective } from '../../src/train/index.ts';

const [to] = process.argv.slice(2);
if (!to) throw new Error('usage: write_objectives.ts OUT_DIR');

/** The weights of test_objectives.py are the same. */
const options = { ...commonDefaults, beta: 6, lambda: 5 };
const sgd = { momentum: 0.9, weightDecay: 0 };

for (const { name, build } of [mnistCnn, resnet18]) {
  const model = build(key(12));
  await writeModelFile(join(to, `${name}.onnx`), toModel(model));
  const parameters = parameterNames(model);
  for (const objective of [tradesObjective, martObjective]) {
    const graph = objective.build({ model: inTrainingMode(model), options });
    const open = asInputs(graph, [...parameters, ...statisticNames(model)]);
    const step = sgdStep(open, 'loss', parameters, sgd, 'cpu');
    await writeModelFile(join(to, `${name}.${objective.name}.onnx`), toModel(step));
  }
}
