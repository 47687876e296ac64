import { TouchstoneError } from '../src/errors.ts';
import { type Architecture, Net } from './net.ts';
import { preActBlock } from './preact-resnet.ts';

/** For the blocks of wide networks. */
export const WIDE_SHORTCUT = { name: 'convShortcut', of: 'activation' } as const;

/**
 * WRN-d-k: three groups of n = (d − 4)/6 pre-activation blocks, 16k, 32k and 64k channels wide, without dropout.
 *
 * Zagoruyko, Komodakis, "Wide Residual Networks", arXiv:1605.07146, table 1. Convolutions are drawn after He et al. by
 * the channels that come out, and weights named, as in the code of TRADES (arXiv:1901.08573); the linear layer's bias is
 * drawn as PyTorch does (0 there).
 *
 * @param depth d, 6n + 4
 * @param width k, from 1
 * @throws E_OPTION where no such network exists
 */
export function wideResNet(depth: number, width: number): Architecture {
  const blocks = (depth - 4) / 6;
  if (!Number.isInteger(blocks) || blocks < 1 || !Number.isInteger(width) || width < 1)
    throw new TouchstoneError('E_OPTION', `WRN-${depth}-${width}`, 'a depth of 6n + 4 and a whole width');
  const architecture: Architecture = {
    name: `wrn-${depth}-${width}`,
    source: 'Zagoruyko, Komodakis, "Wide Residual Networks", arXiv:1605.07146, table 1',
    input: [3, 32, 32],
    classes: 10,
    build(key, { input = architecture.input, classes = architecture.classes } = {}) {
      const net = new Net(key, 'he-fan-out');
      let x = net.conv(net.input(input), 'conv1', 16, 3, { pad: 1, bias: false });
      for (const [group, channels] of [16 * width, 32 * width, 64 * width].entries()) {
        for (let i = 0; i < blocks; i++) {
          const stride = group > 0 && i === 0 ? 2 : 1;
          x = preActBlock(net, x, `block${group + 1}.layer.${i}`, channels, stride, WIDE_SHORTCUT);
        }
      }
      x = net.globalAveragePool(net.relu(net.batchNorm(x, 'bn1')));
      return net.logits(net.linear(x, 'fc', classes), architecture.name);
    },
  };
  return architecture;
}

/** The GAAT paper's (arXiv:2309.09464, §5.1): 5,849,050 parameters for 10 classes. */
export const wrn28x4 = wideResNet(28, 4);

/** The DEAT paper's Wide-ResNet 34, and TRADES' own: 46,160,474 parameters for 10 classes. */
export const wrn34x10 = wideResNet(34, 10);

/** The eFGSM paper's classifier for CIFAR-10 (§3.4): 6,711,194 parameters for 10 classes. */
export const wrn22x5 = wideResNet(22, 5);
