import { conv4 } from './conv4.ts';
import { mnistCnn } from './mnist-cnn.ts';
import type { Architecture } from './net.ts';
import { preactResnet18 } from './preact-resnet.ts';
import { cifarReconstructor, mnistReconstructor, type Reconstructor } from './reconstructor.ts';
import { resnet18, resnet50, resnet56 } from './resnet.ts';
import { vgg16 } from './vgg.ts';
import { wrn22x5, wrn28x4, wrn34x10 } from './wide-resnet.ts';

export type { Architecture, ArchitectureOptions } from './net.ts';
export type { Reconstructor } from './reconstructor.ts';

/** All architectures by the name that `--model` takes. */
export const architectures = {
  [mnistCnn.name]: mnistCnn,
  [resnet18.name]: resnet18,
  [resnet50.name]: resnet50,
  [resnet56.name]: resnet56,
  [preactResnet18.name]: preactResnet18,
  [wrn28x4.name]: wrn28x4,
  [wrn34x10.name]: wrn34x10,
  [wrn22x5.name]: wrn22x5,
  [vgg16.name]: vgg16,
  [conv4.name]: conv4,
} as const satisfies Record<string, Architecture>;

/** What training with a reconstructor can take, by name. */
export const reconstructors = {
  [mnistReconstructor.name]: mnistReconstructor,
  [cifarReconstructor.name]: cifarReconstructor,
} as const satisfies Record<string, Reconstructor>;
