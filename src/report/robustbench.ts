/** An audit as an entry of RobustBench's `model_info`: the field names and the way numbers are written are theirs. */
import { epsilonText, fileName } from './format.ts';
import type { Result } from './schema.ts';

export interface RobustBenchEntry {
  readonly link: string;
  readonly name: string;
  readonly authors: string;
  readonly additional_data: boolean | null;
  readonly number_forward_passes: number;
  readonly dataset: string;
  readonly venue: string;
  readonly architecture: string;
  readonly eps: string;
  /** Per cent, two decimals. */
  readonly clean_acc: string;
  readonly reported: string;
  /** Under AutoAttack's standard ensemble; absent where another list was run. */
  readonly autoattack_acc?: string;
  /** Under other attacks, where that is what was run. */
  readonly external?: string;
  readonly footnote: string;
  readonly unreliable?: true;
}

/** What AutoAttack's standard ensemble is made of, in its order. */
const STANDARD = ['apgd-ce', 'apgd-t', 'fab-t', 'square'];

const percentOf = (share: number): string => (100 * share).toFixed(2);

/** What an audit cannot know (link, authors, venue, whether more data was used) is left for a person to fill in. */
export function robustBenchEntry(result: Result): RobustBenchEntry {
  const { attacks, clean, data, model, robust, robustAccuracy, threat, verdict, verifier } = result;
  const finished = attacks.every((attack) => attack.error === undefined);
  const standard =
    finished &&
    attacks.length === STANDARD.length &&
    attacks.every((attack, i) => attack.name === STANDARD[i] && attack.survivors === true);
  const accuracy = percentOf(robustAccuracy);
  const doubted = !verifier.ok || !finished || verdict?.belief === 'not believable';
  const by = standard ? 'AutoAttack (standard)' : attacks.map((attack) => attack.name).join(', ');
  return {
    link: '',
    name: fileName(model.path),
    authors: '',
    additional_data: null,
    number_forward_passes: 1,
    dataset: data.name,
    venue: '',
    architecture: String(result.training?.recipe.model ?? ''),
    eps: epsilonText(threat.epsilon),
    clean_acc: percentOf(clean.accuracy),
    reported: accuracy,
    ...(standard ? { autoattack_acc: accuracy } : { external: accuracy }),
    footnote: `${by} on the first ${robust.n} of ${data.n} ${data.split} images, clean accuracy on all; Touchstone ${result.tool.version}, SHA-256 ${model.sha256.slice(0, 12)}.`,
    ...(doubted && { unreliable: true as const }),
  };
}
