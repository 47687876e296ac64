import type { Plan, SchedulerControls } from '../experiment/scheduler.ts';
import type { Context } from './common.ts';

/** Shows an experiment as it goes: cells and jobs that are over, what is under way, the time left; a line per cell that ends. */
export async function experimentControls(
  plan: Plan,
  { progress, signal }: Pick<Context, 'progress' | 'signal'>,
): Promise<SchedulerControls> {
  const { trackerOf } = await import('../experiment/progress.ts');
  const tracker = trackerOf(plan);
  return {
    signal,
    onEvent(event) {
      const lines = tracker.note(event);
      const { fraction, cells, jobs, active } = tracker.progress();
      for (const line of lines) progress.line(`${cells.done + cells.failed}/${cells.all} ${line}`);
      const [first] = active;
      const facts = [
        `cells ${cells.done}/${cells.all}${cells.failed > 0 ? `, ${cells.failed} failed` : ''}`,
        `jobs ${jobs.done}/${jobs.all}`,
        first && `${first.kind} of ${first.title}${first.stage ? ` (${first.stage})` : ''}`,
        active.length > 1 && `and ${active.length - 1} more`,
      ];
      progress.update(plan.name, fraction, facts.filter(Boolean).join(' · '));
    },
  };
}
