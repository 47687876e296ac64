import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { rules, STOP } from '../../src/autodiff/rules/index.ts';
import { OPS, type Op } from '../../src/graph/index.ts';
import { evaluate } from '../../src/graph/reference/index.ts';
import { key } from '../../src/random/index.ts';
import { directions, dot, gradientGraph, moved, size, total, trialOf } from './differences.ts';
import { all, generators, type Sample } from './generators/index.ts';

/**
 * Everything is computed in float64, but for the constants that rules make up, which are float32 (6e-8). A central
 * difference with this step is wrong by h²/6 of the third derivative (below 2e-9 here) and by rounding, 1e-16/h.
 */
const STEP = 1e-5;
/** Against the sum of the absolute products of gradient and direction; where that is small, against 1. */
const TOLERANCE = 1e-5;
const CASES = 200;

const options = fc.record({
  seed: fc.nat(1e6),
  batch: fc.integer({ min: 1, max: 3 }),
  constant: fc.boolean(),
  emitter: fc.constantFrom('cpu' as const, 'cuda' as const),
});

function check(sample: Sample, o: typeof options extends fc.Arbitrary<infer T> ? T : never): void {
  const { graph, of, truth, feeds, wrt } = trialOf(sample, o);
  const sum = (at: typeof feeds) => total(evaluate(truth, at).get('loss')!);
  fc.pre(Number.isFinite(sum(feeds))); // a mean of nothing, say
  const gradients = evaluate(gradientGraph(graph, of, wrt, o.emitter), feeds);
  const along = directions(feeds, wrt, key(o.seed).fold('direction'));
  let [slope, bound] = [0, 0];
  for (const name of wrt) {
    const g = gradients.get(`d_${name}`)!;
    expect(g.shape, `shape of d_${name}`).toEqual(feeds.get(name)!.shape);
    slope += dot(g, along.get(name)!);
    bound += size(g, along.get(name)!);
  }
  const expected = (sum(moved(feeds, along, STEP)) - sum(moved(feeds, along, -STEP))) / (2 * STEP);
  const error = Math.abs(slope - expected);
  expect(error, `${sample.label}: slope ${slope}, by differences ${expected}`).toBeLessThanOrEqual(
    TOLERANCE * Math.max(1, bound),
  );
}

describe('the gradient in any form of', () => {
  it.each(all)('%s', (_op, generator) => {
    fc.assert(fc.property(generator, options, check), { numRuns: CASES, seed: 7 });
  });
});

describe('the generators', () => {
  it('are one for each rule', () => {
    const differentiable = OPS.filter((op: Op) => rules[op] !== STOP);
    expect(Object.keys(generators).sort()).toEqual([...differentiable].sort());
  });
});
