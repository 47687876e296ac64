import { create, mergeFromBinary, toBinary } from '@bufbuild/protobuf';
import { ModelProtoSchema, OperatorSetIdProtoSchema } from 'onnx-buf';
import { TouchstoneError } from '../../errors.ts';
import type { Graph, Model, Tensor } from '../ir.ts';
import { subgraphsOf } from './attribute.ts';
import { writeEntries } from './fields.ts';
import { writeGraph } from './graph.ts';
import { PROTOBUF_LIMIT } from './limits.ts';

/**
 * The bytes of an .onnx file, tensors as `raw_data`: the same model gives the same bytes.
 *
 * @param elsewhere initializers whose data the file does not hold, and the location of each: external data
 * @throws E_UNSUPPORTED beyond 2 GiB, protobuf's limit; E_SHAPE, E_RANGE for values ONNX cannot hold.
 */
export function writeModel(model: Model, elsewhere: ReadonlyMap<string, string> = new Map()): Uint8Array {
  const atLeast = tensorBytes(model.graph);
  if (atLeast > PROTOBUF_LIMIT) throw tooLarge(atLeast);
  const proto = create(ModelProtoSchema);
  if (model.extra) mergeFromBinary(ModelProtoSchema, proto, model.extra);
  proto.irVersion = BigInt(model.irVersion);
  // Before IR version 3 there was one operator set, and naming it is an error.
  if (model.irVersion >= 3)
    proto.opsetImport = [...model.opsets].map(([domain, version]) =>
      create(OperatorSetIdProtoSchema, { domain, version: BigInt(version) }),
    );
  if (model.producerName !== undefined) proto.producerName = model.producerName;
  if (model.producerVersion !== undefined) proto.producerVersion = model.producerVersion;
  if (model.domain !== undefined) proto.domain = model.domain;
  if (model.modelVersion !== undefined) proto.modelVersion = BigInt(model.modelVersion);
  if (model.doc !== undefined) proto.docString = model.doc;
  proto.metadataProps = writeEntries(model.metadata);
  proto.graph = writeGraph(model.graph, elsewhere);
  const bytes = toBinary(ModelProtoSchema, proto);
  if (bytes.length > PROTOBUF_LIMIT) throw tooLarge(bytes.length);
  return bytes;
}

const tooLarge = (bytes: number): TouchstoneError =>
  new TouchstoneError(
    'E_UNSUPPORTED',
    `a model of ${(bytes / 2 ** 30).toFixed(2)} GiB`,
    'less than 2 GiB, the most an .onnx file can hold',
    'store its weights in a smaller type, float16 say',
  );

/** The bytes of all tensors, known before anything is allocated. */
function tensorBytes(graph: Graph): number {
  const size = ({ data }: Tensor): number => ('byteLength' in data ? data.byteLength : 0);
  let total = 0;
  for (const tensor of graph.initializers.values()) total += size(tensor);
  for (const node of graph.nodes)
    for (const attribute of node.attributes.values()) {
      if (attribute.type === 'tensor') total += size(attribute.value);
      else if (attribute.type === 'tensors') for (const tensor of attribute.value) total += size(tensor);
      else for (const subgraph of subgraphsOf(attribute)) total += tensorBytes(subgraph);
    }
  return total;
}
