/** Another data set and another architecture than MNIST's: generated images, and a classifier of them. */
import { Net } from '../../models/net.ts';
import type { Engine } from '../../src/engine/index.ts';
import type { Images } from '../../src/eval/index.ts';
import { type Graph, withValues } from '../../src/graph/index.ts';
import { integers, key, normal, uniform } from '../../src/random/index.ts';
import { commonDefaults, methods, type Samples, schedules, train } from '../../src/train/index.ts';

const [SIDE, CLASSES] = [16, 8];
const SHAPE = [3, SIDE, SIDE] as const;
const SIZE = 3 * SIDE * SIDE;
const root = key(2024).fold('patterns');

export interface Pictures {
  readonly x: Images;
  readonly y: Int32Array;
}

/**
 * Coloured gratings, `[N, 3, 16, 16]` in [0, 1]: four directions in two colours are the eight classes; phase, contrast and
 * noise are the image's own.
 */
export function patterns(split: string, n: number): Pictures {
  const own = root.fold(split);
  const y = integers(own.fold('y'), n, CLASSES);
  const phase = uniform(own.fold('phase'), n, 0, 2 * Math.PI);
  const contrast = uniform(own.fold('contrast'), n, 0.1, 0.35);
  const data = normal(own.fold('noise'), n * SIZE, 0.5, 0.08);
  for (let i = 0; i < data.length; i++) {
    const [image, place] = [Math.floor(i / SIZE), i % SIZE];
    const [channel, row, column] = [
      Math.floor(place / SIDE ** 2),
      Math.floor(place / SIDE) % SIDE,
      place % SIDE,
    ];
    const [angle, colour] = [((y[image]! % 4) * Math.PI) / 4, y[image]! < 4 ? 0 : 2];
    const along = row * Math.sin(angle) + column * Math.cos(angle);
    const wave = Math.sin(1.4 * along + phase[image]!);
    const strength = channel === colour ? 1 : 0.3;
    data[i] = Math.min(1, Math.max(0, data[i]! + contrast[image]! * strength * wave));
  }
  return { x: { data, shape: [n, ...SHAPE] }, y };
}

/** Two convolutions with BatchNormalization and pools, and a linear layer. */
function small(): Graph {
  const net = new Net(root.fold('model'));
  let x = net.input(SHAPE);
  x = net.maxPool(net.relu(net.batchNorm(net.conv(x, 'conv1', 16, 3, { pad: 1 }), 'norm1')));
  x = net.maxPool(net.relu(net.batchNorm(net.conv(x, 'conv2', 32, 3, { pad: 1 }), 'norm2')));
  return net.logits(net.linear(net.flatten(x), 'fc', CLASSES), 'patterns');
}

const [IMAGES, EPOCHS, EPSILON] = [2048, 3, 0.03];

/** A small network on these, adversarially trained with FGSM from random starts (`fast`): some seconds. */
export async function patternClassifier(engine: Engine): Promise<Graph> {
  const model = small();
  const { x, y } = patterns('train', IMAGES);
  const data: Samples = {
    n: IMAGES,
    batch(indices) {
      const part = new Float32Array(indices.length * SIZE);
      for (const [at, i] of Array.from(indices).entries())
        part.set(x.data.subarray(i * SIZE, (i + 1) * SIZE), at * SIZE);
      return {
        x: { data: part, shape: [indices.length, ...SHAPE] },
        y: Int32Array.from(indices, (i) => y[i]!),
      };
    },
  };
  const run = train({
    engine,
    model,
    method: methods.fast,
    data,
    settings: {
      epochs: EPOCHS,
      batchSize: 64,
      threat: { norm: 'linf', epsilon: EPSILON },
      steps: 1,
      stepSize: 1.25 * EPSILON,
      options: { ...commonDefaults, start: 'random' },
      stop: null,
      schedule: schedules.flat({ learningRate: 0.05, epochs: EPOCHS }),
      momentum: 0.9,
      weightDecay: 0,
      classes: CLASSES,
      bnMode: 'eval',
      validationSteps: 1,
      earlyStop: null,
    },
    key: root.fold('train'),
  });
  let trained = model;
  for await (const event of run)
    if (event.kind === 'epoch') trained = withValues(model, event.snapshot.state.parameters);
  return trained;
}
