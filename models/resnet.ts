import type { Value } from '../src/graph/index.ts';
import { type Architecture, type Initialisation, Net } from './net.ts';

/** What a block adds to its convolutions: `x` in the shape of their output. */
type Shortcut = (net: Net, x: Value, name: string, channels: number, stride: number) => Value;

/** A block of a stage that is `channels` wide. */
type Block = (net: Net, x: Value, name: string, channels: number, stride: number) => Value;

/** Option B (§3.3): a 1×1 convolution and a normalisation where the shape changes. */
const projected: Shortcut = (net, x, name, channels, stride) => {
  if (stride === 1 && net.channels(x) === channels) return x;
  const y = net.conv(x, `${name}.shortcut.0`, channels, 1, { stride, bias: false });
  return net.batchNorm(y, `${name}.shortcut.1`);
};

/** Option A (§3.3): every other pixel, and zeros for the new channels; no parameters. */
const padded: Shortcut = (net, x, _name, channels, stride) =>
  net.padChannels(net.subsample(x, stride), channels);

/** conv 3×3 – BN – ReLU – conv 3×3 – BN, plus the shortcut, then ReLU (fig. 5 left). */
const basicBlock =
  (shortcut: Shortcut): Block =>
  (net, x, name, channels, stride) => {
    let y = net.conv(x, `${name}.conv1`, channels, 3, { stride, pad: 1, bias: false });
    y = net.relu(net.batchNorm(y, `${name}.bn1`));
    y = net.conv(y, `${name}.conv2`, channels, 3, { pad: 1, bias: false });
    y = net.batchNorm(y, `${name}.bn2`);
    return net.relu(net.add(y, shortcut(net, x, name, channels, stride)));
  };

/**
 * conv 1×1 – BN – ReLU – conv 3×3 – BN – ReLU – conv 1×1 to four times the channels – BN, plus the shortcut, then ReLU
 * (fig. 5 right). The stride is at the 3×3 convolution, as PyTorch's implementations have it; the paper has it at the
 * first 1×1.
 */
const bottleneck: Block = (net, x, name, channels, stride) => {
  const wide = 4 * channels;
  let y = net.conv(x, `${name}.conv1`, channels, 1, { bias: false });
  y = net.relu(net.batchNorm(y, `${name}.bn1`));
  y = net.conv(y, `${name}.conv2`, channels, 3, { stride, pad: 1, bias: false });
  y = net.relu(net.batchNorm(y, `${name}.bn2`));
  y = net.batchNorm(net.conv(y, `${name}.conv3`, wide, 1, { bias: false }), `${name}.bn3`);
  return net.relu(net.add(y, projected(net, x, name, wide, stride)));
};

interface Layout {
  readonly name: string;
  readonly source: string;
  readonly block: Block;
  /** Channels of the first stage; each one after it has twice as many, at half the height and width. */
  readonly width: number;
  /** Blocks of each stage. */
  readonly blocks: readonly number[];
  readonly initialisation?: Initialisation;
}

/** A 3×3 convolution, stages of blocks, the mean over all pixels, one linear layer. */
function residual({ name, source, block, width, blocks, initialisation }: Layout): Architecture {
  const architecture: Architecture = {
    name,
    source,
    input: [3, 32, 32],
    classes: 10,
    build(key, { input = architecture.input, classes = architecture.classes } = {}) {
      const net = new Net(key, initialisation);
      let x = net.conv(net.input(input), 'conv1', width, 3, { pad: 1, bias: false });
      x = net.relu(net.batchNorm(x, 'bn1'));
      for (const [stage, count] of blocks.entries()) {
        for (let i = 0; i < count; i++) {
          const stride = stage > 0 && i === 0 ? 2 : 1;
          x = block(net, x, `layer${stage + 1}.${i}`, width * 2 ** stage, stride);
        }
      }
      return net.logits(net.linear(net.globalAveragePool(x), 'linear', classes), name);
    },
  };
  return architecture;
}

const paper = 'He et al., "Deep Residual Learning for Image Recognition", arXiv:1512.03385';

/**
 * ResNet-18 with the CIFAR stem (one 3×3 convolution, no pooling): 11,173,962 parameters for 10 classes.
 *
 * He, Zhang, Ren, Sun, "Deep Residual Learning for Image Recognition", arXiv:1512.03385, table 1.
 */
export const resnet18 = residual({
  name: 'resnet18',
  source: `${paper}, table 1, CIFAR stem`,
  block: basicBlock(projected),
  width: 64,
  blocks: [2, 2, 2, 2],
});

/** ResNet-50 with the CIFAR stem: 23,520,842 parameters for 10 classes. The same paper, table 1. */
export const resnet50 = residual({
  name: 'resnet50',
  source: `${paper}, table 1, CIFAR stem`,
  block: bottleneck,
  width: 64,
  blocks: [3, 4, 6, 3],
});

/**
 * ResNet-56, made for CIFAR: 6n + 2 layers with n = 9, shortcuts without parameters (option A), 853,018 parameters for
 * 10 classes. The same paper, §4.2 and table 6; weights drawn as there, after He et al., arXiv:1502.01852.
 *
 * Deviations: the final linear layer is drawn as PyTorch does, and a shortcut's zeros lie on both sides of its channels as in
 * PyTorch's common implementation (the paper does not say where).
 */
export const resnet56 = residual({
  name: 'resnet56',
  source: `${paper}, §4.2, table 6`,
  block: basicBlock(padded),
  width: 16,
  blocks: [9, 9, 9],
  initialisation: 'he-fan-in',
});
