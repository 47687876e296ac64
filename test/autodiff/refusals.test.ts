import { describe, expect, it } from 'vitest';
import { gradient } from '../../src/autodiff/index.ts';
import { TouchstoneError } from '../../src/errors.ts';
import {
  type AttributeValue,
  type Graph,
  GraphBuilder,
  int64,
  type Node,
  toModel,
  type Value,
} from '../../src/graph/index.ts';

function graphOf(y: (b: GraphBuilder) => Value, shape: readonly (number | string)[] = ['N', 4, 6, 6]): Graph {
  const b = new GraphBuilder();
  b.input('x', 'float32', shape);
  b.output(y(b), 'y');
  return b.build();
}

function refusal(graph: Graph, wrt = ['x']): TouchstoneError {
  try {
    gradient(
      graph,
      { of: 'y', wrt },
      wrt.map((w) => `d_${w}`),
    );
  } catch (error) {
    if (error instanceof TouchstoneError) return error;
    throw error;
  }
  throw new Error('a gradient was given');
}

const pool = { kernel_shape: [2, 2] };

describe('an operator without a rule', () => {
  const node = (domain: string): Node => ({
    op: 'Unheard',
    domain,
    name: 'layer 7',
    inputs: ['x'],
    outputs: ['h'],
    attributes: new Map(),
  });

  it('is named with its node', () => {
    for (const [domain, label] of [
      ['', 'Unheard "layer 7"'],
      ['com.example', 'com.example.Unheard "layer 7"'],
    ]) {
      const graph = graphOf((b) => b.op('Relu', ['x']));
      const [relu] = graph.nodes;
      const broken = {
        ...graph,
        nodes: [node(domain!), { ...relu!, inputs: ['h'] }, ...graph.nodes.slice(1)],
      };
      const error = refusal(broken);
      expect(error.code).toBe('E_UNSUPPORTED');
      expect(error.message).toContain(label);
      expect(error.message).not.toContain('\n');
    }
    expect(toModel(graphOf((b) => b.op('Relu', ['x']))).opsets.get('')).toBe(20);
  });
});

describe('a gradient that stops', () => {
  it('says where', () => {
    const best = graphOf((b) =>
      b.op('Cast', [b.op('ArgMax', [b.op('Flatten', ['x'])], { axis: 1 }, 'decision')], { to: 1 }),
    );
    const error = refusal(best);
    expect(error.code).toBe('E_UNSUPPORTED');
    expect(error.message).toContain('no gradient reaches "x" from "y"');
    expect(error.message).toContain('it stops at ArgMax "decision"');
  });

  it('names only operators of the model', () => {
    const shaped = graphOf((b) =>
      b.op('Cast', [b.op('Greater', ['x', b.scalar(0)], {}, 'sharp')], { to: 1 }),
    );
    expect(refusal(shaped).remedy).toBe('it stops at Greater "sharp"');
  });

  it('says where nothing depends on the value', () => {
    const b = new GraphBuilder();
    b.input('x', 'float32', ['N']);
    b.input('z', 'float32', ['N']);
    b.output(b.op('Relu', ['x']), 'y');
    expect(refusal(b.build(), ['z']).message).toContain('"y" does not depend on it');
  });

  it('does not matter where another path goes on', () => {
    const graph = graphOf((b) => b.op('Mul', ['x', b.op('Sign', ['x'])]));
    expect(() => gradient(graph, { of: 'y', wrt: ['x'] }, ['d_x'])).not.toThrow();
  });
});

type Refusal = readonly [
  what: string,
  op: string,
  attributes: Readonly<Record<string, AttributeValue>>,
  why: RegExp,
];

describe('what a rule does not cover is refused, with the node and the reason', () => {
  it.each<Refusal>([
    ['pads by reflection', 'Pad', { mode: 'reflect' }, /pads by "reflect"/],
    ['max pools of two strides', 'MaxPool', { ...pool, strides: [1, 2] }, /different strides/],
    ['average pools of two strides', 'AveragePool', { ...pool, strides: [1, 2] }, /different strides/],
    ['dilated average pools', 'AveragePool', { ...pool, dilations: [2, 2] }, /is dilated/],
  ])('%s', (_what, op, attributes, why) => {
    const graph = graphOf((b) =>
      b.op(op, op === 'Pad' ? ['x', b.ints([0, 0, 1, 1, 0, 0, 1, 1])] : ['x'], attributes, 'odd'),
    );
    const error = refusal(graph);
    expect(error.code).toBe('E_UNSUPPORTED');
    expect(error.message).toContain(`no gradient through ${op} "odd"`);
    expect(error.message).toMatch(why);
  });

  const others: readonly (readonly [string, RegExp, Graph])[] = [
    [
      'an exponent that depends on the input',
      /Pow "Pow": it has an exponent/,
      graphOf((b) => b.op('Pow', [b.scalar(2), 'x'])),
    ],
    [
      'bounds that depend on the input',
      /Clip "Clip": it has bounds/,
      graphOf((b) => b.op('Clip', ['x', b.op('ReduceMax', ['x'], { keepdims: 0 })])),
    ],
    [
      'statistics that depend on the input',
      /BatchNormalization "BatchNormalization": it has statistics/,
      graphOf((b) => {
        const mean = b.op('ReduceMean', ['x', b.ints([0, 2, 3])], { keepdims: 0 });
        const ones = b.floats([1, 1, 1, 1]);
        return b.op('BatchNormalization', ['x', ones, ones, mean, ones]);
      }),
    ],
    [
      'Dropout in training mode',
      /Dropout "Dropout": it is in training mode/,
      graphOf((b) => {
        const on = b.constant({ dtype: 'bool', shape: [], data: Uint8Array.of(1) });
        return b.op('Dropout', ['x', b.scalar(0.5), on]);
      }),
    ],
    [
      'an index computed while running',
      /Gather "Gather": it takes rows by an index/,
      graphOf((b) => b.op('Gather', ['x', b.op('ArgMax', ['x'], { axis: 1 })], { axis: 1 })),
    ],
    [
      'a mean cross-entropy',
      /SoftmaxCrossEntropyLoss "SoftmaxCrossEntropyLoss": it is reduced/,
      graphOf((b) => b.op('SoftmaxCrossEntropyLoss', ['x', b.constant(int64([1]))]), [1, 3]),
    ],
    [
      'half precision',
      /Cast "Cast\w*": it casts float\d+ to float\d+/,
      graphOf((b) => b.op('Cast', [b.op('Cast', ['x'], { to: 10 })], { to: 1 })),
    ],
    [
      'a product with a vector',
      /MatMul "MatMul": it multiplies a vector/,
      graphOf((b) => b.op('MatMul', ['x', b.floats([1, 2])]), ['N', 2]),
    ],
  ];
  it.each(others)('%s', (_what, message, graph) => {
    const error = refusal(graph);
    expect(error.code).toBe('E_UNSUPPORTED');
    expect(error.message).toMatch(message);
  });
});
