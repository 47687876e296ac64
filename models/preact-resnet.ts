import type { Value } from '../src/graph/index.ts';
import { type Architecture, Net } from './net.ts';

/** The 1×1 convolution of a shortcut that changes shape. */
interface Projection {
  /** What it is called within its block. */
  readonly name: string;
  /** What it convolves: the block's input, or what its first ReLU gives. */
  readonly of: 'input' | 'activation';
}

/**
 * BN – ReLU – conv 3×3 – BN – ReLU – conv 3×3, plus the shortcut: x itself or, where the shape changes, a 1×1 convolution
 * (He et al., arXiv:1603.05027, fig. 1b; Zagoruyko and Komodakis, arXiv:1605.07146, fig. 1a).
 */
export function preActBlock(
  net: Net,
  x: Value,
  name: string,
  channels: number,
  stride: number,
  projection: Projection,
): Value {
  const same = stride === 1 && net.channels(x) === channels;
  const active = net.relu(net.batchNorm(x, `${name}.bn1`));
  let y = net.conv(active, `${name}.conv1`, channels, 3, { stride, pad: 1, bias: false });
  y = net.relu(net.batchNorm(y, `${name}.bn2`));
  y = net.conv(y, `${name}.conv2`, channels, 3, { pad: 1, bias: false });
  if (same) return net.add(y, x);
  const from = projection.of === 'input' ? x : active;
  return net.add(y, net.conv(from, `${name}.${projection.name}`, channels, 1, { stride, bias: false }));
}

const SHORTCUT = { name: 'shortcut.0', of: 'input' } as const;

/**
 * ResNet-18 with pre-activation and the CIFAR stem: 11,172,170 parameters for 10 classes.
 *
 * He, Zhang, Ren, Sun, "Identity Mappings in Deep Residual Networks", arXiv:1603.05027, in the form of
 * the code of Wong, Rice, Kolter, "Fast is better than free", arXiv:2001.03994, which the DEAT paper and "Free vs Fast" start
 * from: a normalisation follows the last block, and shortcuts that change shape convolve a block's input (in He et al.
 * what its first ReLU gives). An often copied variant of 11,171,146 parameters lacks that last normalisation.
 */
export const preactResnet18: Architecture = {
  name: 'preact-resnet18',
  source: 'He et al., "Identity Mappings in Deep Residual Networks", arXiv:1603.05027, CIFAR stem',
  input: [3, 32, 32],
  classes: 10,
  build(key, { input = preactResnet18.input, classes = preactResnet18.classes } = {}) {
    const net = new Net(key);
    let x = net.conv(net.input(input), 'conv1', 64, 3, { pad: 1, bias: false });
    for (const [stage, channels] of [64, 128, 256, 512].entries()) {
      for (const block of [0, 1]) {
        const stride = stage > 0 && block === 0 ? 2 : 1;
        x = preActBlock(net, x, `layer${stage + 1}.${block}`, channels, stride, SHORTCUT);
      }
    }
    x = net.globalAveragePool(net.relu(net.batchNorm(x, 'bn')));
    return net.logits(net.linear(x, 'linear', classes), preactResnet18.name);
  },
};
