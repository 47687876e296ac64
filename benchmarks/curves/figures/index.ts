/** The papers' figures that runs can be drawn as, in the order of papers and numbers. */
import { deat2, deat3Figure, deat4, deat5, deat6, deat7, deat8 } from './deat.ts';
import { efgsm2, efgsm3 } from './efgsm.ts';
import type { CurveSpec, Figure } from './figure.ts';
import { gaat1, gaat2 } from './gaat.ts';

export { type Column, type CurveSpec, type Figure, type Panel, VALIDATION_STEPS } from './figure.ts';

export const figures = {
  'gaat-1': gaat1,
  'gaat-2': gaat2,
  'deat-2': deat2,
  'deat-3': deat3Figure,
  'deat-4': deat4,
  'deat-5': deat5,
  'deat-6': deat6,
  'deat-7': deat7,
  'deat-8': deat8,
  'efgsm-2': efgsm2,
  'efgsm-3': efgsm3,
} as const satisfies Record<string, Figure>;

export type FigureName = keyof typeof figures;
export const FIGURE_NAMES = Object.keys(figures) as [FigureName, ...FigureName[]];

/** The runs of some figures, each once: a name is one run, whichever figures have it. */
export function runsOf(names: readonly FigureName[]): CurveSpec[] {
  const found = new Map<string, CurveSpec>();
  for (const run of names.flatMap((name): readonly CurveSpec[] => figures[name].runs))
    found.set(run.name, run);
  return [...found.values()];
}

/** What a person types to make a figure here. */
export const commandOf = (name: FigureName): string =>
  `touchstone bench curves --figures ${name} --epochs 5 --save curves-${name}`;
