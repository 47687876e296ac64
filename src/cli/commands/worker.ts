import { defineCommand } from 'citty';
import { TouchstoneError } from '../../errors.ts';
import { commonArgs } from '../common.ts';
import { parseCount } from '../numbers.ts';
import { parsePairs, repeated } from '../repeated.ts';
import { INTERRUPTED } from '../training-progress.ts';

export const command = defineCommand({
  meta: { name: 'worker', description: 'do the jobs that touchstone run --redis puts into a queue' },
  args: {
    redis: {
      type: 'string',
      description:
        'redis://host:port/number, or rediss:// for TLS; the password in TOUCHSTONE_REDIS_PASSWORD',
      required: true,
      valueHint: 'URL',
    },
    store: {
      type: 'string',
      description: 'folder or s3://bucket/prefix that all machines see',
      required: true,
      valueHint: 'S',
    },
    device: { type: 'string', description: 'cpu | cuda: jobs for it are done too', default: 'cpu' },
    concurrency: { type: 'string', description: 'jobs at once', default: '1', valueHint: 'N' },
    threads: { type: 'string', description: 'threads of each job (default: all cores)', valueHint: 'N' },
    data: {
      type: 'string',
      description: 'a data set that jobs name, such as cifar10=cifar10:/data; may be repeated',
      valueHint: 'NAME=SPEC',
    },
    work: {
      type: 'string',
      description: 'folder of this worker alone, for half-done work',
      default: 'runs/worker',
      valueHint: 'DIR',
    },
    quiet: commonArgs.quiet,
  },
  async run({ args, rawArgs }) {
    const concurrency = parseCount(args.concurrency, 'concurrency');
    const threads = args.threads === undefined ? {} : { threads: parseCount(args.threads, 'threads') };
    const data = parsePairs(repeated(rawArgs, 'data'), 'data');
    if (args.device !== 'cpu' && args.device !== 'cuda')
      throw new TouchstoneError('E_OPTION', `--device ${args.device}`, 'cpu or cuda');
    const stop = new AbortController();
    let signals = 0;
    for (const signal of ['SIGINT', 'SIGTERM'] as const)
      process.on(signal, () => {
        signals += 1;
        if (signals > 1) process.exit(INTERRUPTED);
        stop.abort();
      });
    const { redisPlace, runWorker } = await import('../../experiment/queue/index.ts');
    await runWorker({
      redis: redisPlace(args.redis),
      store: args.store,
      folder: args.work,
      data,
      devices: args.device === 'cuda' ? ['cpu', 'cuda'] : ['cpu'],
      concurrency,
      ...threads,
      stop: stop.signal,
      say: (line) => {
        if (args.quiet !== true) process.stderr.write(`${new Date().toISOString().slice(11, 19)} ${line}\n`);
      },
    });
    return 0;
  },
});
