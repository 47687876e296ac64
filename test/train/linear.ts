/** A linear softmax model, with float64 formulas for its losses and gradients to compare methods with. */

import { float32, type Graph, GraphBuilder } from '../../src/graph/index.ts';
import { type Key, uniform } from '../../src/random/index.ts';
import type { Learner } from '../../src/train/index.ts';

export const SHAPE = [1, 3, 3] as const;
export const SIZE = 9;

/** z = Wx + b over `classes` classes, images of [1, 3, 3]. */
export function linearModel(key: Key, classes: number): Graph {
  const b = new GraphBuilder();
  const x = b.input('x', 'float32', ['N', ...SHAPE]);
  const weight = b.initializer('w', float32(uniform(key.fold('w'), classes * SIZE, -1, 1), [classes, SIZE]));
  const bias = b.initializer('b', float32(uniform(key.fold('b'), classes, -0.5, 0.5)));
  b.output(b.op('Gemm', [b.op('Flatten', [x], { axis: 1 }), weight, bias], { transB: 1 }), 'logits');
  return b.build('linear');
}

/** Loss, softmax − onehot and ∇ₓ of one image. */
export function reference(model: Graph, x: ArrayLike<number>, y: number) {
  const w = model.initializers.get('w')!.data as Float32Array;
  const bias = model.initializers.get('b')!.data as Float32Array;
  const logits = Array.from(bias, (v, k) => {
    let z = v;
    for (let i = 0; i < SIZE; i++) z += w[k * SIZE + i]! * x[i]!;
    return z;
  });
  const top = Math.max(...logits);
  const sum = logits.reduce((s, z) => s + Math.exp(z - top), 0);
  const error = logits.map((z, k) => Math.exp(z - top) / sum - (k === y ? 1 : 0));
  const gradient = Array.from({ length: SIZE }, (_, i) =>
    error.reduce((s, e, k) => s + e * w[k * SIZE + i]!, 0),
  );
  return { loss: Math.log(sum) + top - logits[y]!, logits, error, gradient };
}

type Call = 'logits' | 'gradient' | 'ascend' | 'hessianVector' | 'hessianProduct' | 'update';

/** What a learner was asked for. */
export interface Recorded extends Learner {
  readonly calls: Call[];
  readonly trainedOn: Float32Array[];
}

export function recorded(learner: Learner): Recorded {
  const calls: Recorded['calls'] = [];
  const trainedOn: Float32Array[] = [];
  return {
    calls,
    trainedOn,
    classes: learner.classes,
    consistent: learner.consistent,
    logits(x) {
      calls.push('logits');
      return learner.logits(x);
    },
    gradient(...args) {
      calls.push('gradient');
      return learner.gradient(...args);
    },
    ascend(...args) {
      calls.push('ascend');
      return learner.ascend(...args);
    },
    hessianVector(...args) {
      calls.push('hessianVector');
      return learner.hessianVector(...args);
    },
    hessianProduct(...args) {
      calls.push('hessianProduct');
      return learner.hessianProduct(...args);
    },
    update(x, y, request) {
      calls.push('update');
      trainedOn.push(x.data.slice());
      return learner.update(x, y, request);
    },
  };
}
