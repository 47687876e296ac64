/** The child process of a worker: does the jobs that it is sent, one at a time. */
import { openStore } from '../store/index.ts';
import { serve } from './serve.ts';

// While nothing is asked yet. Where it fails, the first job says why.
const executing = import('../execute.ts');
executing.then(() => import('../../report/index.ts')).catch(() => undefined);

serve(async (payload, { store: spec, ...place }, controls) => {
  const { executeJob } = await executing;
  const store = await openStore(spec, { create: false });
  try {
    return await executeJob(payload, { ...place, store }, controls);
  } finally {
    await store.close();
  }
});
