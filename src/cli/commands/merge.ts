import { defineCommand } from 'citty';
import { barOf, outcomeArgs, tellOutcome } from '../audit-outcome.ts';
import { type CommonArgs, commonArgs, contextOf, surroundings } from '../common.ts';

const { json, device, engine, threads, quiet } = commonArgs;

export const command = defineCommand({
  meta: { name: 'merge', description: 'make one result of the shards of an audit' },
  args: {
    dirs: {
      type: 'positional',
      description: 'the folders of all its shards',
      required: true,
      valueHint: 'DIR…',
    },
    out: {
      type: 'string',
      description: 'folder for result.json, report.html, adversarial.npz',
      valueHint: 'OUT',
    },
    model: {
      type: 'string',
      description: 'the classifier (default: where the shards found it)',
      valueHint: 'F.onnx',
    },
    data: {
      type: 'string',
      description: 'its images (default: where the shards found them)',
      valueHint: 'D',
    },
    ...outcomeArgs,
    json,
    engine: { ...engine, description: `${engine.description} (auto: that of the shards)` },
    device,
    threads,
    quiet,
  },
  async run({ args }) {
    const bar = barOf(args);
    const { readShards } = await import('../../runs/shards.ts');
    const shards = await readShards(args._);
    const { name, device: made } = shards.request.engine;
    const context = contextOf({
      ...args,
      engine: args.engine === 'auto' ? name : args.engine,
      device: args.device === 'auto' ? made : args.device,
      seed: String(shards.request.seed),
    } as CommonArgs);
    const { mergeRun } = await import('../../runs/merge-run.ts');
    const { seed: _, ...around } = await surroundings(context);
    const result = await mergeRun({
      shards,
      ...around,
      ...(args.out === undefined ? {} : { out: args.out }),
      ...(args.model === undefined ? {} : { model: args.model }),
      ...(args.data === undefined ? {} : { data: args.data }),
      onNotice: (line) => context.progress.line(line),
    });
    return tellOutcome(result, args, context, bar);
  },
});
