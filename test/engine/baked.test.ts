import { afterAll, describe, expect, it } from 'vitest';
import { mnistCnn } from '../../models/mnist-cnn.ts';
import { resnet18 } from '../../models/resnet.ts';
import { classifierProgram, type Values } from '../../src/engine/index.ts';
import { BakedSession } from '../../src/engine/onnxruntime/baked.ts';
import { onnxruntimeEngine } from '../../src/engine/onnxruntime/index.ts';
import { lowered } from '../../src/engine/onnxruntime/lower.ts';
import { ascentGraph } from '../../src/eval/index.ts';
import { asInputs, type Graph, int64, parameterNames, scalar, type Tensor } from '../../src/graph/index.ts';
import { key, uniform } from '../../src/random/index.ts';

const engine = onnxruntimeEngine({ device: 'cpu', threads: 2 });
afterAll(() => engine.close());

const model = mnistCnn.build(key(1));
const optimizer = { momentum: 0.9, weightDecay: 0 };
const program = { ...classifierProgram(model, 'ce'), after: ascentGraph('linf') };
const { graph: trained } = classifierProgram(model, 'ce', { differentiate: false });
const carry = { x: 'next' };
/** Enough for it to pay: see `pays`. */
const TIMES = 12;

function feedsOf(images: number): Values {
  const shape = [images, 1, 28, 28];
  const x: Tensor = { dtype: 'float32', shape, data: uniform(key(2), images * 784, 0, 1) };
  const y = int64(Array.from({ length: images }, (_, i) => i % 10));
  return { x, y, clean: x, epsilon: scalar(0.1), step_size: scalar(0.003) };
}

const open = () => engine.trainer({ model, parameters: parameterNames(model), optimizer });

const furthest = (a: Tensor, b: Tensor): number =>
  (a.data as Float32Array).reduce((most, v, i) => Math.max(most, Math.abs(v - Number(b.data[i]))), 0);

/** Pixels that differ: where a gradient is almost 0, its sign may be rounding's, and the pixel goes the other way. */
const share = (a: Tensor, b: Tensor): number =>
  (a.data as Float32Array).filter((v, i) => Math.abs(v - Number(b.data[i])) > 1e-5).length / a.data.length;

describe('several steps between two updates, with the weights as constants', () => {
  it('come to what single runs with the weights fed come to, and count the same', async () => {
    const trainer = await open();
    const step = await trainer.compile(program);
    for (const images of [128, 100]) {
      const feeds = feedsOf(images);
      const before = engine.counts();
      const together = await step.iterate(feeds, { carry, times: TIMES });
      const after = engine.counts();
      let x = feeds.x!;
      let last: Record<string, Tensor> = {};
      for (let t = 0; t < TIMES; t++) {
        last = await step.run({ ...feeds, x });
        x = last.next!;
      }
      const apart = engine.counts();
      expect(after.forward - before.forward).toBe(TIMES);
      expect(after.backwardImages - before.backwardImages).toBe(TIMES * images);
      expect(apart.forward - after.forward).toBe(TIMES);
      expect(furthest(together.logits!, last.logits!)).toBeLessThan(1e-3);
      expect(share(together.next!, x)).toBeLessThan(1e-3);
    }
    await trainer.close();
  });

  it('follow the parameters: after an update, after a checkpoint', async () => {
    const trainer = await open();
    const step = await trainer.compile(program);
    const update = await trainer.compileUpdate(trained, 'loss');
    const feeds = feedsOf(128);
    const { x, y } = feeds as { x: Tensor; y: Tensor };
    const logits = async () => {
      const { logits: together } = await step.iterate(feeds, { carry: {}, times: TIMES });
      const { logits: alone } = await step.run(feeds);
      expect(furthest(together!, alone!)).toBeLessThan(1e-4);
      return together!;
    };
    const start = trainer.state();
    const first = await logits();
    await update.run({ x, y, learning_rate: scalar(0.1) });
    const second = await logits();
    expect(furthest(first, second), 'the update changed something').toBeGreaterThan(0.01);
    trainer.restore(start);
    expect(furthest(first, await logits())).toBe(0);
    await trainer.close();
  });

  it('leave the parameters alone', async () => {
    const trainer = await open();
    const step = await trainer.compile(program);
    const before = trainer.state().parameters;
    await step.iterate(feedsOf(128), { carry, times: TIMES });
    for (const [name, tensor] of trainer.state().parameters) expect(tensor).toEqual(before.get(name));
    await trainer.close();
  });
});

describe('whether it pays', () => {
  const pays = (of: Graph, images: number, runs: number): boolean => {
    const forward = classifierProgram(of, 'ce');
    const parameters = new Map(parameterNames(of).map((name) => [name, of.initializers.get(name)!]));
    const graph = asInputs(forward.graph, [...parameters.keys()]);
    const live = lowered({ ...forward, graph }, 'cpu');
    const options = { device: 'cpu', threads: 1 } as const;
    const [channels, side] = of === model ? [1, 28] : [3, 32];
    const x: Tensor = { dtype: 'float32', shape: [images, channels, side, side], data: new Float32Array() };
    return new BakedSession(live, graph, parameters, options).pays({ x }, runs);
  };

  it.each([
    ['MNIST net', model, 512, 1, false],
    ['MNIST net', model, 512, 10, true],
    ['MNIST net', model, 16, 10, false],
    ['ResNet-18', resnet18.build(key(1)), 32, 1, false],
    ['ResNet-18', resnet18.build(key(1)), 32, 10, true],
    ['ResNet-18', resnet18.build(key(1)), 2, 10, false],
  ] as const)('%s: %#', (_name, of, images, runs, expected) => {
    expect(pays(of, images, runs)).toBe(expected);
  });
});
