import { TouchstoneError } from '../errors.ts';
import type { Loss } from './loss.ts';

/**
 * Softmax cross-entropy, −log softmax(z)_y. With label smoothing s the label is (1 − s)·onehot(y) + s/K, as in
 * PyTorch: (1 − s)·CE(z, y) + s·mean over classes of −log softmax(z).
 *
 * Szegedy et al., "Rethinking the Inception Architecture", 2016, §7.
 */
export const crossEntropy: Loss = {
  about: 'softmax cross-entropy; --smoothing S for label smoothing',
  inputs: ['y'],
  build(b, logits, { y }, { smoothing = 0 }) {
    if (!(smoothing >= 0 && smoothing < 1))
      throw new TouchstoneError('E_OPTION', `label smoothing ${smoothing}`, 'a share in [0, 1)');
    const name = 'cross_entropy';
    const hard = b.op('SoftmaxCrossEntropyLoss', [logits, y], { reduction: 'none' }, name);
    if (smoothing === 0) return hard;
    const logs = b.op('LogSoftmax', [logits], { axis: 1 });
    const uniform = b.op('ReduceMean', [logs, b.ints([1])], { keepdims: 0 });
    const kept = b.op('Mul', [hard, b.scalar(1 - smoothing)]);
    return b.op('Sub', [kept, b.op('Mul', [uniform, b.scalar(smoothing)])], {}, `${name}_smoothed`);
  },
};
