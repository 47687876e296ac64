import { mnistCnn } from './mnist-cnn.ts';
import type { Architecture } from './net.ts';
import { resnet18 } from './resnet.ts';

export type { Architecture, ArchitectureOptions } from './net.ts';

/** All architectures by the name that `--model` takes. */
export const architectures = {
  [mnistCnn.name]: mnistCnn,
  [resnet18.name]: resnet18,
} as const satisfies Record<string, Architecture>;
