import { defineCommand } from 'citty';
import { architectures } from '../../../models/index.ts';
import { TouchstoneError } from '../../errors.ts';
import type { RunOptions } from '../../runs/train-run.ts';
import { methodOptions, methods } from '../../train/index.ts';
import { commonArgs, contextOf } from '../common.ts';
import { parseCount, parseList, parseNumber, parseRadius } from '../numbers.ts';
import { INTERRUPTED, interruption, trainingControls } from '../training-progress.ts';

const option = (description: string, valueHint: string) =>
  ({ type: 'string', description, valueHint }) as const;

/** What methods can be told, by their table. */
const methodArgs = (): Record<string, ReturnType<typeof option>> =>
  Object.fromEntries(
    Object.values(methodOptions).map((spec) => [
      spec.flag,
      option(spec.about, spec.kind === 'choice' ? 'NAME' : 'N'),
    ]),
  );

export const command = defineCommand({
  meta: { name: 'train', description: 'train a classifier; --recipe gives all settings, others override it' },
  args: {
    out: option('a new folder for the run', 'DIR'),
    resume: option('go on with the run in this folder', 'DIR'),
    recipe: option('named settings: demo, gaat-paper/mnist …', 'NAME'),
    method: option(`${Object.keys(methods).join(' | ')}`, 'M'),
    model: option(Object.keys(architectures).join(' | '), 'A'),
    init: option('instead: an ONNX classifier to go on from', 'F'),
    data: option('mnist | mnist:DIR | cifar10:DIR | FILE.npz …', 'D'),
    limit: option('train on the first N images', 'N'),
    epochs: option('default 10', 'N'),
    'batch-size': option('default 512 for grey images, else 128', 'N'),
    eps: option('radius in pixel space (default 0.1 grey, 8/255)', 'E'),
    steps: option('attack steps T (default 100 grey, 10)', 'N'),
    'step-size': option('attack step α (default ε/10 grey, ε/8)', 'A'),
    ...methodArgs(),
    lr: option('largest learning rate (default 0.1)', 'R'),
    schedule: option('cyclic | multistep | flat', 'S'),
    milestones: option('multistep: epochs of the drops', 'a,b'),
    gamma: option('multistep: factor of a drop (default 0.1)', 'G'),
    peak: option('cyclic: share of the run at the top (default 0.4)', 'P'),
    warmup: option('epochs of warm-up (default 0)', 'N'),
    momentum: option('default 0.9', 'M'),
    'weight-decay': option('default 2e-4', 'W'),
    augment: { type: 'boolean', description: 'pad 4, crop and flip' },
    validation: option('training images held out (default 1000)', 'N'),
    'validation-steps': option('PGD steps on them (default 10)', 'N'),
    'bn-mode': option('BatchNormalization in attacks: eval | train', 'M'),
    stop: option('end before overfitting: pgd | magnitude | distance', 'RULE'),
    'early-stop': option('stop after N epochs without a more robust one', 'N'),
    mean: option('normalisation to bake in, per channel', 'a,b,c'),
    std: option('normalisation to bake in, per channel', 'a,b,c'),
    ...commonArgs,
  },
  async run({ args }) {
    const context = contextOf(args);
    const { resumeRun, startRun } = await import('../../runs/train-run.ts');
    const controls = trainingControls(context);
    if ((args.resume === undefined) === (args.out === undefined))
      throw new TouchstoneError(
        'E_OPTION',
        args.out ? 'both --out and --resume' : 'neither --out nor --resume',
        'one of them',
      );

    if (args.resume) assertUnchanged(args);
    const outcome = args.resume
      ? await resumeRun(args.resume, { ...controls, ...(args.data === undefined ? {} : { data: args.data }) })
      : await startRun({ ...optionsOf(args), seed: context.seed, out: args.out! }, controls);
    context.progress.end();
    await context.json({
      end: outcome.end,
      dir: outcome.dir,
      recipe: outcome.recipe,
      history: outcome.history,
    });
    const stopped = interruption(outcome);
    context.print(
      stopped ??
        `${outcome.checkpoint} after ${outcome.history.length} epochs; export it with: touchstone export ${outcome.dir} --out model.onnx`,
    );
    return stopped ? INTERRUPTED : 0;
  },
});

/** A resumed run keeps its settings, its engine too: one that is given beside it would be passed over. */
function assertUnchanged(args: Given): void {
  const { data: _moved, engine, device, ...settings } = optionsOf(args);
  const seed = typeof args.seed === 'string' && args.seed !== commonArgs.seed.default;
  const given = [
    ...Object.keys(settings),
    ...(seed ? ['seed'] : []),
    ...(engine === commonArgs.engine.default ? [] : ['engine']),
    ...(device === commonArgs.device.default ? [] : ['device']),
  ];
  if (given.length > 0)
    throw new TouchstoneError(
      'E_OPTION',
      `${given.join(', ')} beside --resume`,
      'only --data',
      'a run keeps its settings: start a new one with --out',
    );
}

type Given = Readonly<Record<string, unknown>>;

/** The settings that were given, parsed. What was not is left to the recipe and the defaults. */
function optionsOf(args: Given): RunOptions {
  const text = (name: string): string | undefined =>
    typeof args[name] === 'string' ? args[name] : undefined;
  const parsed = <T>(name: string, parse: (text: string, option: string) => T): T | undefined => {
    const value = text(name);
    return value === undefined ? undefined : parse(value, name);
  };
  const count = (name: string, least = 1) => parsed(name, (v, o) => parseCount(v, o, least));
  const number = (name: string) => parsed(name, parseNumber);
  const radius = (name: string) => parsed(name, (v, o) => parseRadius(v, o, 1));
  const list = (name: string) => parsed(name, (v, o) => parseList(v).map((n) => parseNumber(n, o)));
  const methodValues = () =>
    Object.fromEntries(
      Object.entries(methodOptions).map(([name, spec]) => [
        name,
        spec.kind === 'choice' ? text(spec.flag) : number(spec.flag),
      ]),
    );
  const options = {
    recipe: text('recipe'),
    method: text('method'),
    model: text('model'),
    init: text('init'),
    data: text('data'),
    limit: count('limit'),
    epochs: count('epochs'),
    batchSize: count('batch-size'),
    epsilon: radius('eps'),
    steps: count('steps'),
    stepSize: radius('step-size'),
    stop: text('stop'),
    ...methodValues(),
    learningRate: number('lr'),
    schedule: text('schedule'),
    milestones: list('milestones'),
    gamma: number('gamma'),
    peak: number('peak'),
    warmup: number('warmup'),
    momentum: number('momentum'),
    weightDecay: number('weight-decay'),
    augment: args.augment === true ? true : undefined,
    validation: count('validation', 0),
    validationSteps: count('validation-steps'),
    bnMode: text('bn-mode'),
    earlyStop: count('early-stop'),
    mean: list('mean'),
    std: list('std'),
    threads: count('threads'),
    device: text('device'),
    engine: text('engine'),
  };
  return Object.fromEntries(Object.entries(options).filter(([, value]) => value !== undefined));
}
