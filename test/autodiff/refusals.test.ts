import { describe, expect, it } from 'vitest';
import { gradient, zeroGradientNodes } from '../../src/autodiff/index.ts';
import { TouchstoneError } from '../../src/errors.ts';
import { type Graph, GraphBuilder, int64, type Node, toModel, type Value } from '../../src/graph/index.ts';

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

type Form = readonly [what: string, message: RegExp, graph: () => Graph];

const pool = (shape: readonly (number | string)[], kernel_shape: readonly number[]) =>
  graphOf((b) => b.op('MaxPool', ['x'], { kernel_shape }, 'odd'), shape);

describe('what a rule does not cover is refused, with the node and the reason', () => {
  it.each<Form>([
    [
      'a window of more than 1024 pixels',
      /MaxPool "odd": it has windows of 1089/,
      () => pool([1, 1, 40, 40], [33, 33]),
    ],
    [
      'a map of unknown size',
      /MaxPool "odd": it has a dynamic size \(H\)/,
      () => pool([1, 4, 'H', 8], [2, 2]),
    ],
    [
      'a max pool that jumps',
      /MaxPool "odd": it has strides of 9 × 9/,
      () =>
        graphOf(
          (b) => b.op('MaxPool', ['x'], { kernel_shape: [2, 2], strides: [9, 9] }, 'odd'),
          [1, 1, 40, 40],
        ),
    ],
    [
      'Dropout in training mode',
      /Dropout "Dropout": it is in training mode/,
      () =>
        graphOf((b) => {
          const on = b.constant({ dtype: 'bool', shape: [], data: Uint8Array.of(1) });
          return b.op('Dropout', ['x', b.scalar(0.5), on]);
        }),
    ],
    [
      'half precision',
      /Relu "Relu": it computes in float16/,
      () => graphOf((b) => b.op('Cast', [b.op('Relu', [b.op('Cast', ['x'], { to: 10 })])], { to: 1 })),
    ],
    [
      'a diagonal',
      /Einsum "Einsum": it takes a diagonal \("ii"\)/,
      () => graphOf((b) => b.op('Einsum', ['x'], { equation: 'ii->i' }), [3, 3]),
    ],
    [
      'a product of more factors than a table holds',
      /ReduceProd "ReduceProd": it needs a table of 25000000 numbers/,
      () => graphOf((b) => b.op('ReduceProd', ['x', b.ints([1])]), [1, 5000]),
    ],
    [
      'updates that are multiplied',
      /ScatterElements "ScatterElements": it combines by "mul"/,
      () =>
        graphOf(
          (b) =>
            b.op('ScatterElements', ['x', b.constant(int64([0], [1])), b.floats([2])], { reduction: 'mul' }),
          [3],
        ),
    ],
    [
      'a row beyond the table',
      /Gather "Gather": it takes rows beyond its 3/,
      () => graphOf((b) => b.op('Gather', ['x', b.ints([1, 3])]), [3]),
    ],
    [
      'quantisation in blocks',
      /QuantizeLinear "QuantizeLinear": it is quantised in blocks/,
      () =>
        graphOf(
          (b) => {
            const scale = b.floats([1, 1], [1, 2]);
            const q = b.op('QuantizeLinear', ['x', scale], { axis: 1, block_size: 2 });
            return b.op('DequantizeLinear', [q, b.scalar(1)]);
          },
          [1, 4],
        ),
    ],
  ])('%s', (_what, message, graph) => {
    const error = refusal(graph());
    expect(error.code).toBe('E_UNSUPPORTED');
    expect(error.message).toMatch(message);
    expect(error.message).not.toContain('\n');
  });
});

describe('the nodes whose gradient is not the true one', () => {
  const nodesOf = (y: (b: GraphBuilder) => Value) =>
    zeroGradientNodes(graphOf(y, ['N', 6]), { of: 'y', wrt: ['x'] }).map((n) => `${n.kind} ${n.op}`);
  const one = (b: GraphBuilder) => b.scalar(1);

  it('are quantisers and steps between the two', () => {
    expect(nodesOf((b) => b.op('Floor', [b.op('Round', ['x'])]))).toEqual([
      'straight-through Round',
      'straight-through Floor',
    ]);
    expect(nodesOf((b) => b.op('Mul', ['x', b.op('Sign', ['x'])]))).toEqual(['zero Sign']);
    const mask = (b: GraphBuilder) => b.op('Cast', [b.op('Greater', ['x', one(b)])], { to: 1 });
    expect(nodesOf((b) => b.op('Mul', ['x', mask(b)]))).toEqual(['zero Greater']);
    const whole = (b: GraphBuilder) => b.op('Cast', [b.op('Cast', ['x'], { to: 7 })], { to: 1 });
    expect(nodesOf((b) => b.op('Add', ['x', whole(b)]))).toEqual(['zero Cast']);
    expect(nodesOf((b) => b.op('DequantizeLinear', [b.op('QuantizeLinear', ['x', one(b)]), one(b)]))).toEqual(
      ['straight-through QuantizeLinear'],
    );
    // What lies behind a step does not matter.
    expect(nodesOf((b) => b.op('Hardmax', [b.op('Round', ['x'])]))).toEqual(['zero Hardmax']);
  });

  it('are none that only choose, or only measure', () => {
    const half = (b: GraphBuilder) => b.op('Mul', ['x', b.scalar(0.5)]);
    expect(nodesOf((b) => b.op('Where', [b.op('Not', [b.op('Less', ['x', one(b)])]), 'x', half(b)]))).toEqual(
      [],
    );
    expect(
      nodesOf((b) => b.op('GatherElements', ['x', b.op('ArgMax', ['x'], { axis: 1 })], { axis: 1 })),
    ).toEqual([]);
    expect(nodesOf((b) => b.op('Reshape', ['x', b.op('Shape', ['x'])]))).toEqual([]);
    expect(nodesOf((b) => b.op('Relu', ['x']))).toEqual([]);
  });

  it('are named', () => {
    const graph = graphOf((b) => b.op('Round', ['x'], {}, 'coarse'), ['N', 6]);
    expect(zeroGradientNodes(graph, { of: 'y', wrt: ['x'] })).toEqual([
      { label: 'Round "coarse"', op: 'Round', kind: 'straight-through' },
    ]);
  });
});
