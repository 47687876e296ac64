import fc from 'fast-check';
import { float } from '../../../src/graph/index.ts';
import { among, any, apart, frozen, labels, positive, type Spec } from '../check.ts';
import { axesOf, axisOf, flag, type Generators, int, list, type Sample, shapeOf } from './sample.ts';

type Fill = (...shape: readonly (number | 'N')[]) => Spec;

/** A reduction over some axes, all of them, or (with noop_with_empty_axes) none. */
const reduction = (op: string, fill: Fill, dynamic = true): fc.Arbitrary<Sample> =>
  shapeOf(1).chain((drawn) => {
    const shape = dynamic ? drawn : drawn.map((d) => (d === 'N' ? 2 : d));
    return fc
      .tuple(fc.oneof(axesOf(shape.length), fc.constant(undefined)), flag, fc.boolean())
      .map(([axes, keepdims, none]) => ({
        label: `${op} of [${shape}] over ${axes ?? (none ? 'none' : 'all')}, keepdims ${keepdims}`,
        inputs: { x: fill(...shape) },
        y: (b) =>
          b.op(op, axes ? ['x', b.ints(axes)] : ['x'], {
            keepdims,
            ...(!axes && none && { noop_with_empty_axes: 1 }),
          }),
      }));
  });

const alongAxis = (op: string): fc.Arbitrary<Sample> =>
  shapeOf(1).chain((shape) =>
    fc.option(axisOf(shape.length), { nil: undefined }).map((axis) => ({
      label: `${op} of [${shape}] along ${axis}`,
      inputs: { x: any(...shape) },
      y: (b) => b.op(op, ['x'], axis === undefined ? {} : { axis }),
    })),
  );

const cumulative: fc.Arbitrary<Sample> = shapeOf(1).chain((shape) =>
  fc.tuple(axisOf(shape.length), flag, flag).map(([axis, exclusive, reverse]) => ({
    label: `CumSum of [${shape}] along ${axis}, exclusive ${exclusive}, reverse ${reverse}`,
    inputs: { x: any(...shape) },
    y: (b) => b.op('CumSum', ['x', b.constant(integer(axis))], { exclusive, reverse }),
  })),
);
const integer = (value: number) => ({
  dtype: 'int64' as const,
  shape: [],
  data: BigInt64Array.of(BigInt(value)),
});

/** `[N, C, …]` with any number of spatial axes. */
const channelled = (min: number, max: number, smallest = 1) =>
  fc
    .tuple(
      fc.constantFrom<number | 'N'>('N', 1, 2),
      int(1, 3),
      fc.array(int(smallest, 3), { minLength: min, maxLength: max }),
    )
    .map(([n, c, space]) => [n, c, ...space] as const);

const batchNorm: fc.Arbitrary<Sample> = fc.tuple(channelled(0, 3), flag).map(([shape, training_mode]) => ({
  label: `BatchNormalization of [${shape}], training ${training_mode}`,
  inputs: { x: any(...shape) },
  weights: {
    gamma: any(shape[1]),
    beta: any(shape[1]),
    mean: training_mode ? frozen(any(shape[1])) : any(shape[1]),
    variance: training_mode ? frozen(positive(shape[1])) : positive(shape[1]),
  },
  y: (b) =>
    b.ops(
      'BatchNormalization',
      ['x', 'gamma', 'beta', 'mean', 'variance'],
      { epsilon: float(0.1), training_mode },
      training_mode ? 3 : 1,
    )[0]!,
}));

const instanceNorm: fc.Arbitrary<Sample> = channelled(1, 3).map((shape) => ({
  label: `InstanceNormalization of [${shape}]`,
  inputs: { x: any(...shape) },
  weights: { gamma: any(shape[1]), beta: any(shape[1]) },
  y: (b) => b.op('InstanceNormalization', ['x', 'gamma', 'beta'], { epsilon: float(0.1) }),
}));

/** Any axis, scale and bias that broadcast, and the statistics added to what is differentiated. */
const layerNorm: fc.Arbitrary<Sample> = shapeOf(2).chain((drawn) =>
  fc
    .tuple(int(1, drawn.length - 1), list(fc.boolean(), 8), fc.boolean(), fc.boolean(), fc.boolean())
    .map(([axis, narrow, bias, statistics, fromEnd]) => {
      const sizes = drawn.slice(axis) as number[];
      const own = sizes.map((d, i) => (narrow[i] ? 1 : d));
      return {
        label: `LayerNormalization of [${drawn}] from ${axis} by [${own}]${statistics ? ' with statistics' : ''}`,
        inputs: { x: any(...drawn) },
        weights: { gamma: any(...own), ...(bias && { beta: any(...sizes) }) },
        y: (b) => {
          const attributes = { axis: fromEnd ? axis - drawn.length : axis, epsilon: float(0.1) };
          const inputs = ['x', 'gamma', ...(bias ? ['beta'] : [])];
          const [y, mean, inverse] = b.ops('LayerNormalization', inputs, attributes, statistics ? 3 : 1);
          return statistics ? b.op('Add', [y!, b.op('Mul', [mean!, b.op('Tanh', [inverse!])])]) : y!;
        },
      };
    }),
);

/** Reductions, class weights, an ignored class, pixels, and the second output. */
const crossEntropy: fc.Arbitrary<Sample> = fc
  .tuple(
    fc.constantFrom<number | 'N'>('N', 1, 3),
    int(2, 4),
    fc.array(int(1, 3), { maxLength: 2 }),
    fc.constantFrom('none', 'sum', 'mean', undefined),
    fc.boolean(),
    fc.boolean(),
    fc.boolean(),
  )
  .map(([n, classes, space, reduction, weighted, ignores, second]) => ({
    label: `SoftmaxCrossEntropyLoss of [${[n, classes, ...space]}] ${reduction}${weighted ? ' weighted' : ''}${ignores ? ' ignoring' : ''}`,
    inputs: {
      x: any(n, classes, ...space),
      t: labels(classes, n, ...space),
      ...(weighted && { w: frozen(positive(classes)) }),
    },
    y: (b) => {
      const attributes = { ...(reduction && { reduction }), ...(ignores && { ignore_index: classes + 3 }) };
      const target = ignores ? b.op('Where', [odd(b, 't'), 't', b.constant(integer(classes + 3))]) : 't';
      const [loss, logs] = b.ops(
        'SoftmaxCrossEntropyLoss',
        ['x', target, ...(weighted ? ['w'] : [])],
        attributes,
        second ? 2 : 1,
      );
      if (!second) return loss!;
      return b.op('Add', [b.op('ReduceSum', [logs!], { keepdims: 0 }), b.op('Tanh', [loss!])]);
    },
  }));
const odd = (b: Parameters<Sample['y']>[0], t: string) => b.op('Greater', [t, b.constant(integer(0))]);

export const reductions: Generators = {
  BatchNormalization: batchNorm,
  CumSum: cumulative,
  InstanceNormalization: instanceNorm,
  LayerNormalization: layerNorm,
  LogSoftmax: alongAxis('LogSoftmax'),
  ReduceL2: reduction('ReduceL2', any),
  ReduceLogSumExp: reduction('ReduceLogSumExp', any),
  ReduceMax: reduction('ReduceMax', apart),
  ReduceMean: reduction('ReduceMean', any),
  ReduceMin: reduction('ReduceMin', apart),
  ReduceProd: reduction('ReduceProd', (...shape) => among([0, -0.5, 0.7, 1.3], ...shape), false),
  ReduceSum: reduction('ReduceSum', any),
  Softmax: alongAxis('Softmax'),
  SoftmaxCrossEntropyLoss: crossEntropy,
};
