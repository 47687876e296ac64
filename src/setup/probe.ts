/**
 * Loads TensorFlow, convolves, differentiates, and prints what came out as JSON: in a process of its own, because a
 * native part that does not fit can end the process it is loaded into.
 */
import * as tf from '@tensorflow/tfjs-core';
import { loadTensorflow } from './load-tensorflow.ts';

const { version, gpu } = loadTensorflow(process.argv[2]);
const x = tf.tensor4d(
  Array.from({ length: 16 }, (_, i) => i),
  [1, 4, 4, 1],
);
const w = tf.ones<tf.Rank.R4>([3, 3, 1, 1]);
const y = tf.conv2d(x, w, 1, 'valid');
const dx = tf.grad((v) => tf.sum(tf.conv2d(v as tf.Tensor4D, w, 1, 'same')))(x);
const dw = tf.grad((v) => tf.sum(tf.conv2d(x, v as tf.Tensor4D, 1, 'valid')))(w);
const [output, inputGradient, weightGradient] = [y, dx, dw].map((t) => Array.from(t.dataSync()));
process.stdout.write(`${JSON.stringify({ version, gpu, output, inputGradient, weightGradient })}\n`);
