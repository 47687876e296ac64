/** The child process of a worker: does the jobs that it is sent, one at a time. */
import { openStore } from '../store/index.ts';
import { serve } from './serve.ts';

serve(async (payload, { store: spec, ...place }, controls) => {
  // Not at the top: the engine is loaded once there is something to do.
  const { executeJob } = await import('../execute.ts');
  const store = await openStore(spec, { create: false });
  try {
    return await executeJob(payload, { ...place, store }, controls);
  } finally {
    await store.close();
  }
});
