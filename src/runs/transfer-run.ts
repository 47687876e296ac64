import { basename } from 'node:path';
import { type DataSet, firstImages, loadData } from '../data/index.ts';
import { TouchstoneError } from '../errors.ts';
import { type AttackParameters, type Threat, type Transfer, transfer } from '../eval/index.ts';
import { key } from '../random/index.ts';
import type { TransferResult } from '../report/index.ts';
import { type AttackRunOptions, openFor, originOf, USUAL_LIMIT, writePage } from './attack-run.ts';
import { attackNames, stagesOf } from './audit-stages.ts';
import type { OpenModel } from './open-model.ts';
import { assertNew, classifierOf, findingRecord, modelRecord } from './records.ts';

/** `out` gets transfer.json and transfer.html. */
export interface TransferRunOptions extends AttackRunOptions {
  /** Files that examples are tried on. They are sources, too, for comparison. */
  readonly targets: readonly string[];
  /** Files that examples are made on. */
  readonly sources: readonly string[];
  readonly threat: Threat;
  /** @default PGD on the cross-entropy and on the margin */
  readonly attacks?: readonly string[];
  readonly parameters?: AttackParameters;
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
    const images = firstImages(data, options.limit ?? USUAL_LIMIT);
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
      ...originOf(options, data, started),
      models: models.map(({ name, path, opened }) => ({
        ...modelRecord(path, opened, options.preprocessing),
        name,
      })),
      threat: { norm: threat.norm, epsilon: threat.epsilon, clip: [0, 1] },
    });
    if (out) await writePage(out, FILES, result, renderTransfer(result));
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
  const { targets, sources } = options;
  const paths = [...new Set([...targets, ...sources])];
  const names = paths.map((path) => basename(path));
  const models: Named[] = [];
  try {
    for (const [i, path] of paths.entries()) {
      const opened = await openFor(data, path, options);
      const name = names.filter((n) => n === names[i]).length > 1 ? path : names[i]!;
      models.push({ name, path, isTarget: targets.includes(path), opened });
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
