import type { GraphProto, ModelProto, NodeProto, SparseTensorProto, TensorProto } from 'onnx-buf';
import { malformed, quote } from './fields.ts';
import { DEFAULT_LIMITS, type ReadLimits } from './limits.ts';
import { declaredBytes, isExternal } from './tensor.ts';

/** Finds the bytes of external data: `length` undefined means up to the file's end. */
export type ExternalData = (location: string, offset: number, length: number | undefined) => Uint8Array;

type Visit = (tensor: TensorProto, where: string) => void;

/**
 * Adds up what all tensors of a model declare, wherever they are, then brings external data in, so that nothing
 * after this knows of it.
 *
 * @throws E_ONNX beyond `limits.tensorBytes`, or for external data that is missing or of the wrong length.
 */
export function settleTensors(
  model: ModelProto,
  load: ExternalData | undefined,
  limits: Pick<ReadLimits, 'tensorBytes'> = DEFAULT_LIMITS,
): void {
  let total = 0;
  visitModel(model, (tensor, where) => {
    total += declaredBytes(tensor, where);
    if (total > limits.tensorBytes)
      throw malformed(
        `tensors of more than ${limits.tensorBytes} bytes, up to ${where}`,
        'less',
        'raise the limit if the model is really this large',
      );
  });
  visitModel(model, (tensor, where) => {
    if (isExternal(tensor)) bringIn(tensor, where, load);
  });
}

function bringIn(tensor: TensorProto, where: string, load: ExternalData | undefined): void {
  const entries = new Map(tensor.externalData.map(({ key, value }) => [key, value]));
  const location = entries.get('location');
  if (!location) throw malformed(`${where} with external data but no location`, 'a file name');
  if (!load)
    throw malformed(
      `${where} with its data in the file ${quote(location)}`,
      'a model in one file',
      'read it by its path, beside that file',
    );
  const length = entries.has('length')
    ? byteCount(entries.get('length')!, `the length of ${where}`)
    : undefined;
  const declared = declaredBytes(tensor, where);
  if (length !== undefined && length !== declared)
    throw malformed(`${where} with ${length} bytes of external data`, `${declared} for its shape and type`);
  const offset = byteCount(entries.get('offset') ?? '0', `the offset of ${where}`);
  // Asked for by what the shape needs: a file with more behind it, and no length given, is not read whole.
  const bytes = load(location, offset, length ?? declared);
  if (bytes.length !== declared)
    throw malformed(
      `${where} with ${bytes.length} bytes of external data`,
      `${declared} for its shape and type`,
    );
  tensor.rawData = bytes as Uint8Array<ArrayBuffer>;
  tensor.externalData = [];
  tensor.dataLocation = 0;
}

function byteCount(text: string, what: string): number {
  const count = /^\d{1,16}$/.test(text) ? Number(text) : Number.NaN;
  if (!Number.isSafeInteger(count)) throw malformed(`${what} is ${quote(text)}`, 'a number of bytes');
  return count;
}

function visitModel(model: ModelProto, visit: Visit): void {
  if (model.graph) visitGraph(model.graph, visit);
  for (const { initialization, algorithm } of model.trainingInfo) {
    if (initialization) visitGraph(initialization, visit);
    if (algorithm) visitGraph(algorithm, visit);
  }
  for (const f of model.functions) {
    visitAttributes(f.attributeProto, `function ${quote(f.name)}`, visit);
    for (const node of f.node) visitNode(node, visit);
  }
}

function visitGraph(graph: GraphProto, visit: Visit): void {
  for (const tensor of graph.initializer) visit(tensor, `initializer ${quote(tensor.name)}`);
  for (const sparse of graph.sparseInitializer) visitSparse(sparse, 'a sparse initializer', visit);
  for (const node of graph.node) visitNode(node, visit);
}

const visitNode = (node: NodeProto, visit: Visit): void =>
  visitAttributes(node.attribute, `${node.opType} ${quote(node.name || (node.output[0] ?? '?'))}`, visit);

function visitAttributes(attributes: NodeProto['attribute'], owner: string, visit: Visit): void {
  for (const a of attributes) {
    const where = `attribute ${quote(a.name)} of ${owner}`;
    if (a.t) visit(a.t, where);
    for (const tensor of a.tensors) visit(tensor, where);
    if (a.sparseTensor) visitSparse(a.sparseTensor, where, visit);
    for (const sparse of a.sparseTensors) visitSparse(sparse, where, visit);
    if (a.g) visitGraph(a.g, visit);
    for (const graph of a.graphs) visitGraph(graph, visit);
  }
}

function visitSparse(sparse: SparseTensorProto, where: string, visit: Visit): void {
  if (sparse.values) visit(sparse.values, where);
  if (sparse.indices) visit(sparse.indices, where);
}
