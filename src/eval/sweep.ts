import { TouchstoneError } from '../errors.ts';
import type { Key } from '../random/index.ts';
import { type AttackName, type AttackParameters, type AttackSpec, attacks } from './attacks/index.ts';
import { addCosts, type Cost, costing, NOTHING, type ReadCounts } from './audit/plan.ts';
import type { NamedFinding } from './checks/run.ts';
import type { Classifier } from './classifier.ts';
import { gather, gatherLabels, type Images, imageSize } from './images.ts';
import { judgeSweep } from './sweep-findings.ts';
import type { SweepSetting } from './sweep-setting.ts';
import type { Norm } from './threat.ts';
import { type Oracle, predictAll, verify } from './verifier.ts';

export interface SweepOptions {
  readonly classifier: Classifier;
  /** Re-checks every success. @default the classifier's own word is taken */
  readonly oracle?: Oracle;
  /** @default nothing is counted */
  readonly counts?: ReadCounts;
  /** All images; those that are classified correctly are attacked. */
  readonly x: Images;
  readonly y: Int32Array;
  readonly norm: Norm;
  /** In pixel space; 0 is the clean accuracy. */
  readonly epsilons: readonly number[];
  /** How long the attack goes on: its steps, or the queries of one without gradients. */
  readonly steps: readonly number[];
  /** As multiples of ε. @default one that suits the steps: `defaultStepSize` */
  readonly stepSizes?: readonly number[];
  /** @default [1] */
  readonly restarts?: readonly number[];
  /** One whose parameters can be set. @default 'pgd' */
  readonly attack?: AttackName;
  /** Images that every cell attacks anew, the first ones that are classified correctly. @default 100 */
  readonly fresh?: number;
  readonly key: Key;
  /** Largest batch the oracle takes. @default 256 */
  readonly maxBatch?: number;
  readonly onProgress?: (stage: string, fraction: number) => void;
  /** Ends the sweep with an AbortError. */
  readonly signal?: AbortSignal;
}

export interface SweepCell extends Cost {
  readonly epsilon: number;
  readonly setting: SweepSetting;
  /** What the attack was told. */
  readonly parameters: AttackParameters;
  /** Images classified correctly that neither this attack nor one carried over breaks. */
  readonly standing: number;
  /** Images not attacked, as another cell's example counts here too. */
  readonly carried: number;
  readonly attacked: number;
  /** Claims that the oracle did not confirm. */
  readonly rejected: number;
  /** Of the sample that is attacked anew in every cell: how many stand. */
  readonly freshStanding: number;
}

export interface Sweep {
  readonly attack: AttackName;
  readonly norm: Norm;
  readonly n: number;
  /** Classified correctly. */
  readonly correct: number;
  /** Images of the sample that is attacked anew. */
  readonly fresh: number;
  /** By setting, then by rising ε. */
  readonly cells: readonly SweepCell[];
  readonly findings: readonly NamedFinding[];
}

/**
 * Enough to cross the ball and turn (Madry et al., arXiv:1706.06083, app. B: 2.5·ε/T), and one step of ε.
 *
 * @returns as a multiple of ε
 */
export const defaultStepSize = (steps: number): number => Math.min(1, 2.5 / steps);

/**
 * Robust accuracy over a grid of radii and settings of an attack.
 *
 * What one cell breaks is carried over to another, and not attacked there, where that is a theorem:
 * - to a larger ε at the same setting: the example lies in that ball, too;
 * - to more steps (queries, restarts) at the same ε, where the longer attack begins with the shorter one: the attack is one that
 *   goes on (`AttackSpec.continues`), with the same step size, and from a single start where the steps differ (later
 *   starts depend on who is left). The key is the same in all cells.
 *
 * Such accuracies cannot rise, whatever the model does. Whether they would is what masking shows in, so a sample is attacked
 * anew in every cell, and its numbers are judged: see sweep-findings.ts.
 *
 * @throws E_OPTION where the grid or the attack is none; an AbortError by the signal
 */
export async function sweep(options: SweepOptions): Promise<Sweep> {
  const { x, y, norm, classifier, oracle, maxBatch = 256, fresh = 100 } = options;
  const attack = options.attack ?? 'pgd';
  const settings = settingsOf(options, attack);
  const epsilons = ascending('ε', options.epsilons, 0);
  const judge: Oracle = oracle ?? { predict: (data, shape) => classifier.logits({ data, shape }) };
  const predicted = await predictAll(judge, x.data, x.shape, maxBatch);
  const correct = Array.from(y.keys()).filter((i) => predicted[i] === y[i]);
  const grid = new Grid(
    { ...options, attack, maxBatch },
    { x: gather(x, correct), y: gatherLabels(y, correct) },
  );

  const cells: SweepCell[] = [];
  /** Passes per image: how much of the work a cell is. */
  const workOf = ({ steps, restarts }: SweepSetting, epsilon: number) =>
    epsilon === 0 ? 0 : steps * (restarts ?? 1);
  const total = settings.reduce((sum, s) => epsilons.reduce((part, e) => part + workOf(s, e), sum), 0);
  let done = 0;
  /** By setting and ε: which of the correct images are broken, carried over or not, and which of the sample anew. */
  const broken: boolean[][][] = [];
  const anew: boolean[][][] = [];
  const sample = Math.min(fresh, correct.length);
  for (const [s, setting] of settings.entries()) {
    const column: boolean[][] = [];
    broken.push(column);
    anew.push([]);
    const shorter = broken.filter((_, o) => o < s && goesOn(attacks[attack], settings[o]!, setting));
    for (const [e, epsilon] of epsilons.entries()) {
      options.signal?.throwIfAborted();
      const lists = [...column.slice(-1), ...shorter.map((other) => other[e]!)];
      const carried = correct.map((_, i) => lists.some((list) => list[i]));
      const where = `ε ${Number(epsilon.toPrecision(4))}, ${setting.steps} steps`;
      const work = workOf(setting, epsilon);
      const onProgress = (fraction: number) =>
        options.onProgress?.(where, (done + fraction * work) / Math.max(1, total));
      const cell = await grid.cell(setting, epsilon, carried, sample, onProgress);
      done += work;
      onProgress(0);
      column.push(cell.broken);
      anew[s]!.push(cell.anew);
      cells.push(cell.figures);
    }
  }
  const whole = { linf: 1, l2: Math.sqrt(imageSize(x)), l1: imageSize(x) }[norm];
  const findings = judgeSweep({ epsilons, settings, broken, anew, whole });
  return { attack, norm, n: y.length, correct: correct.length, fresh: sample, cells, findings };
}

/** Whether the second setting's run begins with the whole of the first's. */
function goesOn({ continues = false }: AttackSpec, less: SweepSetting, more: SweepSetting): boolean {
  return (
    continues &&
    less.stepSize === more.stepSize &&
    less.steps <= more.steps &&
    (less.restarts ?? 1) <= (more.restarts ?? 1) &&
    (less.steps === more.steps || (less.restarts ?? 1) === 1)
  );
}

/** Distinct numbers, rising. @throws E_OPTION for none, and for one below `least` */
function ascending(what: string, values: readonly number[], least: number): number[] {
  const wrong = values.find((v) => !(Number.isFinite(v) && v >= least));
  if (values.length === 0 || wrong !== undefined)
    throw new TouchstoneError(
      'E_OPTION',
      values.length === 0 ? `no ${what}` : `${what} of ${wrong}`,
      `${least} or more`,
    );
  return [...new Set(values)].sort((a, b) => a - b);
}

/** The columns of the grid, from the cheapest. @throws E_OPTION where the attack does not heed a parameter */
function settingsOf({ norm, steps, stepSizes, restarts }: SweepOptions, name: AttackName): SweepSetting[] {
  const spec: AttackSpec = attacks[name];
  const heeded = spec.defaults({ norm, epsilon: 1 });
  const able = Object.values(attacks as Record<string, AttackSpec>).filter(
    (a) => lengthOf(a, norm) !== undefined && a.norms.includes(norm),
  );
  if (!able.includes(spec))
    throw new TouchstoneError(
      'E_OPTION',
      `a sweep of ${name}${spec.norms.includes(norm) ? '' : ` under ${norm}`}`,
      able.map((a) => a.name).join(', '),
    );
  for (const [option, given] of [
    ['stepSize', stepSizes],
    ['restarts', restarts],
  ] as const)
    if (given && !Object.hasOwn(heeded, option))
      throw new TouchstoneError(
        'E_OPTION',
        `${option} for attack ${name}`,
        'none, as it has no such parameter',
      );
  const counts = Object.hasOwn(heeded, 'restarts') ? ascending('restarts', restarts ?? [1], 1) : [null];
  const sizes = stepSizes && ascending('step size', stepSizes, Number.MIN_VALUE);
  const lengths = ascending('steps', steps, 1);
  return counts.flatMap((r) =>
    (sizes ?? [undefined]).flatMap((size) =>
      lengths.map((length) => ({
        steps: length,
        stepSize: Object.hasOwn(heeded, 'stepSize') ? (size ?? defaultStepSize(length)) : null,
        restarts: r,
      })),
    ),
  );
}

/** The parameter that says how long an attack goes on. */
function lengthOf(spec: AttackSpec, norm: Norm): 'steps' | 'queries' | undefined {
  if (!spec.tunable) return undefined;
  const heeded = spec.defaults({ norm, epsilon: 1 });
  return (['steps', 'queries'] as const).find((name) => Object.hasOwn(heeded, name));
}

interface CellOutcome {
  readonly figures: SweepCell;
  readonly broken: boolean[];
  readonly anew: boolean[];
}

interface Targets {
  readonly x: Images;
  readonly y: Int32Array;
}

/** Attacks the images of a cell. */
class Grid {
  readonly #options: SweepOptions & { readonly attack: AttackName; readonly maxBatch: number };
  readonly #targets: Targets;

  /** @param targets images that are classified correctly */
  constructor(options: SweepOptions & { attack: AttackName; maxBatch: number }, targets: Targets) {
    this.#options = options;
    this.#targets = targets;
  }

  async cell(
    setting: SweepSetting,
    epsilon: number,
    carried: readonly boolean[],
    sample: number,
    onProgress: (fraction: number) => void,
  ): Promise<CellOutcome> {
    const parameters = this.#parameters(setting, epsilon);
    const left = carried.flatMap((c, i) => (c ? [] : [i]));
    const again = carried.flatMap((c, i) => (c && i < sample ? [i] : []));
    const share = left.length / Math.max(1, left.length + again.length);
    const main = await this.#attack(left, epsilon, parameters, 'grid', (f) => onProgress(f * share));
    const extra = await this.#attack(again, epsilon, parameters, 'anew', (f) =>
      onProgress(share + f * (1 - share)),
    );
    const broken = carried.map((c, i) => c || main.broken.has(i));
    const anew = broken.slice(0, sample).map((_, i) => main.broken.has(i) || extra.broken.has(i));
    const standing = (list: readonly boolean[]) => list.filter((b) => !b).length;
    const figures = {
      epsilon,
      setting,
      parameters,
      standing: standing(broken),
      carried: carried.length - left.length,
      attacked: epsilon === 0 ? 0 : left.length,
      rejected: main.rejected + extra.rejected,
      freshStanding: standing(anew),
      ...addCosts(main.cost, extra.cost),
    };
    return { figures, broken, anew };
  }

  #parameters({ steps, stepSize, restarts }: SweepSetting, epsilon: number): AttackParameters {
    const { attack, norm } = this.#options;
    const defaults = attacks[attack].defaults(
      { norm, epsilon: epsilon || 1 },
      this.#options.classifier.classes,
    );
    return {
      ...defaults,
      [lengthOf(attacks[attack], norm)!]: steps,
      ...(stepSize !== null && { stepSize: stepSize * epsilon }),
      ...(restarts !== null && { restarts }),
    };
  }

  /** @returns which of the images the attack breaks, as the oracle confirms */
  async #attack(
    indices: readonly number[],
    epsilon: number,
    parameters: AttackParameters,
    use: string,
    onProgress: (fraction: number) => void,
  ): Promise<{ broken: ReadonlySet<number>; rejected: number; cost: Cost }> {
    const { classifier, oracle, norm, key, signal, attack, maxBatch } = this.#options;
    const counts = this.#options.counts ?? (() => ({ forwardImages: 0, backwardImages: 0 }));
    if (indices.length === 0 || epsilon === 0) return { broken: new Set(), rejected: 0, cost: NOTHING };
    const x = gather(this.#targets.x, indices);
    const y = gatherLabels(this.#targets.y, indices);
    const threat = { norm, epsilon };
    const input = {
      classifier,
      x,
      y,
      threat,
      parameters,
      key: key.fold(use),
      onProgress,
      ...(signal && { signal }),
    };
    const { value: output, cost } = await costing(counts, () => attacks[attack].run(input));
    signal?.throwIfAborted(); // an attack that was cut short is none
    const claims = output.broken.flatMap((b, i) => (b ? [i] : []));
    if (!oracle) return { broken: new Set(claims.map((c) => indices[c]!)), rejected: 0, cost };
    const claim = {
      x: gather(x, claims).data,
      adversarial: gather({ data: output.adversarial, shape: x.shape }, claims).data,
      y: gatherLabels(y, claims),
      shape: [claims.length, ...x.shape.slice(1)],
    };
    const { confirmed, rejected } = await verify(oracle, claim, threat, {
      alone: false,
      batchSize: maxBatch,
    });
    const verified = claims.filter((_, c) => confirmed[c]).map((c) => indices[c]!);
    return { broken: new Set(verified), rejected, cost };
  }
}
