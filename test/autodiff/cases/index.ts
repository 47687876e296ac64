import type { Case } from '../check.ts';
import { convolutions, meetings } from './conv.ts';
import { elementwise } from './elementwise.ts';
import { layout } from './layout.ts';
import { linear } from './linear.ts';
import { pools } from './pool.ts';

/** All cases, by what they are about. */
export const cases = {
  convolutions,
  meetings,
  pools,
  elementwise,
  linear,
  layout,
} as const satisfies Record<string, readonly Case[]>;
