/**
 * The ai.onnx operators that shape inference and the autodiff know. Adding a name here makes the compiler
 * ask for its shape rule (src/graph/shapes) and its gradient rule (src/autodiff/rules).
 */
export const OPS = [
  'Abs', 'Add', 'ArgMax', 'AveragePool', 'BatchNormalization', 'Cast', 'Clip', 'Concat', 'Constant', 'Conv',
  'ConvTranspose', 'DepthToSpace', 'Div', 'Dropout', 'Equal', 'Exp', 'Expand', 'Flatten', 'Gather', 'Gemm',
  'GlobalAveragePool', 'Greater', 'HardSigmoid', 'Identity', 'LeakyRelu', 'Less', 'Log', 'LogSoftmax', 'MatMul',
  'MaxPool', 'Mul', 'Neg', 'OneHot', 'Pad', 'Pow', 'ReduceMax', 'ReduceMean', 'ReduceSum', 'Relu', 'Reshape',
  'Shape', 'Sigmoid', 'Sign', 'Slice', 'Softmax', 'SoftmaxCrossEntropyLoss', 'SpaceToDepth', 'Sqrt', 'Squeeze',
  'Sub', 'Sum', 'Tanh', 'Transpose', 'Unsqueeze', 'Where',
] as const; // prettier-ignore

export type Op = (typeof OPS)[number];

const known: ReadonlySet<string> = new Set(OPS);

export const isOp = (op: string): op is Op => known.has(op);
