import {
  classifierProgram,
  type Executable,
  floatsOf,
  labelTensor,
  logitsProgram,
  type Trainer,
} from '../engine/index.ts';
import { ascentGraph, type Images, type LossGradient, predictions } from '../eval/index.ts';
import { float32, type Graph, inTrainingMode, scalar, statisticNames, type Tensor } from '../graph/index.ts';
import type { Learner, LossRequest, Update } from './method.ts';
import { crossEntropy } from './objectives/index.ts';
import { commonDefaults, type MethodOptions } from './options.ts';

export interface LearnerOptions {
  readonly classes: number;
  /**
   * BatchNormalization while gradients are taken: `eval` by its running statistics, `train` by the batch's (running
   * ones stay as they are; only updates change them). @default 'eval'
   */
  readonly bnMode?: 'train' | 'eval';
  /** What objectives are built with. @default the common ones */
  readonly options?: MethodOptions;
  /** The network that is trained beside the model, its parameters among the trainer's. */
  readonly companion?: Graph | undefined;
}

/** A learner whose rate the loop sets, and which knows where its time went. */
export interface EngineLearner extends Learner {
  learningRate: number;
  /** Seconds spent so far, by phase. */
  readonly seconds: { readonly gradient: number; readonly update: number };
}

/** The model under training, as methods see it, on an engine's trainer. */
export async function createLearner(
  trainer: Trainer,
  model: Graph,
  { classes, bnMode = 'eval', options = commonDefaults, companion }: LearnerOptions,
): Promise<EngineLearner> {
  const training = inTrainingMode(model);
  const attacked = bnMode === 'train' ? training : model;
  const logits = model.outputs[0]!.name;
  const programs = new Map<string, Promise<Executable>>();
  const seconds = { gradient: 0, update: 0 };

  /** Compiled when first needed. */
  function compiled(name: string, make: () => Promise<Executable>): Promise<Executable> {
    const found = programs.get(name) ?? make();
    programs.set(name, found);
    return found;
  }

  async function timed(phase: keyof typeof seconds, run: () => ReturnType<Executable['run']>) {
    const started = performance.now();
    const outputs = await run();
    seconds[phase] += (performance.now() - started) / 1000;
    return outputs;
  }

  const lossProgram = ({ loss = 'ce' }: LossRequest, hvp = false) =>
    classifierProgram(attacked, loss, { logits, hvp });

  /** What a loss reads: labels, a target class beside them, or probabilities. */
  const targets = (y: Int32Array, { loss = 'ce', q, target }: LossRequest) =>
    loss === 'kl'
      ? { q: float32(q!, [y.length, classes]) }
      : { y: labelTensor(y), ...(loss === 'margin-targeted' && { target: labelTensor(target!) }) };

  const learner: EngineLearner = {
    learningRate: 0,
    seconds,
    classes,
    consistent: bnMode === 'train' || statisticNames(model).length === 0,

    /** @phase forward: logits */
    async logits(x) {
      const program = await compiled('logits', () => trainer.compile(logitsProgram(attacked, logits)));
      return floatsOf(await timed('gradient', () => program.run({ x: imageTensor(x) })), 'logits');
    },

    async gradient(x, y, of = {}): Promise<LossGradient> {
      const program = await compiled(`gradient ${of.loss}`, () => trainer.compile(lossProgram(of)));
      const feeds = { x: imageTensor(x), ...targets(y, of) };
      return lossGradient(await timed('gradient', () => program.run(feeds)));
    },

    async ascend(x, y, clean, step, times = 1) {
      const program = await compiled(`ascent ${step.loss}`, () =>
        trainer.compile({ ...lossProgram(step), after: ascentGraph(step.threat.norm) }),
      );
      const feeds = {
        x: imageTensor(x),
        ...targets(y, step),
        clean: imageTensor(clean),
        epsilon: scalar(step.threat.epsilon),
        step_size: scalar(step.stepSize),
      };
      const outputs = await timed('gradient', () => program.iterate(feeds, { carry: { x: 'next' }, times }));
      return { logits: floatsOf(outputs, 'logits'), next: floatsOf(outputs, 'next') };
    },

    async hessianVector(x, y, v, of = {}) {
      const program = await compiled(`hvp ${of.loss}`, () => trainer.compile(lossProgram(of, true)));
      const feeds = { x: imageTensor(x), ...targets(y, of), v: imageTensor({ data: v, shape: x.shape }) };
      const outputs = await timed('gradient', () => program.run(feeds));
      return { ...lossGradient(outputs), hvp: floatsOf(outputs, 'hvp') };
    },

    async hessianProduct(x, y, v, of = {}) {
      const { graph, gradient } = lossProgram(of, true);
      const program = await compiled(`product ${of.loss}`, () =>
        trainer.compile({ graph, gradient: { ...gradient!, names: [] } }),
      );
      const feeds = { x: imageTensor(x), ...targets(y, of), v: imageTensor({ data: v, shape: x.shape }) };
      return floatsOf(await timed('gradient', () => program.run(feeds)), 'hvp');
    },

    /** @phase update: one step of SGD */
    async update(
      x,
      y,
      { objective = crossEntropy, feeds = {}, inputGradient = false } = {},
    ): Promise<Update> {
      const program = await compiled(`update ${objective.name} ${inputGradient}`, () =>
        trainer.compileUpdate(
          objective.build({ model: training, options, ...(companion && { companion }) }),
          'loss',
          inputGradient ? { input: 'x' } : {},
        ),
      );
      const further = Object.entries(feeds).map(([name, images]) => [name, imageTensor(images)] as const);
      const outputs = await timed('update', () =>
        program.run({
          x: imageTensor(x),
          y: labelTensor(y),
          ...Object.fromEntries(further),
          learning_rate: float32([learner.learningRate], []),
        }),
      );
      const z = floatsOf(outputs, 'logits');
      const predicted = predictions(z, classes);
      let correct = 0;
      for (let n = 0; n < y.length; n++) if (predicted[n] === y[n]) correct += 1;
      return {
        loss: floatsOf(outputs, 'loss'),
        logits: z,
        correct,
        ...(inputGradient && { gradient: floatsOf(outputs, 'gradient') }),
      };
    },
  };
  return learner;
}

const lossGradient = (outputs: Readonly<Record<string, Tensor>>): LossGradient => ({
  logits: floatsOf(outputs, 'logits'),
  loss: floatsOf(outputs, 'loss'),
  gradient: floatsOf(outputs, 'gradient'),
});

const imageTensor = ({ data, shape }: Images): Tensor => ({ dtype: 'float32', shape, data });
