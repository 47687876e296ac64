import fc from 'fast-check';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import type { Engine } from '../../src/engine/index.ts';
import { tensorflowEngine } from '../../src/engine/tensorflow/index.ts';
import { type Graph, GraphBuilder, type Tensor } from '../../src/graph/index.ts';
import { type Dense, denseOf, evaluate, tensorOf } from '../../src/graph/reference/index.ts';
import { type Form, forms } from './forms/index.ts';
import { type BackendName, SEED, tensors, worst } from './tensorflow-gradients.ts';

/** A form as a graph of one node, and what is fed to it. */
function graphOf(op: string, form: Form): { graph: Graph; feeds: Map<string, Dense> } {
  const b = new GraphBuilder();
  const feeds = new Map<string, Dense>();
  const names = form.inputs.map((input, i) => {
    if (input === null) return '';
    if ('constant' in input) return b.initializer(`c${i}`, input.constant);
    feeds.set(`x${i}`, input);
    return b.input(`x${i}`, input.dtype, input.shape);
  });
  while (names.at(-1) === '') names.pop();
  const outputs = b.ops(op, names, form.attributes ?? {}, form.outputs ?? 1);
  for (const [k, value] of outputs.entries()) b.output(value, `y${k}`);
  return { graph: b.build(), feeds };
}

const described = ({ inputs, attributes }: Form): string =>
  JSON.stringify(
    { inputs: inputs.map((x) => x && ('constant' in x ? denseOf(x.constant) : x)), attributes },
    (_, v) =>
      v instanceof Float64Array || v instanceof BigInt64Array
        ? Array.from(v as ArrayLike<number | bigint>, String).join(' ')
        : v,
  ).slice(0, 600);

/** Values of one operator at a time, against the float64 reference. */
export function forwardSuite(backend: BackendName): void {
  let engine: Engine;
  beforeAll(async () => {
    engine = await tensorflowEngine({ backend, device: 'cpu' });
  });
  afterAll(() => engine.close());

  const run = async (
    graph: Graph,
    feeds: ReadonlyMap<string, Dense>,
    compiled = engine.compile({ graph }),
  ) => {
    const program = await compiled;
    const got = await program.run(tensors(feeds));
    await program.close();
    return got;
  };

  describe('tfjs computes what the reference does of', () => {
    it.each(forms)('%s', async (name, generator) => {
      const op = name.split(' ')[0]!;
      await fc.assert(
        fc.asyncProperty(generator, async (form) => {
          const { graph, feeds } = graphOf(op, form);
          const got = await run(graph, feeds);
          expect(worst(got, evaluate(graph, feeds)), described(form)).toBeLessThanOrEqual(1e-5);
        }),
        { numRuns: 60, seed: SEED },
      );
    });
  });

  randomSuite((op, attributes, inputs) => {
    const { graph, feeds } = graphOf(op, { inputs, attributes, outputs: op === 'Dropout' ? 2 : 1 });
    return run(graph, feeds);
  });

  describe('tfjs refuses', () => {
    it('an index beyond its axis that is known', async () => {
      const constant = (values: number[]) => ({ constant: tensorOf(vector('int64', values)) });
      const { graph, feeds } = graphOf('Gather', {
        inputs: [vector('float32', [1, 2, 3]), constant([0, 3])],
      });
      await expect(run(graph, feeds)).rejects.toThrow(/has index 3, expected one within \[-3, 3\)/);
    });

    it('a label that is no class: its loss is NaN', async () => {
      const scores = { ...vector('float32', [1, 2, 3, 4]), shape: [2, 2] };
      const form = { inputs: [scores, vector('int64', [1, 2])], attributes: { reduction: 'none' } };
      const { graph, feeds } = graphOf('SoftmaxCrossEntropyLoss', form);
      const { data } = (await run(graph, feeds)).y0!;
      expect(data[0]).toBeCloseTo(Math.log(1 + Math.exp(-1)), 6);
      expect(data[1]).toBeNaN();
    });
  });
}

const vector = (dtype: 'float32' | 'int64' | 'bool', values: readonly number[]): Dense => ({
  dtype,
  shape: [values.length],
  data: Float64Array.from(values),
});

type RunOne = (
  op: string,
  attributes: NonNullable<Form['attributes']>,
  inputs: readonly Dense[],
) => Promise<Record<string, Tensor>>;

/** Six standard errors of 10,000 draws: a wrong test in five hundred million. */
const DRAWS = 10_000;
const within = (sd: number): number => (6 * sd) / Math.sqrt(DRAWS);

/** Random operators: their distributions, their seeds. */
function randomSuite(run: RunOne): void {
  const like = vector('float32', new Array<number>(DRAWS).fill(0));
  const numbers = (t: Tensor): number[] => Array.from(t.data as Float32Array);
  const moments = (values: readonly number[]) => {
    const mean = values.reduce((a, b) => a + b, 0) / values.length;
    return { mean, sd: Math.sqrt(values.reduce((a, v) => a + (v - mean) ** 2, 0) / values.length) };
  };
  const float = (value: number) => ({ type: 'float', value }) as const;

  describe('tfjs draws', () => {
    it('normally distributed numbers', async () => {
      const { y0 } = await run('RandomNormalLike', { mean: float(3), scale: float(2) }, [like]);
      const { mean, sd } = moments(numbers(y0!));
      expect(Math.abs(mean - 3)).toBeLessThan(within(2));
      // The standard error of a standard deviation is σ/√(2n).
      expect(Math.abs(sd - 2)).toBeLessThan(within(2 / Math.SQRT2));
    });

    it('uniformly distributed numbers', async () => {
      const { y0 } = await run('RandomUniform', { low: float(-1), high: float(3), shape: [DRAWS] }, []);
      const values = numbers(y0!);
      expect(Math.min(...values)).toBeGreaterThanOrEqual(-1);
      expect(Math.max(...values)).toBeLessThanOrEqual(3);
      expect(Math.abs(moments(values).mean - 1)).toBeLessThan(within(4 / Math.sqrt(12)));
    });

    it('coins of the stated probability', async () => {
      const p = vector('float32', new Array<number>(DRAWS).fill(0.3));
      const { y0 } = await run('Bernoulli', { dtype: 9 }, [p]);
      expect(y0!.dtype).toBe('bool');
      expect(Math.abs(moments(numbers(y0!)).mean - 0.3)).toBeLessThan(within(Math.sqrt(0.21)));
    });

    it.each(['RandomNormal', 'RandomUniform'])('%s anew at each run, unless it has a seed', async (op) => {
      const draw = async (attributes: NonNullable<Form['attributes']>) =>
        numbers((await run(op, { shape: [8], ...attributes }, [])).y0!);
      expect(await draw({})).not.toEqual(await draw({}));
      for (const seed of [0, 5])
        expect(await draw({ seed: float(seed) })).toEqual(await draw({ seed: float(seed) }));
      expect(await draw({ seed: float(0) })).not.toEqual(await draw({ seed: float(5) }));
    });

    it('what Dropout keeps in training mode', async () => {
      const x = vector(
        'float32',
        Array.from({ length: DRAWS }, (_, i) => i + 1),
      );
      const ratio = { ...vector('float32', [0.25]), shape: [] };
      const training = { ...vector('bool', [1]), shape: [] };
      const { y0, y1 } = await run('Dropout', {}, [x, ratio, training]);
      const kept = numbers(y1!);
      expect(Math.abs(moments(kept).mean - 0.75)).toBeLessThan(within(Math.sqrt(0.1875)));
      for (const [i, v] of numbers(y0!).entries())
        expect(Math.abs(v - (kept[i] ? (i + 1) / 0.75 : 0))).toBeLessThan(1e-6 * (i + 1));
    });
  });
}
