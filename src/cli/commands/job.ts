import { defineCommand } from 'citty';
import type { ElementEnd } from '../../experiment/slurm/index.ts';
import { commonArgs } from '../common.ts';
import { parseCount } from '../numbers.ts';
import { createProgress } from '../progress.ts';
import { parsePairs, repeated } from '../repeated.ts';

/** Exit codes that the scripts know: a job that failed is tried again, one whose need is missing is not. */
const CODES = { done: 0, failed: 1, refused: 2, skipped: 3 } as const;

export const command = defineCommand({
  meta: { name: 'job', description: 'do one job of an experiment: an element of a Slurm array calls it' },
  args: {
    list: {
      type: 'string',
      description: 'jobs, one per line, as run --slurm writes them',
      required: true,
      valueHint: 'FILE',
    },
    index: { type: 'string', description: 'of the line, from 0', required: true, valueHint: 'N' },
    store: { type: 'string', description: 'folder or s3://bucket/prefix', required: true, valueHint: 'S' },
    work: { type: 'string', description: 'folder for half-done work', required: true, valueHint: 'DIR' },
    data: {
      type: 'string',
      description: 'a data set that jobs name, such as cifar10=cifar10:/data; may be repeated',
      valueHint: 'NAME=SPEC',
    },
    failures: {
      type: 'string',
      description: 'folder for the reason, where the job fails',
      required: true,
      valueHint: 'DIR',
    },
    attempt: { type: 'string', description: 'which try this is', default: '1', valueHint: 'N' },
    device: { type: 'string', description: 'cpu | cuda: jobs for it are done too', default: 'cpu' },
    threads: commonArgs.threads,
    quiet: commonArgs.quiet,
  },
  async run({ args, rawArgs }) {
    const [index, attempt] = [parseCount(args.index, 'index', 0), parseCount(args.attempt, 'attempt')];
    const data = parsePairs(repeated(rawArgs, 'data'), 'data');
    const threads = args.threads === undefined ? {} : { threads: parseCount(args.threads, 'threads') };
    const progress = createProgress({ quiet: args.quiet === true });
    const { executeJob } = await import('../../experiment/execute.ts');
    const { runElement } = await import('../../experiment/slurm/index.ts');
    const { openStore } = await import('../../experiment/store/index.ts');
    const store = await openStore(args.store, { create: false });
    const devices: ('cpu' | 'cuda')[] = args.device === 'cuda' ? ['cpu', 'cuda'] : ['cpu'];
    const end = await runElement(
      { list: args.list, index, failures: args.failures, attempt },
      { store, folder: args.work, data, devices, ...threads },
      { onProgress: (fraction, stage) => progress.update(stage, fraction), signal: interrupted() },
      executeJob,
    ).finally(() => store.close());
    progress.line(sentence(end));
    return CODES[end.state];
  },
});

/** Slurm says SIGTERM before it kills. */
function interrupted(): AbortSignal {
  const interrupt = new AbortController();
  for (const signal of ['SIGINT', 'SIGTERM'] as const) process.once(signal, () => interrupt.abort());
  return interrupt.signal;
}

function sentence(end: ElementEnd): string {
  const job = `job ${end.id.slice(0, 12)}`;
  if (end.state === 'done') return `${job} is done`;
  if (end.state === 'skipped')
    return `${job} is left out: ${end.because.slice(0, 12)}, which it needs, is not done`;
  return `${job} ${end.state === 'failed' ? 'failed' : 'is refused'}: ${end.reason}`;
}
