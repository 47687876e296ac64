/** Chen, Lee, "Towards Fast and Robust Adversarial Training for Image Classification", ACCV 2020. */
import { type CurveSpec, type Figure, runOf } from './figure.ts';

/** On MNIST. */
const epsilon = 0.3;
/** In proportion to the radius of the other figures. */
const attack = { epsilon, stepSize: epsilon } as const;

const runs: readonly CurveSpec[] = [
  runOf('efgsm-0.3', 'eFGSM', { method: 'efgsm', ...attack }),
  runOf('efgsm-reconstructor-0.3', 'eFGSM, reconstructor', { method: 'efgsm+reconstructor', ...attack }),
  runOf('pgd-0.3', 'PGD', { method: 'pgd', epsilon, steps: 10, stepSize: epsilon / 4 }),
];
const names = runs.map(({ name }) => name);

export const efgsm2: Figure = {
  paper: 'efgsm',
  figure: 'fig. 2',
  shows: 'Accuracy over the iterations of PGD, MNIST at ε = 0.3 and CIFAR-10: it falls and converges.',
  here: 'MNIST; PGD from one random start, steps of 2.5 ε/T.',
  panels: [{ kind: 'sweep', title: 'Accuracy over the steps of PGD', over: 'steps', runs: names }],
  runs,
};

export const efgsm3: Figure = {
  paper: 'efgsm',
  figure: 'fig. 3',
  shows: 'Accuracy over ε, on MNIST and CIFAR-10: it falls monotonically, to 0 where ε is large enough.',
  here: 'MNIST; PGD-20 from one random start.',
  panels: [{ kind: 'sweep', title: 'Accuracy over ε', over: 'epsilon', runs: names }],
  runs,
};
