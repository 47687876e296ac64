/** What is timed, and how an engine of ours does it. */
import {
  type Counts,
  classifierProgram,
  type Engine,
  logitsProgram,
  spent,
  type Trainer,
  type Values,
} from '../../src/engine/index.ts';
import { ascentGraph } from '../../src/eval/index.ts';
import {
  float32,
  type Graph,
  inTrainingMode,
  int64,
  parameterNames,
  scalar,
  type Tensor,
} from '../../src/graph/index.ts';
import { key, uniform } from '../../src/random/index.ts';

/** Each phase, as the table's legend has it. */
export const PHASES = {
  forward: 'logits, weights frozen',
  gradient: "of each image's cross-entropy by the image, weights frozen",
  'pgd-step': 'gradient, step and projection as training takes them, weights live',
  'pgd-10': 'ten of these, x kept by the engine in between',
  'pgd-10-apart': 'ten of these, x back in JavaScript after each',
  'train-step': "SGD with momentum and weight decay, BatchNormalization by the batch's statistics",
  'rat-10': 'a mini-batch of adversarial training (RAT): ten steps, then one of SGD on what they found',
} as const;
export type Phase = keyof typeof PHASES;
export const phaseNames = Object.keys(PHASES) as Phase[];

/** The same for all who take part. */
export const PGD = { steps: 10, epsilon: 8 / 255, stepSize: 2 / 255 } as const;
export const SGD = { learningRate: 1e-3, momentum: 0.9, weightDecay: 5e-4 } as const;

/** One run of a phase: how long it took, and the passes through the network that were counted meanwhile. */
export interface Run {
  readonly milliseconds: number;
  readonly forward: number;
  readonly backward: number;
}
export type Job = () => Promise<Run>;

export interface Jobs {
  readonly jobs: ReadonlyMap<Phase, Job>;
  close(): Promise<void>;
}

/** Networks in two forms. */
export interface Subject {
  /** As an audit attacks it: canonical, BatchNormalization folded. */
  readonly audited: Graph;
  /** As training starts from it; absent where the network came as a file. */
  readonly trained?: Graph;
}

/** Images in [0, 1], uniform, and labels: `x` `[batch, C, H, W]`, `y` int64 `[batch]`. */
export function batchOf(batch: number, image: readonly number[]): { x: Tensor; y: Tensor } {
  const shape = [batch, ...image];
  const size = shape.reduce((a, b) => a * b, 1);
  return {
    x: float32(uniform(key(1), size, 0, 1), shape),
    y: int64(Array.from({ length: batch }, (_, i) => i % 10)),
  };
}

/** Phases that need the network as training has it. */
export const needsTraining = (phase: Phase): boolean => phase !== 'forward' && phase !== 'gradient';

/**
 * Compiles what the phases need.
 *
 * @param phases those that need training only with `trained`
 * @throws what the engine throws where it cannot compile one; nothing stays open then
 */
export async function engineJobs(
  engine: Engine,
  { audited, trained }: Subject,
  phases: readonly Phase[],
  batch: { x: Tensor; y: Tensor },
): Promise<Jobs> {
  const jobs = new Map<Phase, Job>();
  const open: { close(): Promise<void> }[] = [];
  const keep = async <T extends { close(): Promise<void> }>(opening: Promise<T>): Promise<T> => {
    const opened = await opening;
    open.push(opened);
    return opened;
  };
  const close = async () => {
    for (const each of open.reverse()) await each.close();
  };
  const wants = (phase: Phase) => phases.includes(phase);
  const add = (phase: Phase, run: () => Promise<unknown>) => {
    if (wants(phase)) jobs.set(phase, counted(engine, run));
  };
  try {
    if (wants('forward')) {
      const forward = await keep(engine.compile(logitsProgram(audited)));
      add('forward', () => forward.run({ x: batch.x }));
    }
    if (wants('gradient')) {
      const gradient = await keep(engine.compile(classifierProgram(audited, 'ce')));
      add('gradient', () => gradient.run({ ...batch }));
    }
    if (trained && phases.some(needsTraining)) {
      const { momentum, weightDecay } = SGD;
      const optimizer = { momentum, weightDecay };
      const parameters = parameterNames(trained);
      const trainer = await keep(engine.trainer({ model: trained, parameters, optimizer }));
      await addTraining(trainer);
    }
  } catch (error) {
    await close();
    throw error;
  }
  return { jobs, close };

  async function addTraining(trainer: Trainer): Promise<void> {
    const step = await keep(
      trainer.compile({ ...classifierProgram(trained!, 'ce'), after: ascentGraph('linf') }),
    );
    const feeds: Values = {
      ...batch,
      clean: batch.x,
      epsilon: scalar(PGD.epsilon),
      step_size: scalar(PGD.stepSize),
    };
    const attack = () => step.iterate(feeds, { carry: { x: 'next' }, times: PGD.steps });
    add('pgd-step', () => step.run(feeds));
    add('pgd-10', attack);
    add('pgd-10-apart', async () => {
      let x = batch.x;
      for (let t = 0; t < PGD.steps; t++) x = (await step.run({ ...feeds, x })).next!;
    });
    if (!wants('train-step') && !wants('rat-10')) return;
    const { graph } = classifierProgram(inTrainingMode(trained!), 'ce', {
      differentiate: false,
      logits: trained!.outputs[0]!.name,
    });
    const update = await keep(trainer.compileUpdate(graph, 'loss'));
    const descend = (x: Tensor) => update.run({ ...batch, x, learning_rate: scalar(SGD.learningRate) });
    add('train-step', () => descend(batch.x));
    add('rat-10', async () => descend((await attack()).next!));
  }
}

/** A job that times itself, with the passes that the engine counted meanwhile. */
const counted =
  (engine: { counts(): Counts }, run: () => Promise<unknown>): Job =>
  async () => {
    const before = engine.counts();
    const start = performance.now();
    await run();
    const milliseconds = performance.now() - start;
    const { forward, backward } = spent(before, engine.counts());
    return { milliseconds, forward, backward };
  };
