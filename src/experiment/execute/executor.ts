import type { Job } from '../jobs.ts';
import type { JobControls, Workplace } from './workplace.ts';

/** What an executor gets beside its job. */
export interface Site {
  readonly id: string;
  /** This job's own folder, which an earlier try may have left something in. */
  readonly folder: string;
  readonly place: Workplace;
  readonly controls: JobControls;
}

/** Does jobs of a kind. Returns the paths of the files that it leaves, by name. */
export type Executor<J extends Job> = (job: J, site: Site) => Promise<ReadonlyMap<string, string>>;
