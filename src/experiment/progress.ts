/** How far an experiment is, from what its scheduler tells. */
import type { JobKind } from './jobs.ts';
import type { JobEvent, Plan, PlannedJob } from './scheduler.ts';

export interface ExperimentProgress {
  /** Of the work, from 0 to 1: jobs weighed by what jobs of their kind have taken so far. */
  readonly fraction: number;
  readonly cells: { readonly done: number; readonly failed: number; readonly all: number };
  readonly jobs: { readonly done: number; readonly all: number };
  /** What is under way. */
  readonly active: readonly { readonly title: string; readonly kind: JobKind; readonly stage: string }[];
}

export interface Tracker {
  /** Notes an event. Returns what a person should be told, a line each. */
  note(event: JobEvent): string[];
  progress(): ExperimentProgress;
}

/** What a job takes where none of its kind is done yet, in proportion. */
const GUESS: Readonly<Record<JobKind, number>> = { train: 20, export: 1, shard: 5, merge: 2 };

interface Kind {
  all: number;
  over: number;
  timed: number;
  seconds: number;
}

export function trackerOf({ jobs }: Plan): Tracker {
  const byId = new Map(jobs.map((job) => [job.id, job]));
  const over = new Set<string>();
  const active = new Map<string, JobEvent>();
  const cells = new Map<string, { left: number; failed: boolean }>();
  const kinds = new Map<JobKind, Kind>();
  for (const { job, cells: ids } of jobs) {
    const kind = kinds.get(job.kind) ?? { all: 0, over: 0, timed: 0, seconds: 0 };
    kinds.set(job.kind, { ...kind, all: kind.all + 1 });
    for (const id of ids) {
      const cell = cells.get(id) ?? { left: 0, failed: false };
      cells.set(id, { ...cell, left: cell.left + 1 });
    }
  }

  const end = (planned: PlannedJob, event: JobEvent): string[] => {
    if (over.has(planned.id)) return [];
    over.add(planned.id);
    active.delete(planned.id);
    const kind = kinds.get(planned.job.kind)!;
    kind.over += 1;
    if (event.seconds !== undefined) {
      kind.timed += 1;
      kind.seconds += event.seconds;
    }
    const ended: string[] = [];
    for (const id of planned.cells) {
      const cell = cells.get(id)!;
      cell.left -= 1;
      cell.failed ||= event.state !== 'done';
      if (cell.left === 0) ended.push(`${id}: ${cell.failed ? 'failed' : 'done'}`);
    }
    return ended;
  };

  return {
    note(event) {
      const planned = byId.get(event.id);
      if (!planned) return [];
      const what = `${planned.job.kind} of ${planned.title}`;
      if (event.state === 'active') active.set(event.id, event);
      if (event.state === 'retried') {
        active.delete(event.id);
        return [`${what} failed, and is tried again: ${event.reason ?? ''}`];
      }
      const failure = event.state === 'failed' ? [`${what} failed: ${event.reason ?? ''}`] : [];
      const isOver = event.state === 'done' || event.state === 'failed' || event.state === 'skipped';
      return [...failure, ...(isOver ? end(planned, event) : [])];
    },
    progress() {
      const weights = weightsOf(kinds);
      let [done, all] = [0, 0];
      for (const [name, kind] of kinds) {
        done += kind.over * weights[name];
        all += kind.all * weights[name];
      }
      for (const [id, { fraction = 0 }] of active) done += fraction * weights[byId.get(id)!.job.kind];
      const states = [...cells.values()].filter(({ left }) => left === 0);
      return {
        fraction: all === 0 ? 1 : Math.min(1, done / all),
        cells: {
          done: states.filter(({ failed }) => !failed).length,
          failed: states.filter(({ failed }) => failed).length,
          all: cells.size,
        },
        jobs: { done: over.size, all: jobs.length },
        active: [...active].map(([id, { stage = '' }]) => {
          const { title, job } = byId.get(id)!;
          return { title, kind: job.kind, stage };
        }),
      };
    },
  };
}

/** Mean seconds by kind; a kind that none is done of, in proportion to those that are. */
function weightsOf(kinds: ReadonlyMap<JobKind, Kind>): Record<JobKind, number> {
  const timed = [...kinds].filter(([, kind]) => kind.timed > 0);
  const scale =
    timed.length === 0
      ? 1
      : timed.reduce((sum, [name, { seconds, timed: n }]) => sum + seconds / n / GUESS[name], 0) /
        timed.length;
  const of = (name: JobKind): number => {
    const kind = kinds.get(name);
    return kind && kind.timed > 0 ? kind.seconds / kind.timed : GUESS[name] * scale;
  };
  return { train: of('train'), export: of('export'), shard: of('shard'), merge: of('merge') };
}
