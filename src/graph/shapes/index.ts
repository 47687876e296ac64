import { TouchstoneError } from '../../errors.ts';
import { formatShape } from '../dims.ts';
import type { Op } from '../ops.ts';
import { isOp } from '../ops.ts';
import * as elementwise from './elementwise.ts';
import * as gather from './gather.ts';
import * as generate from './generate.ts';
import * as layout from './layout.ts';
import * as linear from './linear.ts';
import * as reduce from './reduce.ts';
import { Resize } from './resize.ts';
import { MAX_RANK, mismatch, nodeLabel, type ShapeContext, type ShapeRule, type TensorType } from './rule.ts';
import * as spatial from './spatial.ts';

export { nodeLabel, type ShapeContext, type TensorType } from './rule.ts';
export { inferValues } from './values.ts';

/** One rule per operator; an operator listed in ops.ts without a rule here does not compile. */
const rules: { readonly [O in Op]: ShapeRule } = {
  Abs: elementwise.same,
  Acos: elementwise.same,
  Acosh: elementwise.same,
  Add: elementwise.elementwise,
  And: elementwise.elementwise,
  ArgMax: reduce.arg,
  ArgMin: reduce.arg,
  Asin: elementwise.same,
  Asinh: elementwise.same,
  Atan: elementwise.same,
  Atanh: elementwise.same,
  AveragePool: spatial.AveragePool,
  BatchNormalization: spatial.BatchNormalization,
  Bernoulli: generate.randomLike,
  Cast: elementwise.Cast,
  Ceil: elementwise.same,
  Clip: elementwise.same,
  Concat: layout.Concat,
  Constant: layout.Constant,
  ConstantOfShape: generate.ConstantOfShape,
  Conv: spatial.Conv,
  ConvTranspose: spatial.ConvTranspose,
  Cos: elementwise.same,
  Cosh: elementwise.same,
  CumSum: elementwise.same,
  DepthToSpace: spatial.DepthToSpace,
  DequantizeLinear: elementwise.DequantizeLinear,
  Div: elementwise.elementwise,
  Dropout: elementwise.Dropout,
  Einsum: linear.Einsum,
  Elu: elementwise.same,
  Equal: elementwise.comparison,
  Erf: elementwise.same,
  Exp: elementwise.same,
  Expand: layout.Expand,
  EyeLike: generate.EyeLike,
  Flatten: layout.Flatten,
  Floor: elementwise.same,
  Gather: gather.Gather,
  GatherElements: gather.GatherElements,
  GatherND: gather.GatherND,
  Gelu: elementwise.same,
  Gemm: linear.Gemm,
  GlobalAveragePool: spatial.GlobalAveragePool,
  Greater: elementwise.comparison,
  GreaterOrEqual: elementwise.comparison,
  HardSigmoid: elementwise.same,
  Hardmax: elementwise.same,
  Identity: elementwise.same,
  InstanceNormalization: spatial.InstanceNormalization,
  IsInf: elementwise.test,
  IsNaN: elementwise.test,
  LayerNormalization: linear.LayerNormalization,
  LeakyRelu: elementwise.same,
  Less: elementwise.comparison,
  LessOrEqual: elementwise.comparison,
  Log: elementwise.same,
  LogSoftmax: elementwise.same,
  MatMul: linear.MatMul,
  Max: elementwise.elementwise,
  MaxPool: spatial.MaxPool,
  Min: elementwise.elementwise,
  Mod: elementwise.elementwise,
  Mul: elementwise.elementwise,
  Neg: elementwise.same,
  NonZero: generate.NonZero,
  Not: elementwise.same,
  OneHot: generate.OneHot,
  Or: elementwise.elementwise,
  PRelu: elementwise.PRelu,
  Pad: layout.Pad,
  Pow: elementwise.elementwise,
  QuantizeLinear: elementwise.QuantizeLinear,
  RandomNormal: generate.random,
  RandomNormalLike: generate.randomLike,
  RandomUniform: generate.random,
  RandomUniformLike: generate.randomLike,
  Range: generate.Range,
  ReduceL2: reduce.reduce,
  ReduceLogSumExp: reduce.reduce,
  ReduceMax: reduce.reduce,
  ReduceMean: reduce.reduce,
  ReduceMin: reduce.reduce,
  ReduceProd: reduce.reduce,
  ReduceSum: reduce.reduce,
  Relu: elementwise.same,
  Reshape: layout.Reshape,
  Resize,
  Round: elementwise.same,
  ScatterElements: gather.ScatterElements,
  ScatterND: gather.ScatterND,
  Selu: elementwise.same,
  Shape: layout.Shape,
  Sigmoid: elementwise.same,
  Sign: elementwise.same,
  Sin: elementwise.same,
  Sinh: elementwise.same,
  Size: generate.Size,
  Slice: layout.Slice,
  Softmax: elementwise.same,
  SoftmaxCrossEntropyLoss: linear.SoftmaxCrossEntropyLoss,
  Softplus: elementwise.same,
  SpaceToDepth: spatial.SpaceToDepth,
  Split: layout.Split,
  Sqrt: elementwise.same,
  Squeeze: layout.Squeeze,
  Sub: elementwise.elementwise,
  Sum: elementwise.elementwise,
  Tan: elementwise.same,
  Tanh: elementwise.same,
  Tile: layout.Tile,
  TopK: gather.TopK,
  Transpose: layout.Transpose,
  Trilu: elementwise.same,
  Unsqueeze: layout.Unsqueeze,
  Where: elementwise.Where,
  Xor: elementwise.elementwise,
};

/**
 * The types of a node's outputs.
 *
 * @throws E_UNSUPPORTED naming the node, for an operator without a rule; E_SHAPE where shapes do not fit
 */
export function inferNode(c: ShapeContext): readonly TensorType[] {
  const { op, domain } = c.node;
  if (domain !== '' || !isOp(op))
    throw new TouchstoneError(
      'E_UNSUPPORTED',
      `operator ${nodeLabel(c.node)}`,
      'an operator with a shape and a gradient rule (src/graph/ops.ts lists them)',
      'export the model with standard ai.onnx operators only',
    );
  const types = rules[op](c);
  for (const { shape } of types)
    if (
      shape.length > MAX_RANK ||
      shape.some((d) => typeof d === 'number' && !(Number.isSafeInteger(d) && d >= 0))
    )
      throw mismatch(
        c.node,
        `would give ${shape.length > MAX_RANK ? `rank ${shape.length}` : `shape ${formatShape(shape)}`}`,
        `at most ${MAX_RANK} sizes, none negative`,
      );
  return types;
}
