import { create, mergeFromBinary } from '@bufbuild/protobuf';
import { type TensorProto, TensorProto_DataLocation, TensorProtoSchema } from 'onnx-buf';
import { TouchstoneError } from '../../errors.ts';
import { dataTypeNumber, dataTypeOf } from '../data-types.ts';
import type { DataType, NumericArray, Tensor } from '../ir.ts';
import { bytesOf, keepUnknown, leftover, malformed, own, toSafeNumber, writeEntries } from './fields.ts';
import { STORAGE, TYPED_FIELDS } from './storage.ts';

/** The IR's type of a tensor. @throws E_UNSUPPORTED for a type newer than the IR. */
function dtypeOf(proto: TensorProto, where: string): DataType {
  if (proto.dataType < 1) throw malformed(`${where} without an element type`, 'one that ONNX defines');
  try {
    return dataTypeOf(proto.dataType);
  } catch (cause) {
    const got = `${where} of element type ${proto.dataType}`;
    throw new TouchstoneError('E_UNSUPPORTED', got, 'a type up to 26 (int2)', 'cast it', { cause });
  }
}

/** Dimensions as numbers, and how many elements they make. @throws E_ONNX where negative or beyond 2^53. */
function shapeOf(dims: readonly bigint[], where: string): { shape: number[]; count: number } {
  const shape = dims.map((dim) => toSafeNumber(dim, `a dimension of ${where}`));
  if (shape.some((dim) => dim < 0)) throw malformed(`${where} of shape [${shape}]`, 'no negative dimension');
  const count = shape.includes(0) ? 0 : shape.reduce((a, b) => a * b, 1);
  if (!Number.isSafeInteger(count)) throw malformed(`${where} of shape [${shape}]`, 'at most 2^53 elements');
  return { shape, count };
}

/**
 * The bytes a tensor declares, by its shape and type; nothing is allocated.
 *
 * @throws E_ONNX for a shape or type that cannot be.
 */
export function declaredBytes(proto: TensorProto, where: string): number {
  const { count } = shapeOf(proto.dims, where);
  return Math.ceil((count * STORAGE[dtypeOf(proto, where)].bits) / 8);
}

/**
 * A tensor out of its message; external data must have been put into `rawData` before.
 * The data is a copy, except where `rawData` has a buffer to itself.
 *
 * @throws E_ONNX where the data does not fit the shape and type.
 */
export function readTensor(proto: TensorProto, where: string, keepName: boolean): Tensor {
  const dtype = dtypeOf(proto, where);
  const { shape, count } = shapeOf(proto.dims, where);
  if (proto.segment)
    throw new TouchstoneError(
      'E_UNSUPPORTED',
      `${where} in segments`,
      'a whole tensor',
      'save the model again',
    );
  const typed = TYPED_FIELDS.filter((field) => proto[field].length > 0);
  const raw = own(proto, 'rawData');
  const extra = extraOf(proto, keepName);
  const tensor = { dtype, shape, ...(extra && { extra }) };
  if (typed.length > 1 || (typed.length > 0 && raw && raw.length > 0))
    throw malformed(
      `${where} with data in ${typed.length > 1 ? typed.join(' and ') : `${typed[0]} and rawData`}`,
      'one place',
    );
  if (raw && typed.length === 0 && dtype !== 'string')
    return { ...tensor, data: fromRaw(raw, dtype, count, where) };
  const { field, slots, array } = STORAGE[dtype];
  if (typed.length > 0 && typed[0] !== field)
    throw malformed(`${where} of ${dtype} with its data in ${typed[0]}`, `${field} or rawData`);
  const length = Math.ceil(count * slots);
  if (proto[field].length !== length)
    throw malformed(
      `${where} of ${dtype} and shape [${shape}] with ${proto[field].length} entries in ${field}`,
      `${length}`,
    );
  return {
    ...tensor,
    data: array ? fromTyped(proto, dtype, new array(length)) : strings(proto.stringData, where),
  };
}

function fromRaw(raw: Uint8Array, dtype: DataType, count: number, where: string): NumericArray {
  const { bits, array, slots } = STORAGE[dtype];
  if (!array) throw malformed(`${where} of ${dtype} in rawData`, 'stringData');
  const bytes = Math.ceil((count * bits) / 8);
  if (raw.length !== bytes)
    throw malformed(
      `${where} with ${raw.length} bytes of data`,
      `${bytes} for its shape and ${dtype}`,
      'export it again',
    );
  // rawData is little-endian, as is every machine that Node and browsers are built for.
  const whole = raw.byteLength === raw.buffer.byteLength ? bytesOf(raw) : new Uint8Array(raw);
  return new array(whole.buffer, 0, Math.ceil(count * slots));
}

function fromTyped(proto: TensorProto, dtype: DataType, out: NumericArray): NumericArray {
  const { field } = STORAGE[dtype];
  const values = proto[field];
  if (out instanceof BigInt64Array || out instanceof BigUint64Array)
    for (let i = 0; i < out.length; i++) out[i] = values[i] as bigint;
  else if (dtype === 'bool') for (let i = 0; i < out.length; i++) out[i] = Number(values[i]) === 0 ? 0 : 1;
  else for (let i = 0; i < out.length; i++) out[i] = Number(values[i]);
  return out;
}

function strings(values: readonly Uint8Array[], where: string): string[] {
  return values.map((bytes, i) => {
    const text = decodeUtf8(bytes);
    if (text === undefined)
      throw new TouchstoneError(
        'E_UNSUPPORTED',
        `${where} whose string ${i} is not UTF-8`,
        'text',
        'store bytes as uint8',
      );
    return text;
  });
}

const decoder = new TextDecoder('utf-8', { fatal: true, ignoreBOM: true });

/** Text, or undefined where the bytes are not UTF-8. */
export function decodeUtf8(bytes: Uint8Array): string | undefined {
  try {
    return decoder.decode(bytes);
  } catch {
    return undefined;
  }
}

const encoder = new TextEncoder();

export const encodeUtf8 = (text: string): Uint8Array<ArrayBuffer> => bytesOf(encoder.encode(text));

/** What the IR's Tensor has no field for. An initializer's name is its key, so only attributes keep theirs. */
function extraOf(proto: TensorProto, keepName: boolean): Uint8Array | undefined {
  const extra = create(TensorProtoSchema, { metadataProps: proto.metadataProps });
  const name = own(proto, 'name');
  const docString = own(proto, 'docString');
  if (keepName && name !== undefined) extra.name = name;
  if (docString !== undefined) extra.docString = docString;
  return leftover(TensorProtoSchema, keepUnknown(extra, proto));
}

/**
 * The message of a tensor, its elements in `rawData` (strings in `stringData`).
 *
 * @throws E_SHAPE where the data does not fit the shape and type.
 */
export function writeTensor(tensor: Tensor, where: string, name?: string): TensorProto {
  const { dtype, shape, data } = tensor;
  const { array, slots, field } = STORAGE[dtype];
  const count = shape.reduce((a, b) => a * b, 1);
  const length = Math.ceil(count * slots);
  if (array ? !(data instanceof array) : !Array.isArray(data))
    throw new TouchstoneError(
      'E_SHAPE',
      `${where} of ${dtype} in a ${data.constructor.name}`,
      array?.name ?? field,
    );
  if (data.length !== length)
    throw new TouchstoneError(
      'E_SHAPE',
      `${where} with ${data.length} entries`,
      `${length} for ${dtype} [${shape}]`,
    );
  const proto = create(TensorProtoSchema);
  if (tensor.extra) mergeFromBinary(TensorProtoSchema, proto, tensor.extra);
  proto.dims = shape.map(BigInt);
  proto.dataType = dataTypeNumber(dtype);
  if (name !== undefined) proto.name = name;
  if (ArrayBuffer.isView(data)) proto.rawData = bytesOf(data);
  else proto.stringData = data.map(encodeUtf8);
  return proto;
}

/** The message of a tensor whose data lies elsewhere. */
export function writeReference({ dtype, shape }: Tensor, name: string, location: string): TensorProto {
  const proto = create(TensorProtoSchema, { name, dims: shape.map(BigInt), dataType: dataTypeNumber(dtype) });
  proto.dataLocation = TensorProto_DataLocation.EXTERNAL;
  proto.externalData = writeEntries(new Map([['location', location]]));
  return proto;
}

/** Whether a tensor's data is in a file of its own. */
export const isExternal = (proto: TensorProto): boolean =>
  proto.dataLocation === TensorProto_DataLocation.EXTERNAL;
