import { type Graph, GraphBuilder, toModel, type Value, writeModel } from '../../src/graph/index.ts';
import { type Key, key, normal } from '../../src/random/index.ts';

/** Small classifiers of different kinds, as files: what damaged files are made from. */
export function builtCorpus(): Uint8Array[] {
  return Object.entries(NETS).map(([name, net]) => writeModel(toModel(built(name, net))));
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
};
