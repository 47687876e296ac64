/**
 * The plain loops around the engine, which must stay small beside a gradient pass.
 *
 *   npm run bench:micro
 */
import { table } from 'table';
import { Bench } from 'tinybench';
import { architectures } from '../models/index.ts';
import { gradient } from '../src/autodiff/index.ts';
import { classifierProgram } from '../src/engine/index.ts';
import { approximateSteps, ascend, project, randomStart } from '../src/eval/index.ts';
import { readModel, toModel, writeModel } from '../src/graph/index.ts';
import { encodeNpz } from '../src/io/index.ts';
import { key, normal, permutation, uniform } from '../src/random/index.ts';

const shape = [512, 1, 28, 28];
const size = 512 * 784;
const x = { data: uniform(key(0), size), shape };
const direction = normal(key(1), size);
const threat = { norm: 'linf', epsilon: 0.1 } as const;
const l2 = { norm: 'l2', epsilon: 2 } as const;
const moved = x.data.slice();
const net = architectures.resnet18!.build(key(0));
const bytes = writeModel(toModel(net));
const program = classifierProgram(net, 'ce');

const bench = new Bench({ time: 500 })
  .add('uniform, 512 MNIST images', () => uniform(key(2), size))
  .add('normal, 512 MNIST images', () => normal(key(2), size))
  .add('permutation of 60,000', () => permutation(key(2), 60_000))
  .add('random start, L∞', () => randomStart(x, threat, key(3)))
  .add('ascend and project, L∞', () => ascend(moved, direction, x, threat, 0.01))
  .add('ascend and project, L2', () => ascend(moved, direction, x, l2, 0.1))
  .add('project, L∞', () => project(moved, x, threat))
  .add('GAAT steps, all T at once', () =>
    approximateSteps(x, x.data, direction, { threat, steps: 100, stepSize: 0.01 }),
  )
  .add('npz of 512 MNIST images', () => encodeNpz({ x: { dtype: 'float32', ...x } }))
  .add('ResNet-18: write 45 MB', () => writeModel(toModel(net)))
  .add('ResNet-18: read 45 MB', () => readModel(bytes))
  .add('ResNet-18: differentiate', () => gradient(program.graph, { of: 'loss', wrt: ['x'] }, ['gradient']));

await bench.run();
process.stdout.write(
  table([
    ['task', 'median ms', 'samples'],
    ...bench.tasks.map(({ name, result }) =>
      result.state === 'completed'
        ? [name, result.latency.p50.toFixed(3), result.latency.samplesCount]
        : [name, result.state, ''],
    ),
  ]),
);
