import { TouchstoneError } from '../errors.ts';
import type { GraphBuilder, Value } from '../graph/index.ts';
import { classesOf } from './classes.ts';
import { crossEntropy } from './cross-entropy.ts';
import { dlr, targetedDlr } from './dlr.ts';
import { kl } from './kl.ts';
import { logit } from './logit.ts';
import type { Loss, LossInput, LossOptions } from './loss.ts';
import { margin, targetedMargin } from './margin.ts';

export const losses = {
  ce: crossEntropy,
  margin,
  'margin-targeted': targetedMargin,
  dlr,
  'dlr-targeted': targetedDlr,
  kl,
  logit,
} as const satisfies Record<string, Loss>;

export type LossName = keyof typeof losses;

/** The losses that need labels and nothing else: what attacks without a target ascend. */
export type LabelLoss = Exclude<LossName, 'dlr-targeted' | 'margin-targeted' | 'kl'>;

export const isLoss = (name: string): name is LossName => Object.hasOwn(losses, name);

/**
 * Appends a loss to a graph, with inputs of its own for what it reads: `y` and `target` int64 `[N]`, `q` float32 `[N, K]`.
 *
 * @param logits a value `[N, K]`
 * @returns the loss per sample, `[N]`
 * @throws E_UNSUPPORTED where there are too few classes for it
 */
export function appendLoss(b: GraphBuilder, name: LossName, logits: Value, options: LossOptions = {}): Value {
  const loss: Loss = losses[name];
  const classes = classesOf(b, logits);
  const least = loss.minClasses ?? 2;
  if (classes < least)
    throw new TouchstoneError(
      'E_UNSUPPORTED',
      `the ${name} loss of ${classes} classes`,
      `at least ${least}`,
      'use the margin loss',
    );
  const batch = b.shape(logits)[0]!;
  const inputs: Partial<Record<LossInput, Value>> = {};
  for (const port of loss.inputs)
    inputs[port] = port === 'q' ? b.input('q', 'float32', [batch, classes]) : b.input(port, 'int64', [batch]);
  return loss.build(b, logits, inputs as Record<LossInput, Value>, options);
}

export { bestOther, dotClasses, ownLogit } from './classes.ts';
export type { Loss, LossInput, LossOptions } from './loss.ts';
