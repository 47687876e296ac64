/** Just enough of protobuf's wire format to damage a message without breaking the lengths around the damage. */
export interface Field {
  readonly number: number;
  /** 0: varint, 1: 64 bits, 2: length-delimited, 5: 32 bits. */
  readonly wire: number;
  /** The varint's value, or the bytes without their length. */
  readonly value: bigint | Uint8Array;
}

/** The fields of a message; undefined where the bytes are none. */
export function parse(bytes: Uint8Array): Field[] | undefined {
  const fields: Field[] = [];
  let at = 0;
  const varint = (): bigint | undefined => {
    let value = 0n;
    for (let shift = 0n; shift < 70n; shift += 7n) {
      const byte = bytes[at++];
      if (byte === undefined) return undefined;
      value |= BigInt(byte & 127) << shift;
      if (byte < 128) return value;
    }
    return undefined;
  };
  while (at < bytes.length) {
    const tag = varint();
    if (tag === undefined || tag >> 3n === 0n || tag > 2n ** 32n) return undefined;
    const [number, wire] = [Number(tag >> 3n), Number(tag & 7n)];
    if (wire === 0) {
      const value = varint();
      if (value === undefined) return undefined;
      fields.push({ number, wire, value });
      continue;
    }
    const length = wire === 2 ? Number(varint() ?? -1n) : wire === 1 ? 8 : wire === 5 ? 4 : -1;
    if (length < 0 || at + length > bytes.length) return undefined;
    fields.push({ number, wire, value: bytes.subarray(at, at + length) });
    at += length;
  }
  return fields;
}

function varintBytes(value: bigint): number[] {
  const out: number[] = [];
  let rest = BigInt.asUintN(64, value);
  for (; rest >= 128n; rest >>= 7n) out.push(Number(rest & 127n) | 128);
  out.push(Number(rest));
  return out;
}

export function write(fields: readonly Field[]): Uint8Array {
  const parts: (number[] | Uint8Array)[] = [];
  for (const { number, wire, value } of fields) {
    parts.push(varintBytes((BigInt(number) << 3n) | BigInt(wire)));
    if (typeof value === 'bigint') parts.push(varintBytes(value));
    else if (wire === 2) parts.push(varintBytes(BigInt(value.length)), value);
    else parts.push(value);
  }
  const out = new Uint8Array(parts.reduce((n, p) => n + p.length, 0));
  let at = 0;
  for (const part of parts) {
    out.set(part, at);
    at += part.length;
  }
  return out;
}
