import { type DescField, type DescMessage, ScalarType } from '@bufbuild/protobuf';
import { WireType } from '@bufbuild/protobuf/wire';
import { ModelProtoSchema } from 'onnx-buf';
import type { TouchstoneError } from '../../errors.ts';
import { malformed } from './fields.ts';
import type { ReadLimits } from './limits.ts';

/**
 * A pass over the bytes before they are parsed, which allocates nothing: every record must lie within the one
 * around it and have its field's wire type, and what parsing would allocate is added up. A few megabytes of
 * two-byte messages would otherwise become gigabytes of objects; and a truncated file gets its own message.
 */
export function scanModel(bytes: Uint8Array, limits: ReadLimits): void {
  new Scanner(bytes, limits).scan();
}

/** What parsing allocates, in bytes, roughly: per message, per byte string, per unknown field, per bigint. */
const COST = { message: 512, bytes: 160, string: 48, unknown: 256, bigint: 40, number: 8 } as const;

interface FieldPlan {
  readonly name: string;
  readonly wire: WireType;
  readonly packable: boolean;
  /** Bytes allocated per value. */
  readonly cost: number;
  readonly utf8: boolean;
  readonly message?: DescMessage;
}

const plans = new Map<DescMessage, ReadonlyMap<number, FieldPlan>>();

function planOf(message: DescMessage): ReadonlyMap<number, FieldPlan> {
  let plan = plans.get(message);
  if (!plan) {
    plan = new Map(message.fields.map((field) => [field.number, planField(field)]));
    plans.set(message, plan);
  }
  return plan;
}

function planField(field: DescField): FieldPlan {
  const base = { name: `${field.parent.name}.${field.name}`, packable: false, utf8: false };
  if (field.message)
    return { ...base, wire: WireType.LengthDelimited, cost: COST.message, message: field.message };
  const list = field.fieldKind === 'list';
  switch (field.scalar) {
    case ScalarType.STRING:
      return { ...base, wire: WireType.LengthDelimited, cost: COST.string, utf8: true };
    case ScalarType.BYTES:
      return { ...base, wire: WireType.LengthDelimited, cost: COST.bytes };
    case ScalarType.FLOAT:
      return { ...base, wire: WireType.Bit32, cost: COST.number, packable: list };
    case ScalarType.DOUBLE:
      return { ...base, wire: WireType.Bit64, cost: COST.number, packable: list };
    case ScalarType.INT64:
    case ScalarType.UINT64:
      return { ...base, wire: WireType.Varint, cost: COST.bigint, packable: list };
    default: // int32 and enums
      return { ...base, wire: WireType.Varint, cost: COST.number, packable: list };
  }
}

class Scanner {
  readonly #bytes: Uint8Array;
  readonly #limits: ReadLimits;
  readonly #utf8 = new TextDecoder('utf-8', { fatal: true });
  #pos = 0;
  #allocated = 0;
  /** A field ONNX does not define was met at the top: perhaps this is no ONNX file at all. */
  #alien = false;

  constructor(bytes: Uint8Array, limits: ReadLimits) {
    this.#bytes = bytes;
    this.#limits = limits;
  }

  scan(): void {
    this.#message(ModelProtoSchema, this.#bytes.length, 1);
  }

  #message(schema: DescMessage, end: number, depth: number): void {
    if (depth > this.#limits.depth)
      throw malformed(
        `${schema.name} nested ${depth} messages deep`,
        `at most ${this.#limits.depth}`,
        'no real model nests subgraphs so deep; if this one does, raise the limit',
      );
    const plan = planOf(schema);
    while (this.#pos < end) {
      const at = this.#pos;
      const tag = this.#varint(end, 5);
      const number = Math.floor(tag / 8);
      const wire = tag % 8;
      if (number === 0) throw this.#damaged(`${schema.name} with field number 0`, at);
      const field = plan.get(number);
      if (!field) {
        if (depth === 1) this.#alien = true;
        this.#skipUnknown(wire, end, at);
      } else if (wire === field.wire) this.#value(field, end, at, depth);
      else if (field.packable && wire === WireType.LengthDelimited) this.#packed(field, end, at);
      else throw this.#damaged(`${field.name} with wire type ${wire}`, at);
    }
  }

  #value(field: FieldPlan, end: number, at: number, depth: number): void {
    this.#allocate(field.cost);
    if (field.wire === WireType.Varint) this.#varint(end, 10);
    else if (field.wire === WireType.Bit32) this.#skip(4, end, at, field.name);
    else if (field.wire === WireType.Bit64) this.#skip(8, end, at, field.name);
    else {
      const stop = this.#length(end, at, field.name);
      if (field.message) this.#message(field.message, stop, depth + 1);
      else if (field.utf8) this.#string(stop, at, field.name);
      this.#pos = stop;
    }
  }

  #packed(field: FieldPlan, end: number, at: number): void {
    const stop = this.#length(end, at, field.name);
    const size = field.wire === WireType.Bit32 ? 4 : field.wire === WireType.Bit64 ? 8 : 0;
    if (size > 0) {
      if ((stop - this.#pos) % size !== 0) throw this.#damaged(`${field.name} of a broken length`, at);
      this.#allocate(((stop - this.#pos) / size) * field.cost);
      this.#pos = stop;
    } else {
      while (this.#pos < stop) {
        this.#allocate(field.cost);
        this.#varint(stop, 10);
      }
    }
  }

  #string(stop: number, at: number, name: string): void {
    this.#allocate(stop - this.#pos);
    for (let i = this.#pos; i < stop; i++) {
      if (this.#bytes[i]! < 0x80) continue;
      try {
        this.#utf8.decode(this.#bytes.subarray(this.#pos, stop));
      } catch {
        throw this.#damaged(`${name} that is not UTF-8`, at);
      }
      return;
    }
  }

  #skipUnknown(wire: number, end: number, at: number): void {
    this.#allocate(COST.unknown);
    if (wire === WireType.Varint) this.#varint(end, 10);
    else if (wire === WireType.Bit64) this.#skip(8, end, at, 'a field');
    else if (wire === WireType.Bit32) this.#skip(4, end, at, 'a field');
    else if (wire === WireType.LengthDelimited) this.#pos = this.#length(end, at, 'a field');
    else throw this.#damaged(`wire type ${wire}`, at); // groups: ONNX has never had any
  }

  /** Reads a length; where what it measures ends. */
  #length(end: number, at: number, name: string): number {
    const length = this.#varint(end, 5);
    if (length > end - this.#pos) throw this.#overrun(end, at, name, length);
    return this.#pos + length;
  }

  #skip(length: number, end: number, at: number, name: string): void {
    if (length > end - this.#pos) throw this.#overrun(end, at, name, length);
    this.#pos += length;
  }

  #varint(end: number, most: number): number {
    const start = this.#pos;
    let value = 0;
    for (let i = 0; i < most; i++) {
      if (this.#pos >= end) throw this.#overrun(end, start, 'a number');
      const byte = this.#bytes[this.#pos++]!;
      value += (byte & 0x7f) * 2 ** (7 * i);
      if (byte < 0x80) return value;
    }
    throw this.#damaged(`a number of more than ${most} bytes`, start);
  }

  #allocate(bytes: number): void {
    this.#allocated += bytes;
    if (this.#allocated > this.#limits.parsedBytes)
      throw malformed(
        `a model that would take over ${this.#limits.parsedBytes} bytes of memory to parse, tensor data aside`,
        'less',
        'if it is honest, save its tensors as raw_data or external data (onnx.save does), or raise the limit',
      );
  }

  /** Something longer than what it is in. Where that is the file itself, the file was cut short. */
  #overrun(end: number, at: number, name: string, length?: number): TouchstoneError {
    if (end < this.#bytes.length || this.#alien)
      return this.#damaged(`${name} longer than what it is in`, at);
    return malformed(
      `a file truncated after ${end} bytes, inside ${name}${length === undefined ? '' : ` of ${length} bytes`}`,
      'a whole ONNX model',
      'copy or download it again',
    );
  }

  #damaged(what: string, at: number): TouchstoneError {
    return malformed(
      `bytes that do not decode as ONNX: ${what}, at byte ${at}`,
      'an ONNX model (ModelProto)',
      this.#alien ? 'is this an .onnx file?' : 'the file is damaged: copy or export it again',
    );
  }
}
