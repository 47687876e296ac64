import { describe, expect, it } from 'vitest';
import { rules, STOP } from '../../src/autodiff/rules/index.ts';
import { OPS } from '../../src/graph/index.ts';
import { cases } from './cases/index.ts';
import { any, checkGradient, graphOf } from './check.ts';

describe.each(Object.entries(cases))('gradients of %s are what differences say', (_, list) => {
  it.each(list.map((c) => [c.name, c] as const))('%s', (_name, c) => checkGradient(c));
});

describe('the check itself', () => {
  it('sees a gradient that is wrong', async () => {
    // x + ⌊1000x⌋ has the slope 1001 from step to step; what our rules say, 1, is right but between the steps.
    const staircase = checkGradient({
      name: 'a staircase',
      inputs: { x: any('N', 4) },
      y: (b) => {
        const steps = b.op('Cast', [b.op('Mul', ['x', b.scalar(1000)])], { to: 7 });
        return b.op('Add', ['x', b.op('Cast', [steps], { to: 1 })]);
      },
    });
    await expect(staircase).rejects.toThrow(/d_x .* against/);
  });
});

describe('the table of cases', () => {
  const all = Object.values(cases).flat();

  it('has each case once', () => {
    expect(new Set(all.map((c) => c.name)).size).toBe(all.length);
  });

  it('covers every operator that a gradient goes through', () => {
    const covered = new Set(all.flatMap((c) => graphOf(c).graph.nodes.map((n) => n.op)));
    expect(OPS.filter((op) => rules[op] !== STOP && !covered.has(op))).toEqual([]);
  });
});
