import { defineCommand } from 'citty';
import { TouchstoneError } from '../../errors.ts';
import { attackArgs, attackRequest, subjectRequest } from '../attack-args.ts';
import { barOf, outcomeArgs, tellOutcome } from '../audit-outcome.ts';
import { type Context, commonArgs, contextOf, surroundings } from '../common.ts';
import { parseCount, parseDuration, parseList, parseShard } from '../numbers.ts';

const { model, data, eps, norm, steps, restarts, limit, output, preprocess } = attackArgs;

export const command = defineCommand({
  meta: { name: 'audit', description: 'attack a classifier within ε and report what is left' },
  args: {
    model,
    data,
    eps,
    norm,
    attacks: {
      type: 'string',
      description:
        'comma-separated; or autoattack, autoattack-plus, autoattack-rand, auto (default: the cheap ones)',
      valueHint: 'a,b',
    },
    steps,
    'step-size': attackArgs['step-size'],
    restarts,
    limit,
    output,
    preprocess,
    out: {
      type: 'string',
      description: 'folder for result.json, report.html, adversarial.npz',
      valueHint: 'DIR',
    },
    eot: { type: 'string', description: 'average each gradient over N passes', valueHint: 'N' },
    chunk: {
      type: 'string',
      description: 'attack N images together (default 512; 64 under a budget)',
      valueHint: 'N',
    },
    budget: { type: 'string', description: 'stop after so long: 90s, 10m, 1h', valueHint: 'TIME' },
    shard: {
      type: 'string',
      description: 'do the i-th of n shares of the images, for merge: 2/8',
      valueHint: 'i/n',
    },
    ...outcomeArgs,
    ...commonArgs,
  },
  async run({ args }) {
    const context = contextOf(args);
    const request = { ...attackRequest(args), ...subjectRequest(args) };
    const bar = barOf(args);
    const eot = args.eot === undefined ? undefined : parseCount(args.eot, 'eot');
    const chunk = args.chunk === undefined ? undefined : parseCount(args.chunk, 'chunk');
    const budget = args.budget === undefined ? undefined : parseDuration(args.budget, 'budget');
    const shard = args.shard === undefined ? undefined : parseShard(args.shard, 'shard');
    const out = shard && shardFolder(args);
    const options = async () => ({
      model: args.model,
      data: args.data,
      ...request,
      ...(args.attacks === undefined ? {} : { attacks: parseList(args.attacks) }),
      ...(eot === undefined ? {} : { eot }),
      ...(chunk === undefined ? {} : { chunk }),
      ...(await surroundings(context)),
      onNotice: (line: string) => context.progress.line(line),
    });

    if (shard && out !== undefined) {
      const { shardRun } = await import('../../runs/shard-run.ts');
      return tellShard(await shardRun({ ...(await options()), out, shard }), out, context);
    }
    const { auditRun } = await import('../../runs/audit-run.ts');
    const result = await auditRun({ ...(await options()), ...(budget === undefined ? {} : { budget }) });
    return tellOutcome(result, args, context, bar);
  },
});

/** What is of the whole, a shard cannot do. */
const OF_THE_WHOLE = ['budget', 'min-robust', 'summary', 'robustbench'] as const;

type Given = Partial<Record<(typeof OF_THE_WHOLE)[number] | 'out', string | undefined>>;

/** @throws E_OPTION for an option that has no place beside --shard, or without --out */
function shardFolder(args: Given): string {
  const odd = OF_THE_WHOLE.find((name) => args[name] !== undefined);
  if (odd !== undefined)
    throw new TouchstoneError(
      'E_OPTION',
      `--${odd} with --shard`,
      'a whole audit',
      odd === 'budget' ? 'give each shard fewer images: more shards' : `pass it to merge`,
    );
  if (args.out !== undefined) return args.out;
  throw new TouchstoneError('E_OPTION', '--shard without --out', 'a folder for what merge reads');
}

async function tellShard(
  shard: Awaited<ReturnType<typeof import('../../runs/shard-run.ts').shardRun>>,
  out: string,
  context: Context,
): Promise<void> {
  context.progress.end();
  await context.json(shard);
  const { index, of, images, correct, robust } = shard;
  context.print(
    `shard ${index}/${of}: of ${images} images ${correct} are classified correctly and ${robust} stand; merge it with the others: ${out}`,
  );
}
