import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { backward, type Emitter } from '../../src/autodiff/index.ts';
import { TouchstoneError } from '../../src/errors.ts';
import { type Graph, GraphBuilder, type Value } from '../../src/graph/index.ts';
import { evaluate } from '../../src/graph/reference/index.ts';
import { key } from '../../src/random/index.ts';
import { directions, dot, gradientGraph, moved, size, trialOf } from './differences.ts';
import { all, type Sample } from './generators/index.ts';

/** A central difference of a gradient in float64: as exact as the constants of rules, which are float32. */
const STEP = 1e-5;
/** Against the sum of the absolute products of Hv and the direction; where that is small, against 1. */
const TOLERANCE = 3e-5;
const CASES = 40;

/** Outputs `h_…`: the gradient of Σ ∇L·v by each of `wrt`; none where nothing of ∇L depends on it. */
function hessianGraph(graph: Graph, of: Value, wrt: readonly Value[], emitter: Emitter): Graph {
  const b = GraphBuilder.from(graph);
  const products = backward(b, { of, wrt, emitter }).map((g, i) => {
    const product = b.op('Mul', [g, b.input(`v_${wrt[i]}`, 'float32', b.shape(wrt[i]!))]);
    return b.op('ReduceSum', [product], { keepdims: 0 });
  });
  const along = products.reduce((a, c) => b.op('Add', [a, c]));
  b.output(along, 'along');
  for (const name of wrt) {
    try {
      b.output(backward(b, { of: along, wrt: [name], emitter })[0]!, `h_${name}`);
    } catch (error) {
      if (!(error instanceof TouchstoneError && /no gradient reaches/.test(error.message))) throw error;
    }
  }
  return b.build();
}

const options = fc.record({
  seed: fc.nat(1e6),
  batch: fc.integer({ min: 1, max: 2 }),
  constant: fc.boolean(),
  emitter: fc.constantFrom('cpu' as const, 'cuda' as const),
});

function check(sample: Sample, o: typeof options extends fc.Arbitrary<infer T> ? T : never): void {
  const { graph, of, feeds, wrt } = trialOf(sample, o);
  const v = directions(feeds, wrt, key(o.seed).fold('v'));
  const along = directions(feeds, wrt, key(o.seed).fold('direction'));
  const hessian = hessianGraph(graph, of, wrt, o.emitter);
  const products = evaluate(
    hessian,
    new Map([...feeds, ...[...v].map(([name, d]) => [`v_${name}`, d] as const)]),
  );
  fc.pre(Number.isFinite(products.get('along')!.data[0]!)); // a mean of nothing, say

  let [slope, bound] = [0, 0];
  for (const name of wrt) {
    const h = products.get(`h_${name}`);
    if (!h) continue;
    slope += dot(h, along.get(name)!);
    bound += size(h, along.get(name)!);
  }
  const first = gradientGraph(graph, of, wrt, o.emitter);
  const at = (by: number) => {
    const gradients = evaluate(first, moved(feeds, along, by));
    return wrt.reduce((sum, name) => sum + dot(gradients.get(`d_${name}`)!, v.get(name)!), 0);
  };
  const expected = (at(STEP) - at(-STEP)) / (2 * STEP);
  expect(
    Math.abs(slope - expected),
    `${sample.label}: ${slope}, by differences ${expected}`,
  ).toBeLessThanOrEqual(TOLERANCE * Math.max(1, bound));
}

describe('the gradient of the gradient, in any form of', () => {
  it.each(all)('%s', (_op, generator) => {
    fc.assert(fc.property(generator, options, check), { numRuns: CASES, seed: 11 });
  });
});
