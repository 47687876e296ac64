/** When a run ends before its time. */
import { distanceStop } from './distance.ts';
import { magnitudeStop } from './magnitude.ts';
import { pgdStop } from './pgd.ts';
import type { StopRule } from './rule.ts';

export type { StopRule } from './rule.ts';

/** All rules by the name that `--stop` takes. */
export const stopRules = {
  pgd: pgdStop,
  magnitude: magnitudeStop,
  distance: distanceStop,
} as const satisfies Record<string, StopRule>;

export type StopRuleName = keyof typeof stopRules;

export const isStopRule = (name: string): name is StopRuleName => Object.hasOwn(stopRules, name);
