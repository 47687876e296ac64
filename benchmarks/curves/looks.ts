/** What is measured of a run beside its history, kept in its folder: `curves.json`. */
import { join } from 'node:path';
import fs from 'fs-extra';
import { z } from 'zod';
import { type DataSet, firstImages } from '../../src/data/index.ts';
import type { Engine } from '../../src/engine/index.ts';
import { filePredictor } from '../../src/engine/onnxruntime/index.ts';
import { TouchstoneError } from '../../src/errors.ts';
import { engineClassifier, type SweepCell, sweep } from '../../src/eval/index.ts';
import { readModelFile, writeFileAtomic } from '../../src/io/index.ts';
import { key } from '../../src/random/index.ts';
import type { RunRecord } from '../../src/runs/train-run.ts';
import { openLearner, pgdSight } from '../gaat/lens.ts';
import { type CurveRun, curvesRecord } from './record.ts';

/** Training images that PGD is looked at on. */
export const LOOKED = 256;
/** Of the attacks that sweep: steps at the radius of training; radii, in units of it. */
const SWEPT = { steps: [1, 2, 5, 10, 20, 50, 100], radii: [0.25, 0.5, 0.75, 1, 1.25, 1.5, 2, 3] } as const;
/** PGD's steps where the radius varies. */
const RADIUS_STEPS = 20;

const sight = z.object({ residual: z.number(), gradientL1: z.number() });
const swept = curvesRecord.shape.runs.element.shape.sweep.unwrap();
const curvesFile = z.object({
  schema: z.literal('touchstone-bench-curves/1'),
  sights: z.record(z.string(), sight).describe('by epoch'),
  sweep: swept.nullable(),
});
export type CurvesFile = z.infer<typeof curvesFile>;

const fileOf = (dir: string): string => join(dir, 'curves.json');

/** @throws E_DATA for a file that is something else */
export async function readCurves(dir: string): Promise<CurvesFile> {
  const path = fileOf(dir);
  if (!(await fs.pathExists(path))) return { schema: 'touchstone-bench-curves/1', sights: {}, sweep: null };
  const parsed = curvesFile.safeParse(await fs.readJson(path).catch(() => undefined));
  if (parsed.success) return parsed.data;
  throw new TouchstoneError('E_DATA', `${path} is damaged`, 'the file as it was written', 'remove it');
}

const write = (dir: string, content: CurvesFile): Promise<void> =>
  writeFileAtomic(fileOf(dir), `${JSON.stringify(content)}\n`);

/** Looks at PGD's own steps in the network as it is after an epoch. */
export async function lookAtPgd(
  dir: string,
  { model, recipe }: RunRecord,
  epoch: number,
  { engine, train }: { readonly engine: Engine; readonly train: DataSet },
): Promise<void> {
  const { x, y, shape } = firstImages(train, Math.min(train.n, LOOKED));
  const { learner, close } = await openLearner(engine, model, recipe.classes);
  try {
    const { epsilon, steps, stepSize } = recipe;
    const seen = await pgdSight(learner, {
      ...{ x: { data: x, shape }, y, epsilon, steps, stepSize },
      key: key(recipe.seed).fold('curves', epoch),
    });
    const known = await readCurves(dir);
    await write(dir, { ...known, sights: { ...known.sights, [epoch]: seen } });
  } finally {
    await close();
  }
}

interface SweepRequest {
  readonly engine: Engine;
  readonly test: DataSet;
  readonly attacked: number;
  readonly signal: AbortSignal;
  readonly onProgress: (fraction: number) => void;
}

/** Attacks a trained run over steps and over radii; what is there of the same file and images stays. */
export async function sweepRun(dir: string, run: RunRecord, request: SweepRequest): Promise<void> {
  const { engine, test, attacked, signal, onProgress } = request;
  const known = await readCurves(dir);
  const { sha256 } = await readModelFile(run.checkpoint);
  const n = Math.min(attacked, test.n);
  if (known.sweep?.checkpoint === sha256 && known.sweep.n === n) return;
  const { x, y, shape } = firstImages(test, n);
  const { epsilon, classes, seed } = run.recipe;
  const oracle = await filePredictor(run.checkpoint, { threads: engine.threads });
  const grid = async (epsilons: readonly number[], steps: readonly number[], done: number) => {
    const { cells } = await sweep({
      ...{ classifier: engineClassifier(engine, run.model, { classes }), oracle, counts: engine.counts },
      ...{ x: { data: x, shape }, y, norm: 'linf' as const, epsilons, steps, fresh: 0, signal },
      key: key(seed).fold('curves', 'sweep'),
      onProgress: (_, fraction) => onProgress(done + fraction / 2),
    });
    return cells.map((cell) => pointOf(cell, n));
  };
  try {
    const radii = SWEPT.radii.map((r) => Math.min(1, r * epsilon));
    const found: NonNullable<CurveRun['sweep']> = {
      ...{ attack: 'pgd', n, checkpoint: sha256 },
      steps: await grid([epsilon], SWEPT.steps, 0),
      epsilons: await grid([0, ...new Set(radii)], [RADIUS_STEPS], 0.5),
    };
    await write(dir, { ...known, sweep: found });
  } finally {
    await oracle.close();
  }
}

const pointOf = ({ setting, epsilon, standing }: SweepCell, n: number) => ({
  ...{ steps: setting.steps, epsilon, robustAccuracy: standing / n },
});
