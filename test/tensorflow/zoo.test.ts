import { existsSync, readdirSync } from 'node:fs';
import { basename, join } from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { classifierProgram, type Engine } from '../../src/engine/index.ts';
import { inspect } from '../../src/eval/index.ts';
import { gradientModel } from '../../src/export/index.ts';
import {
  type Dim,
  float32,
  int64,
  type Model,
  parameterNames,
  type Tensor,
  type TensorType,
} from '../../src/graph/index.ts';
import { readModelFile } from '../../src/io/index.ts';
import { key, uniform } from '../../src/random/index.ts';
import { bothEngines, difference, differences, floats, largest, once, parameterProgram } from './engines.ts';

/**
 * Classifiers that PyTorch's and Keras's exporters wrote, of which the Python tests compare onnxruntime's gradients with
 * PyTorch's and TensorFlow's own. No file of theirs may be refused.
 */
const TOLERANCE = 1e-4;
/** A gradient by a parameter is a sum over images and positions. */
const PARAMETER = 1e-3;
/**
 * An image may have a ReLU or a maximum within rounding of its kink, which falls to either side. So one image of a batch
 * may be off, by as much as test_zoo.py allows, and one of three batches must have no such image: parameters are compared
 * on that one.
 */
const WITH_KINK = 0.05;
/** Their weights are integers, and what quantises activations has no slope by its scale. */
const WITHOUT_GRADIENTS = ['static-qdq.onnx'];
const BATCHES = [1, 2, 3];
const IMAGES = 3;

interface Engines {
  readonly tensorflow: Engine;
  readonly onnxruntime: Engine;
}
type Batch = { readonly x: Tensor; readonly y: Tensor };

function randomBatch(shape: readonly Dim[], classes: number, seed: number): Batch {
  const [n, ...image] = shape.map((d) => (typeof d === 'number' ? d : IMAGES)) as [number, ...number[]];
  const size = image.reduce((a, b) => a * b, n);
  return {
    x: float32(uniform(key(seed), size, 0, 1), [n, ...image]),
    y: int64(Array.from({ length: n }, (_, i) => (3 * i + seed) % classes)),
  };
}

/** @returns whether no image of the batch is at a kink */
async function compareImages({ tensorflow, onnxruntime }: Engines, model: Model, batch: Batch) {
  const { graph, logits } = inspect(model, { nativeInput: true });
  const program = classifierProgram(graph, 'ce', { logits });
  const [ours, theirs] = [await once(onnxruntime, program, batch), await once(tensorflow, program, batch)];
  for (const name of ['logits', 'loss'] as const)
    expect(difference(floats(theirs[name]!), floats(ours[name]!)), name).toBeLessThanOrEqual(TOLERANCE);
  const [worst = 0, second = 0] = differences(theirs.gradient!, ours.gradient!).sort((a, b) => b - a);
  expect(second, 'a second image').toBeLessThanOrEqual(TOLERANCE);
  expect(worst, 'an image').toBeLessThanOrEqual(WITH_KINK);
  return worst <= TOLERANCE;
}

/** Gradients of the mean loss; onnxruntime runs the very graph that `touchstone gradient` writes. */
async function compareParameters(
  { tensorflow, onnxruntime }: Engines,
  model: Model,
  batch: Batch,
  flat: boolean,
) {
  const parameters = parameterNames(model.graph);
  if (parameters.length === 0) return;
  const { graph, logits } = inspect(model, { nativeInput: true, live: new Set(parameters) });
  const weights = Object.fromEntries(parameters.map((name) => [name, graph.initializers.get(name)!]));
  const feeds = { ...batch, ...weights };
  const written = gradientModel(graph, logits, { loss: 'ce', parameters, image: false });
  const ours = await once(onnxruntime, { graph: written.graph }, feeds);
  const theirs = await once(tensorflow, parameterProgram(graph, parameters, logits), feeds);
  const names = parameters.map((name) => `d_${name}`);
  // That of a bias before a normalisation, say, is nothing but rounding.
  const whole = Math.max(...names.map((name) => largest(floats(ours[name]!))));
  expect(whole === 0, 'whether all are zero').toBe(flat);
  for (const name of names) {
    const apart = difference(floats(theirs[name]!), floats(ours[name]!), 0.01 * whole);
    expect(apart, name).toBeLessThanOrEqual(PARAMETER);
  }
}

async function compare(engines: Engines, path: string): Promise<void> {
  const { model } = await readModelFile(path);
  const { graph, card } = inspect(model, { nativeInput: true });
  const { shape } = graph.inputs[0]!.type as TensorType & { shape: readonly Dim[] };
  for (const seed of BATCHES) {
    const batch = randomBatch(shape, card.classes, seed);
    if (await compareImages(engines, model, batch))
      return compareParameters(engines, model, batch, WITHOUT_GRADIENTS.includes(basename(path)));
  }
  expect.fail('an image of every batch is off');
}

describe.each([
  ['ZOO', 'npm run test:python'],
  ['KERAS_ZOO', 'npm run test:keras'],
])('%s', (variable, command) => {
  const folder = process.env[variable];
  if (!folder) {
    it.skip(`the two engines agree on every file: ${variable} names no folder of fixtures, ${command} writes one`, () => {});
    return;
  }
  const files = existsSync(folder) ? readdirSync(folder, { recursive: true, encoding: 'utf8' }) : [];
  const fixtures = files.filter((file) => file.endsWith('.onnx')).sort();
  let engines: Engines;
  beforeAll(async () => {
    engines = await bothEngines();
  });
  afterAll(async () => {
    await Promise.all(Object.values(engines).map((engine: Engine) => engine.close()));
  });

  it(`${folder} holds fixtures`, () => {
    expect(fixtures.length).toBeGreaterThan(0);
  });

  it.each(fixtures)('%s', (file) => compare(engines, join(folder, file)));
});
