/**
 * Catastrophic overfitting: a robust network that is trained on with FGSM from x itself (`--start zero`, α = ε) loses all
 * its robustness to PGD within a few epochs, while FGSM finds less and less. The stop rules end the run before that.
 */
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { mnistCnn } from '../../models/mnist-cnn.ts';
import { batch, type DataSet, loadData } from '../../src/data/index.ts';
import type { Engine } from '../../src/engine/index.ts';
import { onnxruntimeEngine } from '../../src/engine/onnxruntime/index.ts';
import { attacks, engineClassifier } from '../../src/eval/index.ts';
import {
  bakeNormalisation,
  type Graph,
  parameterNames,
  type Tensor,
  withValues,
} from '../../src/graph/index.ts';
import { key } from '../../src/random/index.ts';
import {
  commonDefaults,
  methods,
  type Samples,
  type Snapshot,
  schedules,
  type TrainEnd,
  type TrainOptions,
  type TrainSettings,
  train,
} from '../../src/train/index.ts';

const [IMAGES, HELD_OUT, EPOCHS] = [8000, 200, 5];
const threat = { norm: 'linf', epsilon: 0.2 } as const;
/** Accuracy under PGD-10 at which nothing is left: guessing is right as often. */
const COLLAPSED = 0.1;

const engine: Engine = onnxruntimeEngine({ threads: 1 });
afterAll(() => engine.close());

const settings: TrainSettings = {
  epochs: EPOCHS,
  batchSize: 64,
  threat,
  steps: 1,
  stepSize: threat.epsilon,
  options: { ...commonDefaults, start: 'zero' },
  stop: null,
  schedule: schedules.flat({ learningRate: 0.01, epochs: EPOCHS }),
  momentum: 0.9,
  weightDecay: 0,
  classes: 10,
  bnMode: 'eval',
  validationSteps: 10,
  earlyStop: null,
};

const part = (data: DataSet, first: number, n: number): Samples => ({
  n,
  batch(indices) {
    const { x, y, shape } = batch(
      data,
      Uint32Array.from(indices, (i) => first + i),
    );
    return { x: { data: x, shape }, y };
  },
});

interface Run {
  readonly end: TrainEnd;
  /** After each epoch. */
  readonly snapshots: readonly Snapshot[];
}

async function runOf(options: TrainOptions): Promise<Run> {
  const events = train(options);
  const snapshots: Snapshot[] = [];
  for (;;) {
    const { done, value } = await events.next();
    if (done) return { end: value, snapshots };
    if (value.kind === 'epoch') snapshots.push(value.snapshot);
  }
}

const courseOf = ({ history }: Snapshot): number[] => history.map((e) => e.validationRobustAccuracy!);

describe('fast from a robust network, without a random start', () => {
  let base: TrainOptions;

  /** Accuracy of some parameters on the held-out images under an attack. */
  async function accuracyOf(
    parameters: ReadonlyMap<string, Tensor>,
    attack: 'fgsm' | 'pgd',
  ): Promise<number> {
    const model: Graph = withValues(base.model, parameters);
    const optimizer = { momentum: 0, weightDecay: 0 };
    const trainer = await engine.trainer({ model, parameters: parameterNames(model), optimizer });
    const steps = attack === 'fgsm' ? 1 : 20;
    const { broken } = await attacks[attack].run({
      classifier: engineClassifier(trainer, model, { classes: 10 }),
      ...base.validation!.batch(Uint32Array.from({ length: HELD_OUT }, (_, i) => i)),
      threat,
      parameters: { steps, stepSize: (steps === 1 ? 1 : 2.5 / steps) * threat.epsilon, restarts: 1 },
      key: key(99),
    });
    await trainer.close();
    return broken.filter((b) => !b).length / HELD_OUT;
  }

  beforeAll(async () => {
    const data = await loadData('mnist', 'train', { limit: IMAGES + HELD_OUT });
    const fresh = mnistCnn.build(key(0).fold('model'));
    base = {
      engine,
      model: bakeNormalisation(fresh, [0.1307], [0.3081]),
      method: methods.fast,
      data: part(data, 0, IMAGES),
      validation: part(data, IMAGES, HELD_OUT),
      settings,
      key: key(0).fold('pre'),
    };
    // The same method with a random start, which does not overfit here.
    const { snapshots } = await runOf({
      ...base,
      settings: {
        ...settings,
        epochs: 4,
        stepSize: 2 * threat.epsilon,
        options: { ...commonDefaults, start: 'random' },
        schedule: schedules.flat({ learningRate: 0.05, epochs: 4 }),
      },
    });
    const { history, state } = snapshots.at(-1)!;
    expect(history.at(-1)!.validationRobustAccuracy).toBeGreaterThan(0.6);
    base = { ...base, model: withValues(base.model, state.parameters) };
  }, 300_000);

  it.each([0, 1, 2])(
    'overfits, and each rule ends the run before: seed %i',
    async (seed) => {
      const options = { ...base, key: key(seed).fold('train') };
      const stopped = (stop: 'pgd' | 'magnitude', from?: Snapshot) =>
        runOf({ ...options, settings: { ...settings, stop }, from });
      const byPgd = await stopped('pgd');
      // Up to its alarm a run is what it is without the rule, so the others begin where this one has been.
      const unstopped = await runOf({ ...options, from: byPgd.snapshots.at(-2)! });
      const byMagnitude = await stopped('magnitude', byPgd.snapshots[1]!);

      const course = courseOf(unstopped.snapshots.at(-1)!);
      const collapse = course.findIndex((accuracy) => accuracy < COLLAPSED);
      expect(Math.max(...course.slice(0, 2))).toBeGreaterThan(0.6);
      expect(collapse, `PGD-10: ${course.join(' ')}`).toBeGreaterThan(1);
      const collapsed = unstopped.snapshots.find(({ cursor }) => cursor.epoch === collapse + 1)!;
      expect(collapsed.history.at(-1)!.validationAccuracy).toBeGreaterThan(0.9);
      expect(await accuracyOf(collapsed.state.parameters, 'pgd')).toBeLessThan(COLLAPSED);
      expect(await accuracyOf(collapsed.state.parameters, 'fgsm')).toBeGreaterThan(0.75);

      for (const [rule, { end, snapshots }] of Object.entries({ pgd: byPgd, magnitude: byMagnitude })) {
        const { history, best, cursor } = snapshots.at(-1)!;
        expect(end, rule).toBe('stopped');
        expect(history.at(-1)!.stop, rule).toMatch(rule === 'pgd' ? /PGD-5 accuracy/ : /l_X grew/);
        expect(cursor.epoch, rule).toBeLessThanOrEqual(collapse + 1);
        expect(courseOf(snapshots.at(-1)!), rule).toEqual(course.slice(0, cursor.epoch));
        // What is kept is the epoch before.
        expect(best!.epoch, rule).toBe(cursor.epoch - 1);
        const kept = await accuracyOf(best!.parameters, 'pgd');
        expect(kept, rule).toBeGreaterThan(2 * COLLAPSED);
      }
    },
    300_000,
  );
});
