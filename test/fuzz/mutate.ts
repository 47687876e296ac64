import { xoroshiro128plus } from 'pure-rand/generator/xoroshiro128plus';
import { type Field, parse, write } from './wire.ts';

/** Numbers that break things: the edges of every integer type, and sizes no memory holds. */
const EDGES: readonly bigint[] = [
  0n, 1n, -1n, 2n, 3n, 5n, 7n, 16n, 127n, 128n, 255n, 256n, 65_535n, 65_536n, 1n << 20n, 1n << 24n, (1n << 31n) - 1n,
  1n << 31n, (1n << 32n) - 1n, 1n << 40n, (1n << 53n) + 1n, (1n << 63n) - 1n, -(1n << 63n), -2n, -128n,
]; // biome-ignore format: a list

/** A sequence of choices that a number determines. */
export class Choices {
  readonly #generator: ReturnType<typeof xoroshiro128plus>;

  constructor(seed: number) {
    this.#generator = xoroshiro128plus(seed);
  }

  /** A whole number in [0, below). */
  below(below: number): number {
    return (this.#generator.next() >>> 0) % below;
  }

  of<T>(list: readonly T[]): T {
    return list[this.below(list.length)]!;
  }
}

/**
 * A damaged copy of a model file: bytes flipped, cut out, doubled or overwritten; or, keeping the lengths around it right,
 * a field somewhere inside dropped, doubled, moved, exchanged with one of another file, or set to a number at an edge.
 *
 * @param seed determines what is done
 */
export function mutated(corpus: readonly Uint8Array[], seed: number): Uint8Array {
  const c = new Choices(seed);
  let bytes: Uint8Array = c.of(corpus).slice();
  for (let n = c.of([1, 1, 1, 1, 2, 4]); n > 0; n--)
    bytes = c.below(8) === 0 ? damaged(bytes, c) : restructured(bytes, c, c.of(corpus));
  return bytes;
}

function damaged(bytes: Uint8Array, c: Choices): Uint8Array {
  const out = bytes.slice();
  const at = c.below(Math.max(1, out.length));
  const length = 1 + c.below(c.of([1, 4, 64]));
  switch (c.below(5)) {
    case 0:
      if (out.length > 0) out[at] = out[at]! ^ (1 << c.below(8));
      return out;
    case 1:
      for (let i = at; i < Math.min(out.length, at + length); i++) out[i] = c.below(256);
      return out;
    case 2:
      return out.slice(0, at);
    case 3:
      return Uint8Array.from([...out.subarray(0, at), ...out.subarray(at + length)]);
    default:
      return Uint8Array.from([...out.subarray(0, at), ...out.subarray(at, at + length), ...out.subarray(at)]);
  }
}

function restructured(bytes: Uint8Array, c: Choices, other: Uint8Array): Uint8Array {
  const fields = parse(bytes);
  if (!fields || fields.length === 0) return damaged(bytes, c);
  // Deeper is more likely: a model's top has few fields, its nodes and attributes many.
  const inner = fields.flatMap((f, i) => (f.wire === 2 && (f.value as Uint8Array).length > 0 ? [i] : []));
  if (inner.length > 0 && c.below(5) > 0) {
    const i = c.of(inner);
    const value = fields[i]!.value as Uint8Array;
    const deeper = parse(value) ? restructured(value, c, other) : damaged(value, c);
    return write(fields.with(i, { ...fields[i]!, value: deeper }));
  }
  return write(changed(fields, c, other));
}

function changed(fields: readonly Field[], c: Choices, other: Uint8Array): Field[] {
  const i = c.below(fields.length);
  const field = fields[i]!;
  // A number, where there is one, more often than the structure around it: most broken structures are refused at once.
  switch (field.wire === 0 && c.below(2) === 0 ? 5 : c.below(6)) {
    case 0:
      return fields.toSpliced(i, 1);
    case 1:
      return fields.toSpliced(i, 0, field);
    case 2:
      return fields.toSpliced(i, 1).toSpliced(c.below(fields.length), 0, field);
    case 3:
      return fields.with(i, { ...field, number: 1 + c.below(24) });
    case 4: {
      const donor = somewhere(other, c);
      return donor ? fields.with(i, { ...donor, number: field.number }) : fields.toSpliced(i, 1);
    }
    default:
      if (field.wire === 0) return fields.with(i, { ...field, value: c.of(EDGES) });
      if (field.wire === 2)
        return fields.with(i, { ...field, value: write([{ number: 1, wire: 0, value: c.of(EDGES) }]) });
      return fields.with(i, { ...field, value: (field.value as Uint8Array).map(() => c.below(256)) });
  }
}

/** Any field of a file, at any depth. */
function somewhere(bytes: Uint8Array, c: Choices): Field | undefined {
  let fields = parse(bytes);
  let found: Field | undefined;
  for (let depth = 0; fields && fields.length > 0 && depth < 6; depth++) {
    found = c.of(fields);
    if (found.wire !== 2 || c.below(3) === 0) break;
    fields = parse(found.value as Uint8Array);
  }
  return found;
}
