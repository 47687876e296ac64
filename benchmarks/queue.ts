/**
 * What the queue itself costs: jobs that do nothing, through a Redis started for it.
 *
 *   node --import tsx benchmarks/queue.ts [--limit 100000] [--batch 100] [--record FILE.json] [--save NAME [--records DIR]]
 *     --limit   jobs
 *     --batch   shards of an audit, where they are added as flows
 */
import { table } from 'table';
import { parseCount } from '../src/cli/numbers.ts';
import type { Progress } from '../src/cli/progress.ts';
import { machine, packageVersion, tool } from '../src/io/index.ts';
import { KEEP_NAMES, type KeepOptions, keepOptions } from './keep.ts';
import { readOptions } from './options.ts';
import { measureQueue } from './queue/measure.ts';
import type { QueueRecord } from './queue/record.ts';
import { PERSISTENCE, withRedis } from './queue/server.ts';
import { endAt, runBenchmark } from './script.ts';

const CONCURRENCY = 50;

interface Given extends KeepOptions {
  readonly jobs: number;
  readonly shards: number;
}

/** @throws E_OPTION for what it does not know */
function parseOptions(argv: readonly string[]): Given {
  const { limit = '100000', batch = '100', ...kept } = readOptions(argv, ['limit', 'batch', ...KEEP_NAMES]);
  return { jobs: parseCount(limit, 'limit'), shards: parseCount(batch, 'batch'), ...keepOptions(kept) };
}

const benchQueue = ({ jobs, shards }: Given, progress: Progress): Promise<QueueRecord> =>
  withRedis(async (redis) => {
    const version = /^redis_version:(\S+)/m.exec(await redis.info('server'))?.[1] ?? 'unknown';
    const measured = await measureQueue({
      ...{ redis, jobs, shards, concurrency: CONCURRENCY },
      onProgress: (stage, fraction) => progress.update(stage, fraction),
    });
    progress.end();
    return {
      benchmark: 'queue',
      tool: tool(),
      machine: machine(),
      versions: { redis: version, bullmq: packageVersion('bullmq'), ioredis: packageVersion('ioredis') },
      persistence: PERSISTENCE.join(' ').trim(),
      concurrency: CONCURRENCY,
      ...measured,
    };
  });

await runBenchmark<Given, QueueRecord>({
  name: 'queue',
  parse: parseOptions,
  run(options, { progress, signal }) {
    endAt(signal);
    return benchQueue(options, progress);
  },
  table: text,
  isFailed: () => false,
});

function text({ add, flows, work, memory, payloadBytes }: QueueRecord): string {
  const row = (name: string, { perSecond, redisMicroseconds, nodeMicroseconds }: QueueRecord['add']) => [
    name,
    perSecond.toFixed(0),
    redisMicroseconds.toFixed(0),
    nodeMicroseconds.toFixed(0),
  ];
  const rates = table([
    [`${add.jobs} jobs`, 'jobs/s', 'CPU of Redis, µs', 'CPU of Node, µs'],
    row('added', add),
    row(`added in flows of ${flows.shards}`, flows),
    row('done', work),
  ]);
  const each = (bytes: number) => `${bytes.toFixed(0)} bytes`;
  const mib = (bytes: number) => `${(bytes / 2 ** 20).toFixed(0)} MiB`;
  return `${rates}memory of Redis: ${each(memory.perWaitingJob)} a waiting job, ${each(memory.perDoneJob)} a done one, ${each(memory.perShardInFlow)} a shard in a flow (${payloadBytes} of them its payload); ${mib(memory.peak)} at most\n`;
}
