/** Experiments over Redis: BullMQ carries the jobs, workers on as many machines as there are do them. */
export { redisPlace } from './redis.ts';
export { type QueueOptions, queueScheduler } from './scheduler.ts';
export { type QueueStatus, queueStatus } from './status.ts';
export { statusText } from './status-text.ts';
export { runWorker, type WorkerOptions } from './worker.ts';
