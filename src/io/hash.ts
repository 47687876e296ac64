import { createHash } from 'node:crypto';

/** SHA-256 of bytes, or of pieces as if they were one: lower-case hexadecimal, as `sha256sum` prints it. */
export function sha256(data: Uint8Array | Iterable<Uint8Array>): string {
  const hash = createHash('sha256');
  for (const piece of data instanceof Uint8Array ? [data] : data) hash.update(piece);
  return hash.digest('hex');
}
