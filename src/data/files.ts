import { stat } from 'node:fs/promises';
import { join } from 'node:path';
import { promisify } from 'node:util';
import { gunzip } from 'node:zlib';
import { TouchstoneError } from '../errors.ts';

/** The most bytes of one data file, unpacked or not. */
export const maxFileBytes = 2 ** 30;

/**
 * Unpacks gzip, to `maxBytes` at most.
 *
 * @throws TouchstoneError E_DATA when the bytes are no gzip stream, cut short, or unpack to more.
 */
export async function gunzipLimited(
  bytes: Uint8Array,
  where: string,
  maxBytes = maxFileBytes,
): Promise<Uint8Array> {
  try {
    const { buffer, byteOffset, byteLength } = await promisify(gunzip)(bytes, { maxOutputLength: maxBytes });
    return new Uint8Array(buffer, byteOffset, byteLength); // no Buffer, whose slice() is a view
  } catch (cause) {
    const { code, message } = cause as NodeJS.ErrnoException;
    const got =
      code === 'ERR_BUFFER_TOO_LARGE'
        ? `unpacks to more than ${maxBytes} bytes`
        : `does not unpack (${message})`;
    throw new TouchstoneError('E_DATA', `${where} ${got}`, 'a whole gzip file', 'download it again', {
      cause,
    });
  }
}

const isFile = (path: string): Promise<boolean> =>
  stat(path).then(
    (found) => found.isFile(),
    () => false,
  );

/**
 * The first of `names` that is a file in one of `folders`.
 *
 * @throws TouchstoneError E_FILE naming every file looked for.
 */
export async function findFile(
  folders: readonly string[],
  names: readonly string[],
  remedy: string,
): Promise<string> {
  for (const folder of folders) {
    for (const name of names) {
      if (await isFile(join(folder, name))) return join(folder, name);
    }
  }
  throw new TouchstoneError(
    'E_FILE',
    `no data in ${folders.join(' or ')}`,
    `a file ${names.join(' or ')}`,
    remedy,
  );
}
