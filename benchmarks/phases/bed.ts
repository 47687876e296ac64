/** Where phases run: a network under training, set up as a run of the method has it. */
import { architectures } from '../../models/index.ts';
import { type DataSet, dataSet } from '../../src/data/index.ts';
import type { Engine, Trainer, TrainingState } from '../../src/engine/index.ts';
import { integers, key } from '../../src/random/index.ts';
import { resolveRecipe } from '../../src/runs/run-options.ts';
import { type RunOptions, type RunRecipe, trainOptionsOf } from '../../src/runs/train-run.ts';
import { builtTrainee, type Trainee } from '../../src/runs/trainee.ts';
import {
  type EngineLearner,
  learnerOf,
  type Method,
  type MethodName,
  methods,
  noState,
  openTrainer,
  type StepArguments,
  type TrainOptions,
} from '../../src/train/index.ts';
import { common, settings } from '../methods/settings.ts';

const EPSILON = { grey: common.epsilon, colour: 8 / 255 } as const;

/** Images of a network's size, of random bytes, with ten labels. */
export function randomImages(model: string, n: number): DataSet {
  const { input } = architectures[model]!;
  const size = input.reduce((a, b) => a * b, 1);
  const images = Uint8Array.from(integers(key(1), n * size, 256));
  const labels = Int32Array.from({ length: n }, (_, i) => i % 10);
  const shape = input as DataSet['shape'];
  return dataSet({
    name: 'random',
    split: 'train',
    images,
    labels,
    shape,
    sourceLayout: 'nchw',
    classes: 10,
  });
}

/**
 * What a method is told: `bench methods`' settings; with coloured images their radius, α in proportion, and augmentation.
 *
 * @param more what else there is to say: epochs, a limit
 */
export function recipeOf(
  method: MethodName,
  data: DataSet,
  { model, batchSize, ...more }: RunOptions & Required<Pick<RunOptions, 'model' | 'batchSize'>>,
): RunRecipe {
  const own = settings[method].options;
  const grey = data.shape[0] === 1;
  const epsilon = grey ? EPSILON.grey : EPSILON.colour;
  const { mean, std, ...shared } = common;
  const given: RunOptions = {
    ...shared,
    ...(grey ? { mean, std } : { augment: true }),
    ...own,
    ...(own.stepSize !== undefined && { stepSize: (own.stepSize * epsilon) / common.epsilon }),
    ...{ method, model, data: data.name, batchSize, epsilon },
    ...more,
  };
  return resolveRecipe(given, data);
}

/** One network on one engine, and the images that it is shown. */
export interface Site {
  readonly engine: Engine;
  readonly model: string;
  readonly data: DataSet;
  readonly batch: number;
}

/** Methods whose updates are compiled alike share a network. */
function kindOf(method: MethodName, { smoothing, beta, lambda }: RunRecipe): string {
  const { companion, defaults }: Method = methods[method];
  const own = { smoothing, ...('beta' in defaults && { beta }), ...('lambda' in defaults && { lambda }) };
  return JSON.stringify({ companion, ...own });
}

/** Values by the names that there are here. */
const shared = <V>(own: ReadonlyMap<string, V>, theirs: ReadonlyMap<string, V>): Map<string, V> =>
  new Map([...own].map(([name, value]) => [name, theirs.get(name) ?? value]));

export class Bed {
  readonly #trainer: Trainer;
  readonly #learner: EngineLearner;
  #state: TrainingState;

  constructor(trainer: Trainer, learner: EngineLearner) {
    this.#trainer = trainer;
    this.#learner = learner;
    this.#state = trainer.state();
  }

  get learner(): EngineLearner {
    return this.#learner;
  }

  get state(): TrainingState {
    return this.#state;
  }

  /** As after an update: what the engine keeps of the weights is stale. They stay what they are. */
  renew(): void {
    this.#trainer.restore(this.#state);
  }

  /** Takes over what a run has come to, as far as it trains the same. */
  adopt({ parameters, velocities }: TrainingState): void {
    const own = this.#state;
    this.#state = {
      parameters: shared(own.parameters, parameters),
      velocities: shared(own.velocities, velocities),
    };
    this.renew();
  }

  close(): Promise<void> {
    return this.#trainer.close();
  }
}

/** The beds of a site, opened when first asked for. */
export class Beds {
  readonly #site: Site;
  readonly #open = new Map<string, Promise<Bed>>();
  #trainee: Trainee | undefined;

  constructor(site: Site) {
    this.#site = site;
  }

  /** @param epochs that are paid for. @default one */
  recipe(method: MethodName, epochs = 1): RunRecipe {
    const { data, model, batch } = this.#site;
    return recipeOf(method, data, { model, batchSize: batch, epochs, validation: 0 });
  }

  bedOf(method: MethodName): Promise<Bed> {
    const recipe = this.recipe(method);
    const kind = kindOf(method, recipe);
    const bed = this.#open.get(kind) ?? this.#opened(recipe);
    this.#open.set(kind, bed);
    return bed;
  }

  /** @param steps T, where that is not the method's own */
  async argumentsOf(method: MethodName, steps?: number): Promise<StepArguments> {
    const recipe = this.recipe(method);
    const { learner } = await this.bedOf(method);
    const { data, method: spec, settings: given, key: own } = this.#options(recipe);
    const indices = Uint32Array.from({ length: this.#site.batch }, (_, i) => i);
    const { x, y } = data.batch(indices);
    const image = x.shape.slice(1);
    const context = { ...given, samples: data.n, batches: Math.ceil(data.n / given.batchSize), image };
    return {
      ...{ learner, x, y, indices, epoch: 0, threat: given.threat, options: given.options },
      ...{ steps: steps ?? given.steps, stepSize: given.stepSize },
      state: spec.begin?.(context) ?? noState(),
      key: own.fold('method'),
    };
  }

  async close(): Promise<void> {
    for (const bed of this.#open.values()) await (await bed).close();
    this.#open.clear();
  }

  async #opened(recipe: RunRecipe): Promise<Bed> {
    const options = this.#options(recipe);
    const trainer = await openTrainer(options);
    return new Bed(trainer, await learnerOf(options, trainer));
  }

  #options(recipe: RunRecipe): TrainOptions {
    const { engine, data } = this.#site;
    this.#trainee ??= builtTrainee(recipe, data.shape);
    return { engine, ...trainOptionsOf(recipe, data, this.#trainee) };
  }
}
