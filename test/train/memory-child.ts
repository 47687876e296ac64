/**
 * A training run in a process of its own, for memory.ts: after each epoch a line of JSON with what it holds. Arguments: the
 * engine, the method, how many images, and `leak` to keep those of every mini-batch.
 */
import { reconstructors } from '../../models/index.ts';
import { mnistCnn } from '../../models/mnist-cnn.ts';
import { batch, loadData } from '../../src/data/index.ts';
import { key } from '../../src/random/index.ts';
import { apart } from '../../src/runs/initial-model.ts';
import { openEngine } from '../../src/runs/open-engine.ts';
import {
  commonDefaults,
  isMethod,
  type Method,
  methods,
  type StepArguments,
  schedules,
  train,
} from '../../src/train/index.ts';

const EPOCHS = 10;

const [engineName = '', name = '', images, leak] = process.argv.slice(2);
if (!isMethod(name)) throw new Error(`no method ${name}`);

const kept: Float32Array[] = [];
const method: Method = {
  ...methods[name],
  step(args: StepArguments) {
    if (leak) kept.push(args.x.data.slice());
    return methods[name].step(args);
  },
};

/** Tensors that tfjs holds; null on the other engine, which must not load it. */
const tensors =
  engineName === 'tensorflow' ? (await import('@tensorflow/tfjs-core')).memory : () => ({ numTensors: null });

const data = await loadData('mnist', 'train', { limit: Number(images) });
const engine = await openEngine({ engine: engineName, device: 'cpu', threads: 1 });
const run = train({
  engine,
  model: mnistCnn.build(key(0).fold('model')),
  method,
  ...(method.companion && {
    companion: apart(reconstructors['mnist-reconstructor']!.build(key(1)), 'r').graph,
  }),
  data: {
    n: data.n,
    batch(indices) {
      const { x, y, shape } = batch(data, indices);
      return { x: { data: x, shape }, y };
    },
  },
  settings: {
    epochs: EPOCHS,
    batchSize: 100,
    threat: { norm: 'linf', epsilon: 0.1 },
    steps: 2,
    stepSize: 0.05,
    options: { ...commonDefaults, ...method.defaults, rivals: 1 },
    stop: null,
    schedule: schedules.flat({ learningRate: 0.01, epochs: EPOCHS }),
    momentum: 0.9,
    weightDecay: 0,
    classes: 10,
    bnMode: 'eval',
    validationSteps: 1,
    earlyStop: null,
  },
  key: key(2),
});
for await (const event of run) {
  if (event.kind !== 'epoch') continue;
  globalThis.gc!();
  const { numTensors } = tensors();
  process.stdout.write(`${JSON.stringify({ rss: process.memoryUsage().rss, tensors: numTensors })}\n`);
}
await engine.close();
