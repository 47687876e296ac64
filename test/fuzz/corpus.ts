import {
  type Attribute,
  type Graph,
  GraphBuilder,
  int64,
  type Model,
  toModel,
  type Value,
  writeModel,
} from '../../src/graph/index.ts';
import { type Key, key, normal } from '../../src/random/index.ts';
import { floats, graph, model, node, value } from '../graph/proto-models.ts';

/** Small classifiers of different kinds, as files: what damaged files are made from. */
export function builtCorpus(): Uint8Array[] {
  return [...Object.entries(NETS).map(([name, net]) => toModel(built(name, net))), recurrent].map((model) =>
    writeModel(model),
  );
}

/** An operator that is rewritten, a branch whose condition is constant, and an older set. */
const recurrent: Model = model(
  {
    ...graph(
      [
        node('If', ['yes'], ['images'], { then_branch: branch('Relu'), else_branch: branch('Neg') }),
        node('Reshape', ['images', 'rows'], ['flat']),
        node('GRU', ['flat', 'w', 'r'], ['', 'last'], { hidden_size: { type: 'int', value: 3 } }),
        node('Squeeze', ['last'], ['h'], { axes: { type: 'ints', value: [0] } }),
        node('MatMul', ['h', 'v'], ['scores']),
        node('Softmax', ['scores'], ['y']),
      ],
      {
        yes: { dtype: 'bool', shape: [], data: Uint8Array.of(1) },
        rows: int64([24, -1, 8]),
        w: floats([1, 9, 8]),
        r: floats([1, 9, 3]),
        v: floats([3, 5]),
      },
    ),
    inputs: [value('x', ['N', 3, 8, 8])],
    outputs: [value('y', ['N', 5])],
  },
  { '': 12 },
);

function branch(op: string): Attribute {
  const inner = graph([node(op, ['x'], ['b'])], {}, [], ['b']);
  return { type: 'graph', value: inner };
}

type Net = (b: GraphBuilder, x: Value, weight: (...shape: number[]) => Value) => Value;

function built(name: string, net: Net): Graph {
  const b = new GraphBuilder();
  const root: Key = key(3).fold(name);
  let count = 0;
  const weight = (...shape: number[]) => {
    const size = shape.reduce((a, d) => a * d, 1);
    return b.constant({ dtype: 'float32', shape, data: normal(root.fold(count++), size) }, 'w');
  };
  b.output(net(b, b.input('x', 'float32', ['N', 3, 8, 8]), weight), 'logits');
  return b.build(name);
}

const same = { kernel_shape: [3, 3], pads: [1, 1, 1, 1] };
const dense = (b: GraphBuilder, x: Value, w: Value): Value => b.op('Gemm', [b.op('Flatten', [x]), w]);

const NETS: Readonly<Record<string, Net>> = {
  convolutional: (b, x, w) => {
    const h = b.op('Relu', [b.op('Conv', [x, w(4, 3, 3, 3), w(4)], { ...same, strides: [2, 2] })]);
    return dense(b, b.op('MaxPool', [h], { kernel_shape: [2, 2], strides: [2, 2] }), w(16, 5));
  },
  normalised: (b, x, w) => {
    const h = b.op('Conv', [x, w(4, 3, 1, 1)], { kernel_shape: [1, 1] });
    const n = b.op('BatchNormalization', [h, w(4), w(4), w(4), b.op('Exp', [w(4)])]);
    const i = b.op('InstanceNormalization', [b.op('Clip', [n, b.scalar(0), b.scalar(6)]), w(4), w(4)]);
    return dense(b, b.op('AveragePool', [i], { ...same, count_include_pad: 1 }), w(256, 5));
  },
  attention: (b, x, w) => {
    const t = b.transpose(
      b.reshape(b.op('Conv', [x, w(6, 3, 4, 4)], { kernel_shape: [4, 4], strides: [4, 4] }), [0, 6, 4]),
      [0, 2, 1],
    );
    const n = b.op('LayerNormalization', [t, w(6), w(6)]);
    const [q, k, v] = b.ops('Split', [b.op('MatMul', [n, w(6, 18)])], { axis: 2, num_outputs: 3 }, 3);
    const a = b.op('Softmax', [b.op('MatMul', [q!, b.transpose(k!, [0, 2, 1])])]);
    const y = b.op('Add', [t, b.op('Gelu', [b.op('MatMul', [a, v!])])]);
    return b.op('Gemm', [b.op('ReduceMean', [y, b.ints([1])], { keepdims: 0 }), w(6, 5)]);
  },
  shaped: (b, x, w) => {
    const batch = b.op('Gather', [b.op('Shape', [x]), b.ints([0])]);
    const h = b.op('Reshape', [x, b.op('Concat', [batch, b.ints([-1])], { axis: 0 })]);
    const s = b.slice(h, [{ axis: 1, start: 1, end: 190, step: 3 }]);
    const p = b.op('Pad', [s, b.ints([0, 2, 0, 1])], { mode: 'reflect' });
    return b.op('MatMul', [b.op('Tile', [p, b.ints([1, 2])]), w(132, 5)]);
  },
  resized: (b, x, w) => {
    const r = b.op('Resize', [x, '', b.floats([1, 1, 1.5, 1.5])], { mode: 'linear' });
    const h = b.op('ConvTranspose', [r, w(3, 2, 2, 2)], { kernel_shape: [2, 2], strides: [2, 2] });
    const g = b.op('GlobalAveragePool', [
      b.op('DepthToSpace', [b.op('Concat', [h, h], { axis: 1 })], { blocksize: 2 }),
    ]);
    return b.op('Softmax', [dense(b, g, w(1, 5))]);
  },
  quantised: (b, x, w) => {
    const [scale, zero] = [b.scalar(0.05), b.constant({ dtype: 'int8', shape: [], data: Int8Array.of(3) })];
    const quantise = (v: Value) =>
      b.op('DequantizeLinear', [b.op('QuantizeLinear', [v, scale, zero]), scale, zero]);
    const h = b.op('Conv', [quantise(x), quantise(w(4, 3, 3, 3))], { ...same, group: 1 });
    return dense(b, b.op('Round', [b.op('PRelu', [quantise(h), w(4, 1, 1)])]), w(256, 5));
  },
  indexed: (b, x, w) => {
    const flat = b.reshape(x, [0, 192]);
    const [top, at] = b.ops('TopK', [flat, b.ints([16])], { axis: 1 }, 2);
    const taken = b.op('GatherElements', [b.op('CumSum', [flat, b.ints([1])]), at!], { axis: 1 });
    const some = b.op(
      'Gather',
      [b.op('Where', [b.op('Greater', [top!, taken]), top!, taken]), b.ints([1, 1, 5, 0])],
      { axis: 1 },
    );
    return b.op('Einsum', [some, w(4, 5)], { equation: 'nk,kc->nc' });
  },
};
