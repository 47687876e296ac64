import * as tf from '@tensorflow/tfjs-core';
import { float32, type Graph, GraphBuilder, type Tensor } from '../../graph/index.ts';
import type { PassCounter } from '../counter.ts';
import type { Executable, Program, Trainer, TrainingOptions, TrainingState, Values } from '../engine.ts';
import { checkFeeds } from '../feeds.ts';
import { iterating } from '../iterate.ts';
import { perSample } from '../per-sample.ts';
import { checkState, initialValues } from '../training-state.ts';
import { executable } from './executable.ts';
import { Held, upload } from './held.ts';
import { downloaded, TensorflowProgram } from './program.ts';
import { turn } from './turn.ts';

type Variables = ReadonlyMap<string, tf.Variable>;

/** Parameters live here as tf variables, which an update changes in place. */
export async function createTrainer(training: TrainingOptions, counter: PassCounter): Promise<Trainer> {
  const { parameters, optimizer: sgd } = training;
  const variables = new Map([...initialValues(training)].map(([name, t]) => [name, variableOf(t)] as const));
  const live = new Map([...variables].map(([name, v]) => [name, Held.parameter(v)]));
  const optimizer = tf.train.momentum(0, sgd.momentum);
  const velocities = await accumulators(optimizer, parameters, variables);
  const programs = new Set<{ close(): void | Promise<void> }>();

  const forget = () => {
    for (const held of live.values()) held.forget();
  };

  /** v ← μv + (∇ + λp), p ← p − γv */
  function descend(results: ReadonlyMap<string, Held>, rate: number): void {
    optimizer.setLearningRate(rate);
    const decayed = parameters.map((name) => {
      const [p, g] = [variables.get(name)!, results.get(gradientOf(name))?.plain()];
      // The optimizer knows its velocities by their places, so one that stays as it is keeps its own.
      const tensor = g && (sgd.weightDecay ? tf.add(g, tf.mul(p, sgd.weightDecay)) : g);
      return { name: p.name, tensor: tensor as tf.Tensor };
    });
    if (decayed.length > 0) optimizer.applyGradients(decayed);
  }

  /** What the batch made of the normalisations' statistics. */
  function moveStatistics(results: ReadonlyMap<string, Held>): void {
    for (const [name, v] of variables) {
      const next = results.get(nextOf(name));
      if (next) v.assign(next.plain());
    }
  }

  return {
    async compile(program) {
      const compiled = executable(program, counter, live);
      programs.add(compiled);
      return compiled;
    },

    async compileUpdate(graph, loss, { input } = {}) {
      const trained = parameters.filter((name) => graph.initializers.has(name));
      const program = updateProgram(graph, loss, trained, input);
      const compiled = new TensorflowProgram(program, live);
      programs.add(compiled);
      const run = async (feeds: Values): ReturnType<Executable['run']> => {
        checkFeeds([{ name: 'learning_rate', shape: [] }], feeds);
        counter.count(program, feeds);
        await turn();
        // Not `live`: copies that were made before the tape began would hide the parameters from it.
        const taped = new Map([...variables].map(([name, v]) => [name, Held.plain('float32', v)]));
        return compiled.execute(feeds, taped, (results) => {
          descend(results, Number(feeds.learning_rate!.data[0]));
          moveStatistics(results);
          forget();
          const inner = new Set([MEAN, ...trained.map(gradientOf), ...[...variables.keys()].map(nextOf)]);
          const outputs = downloaded(new Map([...results].filter(([name]) => !inner.has(name))));
          return input === undefined ? outputs : { ...outputs, gradient: perSample(outputs.gradient!) };
        });
      };
      return { run, iterate: iterating(run), close: async () => compiled.close() };
    },

    state: () => ({ parameters: read(variables), velocities: read(velocities) }),

    restore(state: TrainingState) {
      checkState({ parameters: variables, velocities }, state);
      write(variables, state.parameters);
      write(velocities, state.velocities);
      forget();
    },

    async close() {
      for (const program of programs) await program.close();
      programs.clear();
      for (const held of live.values()) held.dispose();
      live.clear();
      optimizer.dispose();
      tf.SGDOptimizer.prototype.dispose.call(optimizer); // the learning rate, which its own leaves
    },
  };
}

const MEAN = 'mean_loss';
const gradientOf = (name: string): string => `d_${name}`;
const nextOf = (name: string): string => `${name}_next`;

/** The graph with the mean of a loss, differentiated by the parameters and, where asked for, an input. */
function updateProgram(graph: Graph, loss: string, trained: readonly string[], input?: string): Program {
  const b = GraphBuilder.from(graph);
  const mean = b.op('ReduceMean', [loss], { keepdims: 0 });
  for (const { name } of graph.outputs) b.output(name);
  b.output(mean, MEAN);
  return {
    graph: b.build(graph.name),
    gradient: {
      of: MEAN,
      wrt: [...trained, ...(input === undefined ? [] : [input])],
      names: [...trained.map(gradientOf), ...(input === undefined ? [] : ['gradient'])],
    },
  };
}

/** The velocities, as the variables that the optimizer keeps them in: zero at first, in the order of the parameters. */
async function accumulators(
  optimizer: tf.MomentumOptimizer,
  parameters: readonly string[],
  variables: Variables,
): Promise<Variables> {
  // Its weights begin with the number of steps taken.
  const zeros = [
    { name: 'iter', tensor: tf.scalar(0, 'int32') as tf.Tensor },
    ...parameters.map((name) => ({ name, tensor: tf.zerosLike(variables.get(name)!) as tf.Tensor })),
  ];
  await optimizer.setWeights(zeros);
  for (const { tensor } of zeros) tensor.dispose();
  const [iterations, ...own] = await optimizer.getWeights();
  iterations?.tensor.dispose();
  return new Map(parameters.map((name, i) => [name, own[i]!.tensor as tf.Variable]));
}

function variableOf(tensor: Tensor): tf.Variable {
  const value = upload(tensor);
  const variable = tf.variable(value);
  value.dispose();
  return variable;
}

const read = (variables: Variables): Map<string, Tensor> =>
  new Map([...variables].map(([name, v]) => [name, float32(Float32Array.from(v.dataSync()), v.shape)]));

function write(variables: Variables, values: ReadonlyMap<string, Tensor>): void {
  for (const [name, v] of variables) {
    const value = upload(values.get(name)!);
    v.assign(value);
    value.dispose();
  }
}
