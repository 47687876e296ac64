import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { GraphBuilder, int64, product, type Value } from '../../src/graph/index.ts';
import { evaluate } from '../autodiff/evaluate.ts';

/** How a vector is computed from one or two others, as exporters compute shapes. */
type Step = (b: GraphBuilder, a: Value, c: Value) => Value;
const one = (b: GraphBuilder) => b.ints([1]);
const steps: Readonly<Record<string, Step>> = {
  Add: (b, a, c) => b.op('Add', [a, c]),
  Sub: (b, a, c) => b.op('Sub', [a, c]),
  Mul: (b, a, c) => b.op('Mul', [a, c]),
  Div: (b, a, c) => b.op('Div', [a, b.op('Max', [b.op('Abs', [c]), one(b)])]),
  Mod: (b, a, c) => b.op('Mod', [a, b.op('Max', [c, one(b)])]),
  Neg: (b, a) => b.op('Neg', [a]),
  Max: (b, a, c) => b.op('Max', [a, c]),
  Min: (b, a, c) => b.op('Min', [a, c]),
  Where: (b, a, c) => b.op('Where', [b.op('Greater', [a, c]), c, a]),
  'Where Equal': (b, a, c) => b.op('Where', [b.op('Equal', [a, b.ints([-1])]), one(b), c]),
  'Where Not Less': (b, a, c) => b.op('Where', [b.op('Not', [b.op('Less', [a, b.ints([0])])]), a, c]),
  'Cast, Div, Floor, Cast': (b, a) => b.op('Cast', [b.op('Floor', [b.op('Div', [b.op('Cast', [a], { to: 1 }), b.scalar(2)])])], { to: 7 }),
  'Cast, Mul, Ceil, Cast': (b, a) => b.op('Cast', [b.op('Ceil', [b.op('Mul', [b.op('Cast', [a], { to: 1 }), b.scalar(1.5)])])], { to: 7 }),
  'Cast, Sqrt, Round, Cast': (b, a) => b.op('Cast', [b.op('Round', [b.op('Sqrt', [b.op('Abs', [b.op('Cast', [a], { to: 1 })])])])], { to: 7 }),
  Gather: (b, a) => b.op('Gather', [a, b.ints([-1, 0, 1])]),
  'Gather of scalars': (b, a, c) =>
    b.op(
      'Concat',
      [a, c, a].map((v, i) => b.op('Unsqueeze', [b.op('Gather', [v, b.constant(int64([i], []))]), b.ints([0])])),
      { axis: 0 },
    ),
  Slice: (b, a, c) => b.op('Concat', [b.op('Slice', [a, b.ints([1]), b.ints([3])]), b.op('Slice', [c, b.ints([0]), b.ints([1])])], { axis: 0 }),
  'Slice backwards': (b, a) => b.op('Slice', [a, b.ints([-1]), b.ints([-9]), b.ints([0]), b.ints([-1])]),
  Split: (b, a) => b.op('Concat', b.ops('Split', [a, b.ints([1, 2])], { axis: 0 }, 2).toReversed(), { axis: 0 }),
  ReduceProd: (b, a, c) => b.op('Add', [b.op('ReduceProd', [a], { keepdims: 1 }), c]),
  ReduceSum: (b, a, c) => b.op('Mul', [b.op('ReduceSum', [a], { keepdims: 0 }), c]),
  ReduceMax: (b, a, c) => b.op('Sub', [c, b.op('ReduceMax', [a], { keepdims: 1 })]),
  Expand: (b, a) => b.op('Expand', [b.op('Slice', [a, b.ints([0]), b.ints([1])]), b.ints([3])]),
  Tile: (b, a) => b.op('Slice', [b.op('Tile', [a, b.ints([2])]), b.ints([2]), b.ints([5])]),
  ScatterElements: (b, a, c) => b.op('ScatterElements', [a, b.ints([2, 0]), b.op('Slice', [c, b.ints([0]), b.ints([2])])], { axis: 0 }),
  Range: (b, a) => b.op('Add', [a, b.op('Range', [b.constant(int64([2], [])), b.constant(int64([-4], [])), b.constant(int64([-2], []))])]),
  ConstantOfShape: (b, a) => b.op('Sub', [a, b.op('ConstantOfShape', [b.ints([3])], { value: { type: 'tensor', value: int64([5]) } })]),
  Size: (b, a) => b.op('Mul', [a, b.op('Size', ['x'])]),
  Reshape: (b, a) => b.op('Squeeze', [b.op('Unsqueeze', [b.op('Reshape', [a, b.ints([-1])]), b.ints([1])]), b.ints([1])]),
}; // biome-ignore format: one line each

describe('what shapes are computed to hold', () => {
  const program = fc.array(
    fc.record({ step: fc.constantFrom(...Object.keys(steps)), a: fc.nat(30), c: fc.nat(30) }),
    { minLength: 1, maxLength: 8 },
  );

  it('is what onnxruntime computes, for any size that a symbol stands for', async () => {
    const known = { known: 0, all: 0 };
    await fc.assert(
      fc.asyncProperty(program, fc.constantFrom(1, 2, 5), async (list, batch) => {
        const b = new GraphBuilder();
        b.input('x', 'float32', ['N', 3, 4]);
        const values = [b.op('Shape', ['x']), b.op('Identity', [b.ints([-1, 6, 2])])];
        for (const { step, a, c } of list)
          values.push(steps[step]!(b, values[a % values.length]!, values[c % values.length]!));
        for (const v of values) b.output(v);
        const x = { dtype: 'float32', shape: [batch, 3, 4], data: new Float32Array(12 * batch) } as const;
        const outputs = await evaluate(b.build(), { x });
        for (const v of values) {
          const actual = Array.from(outputs[v]!.data as BigInt64Array, Number);
          const expected = b.known(v)?.map((d) => (d === null ? null : product([d, 1]))) ?? [];
          for (const [i, d] of expected.entries()) {
            const size = typeof d === 'string' ? monomialAt(d, batch) : d;
            known.all += 1;
            if (size === null) continue;
            known.known += 1;
            expect(size, `${v} of ${list.map(({ step }) => step)}`).toBe(actual[i]);
          }
        }
      }),
      { numRuns: 300, seed: 4 },
    );
    expect(known.known / known.all).toBeGreaterThan(0.6);
  });

  it('is nothing for long vectors, for matrices and for text', () => {
    const b = new GraphBuilder();
    expect(b.known(b.ints(new Array(65).fill(1)))).toBeUndefined();
    expect(b.known(b.constant(int64([1, 2], [1, 2])))).toBeUndefined();
    expect(b.known(b.constant({ dtype: 'string', shape: [1], data: ['a'] }))).toBeUndefined();
    expect(b.known(b.scalar(1.5))).toEqual([1.5]);
  });
});

/** A monomial in N, N² and so on, where N is `batch`. */
const monomialAt = (dim: string, batch: number): number =>
  dim.split('*').reduce((p, part) => p * (part === 'N' ? batch : Number(part)), 1);
