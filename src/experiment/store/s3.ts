/** A store in a bucket of Amazon S3 or of whatever speaks its protocol: MinIO, Ceph, R2. Keys come from the environment alone. */
import { S3mini } from 's3mini';
import { TouchstoneError } from '../../errors.ts';
import { writeFileAtomic } from '../../io/atomic.ts';
import { readFileLimited } from '../../io/read.ts';
import { printable } from '../../report/format.ts';
import type { Store } from '../store.ts';
import { checkKey, checkPrefix, checkSize, MOST_BYTES, missing } from './keys.ts';

const SPEC = /^s3:\/\/([a-z0-9][a-z0-9.-]{1,61}[a-z0-9])(?:\/([A-Za-z0-9][A-Za-z0-9+_./-]{0,400}))?\/?$/;

/** What is read of the environment: the names that other tools use. */
export type S3Environment = Readonly<Record<string, string | undefined>>;

/**
 * @param spec `s3://bucket/prefix`
 * @throws E_OPTION where the spec or the environment is wrong; E_FILE where the bucket does not answer, or not to us
 */
export async function openS3Store(spec: string, environment: S3Environment): Promise<Store> {
  const [, bucket, prefix = ''] = SPEC.exec(spec) ?? [];
  if (bucket === undefined || prefix.split('/').some((part) => part === '.' || part === '..'))
    throw new TouchstoneError('E_OPTION', `--store ${printable(spec, 120)}`, 's3://bucket/prefix');
  const store = new S3Store(bucket, prefix.replace(/\/+$/, ''), clientOf(bucket, environment));
  await store.list('jobs/none/');
  return store;
}

function clientOf(bucket: string, environment: S3Environment): S3mini {
  const { AWS_ACCESS_KEY_ID: accessKeyId, AWS_SECRET_ACCESS_KEY: secretAccessKey } = environment;
  if (!accessKeyId || !secretAccessKey)
    throw new TouchstoneError(
      'E_OPTION',
      'no keys for the store in the environment',
      'AWS_ACCESS_KEY_ID and AWS_SECRET_ACCESS_KEY',
      'and AWS_REGION, and AWS_ENDPOINT_URL where it is not Amazon’s',
    );
  if (environment.AWS_SESSION_TOKEN)
    throw new TouchstoneError(
      'E_UNSUPPORTED',
      'AWS_SESSION_TOKEN',
      'keys that last',
      'make a key for the workers',
    );
  const region = environment.AWS_REGION || environment.AWS_DEFAULT_REGION || 'us-east-1';
  const given = environment.AWS_ENDPOINT_URL_S3 || environment.AWS_ENDPOINT_URL;
  const endpoint = given ?? `https://s3.${region}.amazonaws.com`;
  if (!URL.canParse(endpoint) || !/^https?:$/.test(new URL(endpoint).protocol))
    throw new TouchstoneError('E_OPTION', 'AWS_ENDPOINT_URL', 'https://host, or http://host:port');
  const { origin, pathname } = new URL(endpoint);
  return new S3mini({
    accessKeyId,
    secretAccessKey,
    region,
    endpoint: `${origin}${pathname.replace(/\/+$/, '')}/${bucket}`,
    requestAbortTimeout: 600_000,
  });
}

/** Keys of one answer to a listing. */
const PAGE = 1000;

class S3Store implements Store {
  readonly name: string;
  readonly #client: S3mini;
  readonly #prefix: string;

  constructor(bucket: string, prefix: string, client: S3mini) {
    this.name = `s3://${bucket}${prefix ? `/${prefix}` : ''}`;
    this.#prefix = prefix ? `${prefix}/` : '';
    this.#client = client;
  }

  async has(key: string): Promise<boolean> {
    const at = this.#at(key);
    return this.#ask('E_FILE', async () => (await this.#client.objectExists(at)) === true);
  }

  async get(key: string, limit = MOST_BYTES): Promise<Uint8Array> {
    const at = this.#at(key);
    return this.#ask('E_FILE', async () => {
      const response = await this.#client.getObjectResponse(at);
      if (!response) throw missing(key, this.name);
      const size = Number(response.headers.get('content-length') ?? Number.NaN);
      if (size > limit) void response.body?.cancel();
      checkSize(key, size, limit);
      const bytes = new Uint8Array(await response.arrayBuffer());
      checkSize(key, bytes.length, limit);
      return bytes;
    });
  }

  async put(key: string, bytes: Uint8Array): Promise<void> {
    const at = this.#at(key);
    checkSize(key, bytes.length, MOST_BYTES);
    // S3 shows an object once it is there whole, in parts or not.
    await this.#ask('E_WRITE', () => this.#client.putAnyObject(at, bytes, 'application/octet-stream'));
  }

  async putFile(key: string, path: string): Promise<void> {
    await this.put(key, await readFileLimited(path, MOST_BYTES));
  }

  async getFile(key: string, path: string, limit?: number): Promise<void> {
    await writeFileAtomic(path, await this.get(key, limit));
  }

  async list(prefix: string): Promise<string[]> {
    const from = this.#prefix + checkPrefix(prefix);
    const keys: string[] = [];
    let token: string | undefined;
    do {
      const page = await this.#ask('E_FILE', () => this.#client.listObjectsPaged('/', from, PAGE, token));
      if (!page) throw new TouchstoneError('E_FILE', `${this.name}: there is no such bucket`);
      keys.push(...(page.objects ?? []).map(({ Key }) => Key));
      token = page.nextContinuationToken;
    } while (token !== undefined);
    return keys
      .filter((key) => key.startsWith(from))
      .map((key) => key.slice(this.#prefix.length))
      .sort();
  }

  async close(): Promise<void> {}

  #at(key: string): string {
    return this.#prefix + checkKey(key);
  }

  async #ask<T>(code: 'E_FILE' | 'E_WRITE', request: () => Promise<T>): Promise<T> {
    try {
      return await request();
    } catch (error) {
      throw this.#error(code, error);
    }
  }

  /** One line, of the service's code alone: its text may repeat the request, headers and all. */
  #error(code: 'E_FILE' | 'E_WRITE', error: unknown): TouchstoneError {
    if (error instanceof TouchstoneError) return error;
    for (
      let cause: unknown = error, depth = 0;
      cause instanceof Error && depth < 5;
      cause = cause.cause, depth++
    ) {
      const said = 'serviceCode' in cause ? cause.serviceCode : 'code' in cause ? cause.code : undefined;
      const word =
        'status' in cause && (said === undefined || said === 'Unknown') ? `HTTP ${cause.status}` : said;
      if (typeof word !== 'string') continue;
      const [meaning, remedy] = REASONS[word] ?? [printable(word, 80), undefined];
      return new TouchstoneError(code, `${this.name}: ${meaning}`, undefined, remedy);
    }
    const name = error instanceof Error ? error.name : 'Error';
    const meaning = name === 'TimeoutError' ? 'no answer in time' : 'the request failed';
    return new TouchstoneError(code, `${this.name}: ${meaning}`, undefined, 'check the endpoint');
  }
}

const DENIED = ['permission denied', 'check what the key may do'] as const;

const REASONS: Readonly<Record<string, readonly [meaning: string, remedy: string]>> = {
  AccessDenied: DENIED,
  'HTTP 403': DENIED,
  InvalidAccessKeyId: ['the key is not known there', 'check AWS_ACCESS_KEY_ID'],
  SignatureDoesNotMatch: ['the secret key is wrong', 'check AWS_SECRET_ACCESS_KEY'],
  NoSuchBucket: ['there is no such bucket', 'make it, or check the name'],
  QuotaExceeded: ['the quota is used up', 'free some space'],
  XMinioStorageFull: ['the store is full', 'free some space'],
  'HTTP 507': ['the store is full', 'free some space'],
  ECONNREFUSED: ['nothing listens at the endpoint', 'check AWS_ENDPOINT_URL'],
  ENOTFOUND: ['there is no such host', 'check AWS_ENDPOINT_URL'],
  EAI_AGAIN: ['the host cannot be looked up', 'check AWS_ENDPOINT_URL'],
  ETIMEDOUT: ['no answer', 'check AWS_ENDPOINT_URL'],
};
