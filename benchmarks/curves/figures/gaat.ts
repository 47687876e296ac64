/** H. Gong, "Reducing Adversarial Training Cost with Gradient Approximation", arXiv:2309.09464. */
import { type Figure, rat, runOf } from './figure.ts';

const STEPS = [1, 4, 10, 16] as const;
const byMethod = [
  runOf('rat', 'RAT', { method: 'pgd', steps: 10, stepSize: 0.0125 }),
  runOf('dat', 'DAT', { method: 'dat', steps: 10, stepSize: 0.0125 }),
  runOf('gaat', 'GAAT', { method: 'gaat' }),
  runOf('dat-gaat', 'DAT+GAAT', { method: 'dat+gaat' }),
];

export const gaat1: Figure = {
  paper: 'gaat',
  figure: 'fig. 1',
  shows:
    'R(x, δ) over the epochs of RAT with 1, 4, 10 and 16 steps, on CIFAR-10: it falls, grows with T up to 10, and ends at 10⁻³.',
  here: 'R at the end of each run’s own steps, after each epoch, on training images; steps of ε/8.',
  panels: [
    { kind: 'epochs', title: 'R(x, δ) over epochs', column: 'residual', runs: STEPS.map((t) => `rat-${t}`) },
  ],
  runs: STEPS.map(rat),
};

const names = byMethod.map(({ name }) => name);
export const gaat2: Figure = {
  paper: 'gaat',
  figure: 'fig. 2',
  shows:
    'Accuracy of RAT, DAT, GAAT and DAT+GAAT under PGD with more steps and at other ε, on CIFAR-10: all follow the pattern of RAT.',
  here: 'PGD from one random start, steps of 2.5 ε/T; the networks as they are after the last epoch.',
  panels: [
    { kind: 'sweep', title: 'Accuracy over the steps of PGD', over: 'steps', runs: names },
    { kind: 'sweep', title: 'Accuracy over ε', over: 'epsilon', runs: names },
  ],
  runs: byMethod,
};
