/**
 * Writes what test_architectures.py checks: `node --import tsx test/python/write_architectures.ts OUT_DIR`.
 *
 * For each architecture and reconstructor NAME.onnx; for some, see below, NAME.gradient.onnx, the gradient graph (inputs
 * x, y; outputs logits, loss, gradient), and NAME.training.onnx, the logits where normalisations take the batch's
 * statistics. Normalisations have scales, biases and statistics of their own, no two alike.
 */
import { join } from 'node:path';
import { architectures, reconstructors } from '../../models/index.ts';
import { classifierProgram } from '../../src/engine/index.ts';
import { lowered } from '../../src/engine/onnxruntime/index.ts';
import {
  float32,
  type Graph,
  inTrainingMode,
  type Tensor,
  toModel,
  withValues,
} from '../../src/graph/index.ts';
import { writeModelFile } from '../../src/io/index.ts';
import { key, uniform } from '../../src/random/index.ts';

const [to] = process.argv.slice(2);
if (!to) throw new Error('usage: write_architectures.ts OUT_DIR');

/** One of each kind of block, but for those in test_gradient.py. */
const GRADIENTS = ['conv4', 'vgg16', 'resnet50', 'resnet56', 'preact-resnet18', 'wrn-28-4'];
const TRAINING = ['vgg16', 'resnet56', 'preact-resnet18', 'wrn-28-4'];

/** Where scale, bias, mean and variance are drawn from: near what they start at, and no two alike. */
const RANGES = [
  [0.75, 1.25],
  [-0.2, 0.2],
  [-0.2, 0.2],
  [0.75, 1.25],
] as const;

/**
 * Without shortcuts, layers as PyTorch draws them leave 0.4 of a signal each, and after 13 of them all images look the same:
 * the variance that such layers do have.
 */
const SMALL = [0.1, 0.2] as const;

/** The graph with normalisations that do something. */
function normalised(graph: Graph): Graph {
  const ranges = graph.name === 'vgg16' ? [...RANGES.slice(0, 3), SMALL] : RANGES;
  const values = new Map<string, Tensor>();
  for (const node of graph.nodes) {
    if (node.op !== 'BatchNormalization') continue;
    for (const [i, name] of node.inputs.slice(1).entries()) {
      const { shape } = graph.initializers.get(name)!;
      values.set(name, float32(uniform(key(5).fold(name), shape[0]!, ...ranges[i]!), shape));
    }
  }
  return withValues(graph, values);
}

const write = (name: string, graph: Graph) => writeModelFile(join(to, name), toModel(graph));

for (const { name, build } of Object.values(architectures)) {
  const graph = normalised(build(key(12)));
  await write(`${name}.onnx`, graph);
  if (GRADIENTS.includes(name))
    await write(`${name}.gradient.onnx`, lowered(classifierProgram(graph, 'ce'), 'cpu'));
  if (TRAINING.includes(name)) await write(`${name}.training.onnx`, inTrainingMode(graph));
}
for (const { name, build } of Object.values(reconstructors))
  await write(`${name}.onnx`, normalised(build(key(12))));
