/** How well a trained network holds: natural images, then three attacks whose every success is predicted again. */
import { type DataSet, firstImages } from '../../src/data/index.ts';
import type { Engine } from '../../src/engine/index.ts';
import { filePredictor } from '../../src/engine/onnxruntime/index.ts';
import {
  type AttackName,
  type AttackParameters,
  attacks,
  type Classifier,
  engineClassifier,
  gather,
  gatherLabels,
  type Images,
  type Oracle,
  predictAll,
  type Threat,
  verify,
} from '../../src/eval/index.ts';
import { readModelFile } from '../../src/io/index.ts';
import { type Key, key } from '../../src/random/index.ts';
import type { RunRecord } from '../../src/runs/train-run.ts';
import { ATTACK_NAMES, type AttackLabel, type Evaluation } from './record.ts';

interface Setting {
  readonly name: AttackName;
  readonly steps?: number;
  /** ε is so many steps. */
  readonly perRadius?: number;
}

/** The DEAT paper's: each with one start, random but for FGSM. */
const SETTINGS: Readonly<Record<AttackLabel, Setting>> = {
  fgsm: { name: 'fgsm' },
  'pgd-100': { name: 'pgd', steps: 100, perRadius: 10 },
  'cw-20': { name: 'pgd-margin', steps: 20, perRadius: 10 },
};

/** The attacks as they are run at ε. */
export function attackParameters(epsilon: number) {
  const entries = ATTACK_NAMES.map((label) => {
    const { name, steps, perRadius } = SETTINGS[label];
    const given = { ...(steps && { steps }), ...(perRadius && { stepSize: epsilon / perRadius }) };
    return [label, { name, ...attacks[name].defaults({ norm: 'linf', epsilon }), ...given }] as const;
  });
  return Object.fromEntries(entries) as Record<
    AttackLabel,
    { readonly name: AttackName } & Required<AttackParameters>
  >;
}

export interface EvaluationRequest {
  readonly test: DataSet;
  /** Images that are attacked, the first ones. */
  readonly attacked: number;
  readonly seed: number;
}

/** Whether an evaluation is of this model file, and what is asked for now. */
export async function isOf(
  found: Evaluation,
  { checkpoint }: RunRecord,
  { test, attacked, seed }: EvaluationRequest,
): Promise<boolean> {
  const { sha256 } = await readModelFile(checkpoint);
  const n = Math.min(attacked, test.n);
  const same = found.checkpoint === sha256 && found.data === test.sha256 && found.seed === seed;
  return same && found.attacks['pgd-100'].n === n;
}

interface Controls {
  /** On onnxruntime. */
  readonly engine: Engine;
  readonly onProgress?: (stage: string, fraction: number) => void;
  readonly signal?: AbortSignal;
}

/** @throws AbortError at the signal; as the engine and the model do */
export async function evaluate(
  run: RunRecord,
  { test, attacked, seed }: EvaluationRequest,
  { engine, onProgress, signal }: Controls,
): Promise<Evaluation> {
  const { sha256 } = await readModelFile(run.checkpoint);
  const oracle = await filePredictor(run.checkpoint, { threads: engine.threads });
  try {
    const all = firstImages(test);
    onProgress?.('natural', 0);
    const predicted = await predictAll(oracle, all.x, all.shape, 256);
    const n = Math.min(attacked, test.n);
    const right = Array.from(predicted.keys()).filter((i) => predicted[i] === all.y[i]);
    const targets = right.filter((i) => i < n);
    const subject: Subject = {
      classifier: engineClassifier(engine, run.model, { classes: run.recipe.classes }),
      oracle,
      x: gather({ data: all.x, shape: all.shape }, targets),
      y: gatherLabels(all.y, targets),
      threat: { norm: 'linf', epsilon: run.recipe.epsilon },
    };
    const results = {} as Record<AttackLabel, Evaluation['attacks'][AttackLabel]>;
    for (const label of ATTACK_NAMES) {
      const watch = (fraction: number) => {
        signal?.throwIfAborted();
        onProgress?.(label, fraction);
      };
      watch(0);
      results[label] = { ...(await attack(label, subject, key(seed).fold('attack', label), watch)), n };
    }
    return {
      checkpoint: sha256,
      data: test.sha256,
      seed,
      natural: { correct: right.length, n: test.n },
      attacks: results,
      versions: { ...engine.versions },
    };
  } finally {
    await oracle.close();
  }
}

interface Subject {
  readonly classifier: Classifier;
  readonly oracle: Oracle;
  /** Classified correctly. */
  readonly x: Images;
  readonly y: Int32Array;
  readonly threat: Threat;
}

async function attack(
  label: AttackLabel,
  { classifier, oracle, x, y, threat }: Subject,
  own: Key,
  onProgress: (fraction: number) => void,
) {
  const { name, ...parameters } = attackParameters(threat.epsilon)[label];
  const started = performance.now();
  if (y.length === 0) return { correct: 0, rejected: 0, seconds: 0 };
  const input = { classifier, x, y, threat, parameters, key: own, onProgress };
  const { adversarial, broken } = await attacks[name].run(input);
  const seconds = (performance.now() - started) / 1000;
  const claims = [...broken.keys()].filter((i) => broken[i]);
  const { data } = gather({ data: adversarial, shape: x.shape }, claims);
  const claim = {
    x: gather(x, claims).data,
    adversarial: data,
    y: gatherLabels(y, claims),
    shape: [claims.length, ...x.shape.slice(1)],
  };
  const { rejected } = await verify(oracle, claim, threat, { alone: false });
  // A claim that is not confirmed does not lower the number.
  return { correct: y.length - (claims.length - rejected), rejected, seconds };
}
