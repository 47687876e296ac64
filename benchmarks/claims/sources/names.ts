/** How records name what claims name otherwise. */
import type { DataName } from '../schema.ts';

const DATA: Readonly<Record<string, DataName>> = {
  mnist: 'MNIST',
  cifar10: 'CIFAR-10',
  cifar100: 'CIFAR-100',
};

/** @returns undefined for data of no paper; `mnist:DIR` is MNIST */
export const dataNamed = (name: string): DataName | undefined => DATA[name.split(':')[0]!];
