import type { Value } from '../src/graph/index.ts';
import { type Architecture, Net } from './net.ts';

/** conv 3×3 – BN – ReLU – conv 3×3 – BN, plus the shortcut, then ReLU (He et al., 2016, fig. 5 left). */
function basicBlock(net: Net, x: Value, name: string, channels: number, stride: number): Value {
  let y = net.conv(x, `${name}.conv1`, channels, 3, { stride, pad: 1, bias: false });
  y = net.relu(net.batchNorm(y, `${name}.bn1`));
  y = net.conv(y, `${name}.conv2`, channels, 3, { pad: 1, bias: false });
  y = net.batchNorm(y, `${name}.bn2`);
  const same = stride === 1 && net.b.shape(x)[1] === channels;
  const shortcut = same
    ? x
    : net.batchNorm(
        net.conv(x, `${name}.shortcut.0`, channels, 1, { stride, bias: false }),
        `${name}.shortcut.1`,
      );
  return net.relu(net.add(y, shortcut));
}

/**
 * ResNet-18 with the CIFAR stem (one 3×3 convolution, no pooling): 11,173,962 parameters for 10 classes.
 *
 * He, Zhang, Ren, Sun, "Deep Residual Learning for Image Recognition", arXiv:1512.03385, table 1.
 */
export const resnet18: Architecture = {
  name: 'resnet18',
  source: 'He et al., "Deep Residual Learning for Image Recognition", arXiv:1512.03385, table 1, CIFAR stem',
  input: [3, 32, 32],
  classes: 10,
  build(key, { input = resnet18.input, classes = resnet18.classes } = {}) {
    const net = new Net(key);
    let x = net.conv(net.input(input), 'conv1', 64, 3, { pad: 1, bias: false });
    x = net.relu(net.batchNorm(x, 'bn1'));
    for (const [stage, channels] of [64, 128, 256, 512].entries()) {
      for (const block of [0, 1]) {
        const stride = stage > 0 && block === 0 ? 2 : 1;
        x = basicBlock(net, x, `layer${stage + 1}.${block}`, channels, stride);
      }
    }
    return net.logits(net.linear(net.globalAveragePool(x), 'linear', classes), resnet18.name);
  },
};
