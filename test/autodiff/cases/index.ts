import type { Case } from '../check.ts';
import { convolutions, meetings } from './conv.ts';
import { elementwise } from './elementwise.ts';
import { gathers } from './gather.ts';
import { layout } from './layout.ts';
import { linear } from './linear.ts';
import { pools } from './pool.ts';
import { quantised } from './quantised.ts';
import { resampled } from './resample.ts';

/** All cases, by what they are about. */
export const cases = {
  convolutions,
  meetings,
  pools,
  elementwise,
  linear,
  layout,
  gathers,
  resampled,
  quantised,
} as const satisfies Record<string, readonly Case[]>;
