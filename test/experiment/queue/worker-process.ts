/** A worker with a quick pace; its request is its argument. */
import { redisPlace, runWorker } from '../../../src/experiment/queue/index.ts';
import type { WorkerRequest } from './workers.ts';

const { redis, store, folder, concurrency = 1, fake = true } = JSON.parse(process.argv[2]!) as WorkerRequest;
const stop = new AbortController();
process.once('SIGTERM', () => stop.abort());
await runWorker({
  redis: redisPlace(redis, {}),
  store,
  folder,
  data: new Map(),
  devices: ['cpu'],
  concurrency,
  threads: 1,
  say: (line) => process.stderr.write(`${line}\n`),
  stop: stop.signal,
  pace: { lockMs: 1500, stalledMs: 500, againMs: 200 },
  ...(fake ? { entry: new URL('./fake-child.ts', import.meta.url) } : {}),
});
