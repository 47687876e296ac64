/**
 * Where jobs find what others made and leave what they make: a shared folder, or an S3-compatible bucket. Keys are
 * `blobs/HASH` for what an experiment brings, `jobs/ID/NAME` for what a job made. A job's `done.json` is written last, so that
 * a job is done if and only if it is there; everything is written whole or not at all.
 */
export interface Store {
  /** For people: a folder's path, or `s3://bucket/prefix`, without secrets. */
  readonly name: string;
  has(key: string): Promise<boolean>;
  /** @throws TouchstoneError E_FILE where there is none; E_DATA where it is larger than `limit` bytes */
  get(key: string, limit?: number): Promise<Uint8Array>;
  /** Whole or not at all; over what is there. @throws TouchstoneError E_WRITE where the store is full, read-only or gone */
  put(key: string, bytes: Uint8Array): Promise<void>;
  /** Copies a file of this machine. @throws as `put` does */
  putFile(key: string, path: string): Promise<void>;
  /** Writes to a file of this machine, whole or not at all. @throws as `get` does */
  getFile(key: string, path: string, limit?: number): Promise<void>;
  /** The keys that begin so. */
  list(prefix: string): Promise<string[]>;
  close(): Promise<void>;
}

/** Where a job's files are. @param name a plain file's name */
export const jobKey = (id: string, name: string): string => `jobs/${id}/${name}`;
export const blobKey = (hash: string): string => `blobs/${hash}`;
export const DONE = 'done.json';
