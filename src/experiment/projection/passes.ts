/**
 * How often a run and an audit go through the network, before they do. Where the data decide (samples that leave an attack once they
 * are broken, steps that a magnitude sets), it is the most that there can be.
 */
import type { Stage } from '../../eval/index.ts';
import type { RunRecipe } from '../../runs/run-options.ts';
import type { MethodName } from '../../train/index.ts';

/** Times through the network, each over one image (an audit) or one mini-batch (a run). */
export interface Passes {
  /** Forward alone. */
  readonly forwards: number;
  /** Forward and backward to the input. */
  readonly gradients: number;
  /** Forward, backward to the weights, and a step of them. */
  readonly updates: number;
}

const of = (gradients: number, updates = 1, forwards = 0): Passes => ({ gradients, updates, forwards });

/** The same as another number of things. */
export const times = ({ forwards, gradients, updates }: Passes, n: number): Passes => ({
  forwards: n * forwards,
  gradients: n * gradients,
  updates: n * updates,
});

export const add = (a: Passes, b: Passes): Passes => ({
  forwards: a.forwards + b.forwards,
  gradients: a.gradients + b.gradients,
  updates: a.updates + b.updates,
});

export const NONE: Passes = of(0, 0);

type Count = (recipe: RunRecipe, epoch: number) => Passes;

const everyStep: Count = ({ steps }) => of(steps);
/** f(x) is what the divergence is from. */
const withClean: Count = ({ steps }) => of(steps, 1, 1);
/** One step more per epoch, at the most. */
const rising: Count = ({ steps }, epoch) => of(Math.min(steps, epoch));
const risingWithClean: Count = (recipe, epoch) => ({ ...rising(recipe, epoch), forwards: 1 });
/** A gradient per other class that Δ is the minimum over. */
const enhanced: Count = ({ rivals, classes }) => of(rivals || classes - 1);
const approximated: Count = ({ hessian, probes }) => {
  if (hessian === 'diagonal') return of(1 + 2 * probes);
  return of(hessian === 'exact' ? 3 : 1);
};

/** A mini-batch of each method, by its epoch (from 1). */
const batches: Readonly<Record<MethodName, Count>> = {
  natural: () => of(0),
  pgd: everyStep,
  gaat: approximated,
  free: ({ replays }) => of(0, replays),
  fast: () => of(1),
  deat: ({ every }, epoch) => of(0, every > 0 ? Math.ceil(epoch / every) : epoch),
  'm-deat': (_, epoch) => of(0, epoch),
  dat: everyStep,
  'dat+gaat': approximated,
  trades: withClean,
  mart: everyStep,
  'm-pgd': rising,
  'm-trades': risingWithClean,
  'm-mart': rising,
  fat: everyStep,
  'f-trades': withClean,
  'f-mart': everyStep,
  efgsm: enhanced,
  'efgsm+reconstructor': enhanced,
  'efgsm+trades': enhanced,
};

/** @param epoch from 1 */
export function batchPasses(recipe: RunRecipe, epoch: number): Passes {
  const own = epoch - Math.round(recipe.naturalShare * recipe.epochs);
  return own > 0 ? batches[recipe.method](recipe, own) : of(0);
}

/**
 * A whole run, in passes of a mini-batch, its held-out images with it.
 *
 * @param images of an epoch
 */
export function runPasses(recipe: RunRecipe, images: number): Passes {
  const { epochs, batchSize, validation, validationSteps } = recipe;
  const epoch = (e: number) => times(batchPasses(recipe, e), images / batchSize);
  const heldOut = times(of(validationSteps, 0, 1), validation / batchSize);
  return Array.from({ length: epochs }, (_, e) => add(epoch(e + 1), heldOut)).reduce(add, NONE);
}

/** An image under an attack that does not break it. */
export function attackPasses({ attack, parameters, eot = 1 }: Stage, classes: number): Passes {
  const { steps = 1, restarts = 1, targets = 1, queries = 0 } = parameters;
  const tries = restarts * (attack.endsWith('-t') ? Math.min(targets, classes - 1) : 1);
  const perStep =
    attack === 'fab' || attack === 'deepfool' ? Math.min(classes, attack === 'fab' ? classes : 10) - 1 : 1;
  if (attack === 'noise') return of(0, 0, restarts);
  if (attack === 'square') return of(0, 0, queries);
  if (attack === 'gaat') return times(of(1, 0, 1 + restarts), eot);
  const further = attack === 'pgd-adp' ? 4 * steps : 1;
  return times(of(tries * steps * perStep, 0, tries * further), eot);
}
