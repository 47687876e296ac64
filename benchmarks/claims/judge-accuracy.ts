/** Accuracies: of the same method, network, data and ε, and what the row varies; under an attack at least as strong. */
import { epsilonText, integer } from '../../src/report/format.ts';
import type { Accuracy, Found } from './found.ts';
import { type Judgement, missing, untested } from './judgement.ts';
import type { Claim } from './load.ts';
import { IMAGES, type Ours, oursOf, variedOf } from './ours.ts';
import { percentText } from './text.ts';
import { accuracyHolds } from './verdict.ts';

/** The claim's value in per cent: 0.29 is 29, not 28.999999999999996. */
export const percentOf = ({ value, unit }: Pick<Claim, 'value' | 'unit'>): number =>
  unit === 'fraction' ? Number((100 * value).toPrecision(12)) : value;

/** Of the same kind, and no fewer steps. */
function isAsStrong(found: Accuracy['attack'], { attack }: Claim): boolean {
  if (!attack) return found === null;
  return found !== null && found.name === attack.name && found.steps >= (attack.steps ?? 1);
}

/** Of the training images; the rest may be held out. */
const MOST_OF_THEM = 0.8;

const trainedOn = ({ trainedOn, data }: Accuracy): number => trainedOn ?? IMAGES[data];

const isOfPart = (found: Accuracy): boolean => trainedOn(found) < MOST_OF_THEM * IMAGES[found.data];

const isSameSetting = (found: Accuracy, claim: Claim, ours: Ours): boolean =>
  found.method === ours.method &&
  found.model === ours.model &&
  found.data === ours.data &&
  !isOfPart(found) &&
  Math.abs(found.epsilon - ours.epsilon) < 1e-9 &&
  variedOf(claim).every(([setting, value]) => found.settings[setting] === value);

/** The longest training, then the most images: what was measured best, not what came out best. */
const best = (found: readonly Accuracy[]): Accuracy | undefined =>
  [...found].sort((a, b) => b.epochs * trainedOn(b) - a.epochs * trainedOn(a) || b.n - a.n)[0];

const attackText = (attack: Accuracy['attack']): string =>
  attack ? `${attack.name}${attack.steps > 1 ? `-${attack.steps}` : ''}` : 'natural';

function aboutText(found: Accuracy): string {
  const { attack, epochs, n } = found;
  const part = isOfPart(found) ? ` of ${integer(trainedOn(found))}` : '';
  return `${attackText(attack)}, ${integer(n)} images, ${epochs} epoch${epochs === 1 ? '' : 's'}${part}`;
}

/** The method anywhere: the same attack where there is one, else the strongest of PGD. */
function elsewhere(claim: Claim, { accuracies }: Found): Judgement['elsewhere'] {
  if (claim.method === null || claim.attack?.name === 'transfer') return null;
  const of = accuracies.filter((a) => a.method === claim.method && (a.attack === null) === !claim.attack);
  const near =
    best(of.filter((a) => isAsStrong(a.attack, claim))) ?? best(of.filter((a) => a.attack?.name === 'pgd'));
  if (!near) return null;
  return {
    value: percentText(100 * near.value),
    about: `${near.data}, ${near.model}, ε = ${epsilonText(near.epsilon)}, ${aboutText(near)}`,
  };
}

export function judgeAccuracy(claim: Claim, found: Found): Judgement {
  const claimed = percentOf(claim);
  const ours = oursOf(claim);
  const same = ours
    ? found.accuracies.filter((a) => isSameSetting(a, claim, ours) && isAsStrong(a.attack, claim))
    : [];
  const chosen = best(same);
  if (!ours || !chosen)
    return untested('per cent', claimed, missing(claim, found), { elsewhere: elsewhere(claim, found) });
  const measured = 100 * chosen.value;
  const holds = accuracyHolds({ claimed, measured }, claim.data, claim.spread);
  const gap = Math.abs(measured - claimed).toFixed(2);
  const budget =
    chosen.epochs < ours.epochs ? `, after ${chosen.epochs} of the paper’s ${ours.epochs} epochs` : '';
  return {
    ...{ kind: 'per cent', claimed, measured, isProjected: false, predicted: null, elsewhere: null },
    evidence: { ...chosen.origin, about: aboutText(chosen) },
    verdict: holds ? 'reproduced' : 'not reproduced',
    reason: `${gap} points ${measured < claimed ? 'below' : 'above'}${budget}`,
  };
}
