import { TouchstoneError } from '../src/errors.ts';
import { type Architecture, Net } from './net.ts';

/** Column D of table 1: the convolutions' channels by stage; each stage ends in a max pool. */
const STAGES = [
  [64, 64],
  [128, 128],
  [256, 256, 256],
  [512, 512, 512],
  [512, 512, 512],
];

/** Each of the five pools halves an image. */
const SMALLEST = 2 ** STAGES.length;

/**
 * VGG-16 as it is used on CIFAR: a normalisation after each of the 13 convolutions (which keep their biases), one linear
 * layer in place of three: 14,728,266 parameters for 10 classes.
 *
 * Simonyan, Zisserman, "Very Deep Convolutional Networks for Large-Scale Image Recognition", arXiv:1409.1556, table 1, D.
 */
export const vgg16: Architecture = {
  name: 'vgg16',
  source: 'Simonyan, Zisserman, "Very Deep Convolutional Networks", arXiv:1409.1556, table 1 D, CIFAR form',
  input: [3, 32, 32],
  classes: 10,
  build(key, { input = vgg16.input, classes = vgg16.classes } = {}) {
    if (Math.min(input[1], input[2]) < SMALLEST)
      throw new TouchstoneError(
        'E_SHAPE',
        `images of ${input[1]}×${input[2]} for ${vgg16.name}`,
        `${SMALLEST}×${SMALLEST} or larger`,
      );
    const net = new Net(key);
    let x = net.input(input);
    // PyTorch's names count every module of one long sequence: convolution, normalisation, ReLU, pool.
    let module = 0;
    for (const stage of STAGES) {
      for (const channels of stage) {
        x = net.conv(x, `features.${module}`, channels, 3, { pad: 1 });
        x = net.relu(net.batchNorm(x, `features.${module + 1}`));
        module += 3;
      }
      x = net.maxPool(x);
      module += 1;
    }
    return net.logits(net.linear(net.flatten(x), 'classifier', classes), vgg16.name);
  },
};
