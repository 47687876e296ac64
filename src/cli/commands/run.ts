import { availableParallelism } from 'node:os';
import { join } from 'node:path';
import { defineCommand } from 'citty';
import { TouchstoneError } from '../../errors.ts';
import type { ExperimentPlan } from '../../experiment/plan.ts';
import type { Scheduler } from '../../experiment/scheduler.ts';
import type { Store } from '../../experiment/store.ts';
import { type CommonArgs, commonArgs, contextOf } from '../common.ts';
import { experimentControls } from '../experiment-progress.ts';
import { parseCount } from '../numbers.ts';
import { assertSlurmArgs, slurmArgs, slurmOptions } from '../slurm-args.ts';
import { INTERRUPTED } from '../training-progress.ts';

const { json, quiet } = commonArgs;

export const command = defineCommand({
  meta: {
    name: 'run',
    description: 'do an experiment: train, export and audit all of its cells, and compare them',
  },
  args: {
    experiment: { type: 'positional', description: 'an experiment.json', required: true },
    out: {
      type: 'string',
      description: 'folder for comparison.html and the cells (default: runs/NAME)',
      valueHint: 'DIR',
    },
    store: {
      type: 'string',
      description: 'what jobs leave: a folder, or s3://bucket/prefix (default: OUT/store)',
      valueHint: 'S',
    },
    workers: {
      type: 'string',
      description: 'worker processes (default: half of the cores, 8 at most)',
      valueHint: 'N',
    },
    threads: { type: 'string', description: 'of all workers together (default: the cores)', valueHint: 'N' },
    'dry-run': { type: 'boolean', description: 'say what there is to do, and the projected time' },
    redis: {
      type: 'string',
      description: 'let the workers of a queue do it: redis://… or rediss://…',
      valueHint: 'URL',
    },
    ...slurmArgs,
    ...{ json, quiet },
  },
  async run({ args, rawArgs }) {
    const { json: to, threads } = args;
    const common = { seed: '0', engine: 'auto', device: 'auto', quiet: args.quiet };
    const context = contextOf({ _: args._, ...common, json: to, threads } as CommonArgs);
    assertOwnWorkers(args);
    const share = shareOf(args);
    assertSlurmArgs(args, rawArgs);
    if (args.redis !== undefined && (args.slurm || args.collect))
      throw new TouchstoneError('E_OPTION', '--redis with --slurm', 'one of them');
    const [{ readExperiment }, { planExperiment, bringBlobs }, { assertOwn, runExperiment }, { openStore }] =
      await Promise.all([
        import('../../experiment/read.ts'),
        import('../../experiment/plan.ts'),
        import('../../experiment/run.ts'),
        import('../../experiment/store/index.ts'),
      ]);
    const file = await readExperiment(args.experiment);
    const out = args.out ?? join('runs', file.experiment.name);
    await assertOwn(out);
    const plan = await planExperiment(file);
    if (args['dry-run']) return dryRun(plan, { ...args, out, share }, context);

    const spec = args.store ?? join(out, 'store');
    const store = await openStore(spec);
    try {
      let scheduler =
        args.slurm || args.collect ? undefined : await schedulerOf(plan, args.redis, out, share);
      if (!scheduler) {
        const { collectScheduler, describe, failedFolder, submitPlan } = await import(
          '../../experiment/slurm/index.ts'
        );
        if (args.slurm) {
          await bringBlobs(plan, store);
          const where = { experiment: args.experiment, out, store: spec };
          const submitted = await submitPlan(plan, store, slurmOptions(args, rawArgs, where));
          if (submitted.jobs > 0) {
            context.print(describe(submitted));
            return 0;
          }
        }
        scheduler = collectScheduler({ failures: failedFolder(out) });
      }
      const controls = await experimentControls(plan, context);
      const comparison = await runExperiment(plan, { store, scheduler, out }, controls);
      context.progress.end();
      await context.json(comparison);
      const { comparisonTable } = await import('../../report/index.ts');
      context.print(comparisonTable(comparison, { colour: process.stdout.isTTY === true }));
      context.print(`page: ${join(out, 'comparison.html')}`);
      return comparison.cells.some(({ failure }) => failure !== null) ? 1 : 0;
    } catch (error) {
      if (!context.signal.aborted) throw error;
      context.progress.end();
      context.print('stopped; the same command goes on');
      return INTERRUPTED;
    } finally {
      await store.close();
    }
  },
});

/** @throws E_OPTION for a number of workers here where others do the work */
function assertOwnWorkers(args: {
  workers?: string | undefined;
  redis?: string | undefined;
  slurm?: boolean | undefined;
  collect?: boolean | undefined;
}): void {
  const elsewhere = (['redis', 'slurm', 'collect'] as const).find((name) => args[name] !== undefined);
  if (args.workers !== undefined && elsewhere)
    throw new TouchstoneError(
      'E_OPTION',
      `--workers with --${elsewhere}`,
      'one of them: it is about processes of this command',
      elsewhere === 'redis'
        ? 'touchstone worker --concurrency says how many jobs a machine does at once'
        : undefined,
    );
}

interface Share {
  readonly workers: number;
  /** Of each. */
  readonly threads: number;
}

function shareOf(args: { workers?: string | undefined; threads?: string | undefined }): Share {
  const all = args.threads === undefined ? availableParallelism() : parseCount(args.threads, 'threads');
  const workers =
    args.workers === undefined
      ? Math.min(8, Math.max(1, Math.floor(all / 2)))
      : parseCount(args.workers, 'workers');
  return { workers, threads: Math.max(1, Math.floor(all / workers)) };
}

async function schedulerOf(
  { experiment }: ExperimentPlan,
  redis: string | undefined,
  out: string,
  share: Share,
): Promise<Scheduler> {
  if (redis !== undefined) {
    const { queueScheduler, redisPlace } = await import('../../experiment/queue/index.ts');
    return queueScheduler({ redis: redisPlace(redis) });
  }
  const { localScheduler } = await import('../../experiment/local/index.ts');
  const { device } = experiment.engine;
  return localScheduler({ ...share, folder: join(out, 'work'), devices: [device] });
}

/** Writes nothing: a store is looked at only where there is one. */
async function dryRun(
  plan: ExperimentPlan,
  { out, store: spec, share }: { out: string; store?: string | undefined; share: Share },
  context: ReturnType<typeof contextOf>,
): Promise<number> {
  const [{ project }, { openEngine }, { dryRunRecord, dryRunText }, { default: fs }] = await Promise.all([
    import('../../experiment/projection/index.ts'),
    import('../../runs/open-engine.ts'),
    import('../dry-run.ts'),
    import('fs-extra'),
  ]);
  const { openStore } = await import('../../experiment/store/index.ts');
  const there = spec !== undefined || (await fs.pathExists(join(out, 'store')));
  const store = there ? await openStore(spec ?? join(out, 'store'), { create: false }) : undefined;
  const { name, device } = plan.experiment.engine;
  const engine = await openEngine({ engine: name, device, threads: share.threads });
  try {
    const done = new Set(store ? await doneOf(plan, store) : []);
    const projection = await project(plan, engine, { workers: share.workers, done });
    const dry = { plan, done, projection, ...share };
    await context.json(dryRunRecord(dry));
    context.print(dryRunText(dry));
    return 0;
  } finally {
    await engine.close();
    await store?.close();
  }
}

async function doneOf({ jobs }: ExperimentPlan, store: Store): Promise<string[]> {
  const { isDone } = await import('../../experiment/execute/outputs.ts');
  const done: string[] = [];
  for (const { id } of jobs) if (await isDone(store, id)) done.push(id);
  return done;
}
