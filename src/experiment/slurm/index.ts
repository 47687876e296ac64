/** Slurm: an experiment as job arrays. */
export { collectScheduler } from './collect.ts';
export { type ElementEnd, type ElementOptions, runElement } from './element.ts';
export type { SlurmOptions } from './options.ts';
export { failedFolder } from './scripts.ts';
export { describe, type Submitted, submitPlan } from './submit.ts';
