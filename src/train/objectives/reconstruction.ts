import { inTrainingMode, type Value } from '../../graph/index.ts';
import { appendLoss } from '../../losses/index.ts';
import { branchesOf } from './branches.ts';
import { imagesOf } from './inputs.ts';
import type { Objective } from './objective.ts';

/**
 * L_R(x̂, x) + λ·L_C(x̂, y): the code that the reconstructor starts from is what the classifier says of x̂, softmax f(x̂).
 *
 * L_R is the mean over the pixels of (R(softmax f(x̂)) − x)². The paper says "reconstruction loss" and no more; with a sum
 * in place of the mean its λ would leave next to nothing of L_C.
 */
export const reconstruction: Objective = {
  name: 'reconstruction',
  source: 'Chen, Lee, ACCV 2020, eq. 16',
  build({ model, options, companion }) {
    if (!companion) throw new Error('no reconstructor to train');
    const { b, branch, build } = branchesOf(model);
    const logits = branch(imagesOf(b, model, 'x'));
    const clean = imagesOf(b, model, 'clean');
    const training = inTrainingMode(companion);
    const [code, made] = [training.inputs[0]!.name, training.outputs[0]!.name] as [Value, Value];
    const values = b.inline(
      training,
      new Map([
        [code, b.op('Softmax', [logits], { axis: 1 })],
        ...[...training.initializers].map(([name, t]) => [name, b.initializer(name, t)] as const),
      ]),
    );
    const error = b.op('Sub', [values.get(made)!, clean]);
    const restored = b.op('ReduceMean', [b.op('Mul', [error, error]), b.ints([1, 2, 3])], { keepdims: 0 });
    const classified = appendLoss(b, 'ce', logits, { smoothing: options.smoothing });
    const loss = b.op('Add', [restored, b.op('Mul', [classified, b.scalar(options.lambda)])]);
    return build(logits, loss, values);
  },
};
