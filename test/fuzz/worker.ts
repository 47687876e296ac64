import { parentPort, workerData } from 'node:worker_threads';
import { mutated } from './mutate.ts';
import { outcomeOf } from './subject.ts';

/** How a file may end, well; what ends otherwise is reported by its seed. */
export const OUTCOMES = ['refused to read', 'refused to differentiate', 'differentiated'] as const;

/** The seed under way, then a count per outcome: what is left to see of a worker that dies. */
export type Shared = Int32Array;

interface Work {
  readonly corpus: Uint8Array[];
  readonly from: number;
  readonly to: number;
  readonly step: number;
  readonly shared: Shared;
}

if (parentPort) {
  const { corpus, from, to, step, shared } = workerData as Work;
  let slowest = { seed: -1, milliseconds: 0 };
  for (let seed = from; seed < to; seed += step) {
    Atomics.store(shared, 0, seed);
    const bytes = mutated(corpus, seed);
    const started = performance.now();
    const outcome = outcomeOf(bytes);
    const milliseconds = performance.now() - started;
    if (milliseconds > slowest.milliseconds) slowest = { seed, milliseconds };
    const known = (OUTCOMES as readonly string[]).indexOf(outcome);
    if (known >= 0) Atomics.add(shared, 1 + known, 1);
    else parentPort.postMessage({ seed, why: outcome });
  }
  parentPort.postMessage({ slowest });
}
