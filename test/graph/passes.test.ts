import { describe, expect, it } from 'vitest';
import { resnet18 } from '../../models/resnet.ts';
import {
  type Attribute,
  asInputs,
  bakeNormalisation,
  dropNoOps,
  float32,
  foldBatchNorm,
  type Graph,
  GraphBuilder,
  inTrainingMode,
  parameterNames,
  rename,
  statisticNames,
  type Tensor,
  toModel,
  type Value,
  validateModel,
  valueNames,
  withValues,
} from '../../src/graph/index.ts';
import { key, uniform } from '../../src/random/index.ts';
import { evaluate, numbers } from '../autodiff/evaluate.ts';

const random = (name: string, shape: readonly number[], low = -1, high = 1) => {
  const size = shape.reduce((a, b) => a * b, 1);
  return float32(uniform(key(8).fold(name), size, low, high), shape);
};
const ops = (graph: Graph) => graph.nodes.map((n) => n.op);

const norm = (b: GraphBuilder, x: Value, name: string, channels: number): Value =>
  b.op('BatchNormalization', [
    x,
    b.initializer(`${name}.weight`, random(`${name}.w`, [channels])),
    b.initializer(`${name}.bias`, random(`${name}.b`, [channels])),
    b.initializer(`${name}.mean`, random(`${name}.m`, [channels])),
    b.initializer(`${name}.var`, random(`${name}.v`, [channels], 0.5, 1.5)),
  ]);

function built(shape: readonly (number | string)[], y: (b: GraphBuilder) => Value): Graph {
  const b = new GraphBuilder();
  b.input('x', 'float32', shape);
  b.output(y(b), 'y');
  return b.build();
}

async function outputs(graph: Graph, x: Tensor): Promise<number[]> {
  validateModel(toModel(graph));
  return numbers((await evaluate(graph, { x }))[graph.outputs[0]!.name]!);
}

/** Folding rounds each weight once more: 6e-8 of it, some hundred times added up. */
const TOLERANCE = 1e-5;

async function expectSame(before: Graph, after: Graph, x: Tensor): Promise<void> {
  const [a, b] = [await outputs(before, x), await outputs(after, x)];
  const scale = Math.max(...a.map(Math.abs));
  expect(scale).toBeGreaterThan(0.01);
  expect(Math.max(...a.map((v, i) => Math.abs(v - b[i]!)))).toBeLessThan(TOLERANCE * scale);
}

describe('foldBatchNorm', () => {
  const image = random('image', [2, 4, 6, 6]);
  const rows = random('rows', [3, 4]);
  const conv = (b: GraphBuilder, x: Value, w: readonly number[], bias: boolean, attributes = {}) =>
    b.op(
      'Conv',
      [x, b.initializer('w', random('w', w)), ...(bias ? [b.initializer('c', random('c', [w[0]!]))] : [])],
      attributes,
    );

  const foldable: readonly (readonly [string, Graph, Tensor])[] = [
    [
      'Conv without bias',
      built(['N', 4, 6, 6], (b) => norm(b, conv(b, 'x', [5, 4, 3, 3], false), 'bn', 5)),
      image,
    ],
    [
      'Conv with bias',
      built(['N', 4, 6, 6], (b) => norm(b, conv(b, 'x', [5, 4, 3, 3], true), 'bn', 5)),
      image,
    ],
    [
      'Conv in groups',
      built(['N', 4, 6, 6], (b) => norm(b, conv(b, 'x', [6, 2, 3, 3], true, { group: 2 }), 'bn', 6)),
      image,
    ],
    [
      'Gemm',
      built(['N', 4], (b) => norm(b, b.op('Gemm', ['x', b.initializer('w', random('w', [4, 5]))]), 'bn', 5)),
      rows,
    ],
    [
      'Gemm, weight transposed, with bias',
      built(['N', 4], (b) => {
        const inputs = ['x', b.initializer('w', random('w', [5, 4])), b.initializer('c', random('c', [5]))];
        return norm(b, b.op('Gemm', inputs, { transB: 1 }), 'bn', 5);
      }),
      rows,
    ],
    [
      'two layers of one weight, each with its own normalisation',
      built(['N', 4, 6, 6], (b) => {
        const w = b.initializer('w', random('w', [4, 4, 1, 1]));
        const c = b.initializer('c', random('c', [4]));
        const h = norm(b, b.op('Conv', ['x', w, c]), 'first', 4);
        return norm(b, b.op('Conv', [h, w, c]), 'second', 4);
      }),
      image,
    ],
  ];
  it.each(foldable)('folds %s', async (_what, graph, x) => {
    const folded = foldBatchNorm(graph);
    expect(ops(folded)).not.toContain('BatchNormalization');
    expect(parameterNames(folded).every((name) => !name.startsWith('bn.'))).toBe(true);
    await expectSame(graph, folded, x);
    expect(ops(graph)).toContain('BatchNormalization'); // what goes in is left as it is
  });

  const kept: readonly (readonly [string, Graph, Tensor])[] = [
    [
      'a convolution whose output is used elsewhere',
      built(['N', 4, 6, 6], (b) => {
        const h = conv(b, 'x', [4, 4, 3, 3], false);
        return b.op('Add', [h, norm(b, h, 'bn', 4)]);
      }),
      image,
    ],
    ['no layer before it', built(['N', 4, 6, 6], (b) => norm(b, b.op('Relu', ['x']), 'bn', 4)), image],
    [
      'Gemm with one bias for all outputs',
      built(['N', 4], (b) =>
        norm(
          b,
          b.op('Gemm', ['x', b.initializer('w', random('w', [4, 5])), b.initializer('c', float32([2]))]),
          'bn',
          5,
        ),
      ),
      rows,
    ],
    [
      'Gemm with a bias per row',
      built([5, 4], (b) =>
        norm(
          b,
          b.op('Gemm', [
            'x',
            b.initializer('w', random('w', [4, 5])),
            b.initializer('c', random('c', [5, 1])),
          ]),
          'bn',
          5,
        ),
      ),
      random('square', [5, 4]),
    ],
  ];
  it.each(kept)('keeps it after %s', async (_what, graph, x) => {
    const folded = foldBatchNorm(graph);
    expect(ops(folded)).toContain('BatchNormalization');
    await expectSame(graph, folded, x);
  });

  it('keeps it in training mode', () => {
    const graph = inTrainingMode(foldable[0]![1]);
    expect(ops(foldBatchNorm(graph))).toEqual(ops(graph));
  });

  it('folds all of ResNet-18, whose statistics are not the initial ones', async () => {
    const graph = resnet18.build(key(1));
    const trained = withValues(
      graph,
      new Map(
        [...graph.initializers]
          .filter(([name]) => /bn|shortcut\.1/.test(name))
          .map(([name, t]) => [name, random(name, t.shape, 0.5, 1.5)]),
      ),
    );
    const folded = foldBatchNorm(trained);
    expect(ops(folded)).not.toContain('BatchNormalization');
    expect(ops(folded).filter((op) => op === 'Conv').length).toBe(20);
    await expectSame(trained, folded, random('photo', [1, 3, 32, 32], 0, 1));
  });
});

describe('dropNoOps', () => {
  it('drops Identity and Dropout between layers, and chains of them', async () => {
    const graph = built(['N', 4], (b) => {
      const h = b.op('Dropout', [b.op('Identity', [b.op('Identity', ['x'])])]);
      return b.op('Add', [b.op('Relu', [h]), b.op('Identity', [h])]);
    });
    const simple = dropNoOps(graph);
    expect(ops(simple)).toEqual(['Relu', 'Add', 'Identity']); // the last one gives the output its name
    await expectSame(graph, simple, random('x', [2, 4]));
  });

  it('keeps a Dropout whose mask is used, inside or as an output', () => {
    for (const inside of [true, false]) {
      const b = new GraphBuilder();
      b.input('x', 'float32', ['N']);
      const [h, mask] = b.ops('Dropout', ['x'], {}, 2);
      b.output(b.op('Relu', [h!]), 'y');
      if (inside) b.output(b.op('Cast', [mask!], { to: 1 }), 'm');
      else b.output(mask!);
      const simple = dropNoOps(b.build());
      expect(ops(simple)).toContain('Dropout');
      validateModel(toModel(simple));
    }
  });

  it('returns the graph itself where there is nothing to do', () => {
    const b = new GraphBuilder();
    b.input('x', 'float32', ['N']);
    b.output(b.op('Relu', ['x']));
    const graph = b.build();
    expect(dropNoOps(graph)).toBe(graph);
  });
});

describe('rename', () => {
  it('renames values everywhere, subgraphs included', () => {
    const inner = built(['N'], (b) => b.op('Relu', ['x']));
    const graph = built(['N'], (b) => b.op('Add', ['x', b.initializer('w', float32([1]))]));
    const branch: Attribute = { type: 'graph', value: inner };
    const withBranch = {
      ...graph,
      nodes: graph.nodes.map((n) => ({ ...n, attributes: new Map([['body', branch]]) })),
    };
    const renamed = rename(
      withBranch,
      new Map([
        ['x', 'image'],
        ['w', 'weight'],
        ['y', 'z'],
      ]),
    );
    expect(valueNames(renamed)).not.toContain('x');
    expect([...renamed.initializers.keys()]).toEqual(['weight']);
    expect(renamed.outputs.map((o) => o.name)).toEqual(['z']);
    expect(renamed.nodes[0]!.inputs).toEqual(['image', 'weight']);
    const body = renamed.nodes[0]!.attributes.get('body');
    expect(body?.type === 'graph' && body.value.nodes[0]!.inputs).toEqual(['image']);
  });

  it('returns the graph itself where no name changes', () => {
    const graph = built(['N'], (b) => b.op('Relu', ['x']));
    expect(rename(graph, new Map())).toBe(graph);
  });
});

describe('bakeNormalisation', () => {
  const graph = built(['N', 2, 1, 2], (b) => b.op('Mul', ['x', b.floats([1, 2, 3, 4], [2, 1, 2])]));
  const x = float32([0, 0.25, 0.5, 1], [1, 2, 1, 2]);

  it('is (x − mean)/std before the model, which keeps the name of its input', async () => {
    const baked = bakeNormalisation(graph, [0.5, 0.25], [0.5, 0.25]);
    expect(baked.inputs.map((i) => i.name)).toEqual(['x']);
    expect(await outputs(baked, x)).toEqual([-1, -1, 3, 12]);
  });

  it('can be baked in twice', async () => {
    const once = bakeNormalisation(graph, [0.5, 0.25], [0.5, 0.25]);
    const twice = bakeNormalisation(once, [0, 0], [2, 4]);
    // x/2 = 0, ⅛ and x/4 = ⅛, ¼; then as before
    expect(await outputs(twice, x)).toEqual([-1, -1.5, -1.5, 0]);
  });
});

describe('parameters', () => {
  const graph = built(['N', 4], (b) => {
    const h = b.op('MatMul', ['x', b.initializer('weight', random('w', [4, 3]))]);
    const biased = b.op('Add', [h, b.initializer('bias', random('b', [3]))]);
    return b.op('Div', [norm(b, biased, 'bn', 3), b.initializer('temperature', float32([2]))]);
  });

  it('are the weights, biases and scales, but no statistics and no other constants', () => {
    expect(parameterNames(graph)).toEqual(['weight', 'bias', 'bn.weight', 'bn.bias']);
    expect(statisticNames(graph)).toEqual(['bn.mean', 'bn.var']);
  });

  it('become inputs, with their values fed', async () => {
    const names = parameterNames(graph);
    const open = asInputs(graph, names);
    expect(open.inputs.map((i) => i.name)).toEqual(['x', ...names]);
    expect(names.some((name) => open.initializers.has(name))).toBe(false);
    const x = random('x', [2, 4]);
    const fed = Object.fromEntries(names.map((name) => [name, graph.initializers.get(name)!]));
    const { y } = await evaluate(open, { x, ...fed });
    expect(numbers(y!)).toEqual(await outputs(graph, x));
    expect(() => asInputs(graph, ['nothing'])).toThrow('no initializer "nothing"');
  });

  it('take other values', () => {
    const changed = withValues(
      graph,
      new Map([
        ['bias', float32([7, 8, 9])],
        ['stranger', float32([1])],
      ]),
    );
    expect(changed.initializers.get('bias')!.data).toEqual(Float32Array.of(7, 8, 9));
    expect(changed.initializers.has('stranger')).toBe(false);
    expect(changed.initializers.get('weight')).toBe(graph.initializers.get('weight'));
  });

  it('in training mode, statistics come out under their next name', async () => {
    const training = inTrainingMode(graph);
    validateModel(toModel(training));
    expect(training.outputs.map((o) => o.name)).toEqual(['y', 'bn.mean_next', 'bn.var_next']);
    const out = await evaluate(training, { x: random('x', [5, 4]) });
    expect(out['bn.mean_next']!.shape).toEqual([3]);
    expect(numbers(out['bn.mean_next']!)).not.toEqual(numbers(graph.initializers.get('bn.mean')!));
  });
});
