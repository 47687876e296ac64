import { printable } from '../../report/format.ts';
import { readDone } from '../execute/outputs.ts';
import type { JobEvent, Outcome, Plan, PlannedJob } from '../scheduler.ts';
import type { Store } from '../store.ts';

/** What became of each job of a plan. */
export class Tally {
  /** Ids of the jobs that have not ended. */
  readonly open = new Set<string>();
  readonly #outcomes = new Map<string, Outcome>();
  readonly #after = new Map<string, PlannedJob[]>();
  readonly #planned: ReadonlyMap<string, PlannedJob>;
  readonly #store: Store;
  readonly #onEvent: (event: JobEvent) => void;
  #wake = () => {};

  constructor(plan: Plan, store: Store, onEvent: (event: JobEvent) => void = () => {}) {
    this.#store = store;
    this.#onEvent = onEvent;
    this.#planned = new Map(plan.jobs.map((planned) => [planned.id, planned]));
    for (const planned of plan.jobs) {
      this.open.add(planned.id);
      for (const need of planned.needs) this.#after.set(need, [...(this.#after.get(need) ?? []), planned]);
    }
  }

  outcomes(): ReadonlyMap<string, Outcome> {
    return this.#outcomes;
  }

  /** Ids of the jobs that need not be done, or can not. */
  done(): Set<string> {
    return new Set(this.#outcomes.keys());
  }

  /** Whether all that a job needs is done. */
  ready(id: string): boolean {
    return (this.#planned.get(id)?.needs ?? []).every((need) => this.#outcomes.get(need)?.state === 'done');
  }

  active(id: string, details: Pick<JobEvent, 'fraction' | 'stage' | 'worker'> = {}): void {
    if (this.open.has(id)) this.#onEvent({ id, state: 'active', ...details });
  }

  retried(id: string, reason: string): void {
    if (this.open.has(id)) this.#onEvent({ id, state: 'retried', reason });
  }

  /** The queue says that a job is done: it is if the store has it. */
  async ended(id: string): Promise<void> {
    if (!this.open.has(id)) return;
    const done = await readDone(this.#store, id);
    if (!done || !this.open.has(id)) return;
    this.#settle(id, { state: 'done', done });
    this.#onEvent({ id, state: 'done', seconds: done.seconds });
  }

  failed(id: string, why: string | undefined, attempts = 1): void {
    if (!this.open.has(id)) return;
    const reason = printable(why ?? 'no reason is known', 500);
    this.#settle(id, { state: 'failed', reason, attempts: Math.max(1, attempts) });
    this.#onEvent({ id, state: 'failed', reason });
    this.#skipAfter(id, id);
  }

  /** @returns when a job has ended, or after so long, or when stopped */
  async changedOrAfter(milliseconds: number, signal: AbortSignal | undefined): Promise<void> {
    await new Promise<void>((resolve) => {
      const timer = setTimeout(() => end(), milliseconds);
      const end = () => {
        clearTimeout(timer);
        signal?.removeEventListener('abort', end);
        resolve();
      };
      // Only the last end is worth hurrying for: between, the queue is asked at its pace.
      this.#wake = () => this.open.size === 0 && end();
      signal?.addEventListener('abort', end);
      if (signal?.aborted || this.open.size === 0) end();
    });
  }

  #skipAfter(id: string, because: string): void {
    for (const { id: next } of this.#after.get(id) ?? []) {
      if (!this.open.has(next)) continue;
      this.#settle(next, { state: 'skipped', because });
      this.#onEvent({ id: next, state: 'skipped' });
      this.#skipAfter(next, because);
    }
  }

  #settle(id: string, outcome: Outcome): void {
    this.open.delete(id);
    this.#outcomes.set(id, outcome);
    this.#wake();
  }
}
