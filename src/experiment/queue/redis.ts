/** Where the queue is, and whether it answers. What is printed of it never holds a password. */
import type { ConnectionOptions } from 'node:tls';
import { Redis } from 'ioredis';
import { TouchstoneError } from '../../errors.ts';

/** What a connection needs to know. */
interface Address {
  readonly host: string;
  readonly port: number;
  readonly db: number;
  readonly username?: string;
  readonly password?: string;
  readonly tls?: ConnectionOptions;
}

/** How Redis is reached. */
export interface RedisPlace {
  /** For people: `redis://host:6379/0`. */
  readonly name: string;
  readonly options: Address;
}

/** The environment variable for the password: a command line can be read by everybody on the machine. */
export const PASSWORD = 'TOUCHSTONE_REDIS_PASSWORD';

/**
 * @param url `redis://[user[:password]@]host[:port][/number]`, or `rediss://` for TLS
 * @param environment may have the password, as {@link PASSWORD}
 * @throws E_OPTION where it is no such URL
 */
export function redisPlace(url: string, environment: NodeJS.ProcessEnv = process.env): RedisPlace {
  const parsed = URL.canParse(url) ? new URL(url) : undefined;
  const number = /^\/?(\d{0,4})$/.exec(parsed?.pathname ?? '-')?.[1];
  if (!parsed || !['redis:', 'rediss:'].includes(parsed.protocol) || !parsed.hostname || number === undefined)
    throw new TouchstoneError(
      'E_OPTION',
      // Not as it was given: what looks like no URL may still hold a password.
      '--redis',
      'redis://host:port/number, or rediss:// for TLS',
      `the password can be in ${PASSWORD}`,
    );
  const host = parsed.hostname.replace(/^\[(.*)\]$/, '$1');
  const port = Number(parsed.port || 6379);
  const db = Number(number || 0);
  const password = environment[PASSWORD] || part(parsed.password);
  const username = part(parsed.username);
  return {
    name: `${parsed.protocol}//${parsed.hostname}:${port}/${db}`,
    options: {
      host,
      port,
      db,
      ...(username ? { username } : {}),
      ...(password ? { password } : {}),
      ...(parsed.protocol === 'rediss:' ? { tls: { servername: host } } : {}),
    },
  };
}

const part = (text: string): string => {
  try {
    return decodeURIComponent(text);
  } catch {
    return text;
  }
};

/** A connection that stays: it waits for a Redis that is gone for a while. */
export const lastingConnection = ({ options }: RedisPlace): Redis =>
  new Redis({
    ...options,
    maxRetriesPerRequest: null,
    retryStrategy: (times: number) => Math.min(100 * times, 2000),
  });

/**
 * A connection that answers now, for the first word with a Redis.
 *
 * @throws E_OPTION where it does not answer, or not to us
 */
export async function connect(place: RedisPlace): Promise<Redis> {
  const redis = new Redis({
    ...place.options,
    lazyConnect: true,
    connectTimeout: 10_000,
    maxRetriesPerRequest: 0,
    retryStrategy: () => undefined,
  });
  let last: unknown;
  redis.on('error', (error) => {
    last = error;
  });
  try {
    await redis.connect();
    await redis.ping();
    return redis;
  } catch (error) {
    redis.disconnect();
    throw redisError(place, last ?? error);
  }
}

const REASONS: Readonly<Record<string, readonly [meaning: string, remedy: string]>> = {
  ECONNREFUSED: ['nothing listens there', 'is Redis running?'],
  ENOTFOUND: ['there is no such host', 'check the name'],
  EAI_AGAIN: ['the host cannot be looked up', 'check the name and the network'],
  ETIMEDOUT: ['no answer', 'check the address and the firewall'],
  EHOSTUNREACH: ['no way to the host', 'check the network'],
  ECONNRESET: ['the connection was closed', 'does it want TLS (rediss://)?'],
  WRONGPASS: ['wrong user or password', `check ${PASSWORD}`],
  NOAUTH: ['it asks for a password', `set ${PASSWORD}`],
  NOPERM: ['the user may not do that', 'give the user all commands on touchstone:*'],
  OOM: ['its memory is full', 'raise maxmemory, or end old experiments'],
  MISCONF: ['it cannot write its disk', 'see the log of Redis'],
  READONLY: ['it is a replica', 'name the primary'],
  LOADING: ['it is still loading its data', 'try again soon'],
};

/** What Redis said, as one line without secrets. */
export function redisError({ name, options }: RedisPlace, cause: unknown): TouchstoneError {
  if (cause instanceof TouchstoneError) return cause;
  const text = cause instanceof Error ? cause.message : String(cause);
  const system = cause instanceof Error && 'code' in cause ? String(cause.code) : '';
  const word = /^(?:ReplyError: )?([A-Z]{3,})\b/.exec(text)?.[1] ?? '';
  const [meaning, remedy] = REASONS[system] ?? REASONS[word] ?? [withoutSecrets(text, options), undefined];
  return new TouchstoneError('E_OPTION', `${name}: ${meaning}`, undefined, remedy);
}

function withoutSecrets(text: string, { password }: Address): string {
  const line = text.replace(/\s+/g, ' ').slice(0, 200);
  return password ? line.replaceAll(password, '…') : line;
}
