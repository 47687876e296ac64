import type { Key } from '../random/index.ts';
import { type AttackName, type AttackParameters, attacks } from './attacks/index.ts';
import { type Cost, costing, type ReadCounts } from './audit/plan.ts';
import { blackBoxFindsMore as check } from './checks/black-box-finds-more.ts';
import { surelyAbove } from './checks/chance.ts';
import { count, union, without } from './checks/lists.ts';
import type { NamedFinding } from './checks/run.ts';
import type { Classifier } from './classifier.ts';
import { gather, gatherLabels, type Images } from './images.ts';
import type { Threat } from './threat.ts';
import { type Oracle, predictAll, verify } from './verifier.ts';

/** A model that examples are made on. */
export interface TransferSource {
  readonly name: string;
  /** A source and a target with the same id are the same model. */
  readonly id: string;
  readonly classifier: Classifier;
}

/** A model that they are tried on. */
export interface TransferTarget {
  readonly name: string;
  readonly id: string;
  readonly oracle: Oracle;
  /** Largest batch that it takes. @default 256 */
  readonly maxBatch?: number;
}

export interface TransferOptions {
  readonly sources: readonly TransferSource[];
  readonly targets: readonly TransferTarget[];
  readonly attacks: readonly { readonly attack: AttackName; readonly parameters: AttackParameters }[];
  readonly x: Images;
  readonly y: Int32Array;
  readonly threat: Threat;
  readonly key: Key;
  /** @default nothing is counted */
  readonly counts?: ReadCounts;
  readonly onProgress?: (stage: string, fraction: number) => void;
  /** Ends it with an AbortError. */
  readonly signal?: AbortSignal;
}

/** An attack on a source. */
export interface TransferRun extends Cost {
  readonly source: string;
  readonly attack: AttackName;
  readonly parameters: AttackParameters;
  /** Images: those that any target classifies correctly. */
  readonly attacked: number;
}

/** A source's examples on a target. */
export interface TransferCell {
  readonly source: string;
  readonly attack: AttackName;
  readonly target: string;
  /** The source is the target. */
  readonly whiteBox: boolean;
  /** Images that the target classifies correctly: those that count. */
  readonly correct: number;
  /** Of these, under the examples. */
  readonly standing: number;
  /** Examples outside of the ball or of [0, 1], or not finite: they have broken nothing. */
  readonly invalid: number;
}

export interface Transfer {
  readonly n: number;
  readonly targets: readonly { readonly name: string; readonly correct: number }[];
  readonly runs: readonly TransferRun[];
  /** By source, attack, target. */
  readonly cells: readonly TransferCell[];
  readonly findings: readonly (NamedFinding & { readonly target: string })[];
}

/**
 * Examples made on some models, tried on others: target accuracy for every source, attack and target. On a target only the images count
 * that it classifies correctly, whatever the source makes of them; its oracle decides, after the distance is measured.
 *
 * An attack that stopped at the source's first mistake would leave examples that hardly cross its boundary, and transfer
 * badly. So the source passes for a model that answers by chance (`Classifier.stochastic`): PGD and APGD then go on to the
 * end, and their last misclassified point is the example. Attacks that do not heed this leave their first success.
 */
export async function transfer(options: TransferOptions): Promise<Transfer> {
  const { sources, targets, x, y, signal, onProgress } = options;
  const predicted: Int32Array[] = [];
  for (const { oracle, maxBatch = 256 } of targets)
    predicted.push(await predictAll(oracle, x.data, x.shape, maxBatch));
  const correct = predicted.map((labels) => Array.from(labels, (label, i) => label === y[i]));
  const wanted = (union(correct) ?? []).flatMap((c, i) => (c ? [i] : []));

  const runs: TransferRun[] = [];
  const tries: Try[] = [];
  const total = sources.length * options.attacks.length;
  for (const source of sources) {
    for (const { attack, parameters } of options.attacks) {
      signal?.throwIfAborted();
      const done = runs.length / total;
      const progress = (f: number) => onProgress?.(`${attack} on ${source.name}`, done + f / total);
      const { adversarial, cost } = await examples(options, source, attack, parameters, wanted, progress);
      runs.push({ source: source.name, attack, parameters, attacked: wanted.length, ...cost });
      for (const [t, target] of targets.entries())
        tries.push(await tryOn(options, { source, attack }, target, correct[t]!, wanted, adversarial));
    }
  }
  return {
    n: y.length,
    targets: targets.map(({ name }, t) => ({ name, correct: count(correct[t]!) })),
    runs,
    cells: tries.map((t) => t.cell),
    findings: targets.flatMap((target) => blackBoxFindsMore(target, tries) ?? []),
  };
}

/** What an attack makes on a source of the images at some indices. */
async function examples(
  { x, y, threat, key, counts, signal }: TransferOptions,
  { classifier }: TransferSource,
  attack: AttackName,
  parameters: AttackParameters,
  indices: readonly number[],
  onProgress: (fraction: number) => void,
): Promise<{ adversarial: Float32Array; cost: Cost }> {
  const images = { x: gather(x, indices), y: gatherLabels(y, indices) };
  const { value, cost } = await costing(counts ?? (() => ({ forwardImages: 0, backwardImages: 0 })), () =>
    attacks[attack].run({
      classifier: relentless(classifier),
      ...images,
      threat,
      parameters,
      key: key.fold('attack', attack),
      onProgress,
      ...(signal && { signal }),
    }),
  );
  signal?.throwIfAborted(); // an attack that was cut short is none
  return { adversarial: value.adversarial, cost };
}

/** The classifier, for attacks that are not to stop at its first mistake. */
function relentless(classifier: Classifier): Classifier {
  const { ascend } = classifier;
  return {
    classes: classifier.classes,
    stochastic: true,
    logits: (x) => classifier.logits(x),
    gradient: (...request) => classifier.gradient(...request),
    ...(ascend && { ascend: (...request: Parameters<typeof ascend>) => ascend.call(classifier, ...request) }),
  };
}

interface Try {
  readonly cell: TransferCell;
  readonly targetId: string;
  /** Per image of all: broken by the example. */
  readonly broken: readonly boolean[];
}

async function tryOn(
  { x, y, threat }: TransferOptions,
  { source, attack }: { readonly source: TransferSource; readonly attack: AttackName },
  { name, id, oracle, maxBatch = 256 }: TransferTarget,
  correct: readonly boolean[],
  wanted: readonly number[],
  adversarial: Float32Array,
): Promise<Try> {
  const places = wanted.flatMap((image, place) => (correct[image] ? [place] : []));
  const images = places.map((place) => wanted[place]!);
  const clean = gather(x, images);
  const claim = {
    x: clean.data,
    adversarial: gather({ data: adversarial, shape: [wanted.length, ...x.shape.slice(1)] }, places).data,
    y: gatherLabels(y, images),
    shape: clean.shape,
  };
  const { confirmed, reasons } = await verify(oracle, claim, threat, { alone: false, batchSize: maxBatch });
  const { 'not misclassified': withstood = 0, ...faults } = reasons;
  const broken = correct.map(() => false);
  for (const [i, image] of images.entries()) broken[image] = confirmed[i]!;
  const invalid = Object.values(faults).reduce((sum, n) => sum + n, 0);
  const cell = {
    source: source.name,
    attack,
    target: name,
    whiteBox: source.id === id,
    correct: images.length,
    standing: withstood + invalid,
    invalid,
  };
  return { cell, targetId: id, broken };
}

/** Shares of the images that may fall to others' examples alone: those of the check of this name. */
const TOLERATED = 0.03;
const WORTH_SAYING = 0.005;

/** Property 5 of Chen and Lee, "Towards Fast and Robust Adversarial Training for Image Classification", §2.4, for one target. */
function blackBoxFindsMore(
  { name, id }: TransferTarget,
  tries: readonly Try[],
): (NamedFinding & { target: string }) | undefined {
  const on = tries.filter((t) => t.targetId === id && t.cell.target === name);
  const white = union(on.filter((t) => t.cell.whiteBox).map((t) => t.broken));
  const black = union(on.filter((t) => !t.cell.whiteBox).map((t) => t.broken));
  if (!white || !black) return undefined;
  const more = without(black, white);
  const images = on[0]!.cell.correct;
  const surely = (share: number) => surelyAbove(more, images, share);
  return {
    id: check.id,
    title: check.title,
    target: name,
    verdict: surely(TOLERATED) ? 'fail' : surely(WORTH_SAYING) ? 'warn' : 'pass',
    figures: { images, more, blackBox: count(black), whiteBox: count(white) },
    message:
      more === 0
        ? 'What the examples of other models break, its own gradients break, too.'
        : `Examples of other models break ${more} of ${images} images that the attacks on the model itself do not.`,
  };
}
