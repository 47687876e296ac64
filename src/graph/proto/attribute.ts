import { create, fromBinary, toBinary } from '@bufbuild/protobuf';
import { type AttributeProto, AttributeProtoSchema, AttributeProto_AttributeType as Kind } from 'onnx-buf';
import { TouchstoneError } from '../../errors.ts';
import type { Attribute, Graph } from '../ir.ts';
import { malformed, own, quote } from './fields.ts';
import { readGraph, writeGraph } from './graph.ts';
import { decodeUtf8, encodeUtf8, readTensor, writeTensor } from './tensor.ts';

type ValueField = keyof typeof KIND_OF_FIELD;

/** The kind of attribute that each field holds. */
const KIND_OF_FIELD = {
  f: Kind.FLOAT,
  i: Kind.INT,
  s: Kind.STRING,
  t: Kind.TENSOR,
  g: Kind.GRAPH,
  sparseTensor: Kind.SPARSE_TENSOR,
  tp: Kind.TYPE_PROTO,
  floats: Kind.FLOATS,
  ints: Kind.INTS,
  strings: Kind.STRINGS,
  tensors: Kind.TENSORS,
  graphs: Kind.GRAPHS,
  sparseTensors: Kind.SPARSE_TENSORS,
  typeProtos: Kind.TYPE_PROTOS,
} as const satisfies Partial<Record<keyof AttributeProto, Kind>>;

const FIELDS = Object.keys(KIND_OF_FIELD) as ValueField[];

function fieldsSet(proto: AttributeProto): ValueField[] {
  return FIELDS.filter((field) => {
    const value = own(proto, field);
    return value !== undefined && !(Array.isArray(value) && value.length === 0);
  });
}

/**
 * The kind of an attribute: what it says or, in files older than IR version 2, what it holds.
 * Undefined where that is not one plain value, and the attribute is best kept as it is.
 */
function kindOf(proto: AttributeProto): Kind | undefined {
  const set = fieldsSet(proto);
  if (set.length > 1 || proto.$unknown) return undefined;
  const held = set[0] && KIND_OF_FIELD[set[0]];
  const kind = proto.type === Kind.UNDEFINED ? held : proto.type;
  return held === undefined || held === kind ? kind : undefined;
}

/** The kind of an attribute that is kept encoded. */
export const encodedKind = (bytes: Uint8Array): Attribute['type'] => {
  const proto = fromBinary(AttributeProtoSchema, bytes);
  const kind = kindOf(proto);
  return (kind !== undefined && NAMES[kind]) || 'other';
};

const NAMES: { readonly [K in Kind]?: Attribute['type'] } = {
  [Kind.FLOAT]: 'float',
  [Kind.INT]: 'int',
  [Kind.STRING]: 'string',
  [Kind.TENSOR]: 'tensor',
  [Kind.GRAPH]: 'graph',
  [Kind.FLOATS]: 'floats',
  [Kind.INTS]: 'ints',
  [Kind.STRINGS]: 'strings',
  [Kind.TENSORS]: 'tensors',
  [Kind.GRAPHS]: 'graphs',
};

/** @throws E_ONNX where the attribute lacks the value that it says it holds. */
export function readAttribute(proto: AttributeProto, node: string): Attribute {
  if (proto.refAttrName)
    return { type: 'ref', value: proto.refAttrName, proto: toBinary(AttributeProtoSchema, proto) };
  const value = readValue(proto, `attribute ${quote(proto.name)} of ${node}`);
  if (!value) return { type: 'other', proto: toBinary(AttributeProtoSchema, proto) };
  const doc = own(proto, 'docString');
  return doc === undefined ? value : { ...value, doc };
}

function readValue(proto: AttributeProto, where: string): Attribute | undefined {
  switch (kindOf(proto)) {
    case Kind.FLOAT:
      return { type: 'float', value: proto.f };
    case Kind.INT:
      return survives(proto.i) ? { type: 'int', value: Number(proto.i) } : undefined;
    case Kind.STRING: {
      const value = decodeUtf8(proto.s);
      return value === undefined ? undefined : { type: 'string', value };
    }
    case Kind.TENSOR:
      if (!proto.t) throw malformed(`${where} without its tensor`, 'one');
      return { type: 'tensor', value: readTensor(proto.t, where, true) };
    case Kind.GRAPH:
      if (!proto.g) throw malformed(`${where} without its graph`, 'one');
      return { type: 'graph', value: readGraph(proto.g) };
    case Kind.FLOATS:
      return { type: 'floats', value: proto.floats };
    case Kind.INTS:
      return proto.ints.every(survives) ? { type: 'ints', value: proto.ints.map(Number) } : undefined;
    case Kind.STRINGS: {
      const value = proto.strings.map(decodeUtf8).filter((text) => text !== undefined);
      return value.length === proto.strings.length ? { type: 'strings', value } : undefined;
    }
    case Kind.TENSORS:
      return { type: 'tensors', value: proto.tensors.map((t) => readTensor(t, where, true)) };
    case Kind.GRAPHS:
      return { type: 'graphs', value: proto.graphs.map(readGraph) };
    default:
      return undefined;
  }
}

const INT64_MAX = 2n ** 63n - 1n;
const INT64_MIN = -(2n ** 63n);

/** A number as int64; beyond its limits it saturates. */
function toInt64(value: number): bigint {
  const exact = BigInt(value);
  return exact > INT64_MAX ? INT64_MAX : exact < INT64_MIN ? INT64_MIN : exact;
}

const survives = (value: bigint): boolean => toInt64(Number(value)) === value;

/**
 * @throws E_RANGE for an int that is no integer, or a float beyond float32.
 */
export function writeAttribute(name: string, attribute: Attribute, node: string): AttributeProto {
  if (attribute.type === 'other' || attribute.type === 'ref') {
    const proto = fromBinary(AttributeProtoSchema, attribute.proto);
    proto.name = name;
    return proto;
  }
  const where = `attribute ${quote(name)} of ${node}`;
  const proto = create(AttributeProtoSchema, { name });
  if (attribute.doc !== undefined) proto.docString = attribute.doc;
  switch (attribute.type) {
    case 'float':
      proto.type = Kind.FLOAT;
      proto.f = checkFloat(attribute.value, where);
      return proto;
    case 'int':
      proto.type = Kind.INT;
      proto.i = toInt64(checkInt(attribute.value, where));
      return proto;
    case 'string':
      proto.type = Kind.STRING;
      proto.s = encodeUtf8(attribute.value);
      return proto;
    case 'tensor':
      proto.type = Kind.TENSOR;
      proto.t = writeTensor(attribute.value, where);
      return proto;
    case 'graph':
      proto.type = Kind.GRAPH;
      proto.g = writeGraph(attribute.value);
      return proto;
    case 'floats':
      proto.type = Kind.FLOATS;
      proto.floats = attribute.value.map((v) => checkFloat(v, where));
      return proto;
    case 'ints':
      proto.type = Kind.INTS;
      proto.ints = attribute.value.map((v) => toInt64(checkInt(v, where)));
      return proto;
    case 'strings':
      proto.type = Kind.STRINGS;
      proto.strings = attribute.value.map(encodeUtf8);
      return proto;
    case 'tensors':
      proto.type = Kind.TENSORS;
      proto.tensors = attribute.value.map((t) => writeTensor(t, where));
      return proto;
    case 'graphs':
      proto.type = Kind.GRAPHS;
      proto.graphs = attribute.value.map((graph) => writeGraph(graph));
      return proto;
  }
}

function checkInt(value: number, where: string): number {
  if (!Number.isInteger(value)) throw new TouchstoneError('E_RANGE', `${where} is ${value}`, 'an integer');
  return value;
}

function checkFloat(value: number, where: string): number {
  if (Number.isFinite(value) && !Number.isFinite(Math.fround(value)))
    throw new TouchstoneError('E_RANGE', `${where} is ${value}`, 'a value that float32 can hold');
  return value;
}

/** The subgraphs of an attribute: an If's branch, a Loop's body. */
export const subgraphsOf = (attribute: Attribute): readonly Graph[] =>
  attribute.type === 'graph' ? [attribute.value] : attribute.type === 'graphs' ? attribute.value : [];
