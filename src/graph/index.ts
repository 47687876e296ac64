/** The graph: ONNX models in memory, their types, building, reading and writing. */
export {
  type AttributeValue,
  constantOf,
  float,
  float32,
  floatOf,
  int64,
  intOf,
  intsOf,
  scalar,
  stringOf,
} from './attributes.ts';
export { GraphBuilder, OPSET, toModel, type Value } from './builder.ts';
export { dataTypeNumber, dataTypeOf, isFloat, rangeOf } from './data-types.ts';
export { broadcast, formatShape, product, quotient, sizeOf } from './dims.ts';
export type * from './ir.ts';
export { isOp, isRewritten, OPS, type Op, qualified, REWRITTEN, type RewrittenOp } from './ops.ts';
export { bakeNormalisation } from './passes/bake-normalisation.ts';
export { type CanonicaliseOptions, canonicalise, unsupportedNodes } from './passes/canonicalise.ts';
export { foldBatchNorm } from './passes/fold-batch-norm.ts';
export { modernise } from './passes/modernise.ts';
export { constantsOf, parameterNames } from './passes/parameter-names.ts';
export { asInputs, inTrainingMode, statisticNames, withValues } from './passes/parameters.ts';
export { rename, valueNames } from './passes/rename.ts';
export { dropNoOps } from './passes/simplify.ts';
export * from './proto/index.ts';
export { callKernel, type Dense, denseOf, evaluate, tensorOf } from './reference/index.ts';
export { inferNode, nodeLabel, type ShapeContext, type TensorType } from './shapes/index.ts';
export { padsOf, permutationOf, resolveSlice, sliceOf, splitSizes } from './shapes/layout.ts';
export { equationOf } from './shapes/linear.ts';
export { keepsDims, reducedAxes } from './shapes/reduce.ts';
export { type Window, windowOf, windowOutput } from './shapes/spatial.ts';
export { validateModel } from './validate.ts';
