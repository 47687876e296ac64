import { TouchstoneError } from '../../errors.ts';
import type { Op } from '../ops.ts';
import { isOp } from '../ops.ts';
import * as elementwise from './elementwise.ts';
import * as layout from './layout.ts';
import * as linear from './linear.ts';
import * as reduce from './reduce.ts';
import { nodeLabel, type ShapeContext, type ShapeRule, type TensorType } from './rule.ts';
import * as spatial from './spatial.ts';

export { nodeLabel, type TensorType } from './rule.ts';

/** One rule per operator; an operator listed in ops.ts without a rule here does not compile. */
const rules: { readonly [O in Op]: ShapeRule } = {
  Abs: elementwise.same,
  Add: elementwise.elementwise,
  ArgMax: reduce.ArgMax,
  AveragePool: spatial.AveragePool,
  BatchNormalization: spatial.BatchNormalization,
  Cast: elementwise.Cast,
  Clip: elementwise.same,
  Concat: layout.Concat,
  Constant: layout.Constant,
  Conv: spatial.Conv,
  ConvTranspose: spatial.ConvTranspose,
  DepthToSpace: spatial.DepthToSpace,
  Div: elementwise.elementwise,
  Dropout: elementwise.Dropout,
  Equal: elementwise.comparison,
  Exp: elementwise.same,
  Expand: layout.Expand,
  Flatten: layout.Flatten,
  Gather: layout.Gather,
  Gemm: linear.Gemm,
  GlobalAveragePool: spatial.GlobalAveragePool,
  Greater: elementwise.comparison,
  HardSigmoid: elementwise.same,
  Identity: elementwise.same,
  LeakyRelu: elementwise.same,
  Less: elementwise.comparison,
  Log: elementwise.same,
  LogSoftmax: elementwise.same,
  MatMul: linear.MatMul,
  MaxPool: spatial.MaxPool,
  Mul: elementwise.elementwise,
  Neg: elementwise.same,
  OneHot: linear.OneHot,
  Pad: layout.Pad,
  Pow: elementwise.elementwise,
  ReduceMax: reduce.reduce,
  ReduceMean: reduce.reduce,
  ReduceSum: reduce.reduce,
  Relu: elementwise.same,
  Reshape: layout.Reshape,
  Shape: layout.Shape,
  Sigmoid: elementwise.same,
  Sign: elementwise.same,
  Slice: layout.Slice,
  Softmax: elementwise.same,
  SoftmaxCrossEntropyLoss: linear.SoftmaxCrossEntropyLoss,
  SpaceToDepth: spatial.SpaceToDepth,
  Sqrt: elementwise.same,
  Squeeze: layout.Squeeze,
  Sub: elementwise.elementwise,
  Sum: elementwise.elementwise,
  Tanh: elementwise.same,
  Transpose: layout.Transpose,
  Unsqueeze: layout.Unsqueeze,
  Where: elementwise.Where,
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
  return rules[op](c);
}
