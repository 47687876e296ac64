import type { Evidence } from './check.ts';
import { attackAnew, mainParameters } from './fresh.ts';

/** Per image, whether FGSM broke it, and whether PGD did. */
export interface OneAndMany {
  readonly one: readonly boolean[];
  readonly many: readonly boolean[];
  /** How many were misclassified as they are, and stand in both lists. */
  readonly wrong: number;
}

/** Two checks ask the same of an audit. */
const asked = new WeakMap<Evidence, Promise<OneAndMany | undefined>>();

/** What the audit's attacks did, each of which saw all images; where one of them did not run, both anew on the sample. */
export function oneAndMany(evidence: Evidence): Promise<OneAndMany | undefined> {
  const lists = asked.get(evidence) ?? listsOf(evidence);
  asked.set(evidence, lists);
  return lists;
}

async function listsOf(evidence: Evidence): Promise<OneAndMany | undefined> {
  const { broken, threat, y, sweep } = evidence;
  const [one, many] = [broken.get('fgsm'), broken.get('pgd')];
  if (one && many) {
    const clean = sweep.find((point) => point.epsilon === 0)?.robustAccuracy ?? 1;
    return { one, many, wrong: Math.round((1 - clean) * one.length) };
  }
  if (!threat || y.length === 0) return undefined;
  const parameters = { ...mainParameters({ ...evidence, threat }), restarts: 1 };
  const fresh = {
    one: await attackAnew(evidence, 'fgsm', { threat, parameters: {}, use: 'one step' }),
    many: await attackAnew(evidence, 'pgd', { threat, parameters, use: 'many steps' }),
  };
  return fresh.one && fresh.many && { one: fresh.one, many: fresh.many, wrong: 0 };
}
