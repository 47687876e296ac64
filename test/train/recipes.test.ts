/** The recipes' numbers against the papers', each written down again from where it stands. */
import { describe, expect, it } from 'vitest';
import { resolveRecipe, withRecipe } from '../../src/runs/run-options.ts';
import { methods, type RecipeName, type RecipeSettings, recipes } from '../../src/train/index.ts';
import { blank } from '../runs/blank.ts';

/** As a run would have it, in pixels of 255. */
function resolved(recipe: RecipeName) {
  const settings: RecipeSettings = recipes[recipe].settings;
  const data = blank(settings.model === 'mnist-cnn' ? [1, 28, 28] : [3, 32, 32]);
  return resolveRecipe(withRecipe({ recipe, data: 'blank.npz' }), data);
}
const names = Object.keys(recipes) as RecipeName[];
const named = (prefix: string) => names.filter((n) => n.startsWith(prefix));
const in255 = (v: number) => Math.round(v * 255 * 1000) / 1000;

describe('GAAT, §5.1: 200 epochs, SGD 0.9, 2e-4, 0.1 × 0.2 at 60, 120, 160', () => {
  it.each(named('gaat-paper/'))('%s', (name) => {
    expect(resolved(name)).toMatchObject({
      epochs: 200,
      momentum: 0.9,
      weightDecay: 2e-4,
      learningRate: 0.1,
      schedule: 'multistep',
      milestones: [60, 120, 160],
      gamma: 0.2,
      start: 'random',
    });
  });

  it.each(named('gaat-paper/cifar10'))('%s: {10, 1/255, 8/255}, 128', (name) => {
    const { steps, stepSize, epsilon, batchSize } = resolved(name);
    expect([steps, in255(stepSize), in255(epsilon), batchSize]).toEqual([10, 1, 8, 128]);
  });

  it.each(named('gaat-paper/mnist'))('%s: {100, 0.01, 0.1}, 512', (name) => {
    expect(resolved(name)).toMatchObject({ steps: 100, stepSize: 0.01, epsilon: 0.1, batchSize: 512 });
  });

  it('has a recipe for each row of tables 2 (CIFAR-10, MNIST) and 4', () => {
    const rows = (model: string) => named('gaat-paper/').filter((n) => resolved(n).model === model);
    for (const model of ['vgg16', 'resnet18', 'wrn-28-4', 'mnist-cnn'])
      expect(
        rows(model)
          .map((n) => resolved(n).method)
          .sort(),
      ).toEqual(['gaat', 'pgd']);
    const table4 = rows('resnet50').map((n) => `${resolved(n).method} ${resolved(n).earlyStop !== null}`);
    expect(table4.sort()).toEqual(
      ['dat', 'dat+gaat', 'gaat', 'pgd'].flatMap((m) => [`${m} false`, `${m} true`]).sort(),
    );
    for (const name of rows('resnet50'))
      expect(resolved(name).naturalShare * 200).toBe(resolved(name).method.startsWith('dat') ? 100 : 0);
  });
});

describe('DEAT, §5', () => {
  it.each(named('deat-paper/'))('%s: 128, SGD 0.9, 5e-4, ε = 8/255', (name) => {
    const { batchSize, momentum, weightDecay, epsilon } = resolved(name);
    expect([batchSize, momentum, weightDecay, in255(epsilon)]).toEqual([128, 0.9, 5e-4, 8]);
  });

  it.each([
    ['deat-paper/fast', 'm-deat', 11, 10],
    ['deat-paper/fast/wrn-34-10', 'm-deat', 11, 10],
    ['deat-paper/fast/deat-3', 'deat', 12, 10],
    ['deat-paper/fast/deat-40', 'deat', 11, 10],
    ['deat-paper/fast/deat-20-cifar100', 'deat', 11, 10],
    ['deat-paper/fast/free-4', 'free', 10, 8],
    ['deat-paper/fast/free-8', 'free', 10, 8],
    ['deat-paper/fast/pgd-7', 'pgd', 10, 2],
    ['deat-paper/fast/u-fgsm', 'fast', 10, 10],
  ] as const)('%s: FAST, %s, %i epochs, α = %i/255', (name, method, epochs, alpha) => {
    const recipe = resolved(name);
    expect(recipe).toMatchObject({ method, epochs, schedule: 'cyclic', learningRate: 0.1 });
    expect(in255(recipe.stepSize)).toBe(alpha);
  });

  it.each([
    ['deat-paper/standard', 'm-deat', 10, 1],
    ['deat-paper/standard/free-6', 'free', 8, 1],
    ['deat-paper/standard/pgd-7', 'pgd', 2, 7],
    ['deat-paper/standard/fat-5', 'fat', 2, 5],
    ['deat-paper/standard/trades', 'trades', 1.785, 10],
    ['deat-paper/standard/mart', 'mart', 1.785, 10],
    ['deat-paper/standard/f-trades', 'f-trades', 2, 10],
    ['deat-paper/standard/f-mart', 'f-mart', 2, 10],
    ['deat-paper/standard/m-pgd', 'm-pgd', 10, 7],
    ['deat-paper/standard/m-trades', 'm-trades', 10, 10],
    ['deat-paper/standard/m-mart', 'm-mart', 10, 10],
  ] as const)('%s: %s, α = %d/255, %i steps', (name, method, alpha, steps) => {
    const recipe = resolved(name);
    expect(recipe).toMatchObject({ method, steps });
    expect(in255(recipe.stepSize)).toBe(alpha);
  });

  it.each(named('deat-paper/standard'))('%s: 50 epochs, 0.05 decayed at 25 and 40, PGD-20 picks', (name) => {
    expect(resolved(name)).toMatchObject({
      model: 'preact-resnet18',
      epochs: 50,
      schedule: 'multistep',
      learningRate: 0.05,
      milestones: [25, 40],
      validationSteps: 20,
      earlyStop: 50,
    });
  });

  it('takes the rules’ numbers', () => {
    expect(resolved('deat-paper/fast/deat-3').every).toBe(3);
    expect(resolved('deat-paper/fast/deat-40')).toMatchObject({ every: 0, threshold: 0.4 });
    expect(resolved('deat-paper/fast/deat-20-cifar100')).toMatchObject({ every: 0, threshold: 0.2 });
    expect(resolved('deat-paper/fast').growth).toBe(1);
    for (const name of ['fast/wrn-34-10', 'standard', 'standard/m-pgd', 'standard/m-trades'] as const)
      expect(resolved(`deat-paper/${name}`).growth).toBe(1.01);
    for (const name of ['fat-5', 'f-trades', 'f-mart'] as const)
      expect(resolved(`deat-paper/standard/${name}`).patience).toBe(3);
    expect(resolved('deat-paper/standard/trades').beta).toBe(6);
    expect(resolved('deat-paper/standard/mart').lambda).toBe(5);
    const overfitting = resolved('deat-paper/overfitting');
    expect(overfitting).toMatchObject({
      epochs: 30,
      schedule: 'flat',
      learningRate: 0.05,
      stop: 'magnitude',
    });
    expect(in255(overfitting.stepSize)).toBe(12);
  });
});

describe('Free vs Fast, tables of §4 and §5', () => {
  it.each([2, 4, 8, 10] as const)('free, m = %i: 45 epochs', (m) => {
    expect(resolved(`free-vs-fast/free-${m}`)).toMatchObject({
      method: 'free',
      model: 'preact-resnet18',
      epochs: 45,
      replays: m,
    });
  });

  it.each([
    ['fast-10', 10, 128],
    ['fast-10-256', 10, 256],
    ['fast-16', 16, 128],
    ['fast-16-256', 16, 256],
  ] as const)('%s: α = %i/255, batches of %i, 45 epochs', (name, alpha, batchSize) => {
    const recipe = resolved(`free-vs-fast/${name}`);
    expect(recipe).toMatchObject({ method: 'fast', model: 'preact-resnet18', epochs: 45, batchSize });
    expect(in255(recipe.stepSize)).toBe(alpha);
  });
});

describe('eFGSM, §4.1 and table 1', () => {
  it.each([
    ['mnist', 'efgsm+reconstructor', 'mnist-cnn', 0.3, 268 / 6.7, 0.1],
    ['mnist-alone', 'efgsm', 'mnist-cnn', 0.3, 268 / 6.7, undefined],
    ['cifar10', 'efgsm+reconstructor', 'wrn-22-5', 8 / 255, 7095 / 141.9, 0.05],
    ['cifar10-alone', 'efgsm', 'wrn-22-5', 8 / 255, 7095 / 141.9, undefined],
  ] as const)('%s', (name, method, model, epsilon, epochs, lambda) => {
    const recipe = resolved(`efgsm-paper/${name}`);
    expect(recipe).toMatchObject({ method, model, epsilon, epochs: Math.round(epochs), decay: 0.95 });
    if (lambda !== undefined) expect(recipe.lambda).toBe(lambda);
    expect(recipe.smoothing).toBeGreaterThan(0);
  });
});

it('every recipe names a method, and says what it is and where it is from', () => {
  expect(names.length).toBeGreaterThan(40);
  for (const name of names) {
    expect(Object.keys(methods)).toContain(recipes[name].settings.method);
    expect(recipes[name].about.length * recipes[name].source.length).toBeGreaterThan(0);
  }
});
