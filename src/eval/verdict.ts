/** Whether a robust accuracy can be believed, from all that an audit found. */
import type { Stage } from './audit/plan.ts';
import type { Tally } from './audit/tally.ts';
import type { NamedFinding } from './checks/run.ts';

export type Belief = 'believable' | 'doubtful' | 'not believable';

export interface Judgement {
  readonly belief: Belief;
  /** One sentence each, the weightiest first; empty where nothing speaks against the number. */
  readonly reasons: readonly string[];
  /** What to run or to change next, in the same order, each once. */
  readonly next: readonly string[];
}

/** An attack of the audit, and whether it finished. */
export type AttackRun = Pick<Stage, 'attack' | 'parameters' | 'eot'> & { readonly error?: string };

export interface Grounds {
  readonly findings: readonly NamedFinding[];
  readonly verification: Pick<Tally, 'checked' | 'rejected' | 'batchSizeOneMismatches'>;
  readonly attacks: readonly AttackRun[];
  /** The radius attacked within. */
  readonly epsilon: number;
}

/** Something that speaks against a number. */
interface Objection {
  readonly weight: number;
  readonly reason: string;
  readonly next: string;
}

/** From here on a number is not believable; from the second on doubtful; below, it is worth a word. */
const [DAMNING, DOUBTFUL] = [60, 20];

/**
 * Weighs all objections; the heaviest decides.
 *
 * - Not believable: examples that the verifier rejected, attacks that crashed, none at all, a failed check.
 * - Doubtful: a failed check whose defect one of the attacks does not suffer from; attacks that are weak, or all of one
 *   kind; no checks; a check that warns.
 * - Operators that may mask gradients are mentioned, and convict nobody.
 */
export function judge(grounds: Grounds): Judgement {
  const objections = [
    ...ofVerification(grounds),
    ...ofAttacks(grounds),
    ...grounds.findings.flatMap((finding) => [...ofFinding(finding, grounds)]),
    ...(grounds.findings.length === 0 ? [unchecked] : []),
  ].sort((a, b) => b.weight - a.weight);
  const heaviest = objections[0]?.weight ?? 0;
  return {
    belief: heaviest >= DAMNING ? 'not believable' : heaviest >= DOUBTFUL ? 'doubtful' : 'believable',
    reasons: objections.map((o) => o.reason),
    next: [...new Set(objections.map((o) => o.next))],
  };
}

const unchecked: Objection = {
  weight: 38,
  reason: 'No check for gradient masking was run.',
  next: 'audit again with the checks',
};

function* ofVerification({ verification: v }: Grounds): Generator<Objection> {
  if (v.rejected > 0)
    yield {
      weight: 100,
      reason: `The verifier rejected ${v.rejected} of ${v.checked} adversarial examples.`,
      next: 'look at the verifier’s reasons in result.json',
    };
  if (v.batchSizeOneMismatches > 0)
    yield {
      weight: 95,
      reason: `Predicted by themselves, ${v.batchSizeOneMismatches} adversarial examples are none.`,
      next: 'export the model in inference mode, so that it sees one image at a time',
    };
}

/** Attacks whose loss no scale of the logits can hide. */
const SCALE_FREE = new Set(['pgd-margin', 'apgd-dlr', 'apgd-t', 'fab', 'fab-t', 'deepfool', 'square']);
const ONE_STEP = new Set(['noise', 'fgsm', 'gaat', 'square']);
const [ENOUGH_STEPS, ENOUGH_QUERIES] = [20, 1000];

function* ofAttacks({ attacks, epsilon }: Grounds): Generator<Objection> {
  const crashed = attacks.filter((a) => a.error !== undefined).map((a) => a.attack);
  if (crashed.length > 0)
    yield {
      weight: 90,
      reason: `${crashed.join(', ')} did not finish, and broke nothing for that reason.`,
      next: 'see the error in result.json, and audit again without what cannot run',
    };
  const done = attacks.filter((a) => a.error === undefined);
  if (done.length === 0) {
    yield { weight: 85, reason: 'No attack was run to its end.', next: 'audit with --attacks auto' };
    return;
  }
  const iterative = done.filter((a) => !ONE_STEP.has(a.attack));
  if (!iterative.some((a) => isLong(a, epsilon)))
    yield {
      weight: 45,
      reason:
        iterative.length === 0
          ? 'No attack of many steps along the gradient was run.'
          : `No attack had ${ENOUGH_STEPS} steps that reach across the ball.`,
      next: 'run apgd-ce and apgd-t, which choose their steps themselves',
    };
  if (!done.some((a) => SCALE_FREE.has(a.attack)))
    yield {
      weight: 35,
      reason: 'Every attack ascends the cross-entropy, which large logits hide.',
      next: 'run apgd-t or pgd-margin',
    };
  if (!done.some((a) => a.attack === 'square' && (a.parameters.queries ?? ENOUGH_QUERIES) >= ENOUGH_QUERIES))
    yield {
      weight: 30,
      reason: 'No attack without gradients was run, beside which masked ones would show.',
      next: 'run square',
    };
}

/** Whether an attack had the steps to come from one side of the ball to the other. */
function isLong({ parameters: { steps, stepSize } }: AttackRun, epsilon: number): boolean {
  if (steps === undefined || steps < ENOUGH_STEPS) return false;
  return stepSize === undefined || steps * stepSize >= 2 * epsilon;
}

function* ofFinding(finding: NamedFinding, grounds: Grounds): Generator<Objection> {
  const { id, verdict, message } = finding;
  if (verdict === 'pass') return;
  const { weight, next, answer, settled } = { ...ordinary, ...answers[id] };
  const answered = answer?.(grounds, finding);
  if (verdict === 'warn') {
    yield { weight: id === 'graph-risks' || answered ? 5 : DOUBTFUL + weight / 10, reason: message, next };
    return;
  }
  yield answered
    ? { weight: (settled ? 5 : 50) + weight / 10, reason: `${message} ${answered}`, next }
    : { weight: DAMNING + weight / 10, reason: message, next };
}

const ran = ({ attacks }: Grounds, test: (run: AttackRun) => boolean): boolean =>
  attacks.some((a) => a.error === undefined && test(a));
const passed = ({ findings }: Grounds, id: string): boolean =>
  findings.some((f) => f.id === id && f.verdict === 'pass');

interface Answer {
  /** 0 to 100, among its like. */
  readonly weight: number;
  readonly next: string;
  /** What the audit has done about it, in a sentence; undefined where it has done nothing. */
  readonly answer?: (grounds: Grounds, finding: NamedFinding) => string | undefined;
  /** Whether that leaves no doubt. @default false */
  readonly settled?: boolean;
}

const ordinary: Answer = { weight: 50, next: 'see the check’s section in docs/checks.md' };

/** That PGD is weak is no fault of stronger attacks, where they agree among each other. */
const byStronger = (grounds: Grounds): string | undefined =>
  ran(grounds, (a) => a.attack === 'apgd-t') && passed(grounds, 'square-after-apgd')
    ? 'APGD-T and Square, which do not depend on PGD, agree.'
    : undefined;

/** A gradient that is known not to be the function's may lead well enough: Square shows it. */
const bySquare = (grounds: Grounds, { message }: NamedFinding): string | undefined =>
  /straight through/.test(message) && passed(grounds, 'black-box-finds-more')
    ? 'Square, which needs no gradient, found nothing more.'
    : undefined;

const answers: Readonly<Record<string, Answer>> = {
  'stable-predictions': {
    weight: 90,
    next: 'attack the mean over many passes (eot): audit with --attacks auto',
    answer: (grounds) =>
      ran(grounds, (a) => (a.eot ?? 1) > 1) ? 'Attacks averaged over its randomness.' : undefined,
  },
  'batch-composition': { weight: 88, next: 'export the model in inference mode' },
  'zero-gradients': {
    weight: 85,
    next: 'run square with more queries, and transfer examples from a model like it',
  },
  'unbounded-succeeds': { weight: 80, next: 'run apgd-t and square', answer: byStronger },
  'black-box-finds-more': { weight: 75, next: 'run square with more queries, and attack without what masks' },
  'square-after-apgd': { weight: 70, next: 'run square with more queries and restarts' },
  'noise-finds-more': { weight: 65, next: 'run square, and pgd with --restarts 10', answer: byStronger },
  'one-step-beats-many': { weight: 60, next: 'run apgd-t and square', answer: byStronger },
  'one-step-misled': {
    weight: 58,
    next: 'never rely on FGSM for this model, as a bar to train against either',
    answer: (grounds) =>
      ran(grounds, (a) => !ONE_STEP.has(a.attack) && isLong(a, grounds.epsilon)) &&
      passed(grounds, 'black-box-finds-more')
        ? 'Attacks of many steps were run, and Square found nothing more.'
        : undefined,
    settled: true,
  },
  'epsilon-monotone': { weight: 55, next: 'run pgd with more restarts, and square', answer: byStronger },
  converged: { weight: 50, next: 'run more --steps, or apgd-t, until nothing is won' },
  'finite-differences': { weight: 45, next: 'run square', answer: bySquare },
  'saturated-softmax': {
    weight: 40,
    next: 'run apgd-t or pgd-margin, whose losses no scale hides',
    answer: (grounds) =>
      ran(grounds, (a) => SCALE_FREE.has(a.attack) && a.attack !== 'square')
        ? 'An attack on the margin, which saturation leaves alone, was run.'
        : undefined,
  },
  'graph-risks': { weight: 0, next: 'see whether the other checks pass' },
};
