/** What an audit should attack a model with, by what is known of it: the list that `--attacks auto` stands for. */
import { type AttackName, type AttackSpec, attacks, type EnsembleStage, ensembles } from './attacks/index.ts';
import type { Finding } from './checks/index.ts';
import type { ModelCard } from './subject/index.ts';
import type { Norm } from './threat.ts';

export interface Known {
  readonly card: ModelCard;
  readonly norm: Norm;
  /** What checks have found, where they ran. */
  readonly findings?: readonly (Finding & { readonly id: string })[];
}

export interface AdaptiveStage extends EnsembleStage {
  readonly attack: AttackName;
}

export interface AdaptivePlan {
  /** In the order to run them, each on what those before it left. */
  readonly attacks: readonly AdaptiveStage[];
  /** Passes that a gradient is the mean of; 1 for a model that answers the same every time. */
  readonly eot: number;
  /** A sentence for each decision. */
  readonly why: readonly string[];
}

const RANDOM = /^(Random\w+|Bernoulli|Multinomial)$/;

/** Checks that say: attack harder. */
const SUSPICIOUS = [
  'noise-finds-more',
  'one-step-beats-many',
  'epsilon-monotone',
  'unbounded-succeeds',
  'black-box-finds-more',
  'converged',
  'square-after-apgd',
  'finite-differences',
];

/**
 * AutoAttack's ensembles, fitted to the model (Tramèr et al., "On Adaptive Attacks to Adversarial Example Defenses",
 * arXiv:2002.08347: an attack that heeds what a defence does).
 */
export function adaptivePlan(known: Known): AdaptivePlan {
  const { card, norm } = known;
  const why = [...ofTheOutput(card), ...ofQuantisers(card)];
  if (hasNoGradient(known)) {
    why.push(
      'No gradient reaches the images: only attacks that see the output alone can work, noise and Square.',
    );
    return { attacks: able([{ attack: 'noise', parameters: {} }, square], known), eot: 1, why };
  }
  const random = randomness(known);
  const suspicion = SUSPICIOUS.filter((id) => verdictOf(known, id) === 'fail');
  let stages: readonly EnsembleStage[];
  if (random) {
    stages = [...ensembles.rand(), square];
    why.push(`${random}: gradients are means over ${eotOf(stages)} passes (EoT), and Square is asked last.`);
  } else if (suspicion.length > 0) {
    stages = ensembles.plus();
    why.push(`${suspicion.join(', ')} failed: AutoAttack “plus”, with more restarts and losses.`);
  } else {
    stages = ensembles.standard(norm);
    why.push('Nothing speaks against AutoAttack “standard”: two losses, boundaries, and no gradient at all.');
  }
  if (verdictOf(known, 'saturated-softmax') === 'fail') {
    stages = stages.filter((s) => s.attack !== 'apgd-ce');
    why.push(
      'The softmax is saturated: the cross-entropy is left out, the others do not depend on the scale of logits.',
    );
  }
  why.push(...ofTheClasses(card));
  if (verdictOf(known, 'batch-composition') === 'fail')
    why.push('Predictions depend on the batch: no attack answers that, export the model in inference mode.');
  return { attacks: able(stages, known), eot: eotOf(stages), why };
}

const square: EnsembleStage = { attack: 'square', parameters: {} };

const eotOf = (stages: readonly EnsembleStage[]): number =>
  stages.reduce((most, { eot = 1 }) => Math.max(most, eot), 1);

const findingOf = ({ findings = [] }: Known, id: string) => findings.find((f) => f.id === id);
const verdictOf = (known: Known, id: string) => findingOf(known, id)?.verdict;

/** By the card where the file's gradient was tried, by the check where it was asked for. */
function hasNoGradient(known: Known): boolean {
  if (known.card.unsupported.length > 0) return true;
  const finding = findingOf(known, 'zero-gradients');
  if (finding?.verdict !== 'fail') return false;
  const { samples, zeroMargin } = finding.figures;
  return samples !== undefined && (zeroMargin === undefined || zeroMargin === samples);
}

/** What is random about the model, as the beginning of a sentence; undefined where nothing is. */
function randomness(known: Known): string | undefined {
  const drawing = known.card.operators.find(([op]) => RANDOM.test(op));
  if (drawing) return `The graph draws random numbers (${drawing[0]})`;
  const { betweenRuns, largestChange } = findingOf(known, 'stable-predictions')?.figures ?? {};
  const changes =
    verdictOf(known, 'stable-predictions') === 'fail' &&
    (Number(betweenRuns) > 0 || Number(largestChange) > 1e-3);
  return changes ? 'The same image gets other scores each time' : undefined;
}

function* ofTheOutput({ outputKind }: ModelCard): Generator<string> {
  if (outputKind === 'labels') yield 'The output is a label: attacks take the logits behind it.';
  else if (outputKind !== 'logits' && outputKind !== 'unknown')
    yield `The output is ${outputKind}: attacks take the logits behind it, where nothing saturates.`;
}

function* ofQuantisers({ zeroGradients }: ModelCard): Generator<string> {
  const through = zeroGradients.filter((z) => z.includes('straight-through'));
  if (through.length > 0)
    yield `The gradient is passed straight through ${through[0]} (BPDA, arXiv:1802.00420, §4.1); Square does without.`;
}

function* ofTheClasses({ classes }: ModelCard): Generator<string> {
  if (classes > 0 && classes < 4)
    yield `${classes} classes: the DLR loss needs ${classes < 3 ? '3, its targeted form 4' : '4 in its targeted form'}, so that margins take its place.`;
}

/** The stages that are registered, know the norm and have classes enough; without a DLR loss the margin of PGD takes its place. */
function able(stages: readonly EnsembleStage[], known: Known): AdaptiveStage[] {
  return stages.flatMap((stage) => {
    const { attack } = stage;
    if (suits(attack, known)) return [{ ...stage, attack }];
    return attack === 'apgd-dlr' && suits('pgd-margin', known)
      ? [{ ...stage, parameters: {}, attack: 'pgd-margin' as const }]
      : [];
  });
}

function suits(name: string, { card: { classes }, norm }: Known): name is AttackName {
  if (!Object.hasOwn(attacks, name)) return false;
  const spec: AttackSpec = attacks[name as AttackName];
  return spec.norms.includes(norm) && (classes === 0 || classes >= (spec.minClasses ?? 2));
}
