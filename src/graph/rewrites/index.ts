import type { RewrittenOp } from '../ops.ts';
import * as activations from './activations.ts';
import * as attention from './attention.ts';
import * as contrib from './contrib.ts';
import * as layout from './layout.ts';
import * as norms from './norms.ts';
import * as quantised from './quantised.ts';
import * as recurrent from './recurrent.ts';
import * as reductions from './reductions.ts';
import type { Rewrite } from './rewrite.ts';
import * as sampling from './sampling.ts';

export type { Rewrite } from './rewrite.ts';

/** One rewriting per operator; an operator listed in REWRITTEN without one here does not compile. */
export const rewrites: { readonly [O in RewrittenOp]: Rewrite } = {
  AffineGrid: sampling.AffineGrid,
  Attention: attention.Attention,
  CastLike: layout.CastLike,
  Celu: activations.Celu,
  CenterCropPad: layout.CenterCropPad,
  Col2Im: layout.Col2Im,
  Compress: layout.Compress,
  ConvInteger: quantised.ConvInteger,
  DynamicQuantizeLinear: quantised.DynamicQuantizeLinear,
  GRU: recurrent.GRU,
  GlobalLpPool: reductions.GlobalLpPool,
  GlobalMaxPool: reductions.GlobalMaxPool,
  GridSample: sampling.GridSample,
  GroupNormalization: norms.GroupNormalization,
  HardSwish: activations.HardSwish,
  LRN: norms.LRN,
  LSTM: recurrent.LSTM,
  LpNormalization: norms.LpNormalization,
  LpPool: reductions.LpPool,
  MatMulInteger: quantised.MatMulInteger,
  Mean: reductions.Mean,
  MeanVarianceNormalization: norms.MeanVarianceNormalization,
  Mish: activations.Mish,
  QLinearConv: quantised.QLinearConv,
  QLinearMatMul: quantised.QLinearMatMul,
  RMSNormalization: norms.RMSNormalization,
  RNN: recurrent.RNN,
  Reciprocal: activations.Reciprocal,
  ReduceL1: reductions.ReduceL1,
  ReduceLogSum: reductions.ReduceLogSum,
  ReduceSumSquare: reductions.ReduceSumSquare,
  RotaryEmbedding: attention.RotaryEmbedding,
  Shrink: activations.Shrink,
  Softsign: activations.Softsign,
  Swish: activations.Swish,
  ThresholdedRelu: activations.ThresholdedRelu,
  Upsample: layout.Upsample,
  'com.microsoft.BiasGelu': activations.BiasGelu,
  'com.microsoft.FastGelu': activations.FastGelu,
  'com.microsoft.FusedConv': contrib.FusedConv,
  'com.microsoft.FusedGemm': contrib.FusedGemm,
  'com.microsoft.FusedMatMul': contrib.FusedMatMul,
  'com.microsoft.Gelu': activations.Gelu,
  'com.microsoft.QGemm': quantised.QGemm,
  'com.microsoft.QLinearAdd': quantised.QLinearAdd,
  'com.microsoft.QLinearAveragePool': quantised.QLinearAveragePool,
  'com.microsoft.QLinearConcat': quantised.QLinearConcat,
  'com.microsoft.QLinearGlobalAveragePool': quantised.QLinearGlobalAveragePool,
  'com.microsoft.QLinearLeakyRelu': quantised.QLinearLeakyRelu,
  'com.microsoft.QLinearMul': quantised.QLinearMul,
  'com.microsoft.QLinearSigmoid': quantised.QLinearSigmoid,
  'com.microsoft.QLinearSoftmax': quantised.QLinearSoftmax,
  'com.microsoft.QuickGelu': activations.QuickGelu,
  'com.microsoft.SkipLayerNormalization': norms.SkipLayerNormalization,
};
