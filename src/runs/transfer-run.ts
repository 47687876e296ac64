import { basename, join } from 'node:path';
import { checkLabels, type DataSet, firstImages, loadData } from '../data/index.ts';
import type { Engine } from '../engine/index.ts';
import { TouchstoneError } from '../errors.ts';
import {
  type AttackParameters,
  assertFits,
  type Preprocessing,
  type Threat,
  type Transfer,
  transfer,
} from '../eval/index.ts';
import { tool, writeFilesAtomic } from '../io/index.ts';
import { key } from '../random/index.ts';
import type { TransferResult } from '../report/index.ts';
import { attackNames, stagesOf } from './audit-stages.ts';
import { type OpenModel, openModel } from './open-model.ts';
import {
  assertNew,
  classifierOf,
  dataRecord,
  environmentRecord,
  findingRecord,
  modelRecord,
} from './records.ts';

export interface TransferRunOptions {
  /** Files that examples are tried on. They are sources, too, for comparison. */
  readonly targets: readonly string[];
  /** Files that examples are made on. */
  readonly sources: readonly string[];
  /** As `--data` takes it. */
  readonly data: string;
  readonly threat: Threat;
  /** @default PGD on the cross-entropy and on the margin */
  readonly attacks?: readonly string[];
  readonly parameters?: AttackParameters;
  /** Images attacked, the first ones. @default 1000 */
  readonly limit?: number;
  /** What all the models want done to pixels in [0, 1] first. @default nothing */
  readonly preprocessing?: Preprocessing;
  readonly seed: number;
  readonly engine: Engine;
  /** Where transfer.json and transfer.html go. */
  readonly out?: string;
  readonly commandLine: readonly string[];
  readonly onProgress?: (stage: string, fraction: number) => void;
  readonly signal?: AbortSignal;
}

const FILES = ['transfer.json', 'transfer.html'] as const;
const DEFAULT_ATTACKS = ['pgd', 'pgd-margin'];

/**
 * Tries examples that are made on some model files on others. Everything is read first, so that a wrong request fails before
 * any work; files are written at the end, both at once.
 *
 * @throws TouchstoneError as the parts do; nothing is written then
 */
export async function transferRun(options: TransferRunOptions): Promise<TransferResult> {
  const started = performance.now();
  const { threat, engine, out } = options;
  const wanted = { attacks: options.attacks ?? DEFAULT_ATTACKS, parameters: options.parameters, threat };
  attackNames(wanted);
  if (options.sources.length === 0) throw new TouchstoneError('E_OPTION', 'no source', 'one model at least');
  if (options.targets.length === 0) throw new TouchstoneError('E_OPTION', 'no target', 'one model at least');
  if (out) await assertNew(out, FILES);
  const data = await loadData(options.data, 'test');
  const models = await openAll(options, data);
  try {
    const { stages } = stagesOf(wanted, models[0]!.opened.subject.card);
    const images = firstImages(data, options.limit ?? 1000);
    const given = models.map((m) => ({ ...m, id: m.opened.file.sha256 }));
    const { onProgress, signal } = options;
    const outcome = await transfer({
      sources: given.map(({ name, id, opened }) => ({ name, id, classifier: classifierOf(engine, opened) })),
      targets: given
        .filter(({ isTarget }) => isTarget)
        .map(({ name, id, opened }) => ({
          name,
          id,
          oracle: opened.oracle,
          maxBatch: opened.fixedBatch ?? 256,
        })),
      attacks: stages,
      x: { data: images.x, shape: images.shape },
      y: images.y,
      threat,
      key: key(options.seed).fold('transfer'),
      counts: engine.counts,
      ...(onProgress && { onProgress }),
      ...(signal && { signal }),
    });
    const { parseTransfer, renderTransfer } = await import('../report/index.ts');
    const result = parseTransfer({
      ...resultOf(outcome),
      tool: tool(),
      createdAt: new Date().toISOString(),
      seed: options.seed,
      commandLine: [...options.commandLine],
      models: models.map(({ name, path, opened }) => ({
        ...modelRecord(path, opened, options.preprocessing),
        name,
      })),
      data: dataRecord(data),
      threat: { norm: threat.norm, epsilon: threat.epsilon, clip: [0, 1] },
      environment: environmentRecord(engine),
      seconds: (performance.now() - started) / 1000,
    });
    if (out) await write(out, result, renderTransfer(result));
    return result;
  } finally {
    for (const { opened } of models) await opened.close();
  }
}

interface Named {
  readonly name: string;
  readonly path: string;
  readonly isTarget: boolean;
  readonly opened: OpenModel;
}

/** The targets, then the sources; a file that is both, or named twice, once. */
async function openAll(options: TransferRunOptions, data: DataSet): Promise<Named[]> {
  const { targets, sources, engine, preprocessing } = options;
  const paths = [...new Set([...targets, ...sources])];
  const names = paths.map((path) => basename(path));
  const models: Named[] = [];
  try {
    for (const [i, path] of paths.entries()) {
      const opened = await openModel(path, {
        threads: engine.threads,
        image: data.shape,
        ...(preprocessing ? { preprocessing } : {}),
      });
      const name = names.filter((n) => n === names[i]).length > 1 ? path : names[i]!;
      models.push({ name, path, isTarget: targets.includes(path), opened });
      assertFits(opened.subject.card.input, data.shape);
      checkLabels(data, opened.subject.card.classes);
    }
    return models;
  } catch (error) {
    for (const { opened } of models) await opened.close();
    throw error;
  }
}

const resultOf = ({ n, targets, runs, cells, findings }: Transfer) => ({
  schema: 'touchstone-transfer/1' as const,
  n,
  targets: targets.map((t) => ({ ...t, accuracy: n === 0 ? 0 : t.correct / n })),
  runs,
  cells: cells.map((cell) => ({ ...cell, accuracy: n === 0 ? 0 : cell.standing / n })),
  findings: findings.map((finding) => ({ ...findingRecord(finding), target: finding.target })),
});

const write = (out: string, result: TransferResult, html: string): Promise<void> =>
  writeFilesAtomic(
    new Map([
      [join(out, FILES[0]), `${JSON.stringify(result, null, 2)}\n`],
      [join(out, FILES[1]), html],
    ]),
  );
