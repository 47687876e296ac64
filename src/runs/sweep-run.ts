import { join } from 'node:path';
import { checkLabels, firstImages, loadData } from '../data/index.ts';
import type { Engine } from '../engine/index.ts';
import { TouchstoneError } from '../errors.ts';
import {
  type AttackName,
  assertFits,
  attacks,
  type Norm,
  type Preprocessing,
  type Sweep,
  sweep,
} from '../eval/index.ts';
import { tool, writeFilesAtomic } from '../io/index.ts';
import { key } from '../random/index.ts';
import type { SweepResult } from '../report/index.ts';
import { openModel } from './open-model.ts';
import {
  assertNew,
  classifierOf,
  dataRecord,
  environmentRecord,
  findingRecord,
  modelRecord,
} from './records.ts';

export interface SweepRunOptions {
  readonly model: string;
  /** As `--data` takes it. */
  readonly data: string;
  readonly norm: Norm;
  /** In pixel space. */
  readonly epsilons: readonly number[];
  readonly steps: readonly number[];
  /** As multiples of ε. */
  readonly stepSizes?: readonly number[];
  readonly restarts?: readonly number[];
  /** @default 'pgd' */
  readonly attack?: string;
  /** Images attacked, the first ones. @default 1000 */
  readonly limit?: number;
  /** Images that are attacked anew in every cell. @default 100 */
  readonly fresh?: number;
  /** What the model wants done to pixels in [0, 1] first. @default nothing */
  readonly preprocessing?: Preprocessing;
  /** Which output of the model to read. @default the first that is a score per class */
  readonly output?: string;
  readonly seed: number;
  readonly engine: Engine;
  /** Where sweep.json and sweep.html go. */
  readonly out?: string;
  readonly commandLine: readonly string[];
  readonly onProgress?: (stage: string, fraction: number) => void;
  readonly signal?: AbortSignal;
}

const FILES = ['sweep.json', 'sweep.html'] as const;

/**
 * Sweeps a model file over radii and settings of an attack. Everything is read first, so that a wrong request fails before
 * any work; files are written at the end, both at once.
 *
 * @throws TouchstoneError as the parts do; nothing is written then
 */
export async function sweepRun(options: SweepRunOptions): Promise<SweepResult> {
  const started = performance.now();
  const attack = attackNamed(options.attack ?? 'pgd');
  if (options.out) await assertNew(options.out, FILES);
  const data = await loadData(options.data, 'test');
  const opened = await openModel(options.model, {
    threads: options.engine.threads,
    image: data.shape,
    ...(options.output === undefined ? {} : { output: options.output }),
    ...(options.preprocessing ? { preprocessing: options.preprocessing } : {}),
  });
  try {
    const { card } = opened.subject;
    assertFits(card.input, data.shape);
    checkLabels(data, card.classes);
    const images = firstImages(data, options.limit ?? 1000);
    const { norm, epsilons, steps, stepSizes, restarts, fresh, onProgress, signal } = options;
    const swept = await sweep({
      classifier: classifierOf(options.engine, opened),
      oracle: opened.oracle,
      counts: options.engine.counts,
      x: { data: images.x, shape: images.shape },
      y: images.y,
      norm,
      epsilons,
      steps,
      ...(stepSizes && { stepSizes }),
      ...(restarts && { restarts }),
      attack,
      ...(fresh !== undefined && { fresh }),
      key: key(options.seed).fold('sweep'),
      maxBatch: opened.fixedBatch ?? 256,
      ...(onProgress && { onProgress }),
      ...(signal && { signal }),
    });
    const { parseSweep, renderSweep } = await import('../report/index.ts');
    const result = parseSweep({
      ...resultOf(swept),
      tool: tool(),
      createdAt: new Date().toISOString(),
      seed: options.seed,
      commandLine: [...options.commandLine],
      model: modelRecord(options.model, opened, options.preprocessing),
      data: dataRecord(data),
      environment: environmentRecord(options.engine),
      seconds: (performance.now() - started) / 1000,
    });
    if (options.out) await write(options.out, result, renderSweep(result));
    return result;
  } finally {
    await opened.close();
  }
}

/** @throws E_OPTION for one that does not exist; the sweep refuses those that cannot be swept */
function attackNamed(name: string): AttackName {
  const found = (Object.keys(attacks) as AttackName[]).find((known) => known === name);
  if (found) return found;
  throw new TouchstoneError('E_OPTION', `unknown attack "${name}"`, Object.keys(attacks).join(', '));
}

const resultOf = ({ attack, norm, n, correct, fresh, cells, findings }: Sweep) => ({
  schema: 'touchstone-sweep/1' as const,
  attack,
  norm,
  n,
  correct,
  sampled: fresh,
  cells: cells.map(({ setting, standing, ...cell }) => ({
    ...cell,
    ...setting,
    standing,
    robustAccuracy: n === 0 ? 0 : standing / n,
  })),
  findings: findings.map(findingRecord),
});

const write = (out: string, result: SweepResult, html: string): Promise<void> =>
  writeFilesAtomic(
    new Map([
      [join(out, FILES[0]), `${JSON.stringify(result, null, 2)}\n`],
      [join(out, FILES[1]), html],
    ]),
  );
