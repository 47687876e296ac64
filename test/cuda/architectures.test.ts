import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { architectures } from '../../models/index.ts';
import { classifierProgram, type Engine, type Program, type Values } from '../../src/engine/index.ts';
import { onnxruntimeEngine } from '../../src/engine/onnxruntime/index.ts';
import { tensorflowEngine } from '../../src/engine/tensorflow/index.ts';
import { float32, type Graph, inTrainingMode, int64, parameterNames } from '../../src/graph/index.ts';
import { key, uniform } from '../../src/random/index.ts';
import {
  difference,
  differences,
  floats,
  largest,
  once,
  parameterProgram,
  smoothed,
} from '../tensorflow/engines.ts';
import { device, models } from './device.ts';

/** Without TF32: of the largest number, or of 1 % of the largest of all parameters' gradients. It is what the engines keep to on the CPU (test/tensorflow). */
const TOLERANCE = 1e-4;
/** Per image, on the networks as they are: a ReLU within rounding of 0 may fall to either side. */
const WITH_KINKS = 0.1;
const IMAGES = 2;

interface Compared {
  readonly program: Program;
  readonly feeds: Values;
  /** The outputs that are compared. */
  readonly outputs: readonly string[];
}

/** The gradients of a network without kinks: by the images; by the parameters, in inference and in training mode. */
function gradients(model: Graph, feeds: Values): Compared[] {
  const smooth = smoothed(model);
  const names = parameterNames(model);
  const weights = Object.fromEntries(names.map((name) => [name, model.initializers.get(name)!]));
  const outputs = names.map((name) => `d_${name}`);
  const fed = { ...feeds, ...weights };
  return [
    { program: classifierProgram(smooth, 'ce'), feeds, outputs: ['gradient'] },
    { program: parameterProgram(smooth, names), feeds: fed, outputs },
    { program: parameterProgram(inTrainingMode(smooth), names), feeds: fed, outputs },
  ];
}

const engines = {
  onnxruntime: () => onnxruntimeEngine({ device }),
  tensorflow: () => tensorflowEngine({ device }),
};
const chosen = Object.values(architectures).filter(({ name }) => !models || models.includes(name));

describe.each(Object.entries(engines))(`%s on ${device} agrees with onnxruntime on the CPU on`, (_, open) => {
  let [engine, reference]: Engine[] = [];
  beforeAll(async () => {
    [engine, reference] = [await open(), onnxruntimeEngine({ device: 'cpu' })];
    expect(engine.device).toBe(device);
  });
  afterAll(async () => {
    for (const each of [engine, reference]) await each?.close();
  });

  it.each(chosen)('$name', async (architecture) => {
    const model = architecture.build(key(5));
    const size = architecture.input.reduce((a, b) => a * b, 1);
    const feeds = {
      x: float32(uniform(key(6), IMAGES * size, 0, 1), [IMAGES, ...architecture.input]),
      y: int64(Array.from({ length: IMAGES }, (_, i) => (i * 3) % 10)),
    };
    const program = classifierProgram(model, 'ce');
    const [got, expected] = [await once(engine!, program, feeds), await once(reference!, program, feeds)];
    for (const name of ['logits', 'loss'])
      expect(difference(floats(got[name]!), floats(expected[name]!)), name).toBeLessThanOrEqual(TOLERANCE);
    expect(Math.max(...differences(got.gradient!, expected.gradient!))).toBeLessThanOrEqual(WITH_KINKS);

    for (const { program, feeds: fed, outputs } of gradients(model, feeds)) {
      const [a, b] = [await once(engine!, program, fed), await once(reference!, program, fed)];
      // A bias before a normalisation by the batch has no gradient: all that there is of it is rounding.
      const least = 1e-2 * Math.max(...outputs.map((name) => largest(floats(b[name]!))));
      for (const name of outputs)
        expect(difference(floats(a[name]!), floats(b[name]!), least), name).toBeLessThanOrEqual(TOLERANCE);
    }
  });
});
