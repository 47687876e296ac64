import { TouchstoneError } from '../src/errors.ts';
import type { Graph } from '../src/graph/index.ts';
import type { Key } from '../src/random/index.ts';
import { type ArchitectureOptions, Net } from './net.ts';
import { preActBlock } from './preact-resnet.ts';
import { WIDE_SHORTCUT } from './wide-resnet.ts';

/**
 * The other half of an auto-encoder whose code is what a classifier says: from class probabilities back to the image. It
 * serves in training only (Chen, Lee, "Towards Fast and Robust Adversarial Training for Image Classification", §3.3, fig. 1).
 */
export interface Reconstructor {
  readonly name: string;
  /** Where it comes from: paper, table or section. */
  readonly source: string;
  /** Channels, height, width of the images it gives. */
  readonly image: readonly [number, number, number];
  readonly classes: number;
  /**
   * Builds the graph, `code` `[N, K]` (probabilities) to `reconstruction` `[N, C, H, W]` in [0, 1], with weights drawn
   * from `key`. The options say what the classifier's do: `input` is its image, and this one's output.
   *
   * @throws E_SHAPE for images whose height or width is no multiple of 4
   */
  build(key: Key, options?: ArchitectureOptions): Graph;
}

const paper =
  'Chen, Lee, "Towards Fast and Robust Adversarial Training for Image Classification", ACCV 2020, §3.4';

/** Height and width of the map that two doublings bring to an image's. @throws E_SHAPE */
function quarter([, height, width]: readonly [number, number, number]): [number, number] {
  if (height % 4 || width % 4)
    throw new TouchstoneError(
      'E_SHAPE',
      `images of ${height}×${width} to reconstruct`,
      'multiples of 4, as they are doubled in size twice',
    );
  return [height / 4, width / 4];
}

/**
 * For MNIST: two dense layers and three transposed convolutions; 258,477 parameters. The paper gives the layers' kinds and
 * "0.26 millions"; the widths here mirror the GAAT paper's MNIST net (100 units, 32 maps of 7×7), and give that size.
 */
export const mnistReconstructor: Reconstructor = {
  name: 'mnist-reconstructor',
  source: paper,
  image: [1, 28, 28],
  classes: 10,
  build(key, { input = mnistReconstructor.image, classes = mnistReconstructor.classes } = {}) {
    const [height, width] = quarter(input);
    const net = new Net(key);
    let x = net.relu(net.linear(net.input([classes], 'code'), 'fc1', 100));
    x = net.relu(net.linear(x, 'fc2', 32 * height * width));
    x = net.unflatten(x, [32, height, width]);
    x = net.relu(net.convTranspose(x, 'deconv1', 64, 4, { stride: 2, pad: 1 }));
    x = net.relu(net.convTranspose(x, 'deconv2', 64, 4, { stride: 2, pad: 1 }));
    x = net.convTranspose(x, 'deconv3', input[0], 3, { pad: 1 });
    return net.end(net.sigmoid(x), mnistReconstructor.name, 'reconstruction');
  },
};

/**
 * For CIFAR: WRN-22-3 backwards. Two dense layers; groups of three blocks of 192, 96 and 48 channels at 8×8, 16×16 and
 * 32×32, each pixel repeated 2×2 between them; a 3×3 convolution to the image. 5,118,867 parameters. The paper says "the
 * upsampling version of WRN22-3" of "5.1 millions", twice what WRN-22-3 has: with a hidden layer as wide as the first group
 * the two dense layers are what is missing.
 */
export const cifarReconstructor: Reconstructor = {
  name: 'cifar-reconstructor',
  source: paper,
  image: [3, 32, 32],
  classes: 10,
  build(key, { input = cifarReconstructor.image, classes = cifarReconstructor.classes } = {}) {
    const [height, width] = quarter(input);
    const net = new Net(key);
    let x = net.relu(net.linear(net.input([classes], 'code'), 'fc1', 192));
    x = net.unflatten(net.linear(x, 'fc2', 192 * height * width), [192, height, width]);
    for (const [group, channels] of [192, 96, 48].entries()) {
      if (group > 0) x = net.upsample(x);
      for (const block of [0, 1, 2])
        x = preActBlock(net, x, `block${group + 1}.layer.${block}`, channels, 1, WIDE_SHORTCUT);
    }
    x = net.relu(net.batchNorm(x, 'bn1'));
    x = net.conv(x, 'conv1', input[0], 3, { pad: 1 });
    return net.end(net.sigmoid(x), cifarReconstructor.name, 'reconstruction');
  },
};
