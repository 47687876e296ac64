import type { Norm } from '../threat.ts';
import type { AttackParameters } from './attack.ts';
import type { AttackName } from './index.ts';

/** An attack of an ensemble, on what those before it have left. What its parameters leave out is as it is by itself. */
export interface EnsembleStage {
  readonly attack: AttackName;
  readonly parameters: AttackParameters;
  /** Passes that a gradient is the mean of (eot.ts). @default 1 */
  readonly eot?: number;
}

const steps = 100;
const fabT: EnsembleStage = { attack: 'fab-t', parameters: { steps, restarts: 1, targets: 9 } };
const square: EnsembleStage = { attack: 'square', parameters: { queries: 5000 } };

/**
 * AutoAttack's ensembles of attacks that have nothing to tune, as the authors' code sets them: Croce and Hein, arXiv:2003.01690, §6;
 * under L1 arXiv:2103.01208, §4.
 *
 * `plus` and `rand` are not meant for L1 (the authors' code warns); here they run as under the other norms, with the three radii of
 * L1's APGD.
 */
export const ensembles = {
  /** What robust accuracies are compared by. */
  standard: (norm) =>
    norm === 'l1'
      ? [
          { attack: 'apgd-ce', parameters: { steps, restarts: 5 } },
          { attack: 'apgd-t', parameters: { steps, restarts: 1, targets: 5 } },
          fabT,
          square,
        ]
      : [
          { attack: 'apgd-ce', parameters: { steps, restarts: 1 } },
          { attack: 'apgd-t', parameters: { steps, restarts: 1, targets: 9 } },
          fabT,
          square,
        ],

  /** More restarts, and the attacks without a target, too. */
  plus: () => [
    { attack: 'apgd-ce', parameters: { steps, restarts: 5 } },
    { attack: 'apgd-dlr', parameters: { steps, restarts: 5 } },
    { attack: 'fab', parameters: { steps, restarts: 5 } },
    square,
    { attack: 'apgd-t', parameters: { steps, restarts: 1, targets: 9 } },
    fabT,
  ],

  /** For models that answer by chance. */
  rand: () => [
    { attack: 'apgd-ce', parameters: { steps, restarts: 1 }, eot: 20 },
    { attack: 'apgd-dlr', parameters: { steps, restarts: 1 }, eot: 20 },
  ],
} as const satisfies Record<string, (norm: Norm) => readonly EnsembleStage[]>;

export type EnsembleName = keyof typeof ensembles;
