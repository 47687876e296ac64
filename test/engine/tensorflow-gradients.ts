import * as tf from '@tensorflow/tfjs-core';
import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { tensorflowEngine } from '../../src/engine/tensorflow/index.ts';
import {
  dataTypeNumber,
  type Graph,
  GraphBuilder,
  int64,
  type Tensor,
  type Value,
} from '../../src/graph/index.ts';
import { type Dense, denseOf, evaluate, tensorOf } from '../../src/graph/reference/index.ts';
import { key } from '../../src/random/index.ts';
import { apart, valuesOf } from '../autodiff/check.ts';
import { directions, dot, gradientGraph, moved, total, trialOf } from '../autodiff/differences.ts';
import { all } from '../autodiff/generators/index.ts';

/** A process has one backend of tfjs. */
export type BackendName = 'js' | 'native';

/** float32 against float64: sums of up to a few hundred products of numbers below 4. */
const TOLERANCE = 2e-4;
const CASES = 25;
export const SEED = 13;

const options = fc.record({
  seed: fc.nat(1e6),
  batch: fc.integer({ min: 1, max: 3 }),
  constant: fc.boolean(),
});

/** The largest difference from the reference, against the largest number; infinite where one is not a number. */
export function worst(got: Readonly<Record<string, Tensor>>, expected: ReadonlyMap<string, Dense>): number {
  let [error, largest] = [0, 1];
  for (const [name, dense] of expected) {
    expect(got[name]!.dtype, name).toBe(dense.dtype);
    expect([...got[name]!.shape], name).toEqual([...dense.shape]);
    const { data } = denseOf(got[name]!);
    for (const [i, v] of dense.data.entries()) {
      if (Number.isFinite(v)) largest = Math.max(largest, Math.abs(v));
      if (data[i] === v || (Number.isNaN(data[i]) && Number.isNaN(v))) continue;
      const difference = Math.abs(data[i]! - v);
      error = Math.max(error, Number.isNaN(difference) ? Infinity : difference);
    }
  }
  return error / largest;
}

export const tensors = (feeds: ReadonlyMap<string, Dense>): Record<string, Tensor> =>
  Object.fromEntries([...feeds].map(([name, d]) => [name, tensorOf(d)]));

/** All operators that a gradient goes through, against the float64 reference and our own rules. */
export function gradientSuite(backend: BackendName): void {
  describe('tfjs computes what the reference does, and tf.grads what our rules do, of', () => {
    it.each(all)('%s', async (_op, generator) => {
      const engine = await tensorflowEngine({ backend, device: 'cpu' });
      await fc.assert(
        fc.asyncProperty(generator, options, async (sample, o) => {
          const { graph, of, feeds, wrt } = trialOf(sample, o);
          const expected = evaluate(graph, feeds);
          fc.pre([...expected.values()].every((d) => d.data.every(Number.isFinite)));
          const names = wrt.map((name) => `d_${name}`);
          const before = tf.memory().numTensors;
          const program = await engine.compile({ graph, gradient: { of, wrt, names } });
          const got = await program.run(tensors(feeds));
          await program.close();
          expect(tf.memory().numTensors, `${sample.label}: tensors left behind`).toBe(before);
          expect(worst(got, expected), `${sample.label}: values`).toBeLessThanOrEqual(TOLERANCE);
          const gradients = evaluate(gradientGraph(graph, of, wrt, 'cuda'), feeds);
          expect(worst(got, gradients), `${sample.label}: gradients`).toBeLessThanOrEqual(TOLERANCE);
        }),
        { numRuns: CASES, seed: SEED },
      );
      await engine.close();
    });
  });
}

type Build = (b: GraphBuilder, x: Value) => Value;

/** What depends on x and has no slope by it: a gradient goes by both alternatives, and not by the condition. */
const CONDITIONS: Readonly<Record<string, Build>> = {
  ...Object.fromEntries(
    ['Equal', 'Greater', 'GreaterOrEqual', 'Less', 'LessOrEqual'].map((op): [string, Build] => [
      op,
      (b, x) => b.op(op, [b.op('Mul', [x, x]), b.op('Neg', [x])]),
    ]),
  ),
  IsNaN: (b, x) => b.op('IsNaN', [b.op('Mul', [x, x])]),
  ...Object.fromEntries(
    [0, 1].map((detect_negative): [string, Build] => [
      `IsInf ${detect_negative}`,
      (b, x) => b.op('IsInf', [b.op('Exp', [x])], { detect_negative }),
    ]),
  ),
  And: (b, x) => b.op('And', [b.op('Not', [b.op('Less', [x, b.scalar(0)])]), b.op('Less', [x, b.scalar(1)])]),
};

/** A filter of one tap, [9, 8, 1, …], of which strides leave positions over at the end of `size`. */
const oneTap =
  (size: readonly number[], strides: readonly number[]): Build =>
  (b, x) => {
    const images = valuesOf(apart(3, 8, ...size), 1, key(SEED).fold('images'));
    const filter = b.op('Reshape', [b.op('Tile', [x, b.ints([3, 2])]), b.ints([9, 8, ...size.map(() => 1)])]);
    return b.op('Conv', [b.constant(images), filter], { strides });
  };

/** Where a gradient passes integers on its way, or must not take the way through an index. */
const PATHS: Readonly<Record<string, Build>> = {
  'quantised values, moved about': (b, x) => {
    const q = b.op('QuantizeLinear', [x, b.scalar(0.02)]);
    const moved = b.op('Concat', [b.transpose(q, [1, 0]), b.transpose(q, [1, 0])], { axis: 1 });
    const taken = b.op('Gather', [b.op('Reshape', [moved, b.ints([4, -1])]), b.ints([3, 0, 0])]);
    return b.op('DequantizeLinear', [taken, b.scalar(0.03)]);
  },
  'the largest, by its index': (b, x) =>
    b.op('GatherElements', [x, b.op('ArgMax', [x], { axis: 1 })], { axis: 1 }),
  'positions of the largest as numbers': (b, x) => {
    const [values, index] = b.ops('TopK', [x, b.ints([2])], { axis: 0 }, 2) as [Value, Value];
    return b.op('Mul', [values, b.op('Cast', [index], { to: dataTypeNumber('float32') })]);
  },
  'a one-hot choice': (b, x) => {
    const index = b.op('ArgMin', [x], { axis: 1, keepdims: 0 });
    return b.op('Mul', [x, b.op('OneHot', [index, b.ints([4]), b.floats([-1, 2])])]);
  },
  'where it was put': (b, x) => {
    const order = b.ops('TopK', [x, b.ints([4])], { axis: 1 }, 2)[1]!;
    return b.op('ScatterElements', [b.op('Neg', [x]), order, b.op('Exp', [x])], { axis: 1 });
  },
  ...Object.fromEntries(
    Object.entries(CONDITIONS).map(([name, condition]): [string, Build] => [
      `a choice by ${name}`,
      (b, x) => b.op('Where', [condition(b, x), b.op('Mul', [x, x]), b.op('Exp', [x])]),
    ]),
  ),
  // libtensorflow's own gradient by such a filter ends the process.
  'a signal in strides': oneTap([15], [4]),
  'an image in strides': oneTap([16, 16], [2, 2]),
  'an image in strides that differ': oneTap([9, 16], [3, 2]),
  'a volume in strides': oneTap([4, 5, 8], [2, 3, 2]),
};

/** Updates that meet, combined: our own rules refuse these, so that differences are the measure. */
const COMBINED: Readonly<Record<string, Build>> = Object.fromEntries(
  ['mul', 'max', 'min'].flatMap((reduction): [string, Build][] => {
    const updates: Build = (b, x) => b.op('Add', [b.op('Mul', [x, b.scalar(1.37)]), b.scalar(0.11)]);
    const index = int64([0, 1, 0, 2, 3, 3, 0, 1, 1, 1, 1, 1], [3, 4]);
    return [
      [
        `ScatterElements by ${reduction}`,
        (b, x) => b.op('ScatterElements', [x, b.constant(index), updates(b, x)], { axis: 1, reduction }),
      ],
      [
        `ScatterND by ${reduction}`,
        (b, x) => b.op('ScatterND', [x, b.constant(int64([2, 0, 2], [3, 1])), updates(b, x)], { reduction }),
      ],
    ];
  }),
);

/** The graph of Σ r·y(x) for x of [3, 4], all its elements apart. */
function pathOf(build: Build): { graph: Graph; feeds: Map<string, Dense> } {
  const b = new GraphBuilder();
  const y = build(b, b.input('x', 'float32', [3, 4]));
  const shape = b.shape(y);
  b.output(b.op('Mul', [y, b.input('r', 'float32', shape)]), 'loss');
  b.output(y, 'y');
  const draw = (name: string, of: readonly unknown[]) =>
    denseOf(valuesOf(apart(...(of as number[])), 1, key(SEED).fold(name)));
  return {
    graph: b.build(),
    feeds: new Map([
      ['x', draw('x', [3, 4])],
      ['r', draw('r', shape)],
    ]),
  };
}

/** Gradients through several operators. */
export function pathSuite(backend: BackendName): void {
  const differentiated = async ({ graph, feeds }: ReturnType<typeof pathOf>) => {
    const engine = await tensorflowEngine({ backend, device: 'cpu' });
    const program = await engine.compile({ graph, gradient: { of: 'loss', wrt: ['x'], names: ['d_x'] } });
    const got = await program.run(tensors(feeds));
    await engine.close();
    return got;
  };

  describe('tf.grads gives what our rules do for', () => {
    it.each(Object.entries(PATHS))('%s', async (_name, build) => {
      const path = pathOf(build);
      const got = await differentiated(path);
      expect(worst(got, evaluate(path.graph, path.feeds))).toBeLessThanOrEqual(TOLERANCE);
      const gradients = evaluate(gradientGraph(path.graph, 'loss', ['x'], 'cuda'), path.feeds);
      expect(gradients.get('d_x')!.data.some((v) => v !== 0)).toBe(true);
      expect(worst(got, gradients)).toBeLessThanOrEqual(TOLERANCE);
    });
  });

  describe('tf.grads gives the slopes of', () => {
    it.each(Object.entries(COMBINED))('%s', async (_name, build) => {
      const { graph, feeds } = pathOf(build);
      const got = denseOf((await differentiated({ graph, feeds })).d_x!);
      const loss = (at: ReadonlyMap<string, Dense>) => total(evaluate(graph, at).get('loss')!);
      const STEP = 1e-4;
      for (let d = 0; d < 5; d++) {
        const along = directions(feeds, ['x'], key(d));
        const slope = (loss(moved(feeds, along, STEP)) - loss(moved(feeds, along, -STEP))) / (2 * STEP);
        // Differences of float64: STEP²/6 of the third derivative of products of up to six numbers; the rest is float32's.
        expect(Math.abs(dot(got, along.get('x')!) - slope)).toBeLessThanOrEqual(
          1e-4 * Math.max(1, Math.abs(slope)),
        );
      }
    });
  });
}
