import { create, fromBinary, mergeFromBinary, toBinary } from '@bufbuild/protobuf';
import {
  type TensorShapeProto_Dimension,
  TensorShapeProto_DimensionSchema,
  TensorShapeProtoSchema,
  type TypeProto,
  TypeProto_TensorSchema,
  TypeProtoSchema,
  type ValueInfoProto,
  ValueInfoProtoSchema,
} from 'onnx-buf';
import { dataTypeNumber, dataTypeOf } from '../data-types.ts';
import type { DataType, Denotations, Dim, ValueInfo, ValueType } from '../ir.ts';
import { keepUnknown, leftover, own, quote, toSafeNumber } from './fields.ts';

/** @throws E_ONNX for a dimension beyond 2^53. */
export function readValueInfo(proto: ValueInfoProto): ValueInfo {
  const doc = own(proto, 'docString');
  const extra = leftover(
    ValueInfoProtoSchema,
    keepUnknown(create(ValueInfoProtoSchema, { metadataProps: proto.metadataProps }), proto),
  );
  return {
    name: proto.name,
    ...(proto.type && { type: readType(proto.type, `value ${quote(proto.name)}`) }),
    ...(doc !== undefined && { doc }),
    ...(extra && { extra }),
  };
}

function readType(proto: TypeProto, where: string): ValueType {
  const dtype = proto.value.case === 'tensorType' ? knownType(proto.value.value.elemType) : undefined;
  if (proto.value.case !== 'tensorType' || dtype === undefined)
    return { kind: 'other', proto: toBinary(TypeProtoSchema, proto) };
  const dims = proto.value.value.shape?.dim;
  const denotations = readDenotations(proto, dims);
  return {
    kind: 'tensor',
    dtype,
    ...(dims && { shape: dims.map((dim) => readDim(dim, where)) }),
    ...(denotations && { denotations }),
  };
}

/** A type that the IR has, or undefined: UNDEFINED, or one newer than this toolkit. */
function knownType(number: number): DataType | undefined {
  try {
    return dataTypeOf(number);
  } catch {
    return undefined;
  }
}

/** Unknown where nothing is said, or nothing that says something: `-1` and the empty symbol. */
function readDim(dim: TensorShapeProto_Dimension, where: string): Dim {
  if (dim.value.case === 'dimParam') return dim.value.value || null;
  if (dim.value.case === undefined || dim.value.value < 0n) return null;
  return toSafeNumber(dim.value.value, `a dimension of ${where}`);
}

function readDenotations(
  proto: TypeProto,
  dims: readonly TensorShapeProto_Dimension[] = [],
): Denotations | undefined {
  const type = own(proto, 'denotation');
  const some = dims.some((dim) => dim.denotation);
  if (!type && !some) return undefined;
  return { ...(type && { type }), ...(some && { dims: dims.map((dim) => dim.denotation) }) };
}

export function writeValueInfo(value: ValueInfo): ValueInfoProto {
  const proto = create(ValueInfoProtoSchema);
  if (value.extra) mergeFromBinary(ValueInfoProtoSchema, proto, value.extra);
  proto.name = value.name;
  if (value.type) proto.type = writeType(value.type);
  if (value.doc !== undefined) proto.docString = value.doc;
  return proto;
}

function writeType(type: ValueType): TypeProto {
  if (type.kind === 'other') return fromBinary(TypeProtoSchema, type.proto);
  const tensor = create(TypeProto_TensorSchema, { elemType: dataTypeNumber(type.dtype) });
  if (type.shape) {
    const dim = type.shape.map((d, i) => writeDim(d, type.denotations?.dims?.[i]));
    tensor.shape = create(TensorShapeProtoSchema, { dim });
  }
  const proto = create(TypeProtoSchema, { value: { case: 'tensorType', value: tensor } });
  if (type.denotations?.type) proto.denotation = type.denotations.type;
  return proto;
}

function writeDim(dim: Dim, denotation: string | undefined): TensorShapeProto_Dimension {
  const proto = create(TensorShapeProto_DimensionSchema);
  if (typeof dim === 'number') proto.value = { case: 'dimValue', value: BigInt(dim) };
  else if (dim !== null) proto.value = { case: 'dimParam', value: dim };
  if (denotation) proto.denotation = denotation;
  return proto;
}
