/** An audit of a graph in memory, with all checks and the verdict. */
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import type { Engine } from '../../src/engine/index.ts';
import {
  type AttackName,
  type AttackParameters,
  type AuditFigures,
  attacks,
  auditChunk,
  combine,
  engineClassifier,
  evidenceOf,
  gather,
  gatherLabels,
  type Images,
  type Judgement,
  judge,
  type NamedFinding,
  referenceOf,
  runChecks,
  SAMPLE,
  type Threat,
} from '../../src/eval/index.ts';
import { type Graph, toModel } from '../../src/graph/index.ts';
import { writeModelFile } from '../../src/io/index.ts';
import { key } from '../../src/random/index.ts';
import { openModel } from '../../src/runs/open-model.ts';

export interface MaskingAudit {
  readonly figures: AuditFigures;
  readonly findings: readonly NamedFinding[];
  readonly judgement: Judgement;
}

export interface MaskingOptions {
  readonly engine: Engine;
  readonly x: Images;
  readonly y: Int32Array;
  readonly threat: Threat;
  /** What is given replaces the attack's defaults. */
  readonly attacks: Readonly<Partial<Record<AttackName, AttackParameters>>>;
  readonly seed?: number;
}

/** @param graph one input, the images; one output, the logits */
export async function maskingAudit(graph: Graph, options: MaskingOptions): Promise<MaskingAudit> {
  const { engine, x, y, threat, seed = 0 } = options;
  const folder = mkdtempSync(join(tmpdir(), 'touchstone-masking-'));
  try {
    const path = join(folder, 'model.onnx');
    await writeModelFile(path, toModel(graph));
    const opened = await openModel(path, { threads: engine.threads });
    const { card, graph: canonical } = opened.subject;
    const classifier = engineClassifier(engine, canonical, { classes: card.classes });
    const subject = { classifier, oracle: opened.oracle, counts: engine.counts, maxBatch: 256 };
    const stages = (Object.keys(options.attacks) as AttackName[]).map((attack) => ({
      attack,
      parameters: { ...attacks[attack].defaults(threat, card.classes), ...options.attacks[attack] },
    }));
    const plan = { threat, stages, curve: [0.25, 0.5, 0.75, 1, 1.5, 2], key: key(seed) };
    try {
      const figures = combine([await auditChunk(subject, plan, { index: 0, x, y })]);
      const correct = Array.from(y.keys()).filter((i) => figures.predicted[i] === y[i]);
      const indices = correct.slice(0, SAMPLE);
      const sample = { x: gather(x, indices), y: gatherLabels(y, indices) };
      const reference = referenceOf(canonical);
      const findings = await runChecks(
        evidenceOf(subject, plan, figures, { card, sample, indices, reference }),
      );
      const judgement = judge({
        findings,
        verification: figures.verification,
        attacks: figures.stages,
        epsilon: threat.epsilon,
      });
      return { figures, findings, judgement };
    } finally {
      await opened.close();
    }
  } finally {
    rmSync(folder, { recursive: true });
  }
}
