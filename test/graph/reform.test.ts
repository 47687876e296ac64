import { describe, expect, it } from 'vitest';
import {
  float32,
  type Graph,
  GraphBuilder,
  int64,
  type Tensor,
  toModel,
  type Value,
  validateModel,
} from '../../src/graph/index.ts';
import { reform } from '../../src/graph/passes/reform.ts';
import { key, uniform } from '../../src/random/index.ts';
import { evaluate, numbers } from '../autodiff/evaluate.ts';

const random = (name: string, shape: readonly number[], low = -2, high = 2): Tensor => {
  const size = shape.reduce((a, d) => a * d, 1);
  return float32(uniform(key(31).fold(name), size, low, high), shape);
};
const ops = (graph: Graph) => graph.nodes.map((n) => n.op).sort();

/** A graph of one input, whose output is called y. */
function built(shape: readonly (number | string)[], y: (b: GraphBuilder) => Value): Graph {
  const b = new GraphBuilder();
  b.input('x', 'float32', shape);
  b.output(y(b), 'y');
  const graph = b.build();
  // The output's own name on the last node, as in files: no Identity before it.
  const last = graph.nodes.at(-1)!;
  const nodes = graph.nodes
    .slice(0, -1)
    .map((n) => (n.outputs[0] === last.inputs[0] ? { ...n, outputs: ['y'] } : n));
  const inner = new Set(nodes.flatMap((n) => n.inputs));
  return inner.has(last.inputs[0]!) ? graph : { ...graph, nodes };
}

/** Two float32 computations of one formula, at most some twenty roundings apart. */
const TOLERANCE = 2e-6;

async function expectSame(before: Graph, after: Graph, x: Tensor): Promise<void> {
  validateModel(toModel(after));
  expect(after.outputs.map((o) => o.name)).toEqual(before.outputs.map((o) => o.name));
  const [a, b] = [(await evaluate(before, { x })).y!, (await evaluate(after, { x })).y!];
  expect(b.shape).toEqual(a.shape);
  const [want, got] = [numbers(a), numbers(b)];
  const scale = Math.max(...want.map(Math.abs));
  expect(scale).toBeGreaterThan(0.01);
  expect(Math.max(...want.map((v, i) => Math.abs(v - got[i]!)))).toBeLessThanOrEqual(TOLERANCE * scale);
}

interface Form {
  readonly shape: readonly (number | string)[];
  readonly y: (b: GraphBuilder) => Value;
  /** Operators that are to be left, in alphabetical order. */
  readonly to: readonly string[];
  readonly live?: readonly string[];
}

const mean = (b: GraphBuilder, x: Value, axes: readonly number[]) => b.op('ReduceMean', [x, b.ints(axes)]);
const add = (b: GraphBuilder, x: Value, y: Value) => b.op('Add', [x, y]);
const mul = (b: GraphBuilder, x: Value, y: Value) => b.op('Mul', [x, y]);

/** (x − mean)/√(mean((x − mean)²) + ε) */
function normalised(
  b: GraphBuilder,
  axes: readonly number[],
  form: 'pow' | 'mul' | 'inverse' | 'twice' = 'pow',
): Value {
  const average = mean(b, 'x', axes);
  const centred = b.op('Sub', ['x', average]);
  const again = form === 'twice' ? b.op('Sub', ['x', average]) : centred;
  const square = form === 'mul' ? mul(b, again, again) : b.op('Pow', [again, b.scalar(2)]);
  const root = b.op('Sqrt', [add(b, mean(b, square, axes), b.scalar(1e-3))]);
  return form === 'inverse'
    ? mul(b, centred, b.op('Div', [b.scalar(1), root]))
    : b.op('Div', [centred, root]);
}
const vector = (b: GraphBuilder, name: string, shape: readonly number[]) =>
  b.initializer(name, random(name, shape));
const affine = (b: GraphBuilder, x: Value, shape: readonly number[]) =>
  add(b, mul(b, x, vector(b, 'gamma', shape)), vector(b, 'beta', shape));
const tokens = ['N', 3, 8];
const halved = (b: GraphBuilder, x: Value) => mul(b, x, b.scalar(0.5));
const erf = (b: GraphBuilder, x: Value) => b.op('Erf', [b.op('Div', [x, b.scalar(Math.SQRT2)])]);
const onePlus = (b: GraphBuilder, x: Value) => add(b, x, b.scalar(1));
/** tanh(√(2/π)·(x + 0.044715x³)) */
const tanh = (b: GraphBuilder, x: Value, cube: Value) =>
  b.op('Tanh', [mul(b, add(b, x, mul(b, cube, b.scalar(0.044715))), b.scalar(Math.sqrt(2 / Math.PI)))]);
const image = ['N', 3, 6, 6];
const conv = (b: GraphBuilder, x: Value, bias: boolean, attributes = {}) =>
  b.op('Conv', [x, vector(b, 'w', [4, 3, 3, 3]), ...(bias ? [vector(b, 'c', [4])] : [])], attributes);
const pad = (b: GraphBuilder, x: Value, pads: readonly number[], value = 0) =>
  b.op('Pad', [x, b.ints([0, 0, pads[0]!, pads[1]!, 0, 0, pads[2]!, pads[3]!]), b.scalar(value)]);
const softmax = (b: GraphBuilder, x: Value, axis: number) => {
  const e = b.op('Exp', [x]);
  return b.op('Div', [e, b.op('ReduceSum', [e, b.ints([axis])])]);
};
const shiftedBy = (b: GraphBuilder, axis: number) =>
  b.op('Sub', ['x', b.op('ReduceMax', ['x', b.ints([axis])])]);
const transpose = (b: GraphBuilder, x: Value, perm: readonly number[]) => b.op('Transpose', [x], { perm });
const reshape = (b: GraphBuilder, x: Value, shape: readonly number[]) => b.op('Reshape', [x, b.ints(shape)]);

// biome-ignore format: a table
const found: Readonly<Record<string, Form>> = {
  'LayerNormalization, Pow, negative axis': { shape: tokens, y: (b) => affine(b, normalised(b, [-1]), [8]), to: ['LayerNormalization'] },
  'LayerNormalization, positive axis': { shape: tokens, y: (b) => affine(b, normalised(b, [2]), [8]), to: ['LayerNormalization'] },
  'LayerNormalization, Mul': { shape: tokens, y: (b) => affine(b, normalised(b, [-1], 'mul'), [8]), to: ['LayerNormalization'] },
  'LayerNormalization, reciprocal': { shape: tokens, y: (b) => affine(b, normalised(b, [-1], 'inverse'), [8]), to: ['LayerNormalization'] },
  'LayerNormalization, centred twice': { shape: tokens, y: (b) => affine(b, normalised(b, [-1], 'twice'), [8]), to: ['LayerNormalization'] },
  'LayerNormalization, without scale': { shape: tokens, y: (b) => normalised(b, [-1]), to: ['LayerNormalization'] },
  'LayerNormalization, without bias': { shape: tokens, y: (b) => mul(b, vector(b, 'gamma', [8]), normalised(b, [-1])), to: ['LayerNormalization'] },
  'LayerNormalization, two axes': { shape: tokens, y: (b) => affine(b, normalised(b, [1, 2]), [3, 8]), to: ['LayerNormalization'] },
  'LayerNormalization, ones in front': { shape: tokens, y: (b) => affine(b, normalised(b, [-1]), [1, 1, 8]), to: ['LayerNormalization'] },
  'LayerNormalization, trained': { shape: tokens, y: (b) => affine(b, normalised(b, [-1]), [8]), to: ['LayerNormalization'], live: ['gamma', 'beta'] },
  'Gelu, (x·(1 + erf))·½': { shape: tokens, y: (b) => halved(b, mul(b, 'x', onePlus(b, erf(b, 'x')))), to: ['Gelu'] },
  'Gelu, x·((1 + erf)·½)': { shape: tokens, y: (b) => mul(b, 'x', halved(b, onePlus(b, erf(b, 'x')))), to: ['Gelu'] },
  'Gelu, (x·½)·(1 + erf)': { shape: tokens, y: (b) => mul(b, halved(b, 'x'), onePlus(b, erf(b, 'x'))), to: ['Gelu'] },
  'Gelu, erf(x·√½)': { shape: tokens, y: (b) => mul(b, halved(b, 'x'), onePlus(b, b.op('Erf', [mul(b, b.scalar(Math.SQRT1_2), 'x')]))), to: ['Gelu'] },
  'Gelu of a sum': { shape: tokens, y: (b) => { const s = add(b, 'x', vector(b, 'bias', [8])); return mul(b, halved(b, s), onePlus(b, erf(b, s))); }, to: ['Add', 'Gelu'] },
  'Gelu, tanh, Pow': { shape: tokens, y: (b) => mul(b, halved(b, 'x'), onePlus(b, tanh(b, 'x', b.op('Pow', ['x', b.scalar(3)])))), to: ['Gelu'] },
  'Gelu, tanh, Mul': { shape: tokens, y: (b) => halved(b, mul(b, 'x', onePlus(b, tanh(b, 'x', mul(b, mul(b, 'x', 'x'), 'x'))))), to: ['Gelu'] },
  'HardSigmoid, Div': { shape: tokens, y: (b) => b.op('Div', [b.op('Clip', [add(b, 'x', b.scalar(3)), b.scalar(0), b.scalar(6)]), b.scalar(6)]), to: ['HardSigmoid'] },
  'HardSigmoid, Mul': { shape: tokens, y: (b) => mul(b, b.op('Clip', [add(b, 'x', b.scalar(3)), b.scalar(0), b.scalar(6)]), b.scalar(1 / 6)), to: ['HardSigmoid'] },
  'a hard swish': { shape: tokens, y: (b) => b.op('Div', [mul(b, 'x', b.op('Clip', [add(b, b.scalar(3), 'x'), b.scalar(0), b.scalar(6)])), b.scalar(6)]), to: ['HardSigmoid', 'Mul'] },
  Softplus: { shape: tokens, y: (b) => b.op('Log', [onePlus(b, b.op('Exp', ['x']))]), to: ['Softplus'] },
  'Softplus, linear far out': { shape: tokens, y: (b) => b.op('Where', [b.op('Greater', ['x', b.scalar(20)]), 'x', b.op('Softplus', ['x'])]), to: ['Softplus'] },
  'a Mish': { shape: tokens, y: (b) => mul(b, 'x', b.op('Tanh', [b.op('Log', [onePlus(b, b.op('Exp', ['x']))])])), to: ['Mul', 'Softplus', 'Tanh'] },
  Softmax: { shape: tokens, y: (b) => softmax(b, 'x', 1), to: ['Softmax'] },
  'Softmax, maximum taken off': { shape: tokens, y: (b) => softmax(b, shiftedBy(b, -1), -1), to: ['Softmax'] },
  Gemm: { shape: ['N', 5], y: (b) => add(b, b.op('MatMul', ['x', vector(b, 'w', [5, 4])]), vector(b, 'c', [4])), to: ['Gemm'] },
  'Gemm, bias first': { shape: ['N', 5], y: (b) => add(b, vector(b, 'c', [1, 4]), b.op('MatMul', ['x', vector(b, 'w', [5, 4])])), to: ['Gemm'] },
  'Gemm, a transpose that is trained': { shape: ['N', 5], y: (b) => add(b, b.op('MatMul', ['x', b.op('Transpose', [vector(b, 'w', [4, 5])], { perm: [1, 0] })]), vector(b, 'c', [4])), to: ['Gemm'], live: ['w', 'c'] },
  'two transposes': { shape: image, y: (b) => transpose(b, transpose(b, 'x', [0, 2, 3, 1]), [0, 2, 1, 3]), to: ['Transpose'] },
  'transposes that cancel': { shape: image, y: (b) => b.op('Relu', [transpose(b, transpose(b, 'x', [0, 2, 3, 1]), [0, 3, 1, 2])]), to: ['Relu'] },
  'a chain that cancels': { shape: ['N', 6, 4], y: (b) => b.op('Relu', [reshape(b, transpose(b, transpose(b, reshape(b, 'x', [0, 2, 3, 4]), [0, 2, 1, 3]), [0, 2, 1, 3]), [0, 6, 4])]), to: ['Relu'] },
  'two reshapes': { shape: ['N', 6, 4], y: (b) => reshape(b, reshape(b, 'x', [0, 24]), [0, 2, 12]), to: ['Reshape'] },
  'Pad, Conv': { shape: image, y: (b) => conv(b, pad(b, 'x', [0, 1, 2, 1]), true, { pads: [1, 0, 0, 1] }), to: ['Conv'] },
  'Pad, AveragePool': { shape: image, y: (b) => b.op('AveragePool', [pad(b, 'x', [1, 1, 0, 1])], { kernel_shape: [3, 3] }), to: ['AveragePool'] },
  'Pad, MaxPool of what is not negative': { shape: image, y: (b) => b.op('MaxPool', [pad(b, b.op('Relu', ['x']), [1, 1, 0, 1])], { kernel_shape: [3, 3], strides: [2, 2] }), to: ['MaxPool', 'Relu'] },
  'Pad by −∞, MaxPool': { shape: image, y: (b) => b.op('MaxPool', [pad(b, 'x', [1, 1, 0, 1], -Infinity)], { kernel_shape: [3, 3], strides: [2, 2] }), to: ['MaxPool'] },
  'Conv, product and sum': { shape: image, y: (b) => add(b, mul(b, conv(b, 'x', true), vector(b, 's', [1, 4, 1, 1])), vector(b, 't', [4, 1, 1])), to: ['Conv'] },
  'Conv, difference and quotient': { shape: image, y: (b) => b.op('Div', [b.op('Sub', [conv(b, 'x', false), vector(b, 't', [1, 4, 1, 1])]), b.scalar(3)]), to: ['Conv'] },
  'Conv that is trained, sum': { shape: image, y: (b) => add(b, conv(b, 'x', false), vector(b, 't', [1, 4, 1, 1])), to: ['Conv'], live: ['w'] },
  'a product of integers, through int32': { shape: ['N', 4], y: (b) => {
    const q = b.op('QuantizeLinear', ['x', b.scalar(0.1), b.constant({ dtype: 'uint8', shape: [], data: Uint8Array.of(9) })]);
    const d = b.op('DequantizeLinear', [q, b.scalar(1), b.constant({ dtype: 'uint8', shape: [], data: Uint8Array.of(9) })]);
    const product = b.op('MatMul', [d, b.initializer('w', float32([1, -2, 3, 4, 5, -6, 7, 8], [4, 2]))]);
    return mul(b, b.op('Cast', [b.op('Cast', [product], { to: 6 })], { to: 1 }), b.scalar(0.1));
  }, to: ['DequantizeLinear', 'MatMul', 'Mul', 'QuantizeLinear'] },
};

// biome-ignore format: a table
const left: Readonly<Record<string, Omit<Form, 'to'>>> = {
  'LayerNormalization over channels': { shape: image, y: (b) => normalised(b, [1]) },
  'LayerNormalization whose mean is needed': { shape: tokens, y: (b) => { const m = mean(b, 'x', [-1]); const c = b.op('Sub', ['x', m]); const v = mean(b, b.op('Pow', [c, b.scalar(2)]), [-1]); return add(b, b.op('Div', [c, b.op('Sqrt', [add(b, v, b.scalar(1e-3))])]), m); } },
  'another power': { shape: tokens, y: (b) => { const c = b.op('Sub', ['x', mean(b, 'x', [-1])]); const v = mean(b, b.op('Pow', [c, b.scalar(4)]), [-1]); return b.op('Div', [c, b.op('Sqrt', [add(b, v, b.scalar(1e-3))])]); } },
  'mean and variance over different axes': { shape: tokens, y: (b) => { const c = b.op('Sub', ['x', mean(b, 'x', [1, 2])]); const v = mean(b, b.op('Pow', [c, b.scalar(2)]), [2]); return b.op('Div', [c, b.op('Sqrt', [add(b, v, b.scalar(1e-3))])]); } },
  'erf of another scale': { shape: tokens, y: (b) => mul(b, halved(b, 'x'), onePlus(b, b.op('Erf', [mul(b, 'x', b.scalar(0.7))]))) },
  'erf of another value': { shape: tokens, y: (b) => mul(b, halved(b, 'x'), onePlus(b, erf(b, b.op('Abs', ['x'])))) },
  'Gelu without its half': { shape: tokens, y: (b) => mul(b, 'x', onePlus(b, erf(b, 'x'))) },
  'Gelu whose erf is needed': { shape: tokens, y: (b) => { const e = erf(b, 'x'); return add(b, mul(b, halved(b, 'x'), onePlus(b, e)), e); } },
  'Gelu with a trained scale': { shape: tokens, y: (b) => mul(b, mul(b, 'x', onePlus(b, erf(b, 'x'))), b.initializer('half', float32([0.5], []))), live: ['half'] },
  'Clip from another start': { shape: tokens, y: (b) => b.op('Div', [b.op('Clip', [add(b, 'x', b.scalar(3)), b.scalar(1), b.scalar(6)]), b.scalar(6)]) },
  'Clip divided by another number': { shape: tokens, y: (b) => b.op('Div', [b.op('Clip', [add(b, 'x', b.scalar(3)), b.scalar(0), b.scalar(6)]), b.scalar(5)]) },
  'log(2 + eˣ)': { shape: tokens, y: (b) => b.op('Log', [add(b, b.op('Exp', ['x']), b.scalar(2))]) },
  'Softplus, linear too early': { shape: tokens, y: (b) => b.op('Where', [b.op('Greater', ['x', b.scalar(5)]), 'x', b.op('Softplus', ['x'])]) },
  'a sum over two axes': { shape: tokens, y: (b) => { const e = b.op('Exp', ['x']); return b.op('Div', [e, b.op('ReduceSum', [e, b.ints([1, 2])])]); } },
  'MatMul of three axes': { shape: tokens, y: (b) => add(b, b.op('MatMul', ['x', vector(b, 'w', [8, 4])]), vector(b, 'c', [4])) },
  'a sum that broadcasts the product': { shape: [1, 5], y: (b) => add(b, b.op('MatMul', ['x', vector(b, 'w', [5, 4])]), vector(b, 'c', [3, 4])) },
  'Pad of ones, Conv': { shape: image, y: (b) => conv(b, pad(b, 'x', [1, 1, 1, 1], 1), false) },
  'Pad that mirrors, Conv': { shape: image, y: (b) => conv(b, b.op('Pad', ['x', b.ints([0, 0, 1, 1, 0, 0, 1, 1])], { mode: 'reflect' }), false) },
  'Pad that cuts, Conv': { shape: image, y: (b) => conv(b, pad(b, 'x', [-1, 1, 1, 1]), false) },
  'Pad, MaxPool': { shape: image, y: (b) => b.op('MaxPool', [pad(b, 'x', [1, 1, 0, 1])], { kernel_shape: [3, 3] }) },
  'Pad as wide as the window': { shape: image, y: (b) => b.op('AveragePool', [pad(b, 'x', [2, 0, 0, 0])], { kernel_shape: [2, 2] }) },
  'Pad, AveragePool with padding of its own': { shape: image, y: (b) => b.op('AveragePool', [pad(b, 'x', [1, 0, 0, 0])], { kernel_shape: [3, 3], pads: [1, 1, 1, 1] }) },
  'a product per column': { shape: image, y: (b) => mul(b, conv(b, 'x', false), vector(b, 's', [4])) },
  'Conv that is trained, product': { shape: image, y: (b) => mul(b, conv(b, 'x', false), vector(b, 's', [1, 4, 1, 1])), live: ['w'] },
  'a product that is trained': { shape: image, y: (b) => mul(b, conv(b, 'x', false), vector(b, 's', [1, 4, 1, 1])), live: ['s'] },
  'Conv needed twice': { shape: image, y: (b) => { const c = conv(b, 'x', false); return add(b, mul(b, c, vector(b, 's', [1, 4, 1, 1])), c); } },
  'a quotient of Conv': { shape: image, y: (b) => b.op('Div', [b.scalar(2), conv(b, 'x', true)]) },
  'the normalisation before Conv': { shape: image, y: (b) => conv(b, b.op('Sub', ['x', vector(b, 'm', [1, 3, 1, 1])]), false, { pads: [1, 1, 1, 1] }) },
  'an integer that was none': { shape: tokens, y: (b) => b.op('Cast', [b.op('Cast', [b.op('MatMul', ['x', vector(b, 'w', [8, 2])])], { to: 6 })], { to: 1 }) },
};

const sizes = (shape: readonly (number | string)[]) => shape.map((d) => (typeof d === 'number' ? d : 3));

describe('written as one operator', () => {
  for (const [name, { shape, y, to, live = [] }] of Object.entries(found)) {
    it(name, async () => {
      const graph = built(shape, y);
      const after = reform(graph, { live: new Set(live) });
      expect(ops(after)).toEqual(to);
      for (const trained of live)
        expect(after.initializers.get(trained)).toBe(graph.initializers.get(trained));
      await expectSame(graph, after, random('x', sizes(shape)));
    });
  }
});

describe('left alone', () => {
  for (const [name, { shape, y, live = [] }] of Object.entries(left)) {
    it(name, () => {
      const graph = built(shape, y);
      expect(ops(reform(graph, { live: new Set(live) }))).toEqual(ops(graph));
    });
  }

  it('an intermediate value that is an output of the graph', () => {
    const b = new GraphBuilder();
    b.input('x', 'float32', tokens);
    const e = erf(b, 'x');
    b.output(mul(b, halved(b, 'x'), onePlus(b, e)));
    b.output(e);
    expect(ops(reform(b.build()))).toEqual(['Add', 'Div', 'Erf', 'Mul', 'Mul']);
  });

  it("an input's default value is no constant", () => {
    const graph = built(image, (b) => mul(b, conv(b, 'x', false), vector(b, 's', [1, 4, 1, 1])));
    const given = { name: 's', type: { kind: 'tensor', dtype: 'float32', shape: [1, 4, 1, 1] } } as const;
    expect(ops(reform({ ...graph, inputs: [...graph.inputs, given] }))).toEqual(['Conv', 'Mul']);
  });
});

describe('on any graph', () => {
  it('an output keeps its name where its node does nothing', async () => {
    const graph = built(image, (b) => transpose(b, transpose(b, 'x', [0, 2, 3, 1]), [0, 3, 1, 2]));
    await expectSame(graph, reform(graph), random('x', [3, 3, 6, 6]));
  });

  it('a weight of several convolutions is folded for each', async () => {
    const graph = built(image, (b) => {
      const w = vector(b, 'w', [4, 3, 3, 3]);
      const layer = (s: string) => mul(b, b.op('Conv', ['x', w]), vector(b, s, [1, 4, 1, 1]));
      return b.op('Max', [layer('s'), layer('t')]);
    });
    const after = reform(graph);
    expect(ops(after)).toEqual(['Conv', 'Conv', 'Max']);
    await expectSame(graph, after, random('x', [2, 3, 6, 6]));
  });

  it('takes time linear in the number of nodes', () => {
    const chain = (length: number) =>
      built(tokens, (b) => {
        let v = 'x';
        for (let i = 0; i < length; i++) {
          v = i % 3 === 0 ? transpose(b, transpose(b, v, [0, 2, 1]), [0, 2, 1]) : erf(b, v);
          v = add(b, v, i % 2 === 1 ? 'x' : b.scalar(1));
          v = mul(b, v, v);
        }
        return v;
      });
    const time = (length: number): number => {
      const graph = chain(length);
      const runs = [0, 1, 2].map(() => {
        const start = process.cpuUsage(); // others on the machine do not count
        reform(graph);
        const { user, system } = process.cpuUsage(start);
        return user + system;
      });
      return Math.min(...runs);
    };
    time(500);
    // Eight times the nodes: quadratic time would be 64 times as much.
    expect(time(4000)).toBeLessThan(24 * time(500));
  });

  it('a graph with a subgraph is left as it is', () => {
    const inner: Graph = {
      name: 'then',
      inputs: [],
      outputs: [{ name: 'x' }],
      nodes: [],
      initializers: new Map(),
      valueInfo: [],
    };
    const node = {
      op: 'If',
      domain: '',
      name: 'if',
      inputs: ['c'],
      outputs: ['y'],
      attributes: new Map([['then_branch', { type: 'graph', value: inner } as const]]),
    };
    const graph: Graph = {
      ...inner,
      name: 'outer',
      outputs: [{ name: 'y' }],
      nodes: [node],
      initializers: new Map([['c', int64([1])]]),
    };
    expect(reform(graph)).toBe(graph);
  });
});
