/** The shards of one audit, gathered: what does not belong together is refused by name. */
import { join } from 'node:path';
import fs from 'fs-extra';
import { TouchstoneError } from '../errors.ts';
import { readFileLimited } from '../io/index.ts';
import { type AuditFolder, pathOf, REQUEST, requestHash } from './audit-parts.ts';
import { difference, type SharedRequest, sharedRequest } from './audit-request.ts';
import { readShard, SHARD, type ShardRecord } from './shard-record.ts';
import { shardRange } from './shard-run.ts';

export interface Shard {
  readonly dir: string;
  readonly record: ShardRecord;
}

/** All the shards of an audit, each once and whole. */
export interface Shards {
  readonly request: SharedRequest;
  /** SHA-256 of the audit.json that all of them have. */
  readonly hash: string;
  /** In their order. */
  readonly all: readonly Shard[];
}

const AGAIN = 'make it again with the same command as the others';
/** Names said at once. */
const MOST_NAMED = 10;

/**
 * Reads what the folders say of themselves, and that every part is there. Paths are made of the folders' names and of numbers;
 * none is taken from a file.
 *
 * @throws TouchstoneError E_FILE for a folder without a shard, an unfinished or a missing one, two of the same; E_DATA for one of
 * another audit, or a damaged one
 */
export async function readShards(dirs: readonly string[]): Promise<Shards> {
  const [first] = dirs;
  if (first === undefined)
    throw new TouchstoneError('E_OPTION', 'no folder', 'the folders of all shards of an audit');
  const common = { dir: first, request: await readRequest(first) };
  const all: Shard[] = [];
  for (const dir of dirs) {
    if (dir !== first) assertSame({ dir, request: await readRequest(dir) }, common);
    all.push({ dir, record: await recordIn(dir, common.request) });
  }
  assertOnce(all);
  all.sort((a, b) => a.record.index - b.record.index);
  assertComplete(all);
  for (const shard of all) await assertParts(shard, common.request);
  return { request: common.request, hash: requestHash(common.request), all };
}

const isNone = (dir: string, name: string): TouchstoneError =>
  new TouchstoneError(
    'E_FILE',
    `${dir} holds no ${name}`,
    'the folder of a shard',
    'name what audit --shard was given as --out',
  );

async function readRequest(dir: string): Promise<SharedRequest> {
  const path = join(dir, REQUEST);
  if (!(await fs.pathExists(path))) throw isNone(dir, REQUEST);
  const bytes = await readFileLimited(path, 2 ** 20);
  try {
    return sharedRequest.parse(JSON.parse(new TextDecoder().decode(bytes)));
  } catch (cause) {
    throw new TouchstoneError(
      'E_DATA',
      `${path} is not what a shard was asked for`,
      "a shard's, of this version",
      `remove ${dir}, and make the shard again`,
      { cause },
    );
  }
}

interface Asked {
  readonly dir: string;
  readonly request: SharedRequest;
}

function assertSame(it: Asked, first: Asked): void {
  const found = difference(it.request, first.request);
  if (!found) return;
  throw new TouchstoneError(
    'E_DATA',
    `${it.dir} has another ${found.name} (${found.a}; ${first.dir} has ${found.b})`,
    'shards of one audit',
    AGAIN,
  );
}

async function recordIn(dir: string, request: SharedRequest): Promise<ShardRecord> {
  const record = await readShard(dir);
  if (!record) throw isNone(dir, SHARD);
  const name = `${dir} (shard ${record.index}/${record.of})`;
  if (record.state !== 'whole')
    throw new TouchstoneError('E_FILE', `${name} is not finished`, 'a whole shard', 'run its command again');
  if (record.request !== requestHash(request))
    throw new TouchstoneError(
      'E_DATA',
      `${name} has an ${REQUEST} that is not its own`,
      'as it was written',
      AGAIN,
    );
  return record;
}

/** That all are of as many, and none is there twice. */
function assertOnce(all: readonly Shard[]): void {
  const first = all[0]!;
  const seen = new Map<number, string>();
  for (const { dir, record } of all) {
    const { index, of } = record;
    if (of !== first.record.of)
      throw new TouchstoneError(
        'E_DATA',
        `${dir} is one of ${of} shards (${first.dir} of ${first.record.of})`,
        'shards of one audit',
        AGAIN,
      );
    const other = seen.get(index);
    if (other !== undefined)
      throw new TouchstoneError(
        'E_FILE',
        `${other} and ${dir} both hold shard ${index}/${of}`,
        'each shard once',
        'leave one of them out',
      );
    seen.set(index, dir);
  }
}

function assertComplete(all: readonly Shard[]): void {
  const { of } = all[0]!.record;
  if (all.length === of) return;
  const present = new Set(all.map(({ record }) => record.index));
  const missing = Array.from({ length: of }, (_, i) => i + 1).filter((index) => !present.has(index));
  const named = missing.slice(0, MOST_NAMED).map((index) => `${index}/${of}`);
  const more = missing.length > named.length ? ` and ${missing.length - named.length} more` : '';
  throw new TouchstoneError(
    'E_FILE',
    `no shard ${named.join(', ')}${more}`,
    `all ${of}`,
    'name their folders, too, once they are made',
  );
}

async function assertParts({ dir, record }: Shard, request: SharedRequest): Promise<void> {
  const { from, to } = shardRange(record, request);
  for (let chunk = from; chunk < to; chunk++)
    if (!(await fs.pathExists(pathOf({ dir }, chunk))))
      throw new TouchstoneError(
        'E_FILE',
        `${dir} (shard ${record.index}/${record.of}) lacks ${pathOf({ dir }, chunk)}`,
        'all its parts',
        'run its command again',
      );
}

/** Where the part of each chunk is. */
export function foldersOf({ request, hash, all }: Shards): AuditFolder[] {
  return all.flatMap(({ dir, record }) => {
    const { from, to } = shardRange(record, request);
    return Array.from({ length: to - from }, () => ({ dir, request: hash }));
  });
}
