import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { Session } from '../../src/engine/onnxruntime/index.ts';
import type { Graph, Tensor } from '../../src/graph/index.ts';
import { type Dense, evaluate, tensorOf } from '../../src/graph/reference/index.ts';
import { type Feeds, gradientGraph, type Trial, trialOf } from './differences.ts';
import { all } from './generators/index.ts';

/** float32 against float64: sums of up to a few hundred products of numbers below 4. */
const TOLERANCE = 2e-4;
const CASES = 25;

const options = fc.record({
  seed: fc.nat(1e6),
  batch: fc.integer({ min: 1, max: 3 }),
  constant: fc.boolean(),
  emitter: fc.constantFrom('cpu' as const, 'cuda' as const),
});

async function run(graph: Graph, feeds: Feeds): Promise<Record<string, Tensor>> {
  const session = await Session.create(graph, { device: 'cpu', threads: 1 });
  const used = graph.inputs.map((i) => i.name);
  try {
    return await session.run(Object.fromEntries(used.map((name) => [name, tensorOf(feeds.get(name)!)])));
  } finally {
    await session.close();
  }
}

/** The largest difference between what onnxruntime computes and the reference, against the largest number. */
function worst(got: Readonly<Record<string, Tensor>>, expected: ReadonlyMap<string, Dense>): number {
  let [error, largest] = [0, 1];
  for (const [name, dense] of expected) {
    const data = got[name]!.data as Float32Array;
    expect(data.length, name).toBe(dense.data.length);
    for (const [i, v] of dense.data.entries()) {
      if (Number.isFinite(v)) largest = Math.max(largest, Math.abs(v));
      if (!(Object.is(data[i], v) || data[i] === v)) error = Math.max(error, Math.abs(data[i]! - v) || 0);
      if (Number.isNaN(data[i]) !== Number.isNaN(v)) return Number.POSITIVE_INFINITY;
    }
  }
  return error / largest;
}

/** Whether onnxruntime takes the form at all, and means the same by it. */
async function isShared({ graph, feeds }: Trial): Promise<boolean> {
  try {
    return worst(await run(graph, feeds), evaluate(graph, feeds)) <= TOLERANCE;
  } catch {
    return false;
  }
}

describe('onnxruntime takes the gradient of any form, and computes what the reference does, of', () => {
  it.each(all)('%s', async (_op, generator) => {
    let shared = 0;
    await fc.assert(
      fc.asyncProperty(generator, options, async (sample, o) => {
        const trial = trialOf(sample, o);
        if (!(await isShared(trial))) return;
        shared += 1;
        const gradients = gradientGraph(trial.graph, trial.of, trial.wrt, o.emitter);
        const error = worst(await run(gradients, trial.feeds), evaluate(gradients, trial.feeds));
        expect(error, `${sample.label} (${o.emitter})`).toBeLessThanOrEqual(TOLERANCE);
      }),
      { numRuns: CASES, seed: 13 },
    );
    // Forms that onnxruntime refuses or reads otherwise prove nothing: they must be the fewer.
    expect(shared).toBeGreaterThan(CASES / 2);
  });
});
