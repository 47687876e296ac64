/** What a result says in a sentence or two, as pure functions: the terminal and the page show the same words. */
import { epsilonText, integer, normText, percent } from './format.ts';
import type { Result, Verdict } from './schema.ts';

/** The headline of an audit. All texts are plain text that may hold names from the model's file: escape them. */
export interface Headline {
  /** Clean accuracy, fraction. */
  readonly clean: number;
  /** Pointwise worst case over all attacks, fraction. */
  readonly robust: number;
  /** What the numbers say, in one sentence. */
  readonly sentence: string;
  /** Whether the numbers can be trusted: the verifier, the checks and the attacks that did not finish, together. */
  readonly trust: Verdict;
  /** Why, in one or two sentences. */
  readonly trustSentence: string;
  /** What to run or to change next; empty where nothing is to be done, or nothing is known. */
  readonly next: readonly string[];
  /** One or two words on the verifier. */
  readonly verifier: 'confirmed' | 'rejected' | 'nothing to check';
}

/** How many checks gave each verdict. */
export function countVerdicts(result: Result): Record<Verdict, number> {
  const counts: Record<Verdict, number> = { pass: 0, warn: 0, fail: 0 };
  for (const check of result.checks) counts[check.verdict]++;
  return counts;
}

/** Builds the headline of a result. */
export function buildHeadline(result: Result): Headline {
  const { trust, why } = result.verdict ? ofVerdict(result, result.verdict) : judge(result);
  return {
    clean: result.clean.accuracy,
    robust: result.robustAccuracy,
    sentence: sentenceOf(result),
    trust,
    trustSentence: why,
    next: result.verdict?.next ?? [],
    verifier: !result.verifier.ok
      ? 'rejected'
      : result.verifier.checked === 0
        ? 'nothing to check'
        : 'confirmed',
  };
}

function sentenceOf(result: Result): string {
  const images = `${integer(result.robust.n)} ${result.data.split} image${result.robust.n === 1 ? '' : 's'}`;
  const cut = result.robust.planned ? ` (of ${integer(result.robust.planned)} planned: the time was up)` : '';
  const radius = `ε\u00a0=\u00a0${epsilonText(result.threat.epsilon)} (${normText(result.threat.norm)})`;
  if (result.attacks.length === 0)
    return `No attack was run: nothing is known of robustness within ${radius}.`;
  const robust = percent(result.robustAccuracy);
  return result.attacks.length === 1
    ? `Of the ${images}${cut}, ${robust} stay correct under the one attack tried within ${radius}.`
    : `Of the ${images}${cut}, ${robust} stay correct under every attack tried within ${radius}.`;
}

const TRUST = { believable: 'pass', doubtful: 'warn', 'not believable': 'fail' } as const;

/** A sentence behind a colon; a name in capitals stays. */
const goingOn = (sentence: string): string => sentence.replace(/^[A-Z](?=[a-z ])/, (c) => c.toLowerCase());

/** How many reasons a headline has room for. */
const SHOWN = 2;

function ofVerdict(
  result: Result,
  { belief, reasons }: NonNullable<Result['verdict']>,
): { trust: Verdict; why: string } {
  const more = reasons.length - SHOWN;
  const because = reasons.slice(0, SHOWN).join(' ') + (more > 0 ? ` And ${more} more.` : '');
  const trust = TRUST[belief];
  if (belief === 'not believable') return { trust, why: `Do not rely on this number: ${goingOn(because)}` };
  if (belief === 'doubtful') return { trust, why: `Doubtful. ${because}` };
  const word =
    reasons.length > 0 ? `Worth knowing: ${because}` : 'Nothing was found that speaks against the number.';
  return { trust, why: `Believable. ${confirmation(result)}. ${word}` };
}

/** Of a result that carries no verdict: by its verifier, its attacks and its checks. */
function judge(result: Result): { trust: Verdict; why: string } {
  const { verifier, checks, attacks } = result;
  const crashed = attacks.filter((attack) => attack.error !== undefined).map((attack) => attack.name);
  const failed = checks.filter((check) => check.verdict === 'fail').map((check) => check.title);
  const warned = checks.filter((check) => check.verdict === 'warn').map((check) => check.title);

  const against: string[] = [];
  if (!verifier.ok) against.push(verifierComplaint(result));
  if (crashed.length > 0) against.push(`${list(crashed)} did not finish`);
  if (failed.length > 0) against.push(`${of(failed.length, checks.length)} failed (${list(failed)})`);
  if (against.length > 0) return { trust: 'fail', why: `Do not rely on this number: ${against.join('; ')}.` };

  const confirmed = confirmation(result);
  if (checks.length === 0) {
    return { trust: 'warn', why: `${confirmed}, but no check for gradient masking was run.` };
  }
  if (warned.length > 0) {
    const verb = warned.length === 1 ? 'warns' : 'warn';
    return {
      trust: 'warn',
      why: `${confirmed}. ${of(warned.length, checks.length)} ${verb}: ${list(warned)}.`,
    };
  }
  const all = checks.length === 1 ? 'the one check passed' : `all ${checks.length} checks passed`;
  return { trust: 'pass', why: `${confirmed}, and ${all}.` };
}

function confirmation({ verifier }: Result): string {
  if (verifier.checked === 0) return 'There was no adversarial example to verify';
  return verifier.checked === 1
    ? 'The verifier confirmed the one adversarial example'
    : `The verifier confirmed all ${integer(verifier.checked)} adversarial examples`;
}

function verifierComplaint({ verifier }: Result): string {
  if (verifier.rejected > 0) {
    const [rejected, checked] = [integer(verifier.rejected), integer(verifier.checked)];
    return `the verifier rejected ${rejected} of ${checked} adversarial examples`;
  }
  if (verifier.batchSizeOneMismatches > 0) {
    const n = verifier.batchSizeOneMismatches;
    return `${integer(n)} adversarial example${n === 1 ? ' is' : 's are'} predicted otherwise at batch size 1`;
  }
  return 'the verifier did not confirm the attacks';
}

const of = (part: number, whole: number): string => `${part} of ${whole} check${whole === 1 ? '' : 's'}`;

function list(names: string[]): string {
  const shown = names.slice(0, 3).map((name) => (name.length > 60 ? `“${name.slice(0, 60)}…”` : `“${name}”`));
  return names.length > 3 ? `${shown.join(', ')} and ${names.length - 3} more` : shown.join(', ');
}
