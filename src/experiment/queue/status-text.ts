import { table } from 'table';
import type { Counts, QueueStatus } from './status.ts';

/** What `touchstone status` prints. */
export function statusText(status: QueueStatus, now = Date.now()): string {
  const parts = [`${status.redis}`];
  parts.push(
    titled(
      'experiments',
      ['experiment', 'version', 'jobs', ...COUNTS, 'begun'],
      [
        ...status.experiments.map(({ name, version, jobs, counts, begunAt }) => [
          name,
          version,
          String(jobs),
          ...COUNTS.map((count) => (counts ? String(counts[count]) : '')),
          begunAt.slice(0, 16).replace('T', ' '),
        ]),
        ...status.queues.map((queue) => [
          'all, with what releases audits',
          queue.version,
          '',
          ...COUNTS.map((count) => String(queue[count])),
          '',
        ]),
      ],
    ),
    titled(
      'workers',
      ['worker', 'version', 'devices', 'at once', 'threads', 'heard of', 'since'],
      status.workers.map((worker) => [
        worker.name,
        worker.version,
        worker.devices.join(' '),
        String(worker.concurrency),
        worker.threads === undefined ? 'all' : String(worker.threads),
        `${Math.round(worker.silentSeconds)} s ago`,
        worker.since.slice(0, 16).replace('T', ' '),
      ]),
    ),
    titled(
      'under way',
      ['job', 'experiment', 'worker', 'done', 'stage', 'for', 'try'],
      status.active.map((job) => [
        job.title,
        job.experiment,
        job.worker,
        `${Math.floor(100 * job.fraction)} %`,
        job.stage,
        `${Math.max(0, Math.round((now - Date.parse(job.since)) / 1000))} s`,
        String(job.attempt),
      ]),
    ),
    titled(
      'failed',
      ['job', 'experiment', 'tries', 'reason'],
      status.failed.map((job) => [job.title, job.experiment, String(job.attempts), job.reason]),
    ),
  );
  return parts.join('\n\n');
}

const COUNTS: readonly (keyof Counts)[] = ['waiting', 'blocked', 'delayed', 'active', 'done', 'failed'];

function titled(title: string, head: readonly string[], rows: readonly (readonly string[])[]): string {
  if (rows.length === 0) return `${title}: none`;
  const wide = Object.fromEntries(head.map((_, i) => [i, { width: widthOf(i, head, rows), wrapWord: true }]));
  return `${title}\n${table([[...head], ...rows.map((row) => [...row])], { columns: wide }).trimEnd()}`;
}

/** As wide as its widest cell, up to where a reason is better on several lines. */
const widthOf = (column: number, head: readonly string[], rows: readonly (readonly string[])[]): number =>
  Math.min(60, Math.max(1, head[column]!.length, ...rows.map((row) => row[column]?.length ?? 0)));
