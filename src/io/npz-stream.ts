/** A `.npz` archive that need not fit into memory: what `encodeNpz` makes, piece after piece. */
import { Zip, ZipPassThrough } from 'fflate';
import { TouchstoneError } from '../errors.ts';
import type { NumericArray } from '../graph/ir.ts';
import { type NpyType, npyHeader } from './npy.ts';

/** An array of which a part at a time is there. */
export interface NpzMember {
  readonly dtype: NpyType;
  readonly shape: readonly number[];
  /** Its elements, in row-major order. */
  parts(): AsyncIterable<NumericArray> | Iterable<NumericArray>;
}

/** ZIP's limit without the 64-bit extension. */
const LARGEST = 2 ** 32 - 2 ** 20;

/**
 * The bytes of the archive, members stored. The same arrays give the same bytes, however they are cut into parts.
 *
 * @throws E_SHAPE where a member's parts do not add up to its shape; E_RANGE beyond 4 GiB
 */
export async function* npzStream(members: Readonly<Record<string, NpzMember>>): AsyncGenerator<Uint8Array> {
  const ready: Uint8Array[] = [];
  const zip = new Zip((error, bytes) => {
    if (error) throw error;
    ready.push(bytes);
  });
  let total = 0;
  for (const [name, { dtype, shape, parts }] of Object.entries(members)) {
    const file = new ZipPassThrough(`${name}.npy`);
    file.mtime = new Date(1980, 0, 1); // as in encodeNpz
    zip.add(file);
    file.push(npyHeader(dtype, shape));
    let count = 0;
    for await (const part of parts()) {
      count += part.length;
      total += part.byteLength;
      if (total > LARGEST)
        throw new TouchstoneError(
          'E_RANGE',
          'more than 4 GiB of arrays',
          'less in one .npz',
          'write fewer samples',
        );
      file.push(new Uint8Array(part.buffer, part.byteOffset, part.byteLength).slice());
      yield* ready.splice(0);
    }
    const wanted = shape.reduce((a, b) => a * b, 1);
    if (count !== wanted)
      throw new TouchstoneError(
        'E_SHAPE',
        `array "${name}" has ${count} numbers`,
        `${wanted} for shape (${shape.join(', ')})`,
      );
    file.push(new Uint8Array(), true);
    yield* ready.splice(0);
  }
  zip.end();
  yield* ready.splice(0);
}
