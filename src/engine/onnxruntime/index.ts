import { createRequire } from 'node:module';
import { availableParallelism } from 'node:os';
import * as ort from 'onnxruntime-node';
import { backward, gradient } from '../../autodiff/index.ts';
import { TouchstoneError } from '../../errors.ts';
import { type Graph, GraphBuilder } from '../../graph/index.ts';
import { PassCounter } from '../counter.ts';
import type { Engine, EngineOptions, Executable, Program } from '../engine.ts';
import { Session, type SessionOptions } from './session.ts';
import { createTrainer } from './trainer.ts';

export { filePredictor, type Predictor } from './predictor.ts';
export { Session } from './session.ts';

/** What the parts of this engine share. */
export interface Runtime extends SessionOptions {
  readonly counter: PassCounter;
}

/** The graph that onnxruntime runs for a program: the forward graph, its gradients, what is done with them. */
export function lowered({ graph, gradient: g, after }: Program, device: 'cpu' | 'cuda'): Graph {
  if (!g) return graph;
  if (!after) return gradient(graph, { of: g.of, wrt: g.wrt, emitter: device }, g.names);
  const b = GraphBuilder.from(graph);
  const gradients = backward(b, { of: g.of, wrt: g.wrt, emitter: device });
  const results = b.inline(after, new Map(g.names.map((name, i) => [name, gradients[i]!])));
  for (const output of graph.outputs) b.output(output.name);
  for (const [name, value] of results) b.output(value, name);
  return b.build(`${graph.name}_after`);
}

const version = (): string => {
  const meta: unknown = createRequire(import.meta.url)('onnxruntime-node/package.json');
  return typeof meta === 'object' && meta !== null && 'version' in meta ? String(meta.version) : 'unknown';
};

const cudaIsSetUp = (): boolean =>
  ort.listSupportedBackends().some((backend) => backend.name === 'cuda' && backend.bundled);

/**
 * The default engine: onnxruntime, with gradients computed by our own ONNX-to-ONNX autodiff.
 *
 * @throws E_ENGINE where CUDA is asked for and not set up
 */
export function onnxruntimeEngine(options: EngineOptions = {}): Engine {
  const wanted = options.device ?? 'auto';
  if (wanted === 'cuda' && !cudaIsSetUp())
    throw new TouchstoneError(
      'E_ENGINE',
      'no CUDA provider',
      'one beside onnxruntime-node',
      'run `npm run setup:cuda`, or use --device cpu',
    );
  const device = wanted === 'cuda' || (wanted === 'auto' && cudaIsSetUp()) ? 'cuda' : 'cpu';
  const runtime: Runtime = {
    device,
    threads: options.threads ?? availableParallelism(),
    counter: new PassCounter(),
  };
  const open = new Set<Executable>();

  return {
    name: 'onnxruntime',
    device,
    threads: runtime.threads,
    versions: { 'onnxruntime-node': version() },
    counts: () => runtime.counter.read(),
    async compile(program) {
      const session = await Session.create(lowered(program, device), runtime);
      const executable: Executable = {
        run(feeds) {
          runtime.counter.count(program, feeds);
          return session.run(feeds);
        },
        async close() {
          if (open.delete(executable)) await session.close();
        },
      };
      open.add(executable);
      return executable;
    },
    trainer: (training) => createTrainer(runtime, training),
    async close() {
      for (const executable of [...open]) await executable.close();
    },
  };
}
