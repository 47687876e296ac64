import { TouchstoneError } from '../errors.ts';
import {
  type AttackName,
  type AttackParameters,
  type AttackSpec,
  adaptivePlan,
  attacks,
  type EnsembleName,
  type EnsembleStage,
  ensembles,
  type ModelCard,
  type Stage,
  type Threat,
} from '../eval/index.ts';

export interface StageOptions {
  /** As `--attacks` has them. @default all that know the norm, but for the dear ones */
  readonly attacks?: readonly string[] | undefined;
  /** In place of the attacks' own, where they heed them. */
  readonly parameters?: AttackParameters | undefined;
  readonly threat: Threat;
  /** Passes that each gradient is averaged over. @default as the ensemble has it, else 1 */
  readonly eot?: number | undefined;
}

/** What an audit will do, and why where it chose for itself. */
export interface StagePlan {
  readonly stages: readonly Stage[];
  readonly why: readonly string[];
}

/** AutoAttack's, by the name that `--attacks` takes. */
const ENSEMBLES: Readonly<Record<string, EnsembleName>> = {
  autoattack: 'standard',
  'autoattack-plus': 'plus',
  'autoattack-rand': 'rand',
};
const AUTO = 'auto';

/** What an audit runs where nothing is said: what takes seconds for a thousand images. */
const USUAL: readonly AttackName[] = ['noise', 'fgsm', 'gaat', 'pgd', 'pgd-margin'];

const isWhole = (name: string): boolean => name === AUTO || Object.hasOwn(ENSEMBLES, name);

/**
 * What can be said before a model is read.
 *
 * @returns the names, each once
 * @throws E_OPTION for an attack that does not exist or does not know the norm, for an ensemble that is not by itself
 */
export function attackNames({ attacks: wanted, threat }: StageOptions): string[] {
  if (wanted?.length === 0)
    throw new TouchstoneError('E_OPTION', 'an empty list of attacks', choices(threat));
  const names = [...new Set(wanted ?? USUAL.filter((name) => attacks[name].norms.includes(threat.norm)))];
  const whole = names.find(isWhole);
  if (whole !== undefined && names.length > 1)
    throw new TouchstoneError(
      'E_OPTION',
      `${whole} beside other attacks`,
      `${whole} alone: it is a list itself`,
    );
  for (const name of names) {
    if (isWhole(name)) continue;
    if (!Object.hasOwn(attacks, name))
      throw new TouchstoneError('E_OPTION', `unknown attack "${name}"`, choices(threat));
    if (!specOf(name as AttackName).norms.includes(threat.norm))
      throw new TouchstoneError('E_OPTION', `attack "${name}" has no ${threat.norm} form`, choices(threat));
  }
  return names;
}

/** @throws E_OPTION as {@link attackNames}, and for an attack that needs more classes */
export function stagesOf(options: StageOptions, card: ModelCard): StagePlan {
  const { threat, eot } = options;
  const names = attackNames(options);
  const [whole] = names.filter(isWhole);
  if (whole === AUTO) {
    const plan = adaptivePlan({ card, norm: threat.norm });
    return { stages: plan.attacks.map((stage) => stageOf(stage, options, card, true)), why: plan.why };
  }
  if (whole !== undefined) {
    const all: readonly EnsembleStage[] = ensembles[ENSEMBLES[whole]!](threat.norm);
    const able = all.filter(({ attack }) => card.classes >= (specOf(attack).minClasses ?? 2));
    const why = all
      .filter((stage) => !able.includes(stage))
      .map(({ attack }) => `${attack} is left out: it needs ${specOf(attack).minClasses} classes.`);
    return { stages: able.map((stage) => stageOf(stage, options, card, true)), why };
  }
  const stages = names.map((name) => {
    const attack = suited(name as AttackName, card);
    return stageOf({ attack, parameters: {}, ...(eot !== undefined && { eot }) }, options, card, false);
  });
  return { stages, why: [] };
}

const specOf = (name: AttackName): AttackSpec => attacks[name];

const choices = ({ norm }: Threat): string => {
  const able = (Object.keys(attacks) as AttackName[]).filter((name) => attacks[name].norms.includes(norm));
  return [...able, ...Object.keys(ENSEMBLES), AUTO].join(', ');
};

/** @throws E_OPTION where the model has too few classes for it */
function suited(attack: AttackName, { classes }: ModelCard): AttackName {
  const { minClasses = 2 } = specOf(attack);
  if (classes >= minClasses) return attack;
  throw new TouchstoneError(
    'E_OPTION',
    `attack "${attack}" on ${classes} classes`,
    `${minClasses} at least`,
    'use pgd-margin',
  );
}

/** The attack's defaults, what the ensemble sets, and what is given: the last of these wins. */
function stageOf(
  { attack, parameters, eot: own }: EnsembleStage,
  { threat, parameters: given = {}, eot = own }: StageOptions,
  { classes }: ModelCard,
  survivors: boolean,
): Stage {
  const spec = specOf(attack);
  const defaults = { ...spec.defaults(threat, classes), ...parameters };
  // An ensemble has nothing to tune: that is what it is for.
  const heeded = spec.tunable && !survivors ? given : {};
  const chosen = Object.entries(heeded).filter(([name]) => Object.hasOwn(defaults, name));
  return {
    attack,
    parameters: { ...defaults, ...Object.fromEntries(chosen) },
    ...(survivors && { survivors }),
    ...(eot !== undefined && eot > 1 && { eot }),
  };
}
