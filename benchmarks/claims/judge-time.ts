/** Times: never minutes, always the ratio to the row that the paper compares with, on one machine. */
import type { Found, Times } from './found.ts';
import { type Judgement, missing, untested } from './judgement.ts';
import { type Claim, yardstickOf } from './load.ts';
import { type Ours, oursOf } from './ours.ts';
import { isDataDependent, passesOf } from './passes.ts';
import { ratioText } from './text.ts';
import { ratioHolds } from './verdict.ts';

interface Pair {
  readonly own: Ours;
  readonly other: Ours;
}

const secondsPer: Readonly<Partial<Record<Claim['unit'], number>>> = { min: 60, s: 1, ms: 0.001 };
const secondsOf = ({ value, unit }: Claim): number => value * (secondsPer[unit] ?? Number.NaN);

/** Of time to the yardstick's; a saving says it already. */
const claimedRatio = (claim: Claim, yardstick: Claim): number =>
  claim.quantity === 'saving' ? 1 - claim.value / 100 : secondsOf(claim) / secondsOf(yardstick);

/**
 * Epochs as the paper counts them: its whole time over that per epoch. Where it prints no whole time, ours.
 *
 * Papers differ in whether an epoch of free training has its replays in it.
 */
function epochsOf(claim: Claim, all: readonly Claim[], ours: Ours): number {
  const isRow = (c: Claim) =>
    c.paper === claim.paper && c.table === claim.table && `${c.row}` === `${claim.row}`;
  const total = all.find((c) => isRow(c) && c.quantity === 'training time');
  return total ? Math.round(secondsOf(total) / secondsOf(claim)) : ours.epochs;
}

/** From a ratio of whole runs to what the claim is about. */
function scaleOf(claim: Claim, yardstick: Claim, all: readonly Claim[], { own, other }: Pair): number {
  if (claim.quantity !== 'epoch time') return 1;
  return epochsOf(yardstick, all, other) / epochsOf(claim, all, own);
}

/** By counted passes, which say nothing of two networks. */
function predictedRatio(claim: Claim, { own, other }: Pair): number | null {
  if (claim.quantity === 'phase time') return claim.phase === 'pgd' ? own.steps : 1;
  const [a, b] = [passesOf(own), passesOf(other)];
  return a === null || b === null || own.model !== other.model ? null : a / b;
}

function ratioIn(times: Times, claim: Claim, yardstick: Claim, { own, other }: Pair): number | null {
  const of = (c: Claim, ours: Ours) =>
    c.quantity === 'phase time' ? (times.phase?.(c.phase!, ours) ?? null) : times.seconds(ours);
  const [a, b] = [of(claim, own), of(yardstick, other)];
  return a === null || b === null ? null : a / b;
}

/** Measured before projected, then the paper's batch size, then the order of records. */
function preferred(times: readonly Times[], { own }: Pair): Times[] {
  const rank = (t: Times) => (t.isProjected ? 2 : 0) + (t.batchSize === own.batchSize ? 0 : 1);
  return [...times].sort((a, b) => rank(a) - rank(b));
}

/** The same two methods on another network, or with another T. */
function elsewhere(times: readonly Times[], pair: Pair): Judgement['elsewhere'] {
  for (const t of preferred(times, pair)) {
    const [a, b] = [t.nearest(pair.own), t.nearest(pair.other)];
    if (!a || !b) continue;
    const about = a.about === b.about ? a.about : `${a.about}; against ${b.about}`;
    return { value: ratioText(a.seconds / b.seconds), about };
  }
  return null;
}

function reasonOf({ claimed, measured }: { claimed: number; measured: number }, yardstick: Claim): string {
  const more = claimed < 1 && 1 - measured > 1.1 * (1 - claimed) ? ', more than claimed' : '';
  return `${ratioText(measured)} against ${yardstick.label}, claimed: ${ratioText(claimed)}${more}`;
}

/** Why two rows cannot be compared by any record that is there. */
function whyNot(claim: Claim, yardstick: Claim, pair: Pair | null, found: Found): string {
  if (!pair) return claim.why ?? `${yardstick.label}, which it is compared with: ${yardstick.why}`;
  if (isDataDependent(pair.own) || isDataDependent(pair.other))
    return `what it costs depends on the data; ${missing(claim, found)}`;
  const where =
    pair.own.model === pair.other.model ? pair.own.model : `${pair.own.model} and ${pair.other.model}`;
  return `no record times ${claim.label} and ${yardstick.label} on ${where} in this setting yet: the command makes one`;
}

/** @param all every claim, among them the yardstick */
export function judgeTime(claim: Claim, all: readonly Claim[], found: Found): Judgement {
  const yardstick = yardstickOf(claim, all)!;
  const claimed = claimedRatio(claim, yardstick);
  if (yardstick.id === claim.id)
    return untested(
      'ratio',
      1,
      'what other rows are compared with: minutes of another machine say nothing alone',
    );
  const [own, other] = [oursOf(claim), oursOf(yardstick)];
  const pair = own && other ? { own, other } : null;
  if (!pair) return untested('ratio', claimed, whyNot(claim, yardstick, pair, found));
  const scale = scaleOf(claim, yardstick, all, pair);
  const passes = predictedRatio(claim, pair);
  const predicted = passes === null ? null : passes * scale;
  for (const times of preferred(found.times, pair)) {
    const ratio = ratioIn(times, claim, yardstick, pair);
    if (ratio === null) continue;
    const measured = ratio * scale;
    return {
      ...{ kind: 'ratio', claimed, measured, predicted, isProjected: times.isProjected, elsewhere: null },
      evidence: { ...times.origin, about: times.about },
      verdict: ratioHolds({ claimed, measured }) ? 'reproduced' : 'not reproduced',
      reason: reasonOf({ claimed, measured }, yardstick),
    };
  }
  return untested('ratio', claimed, whyNot(claim, yardstick, pair, found), {
    predicted,
    elsewhere: claim.quantity === 'phase time' ? null : elsewhere(found.times, pair),
  });
}
