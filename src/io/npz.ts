/**
 * NumPy's `.npz`: a ZIP archive of `.npy` members. Reads what `numpy.savez` and `savez_compressed` write; writes what
 * `numpy.load` opens. Portable (nothing of Node).
 *
 * The archive's directory is walked here and not by fflate's `unzipSync`, which trusts it: this checks duplicate
 * names, sizes before inflating, and CRC-32 (without which a flipped bit would silently become a pixel).
 */
import { inflateSync, zipSync } from 'fflate';
import { TouchstoneError } from '../errors.ts';
import type { Tensor } from '../graph/ir.ts';
import { decodeNpy, encodeNpy, type NumericTensor } from './npy.ts';

export interface DecodeNpzOptions {
  /** Decode only these arrays (those of them that the file has). @default every array */
  readonly only?: readonly string[];
  /** The most bytes that the decoded arrays may take together. @default 2 GiB */
  readonly maxBytes?: number;
  /** Names the file in errors. @default 'the .npz file' */
  readonly where?: string;
}

interface Member {
  readonly name: string;
  readonly method: number;
  readonly encrypted: boolean;
  readonly crc: number;
  readonly packed: number;
  readonly size: number;
  readonly offset: number;
}

type Fail = (got: string) => TouchstoneError;

const failure =
  (where: string): Fail =>
  (got) =>
    new TouchstoneError(
      'E_DATA',
      `${where} has ${got}`,
      'a .npz archive as numpy.savez writes',
      'write it again, or copy it again if it was cut short',
    );

const endSignature = 0x06054b50;
const entrySignature = 0x02014b50;
const localSignature = 0x04034b50;
const maxInflation = 1032; // deflate's best ratio

const crcTable = Uint32Array.from({ length: 256 }, (_, n) => {
  let c = n;
  for (let bit = 0; bit < 8; bit++) c = c & 1 ? (c >>> 1) ^ 0xedb88320 : c >>> 1;
  return c;
});

function crc32(bytes: Uint8Array): number {
  let crc = -1;
  for (let i = 0; i < bytes.length; i++) crc = crcTable[(crc ^ bytes[i]!) & 0xff]! ^ (crc >>> 8);
  return ~crc >>> 0;
}

const viewOf = (bytes: Uint8Array): DataView =>
  new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength);

/** The archive's central directory: the authority on what it holds. */
function directory(bytes: Uint8Array, fail: Fail): Member[] {
  const view = viewOf(bytes);
  let end = bytes.length - 22;
  const first = Math.max(0, end - 0xffff); // a comment of up to 65,535 bytes may follow the end record
  while (end >= first && view.getUint32(end, true) !== endSignature) end--;
  if (end < first) throw fail('no ZIP directory');
  const count = view.getUint16(end + 10, true);
  let at = view.getUint32(end + 16, true);
  const members: Member[] = [];
  const names = new Set<string>();
  for (let i = 0; i < count; i++) {
    if (at + 46 > end || view.getUint32(at, true) !== entrySignature) throw fail('a broken ZIP directory');
    const nameEnd = at + 46 + view.getUint16(at + 28, true);
    const next = nameEnd + view.getUint16(at + 30, true) + view.getUint16(at + 32, true);
    if (next > end) throw fail('a broken ZIP directory');
    const name = new TextDecoder().decode(bytes.subarray(at + 46, nameEnd));
    if (names.has(name)) throw fail(`two members named ${JSON.stringify(name)}`);
    names.add(name);
    members.push({
      name,
      method: view.getUint16(at + 10, true),
      encrypted: (view.getUint16(at + 8, true) & 1) === 1,
      crc: view.getUint32(at + 16, true),
      packed: view.getUint32(at + 20, true),
      size: view.getUint32(at + 24, true),
      offset: view.getUint32(at + 42, true),
    });
    at = next;
  }
  return members;
}

function extract(bytes: Uint8Array, member: Member, fail: Fail): Uint8Array {
  const { name, method, packed, size, offset } = member;
  const view = viewOf(bytes);
  if (member.encrypted) throw fail(`an encrypted member ${JSON.stringify(name)}`);
  if (offset + 30 > bytes.length || view.getUint32(offset, true) !== localSignature) {
    throw fail(`no member ${JSON.stringify(name)} where the directory says (or one beyond 4 GiB)`);
  }
  const start = offset + 30 + view.getUint16(offset + 26, true) + view.getUint16(offset + 28, true);
  if (start + packed > bytes.length) throw fail(`a member ${JSON.stringify(name)} cut short`);
  const stored = bytes.subarray(start, start + packed);
  let plain: Uint8Array;
  if (method === 0) plain = stored;
  else if (method === 8) {
    // One byte more than declared shows a stream that goes on; fflate drops what lies beyond.
    const out = new Uint8Array(size + 1);
    try {
      plain = inflateSync(stored, { out });
    } catch (cause) {
      throw fail(`a member ${JSON.stringify(name)} that does not inflate (${(cause as Error).message})`);
    }
  } else
    throw fail(
      `a member ${JSON.stringify(name)} packed by ZIP method ${method} (only stored and deflated are read)`,
    );
  if (plain.length !== size) throw fail(`a member ${JSON.stringify(name)} of another size than declared`);
  if (crc32(plain) !== member.crc) throw fail(`a member ${JSON.stringify(name)} with the wrong CRC-32`);
  return plain;
}

const arrayName = (member: Member): string => member.name.replace(/\.npy$/, '');

/**
 * The names of a `.npz` file's arrays, without decoding any.
 *
 * @throws TouchstoneError E_DATA when the bytes are no ZIP archive.
 */
export function namesInNpz(bytes: Uint8Array, where = 'the .npz file'): string[] {
  return directory(bytes, failure(where))
    .filter((member) => member.name.endsWith('.npy'))
    .map(arrayName);
}

/**
 * The arrays of a `.npz` file, by name (member `x.npy` is `x`). Other members are left alone; names are only ever
 * keys of the map, never paths.
 *
 * @throws TouchstoneError E_DATA when the archive or an array is malformed, E_RANGE when the arrays take more than
 * `maxBytes`, E_UNSUPPORTED for arrays of strings or objects.
 */
export function decodeNpz(bytes: Uint8Array, options: DecodeNpzOptions = {}): Map<string, NumericTensor> {
  const { only, maxBytes = 2 ** 31, where = 'the .npz file' } = options;
  const fail = failure(where);
  const wanted = directory(bytes, fail).filter(
    (member) => member.name.endsWith('.npy') && (only === undefined || only.includes(arrayName(member))),
  );
  const total = wanted.reduce((sum, member) => sum + member.size, 0);
  if (total > maxBytes) {
    throw new TouchstoneError(
      'E_RANGE',
      `${where} unpacks to ${total} bytes`,
      `at most ${maxBytes}`,
      'split the file',
    );
  }
  for (const { name, size, packed } of wanted) {
    if (size > packed * maxInflation)
      throw fail(`a member ${JSON.stringify(name)} that declares an impossible size`);
  }
  const arrays = new Map<string, NumericTensor>();
  for (const member of wanted) {
    const name = arrayName(member);
    arrays.set(name, decodeNpy(extract(bytes, member, fail), `array ${JSON.stringify(name)} of ${where}`));
  }
  return arrays;
}

/**
 * Arrays as the bytes of a `.npz` file that `numpy.load` opens. The same arrays give the same bytes.
 *
 * @param options.level deflate level, 0 (stored) to 9. @default 0: float images hardly compress
 * @throws TouchstoneError E_UNSUPPORTED, E_SHAPE: see {@link encodeNpy}; E_RANGE beyond 4 GiB.
 */
export function encodeNpz(
  arrays: Readonly<Record<string, Tensor>>,
  options: { readonly level?: 0 | 1 | 6 | 9 } = {},
): Uint8Array {
  const members: Record<string, Uint8Array> = {};
  let total = 0;
  for (const [name, tensor] of Object.entries(arrays)) {
    const bytes = encodeNpy(tensor, `array ${JSON.stringify(name)}`);
    total += bytes.length;
    members[`${name}.npy`] = bytes;
  }
  if (total >= 2 ** 32 - 2 ** 20) {
    throw new TouchstoneError(
      'E_RANGE',
      `${total} bytes of arrays`,
      'less than 4 GiB in one .npz',
      'write fewer samples',
    );
  }
  // A fixed local date: ZIP stores local time, and today's would make equal results differ.
  return zipSync(members, { level: options.level ?? 0, mtime: new Date(1980, 0, 1) });
}
