import { firstImages, loadData } from '../data/index.ts';
import { TouchstoneError } from '../errors.ts';
import { type AttackName, attacks, type Norm, type Sweep, sweep } from '../eval/index.ts';
import { key } from '../random/index.ts';
import type { SweepResult } from '../report/index.ts';
import { type AttackRunOptions, openFor, originOf, USUAL_LIMIT, writePage } from './attack-run.ts';
import { assertNew, classifierOf, findingRecord, modelRecord } from './records.ts';

/** `out` gets sweep.json and sweep.html. */
export interface SweepRunOptions extends AttackRunOptions {
  readonly model: string;
  readonly norm: Norm;
  /** In pixel space. */
  readonly epsilons: readonly number[];
  readonly steps: readonly number[];
  /** As multiples of ε. */
  readonly stepSizes?: readonly number[];
  readonly restarts?: readonly number[];
  /** @default 'pgd' */
  readonly attack?: string;
  /** Images that are attacked anew in every cell. @default 100 */
  readonly fresh?: number;
  /** Which output of the model to read. @default the first that is a score per class */
  readonly output?: string;
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
  const opened = await openFor(data, options.model, options);
  try {
    const images = firstImages(data, options.limit ?? USUAL_LIMIT);
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
      ...originOf(options, data, started),
      model: modelRecord(options.model, opened, options.preprocessing),
    });
    if (options.out) await writePage(options.out, FILES, result, renderSweep(result));
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
