/** What a record's runs are as the lines of a panel. */
import type { Series } from '../../src/report/figures/plot.ts';
import type { Column, Panel } from './figures/index.ts';
import type { CurveEpoch, CurveRun } from './record.ts';

/** A column of an epoch, in the unit that it is drawn in. */
const COLUMNS: Readonly<Record<Column, (epoch: CurveEpoch) => number | null>> = {
  residual: (e) => e.residualAfter ?? e.residual,
  l_X: (e) => e.gradientL1PerImage,
  robust: (e) => e.validationRobustAccuracy,
  loss: (e) => e.loss,
  '#BP': (e) => e.backwardPasses / e.batches,
};

export const AXES: Readonly<Record<Column, string>> = {
  residual: 'R(x, δ)',
  l_X: 'l_X per image',
  robust: 'correct under PGD-20, %',
  loss: 'training loss',
  '#BP': '#BP per mini-batch',
};

const pointsOf = (run: CurveRun, panel: Panel): Series['points'] => {
  switch (panel.kind) {
    case 'epochs':
      return run.epochs.flatMap((e) => {
        const y = COLUMNS[panel.column](e);
        return y === null ? [] : [{ x: e.epoch, y }];
      });
    case 'sweep':
      return (run.sweep?.[panel.over === 'steps' ? 'steps' : 'epsilons'] ?? []).map((p) => ({
        x: panel.over === 'steps' ? p.steps : p.epsilon,
        y: p.robustAccuracy,
      }));
    case 'ends': {
      const robust = run.epochs.at(-1)?.validationRobustAccuracy ?? null;
      const passes = run.epochs.reduce((sum, e) => sum + e.backwardPasses, 0);
      return run.state !== 'done' || robust === null ? [] : [{ x: passes, y: 1 - robust }];
    }
  }
};

/** The lines of a panel, of the runs that have something to show. */
export const seriesOf = (runs: readonly CurveRun[], panel: Panel): Series[] =>
  panel.runs.flatMap((name) => {
    const run = runs.find((r) => r.name === name);
    const points = run ? pointsOf(run, panel) : [];
    return points.length === 0 ? [] : [{ name: run!.label, points }];
  });
