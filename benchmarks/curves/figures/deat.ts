/** F. Wang, Y. Zhang, Y. Zheng, W. Ruan, "Gradient-Guided Dynamic Efficient Adversarial Training". */
import { common } from '../../methods/settings.ts';
import { type CurveSpec, type Figure, free, mDeat, type Panel, pgd7, runOf, uFgsm } from './figure.ts';

const { epsilon } = common;
const names = (runs: readonly CurveSpec[]) => runs.map(({ name }) => name);
const [free4, free6, free8] = [free(4), free(6), free(8)];

const deat3 = runOf('deat-3', 'DEAT-3', { method: 'deat', every: 3 });
const deat40 = runOf('deat-40', 'DEAT-40%', { method: 'deat', every: 0, threshold: 0.4 });

export const deat2: Figure = {
  paper: 'deat',
  figure: 'fig. 2',
  shows:
    'Robustness gained per epoch by PGD-7 and U-FGSM, FREE-8 and FREE-4, DEAT-3 and DEAT-40%, on CIFAR-10.',
  here: 'PGD-20 on images held out of training, after each epoch. FREE runs as many epochs as the others.',
  panels: [
    [pgd7, uFgsm],
    [free8, free4],
    [deat3, deat40],
  ].map((runs) => ({
    kind: 'epochs' as const,
    title: runs.map((r) => r.label).join(', '),
    column: 'robust' as const,
    runs: names(runs),
  })),
  runs: [pgd7, uFgsm, free8, free4, deat3, deat40],
};

/** α = 12/255 at ε = 8/255, flat; the rate is half of the others' largest, as 0.05 is of 0.1. */
const overfitting = runOf('u-fgsm-12', 'U-FGSM, α = 1.5 ε', {
  ...{ method: 'fast', stepSize: 1.5 * epsilon, schedule: 'flat', learningRate: common.learningRate / 2 },
});

export const deat3Figure: Figure = {
  paper: 'deat',
  figure: 'fig. 3',
  shows:
    'Robustness and l_X of U-FGSM with α = 12/255 at a flat rate, on CIFAR-10: as it overfits catastrophically (epoch 23), l_X shoots up.',
  here: 'l_X per image; PGD-20 on images held out of training.',
  panels: [
    { kind: 'epochs', title: 'Accuracy under PGD-20', column: 'robust', runs: [overfitting.name] },
    { kind: 'epochs', title: 'l_X per image', column: 'l_X', runs: [overfitting.name] },
  ],
  runs: [overfitting],
};

const magnitudes = [free8, uFgsm, pgd7, mDeat];
export const deat4: Figure = {
  paper: 'deat',
  figure: 'fig. 4',
  shows:
    'l_X over the epochs of FREE, U-FGSM, PGD-7 and M-DEAT, on CIFAR-10: M-DEAT and U-FGSM keep its level, FREE and PGD do not.',
  here: 'l_X per image; of PGD-7 before its last step, after each epoch, on training images.',
  panels: [{ kind: 'epochs', title: 'l_X per image', column: 'l_X', runs: names(magnitudes) }],
  runs: magnitudes,
};

/** α in 255ths of the paper's ε of 8/255, and γ. */
const GRID = [8, 10, 12, 14].flatMap((alpha) => [1, 1.01].map((growth) => [alpha, growth] as const));
const grid = GRID.map(([alpha, growth]) =>
  runOf(`m-deat-${alpha}-${growth}`, `α = ${alpha}/8 ε, γ = ${growth}`, {
    ...{ method: 'm-deat', stepSize: (alpha / 8) * epsilon, growth },
  }),
);

export const deat5: Figure = {
  paper: 'deat',
  figure: 'fig. 5',
  shows: 'Error under PGD-20 of M-DEAT against #BP, by α and γ, five seeds each, on CIFAR-10.',
  here: 'One seed; PGD-20 on images held out of training, after the last epoch.',
  panels: [{ kind: 'ends', title: 'Error under PGD-20 against backward passes', runs: names(grid) }],
  runs: grid,
};

const mPgd = runOf('m-pgd', 'M+PGD', { method: 'm-pgd' });
const fat = runOf('fat', 'FAT', { method: 'fat' });
const trades = [
  runOf('trades', 'TRADES', { method: 'trades' }),
  runOf('m-trades', 'M+TRADES', { method: 'm-trades' }),
  runOf('f-trades', 'F+TRADES', { method: 'f-trades' }),
];
const mart = [
  runOf('mart', 'MART', { method: 'mart' }),
  runOf('m-mart', 'M+MART', { method: 'm-mart' }),
  runOf('f-mart', 'F+MART', { method: 'f-mart' }),
];

/** The four groups of figs. 7 and 8. */
const GROUPS: readonly (readonly CurveSpec[])[] = [
  [mDeat, free4, free6, free8],
  [mPgd, uFgsm, fat, pgd7],
  trades,
  mart,
];
const groups = (column: 'robust' | 'loss'): Panel[] =>
  GROUPS.map((runs, i) => ({
    kind: 'epochs',
    title: `(${'abcd'[i]}) ${runs.map((r) => r.label).join(', ')}`,
    column,
    runs: names(runs),
  }));

const guided = [mDeat, mPgd, trades[1]!, mart[1]!, pgd7];
export const deat6: Figure = {
  paper: 'deat',
  figure: 'fig. 6',
  shows: 'Backward passes per epoch: the gradients’ magnitude adds them as training goes on, on CIFAR-10.',
  here: '#BP per mini-batch, as the engine counted them; PGD-7 for comparison.',
  panels: [{ kind: 'epochs', title: '#BP per mini-batch', column: '#BP', runs: names(guided) }],
  runs: guided,
};

export const deat7: Figure = {
  paper: 'deat',
  figure: 'fig. 7',
  shows: 'Accuracy under PGD-20 after each epoch, in four groups of methods, 50 epochs, on CIFAR-10.',
  here: 'On images held out of training. FREE runs as many epochs as the others.',
  panels: groups('robust'),
  runs: GROUPS.flat(),
};

export const deat8: Figure = {
  paper: 'deat',
  figure: 'fig. 8',
  shows: 'Training loss over the epochs, in the same four groups.',
  here: 'The mean loss of what each method trains on: TRADES’ and MART’s are other losses than the cross-entropy.',
  panels: groups('loss'),
  runs: GROUPS.flat(),
};
