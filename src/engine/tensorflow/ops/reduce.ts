import * as tf from '@tensorflow/tfjs-core';
import { keepsDims, reducedAxes } from '../../../graph/index.ts';
import type { TfOp } from '../call.ts';
import { laid } from '../tensors.ts';

/** A reduction that keeps its axes, as ones. */
type Reduction = (x: tf.Tensor, axes: number[]) => tf.Tensor;

/** Over the axes that the node names: none, where `noop_with_empty_axes` says so. */
const reduction =
  (f: Reduction): TfOp =>
  (c) => {
    const x = laid(c.held(0));
    const axes = reducedAxes(c).map((a) => x.axis(a));
    const y = axes.length > 0 ? f(x.t, axes) : f(tf.expandDims(x.t, 0), [0]);
    const whole = x.hold(axes.length > 0 ? y : tf.squeeze(y, [0]));
    return keepsDims(c.node) ? whole : tf.reshape(whole.plain(), c.out());
  };

export const ReduceSum = reduction((x, axes) => tf.sum(x, axes, true));
export const ReduceMean = reduction((x, axes) => tf.mean(x, axes, true));
export const ReduceMax = reduction((x, axes) => tf.max(x, axes, true));
export const ReduceMin = reduction((x, axes) => tf.min(x, axes, true));
export const ReduceProd = reduction((x, axes) => tf.prod(x, axes, true));
export const ReduceL2 = reduction((x, axes) => tf.sqrt(tf.sum(tf.square(x), axes, true)));
export const ReduceLogSumExp = reduction((x, axes) => tf.logSumExp(x, axes, true));
