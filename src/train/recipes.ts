/** Named settings of a run: what a paper, or the demo, was made with. */

/** Plain values, so that a recipe is data: a part of `RunOptions` in src/runs. */
export interface Recipe {
  readonly about: string;
  readonly source: string;
  readonly settings: RecipeSettings;
}

export interface RecipeSettings {
  readonly method: string;
  readonly model: string;
  readonly data?: string;
  readonly epochs: number;
  readonly batchSize: number;
  readonly epsilon: number;
  readonly steps: number;
  readonly stepSize: number;
  readonly start: string;
  readonly hessian: string;
  readonly learningRate: number;
  readonly schedule: string;
  readonly milestones?: readonly number[];
  readonly gamma?: number;
  readonly peak?: number;
  readonly warmup: number;
  readonly momentum: number;
  readonly weightDecay: number;
  readonly augment: boolean;
  readonly mean?: readonly number[];
  readonly std?: readonly number[];
}

/** GAAT paper, §5.1. */
const gaatPaper = {
  method: 'gaat',
  epochs: 200,
  start: 'random',
  hessian: 'gauss-newton',
  learningRate: 0.1,
  schedule: 'multistep',
  milestones: [60, 120, 160],
  gamma: 0.2,
  warmup: 0,
  momentum: 0.9,
  weightDecay: 2e-4,
} as const;

export const recipes = {
  'gaat-paper/mnist': {
    about: 'GAAT on MNIST. With default initialisation this rate may stay at chance: a warm-up helps',
    source: 'Gong, arXiv:2309.09464, §5.1',
    settings: {
      ...gaatPaper,
      model: 'mnist-cnn',
      data: 'mnist',
      batchSize: 512,
      epsilon: 0.1,
      steps: 100,
      stepSize: 0.01,
      augment: false,
    },
  },
  'gaat-paper/cifar10-resnet18': {
    about: 'GAAT on CIFAR-10 (--data cifar10:DIR)',
    source: 'Gong, arXiv:2309.09464, §5.1',
    settings: {
      ...gaatPaper,
      model: 'resnet18',
      batchSize: 128,
      epsilon: 8 / 255,
      steps: 10,
      stepSize: 1 / 255,
      augment: true,
    },
  },
  demo: {
    about: 'GAAT on MNIST in about a minute on two cores',
    source: 'found by experiment: 98.7–98.8 % natural, 91–94 % under PGD-40, six seeds',
    // Without the normalisation one seed of five stays at chance. With T·α far beyond 2ε, as in {100, 0.01, 0.1}, a random
    // start has no effect and PGD-40 accuracy varies from 81 to 94 % with the seed; so 1.25·ε, the paper's on CIFAR-10.
    settings: {
      method: 'gaat',
      model: 'mnist-cnn',
      data: 'mnist',
      epochs: 2,
      batchSize: 128,
      epsilon: 0.1,
      steps: 10,
      stepSize: 0.0125,
      start: 'random',
      hessian: 'gauss-newton',
      learningRate: 0.1,
      schedule: 'cyclic',
      peak: 0.4,
      warmup: 0,
      momentum: 0.9,
      weightDecay: 2e-4,
      augment: false,
      mean: [0.1307],
      std: [0.3081],
    },
  },
} as const satisfies Record<string, Recipe>;

export type RecipeName = keyof typeof recipes;

export const isRecipe = (name: string): name is RecipeName => Object.hasOwn(recipes, name);
