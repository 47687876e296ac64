import { create, type DescMessage, type Message, type MessageShape, toBinary } from '@bufbuild/protobuf';
import { type StringStringEntryProto, StringStringEntryProtoSchema } from 'onnx-buf';
import { TouchstoneError } from '../../errors.ts';

/** A name in an error message: quoted, without control characters, and never longer than a line. */
export const quote = (name: string): string =>
  JSON.stringify(name.length > 80 ? `${name.slice(0, 79)}…` : name).replace(
    /[\u007f-\u009f\u2028\u2029]/g,
    '?',
  );

export const malformed = (got: string, expected?: string, remedy?: string): TouchstoneError =>
  new TouchstoneError('E_ONNX', got, expected, remedy);

/** A field's value where the message sets it; undefined where it is left out (defaults live on the prototype). */
export const own = <M extends Message, K extends keyof M>(message: M, key: K): M[K] | undefined =>
  Object.hasOwn(message, key) ? message[key] : undefined;

/** The parts of a message that the IR has no place for, encoded; undefined where there are none. */
export function leftover<D extends DescMessage>(schema: D, parts: MessageShape<D>): Uint8Array | undefined {
  const bytes = toBinary(schema, parts);
  return bytes.length > 0 ? bytes : undefined;
}

/** Gives `to` the fields of `from` that this version of ONNX does not define. */
export function keepUnknown<M extends Message>(to: M, from: Message): M {
  if (from.$unknown) to.$unknown = from.$unknown;
  return to;
}

/**
 * Metadata as a map.
 *
 * @throws E_ONNX where a key has two different values.
 */
export function readEntries(entries: readonly StringStringEntryProto[], where: string): Map<string, string> {
  const map = new Map<string, string>();
  for (const { key, value } of entries) {
    if (map.has(key) && map.get(key) !== value)
      throw malformed(
        `${where} with two values for the metadata key ${quote(key)}`,
        'one',
        'remove one of them',
      );
    map.set(key, value);
  }
  return map;
}

export const writeEntries = (map: ReadonlyMap<string, string> | undefined): StringStringEntryProto[] =>
  [...(map ?? [])].map(([key, value]) => create(StringStringEntryProtoSchema, { key, value }));

/** An int64 that must be a JavaScript number exactly. @throws E_ONNX beyond ±2^53. */
export function toSafeNumber(value: bigint, what: string): number {
  const number = Number(value);
  if (!Number.isSafeInteger(number)) throw malformed(`${what} is ${value}`, 'at most 2^53 in magnitude');
  return number;
}

/** The same memory as bytes. (Typed arrays over shared memory do not occur here, which the cast says.) */
export const bytesOf = (view: ArrayBufferView): Uint8Array<ArrayBuffer> =>
  new Uint8Array(view.buffer as ArrayBuffer, view.byteOffset, view.byteLength);
