import { describe, expect, it } from 'vitest';
import { gradient } from '../../src/autodiff/gradient.ts';
import { Session } from '../../src/engine/onnxruntime/index.ts';
import { TouchstoneError } from '../../src/errors.ts';
import {
  type Attribute,
  float32,
  type Graph,
  GraphBuilder,
  int64,
  type Node,
  type Tensor,
  toModel,
  writeModel,
} from '../../src/graph/index.ts';
import { isOp, REWRITTEN, type RewrittenOp } from '../../src/graph/ops.ts';
import { denseOf, evaluate as reference, tensorOf } from '../../src/graph/reference/index.ts';
import { rewrites } from '../../src/graph/rewrites/index.ts';
import { evaluate, numbers } from '../autodiff/evaluate.ts';
import { type Case, type Cases, constant, Draw, fed, int, ints, real } from './rewrites/draw.ts';
import { floatCases } from './rewrites/float-cases.ts';
import { quantisedCases } from './rewrites/quantised-cases.ts';
import { recurrentCases } from './rewrites/recurrent-cases.ts';

const cases: Cases = { ...floatCases, ...recurrentCases, ...quantisedCases };
const DRAWS = 12;
/** float32 against float32 in another order of operations. */
const TOLERANCE = 1e-5;

const named = (i: number) => `input_${i}`;
const outputNames = (c: Case) => (c.outputs ?? [true]).map((wanted, i) => (wanted ? `output_${i}` : ''));

function nodeOf(name: string, c: Case): Node {
  const at = name.lastIndexOf('.');
  return {
    op: name.slice(at + 1),
    domain: at < 0 ? '' : name.slice(0, at),
    name: 'the_node',
    inputs: c.inputs.map((input, i) => (input ? named(i) : '')),
    outputs: outputNames(c),
    attributes: new Map(Object.entries(c.attributes ?? {})),
  };
}

/** The node alone, as a file would hold it. */
function original(name: string, c: Case): Graph {
  const given = c.inputs.flatMap((input, i) => (input ? [{ ...input, name: named(i) }] : []));
  return {
    name: 'original',
    inputs: given
      .filter((i) => !i.constant)
      .map(({ name: n, tensor }) => ({
        name: n,
        type: { kind: 'tensor', dtype: tensor.dtype, shape: tensor.shape },
      })),
    outputs: outputNames(c).flatMap((n, i) =>
      n ? [{ name: n, type: { kind: 'tensor', dtype: c.types?.[i] ?? 'float32' } as const }] : [],
    ),
    nodes: [nodeOf(name, c)],
    initializers: new Map(given.filter((i) => i.constant).map((i) => [i.name, i.tensor])),
    valueInfo: [],
  };
}

function rewritten(name: RewrittenOp, c: Case): Graph {
  const b = new GraphBuilder();
  for (const [i, input] of c.inputs.entries()) {
    if (!input) continue;
    const { dtype, shape } = input.tensor;
    if (input.constant) b.initializer(named(i), input.tensor);
    else
      b.input(
        named(i),
        dtype,
        shape.map((d, axis) => (axis === input.batch ? 'N' : d)),
      );
  }
  const values = rewrites[name](b, nodeOf(name, c));
  for (const [i, output] of outputNames(c).entries()) if (output) b.output(values[i] ?? '', output);
  return b.build();
}

const feedsOf = (c: Case): Record<string, Tensor> =>
  Object.fromEntries(
    c.inputs.flatMap((input, i) => (input && !input.constant ? [[named(i), input.tensor]] : [])),
  );

const denseFeeds = (feeds: Readonly<Record<string, Tensor>>) =>
  new Map(Object.entries(feeds).map(([n, t]) => [n, denseOf(t)] as const));

/** In float64, rounded to the outputs' types. */
function referenceOutputs(graph: Graph, feeds: Readonly<Record<string, Tensor>>): Record<string, Tensor> {
  return Object.fromEntries([...reference(graph, denseFeeds(feeds))].map(([n, t]) => [n, tensorOf(t)]));
}

async function expected(name: string, c: Case): Promise<Record<string, Tensor>> {
  const graph = original(name, c);
  if (c.oracle === 'reference') return referenceOutputs(graph, feedsOf(c));
  const opsets = new Map([
    ['', c.opset ?? 20],
    ['com.microsoft', 1],
  ]);
  const model = { ...toModel(graph), irVersion: 10, opsets };
  const session = await Session.fromBytes(writeModel(model), { device: 'cpu', threads: 1 });
  try {
    return await session.run(feedsOf(c));
  } finally {
    await session.close();
  }
}

async function expectEqual(name: RewrittenOp, c: Case): Promise<void> {
  const graph = rewritten(name, c);
  for (const n of graph.nodes) expect(n.domain === '' && isOp(n.op), `${n.op} is of OPS`).toBe(true);
  // onnxruntime would quantise the constant weights between DequantizeLinear and QuantizeLinear once more, with other scales.
  const run = name in quantisedCases ? referenceOutputs : evaluate;
  const [want, got] = [await expected(name, c), await run(graph, feedsOf(c))];
  for (const output of outputNames(c).filter((o) => o)) {
    const [w, g] = [want[output]!, got[output]!];
    expect(g.shape, output).toEqual(w.shape);
    expect(g.dtype, output).toBe(w.dtype);
    const [a, b] = [numbers(w), numbers(g)];
    expect(a.every(Number.isFinite), `${output} of the oracle is finite`).toBe(true);
    // A quantum more or less where float32 rounds the other way than integers do.
    const tolerance =
      w.dtype === 'float32' ? (c.tolerance ?? TOLERANCE) * Math.max(1e-3, ...a.map(Math.abs)) : 1;
    const worst = a.reduce((m, v, i) => Math.max(m, Math.abs(v - b[i]!)), 0);
    expect(worst, `${output}: ${worst} of ${Math.max(...a.map(Math.abs))}`).toBeLessThanOrEqual(tolerance);
  }
}

it('every operator of REWRITTEN has a rewriting and a case', () => {
  expect(Object.keys(rewrites).sort()).toEqual([...REWRITTEN].sort());
  expect(Object.keys(cases).sort()).toEqual([...REWRITTEN].sort());
});

describe('equals the original', () => {
  for (const name of REWRITTEN) {
    it(name, async () => {
      for (let i = 0; i < DRAWS; i++) await expectEqual(name, cases[name]!(new Draw(name, i)));
    });
  }

  it('where a norm is 0', async () => {
    const x = float32([0, 0, 3, 4], [2, 2]);
    for (const p of [1, 2])
      await expectEqual('LpNormalization', { inputs: [fed(x)], attributes: { p: int(p) } });
  });

  it('a recurrent layer with its batch in front', async () => {
    for (const name of ['RNN', 'GRU', 'LSTM'] as const) {
      for (let i = 0; i < DRAWS; i++) {
        const c = recurrentCases[name]!(new Draw(name, i));
        const inputs = c.inputs.map((input, at) => {
          if (!input || (at !== 0 && at !== 5 && at !== 6)) return input;
          const [a, b, width] = input.tensor.shape as [number, number, number];
          const data = numbers(input.tensor);
          const turned = data.map((_, j) => {
            const [w, s, n] = [j % width, Math.floor(j / width) % a, Math.floor(j / width / a)];
            return data[(s * b + n) * width + w]!;
          });
          return fed(float32(turned, [b, a, width]));
        });
        const attributes = { ...c.attributes, layout: int(1) };
        await expectEqual(name, { ...c, inputs, attributes, oracle: 'reference' });
      }
    }
  });
});

/** Central differences in float64 with step 1e-6, of gradients whose constants are float32. */
const GRADIENT_TOLERANCE = 1e-5;

/** The nearest element is a step function of the grid: no gradient reaches that. */
const isStep = (c: Case, at: number): boolean => {
  const mode = c.attributes?.mode;
  return at === 1 && mode?.type === 'string' && mode.value === 'nearest';
};

describe('has the gradient of the original, in the reference interpreter', () => {
  const smooth = Object.entries({ ...floatCases, ...recurrentCases }).filter(([name]) => name !== 'CastLike');
  for (const [name, draw] of smooth) {
    it(name, () => {
      for (let i = 0; i < 4; i++) {
        const c = draw(new Draw(name, i));
        const b = GraphBuilder.from(rewritten(name as RewrittenOp, c));
        const sum = b.op('ReduceSum', [b.op('Sin', ['output_0'])], { keepdims: 0 });
        b.output(sum, 'sum');
        const [forward, feeds] = [b.build(), denseFeeds(feedsOf(c))];
        const wrt = c.inputs.flatMap((input, at) =>
          input && !input.constant && input.tensor.dtype === 'float32' && !isStep(c, at) ? [named(at)] : [],
        );
        const names = wrt.map((v) => `d_${v}`);
        const gradients = reference(gradient(forward, { of: 'sum', wrt, emitter: 'cpu' }, names), feeds);
        for (const v of wrt) {
          const x = feeds.get(v)!;
          const direction = x.data.map((_, k) => Math.sin(3 * k + 1));
          const slope = gradients.get(`d_${v}`)!.data.reduce((s, g, k) => s + g * direction[k]!, 0);
          const at = (e: number) => {
            const data = x.data.map((value, k) => value + e * direction[k]!);
            return reference(forward, new Map(feeds).set(v, { ...x, data })).get('sum')!.data[0]!;
          };
          const difference = (at(1e-6) - at(-1e-6)) / 2e-6;
          const size = Math.max(1e-2, Math.abs(difference));
          expect(Math.abs(slope - difference), `d_${v} of draw ${i}`).toBeLessThan(GRADIENT_TOLERANCE * size);
        }
      }
    });
  }
});

describe('what has no writing is refused by name', () => {
  const x = fed(float32(new Float32Array(24), [2, 3, 4]));
  const weights = [
    constant(float32(new Float32Array(8), [1, 2, 4])),
    constant(float32(new Float32Array(4), [1, 2, 2])),
  ];
  const sequence = [{ ...x, batch: 1 }, ...weights];
  // biome-ignore format: a table
  const refused: readonly (readonly [string, RewrittenOp, Case, RegExp])[] = [
    ['a sequence of unknown length', 'RNN', { inputs: [x, ...weights] }, /sequence length is N/],
    ['a clip', 'RNN', { inputs: sequence, attributes: { clip: real(1) } }, /clip 1/],
    ['sequences that end early', 'RNN', { inputs: [...sequence, undefined, constant({ dtype: 'int32', shape: [3], data: Int32Array.of(2, 1, 2) })] }, /sequence_lens/],
    ['weights that do not fit', 'LSTM', { inputs: sequence }, /of shape/],
    ['groups that do not divide', 'GroupNormalization', { inputs: [x, x, x], attributes: { num_groups: int(2) } }, /2 groups of 3 channels/],
    ['no groups', 'GroupNormalization', { inputs: [x, x, x] }, /0 groups/],
    ['a missing input', 'Mish', { inputs: [] }, /lacks input 0/],
    ['an axis beyond the rank', 'LpNormalization', { inputs: [x], attributes: { axis: int(5) } }, /axis 5/],
    ['a condition computed while running', 'Compress', { inputs: [x, fed({ dtype: 'bool', shape: [2], data: Uint8Array.of(1, 0) })] }, /computed while running/],
    ['an element beyond the end', 'Compress', { inputs: [x, constant({ dtype: 'bool', shape: [5], data: new Uint8Array(5).fill(1) })], attributes: { axis: int(2) } }, /keeps element 4 of 4/],
    ['a grid too large', 'AffineGrid', { inputs: [x, constant(int64([1, 1, 2 ** 20, 2 ** 20]))] }, /a grid of/],
    ['an unknown mode', 'GridSample', { inputs: [fed(float32([1], [1, 1, 1, 1])), fed(float32([0, 0], [1, 1, 1, 2]))], attributes: { mode: { type: 'string', value: 'constructor' } } }, /mode "constructor"/],
    ['an unknown activation', 'com.microsoft.FusedGemm', { inputs: [fed(float32([1], [1, 1])), constant(float32([1], [1, 1]))], attributes: { activation: { type: 'string', value: 'toString' } } }, /activation "toString"/],
    ['blocks that do not fit', 'Col2Im', { inputs: [x, constant(int64([3, 3])), constant(int64([2, 2]))], attributes: { strides: ints(0, 1) } }, /3 rows for blocks of 4/],
  ];

  for (const [label, name, c, message] of refused) {
    it(`${name}: ${label}`, () => {
      expect(() => rewritten(name, c)).toThrow(TouchstoneError);
      expect(() => rewritten(name, c)).toThrow(message);
      expect(() => rewritten(name, c)).toThrow(/"the_node"/);
    });
  }

  it('any node with nothing but nonsense ends in a typed error or in a graph', () => {
    const odd: Tensor[] = [float32([0], []), float32([1, 2], [2]), int64([-1, 0, 7]), float32([], [0, 3, 0])];
    const attributes: Record<string, Attribute> = Object.fromEntries(
      ['axis', 'p', 'size', 'num_groups', 'hidden_size', 'q_num_heads', 'group'].map((n) => [n, int(-7)]),
    );
    for (const name of REWRITTEN)
      for (const tensor of odd)
        for (const isConstant of [false, true])
          for (let count = 0; count < 9; count++) {
            const input = isConstant ? constant(tensor) : fed(tensor);
            const c: Case = {
              inputs: new Array(count).fill(input),
              attributes,
              outputs: [true, true, true, true],
            };
            const b = new GraphBuilder();
            for (let i = 0; i < count; i++)
              if (isConstant) b.initializer(named(i), tensor);
              else b.input(named(i), tensor.dtype, tensor.shape);
            try {
              rewrites[name](b, nodeOf(name, c));
            } catch (error) {
              expect(error, `${name}: ${error instanceof Error ? error.stack : error}`).toBeInstanceOf(
                TouchstoneError,
              );
            }
          }
  });
});
