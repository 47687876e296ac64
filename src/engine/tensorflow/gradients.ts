import * as tf from '@tensorflow/tfjs-core';

/**
 * A value and the gradients of its sum, as `tf.grads` takes them; of what it does not depend on they are zero (tf.grads
 * itself would refuse).
 */
export function valueAndGradients<T extends tf.Tensor>(
  f: () => T,
  xs: readonly tf.Tensor[],
): { value: T; gradients: tf.Tensor[] } {
  const { value, grads } = tf.engine().gradients(f, [...xs], undefined, true);
  // null, whatever the declaration says, where no path leads to it
  const found = grads as (tf.Tensor | null)[];
  return { value, gradients: xs.map((x, i) => found[i] ?? tf.zerosLike(x)) };
}
