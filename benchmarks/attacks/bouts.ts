/** What is compared: each attack at settings that are equal for all, and who has it. */
import type { AttackName, AttackParameters, Threat } from '../../src/eval/index.ts';

export const TOOLS = ['touchstone', 'torchattacks', 'foolbox', 'art', 'autoattack'] as const;
export type ToolName = (typeof TOOLS)[number];

/** As people know them. */
export const TITLES: Readonly<Record<ToolName, string>> = {
  touchstone: 'touchstone',
  torchattacks: 'torchattacks',
  foolbox: 'Foolbox',
  art: 'ART',
  autoattack: 'AutoAttack',
};

/** An attack at settings that do not depend on the radius. */
export interface Bout {
  readonly attack: AttackName;
  readonly norm: 'linf' | 'l2';
  readonly about: string;
  readonly steps?: number;
  /** In radii. */
  readonly stepSize?: number;
  readonly queries?: number;
  /** Looks for the nearest boundary, wherever that is. @default it keeps within the radius */
  readonly unbounded?: boolean;
  readonly tools: readonly ToolName[];
  /** Backward passes per image, or as much work, about: what is not known yet is expected to take so long. */
  readonly work: number;
}

const FIRST_ORDER = ['touchstone', 'torchattacks', 'foolbox', 'art'] as const;
const AUTHORS = ['touchstone', 'torchattacks', 'autoattack'] as const;

/** Steps of 2.5·ε ÷ T reach every corner of the ball: Madry et al., arXiv:1706.06083, appendix. */
const pgd = (steps: number, norm: 'linf' | 'l2' = 'linf'): Bout => ({
  attack: 'pgd',
  norm,
  about: `${steps} steps of 2.5·ε ÷ ${steps}, one random start`,
  steps,
  stepSize: 2.5 / steps,
  tools: FIRST_ORDER,
  work: steps,
});

const apgd = (steps: number): Bout => ({
  attack: 'apgd-ce',
  norm: 'linf',
  about: `Auto-PGD on the cross-entropy, ${steps} steps, one start`,
  steps,
  tools: AUTHORS,
  work: steps,
});

/** Classes that an image's boundaries are looked for among, besides its own. */
const RIVALS = 9;

/** By the name that `--attacks` takes. */
export const BOUTS = {
  fgsm: {
    attack: 'fgsm',
    norm: 'linf',
    about: 'one step of ε from the clean image',
    tools: FIRST_ORDER,
    work: 1,
  },
  'pgd-10': pgd(10),
  'pgd-40': pgd(40),
  'pgd-100': pgd(100),
  'pgd-40-l2': pgd(40, 'l2'),
  'apgd-100': apgd(100),
  'square-500': {
    attack: 'square',
    norm: 'linf',
    about: '500 queries, no gradients; squares as large as in a search of 10,000',
    queries: 500,
    // ART's squares shrink with the share of the queries that are over, and it passes an image three times for each.
    tools: AUTHORS,
    work: 170,
  },
  'deepfool-l2': {
    attack: 'deepfool',
    norm: 'l2',
    about: '20 steps at most, among 10 classes, overshot by 0.02; broken where within ε',
    steps: 20,
    unbounded: true,
    tools: FIRST_ORDER,
    work: 20 * RIVALS,
  },
  'fab-20': {
    attack: 'fab',
    norm: 'linf',
    about: '20 steps, all boundaries in each; broken where within ε',
    steps: 20,
    unbounded: true,
    tools: AUTHORS,
    work: 20 * RIVALS,
  },
} as const satisfies Record<string, Bout>;
export type BoutName = keyof typeof BOUTS;
export const boutNames = Object.keys(BOUTS) as BoutName[];

/** The curve: robust accuracy against backward passes. */
export const STEPS = [1, 2, 5, 10, 20, 50, 100] as const;
export const CURVES = { pgd, 'apgd-ce': apgd } as const satisfies Record<string, (steps: number) => Bout>;
export type CurveName = keyof typeof CURVES;

/**
 * The L2 radius that goes with an L∞ one: ε·√d ÷ 4 of d pixels, 0.44 for 8/255 on CIFAR's images, 0.7 for 0.1 on MNIST's.
 *
 * @param epsilon of L∞, in pixel space
 */
export function threatOf({ norm }: Pick<Bout, 'norm'>, epsilon: number, pixels: number): Threat {
  return { norm, epsilon: norm === 'linf' ? epsilon : (epsilon * Math.sqrt(pixels)) / 4 };
}

/** As our attacks take them, in pixel space. */
export function parametersOf(bout: Bout, { epsilon }: Threat): AttackParameters {
  const { steps, stepSize, queries } = bout;
  return {
    ...(steps !== undefined && { steps }),
    ...(stepSize !== undefined && { stepSize: stepSize * epsilon }),
    ...(queries !== undefined && { queries }),
    restarts: 1,
  };
}
