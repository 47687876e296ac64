import * as tf from '@tensorflow/tfjs-core';
import { expect, it } from 'vitest';
import { classifierProgram, type Engine, logitsProgram } from '../../src/engine/index.ts';
import { ascentGraph } from '../../src/eval/index.ts';
import { inTrainingMode, parameterNames, scalar } from '../../src/graph/index.ts';
import { labelsFor, normalisedModel, random, refused } from './models.ts';

const STEPS = 200;

/** What an engine on tfjs leaves on the device: nothing but parameters and, once, their copies in other orders. */
export function memorySuite(makeEngine: () => Promise<Engine>): void {
  it(`keeps its memory flat over ${STEPS} steps of training and attack`, async () => {
    const engine = await makeEngine();
    const empty = tf.memory().numTensors;
    const model = normalisedModel();
    const optimizer = { momentum: 0.9, weightDecay: 1e-3 };
    const trainer = await engine.trainer({ model, parameters: parameterNames(model), optimizer });
    const training = classifierProgram(inTrainingMode(model), 'ce', { differentiate: false });
    const update = await trainer.compileUpdate(training.graph, 'loss');
    const attack = await trainer.compile({ ...classifierProgram(model, 'ce'), after: ascentGraph('linf') });
    const baked = await engine.compile(classifierProgram(model, 'ce', { hvp: true }));
    const forward = await engine.compile(logitsProgram(model));

    const x = random('images', [4, 2, 2, 2], 0, 1);
    const [y, v] = [labelsFor(4, 3), random('v', x.shape)];
    const step = async () => {
      const feeds = { x, y, clean: x, epsilon: scalar(0.1), step_size: scalar(0.02) };
      const { next } = await attack.iterate(feeds, { carry: { x: 'next' }, times: 3 });
      await update.run({ x: next!, y, learning_rate: scalar(0.01) });
      await baked.run({ x, y, v });
      await forward.run({ x });
      await refused(baked.run({ x, y })); // an error leaves nothing behind
    };
    await step();
    const before = tf.memory();
    for (let i = 0; i < STEPS; i++) await step();
    const after = tf.memory();
    expect([after.numTensors, after.numBytes]).toEqual([before.numTensors, before.numBytes]);
    expect(after.numTensors).toBeGreaterThan(empty);

    for (const program of [baked, forward]) await program.close();
    await trainer.close();
    expect(tf.memory().numTensors, 'after closing').toBe(empty);
    await engine.close();
  });

  it('gives by iterate what runs fed back by hand give', async () => {
    const engine = await makeEngine();
    const program = await engine.compile({
      ...classifierProgram(normalisedModel(), 'ce'),
      after: ascentGraph('linf'),
    });
    const clean = random('images', [4, 2, 2, 2], 0, 1);
    const feeds = { y: labelsFor(4, 3), clean, epsilon: scalar(0.1), step_size: scalar(0.02) };
    let x = clean;
    for (let t = 0; t < 4; t++) x = (await program.run({ ...feeds, x })).next as typeof x;
    const before = engine.counts();
    const { next } = await program.iterate({ ...feeds, x: clean }, { carry: { x: 'next' }, times: 4 });
    expect(next!.data).toEqual(x.data);
    const { forward, backward } = engine.counts();
    expect([forward - before.forward, backward - before.backward]).toEqual([4, 4]);
    await engine.close();
  });
}
