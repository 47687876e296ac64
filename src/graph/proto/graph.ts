import { create, mergeFromBinary } from '@bufbuild/protobuf';
import { type GraphProto, GraphProtoSchema, type NodeProto, NodeProtoSchema } from 'onnx-buf';
import type { Attribute, Graph, Node, Tensor } from '../ir.ts';
import { readAttribute, writeAttribute } from './attribute.ts';
import { keepUnknown, leftover, malformed, own, quote, readEntries, writeEntries } from './fields.ts';
import { readTensor, writeReference, writeTensor } from './tensor.ts';
import { readValueInfo, writeValueInfo } from './value-info.ts';

/** How an error names a node: `Conv "conv1"`, or by its first output where it has no name. */
export const labelOf = (node: Pick<Node, 'op' | 'name' | 'outputs'>): string =>
  `${quote(node.op).slice(1, -1)} ${quote(node.name || node.outputs.find((o) => o) || '?')}`;

/** ONNX's own domain has two spellings; the IR has one. */
export const normalDomain = (domain: string): string => (domain === 'ai.onnx' ? '' : domain);

/** @throws E_ONNX for a tensor, attribute or initializer that cannot be. */
export function readGraph(proto: GraphProto): Graph {
  const initializers = new Map<string, Tensor>();
  for (const tensor of proto.initializer) {
    const where = `initializer ${quote(tensor.name)}`;
    if (!tensor.name) throw malformed('an initializer without a name', 'one');
    if (initializers.has(tensor.name)) throw malformed(`two initializers named ${quote(tensor.name)}`, 'one');
    initializers.set(tensor.name, readTensor(tensor, where, false));
  }
  const doc = own(proto, 'docString');
  const { sparseInitializer, quantizationAnnotation } = proto;
  const extra = leftover(
    GraphProtoSchema,
    keepUnknown(create(GraphProtoSchema, { sparseInitializer, quantizationAnnotation }), proto),
  );
  return {
    name: proto.name,
    inputs: proto.input.map(readValueInfo),
    outputs: proto.output.map(readValueInfo),
    nodes: proto.node.map(readNode),
    initializers,
    valueInfo: proto.valueInfo.map(readValueInfo),
    ...(doc !== undefined && { doc }),
    ...(proto.metadataProps.length > 0 && {
      metadata: readEntries(proto.metadataProps, `graph ${quote(proto.name)}`),
    }),
    ...(extra && { extra }),
  };
}

function readNode(proto: NodeProto): Node {
  const label = labelOf({ op: proto.opType, name: proto.name, outputs: proto.output });
  const attributes = new Map<string, Attribute>();
  for (const attribute of proto.attribute) {
    if (!attribute.name) throw malformed(`${label} with an attribute without a name`, 'one');
    if (attributes.has(attribute.name))
      throw malformed(`${label} with two attributes ${quote(attribute.name)}`, 'one');
    attributes.set(attribute.name, readAttribute(attribute, label));
  }
  const doc = own(proto, 'docString');
  const { deviceConfigurations } = proto;
  const extra = leftover(
    NodeProtoSchema,
    keepUnknown(create(NodeProtoSchema, { deviceConfigurations }), proto),
  );
  return {
    op: proto.opType,
    domain: normalDomain(proto.domain),
    name: proto.name,
    inputs: proto.input,
    outputs: proto.output,
    attributes,
    ...(proto.overload && { overload: proto.overload }),
    ...(doc !== undefined && { doc }),
    ...(proto.metadataProps.length > 0 && { metadata: readEntries(proto.metadataProps, label) }),
    ...(extra && { extra }),
  };
}

/** @throws E_SHAPE, E_RANGE for a tensor or attribute that ONNX cannot hold. */
export function writeGraph(graph: Graph, elsewhere: ReadonlyMap<string, string> = new Map()): GraphProto {
  const proto = create(GraphProtoSchema);
  if (graph.extra) mergeFromBinary(GraphProtoSchema, proto, graph.extra);
  proto.name = graph.name;
  proto.node = graph.nodes.map(writeNode);
  proto.initializer = [...graph.initializers].map(([name, t]) => {
    const location = elsewhere.get(name);
    return location === undefined
      ? writeTensor(t, `initializer ${quote(name)}`, name)
      : writeReference(t, name, location);
  });
  proto.input = graph.inputs.map(writeValueInfo);
  proto.output = graph.outputs.map(writeValueInfo);
  proto.valueInfo = graph.valueInfo.map(writeValueInfo);
  proto.metadataProps = writeEntries(graph.metadata);
  if (graph.doc !== undefined) proto.docString = graph.doc;
  return proto;
}

function writeNode(node: Node): NodeProto {
  const proto = create(NodeProtoSchema);
  if (node.extra) mergeFromBinary(NodeProtoSchema, proto, node.extra);
  proto.input = [...node.inputs];
  proto.output = [...node.outputs];
  if (node.name) proto.name = node.name;
  proto.opType = node.op;
  if (node.domain) proto.domain = node.domain;
  if (node.overload) proto.overload = node.overload;
  proto.attribute = [...node.attributes].map(([name, attribute]) =>
    writeAttribute(name, attribute, labelOf(node)),
  );
  if (node.doc !== undefined) proto.docString = node.doc;
  proto.metadataProps = writeEntries(node.metadata);
  return proto;
}
