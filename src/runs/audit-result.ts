/** What an audit found, as `result.json` has it. */
import type { DataSet } from '../data/index.ts';
import { type AuditFigures, CURVE_STEPS, type Judgement, type NamedFinding } from '../eval/index.ts';
import { tool } from '../io/index.ts';
import type { Result } from '../report/index.ts';
import type { AuditRunOptions } from './audit-options.ts';
import type { OpenModel } from './open-model.ts';
import { dataRecord, environmentRecord, findingRecord, modelRecord } from './records.ts';

export interface Found {
  readonly opened: OpenModel;
  readonly data: DataSet;
  readonly cleanCorrect: number;
  /** Images that were to be attacked. */
  readonly planned: number;
  /** Labels of the images attacked. */
  readonly y: Int32Array;
  readonly figures: AuditFigures;
  readonly findings: readonly NamedFinding[];
  readonly judgement: Judgement;
  readonly seconds: number;
  /** Of an audit in shards. */
  readonly machines?: Result['machines'];
}

const countOf = (list: readonly boolean[]): number => list.filter(Boolean).length;

export async function assemble(options: AuditRunOptions, found: Found): Promise<Result> {
  const [{ confidenceOf, parseResult }, { trainingOf }] = await Promise.all([
    import('../report/index.ts'), // its plots take a second to load, which a refused request need not wait for
    import('./provenance.ts'),
  ]);
  const { opened, data, cleanCorrect, figures, findings, judgement, seconds } = found;
  const { n } = figures;
  const correct = countOf(figures.robust);
  const { verification: v } = figures;
  const result: Result = {
    schema: 'touchstone-result/1',
    tool: tool(),
    createdAt: new Date().toISOString(),
    seed: options.seed,
    commandLine: [...options.commandLine],
    model: modelRecord(options.modelName ?? options.model, found.opened, options.preprocessing),
    data: dataRecord(data),
    threat: { norm: options.threat.norm, epsilon: options.threat.epsilon, clip: [0, 1] },
    clean: { accuracy: cleanCorrect / data.n, correct: cleanCorrect, n: data.n },
    attacks: figures.stages.map((a) => ({
      name: a.attack,
      parameters: { ...a.parameters },
      robustAccuracy: (n - countOf(a.broken)) / n,
      broken: countOf(a.broken),
      attacked: a.attacked,
      ...(a.survivors && { survivors: true }),
      seconds: a.seconds,
      forwards: a.forwards,
      backwards: a.backwards,
      ...(a.error === undefined ? {} : { error: a.error }),
    })),
    robust: { correct, n, ...(found.planned > n && { planned: found.planned }) },
    robustAccuracy: correct / n,
    confidence: confidenceOf({ correct: cleanCorrect, n: data.n }, { correct, n }),
    verifier: {
      ok: v.rejected === 0 && v.batchSizeOneMismatches === 0,
      checked: v.checked,
      rejected: v.rejected,
      maxDistance: v.maxDistance,
      tolerance: v.tolerance,
      batchSizeOneMismatches: v.batchSizeOneMismatches,
      reasons: v.reasons as Record<string, number>,
      seconds: v.seconds,
    },
    checks: findings.map(findingRecord),
    verdict: { belief: judgement.belief, reasons: [...judgement.reasons], next: [...judgement.next] },
    sweep: figures.curve.map(({ standing, ...point }) => ({
      attack: `pgd-${CURVE_STEPS}`,
      robustAccuracy: standing / n,
      ...point,
    })),
    training: trainingOf(opened.file.model),
    perClass: perClass(found, opened.subject.card.classes),
    environment: environmentRecord(options.engine),
    ...(found.machines && { machines: found.machines }),
    seconds,
  };
  return parseResult(result);
}

function perClass({ data, y, figures }: Found, classes: number): Result['perClass'] {
  return Array.from({ length: classes }, (_, label) => {
    const members = Array.from(y.keys()).filter((i) => y[i] === label);
    const share = (test: (i: number) => boolean) =>
      members.length === 0 ? null : members.filter(test).length / members.length;
    return {
      label,
      name: data.classNames?.[label] ?? null,
      n: members.length,
      cleanAccuracy: share((i) => figures.predicted[i] === label),
      robustAccuracy: share((i) => figures.robust[i]!),
    };
  });
}
