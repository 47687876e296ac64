import fs from 'fs-extra';
import { describe, expect, test } from 'vitest';
import { latestRecord } from '../../benchmarks/keep.ts';
import { measureQueue } from '../../benchmarks/queue/measure.ts';
import { queueRecord } from '../../benchmarks/queue/record.ts';
import { withRedis } from '../../benchmarks/queue/server.ts';
import { noRedis } from '../experiment/queue/redis-server.ts';

test('the record holds what bench queue writes', async () => {
  const { add, work, memory } = queueRecord.parse(await fs.readJson(latestRecord('queue')));
  expect([add.jobs, work.jobs]).toEqual([100_000, 100_000]);
  expect(memory.peak).toBeGreaterThanOrEqual(Math.max(memory.waiting, memory.done));
});

describe.skipIf(noRedis)(noRedis ?? 'bench queue', () => {
  test('does every job, and measures what Redis says', async () => {
    const stages = new Set<string>();
    const { add, flows, work, memory, payloadBytes } = await withRedis((redis) =>
      measureQueue({
        ...{ redis, jobs: 1000, shards: 10, concurrency: 5 },
        onProgress: (stage) => stages.add(stage),
      }),
    );
    expect([...stages]).toEqual(['adding', 'working', 'adding flows']);
    expect([add.jobs, flows.jobs, work.jobs]).toEqual([1000, 1000, 1000]);
    for (const { jobs, seconds, perSecond } of [add, flows, work])
      expect(perSecond).toBeCloseTo(jobs / seconds, 6);
    // A job is no smaller in memory than its payload.
    for (const bytes of [memory.perWaitingJob, memory.perDoneJob, memory.perShardInFlow])
      expect(bytes).toBeGreaterThan(payloadBytes);
    expect(memory.waiting).toBeGreaterThan(memory.empty);
  }, 60_000);
});
