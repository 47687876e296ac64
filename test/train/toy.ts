/** Toy runs of the loop: blobs, a linear model, and what a run comes to. */
import { Net } from '../../models/net.ts';
import type { Engine } from '../../src/engine/index.ts';
import type { Graph, Tensor } from '../../src/graph/index.ts';
import { integers, key, normal } from '../../src/random/index.ts';
import {
  commonDefaults,
  type EpochRecord,
  type Method,
  type MethodName,
  type MethodOptions,
  methods,
  type Samples,
  type Snapshot,
  schedules,
  type TrainOptions,
  type TrainSettings,
  train,
} from '../../src/train/index.ts';
import { bits } from '../runs/files.ts';
import { linearModel, SHAPE, SIZE } from './linear.ts';

export const CLASSES = 3;
const root = key(23);

/** What a method with a reconstructor trains beside the model: codes to images, with statistics that have to be kept too. */
export function decoder(): Graph {
  const net = new Net(root.fold('decoder'));
  const x = net.unflatten(net.linear(net.input([CLASSES], 'r.code'), 'r.fc', 2 * SIZE), [2, 3, 3]);
  const made = net.sigmoid(net.conv(net.relu(net.batchNorm(x, 'r.bn')), 'r.conv', 1, 1));
  return net.end(made, 'decoder', 'r.image');
}

/** Blobs around one centre per class, in [0, 1]. @param which of several such sets */
export function blobs(n: number, which = 0): Samples {
  const y = integers(root.fold('y', which), n, CLASSES);
  const x = normal(root.fold('noise', which), n * SIZE, 0, 0.15).map((v, i) =>
    Math.min(1, Math.max(0, v + (i % CLASSES === y[Math.floor(i / SIZE)] ? 0.7 : 0.3))),
  );
  return {
    n,
    batch(indices) {
      const data = new Float32Array(indices.length * SIZE);
      for (let at = 0; at < indices.length; at++)
        data.set(x.subarray(indices[at]! * SIZE, (indices[at]! + 1) * SIZE), at * SIZE);
      return { x: { data, shape: [indices.length, ...SHAPE] }, y: Int32Array.from(indices, (i) => y[i]!) };
    },
  };
}

/** Two epochs over 50 images in mini-batches of 16, the last one of 2. */
export const [IMAGES, BATCHES] = [50, 4];

export function toyRun(
  engine: Engine,
  name: MethodName,
  options: Partial<MethodOptions> = {},
  settings: Partial<TrainSettings> = {},
): TrainOptions {
  const method: Method = methods[name];
  return {
    engine,
    model: linearModel(root.fold('model'), CLASSES),
    method,
    ...(method.companion && { companion: decoder() }),
    data: blobs(IMAGES),
    settings: {
      epochs: 2,
      batchSize: 16,
      threat: { norm: 'linf', epsilon: 0.1 },
      steps: 4,
      stepSize: 0.03,
      options: { ...commonDefaults, ...method.defaults, ...options },
      stop: null,
      schedule: schedules.flat({ learningRate: 0.2, epochs: 2 }),
      momentum: 0.9,
      weightDecay: 0,
      classes: CLASSES,
      bnMode: 'eval',
      validationSteps: 5,
      earlyStop: null,
      ...settings,
    },
    key: root.fold('train'),
  };
}

/** Runs to the end, or until so many mini-batches are done. */
export async function outcome(options: TrainOptions, stopAt = Number.POSITIVE_INFINITY) {
  const stop = new AbortController();
  let last: Snapshot | undefined;
  let seen = 0;
  for await (const event of train({ ...options, signal: stop.signal })) {
    if (event.kind !== 'batch') last = event.snapshot;
    else if (++seen === stopAt) stop.abort();
  }
  if (!last) throw new Error('the run is over before it began');
  return last;
}

export const recordsOf = async (options: TrainOptions): Promise<readonly EpochRecord[]> =>
  (await outcome(options)).history;

/** What a run is, but for the clock. */
export const essence = ({ state, cursor, history, method, best }: Snapshot) => ({
  parameters: bits(state.parameters as ReadonlyMap<string, Tensor>),
  velocities: bits(state.velocities as ReadonlyMap<string, Tensor>),
  at: [cursor.epoch, cursor.batch],
  history: history.map(({ seconds, secondsPerPhase, validationSeconds, ...rest }) => rest),
  method,
  best: best && { ...best, parameters: bits(best.parameters) },
});
