/** What doing a job needs beside the job, and what it gives. */
import type { Job } from '../jobs.ts';
import type { Store } from '../store.ts';

/** What a worker is, apart from its jobs. */
export interface Workplace {
  readonly store: Store;
  /** A folder of this worker alone; it writes nowhere else. */
  readonly folder: string;
  /** Data sets that jobs may name, as `--data` takes them: `cifar10` → `cifar10:/data/cifar`. */
  readonly data: ReadonlyMap<string, string>;
  readonly threads?: number;
  /** Engine devices that it may use. @default ['cpu'] */
  readonly devices?: readonly ('cpu' | 'cuda')[];
}

export interface JobControls {
  /** From 0 to 1. */
  readonly onProgress?: (fraction: number, stage: string) => void;
  /** Stops soon; what is half done is gone on with by the next try in this folder. */
  readonly signal?: AbortSignal;
}

/** What `done.json` holds. */
export interface JobDone {
  readonly id: string;
  readonly kind: Job['kind'];
  readonly seconds: number;
  /** Where it was done. */
  readonly machine: string;
  readonly finishedAt: string;
  /** Names of the files beside it, with their SHA-256. */
  readonly files: Readonly<Record<string, string>>;
}
