import { TouchstoneError } from '../errors.ts';

/** What a model wants done to pixels in [0, 1] first: (x − mean)/std, one value per channel or one for all. */
export interface Preprocessing {
  readonly mean: readonly number[];
  readonly std: readonly number[];
}

/**
 * What training scripts use, by name. Means and deviations are those of the training sets' pixels, as torchvision's
 * ImageNet recipes and the usual CIFAR and MNIST scripts state them.
 */
export const preprocessings = {
  '0..1': { mean: [0], std: [1] },
  '0..255': { mean: [0], std: [1 / 255] },
  '-1..1': { mean: [0.5], std: [0.5] },
  imagenet: { mean: [0.485, 0.456, 0.406], std: [0.229, 0.224, 0.225] },
  cifar10: { mean: [0.4914, 0.4822, 0.4465], std: [0.247, 0.2435, 0.2616] },
  cifar100: { mean: [0.5071, 0.4867, 0.4408], std: [0.2675, 0.2565, 0.2761] },
  mnist: { mean: [0.1307], std: [0.3081] },
  fashion: { mean: [0.286], std: [0.353] },
} as const satisfies Record<string, Preprocessing>;

export type PreprocessingName = keyof typeof preprocessings;

const isName = (name: string): name is PreprocessingName => Object.hasOwn(preprocessings, name);

/**
 * A preprocessing by name, or written out: `mean=0.5,0.5,0.5/std=0.2,0.2,0.2`.
 *
 * @throws E_OPTION where it is neither
 */
export function parsePreprocessing(text: string): Preprocessing {
  if (isName(text)) return preprocessings[text];
  const match = /^mean=([^/]+)\/std=([^/]+)$/.exec(text);
  const list = (part: string | undefined) =>
    (part ?? '').split(',').map((v) => (v.trim() === '' ? Number.NaN : Number(v)));
  const [mean, std] = [list(match?.[1]), list(match?.[2])];
  const valid = mean.every(Number.isFinite) && std.every((s) => Number.isFinite(s) && s !== 0);
  if (match && valid && mean.length === std.length) return { mean, std };
  throw new TouchstoneError(
    'E_OPTION',
    `--preprocess ${text}`,
    `${Object.keys(preprocessings).join(', ')}, or mean=a,b,c/std=a,b,c`,
  );
}

/** One value per channel. @throws E_OPTION where their number is another */
export function perChannel({ mean, std }: Preprocessing, channels: number): Preprocessing {
  if (mean.length === channels) return { mean, std };
  if (mean.length !== 1)
    throw new TouchstoneError(
      'E_OPTION',
      `a preprocessing of ${mean.length} channels`,
      `${channels}, as the images have`,
    );
  const wide = (v: readonly number[]) => new Array<number>(channels).fill(v[0]!);
  return { mean: wide(mean), std: wide(std) };
}

/** (x − mean)/std of images `[N, C, H, W]`, rounded once. */
export function preprocess(
  data: Float32Array,
  [n, c, ...pixels]: readonly number[],
  { mean, std }: Preprocessing,
): Float32Array {
  const size = pixels.reduce((a, b) => a * b, 1);
  const out = new Float32Array(data.length);
  for (let i = 0; i < n!; i++)
    for (let k = 0; k < c!; k++) {
      const from = (i * c! + k) * size;
      for (let p = from; p < from + size; p++) out[p] = (data[p]! - mean[k]!) / std[k]!;
    }
  return out;
}
