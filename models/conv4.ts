import { type Architecture, Net } from './net.ts';

/**
 * Conv-4, which the eFGSM paper transfers attacks from (table 5): "a four layer convolution neural network", of which it
 * says no more and cites nothing. Taken here is the net of four convolutions in what it does cite: Carlini and Wagner's
 * for CIFAR-10, convolutions of 3×3 without padding and two hidden layers of 256 units; 1,147,978 parameters. The Conv-4 of
 * Frankle and Carbin (arXiv:1803.03635, fig. 2) is the same with padding.
 *
 * Carlini, Wagner, "Towards Evaluating the Robustness of Neural Networks", arXiv:1608.04644, table 1, without its dropout.
 */
export const conv4: Architecture = {
  name: 'conv4',
  source:
    'Carlini, Wagner, "Towards Evaluating the Robustness of Neural Networks", arXiv:1608.04644, table 1',
  input: [3, 32, 32],
  classes: 10,
  build(key, { input = conv4.input, classes = conv4.classes } = {}) {
    const net = new Net(key);
    let x = net.input(input);
    x = net.relu(net.conv(x, 'conv1', 64, 3));
    x = net.maxPool(net.relu(net.conv(x, 'conv2', 64, 3)));
    x = net.relu(net.conv(x, 'conv3', 128, 3));
    x = net.maxPool(net.relu(net.conv(x, 'conv4', 128, 3)));
    x = net.relu(net.linear(net.flatten(x), 'fc1', 256));
    x = net.relu(net.linear(x, 'fc2', 256));
    return net.logits(net.linear(x, 'fc3', classes), conv4.name);
  },
};
