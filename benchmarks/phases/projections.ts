/** Whole runs that were not made: what phases come to over the epochs that the papers train for. */
import type { MethodName } from '../../src/train/index.ts';
import type { Beds } from './bed.ts';
import { batchTime, isTold, projectSeconds, type Times, termsOf, type Work, workName } from './cost-model.ts';
import type { Measured, Projection } from './record.ts';

/** GAAT's tables 1, 2 and 4; `free` passes m times over the data in each of 200 ÷ m. */
export const EPOCHS = 200;

/** Images of an epoch: MNIST's, CIFAR's. */
const imagesOf = (model: string): number => (model === 'mnist-cnn' ? 60_000 : 50_000);

/** DEAT's replays grow with the run, and there is none of so many epochs; others' counts are told by a run only. */
export const isProjected = (method: MethodName): boolean =>
  method !== 'deat' && !isTold({ method, every: 1 });

/** What was measured of a piece of work, p50. @throws Error for what was not */
export function timesOf(rows: readonly Pick<Measured, keyof Work | 'p50'>[]): Times {
  const known = new Map(rows.map((r) => [workName(r), r.p50]));
  return (work) => {
    const found = known.get(workName(work));
    if (found === undefined) throw new Error(`${workName(work)} was not timed`);
    return found;
  };
}

/**
 * The runs of some methods on one network and engine; those of whose phases one failed are left out.
 *
 * @param rows of that network and engine
 */
export function projectionsOf(
  methods: readonly MethodName[],
  rows: readonly Measured[],
  beds: Pick<Beds, 'recipe'>,
): Projection[] {
  const [first] = rows;
  if (!first) return [];
  const { model, batch, engine, device } = first;
  const images = imagesOf(model);
  const times = timesOf(rows);
  const timed = new Set(rows.map(workName));
  const runs = methods.filter(isProjected).flatMap((method) => {
    const recipe = beds.recipe(method, EPOCHS);
    const own = termsOf(recipe, recipe.epochs);
    const all = [...own, ...termsOf(recipe, 1)];
    if (!all.every((term) => timed.has(workName(term)))) return [];
    const minutes = projectSeconds(recipe, images, times) / 60;
    return { method, epochs: recipe.epochs, minutes, batchMilliseconds: batchTime(own, times) };
  });
  const rat = runs.find(({ method }) => method === 'pgd')?.minutes;
  return runs.map((run) => ({
    ...{ projected: true as const, model, engine, device, batch, images, ...run },
    saving: rat === undefined || run.method === 'natural' ? null : 1 - run.minutes / rat,
  }));
}
