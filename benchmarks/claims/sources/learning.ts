/** `npm run test:learning`: what every method learns of MNIST in a few epochs. */
import { z } from 'zod';
import { type MethodName, methods } from '../../../src/train/index.ts';
import type { Accuracy } from '../found.ts';
import { dataNamed } from './names.ts';
import { originOf, source } from './source.ts';

const share = z.number().min(0).max(1);
const learning = z.object({
  record: z.literal('learning'),
  pgd20: z.object({ epsilon: z.number().positive(), steps: z.int().positive() }),
  runs: z.array(
    z.object({
      method: z.enum(Object.keys(methods) as [MethodName, ...MethodName[]]),
      judgedOn: z.int().positive(),
      options: z.looseObject({ model: z.string(), data: z.string() }),
      epochs: z.array(z.object({ natural: share, pgd20: share })).min(1),
      machine: z.object({ cpu: z.string(), cores: z.int().positive() }),
    }),
  ),
});

type Run = z.infer<typeof learning>['runs'][number];

function accuraciesOf(run: Run, pgd20: z.infer<typeof learning>['pgd20'], path: string): Accuracy[] {
  const { method, judgedOn: n, options, epochs, machine } = run;
  const data = dataNamed(options.data);
  if (!data) return [];
  const common = {
    ...{ origin: originOf(path, machine), method, model: options.model, data, settings: options, n },
    ...{ epsilon: pgd20.epsilon, epochs: epochs.length },
  };
  const last = epochs.at(-1)!;
  return [
    { ...common, attack: null, value: last.natural },
    { ...common, attack: { name: 'pgd', steps: pgd20.steps }, value: last.pgd20 },
  ];
}

export const learningSource = source(
  'learning',
  ({ record }) => record === 'learning',
  learning,
  ({ pgd20, runs }, path) => ({ accuracies: runs.flatMap((run) => accuraciesOf(run, pgd20, path)) }),
);
