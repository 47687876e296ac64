import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { mnistCnn } from '../../models/mnist-cnn.ts';
import { classifierProgram, type Engine, logitsProgram, spent, type Values } from '../../src/engine/index.ts';
import { float32, int64, parameterNames, scalar, type Tensor } from '../../src/graph/index.ts';
import { key } from '../../src/random/index.ts';
import {
  bits,
  CLASSES,
  expectClose,
  FEW_OPERATIONS,
  labelsFor,
  linear,
  linearModel,
  numbers,
  random,
  refused,
  rowsOf,
} from './models.ts';
import { backThrough, crossEntropy, errorOf, logitsOf, softmax } from './oracle.ts';
import { trainingConformance } from './training.ts';

/** What every engine must do, whatever it computes with. */
export function engineConformance(name: string, makeEngine: () => Engine | Promise<Engine>): void {
  describe(`engine ${name}`, () => {
    let engine: Engine;
    beforeAll(async () => {
      engine = await makeEngine();
    });
    afterAll(() => engine.close());

    it('says what it is', () => {
      expect(['cpu', 'cuda']).toContain(engine.device);
      expect(engine.threads).toBeGreaterThanOrEqual(1);
      expect(Object.values(engine.versions).every((v) => /^\d+\.\d+/.test(v))).toBe(true);
    });

    describe('on a linear model', () => {
      const x = random('images', [5, 1, 2, 2], 0, 1);
      const y = labelsFor(5, CLASSES);
      const z = rowsOf(x).map((row) => logitsOf(linear, row));

      it('gives the logits', async () => {
        const program = await engine.compile(logitsProgram(linearModel()));
        const { logits } = await program.run({ x });
        expect(logits!.shape).toEqual([5, CLASSES]);
        expect(logits!.dtype).toBe('float32');
        expectClose(numbers(logits!), z.flat(), FEW_OPERATIONS);
        await program.close();
      });

      it('gives each sample’s cross-entropy, and its gradient by the image', async () => {
        const program = await engine.compile(classifierProgram(linearModel(), 'ce'));
        const out = await program.run({ x, y });
        expect(Object.keys(out).sort()).toEqual(['gradient', 'logits', 'loss']);
        const targets = numbers(y);
        expectClose(
          numbers(out.loss!),
          z.map((row, n) => crossEntropy(row, targets[n]!)),
          FEW_OPERATIONS,
        );
        expect(out.gradient!.shape).toEqual([5, 1, 2, 2]);
        const expected = z.map((row, n) => backThrough(linear, errorOf(row, targets[n]!)));
        expectClose(numbers(out.gradient!), expected.flat(), FEW_OPERATIONS);
        await program.close();
      });

      it('gives each sample’s margin, whose gradient is a difference of two rows', async () => {
        const program = await engine.compile(classifierProgram(linearModel(), 'margin'));
        const out = await program.run({ x, y });
        const best = z.map((row, n) => {
          const others = row.map((v, k) => (k === Number(y.data[n]) ? Number.NEGATIVE_INFINITY : v));
          return others.indexOf(Math.max(...others));
        });
        const own = numbers(y);
        expectClose(
          numbers(out.loss!),
          z.map((row, n) => row[best[n]!]! - row[own[n]!]!),
          FEW_OPERATIONS,
        );
        const rows = best.map((k, n) => linear.weight[k]!.map((w, i) => w - linear.weight[own[n]!]![i]!));
        expectClose(numbers(out.gradient!), rows.flat(), FEW_OPERATIONS);
        await program.close();
      });

      it('gives the exact Hessian-vector product, Wᵀ(diag p − ppᵀ)Wv, and counts it as a pass', async () => {
        const program = await engine.compile(classifierProgram(linearModel(), 'ce', { hvp: true }));
        const v = random('vector', [5, 1, 2, 2]);
        const before = engine.counts();
        const out = await program.run({ x, y, v });
        expect(spent(before, engine.counts())).toMatchObject({ forward: 1, backward: 2, backwardImages: 10 });
        const expected = z.map((row, n) => {
          const p = softmax(row);
          const along = linear.weight.map((w) => w.reduce((sum, wi, i) => sum + wi * rowsOf(v)[n]![i]!, 0));
          const mean = p.reduce((sum, pk, k) => sum + pk * along[k]!, 0);
          return backThrough(
            linear,
            p.map((pk, k) => pk * (along[k]! - mean)),
          );
        });
        expectClose(numbers(out.hvp!), expected.flat(), FEW_OPERATIONS);
        await program.close();
      });

      it('leaves timers and signals their turn between runs', async () => {
        const program = await engine.compile(logitsProgram(linearModel()));
        let heard = false;
        const timer = setTimeout(() => {
          heard = true;
        }, 1);
        const end = performance.now() + 5000;
        while (!heard && performance.now() < end) await program.run({ x });
        clearTimeout(timer);
        expect(heard).toBe(true);
        await program.close();
      });

      it('takes any batch size in any order', async () => {
        const program = await engine.compile(classifierProgram(linearModel(), 'ce'));
        const first = await program.run({ x, y });
        const part = (t: Tensor, n: number): Tensor => ({
          ...t,
          shape: [n, ...t.shape.slice(1)],
          data: t.data.slice(0, (n * t.data.length) / t.shape[0]!) as Tensor['data'],
        });
        // A size that comes often may be treated otherwise from then on.
        for (const n of [5, 5, 2, 5, 5, 5, 2, 1, 2, 2, 2, 5]) {
          const out = await program.run({ x: part(x, n), y: part(y, n) });
          expectClose(numbers(out.gradient!), numbers(first.gradient!).slice(0, n * 4), FEW_OPERATIONS);
        }
        await program.close();
      });

      it('does not differentiate where it is not asked to', async () => {
        const program = await engine.compile(
          classifierProgram(linearModel(), 'ce', { differentiate: false }),
        );
        expect(Object.keys(await program.run({ x, y })).sort()).toEqual(['logits', 'loss']);
        await program.close();
      });
    });

    describe('on the MNIST net', () => {
      const model = mnistCnn.build(key(11));
      const x = random('digits', [4, 1, 28, 28], 0, 1);
      const y = labelsFor(4, 10);

      it('gives the gradient that differences of its own losses give', async () => {
        const program = await engine.compile(classifierProgram(model, 'ce'));
        const gradient = numbers((await program.run({ x, y })).gradient!);
        /**
         * A step that moves the images by 0.01 in all. Losses are computed from the logits in float64; the rounding of
         * logits, 1e-7, over the step is 1e-5, ReLUs that switch on the way cost a few 1e-3 of the slope.
         */
        const step = 0.005;
        const losses = async (direction: readonly number[], by: number) => {
          const moved = float32(
            Float32Array.from(numbers(x), (v, i) => v + by * direction[i]!),
            x.shape,
          );
          const { logits } = await program.run({ x: moved, y });
          return rowsOf(logits!).reduce((sum, row, n) => sum + crossEntropy(row, Number(y.data[n])), 0);
        };
        const norm = Math.hypot(...gradient);
        const noise = numbers(random('direction', x.shape));
        const length = Math.hypot(...noise);
        // Along the gradient the slope is its norm; along a mix with noise, every part of it counts.
        const mixed = gradient.map((g, i) => 0.8 * (g / norm) + 0.6 * (noise[i]! / length));
        for (const direction of [gradient.map((g) => g / norm), mixed]) {
          const slope = ((await losses(direction, step)) - (await losses(direction, -step))) / (2 * step);
          const expected = direction.reduce((sum, d, i) => sum + d * gradient[i]!, 0);
          expect(Math.abs(slope - expected) / norm).toBeLessThan(5e-3);
        }
        await program.close();
      });

      it('takes batches of any size, and treats each image by itself', async () => {
        const program = await engine.compile(classifierProgram(model, 'ce'));
        const whole = await program.run({ x, y });
        for (const [start, end] of [
          [0, 1],
          [1, 4],
        ] as const) {
          const part = await program.run({
            x: float32(x.data.slice(start * 784, end * 784), [end - start, 1, 28, 28]),
            y: int64(numbers(y).slice(start, end)),
          });
          for (const output of ['logits', 'loss', 'gradient']) {
            const expected = rowsOf(whole[output]!).slice(start, end).flat();
            expect(part[output]!.shape).toEqual([end - start, ...whole[output]!.shape.slice(1)]);
            // Another batch may sum in another order.
            expectClose(numbers(part[output]!), expected, FEW_OPERATIONS);
          }
        }
        await program.close();
      });

      it('gives the same bits again, from the same and from another session', async () => {
        const results = [];
        for (let session = 0; session < 2; session++) {
          const program = await engine.compile(classifierProgram(model, 'ce'));
          for (let run = 0; run < 2; run++) results.push(await program.run({ x, y }));
          await program.close();
        }
        for (const output of ['logits', 'loss', 'gradient'])
          expect(new Set(results.map((r) => bits(r[output]!))).size, output).toBe(1);
      });
    });

    it('counts passes and images, exactly', async () => {
      const model = linearModel();
      const feeds = (n: number): Values => ({ x: random(`x${n}`, [n, 1, 2, 2]), y: labelsFor(n, CLASSES) });
      const start = engine.counts();
      const logits = await engine.compile(logitsProgram(model));
      const gradient = await engine.compile(classifierProgram(model, 'ce'));
      const trainer = await engine.trainer({
        model,
        parameters: parameterNames(model),
        optimizer: { momentum: 0, weightDecay: 0 },
      });
      const update = await trainer.compileUpdate(
        classifierProgram(model, 'ce', { differentiate: false }).graph,
        'loss',
      );
      const current = await trainer.compile(logitsProgram(model));
      const compiled = engine.counts();
      expect(spent(start, compiled), 'compiling runs nothing').toEqual({
        forward: 0,
        backward: 0,
        forwardImages: 0,
        backwardImages: 0,
      });

      const expected = { forward: 0, backward: 0, forwardImages: 0, backwardImages: 0 };
      const pass = (n: number, backward: boolean) => {
        expected.forward += 1;
        expected.forwardImages += n;
        if (!backward) return;
        expected.backward += 1;
        expected.backwardImages += n;
      };
      for (const n of [1, 3]) {
        await logits.run({ x: feeds(n).x! });
        pass(n, false);
        await gradient.run(feeds(n));
        pass(n, true);
        await update.run({ ...feeds(n), learning_rate: scalar(0.1) });
        pass(n, true);
        await current.run({ x: feeds(n).x! });
        pass(n, false);
        expect(spent(compiled, engine.counts())).toEqual(expected);
      }
      for (const program of [logits, gradient]) await program.close();
      await trainer.close();
    });

    describe('refuses', () => {
      it.each<readonly [string, Values]>([
        ['images of another size', { x: random('a', [2, 1, 3, 2]), y: labelsFor(2, CLASSES) }],
        ['images of another rank', { x: random('b', [2, 4]), y: labelsFor(2, CLASSES) }],
        ['labels of another rank', { x: random('c', [2, 1, 2, 2]), y: int64([0, 1], [2, 1]) }],
        ['labels for another batch', { x: random('c', [2, 1, 2, 2]), y: labelsFor(3, CLASSES) }],
        ['data that is not of its shape', { x: float32([1, 2, 3], [2, 1, 2, 2]), y: labelsFor(2, CLASSES) }],
        ['a missing feed', { x: random('d', [2, 1, 2, 2]) }],
      ])('%s, naming what it got', async (_what, feeds) => {
        const program = await engine.compile(classifierProgram(linearModel(), 'ce'));
        const error = await refused(program.run(feeds));
        expect(error.code).toBe('E_SHAPE');
        expect(error.message).not.toContain('\n');
        expect(error.message).toMatch(/input [xy] /);
        // and goes on working
        const good = { x: random('e', [2, 1, 2, 2]), y: labelsFor(2, CLASSES) };
        expect((await program.run(good)).loss!.shape).toEqual([2]);
        await program.close();
      });

      it('parameters that the model does not have', async () => {
        const optimizer = { momentum: 0, weightDecay: 0 };
        const error = await refused(
          engine.trainer({ model: linearModel(), parameters: ['nothing'], optimizer }),
        );
        expect(error.message).toContain('"nothing"');
      });
    });

    trainingConformance(() => engine);
  });
}
