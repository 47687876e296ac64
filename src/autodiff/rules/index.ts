import type { Op } from '../../graph/index.ts';
import type { Rule } from '../tape.ts';
import * as activation from './activation.ts';
import * as arithmetic from './arithmetic.ts';
import * as conv from './conv.ts';
import * as layout from './layout.ts';
import * as linear from './linear.ts';
import * as normalisation from './normalisation.ts';
import * as pool from './pool.ts';
import * as reduce from './reduce.ts';
import * as softmax from './softmax.ts';

/** Its output does not change with small changes of its input: no gradient goes through. */
export const STOP = 'stop';

/** One rule per operator; an operator listed in src/graph/ops.ts without a line here does not compile. */
export const rules: { readonly [O in Op]: Rule | typeof STOP } = {
  Abs: activation.Abs,
  Add: arithmetic.Add,
  ArgMax: STOP,
  AveragePool: pool.AveragePool,
  BatchNormalization: normalisation.BatchNormalization,
  Cast: layout.Cast,
  Clip: activation.Clip,
  Concat: layout.Concat,
  Constant: STOP,
  Conv: conv.Conv,
  ConvTranspose: conv.ConvTranspose,
  DepthToSpace: layout.DepthToSpace,
  Div: arithmetic.Div,
  Dropout: layout.Dropout,
  Equal: STOP,
  Exp: activation.Exp,
  Expand: layout.Expand,
  Flatten: layout.Flatten,
  Gather: layout.Gather,
  Gemm: linear.Gemm,
  GlobalAveragePool: pool.GlobalAveragePool,
  Greater: STOP,
  HardSigmoid: activation.HardSigmoid,
  Identity: layout.Identity,
  LeakyRelu: activation.LeakyRelu,
  Less: STOP,
  Log: activation.Log,
  LogSoftmax: softmax.LogSoftmax,
  MatMul: linear.MatMul,
  MaxPool: pool.MaxPool,
  Mul: arithmetic.Mul,
  Neg: activation.Neg,
  OneHot: STOP,
  Pad: layout.Pad,
  Pow: arithmetic.Pow,
  ReduceMax: reduce.ReduceMax,
  ReduceMean: reduce.ReduceMean,
  ReduceSum: reduce.ReduceSum,
  Relu: activation.Relu,
  Reshape: layout.Reshape,
  Shape: STOP,
  Sigmoid: activation.Sigmoid,
  Sign: STOP,
  Slice: layout.Slice,
  Softmax: softmax.Softmax,
  SoftmaxCrossEntropyLoss: linear.SoftmaxCrossEntropyLoss,
  SpaceToDepth: layout.SpaceToDepth,
  Sqrt: activation.Sqrt,
  Squeeze: layout.Squeeze,
  Sub: arithmetic.Sub,
  Sum: arithmetic.Add,
  Tanh: activation.Tanh,
  Transpose: layout.Transpose,
  Unsqueeze: layout.Unsqueeze,
  Where: arithmetic.Where,
};
