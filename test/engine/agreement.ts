import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { type Architecture, architectures } from '../../models/index.ts';
import { classifierProgram, type Engine, type Program, type Values } from '../../src/engine/index.ts';
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

/** In float32 without TF32: of the largest number, or of 1 % of the largest of all parameters' gradients. */
const TOLERANCE = 1e-4;
/**
 * Of the hundreds of thousands of ReLUs that an image passes through, a few lie within rounding of 0 and may fall to either
 * side, as maxima of almost equal numbers may; then its gradient differs by what goes through them. So gradients are
 * compared closely on the same network with Softplus and averages in their place, and only roughly as it is.
 */
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

/** Two engines agree on logits, losses and gradients of an architecture, by the images and by the parameters. */
export function agreementSuite(
  title: string,
  open: () => Promise<Engine> | Engine,
  openReference: () => Promise<Engine> | Engine,
  chosen: readonly Architecture[] = Object.values(architectures),
): void {
  describe(title, () => {
    let [engine, reference]: Engine[] = [];
    beforeAll(async () => {
      [engine, reference] = [await open(), await openReference()];
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
}
