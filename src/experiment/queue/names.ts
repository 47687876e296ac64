import { sha256 } from '../../io/hash.ts';

/** What all our keys in Redis begin with. */
export const PREFIX = 'touchstone';

/**
 * The queue of a version. Equal digits are promised within a version only, so each has a queue of its own: its jobs wait for
 * workers of it, and no other's try is spent on them.
 */
export const queueName = (version: string): string => `jobs-${version.replaceAll(':', '_')}`;

/** The versions that have a queue: a hash from names to versions. */
export const QUEUES = `${PREFIX}:queues`;
/** The experiments that were begun: a hash from names to {@link Registration} as JSON. */
export const EXPERIMENTS = `${PREFIX}:experiments`;
/** When each worker was last heard of, milliseconds: a sorted set. */
export const BEATS = `${PREFIX}:beats`;
/** What each worker said of itself then: a hash. */
export const WORKERS = `${PREFIX}:workers`;

/** The node that puts the audits of a model into the queue once the model is there. */
export const releaseId = (need: string, merges: readonly string[]): string =>
  `release-${sha256(new TextEncoder().encode([need, ...merges].join(' '))).slice(0, 48)}`;
