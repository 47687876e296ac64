/** What the papers measured, as they printed it: per cent, and times in their own units. A row here is a row of a table there. */
import type { MethodName } from '../../src/train/index.ts';

export const PAPERS = {
  gaat: 'Gong, Reducing Adversarial Training Cost with Gradient Approximation, arXiv:2309.09464',
  deat: 'Wang et al., Gradient-Guided Dynamic Efficient Adversarial Training',
  'free-vs-fast': 'Capaldi, Capozzi, Free vs Fast Adversarial Training (2020)',
  efgsm: 'Chen, Lee, Towards Fast and Robust Adversarial Training for Image Classification, ACCV 2020',
} as const;
export type PaperName = keyof typeof PAPERS;

type DataName = 'MNIST' | 'CIFAR-10' | 'CIFAR-100';

export interface Published {
  readonly method: MethodName;
  readonly paper: PaperName;
  /** As it is numbered there; a section where it is not. */
  readonly table: string;
  /** The name of the row, as printed. */
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

const minutes = (value: number) => ({ value, unit: 'min' }) as const;
const seconds = (value: number) => ({ value, unit: 's' }) as const;

const CIFAR = 8 / 255;

/** Table 1: minutes of standard training and of RAT, 200 epochs. */
const gaat1: Published[] = (
  [
    ['VGGNet-16', 31, 421],
    ['ResNet-18', 17, 189],
    ['ResNet-50', 41, 563],
    ['WideResNet-28x4', 94, 1345],
  ] as const
).flatMap(([model, standard, rat]) => {
  const common = { paper: 'gaat', table: 'table 1', data: 'CIFAR-10', model, epsilon: CIFAR } as const;
  return [
    { method: 'natural', row: 'Std Training', time: minutes(standard), backwardsPerBatch: 1, ...common },
    { method: 'pgd', row: 'RAT', time: minutes(rat), backwardsPerBatch: 11, ...common },
  ] as const;
});

type Figures = readonly [minutes: number, natural: number, adversarial: number];

/** Table 2, RAT's and GAAT's rows. */
const gaat2: Published[] = (
  [
    ['CIFAR-10', 'VGGNet-16', [421, 87.0, 46.64], [226, 89.05, 45.5]],
    ['CIFAR-10', 'ResNet-18', [189, 82.54, 42.1], [132, 85.49, 41.39]],
    ['CIFAR-10', 'ResNet-50', [563, 86.6, 46.26], [277, 87.83, 44.54]],
    ['CIFAR-10', 'WideResNet-28x4', [1345, 87.72, 47.07], [537, 90.34, 46.27]],
    ['CIFAR-100', 'ResNet-18', [189, 58.24, 11.55], [133, 59.58, 9.9]],
    ['CIFAR-100', 'ResNet-50', [564, 63.86, 15.3], [273, 66.66, 13.25]],
    ['MNIST', 'Convolutional ReLU', [32, 99.31, 96.13], [28, 99.3, 95.13]],
  ] as [DataName, string, Figures, Figures][]
).flatMap(([data, model, rat, gaat]) => {
  const mnist = data === 'MNIST';
  const common = { paper: 'gaat', table: 'table 2', data, model, epsilon: mnist ? 0.1 : CIFAR } as const;
  const figures = ([time, natural, PGD]: Figures) => ({ time: minutes(time), natural, robust: { PGD } });
  return [
    { method: 'pgd', row: 'RAT', backwardsPerBatch: mnist ? 101 : 11, ...common, ...figures(rat) },
    { method: 'gaat', row: 'GAAT', ...common, ...figures(gaat) },
  ] satisfies Published[];
});

/** Table 4: ResNet-50 on CIFAR-10, without early stopping and with it. */
const gaat4: Published[] = (
  [
    ['pgd', 'RAT', [563, 86.6, 46.26], [479, 87.24, 46.33]],
    ['gaat', 'GAAT', [277, 87.83, 44.54], [167, 88.53, 45.23]],
    ['dat', 'DAT', [307, 86.82, 43.08], [233, 87.04, 44.93]],
    ['dat+gaat', 'DAT+GAAT', [159, 88.48, 42.32], [119, 88.66, 42.73]],
  ] as [MethodName, string, Figures, Figures][]
).flatMap(([method, row, whole, early]) =>
  [whole, early].map(([time, natural, PGD], i) => ({
    ...{ method, row, paper: 'gaat', table: 'table 4', data: 'CIFAR-10', model: 'ResNet-50' },
    ...(i === 1 && { setting: 'early stopping' }),
    ...{ epsilon: CIFAR, natural, robust: { PGD }, time: minutes(time) },
  })),
) as Published[];

type DeatRow = readonly [
  method: MethodName,
  row: string,
  natural: number,
  fgsm: number | null,
  pgd100: number,
  cw20: number,
  minutes: number,
  backwardsPerBatch?: number,
];

const deatTable = (
  table: string,
  set: Pick<Published, 'model' | 'setting'>,
  rows: readonly DeatRow[],
): Published[] =>
  rows.map(([method, row, natural, fgsm, pgd, cw, time, backwardsPerBatch]) => ({
    ...{ method, paper: 'deat', table, row, data: 'CIFAR-10', ...set, epsilon: CIFAR, natural },
    robust: { ...(fgsm !== null && { FGSM: fgsm }), 'PGD-100': pgd, 'CW-20': cw },
    time: minutes(time),
    ...(backwardsPerBatch !== undefined && { backwardsPerBatch }),
  }));

const cyclic = { model: 'PreAct-ResNet 18', setting: 'cyclic, 10 to 12 epochs' } as const;
const standard = { model: 'PreAct-ResNet 18', setting: 'multi-step, 50 epochs' } as const;
const wide = { model: 'Wide-ResNet 34', setting: 'cyclic, 10 to 12 epochs' } as const;

/** #BP as §3 has it: (i + 1)MT of PGD-i, 2MT of U-FGSM, as many as replays of FREE. */
const deat: Published[] = [
  ...deatTable('table 1', cyclic, [
    ['deat', 'DEAT-3', 80.09, 49.75, 42.94, 42.26, 5.8],
    ['deat', 'DEAT-40%', 79.52, 48.64, 42.81, 42.08, 5.6],
    ['m-deat', 'M-DEAT', 79.88, 49.84, 43.38, 43.36, 6.0],
    ['free', 'FREE-4', 78.46, 49.52, 43.97, 43.16, 7.8, 4],
    ['free', 'FREE-8', 74.56, 48.6, 44.11, 42.49, 15.7, 8],
    ['pgd', 'PGD-7', 70.9, 46.37, 43.17, 41.01, 15.1, 8],
  ]),
  ...deatTable('table 2', wide, [
    ['deat', 'DEAT-3', 81.58, 50.53, 44.39, 44.43, 41.6],
    ['deat', 'DEAT-40%', 81.49, 51.08, 45.03, 44.49, 38.9],
    ['m-deat', 'M-DEAT', 81.59, 51.29, 45.27, 45.09, 43.1],
    ['free', 'FREE-4', 80.34, 51.72, 46.17, 45.62, 55.4, 4],
    ['free', 'FREE-8', 77.69, 51.45, 46.99, 46.11, 110.8, 8],
    ['pgd', 'PGD-7', 72.12, 47.39, 44.8, 42.18, 109.1, 8],
  ]),
  ...deatTable('table 4', standard, [
    ['free', 'FREE-4', 85.0, 54.47, 45.64, 46.55, 81.7, 4],
    ['free', 'FREE-6', 82.49, 54.55, 48.16, 47.42, 122.4, 6],
    ['free', 'FREE-8', 81.22, 54.05, 48.14, 47.12, 163.2, 8],
    ['m-deat', 'M-DEAT', 84.57, 55.56, 47.81, 47.58, 100.5],
    ['pgd', 'PGD-7', 80.07, 54.68, 49.03, 47.95, 158.8, 8],
    ['fat', 'FAT-5', 84.15, 53.99, 45.49, 46.09, 91.8],
    ['m-pgd', 'M+PGD', 80.82, 55.25, 49.12, 48.13, 144.1],
    ['trades', 'TRADE', 79.39, 55.82, 51.48, 48.89, 456.2],
    ['f-trades', 'F+TRADE', 81.61, 56.31, 50.55, 48.43, 233.9],
    ['m-trades', 'M+TRADE', 80.26, 55.69, 51.19, 48.57, 336.1],
    ['mart', 'MART', 75.59, 57.24, 54.23, 48.6, 147.7],
    ['f-mart', 'F+MART', 83.62, 56.03, 48.88, 46.42, 234.4],
    ['m-mart', 'M+MART', 83.64, 57.15, 48.98, 45.88, 52.1],
  ]),
  ...deatTable('table 5', cyclic, [['fast', 'U-FGSM', 78.45, null, 43.86, 43.04, 5.6, 2]]),
  ...deatTable('table 5', wide, [['fast', 'U-FGSM', 80.89, null, 45.45, 44.91, 41.3, 2]]),
  ...deatTable('table 5', standard, [['fast', 'U-FGSM', 81.99, null, 45.77, 45.74, 40.3, 2]]),
];

type FreeVsFast = readonly [natural: number, pgd10: number, pgd20: number, pgd50: number];

const freeVsFastRow = (
  [method, table, row]: readonly [MethodName, string, string],
  [natural, pgd10, pgd20, pgd50]: FreeVsFast,
  [time, epochSeconds]: readonly [number, number],
  more: Pick<Published, 'setting' | 'backwardsPerBatch'>,
): Published => ({
  ...{ method, paper: 'free-vs-fast', table, row, data: 'CIFAR-10', model: 'PreActResNet18', epsilon: CIFAR },
  ...{ natural, robust: { 'PGD-10': pgd10, 'PGD-20': pgd20, 'PGD-50': pgd50 } },
  ...{ time: minutes(time), epochSeconds, ...more },
});

const free = (m: number, accuracies: FreeVsFast, times: readonly [number, number]): Published =>
  freeVsFastRow(['free', '§4', `m = ${m}`], accuracies, times, { backwardsPerBatch: m });
const fast = (
  alpha: number,
  batch: number,
  accuracies: FreeVsFast,
  times: readonly [number, number],
): Published =>
  freeVsFastRow(['fast', '§5', `α = ${alpha}`], accuracies, times, {
    setting: `batches of ${batch}`,
    backwardsPerBatch: 2,
  });

/** Its two tables, which have no numbers. */
const freeVsFast: Published[] = [
  free(2, [89.5, 32.4, 29.7, 29.0], [22, 29.4]),
  free(4, [86.7, 47.1, 45.7, 45.1], [44, 58.2]),
  free(8, [83.9, 49.8, 48.6, 48.3], [88, 117]),
  free(10, [82.1, 49.0, 48.2, 47.9], [108, 143.4]),
  fast(10, 128, [84.7, 48.0, 46.3, 45.0], [21, 28.8]),
  fast(10, 256, [85.0, 45.4, 43.8, 43.4], [20, 25.8]),
  fast(16, 128, [85.6, 0, 0, 0], [21, 28.2]),
  fast(16, 256, [87, 0, 0, 0], [20, 26.4]),
];

type EfgsmRow = readonly [MethodName, string, string, number, number, number, number];

/** Table 1. Each row has a network of its own (§3.4). */
const efgsm1 = (data: DataName, epsilon: number, rows: readonly EfgsmRow[]): Published[] =>
  rows.map(([method, row, model, time, epochSeconds, natural, adaptive]) => ({
    ...{ method, paper: 'efgsm', table: 'table 1', row, data, model, epsilon, natural },
    ...{ robust: { 'PGD-ADP': adaptive }, time: seconds(time), epochSeconds },
  }));

/** Table 4: AdvTrain and Combined. */
const efgsm4 = (
  data: DataName,
  [model, epsilon, steps]: readonly [string, number, number],
  rows: readonly (readonly [MethodName, string, number, number, number, number])[],
): Published[] =>
  rows.map(([method, row, natural, adaptive, ce, cw]) => ({
    ...{ method, paper: 'efgsm', table: 'table 4', row, data, model, epsilon, natural },
    robust: { [`PGD-${steps}`]: ce, [`CW-${steps}`]: cw, 'PGD-ADP': adaptive },
  }));

const efgsm: Published[] = [
  ...efgsm1('MNIST', 0.3, [
    ['efgsm+reconstructor', 'Ours', 'CNN, 0.2 M', 268, 6.7, 99.01, 92.37],
    ['pgd', 'Madry’s', 'CNN, 3.3 M', 69_993, 77, 97.26, 88.45],
    ['trades', 'TRADES', 'CNN, 0.76 M', 8000, 80, 99.48, 95.41],
    ['free', 'AdvFree', 'CNN', 1430, 2.6, 99.4, 87.62],
  ]),
  ...efgsm1('CIFAR-10', CIFAR, [
    ['efgsm+reconstructor', 'Ours', 'WRN-22-5', 7095, 141.9, 88.01, 46.06],
    ['pgd', 'Madry’s', 'WRN-34-10', 240_177, 1351, 87.25, 44.04],
    ['trades', 'TRADES', 'WRN-34-10', 118_560, 1526, 84.92, 52.76],
    ['free', 'AdvFree', 'WRN-34-10', 29_120, 183, 86.07, 43.8],
  ]),
  ...efgsm4(
    'MNIST',
    ['CNN, 0.2 M', 0.3, 100],
    [
      ['efgsm', 'AdvTrain', 99.02, 90.05, 96.06, 95.24],
      ['efgsm+reconstructor', 'Combined', 99.01, 92.37, 96.27, 96.23],
    ],
  ),
  ...efgsm4(
    'CIFAR-10',
    ['WRN-22-5', CIFAR, 20],
    [
      ['efgsm', 'AdvTrain', 87.05, 40.21, 62.22, 56.32],
      ['efgsm+reconstructor', 'Combined', 88.01, 46.06, 65.36, 65.21],
    ],
  ),
  {
    ...{ method: 'efgsm+trades', paper: 'efgsm', table: '§4.2', row: 'TRADES with eFGSM', data: 'CIFAR-10' },
    ...{ model: 'not said', epsilon: CIFAR, robust: { 'PGD-ADP': 48.05 }, epochSeconds: 250 },
  },
];

export const published: readonly Published[] = [
  ...gaat1,
  ...gaat2,
  ...gaat4,
  ...deat,
  ...freeVsFast,
  ...efgsm,
];

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

const DATA_ORDER: readonly DataName[] = ['MNIST', 'CIFAR-10', 'CIFAR-100'];

/**
 * The row to put beside a method measured on MNIST: MNIST before CIFAR-10, its ε before another, one with accuracies, one with
 * a time that can be compared, the first.
 */
export function bestPublished(method: MethodName, epsilon: number): Published | undefined {
  const rank = (p: Published): number[] => [
    DATA_ORDER.indexOf(p.data),
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
