/** What the papers measured of each method, row by row: the claims of benchmarks/claims, in per cent and the papers' units of time. */
import type { MethodName } from '../../src/train/index.ts';
import { type Claim, loadTables } from '../claims/load.ts';
import { DATA, type DataName, type PaperName } from '../claims/schema.ts';

export { PAPERS, type PaperName } from '../claims/schema.ts';

export interface Published {
  readonly method: MethodName;
  readonly paper: PaperName;
  /** As it is numbered there; a section where it is not. */
  readonly table: string;
  /** The paper's name for the method. */
  readonly row: string;
  readonly data: DataName;
  readonly model: string;
  /** What tells it from other rows of the same network: schedule, batch size. */
  readonly setting?: string;
  readonly epsilon: number;
  /** Per cent. */
  readonly natural?: number;
  /** Per cent, by attack. */
  readonly robust?: Readonly<Record<string, number>>;
  readonly time?: { readonly value: number; readonly unit: 's' | 'min' };
  readonly epochSeconds?: number;
  /** Where the paper says it: (T + 1) of PGD, m of free. */
  readonly backwardsPerBatch?: number;
}

/** Whether a claim is a cell of such a row: phases, settings and attacks from other networks are none. */
const isFigure = ({ method, quantity, attack }: Claim): boolean =>
  method !== null &&
  ['accuracy', 'training time', 'epoch time'].includes(quantity) &&
  attack?.name !== 'transfer';

/** Claims of one row: the same method, data, network and set-up in the same table. */
const rowKey = ({ paper, table, label, data, model, setting }: Claim): string =>
  JSON.stringify([paper, table, label, data, model, setting]);

/** 0.29 is 29 per cent, not 28.999999999999996. */
const percentOf = ({ value, unit }: Claim): number =>
  unit === 'fraction' ? Number((100 * value).toPrecision(12)) : value;

function figuresOf(claims: readonly Claim[]): Partial<Published> {
  const accuracies = claims.filter((c) => c.quantity === 'accuracy');
  const natural = accuracies.find((c) => !c.attack);
  const robust = accuracies.flatMap((c) => (c.attack ? [[c.attack.label, percentOf(c)] as const] : []));
  const time = claims.find((c) => c.quantity === 'training time');
  const epoch = claims.find((c) => c.quantity === 'epoch time');
  return {
    ...(natural && { natural: percentOf(natural) }),
    ...(robust.length > 0 && { robust: Object.fromEntries(robust) }),
    ...(time && { time: { value: time.value, unit: time.unit as 's' | 'min' } }),
    ...(epoch && { epochSeconds: epoch.value }),
  };
}

function publishedOf(claims: readonly Claim[]): Published {
  const { method, paper, table, label, data, model, setting, epsilon, backwardsPerBatch } = claims[0]!;
  return {
    ...{ method: method!, paper, table, row: label, data, model },
    ...(setting !== undefined && { setting }),
    epsilon,
    ...figuresOf(claims),
    ...(backwardsPerBatch !== undefined && { backwardsPerBatch }),
  };
}

function allPublished(): Published[] {
  const rows = new Map<string, Claim[]>();
  for (const claim of loadTables()
    .flatMap((t) => t.claims)
    .filter(isFigure))
    rows.set(rowKey(claim), [...(rows.get(rowKey(claim)) ?? []), claim]);
  return [...rows.values()].map(publishedOf);
}

export const published: readonly Published[] = allPublished();

/** Training time, in seconds. */
export const secondsOf = ({ time }: Published): number | undefined =>
  time && time.value * (time.unit === 'min' ? 60 : 1);

/**
 * RAT of the same paper on the same hardware and data: with the same network and set-up where it has that, else (eFGSM's
 * table 1) on the network that it has.
 */
export function ratOf(of: Published): Published | undefined {
  const rats = published.filter(
    (p) => p.method === 'pgd' && p.paper === of.paper && p.data === of.data && p.time !== undefined,
  );
  // GAAT's early-stopped rows are compared with all of RAT, as §5.3 does.
  const setting = of.paper === 'gaat' ? undefined : of.setting;
  const same = rats.find((p) => p.model === of.model && p.setting === setting);
  return same ?? (of.paper === 'efgsm' ? rats[0] : undefined);
}

/** 1 − time ÷ time of RAT, by the paper's own times. */
export function publishedSaving(of: Published): number | undefined {
  const rat = ratOf(of);
  const [own, against] = [secondsOf(of), rat && secondsOf(rat)];
  return own === undefined || against === undefined ? undefined : 1 - own / against;
}

/**
 * The row to put beside a method measured on MNIST: MNIST before CIFAR-10, its ε before another, one with accuracies, one with
 * a time that can be compared, the first.
 */
export function bestPublished(method: MethodName, epsilon: number): Published | undefined {
  const rank = (p: Published): number[] => [
    DATA.indexOf(p.data),
    p.epsilon === epsilon ? 0 : 1,
    p.robust ? 0 : 1,
    publishedSaving(p) === undefined ? 1 : 0,
  ];
  const compare = (a: Published, b: Published): number => {
    const [ra, rb] = [rank(a), rank(b)];
    const at = ra.findIndex((v, i) => v !== rb[i]);
    return at < 0 ? 0 : ra[at]! - rb[at]!;
  };
  return published.filter((p) => p.method === method).sort(compare)[0];
}
