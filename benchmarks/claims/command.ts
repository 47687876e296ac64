/** What a person types to measure a claim's number here. */
import { epsilonText } from '../../src/report/format.ts';
import { saveName } from '../keep.ts';
import { type Claim, isTime } from './load.ts';
import { DATA_OPTION, oursOf } from './ours.ts';
import { isDataDependent } from './passes.ts';

const slug = (text: string): string => text.replaceAll(/[^\w.+-]+/g, '-');

/** The run's folder: the recipe, and what the row says beside it. */
const folderOf = ({ recipe, options, data }: Claim): string =>
  `runs/claims/${slug([recipe, data === 'CIFAR-100' && 'cifar100', ...Object.entries(options).flat()].filter(Boolean).join('-'))}`;

function training(claim: Claim): string {
  const options = Object.entries(claim.options).map(([flag, value]) => `--${flag} ${value}`);
  const data = `--data ${DATA_OPTION[claim.data]}`;
  return ['touchstone train', `--recipe ${claim.recipe}`, ...options, data, `--out ${folderOf(claim)}`].join(
    ' ',
  );
}

function attacking(claim: Claim): string {
  const folder = folderOf(claim);
  const { name = 'fgsm', steps, stepSize } = claim.attack ?? {};
  const common = `--data ${DATA_OPTION[claim.data]} --eps ${epsilonText(claim.epsilon)}`;
  const strength = [
    ...(steps && name !== 'pgd-adp' ? [`--steps ${steps}`] : []),
    ...(stepSize ? [`--step-size ${epsilonText(stepSize)}`] : []),
  ].join(' ');
  if (name === 'transfer')
    return `touchstone transfer --target ${folder}/checkpoint.onnx --sources OTHER.onnx ${common} --attacks pgd ${strength} --limit 10000 --out ${folder}/transfer`;
  return ['touchstone audit', `${folder}/checkpoint.onnx`, common, `--attacks ${name}`, strength]
    .concat('--limit 10000', `--out ${folder}/audit`)
    .filter(Boolean)
    .join(' ');
}

/** Times are compared by phases, on the row's network and its yardstick's; where the data decide, by whole runs. */
function timing(claim: Claim, yardstick: Claim): readonly string[] | null {
  const [own, other] = [oursOf(claim), oursOf(yardstick)];
  if (!own || !other) return null;
  if (isDataDependent(own) || isDataDependent(other)) return [training(claim), training(yardstick)];
  const list = (names: readonly string[]) => [...new Set(names)].join(',');
  const models = list([own.model, other.model]);
  const methods = list(['natural', other.method, own.method]);
  return [
    `touchstone bench phases --models ${models} --methods ${methods} --save ${saveName(`phases-${models}-${methods}`)}`,
  ];
}

/**
 * Commands, one after another.
 *
 * @param yardstick what a time is compared with
 * @returns null where nothing here can
 */
export function commandOf(claim: Claim, yardstick?: Claim): readonly string[] | null {
  if (oursOf(claim) === null) return null;
  if (isTime(claim)) return yardstick ? timing(claim, yardstick) : null;
  return claim.quantity === 'accuracy' ? [training(claim), attacking(claim)] : [training(claim)];
}
