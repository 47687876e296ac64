/** `result.json` of an audit: of a model that was trained here, with the settings of its training. */
import type { z } from 'zod';
import { RESULT_SCHEMA, type Result, resultSchema } from '../../../src/report/schema.ts';
import { isMethod } from '../../../src/train/index.ts';
import type { Accuracy } from '../found.ts';
import { dataNamed } from './names.ts';
import { originOf, source } from './source.ts';

const numberOf = (value: unknown, otherwise: number): number =>
  typeof value === 'number' ? value : otherwise;

/** Nothing where the claims of an attack were not confirmed, or where it did not finish. */
function accuraciesOf(result: Result, path: string): Accuracy[] {
  const { training, data, threat, environment, clean, robust, verifier } = result;
  const dataName = dataNamed(data.name);
  if (!training || !isMethod(training.method) || !dataName || threat.norm !== 'linf' || !verifier.ok)
    return [];
  const { limit } = training.recipe;
  const common = {
    ...{ origin: originOf(path, environment), method: training.method, data: dataName },
    ...{ model: String(training.recipe.model), epsilon: threat.epsilon, settings: training.recipe },
    epochs: training.epochs.length,
    ...(typeof limit === 'number' && { trainedOn: limit }),
  };
  const finished = result.attacks.filter((a) => a.error === undefined && !a.survivors);
  return [
    { ...common, attack: null, value: clean.accuracy, n: clean.n },
    ...finished.map(({ name, parameters, robustAccuracy }) => ({
      ...common,
      attack: { name, steps: numberOf(parameters.steps, 1) },
      ...{ value: robustAccuracy, n: robust.n },
    })),
  ];
}

/** Robust accuracies are of networks trained at the same ε as they are attacked with, as the papers' are. */
const trainedAt = (result: Result): boolean =>
  numberOf(result.training?.recipe.epsilon, result.threat.epsilon) === result.threat.epsilon;

export const auditSource = source(
  'audit',
  ({ schema }) => schema === RESULT_SCHEMA,
  resultSchema as z.ZodType<Result>,
  (result, path) => ({ accuracies: trainedAt(result) ? accuraciesOf(result, path) : [] }),
);
