import { classifierProgram, type Executable, floatsOf, labelTensor, type Trainer } from '../engine/index.ts';
import { ascentGraph, type Images, type LossGradient, predictions } from '../eval/index.ts';
import { float32, type Graph, inTrainingMode, scalar, statisticNames, type Tensor } from '../graph/index.ts';
import type { Learner, Update } from './method.ts';

export interface LearnerOptions {
  readonly classes: number;
  /**
   * BatchNormalization while gradients are taken: `eval` by its running statistics, `train` by the batch's (running
   * ones stay as they are; only updates change them). @default 'eval'
   */
  readonly bnMode?: 'train' | 'eval';
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
  { classes, bnMode = 'eval' }: LearnerOptions,
): Promise<EngineLearner> {
  const training = inTrainingMode(model);
  const logits = model.outputs[0]!.name;
  const attacked = classifierProgram(bnMode === 'train' ? training : model, 'ce', { logits });
  let gradient: Promise<Executable> | undefined;
  let ascent: Promise<Executable> | undefined;
  const update = await trainer.compileUpdate(
    classifierProgram(training, 'ce', { differentiate: false, logits }).graph,
    'loss',
  );
  const seconds = { gradient: 0, update: 0 };

  async function timed(phase: keyof typeof seconds, run: () => ReturnType<Executable['run']>) {
    const started = performance.now();
    const outputs = await run();
    seconds[phase] += (performance.now() - started) / 1000;
    return outputs;
  }

  const learner: EngineLearner = {
    learningRate: 0,
    seconds,
    consistent: bnMode === 'train' || statisticNames(model).length === 0,

    async gradient(x, y): Promise<LossGradient> {
      gradient ??= trainer.compile(attacked);
      const program = await gradient;
      const outputs = await timed('gradient', () => program.run({ x: imageTensor(x), y: labelTensor(y) }));
      return {
        logits: floatsOf(outputs, 'logits'),
        loss: floatsOf(outputs, 'loss'),
        gradient: floatsOf(outputs, 'gradient'),
      };
    },

    async ascend(x, y, clean, { threat, stepSize }, times = 1) {
      ascent ??= trainer.compile({ ...attacked, after: ascentGraph(threat.norm) });
      const program = await ascent;
      const feeds = {
        x: imageTensor(x),
        y: labelTensor(y),
        clean: imageTensor(clean),
        epsilon: scalar(threat.epsilon),
        step_size: scalar(stepSize),
      };
      const outputs = await timed('gradient', () => program.iterate(feeds, { carry: { x: 'next' }, times }));
      return floatsOf(outputs, 'next');
    },

    async update(x, y): Promise<Update> {
      const rate = float32([learner.learningRate], []);
      const outputs = await timed('update', () =>
        update.run({ x: imageTensor(x), y: labelTensor(y), learning_rate: rate }),
      );
      const predicted = predictions(floatsOf(outputs, 'logits'), classes);
      let correct = 0;
      for (let n = 0; n < y.length; n++) if (predicted[n] === y[n]) correct += 1;
      return { loss: floatsOf(outputs, 'loss'), correct };
    },
  };
  return learner;
}

const imageTensor = ({ data, shape }: Images): Tensor => ({ dtype: 'float32', shape, data });
