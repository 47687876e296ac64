import { crossEntropy } from './cross-entropy.ts';
import type { Loss } from './loss.ts';
import { margin } from './margin.ts';

export const losses = {
  ce: crossEntropy,
  margin,
} as const satisfies Record<string, Loss>;

export type LossName = keyof typeof losses;

export const isLoss = (name: string): name is LossName => Object.hasOwn(losses, name);

export type { Loss } from './loss.ts';
