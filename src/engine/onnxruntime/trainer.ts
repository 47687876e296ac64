import { asInputs, float32, type Graph, type Tensor } from '../../graph/index.ts';
import type { Executable, Program, Trainer, TrainingOptions, TrainingState, Values } from '../engine.ts';
import { iterating } from '../iterate.ts';
import { perSample } from '../per-sample.ts';
import { checkState, initialValues } from '../training-state.ts';
import { BakedSession } from './baked.ts';
import { blockedConvolutions, blockSize } from './blocked.ts';
import { lowered, type Runtime } from './lower.ts';
import { Session } from './session.ts';
import { next, sgdStep, velocityOf } from './update.ts';

/**
 * Parameters live here as arrays that are fed at each run (onnxruntime reads them in place) and replaced by what an
 * update puts out. They are copies, for onnxruntime writes to them, too: in a graph with two normalisations of the same
 * statistics, the first one's new ones go where the old ones are. Several runs between two updates have them for constants.
 */
export async function createTrainer(
  runtime: Runtime,
  { model, parameters, optimizer }: TrainingOptions,
): Promise<Trainer> {
  const values = copy(initialValues({ model, parameters }));
  const live = [...values.keys()];
  const velocities = new Map<string, Tensor>(
    parameters.map((name) => {
      const { shape } = values.get(name)!;
      return [name, float32(new Float32Array(shape.reduce((a, b) => a * b, 1)), shape)] as const;
    }),
  );
  const sessions: Session[] = [];
  const baked: BakedSession[] = [];

  async function open(graph: Graph): Promise<{ session: Session; uses: (name: string) => boolean }> {
    const session = await Session.create(await inBlocks(graph), runtime);
    sessions.push(session);
    const inputs = new Set(graph.inputs.map((i) => i.name));
    return { session, uses: (name) => inputs.has(name) };
  }

  const inBlocks = async (graph: Graph): Promise<Graph> =>
    runtime.device === 'cpu' ? blockedConvolutions(graph, live, await blockSize(runtime)) : graph;

  const present = (graph: Graph) => live.filter((name) => graph.initializers.has(name));
  const fed = (feeds: Values, uses: (name: string) => boolean): Values => ({
    ...feeds,
    ...Object.fromEntries([...values].filter(([name]) => uses(name))),
  });

  const executable = (session: Session, run: Executable['run']): Executable => ({
    run,
    iterate: iterating(run),
    close: () => session.close(),
  });

  return {
    async compile(program: Program) {
      const graph = asInputs(program.graph, present(program.graph));
      const live = lowered({ ...program, graph }, runtime.device);
      const { session, uses } = await open(live);
      const constant = new BakedSession(live, graph, values, runtime);
      baked.push(constant);
      const run: Executable['run'] = (feeds) => {
        runtime.counter.count(program, feeds);
        return session.run(fed(feeds, uses));
      };
      return {
        ...executable(session, run),
        async iterate(feeds, loop) {
          const bake = runtime.device === 'cpu' && constant.pays(feeds, loop.times);
          const fixed = bake ? await constant.load(values, feeds) : undefined;
          return iterating((each) => {
            if (!fixed) return run(each);
            runtime.counter.count(program, each);
            return fixed.run(each);
          })(feeds, loop);
        },
      };
    },

    async compileUpdate(graph, loss, { input } = {}) {
      const own = present(graph);
      const trained = parameters.filter((name) => own.includes(name));
      const step = sgdStep(asInputs(graph, own), loss, trained, optimizer, runtime.device, input);
      const { session, uses } = await open(step);
      const program = { graph, gradient: { of: loss, wrt: parameters, names: [] } };
      return executable(session, async (feeds) => {
        runtime.counter.count(program, feeds);
        const momenta = [...velocities]
          .map(([name, v]) => [velocityOf(name), v] as const)
          .filter(([name]) => uses(name));
        for (const constant of baked) await constant.close();
        const outputs = await session.run({ ...fed(feeds, uses), ...Object.fromEntries(momenta) });
        for (const name of live) take(outputs, next(name), (t) => values.set(name, t));
        for (const name of parameters)
          take(outputs, next(velocityOf(name)), (t) =>
            velocities.set(name, float32(t.data as Float32Array, t.shape)),
          );
        return input === undefined ? outputs : { ...outputs, gradient: perSample(outputs.gradient!) };
      });
    },

    state: () => ({ parameters: copy(values), velocities: copy(velocities) }),

    restore(state: TrainingState) {
      checkState({ parameters: values, velocities }, state);
      for (const [name, t] of copy(state.parameters)) values.set(name, t);
      for (const [name, t] of copy(state.velocities)) velocities.set(name, t);
    },

    async close() {
      for (const each of [...baked, ...sessions]) await each.close();
    },
  };
}

/** Moves an output to where it belongs. */
function take(outputs: Record<string, Tensor>, name: string, to: (t: Tensor) => void): void {
  const tensor = outputs[name];
  if (!tensor) return;
  to(tensor);
  delete outputs[name];
}

/** Arrays of its own. */
const copy = (map: ReadonlyMap<string, Tensor>): Map<string, Tensor> =>
  new Map([...map].map(([name, t]) => [name, { ...t, data: (t.data as Float32Array).slice() }]));
