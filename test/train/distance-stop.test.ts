import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { batch, loadData } from '../../src/data/index.ts';
import type { Engine } from '../../src/engine/index.ts';
import { onnxruntimeEngine } from '../../src/engine/onnxruntime/index.ts';
import { engineClassifier } from '../../src/eval/index.ts';
import { float32, type Graph, GraphBuilder, withValues } from '../../src/graph/index.ts';
import { integers, type Key, key, normal, uniform } from '../../src/random/index.ts';
import { nearestBoundary, start, vote } from '../../src/train/efgsm.ts';
import {
  commonDefaults,
  type EpochRecord,
  type Method,
  methods,
  type Samples,
  type Snapshot,
  stopRules,
  type TrainOptions,
  train,
} from '../../src/train/index.ts';
import { validate } from '../../src/train/validate.ts';
import { robustDigits } from './robust-digits.ts';

const engine: Engine = onnxruntimeEngine({ threads: 1 });
afterAll(() => engine.close());

describe('--stop distance', () => {
  const alarm = (...shares: (number | null)[]) =>
    stopRules.distance.alarm(shares.map((robustShare) => ({ robustShare }) as EpochRecord));

  it.each([
    ['before anything is known', []],
    ['after one epoch', [0.9]],
    ['while the share rises', [0.2, 0.5, 0.8]],
    ['after a small fall', [0.2, 0.8, 0.7, 0.5]],
    ['at exactly half', [0.8, 0.4]],
    ['where there was next to nothing to lose', [0.08, 0.001]],
    ['of a method that does not measure it', [null, null, null]],
    ['while the first epochs are natural', [null, null, 0.3]],
  ])('goes on %s', (_, shares) => {
    expect(alarm(...shares)).toBeUndefined();
  });

  it.each([
    [[0.2, 0.8, 0.39], /fell from 80.0 % to 39.0 %/],
    [[0.9, 0.6, 0.1], /fell from 90.0 % to 10.0 %/],
    [[0.15, 0], /fell from 15.0 % to 0.0 %/],
    [[null, 0.8, 0.2], /fell from 80.0 % to 20.0 %/],
  ])('stops after %j', (shares, message) => {
    expect(alarm(...shares)).toMatch(message);
  });
});

const [K, SIZE, HIDDEN, SAMPLES] = [3, 9, 24, 160];

/** Flatten, Gemm, Relu, Gemm. */
function network(own: Key): Graph {
  const b = new GraphBuilder();
  const layer = (x: string, name: string, inputs: number, outputs: number) => {
    const bound = 1 / Math.sqrt(inputs);
    const w = b.initializer(
      `${name}.weight`,
      float32(uniform(own.fold(name), outputs * inputs, -bound, bound), [outputs, inputs]),
    );
    const bias = b.initializer(`${name}.bias`, float32(new Float32Array(outputs)));
    return b.op('Gemm', [x, w, bias], { transB: 1 });
  };
  const x = b.op('Flatten', [b.input('x', 'float32', ['N', 1, 3, 3])], { axis: 1 });
  b.output(layer(b.op('Relu', [layer(x, 'fc1', SIZE, HIDDEN)]), 'fc2', HIDDEN, K), 'logits');
  return b.build('network');
}

/** Blobs around one centre per class. */
function blobs(own: Key): Samples {
  const y = integers(own.fold('y'), SAMPLES, K);
  const noise = normal(own.fold('noise'), SAMPLES * SIZE, 0, 0.07);
  const x = noise.map((v, i) => {
    const centre = i % K === y[Math.floor(i / SIZE)] ? 0.7 : 0.3;
    return Math.min(1, Math.max(0, v + centre));
  });
  return {
    n: SAMPLES,
    batch: (indices) => ({
      x: {
        data: Float32Array.from(
          Array.from(indices).flatMap((i) => [...x.subarray(i * SIZE, (i + 1) * SIZE)]),
        ),
        shape: [indices.length, 1, 3, 3],
      },
      y: Int32Array.from(indices, (i) => y[i]!),
    }),
  };
}

describe('a run that breaks in its sixth epoch', () => {
  const [EPOCHS, BREAKS] = [8, 5];
  const threat = { norm: 'linf', epsilon: 0.08 } as const;
  /** The rate jumps by a factor of hundreds, and the network with it. */
  const schedule = (epoch: number) => (Math.floor(epoch) === BREAKS ? 500 : 0.1);

  async function runOf(seed: number, stop: 'distance' | null) {
    const own = key(seed);
    const data = blobs(own.fold('data'));
    const model = network(own.fold('model'));
    const options: TrainOptions = {
      engine,
      model,
      method: methods.efgsm,
      data,
      settings: {
        epochs: EPOCHS,
        batchSize: 16,
        threat,
        steps: 1,
        stepSize: 0.1,
        options: { ...commonDefaults, ...methods.efgsm.defaults, reach: 'ball' },
        stop,
        schedule,
        momentum: 0.9,
        weightDecay: 0,
        classes: K,
        bnMode: 'eval',
        validationSteps: 5,
        earlyStop: null,
      },
      key: own.fold('train'),
    };
    let last: Snapshot | undefined;
    for await (const event of train(options)) if (event.kind === 'epoch') last = event.snapshot;
    const { history, best, state } = last!;
    const kept = withValues(model, best?.parameters ?? state.parameters);
    const all = data.batch(Array.from({ length: SAMPLES }, (_, i) => i));
    const classifier = engineClassifier(engine, kept, { classes: K });
    const validated = await validate({ ...all, classifier, threat, steps: 20, key: key(0) });
    return { history, best, robust: validated!.robustAccuracy };
  }

  it.each([0, 1, 2, 3, 4, 5, 6, 7])(
    'is stopped after it, and the epoch before is kept: seed %i',
    async (seed) => {
      const stopped = await runOf(seed, 'distance');
      expect(stopped.history).toHaveLength(BREAKS + 1);
      expect(stopped.history.map((r) => r.stop === null)).toEqual([true, true, true, true, true, false]);
      expect(stopped.best).toMatchObject({ epoch: BREAKS, why: expect.stringContaining('--stop distance') });
      expect(stopped.robust).toBeGreaterThan(0.8);

      const through = await runOf(seed, null);
      expect(through.history).toHaveLength(EPOCHS);
      expect(through.robust).toBeLessThan(0.6);
    },
  );
});

/** eFGSM with plain FGSM's examples in place of its own: what it was made to avoid. Distances are measured as it does. */
const careless: Method = {
  ...methods.efgsm,
  name: 'careless',
  async step(args) {
    const { learner, x, y, threat } = args;
    const { clearance } = await nearestBoundary(args, start(args));
    const { gradient } = await learner.gradient(x, y);
    const data = x.data.map((v, i) => Math.min(1, Math.max(0, v + threat.epsilon * Math.sign(gradient[i]!))));
    const adversarial = { data, shape: x.shape };
    vote(args, adversarial);
    const { loss, correct } = await learner.update(adversarial, y);
    const robust = clearance.filter((distance) => distance > threat.epsilon).length;
    return {
      n: y.length,
      loss: loss.reduce((a, b) => a + b, 0) / y.length,
      correct,
      measures: { robustShare: robust / y.length },
    };
  },
};

describe('a robust network that is trained on with FGSM', () => {
  const [IMAGES, HELD, EPOCHS] = [8000, 200, 5];
  let base: TrainOptions;

  /** After each epoch. */
  async function snapshotsOf(options: TrainOptions): Promise<Snapshot[]> {
    const snapshots: Snapshot[] = [];
    for await (const event of train(options)) if (event.kind === 'epoch') snapshots.push(event.snapshot);
    return snapshots;
  }
  const course = ({ history }: Snapshot): number[] => history.map((e) => e.validationRobustAccuracy!);

  beforeAll(async () => {
    const data = await loadData('mnist', 'train', { limit: IMAGES + HELD });
    const part = (first: number, n: number): Samples => ({
      n,
      batch(indices) {
        const found = batch(
          data,
          Uint32Array.from(indices, (i) => first + i),
        );
        return { x: { data: found.x, shape: found.shape }, y: found.y };
      },
    });
    base = {
      engine,
      model: await robustDigits(),
      method: careless,
      data: part(0, IMAGES),
      validation: part(IMAGES, HELD),
      settings: {
        epochs: EPOCHS,
        batchSize: 64,
        threat: { norm: 'linf', epsilon: 0.2 },
        steps: 1,
        stepSize: 0.4,
        options: { ...commonDefaults, ...methods.efgsm.defaults, smoothing: 0, rivals: 1 },
        stop: null,
        schedule: () => 0.01,
        momentum: 0.9,
        weightDecay: 0,
        classes: 10,
        bnMode: 'eval',
        validationSteps: 10,
        earlyStop: null,
      },
      key: key(0),
    };
  });

  it.each([0, 1, 2])(
    'overfits to it, and the rule ends the run before: seed %i',
    async (seed) => {
      const options = { ...base, key: key(seed).fold('train') };
      const until = await snapshotsOf({ ...options, settings: { ...options.settings, stop: 'distance' } });
      const stopped = until.at(-1)!;
      // Up to its alarm a run is what it is without the rule.
      const through = (await snapshotsOf({ ...options, from: until.at(-2)! })).at(-1)!;
      const robust = course(through);
      expect(robust.slice(0, stopped.history.length)).toEqual(course(stopped));
      expect(Math.min(...robust)).toBeLessThan(Math.max(...robust) - 0.15);

      expect(stopped.history.at(-1)!.stop).toMatch(/further than ε from the next class fell from/);
      const kept = stopped.best!;
      expect(kept.epoch).toBe(stopped.history.length - 1);
      // The alarm looks at epochs' means: by the end of the one that is kept a few points may be gone already.
      expect(robust[kept.epoch - 1]).toBeGreaterThan(Math.max(...robust) - 0.1);
    },
    300_000,
  );
});
