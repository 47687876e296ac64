/** Every kind of record that claims are compared with, one file and one line each: of two that are as good, the earlier kind counts. */
import { auditSource } from './audit.ts';
import { curvesSource } from './curves.ts';
import { enginesSource } from './engines.ts';
import { gaatSource } from './gaat.ts';
import { learningSource } from './learning.ts';
import { longRunSource } from './long-run.ts';
import { methodsSource } from './methods.ts';
import { phasesSource } from './phases.ts';
import type { Source } from './source.ts';

export const sources: readonly Source[] = [
  methodsSource,
  longRunSource,
  learningSource,
  phasesSource,
  enginesSource,
  auditSource,
  gaatSource,
  curvesSource,
];
