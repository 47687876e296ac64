/**
 * The ai.onnx operators that shape inference, the autodiff and the reference interpreter know. Adding a name here makes
 * the compiler ask for its shape rule (src/graph/shapes), its kernel (src/graph/reference) and its gradient rule
 * (src/autodiff/rules).
 */
export const OPS = [
  'Abs', 'Acos', 'Acosh', 'Add', 'And', 'ArgMax', 'ArgMin', 'Asin', 'Asinh', 'Atan', 'Atanh', 'AveragePool',
  'BatchNormalization', 'Bernoulli',
  'Cast', 'Ceil', 'Clip', 'Concat', 'Constant', 'ConstantOfShape', 'Conv', 'ConvTranspose', 'Cos', 'Cosh', 'CumSum',
  'DepthToSpace', 'DequantizeLinear', 'Div', 'Dropout',
  'Einsum', 'Elu', 'Equal', 'Erf', 'Exp', 'Expand', 'EyeLike',
  'Flatten', 'Floor',
  'Gather', 'GatherElements', 'GatherND', 'Gelu', 'Gemm', 'GlobalAveragePool', 'Greater', 'GreaterOrEqual',
  'HardSigmoid', 'Hardmax',
  'Identity', 'InstanceNormalization', 'IsInf', 'IsNaN',
  'LayerNormalization', 'LeakyRelu', 'Less', 'LessOrEqual', 'Log', 'LogSoftmax',
  'MatMul', 'Max', 'MaxPool', 'Min', 'Mod', 'Mul',
  'Neg', 'NonZero', 'Not',
  'OneHot', 'Or',
  'PRelu', 'Pad', 'Pow',
  'QuantizeLinear',
  'RandomNormal', 'RandomNormalLike', 'RandomUniform', 'RandomUniformLike', 'Range', 'ReduceL2', 'ReduceLogSumExp',
  'ReduceMax', 'ReduceMean', 'ReduceMin', 'ReduceProd', 'ReduceSum', 'Relu', 'Reshape', 'Resize', 'Round',
  'ScatterElements', 'ScatterND', 'Selu', 'Shape', 'Sigmoid', 'Sign', 'Sin', 'Sinh', 'Size', 'Slice', 'Softmax',
  'SoftmaxCrossEntropyLoss', 'Softplus', 'SpaceToDepth', 'Split', 'Sqrt', 'Squeeze', 'Sub', 'Sum',
  'Tan', 'Tanh', 'Tile', 'TopK', 'Transpose', 'Trilu',
  'Unsqueeze',
  'Where',
  'Xor',
] as const; // biome-ignore format: the alphabet

export type Op = (typeof OPS)[number];

/**
 * Operators that canonicalisation writes with those of OPS (src/graph/rewrites), so that they need no rules of their
 * own. A name with a domain is that domain's operator.
 */
export const REWRITTEN = [
  'AffineGrid', 'Attention', 'CastLike', 'Celu', 'CenterCropPad', 'Col2Im', 'Compress', 'ConvInteger',
  'DynamicQuantizeLinear',
  'GRU', 'GlobalLpPool', 'GlobalMaxPool', 'GridSample', 'GroupNormalization',
  'HardSwish',
  'LRN', 'LSTM', 'LpNormalization', 'LpPool',
  'MatMulInteger', 'Mean', 'MeanVarianceNormalization', 'Mish',
  'QLinearConv', 'QLinearMatMul',
  'RMSNormalization', 'RNN', 'Reciprocal', 'ReduceL1', 'ReduceLogSum', 'ReduceSumSquare', 'RotaryEmbedding',
  'Shrink', 'Softsign', 'Swish',
  'ThresholdedRelu',
  'Upsample',
  'com.microsoft.BiasGelu', 'com.microsoft.FastGelu', 'com.microsoft.FusedConv', 'com.microsoft.FusedGemm',
  'com.microsoft.FusedMatMul', 'com.microsoft.Gelu', 'com.microsoft.QGemm', 'com.microsoft.QLinearAdd',
  'com.microsoft.QLinearAveragePool', 'com.microsoft.QLinearConcat', 'com.microsoft.QLinearGlobalAveragePool',
  'com.microsoft.QLinearLeakyRelu', 'com.microsoft.QLinearMul', 'com.microsoft.QLinearSigmoid',
  'com.microsoft.QLinearSoftmax', 'com.microsoft.QuickGelu', 'com.microsoft.SkipLayerNormalization',
] as const; // biome-ignore format: the alphabet

export type RewrittenOp = (typeof REWRITTEN)[number];

const known: ReadonlySet<string> = new Set(OPS);
const rewritten: ReadonlySet<string> = new Set(REWRITTEN);

export const isOp = (op: string): op is Op => known.has(op);

/** An operator's name, with its domain where that is not ai.onnx. */
export const qualified = (node: { readonly op: string; readonly domain: string }): string =>
  node.domain === '' ? node.op : `${node.domain}.${node.op}`;

export const isRewritten = (name: string): name is RewrittenOp => rewritten.has(name);
