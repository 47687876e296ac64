import { afterAll, describe, expect, it } from 'vitest';
import { augment } from '../../src/data/index.ts';
import type { Engine } from '../../src/engine/index.ts';
import { onnxruntimeEngine } from '../../src/engine/onnxruntime/index.ts';
import type { Images } from '../../src/eval/index.ts';
import { float32, type Graph, GraphBuilder, parameterNames } from '../../src/graph/index.ts';
import { integers, key, uniform } from '../../src/random/index.ts';
import {
  commonDefaults,
  createLearner,
  methods,
  type Sample,
  type Samples,
  type StepArguments,
} from '../../src/train/index.ts';
import { linearModel, reference, SHAPE, SIZE } from './linear.ts';
import { decoder, outcome, toyRun } from './toy.ts';

const engine: Engine = onnxruntimeEngine({ threads: 1 });
afterAll(() => engine.close());

const N = 6;
const K = 3;
const RATE = 0.05;
const root = key(17);
const sgd = { momentum: 0, weightDecay: 0 };
const row = (data: ArrayLike<number>, n: number) =>
  Array.from({ length: SIZE }, (_, i) => data[n * SIZE + i]!);

describe('augmentation', () => {
  const shape = [3, 1, 6, 6] as const;
  const plain: Sample = {
    x: { data: uniform(root.fold('plain'), 3 * 36, 0.1, 0.9), shape },
    y: Int32Array.of(0, 1, 2),
  };
  const changed = (batch: Sample, own = root): Sample => {
    const { x, y } = augment({ x: batch.x.data, y: batch.y, shape }, own, { pad: 2 });
    return { x: { data: x, shape }, y };
  };

  it('the loop tells where each pixel came from', async () => {
    const b = new GraphBuilder();
    const x = b.input('x', 'float32', ['N', 1, 6, 6]);
    const w = b.initializer('w', float32(uniform(root, 3 * 36, -1, 1), [36, 3]));
    b.output(b.op('MatMul', [b.op('Flatten', [x]), w]), 'logits');
    const seen: StepArguments[] = [];
    const spy = {
      ...methods.efgsm,
      step(args: StepArguments) {
        seen.push(args);
        return methods.efgsm.step(args);
      },
    };
    const data: Samples = {
      n: 3,
      batch: (indices) => ({
        x: {
          data: Float32Array.from(
            Array.from(indices).flatMap((n) => [...plain.x.data.slice(36 * n, 36 * n + 36)]),
          ),
          shape: [indices.length, 1, 6, 6],
        },
        y: Int32Array.from(indices, (n) => plain.y[n]!),
      }),
    };
    const run = toyRun(engine, 'efgsm', {}, { batchSize: 3 });
    await outcome({ ...run, model: b.build(), method: spy, data, augment: changed });
    expect(seen).toHaveLength(2);
    for (const { x: images, origins, indices } of seen) {
      let made = 0;
      for (let n = 0; n < 3; n++)
        for (let i = 0; i < 36; i++) {
          const from = origins![36 * n + i]!;
          if (from < 0) made += 1;
          expect(images.data[36 * n + i]).toBe(from < 0 ? 0 : plain.x.data[36 * indices[n]! + from]);
        }
      expect(made).toBeGreaterThan(0);
    }
  });
});

describe('L_R + λ·L_C, eq. 16', () => {
  const linear = linearModel(root.fold('model'), K);
  const LAMBDA = 0.3;
  const SMOOTHING = 0.1;
  const companion = ((): Graph => {
    const b = new GraphBuilder();
    const code = b.input('r.code', 'float32', ['N', K]);
    const v = b.initializer('r.v', float32(uniform(root.fold('v'), K * SIZE, -1, 1), [K, SIZE]));
    b.output(b.op('Reshape', [b.op('MatMul', [code, v]), b.ints([-1, ...SHAPE])]), 'r.image');
    return b.build();
  })();
  const x = { data: uniform(root.fold('hat'), N * SIZE), shape: [N, ...SHAPE] };
  const clean = { data: uniform(root.fold('clean'), N * SIZE), shape: [N, ...SHAPE] };
  const y = integers(root.fold('labels'), N, K);

  /** Of every sample, by its definition, in float64. */
  function losses(model: Graph, decoder: Graph): number[] {
    const v = decoder.initializers.get('r.v')!.data as Float32Array;
    return Array.from(y, (label, n) => {
      const { logits, error } = reference(model, row(x.data, n), label);
      const code = error.map((e, k) => e + (k === label ? 1 : 0));
      const logs = code.map((p) => Math.log(p));
      const restored = row(clean.data, n).reduce((sum, pixel, i) => {
        const made = code.reduce((s, p, k) => s + p * v[k * SIZE + i]!, 0);
        return sum + (made - pixel) ** 2;
      }, 0);
      const classified =
        -(1 - SMOOTHING) * logs[label]! - (SMOOTHING / logits.length) * logs.reduce((a, b) => a + b, 0);
      return restored / SIZE + LAMBDA * classified;
    });
  }

  it('is the mean square over the pixels and the smoothed cross-entropy; one step moves both networks along its gradient', async () => {
    const together = {
      ...linear,
      initializers: new Map([...linear.initializers, ...companion.initializers]),
    };
    const parameters = ['w', 'b', 'r.v'];
    const trainer = await engine.trainer({ model: together, parameters, optimizer: sgd });
    const own = { ...commonDefaults, smoothing: SMOOTHING, lambda: LAMBDA };
    const learner = await createLearner(trainer, linear, { classes: K, options: own, companion });
    learner.learningRate = RATE;
    const trainedWith: Images[] = [];
    const update: typeof learner.update = (_example, labels, request) => {
      trainedWith.push(request!.feeds!.clean!);
      return learner.update(x, labels, request);
    };
    const args = {
      learner: { ...learner, gradient: learner.gradient, update },
      x: clean,
      y,
      indices: [0, 1, 2, 3, 4, 5],
      threat: { norm: 'linf', epsilon: 0.1 },
      options: own,
      state: { numbers: {}, arrays: { votes: new Float32Array(N * SIZE) } },
      key: root,
    } as unknown as StepArguments;
    const { loss } = await methods['efgsm+reconstructor'].step(args);
    expect(trainedWith).toEqual([clean]); // what it has to make is the clean image
    const mean = (model: Graph, decoder: Graph) => losses(model, decoder).reduce((a, b) => a + b, 0) / N;
    expect(loss).toBeCloseTo(mean(linear, companion), 5);

    const after = trainer.state().parameters;
    for (const name of parameters) {
      const graph = name === 'r.v' ? companion : linear;
      const { data, shape } = graph.initializers.get(name)! as ReturnType<typeof float32>;
      for (let i = 0; i < data.length; i += 4) {
        const moved = (h: number): number => {
          const values = float32(data, shape).data.slice() as Float32Array;
          values[i] = values[i]! + h;
          const other = {
            ...graph,
            initializers: new Map([...graph.initializers, [name, float32(values, shape)]]),
          };
          const by = values[i]! - data[i]!;
          return (graph === companion ? mean(linear, other) : mean(other, companion)) / Math.abs(by);
        };
        const slope = (moved(2 ** -10) - moved(-(2 ** -10))) / 2;
        const step = ((after.get(name)!.data as Float32Array)[i]! - data[i]!) / -RATE;
        expect(Math.abs(step - slope), `${name}[${i}]`).toBeLessThan(1e-4);
      }
    }
    await trainer.close();
  });

  it('moves the statistics of the reconstructor’s normalisations', async () => {
    const last = await outcome(toyRun(engine, 'efgsm+reconstructor'));
    const started = decoder().initializers;
    const names = [...started.keys()].filter((n) => n.startsWith('r.bn'));
    expect(names).toHaveLength(4);
    for (const name of [...parameterNames(decoder()), ...names]) {
      const { data } = last.state.parameters.get(name)!;
      expect(data, name).not.toEqual(started.get(name)!.data);
      expect((data as Float32Array).every(Number.isFinite)).toBe(true);
    }
  });
});
