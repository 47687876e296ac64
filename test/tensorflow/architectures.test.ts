import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { architectures } from '../../models/index.ts';
import { classifierProgram, type Engine } from '../../src/engine/index.ts';
import { float32, inTrainingMode, int64, parameterNames } from '../../src/graph/index.ts';
import { key, uniform } from '../../src/random/index.ts';
import {
  bothEngines,
  difference,
  differences,
  floats,
  largest,
  once,
  parameterProgram,
  smoothed,
} from './engines.ts';

const TOLERANCE = 1e-4;
/**
 * Of the hundreds of thousands of ReLUs that an image passes through, a few lie within rounding of 0 and may fall to either
 * side, as maxima of almost equal numbers may; then its gradient differs by what goes through them. So gradients are
 * compared closely on the same network with Softplus and averages in their place, and only roughly as it is.
 */
const WITH_KINKS = 0.1;
const IMAGES = 2;

describe('the two engines agree on', () => {
  let engines: { tensorflow: Engine; onnxruntime: Engine };
  beforeAll(async () => {
    engines = await bothEngines();
  });
  afterAll(async () => {
    for (const engine of Object.values(engines)) await engine.close();
  });

  it.each(Object.values(architectures))('$name', async (architecture) => {
    const model = architecture.build(key(5));
    const size = architecture.input.reduce((a, b) => a * b, 1);
    const feeds = {
      x: float32(uniform(key(6), IMAGES * size, 0, 1), [IMAGES, ...architecture.input]),
      y: int64(Array.from({ length: IMAGES }, (_, i) => (i * 3) % 10)),
    };

    const program = classifierProgram(model, 'ce');
    const ours = await once(engines.onnxruntime, program, feeds);
    const theirs = await once(engines.tensorflow, program, feeds);
    for (const name of ['logits', 'loss'] as const)
      expect(difference(floats(theirs[name]!), floats(ours[name]!)), name).toBeLessThanOrEqual(TOLERANCE);
    expect(Math.max(...differences(theirs.gradient!, ours.gradient!))).toBeLessThanOrEqual(WITH_KINKS);

    const smooth = smoothed(model);
    const names = parameterNames(model);
    const weights = Object.fromEntries(names.map((name) => [name, model.initializers.get(name)!]));
    const gradients = [
      [classifierProgram(smooth, 'ce'), feeds, ['gradient']],
      [parameterProgram(smooth, names), { ...feeds, ...weights }, names.map((name) => `d_${name}`)],
      [
        parameterProgram(inTrainingMode(smooth), names),
        { ...feeds, ...weights },
        names.map((name) => `d_${name}`),
      ],
    ] as const;
    for (const [of, fed, outputs] of gradients) {
      const a = await once(engines.tensorflow, of, fed);
      const b = await once(engines.onnxruntime, of, fed);
      // A bias before a normalisation by the batch has no gradient: all that there is of it is rounding.
      const least = 1e-2 * Math.max(...outputs.map((name) => largest(floats(b[name]!))));
      for (const name of outputs)
        expect(difference(floats(a[name]!), floats(b[name]!), least), name).toBeLessThanOrEqual(TOLERANCE);
    }
  });
});
