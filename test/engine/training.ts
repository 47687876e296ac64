import { describe, expect, it } from 'vitest';
import {
  classifierProgram,
  type Engine,
  logitsProgram,
  spent,
  type Trainer,
} from '../../src/engine/index.ts';
import {
  float32,
  GraphBuilder,
  inTrainingMode,
  parameterNames,
  scalar,
  type Tensor,
  withValues,
} from '../../src/graph/index.ts';
import {
  bits,
  CLASSES,
  expectClose,
  FEW_OPERATIONS,
  labelsFor,
  linear,
  linearModel,
  normalisedModel,
  numbers,
  PIXELS,
  random,
  refused,
  rowsOf,
} from './models.ts';
import {
  backThrough,
  crossEntropy,
  errorOf,
  flat,
  logitsOf,
  parameterGradient,
  sgd,
  unflat,
} from './oracle.ts';

/** The part of the conformance suite about training. */
export function trainingConformance(engine: () => Engine): void {
  describe('training', () => {
    const BATCH = 6;
    const x = random('batch', [BATCH, 1, 2, 2]);
    const y = labelsFor(BATCH, CLASSES);
    const optimizer = { momentum: 0.9, weightDecay: 0.05 };
    const start = (parameters = ['weight', 'bias']) =>
      engine().trainer({ model: linearModel(), parameters, optimizer });
    const update = (trainer: Trainer) =>
      trainer.compileUpdate(classifierProgram(linearModel(), 'ce', { differentiate: false }).graph, 'loss');
    const parameters = (trainer: Trainer) => {
      const state = trainer.state().parameters;
      return [...numbers(state.get('weight')!), ...numbers(state.get('bias')!)];
    };

    it('is SGD with momentum and weight decay, step by step', async () => {
      const trainer = await start();
      const step = await update(trainer);
      let expected = flat(linear);
      const velocity = expected.map(() => 0);
      for (const rate of [0.5, 0.5, 0.1, 0.1, 0.02]) {
        const model = unflat(expected, CLASSES, PIXELS);
        const targets = numbers(y);
        const loss = rowsOf(x).map((row, n) => crossEntropy(logitsOf(model, row), targets[n]!));
        expected = sgd(expected, velocity, parameterGradient(model, rowsOf(x), targets), {
          rate,
          ...optimizer,
        });
        const out = await step.run({ x, y, learning_rate: scalar(rate) });
        // The loss is that of before the step. Five steps of some ten float32 operations each: 1e-5.
        expectClose(numbers(out.loss!), loss, 1e-5);
        expectClose(parameters(trainer), expected, 1e-5);
      }
      const { velocities } = trainer.state();
      expectClose(
        [...numbers(velocities.get('weight')!), ...numbers(velocities.get('bias')!)],
        velocity,
        1e-5,
      );
      await trainer.close();
    });

    it('changes the parameters that are named, and no others', async () => {
      const trainer = await start(['bias']);
      const step = await update(trainer);
      await step.run({ x, y, learning_rate: scalar(0.5) });
      const state = trainer.state();
      expect([...state.parameters.keys()]).toEqual(['bias']);
      expect(numbers(state.parameters.get('bias')!)).not.toEqual(linear.bias);
      await trainer.close();
    });

    it('does nothing at the learning rate 0', async () => {
      const trainer = await start();
      const step = await update(trainer);
      await step.run({ x, y, learning_rate: scalar(0) });
      expect(parameters(trainer)).toEqual(flat(linear));
      await trainer.close();
    });

    it('runs its programs with the parameters of the moment', async () => {
      const trainer = await start();
      const [step, program] = [
        await update(trainer),
        await trainer.compile(classifierProgram(linearModel(), 'ce')),
      ];
      for (let i = 0; i < 2; i++) {
        await step.run({ x, y, learning_rate: scalar(0.5) });
        const baked = withValues(linearModel(), trainer.state().parameters);
        const fixed = await engine().compile(classifierProgram(baked, 'ce'));
        const [live, constant] = [await program.run({ x, y }), await fixed.run({ x, y })];
        for (const output of ['logits', 'loss', 'gradient'])
          expectClose(numbers(live[output]!), numbers(constant[output]!), FEW_OPERATIONS);
        await fixed.close();
      }
      await trainer.close();
    });

    it('continues from a state bit for bit, also on a new trainer', async () => {
      const run = async (trainer: Trainer, rates: readonly number[]) => {
        const step = await update(trainer);
        for (const rate of rates) await step.run({ x, y, learning_rate: scalar(rate) });
        const { parameters: p, velocities: v } = trainer.state();
        return [...p.values(), ...v.values()].map(bits);
      };
      const trainer = await start();
      await run(trainer, [0.5, 0.3]);
      const saved = trainer.state();
      const before = [...saved.parameters.values()].map(bits);
      const after = await run(trainer, [0.2, 0.1]);
      expect([...saved.parameters.values()].map(bits), 'a state is a copy').toEqual(before);
      trainer.restore(saved);
      expect(await run(trainer, [0.2, 0.1])).toEqual(after);
      const fresh = await start();
      fresh.restore(saved);
      expect(await run(fresh, [0.2, 0.1])).toEqual(after);
      expect([...saved.parameters.values()].map(bits), 'restoring does not hand it over').toEqual(before);
      await trainer.close();
      await fresh.close();
    });

    it('gives each sample’s gradient by its image from the same pass', async () => {
      const trainer = await start();
      const { graph } = classifierProgram(linearModel(), 'ce', { differentiate: false });
      const step = await trainer.compileUpdate(graph, 'loss', { input: 'x' });
      const before = engine().counts();
      const out = await step.run({ x, y, learning_rate: scalar(0.5) });
      expect(spent(before, engine().counts())).toMatchObject({ forward: 1, backward: 1 });
      const targets = numbers(y);
      const expected = rowsOf(x).map((row, n) =>
        backThrough(linear, errorOf(logitsOf(linear, row), targets[n]!)),
      );
      expect(Object.keys(out).sort()).toEqual(['gradient', 'logits', 'loss']);
      // A sixth of each, times six.
      expectClose(numbers(out.gradient!), expected.flat(), FEW_OPERATIONS);
      const plain = await start();
      await (await update(plain)).run({ x, y, learning_rate: scalar(0.5) });
      expectClose(parameters(trainer), parameters(plain), FEW_OPERATIONS);
      await trainer.close();
      await plain.close();
    });

    it('leaves parameters alone that a graph does not have, and their velocities', async () => {
      const trainer = await start();
      await (await update(trainer)).run({ x, y, learning_rate: scalar(0.5) });
      const before = trainer.state();
      const b = new GraphBuilder();
      const bias = b.initializer('bias', random('bias', [CLASSES]));
      b.output(b.op('Mul', [b.input('x', 'float32', ['N', CLASSES]), bias]), 'loss');
      const step = await trainer.compileUpdate(b.build(), 'loss');
      await step.run({ x: random('other', [2, CLASSES]), learning_rate: scalar(0.5) });
      const after = trainer.state();
      for (const part of ['parameters', 'velocities'] as const) {
        expect(bits(after[part].get('weight')!)).toBe(bits(before[part].get('weight')!));
        expect(bits(after[part].get('bias')!)).not.toBe(bits(before[part].get('bias')!));
      }
      await trainer.close();
    });

    it('refuses a state of another model', async () => {
      const trainer = await start();
      const { parameters: p, velocities } = trainer.state();
      const before = parameters(trainer);
      const other = random('other', [CLASSES, PIXELS]);
      for (const wrong of [
        new Map<string, Tensor>([['weight', other]]),
        new Map<string, Tensor>([...p, ['weight', other], ['bias', float32([1, 2])]]),
      ]) {
        const error = await refused(
          Promise.resolve().then(() => trainer.restore({ parameters: wrong, velocities })),
        );
        expect(error.code).toBe('E_SHAPE');
        expect(error.message).toContain('bias');
        expect(parameters(trainer), 'nothing is half restored').toEqual(before);
      }
      await trainer.close();
    });

    it('moves the running statistics by the batch’s own, and uses them in inference', async () => {
      const model = normalisedModel();
      const images = random('normal images', [5, 2, 2, 2], -1, 2);
      const labels = labelsFor(5, CLASSES);
      const trainer = await engine().trainer({ model, parameters: parameterNames(model), optimizer });
      const graph = classifierProgram(inTrainingMode(model), 'ce', { differentiate: false }).graph;
      const step = await trainer.compileUpdate(graph, 'loss');
      await step.run({ x: images, y: labels, learning_rate: scalar(0.1) });

      const state = trainer.state().parameters;
      const of = (channel: number) =>
        rowsOf(images).flatMap((row) => row.slice(4 * channel, 4 * channel + 4));
      const mean = (v: readonly number[]) => v.reduce((a, b) => a + b, 0) / v.length;
      const means = [0, 1].map((c) => mean(of(c)));
      const variances = [0, 1].map((c) => mean(of(c).map((v) => (v - means[c]!) ** 2)));
      // running ← 0.9·running + 0.1·batch, with the variance of the batch itself (ONNX: not Bessel's)
      const moved = (old: readonly number[], batch: readonly number[]) =>
        old.map((v, c) => 0.9 * v + 0.1 * batch[c]!);
      expectClose(numbers(state.get('bn.running_mean')!), moved([0.25, -0.5], means), FEW_OPERATIONS);
      expectClose(numbers(state.get('bn.running_var')!), moved([1, 2], variances), FEW_OPERATIONS);
      expect(trainer.state().velocities.has('bn.running_mean')).toBe(false);

      const live = await trainer.compile(logitsProgram(model));
      const fixed = await engine().compile(logitsProgram(withValues(model, state)));
      const [a, b] = [await live.run({ x: images }), await fixed.run({ x: images })];
      expectClose(numbers(a.logits!), numbers(b.logits!), FEW_OPERATIONS);
      await fixed.close();
      await trainer.close();
    });
  });
}
