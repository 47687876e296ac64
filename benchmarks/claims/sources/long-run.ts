/** One run to the end and its audit, in one record: `gaat-mnist-20-epochs`. */
import { z } from 'zod';
import { type MethodName, methods } from '../../../src/train/index.ts';
import type { Accuracy } from '../found.ts';
import { dataNamed } from './names.ts';
import { originOf, source } from './source.ts';

const share = z.number().min(0).max(1);
const count = z.int().nonnegative();
const longRun = z.object({
  machine: z.object({ cpu: z.string(), cores: z.int().positive() }),
  recipe: z.looseObject({
    method: z.enum(Object.keys(methods) as [MethodName, ...MethodName[]]),
    model: z.string(),
    data: z.string(),
    epsilon: z.number().positive(),
  }),
  epochs: z.array(z.unknown()).min(1),
  clean: z.object({ accuracy: share, n: count }),
  attacks: z.array(
    z.object({
      name: z.string(),
      parameters: z.object({ steps: z.int().positive() }),
      robustAccuracy: share,
    }),
  ),
  verifier: z.object({ ok: z.literal(true) }),
});

export const longRunSource = source(
  'gaat-mnist-20-epochs',
  ({ benchmark, recipe, clean }) => benchmark !== undefined && recipe !== undefined && clean !== undefined,
  longRun,
  ({ machine, recipe, epochs, clean, attacks }, path) => {
    const data = dataNamed(recipe.data);
    if (!data) return {};
    const { method, model, epsilon } = recipe;
    const common = {
      ...{ origin: originOf(path, machine), method, model, data, epsilon },
      ...{ epochs: epochs.length, settings: recipe, n: clean.n },
    };
    const accuracies: Accuracy[] = [
      { ...common, attack: null, value: clean.accuracy },
      ...attacks.map(({ name, parameters: { steps }, robustAccuracy: value }) => ({
        ...common,
        ...{ attack: { name, steps }, value },
      })),
    ];
    return { accuracies };
  },
);
