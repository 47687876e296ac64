/** Trains what figures are drawn of, and gathers it. */
import {
  type Controls,
  headOf,
  inPlace,
  type NamedRun,
  namedRuns,
  type Place,
  runOf,
  standingOf,
  workOff,
} from '../runs/runs.ts';
import {
  type CurveSpec,
  type FigureName,
  figures,
  type Panel,
  runsOf,
  VALIDATION_STEPS,
} from './figures/index.ts';
import { LOOKED, lookAtPgd, readCurves, sweepRun } from './looks.ts';
import type { CurvesOptions } from './options.ts';
import type { CurveEpoch, CurveRun, CurvesRecord } from './record.ts';

type Run = NamedRun<CurveSpec>;

export interface CurvesControls extends Controls {
  /** After every run, with all that is known by then. */
  readonly onRecord?: (record: CurvesRecord) => Promise<void>;
}

/** Runs that a panel of the kind is drawn of. */
const inPanels = (names: readonly FigureName[], kind: Panel['kind']): Set<string> =>
  new Set(
    names.flatMap((name) =>
      (figures[name].panels as readonly Panel[]).filter((p) => p.kind === kind).flatMap((p) => p.runs),
    ),
  );

/**
 * @returns the record; a run that cannot be trained is in it with the reason
 * @throws TouchstoneError where the request is wrong, before any work; AbortError at the signal
 */
export async function benchCurves(options: CurvesOptions, controls: CurvesControls): Promise<CurvesRecord> {
  const specs = runsOf(options.figures).map((spec) => ({
    ...spec,
    options: { ...spec.options, epochs: options.epochs * (spec.epochsTimes ?? 1) },
  }));
  return inPlace(options, async (place) => {
    const runs = await namedRuns<CurveSpec>(specs, options, VALIDATION_STEPS);
    const failures = await trainAndLook(runs, options, controls, place);
    return recordOf(options, runs, { ...place, failures });
  });
}

/** @returns the reasons of failures, by name */
function trainAndLook(
  runs: readonly Run[],
  options: CurvesOptions,
  controls: CurvesControls,
  place: Place,
): Promise<ReadonlyMap<string, string>> {
  const { progress, signal } = controls;
  const { train, test, engine } = place;
  const { attacked } = options;
  const isSwept = inPanels(options.figures, 'sweep');
  return workOff(runs, controls, {
    onEpoch: async (run, { epoch }) => {
      if (run.recipe.method === 'pgd')
        await lookAtPgd(run.dir, (await standingOf(run)).run!, epoch, { engine, train });
    },
    onTrained: async (run, found) => {
      const onProgress = (fraction: number) => progress.update(`${run.spec.name}, sweep`, fraction);
      if (isSwept.has(run.spec.name))
        await sweepRun(run.dir, found, { ...{ engine, test, attacked, signal, onProgress } });
    },
    onDone: async (run) => {
      progress.line(`${run.spec.name}: ${(await standingOf(run)).epochs.length} epochs`);
      await controls.onRecord?.(await recordOf(options, runs, { ...place, failures: new Map() }));
    },
  });
}

interface Known extends Place {
  readonly failures: ReadonlyMap<string, string>;
}

async function recordOf(options: CurvesOptions, runs: readonly Run[], known: Known): Promise<CurvesRecord> {
  const found: CurveRun[] = [];
  for (const run of runs) found.push(await curveOf(run, known));
  return {
    benchmark: 'curves',
    ...(await headOf(options, runs, known.engine)),
    attacked: Math.min(options.attacked, known.test.n),
    looked: Math.min(LOOKED, known.train.n),
    figures: [...options.figures],
    runs: found,
  };
}

async function curveOf(run: Run, { train, failures }: Known): Promise<CurveRun> {
  const standing = await standingOf(run);
  const { sights, sweep } = await readCurves(run.dir);
  const images = train.n - run.recipe.validation;
  const failure = standing.failure ?? failures.get(run.spec.name) ?? null;
  const state = failure !== null ? 'failed' : standing.isTrained ? 'done' : 'pending';
  const epochs = standing.epochs.map((e): CurveEpoch => {
    const seen = sights[e.epoch];
    const perImage = e.gradientL1 === null ? null : e.gradientL1 / images;
    return {
      ...e,
      residualAfter: seen?.residual ?? null,
      gradientL1PerImage: perImage ?? seen?.gradientL1 ?? null,
    };
  });
  return {
    ...runOf(run, { ...standing, failure }, state),
    epsilon: run.recipe.epsilon,
    images,
    epochs,
    sweep,
  };
}
