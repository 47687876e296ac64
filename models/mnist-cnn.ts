import { type Architecture, Net } from './net.ts';

/**
 * The MNIST network of the GAAT paper (§5.1, after Wong and Kolter, 2018): two convolutions with 16 and 32 filters of
 * 4×4 and stride 2, a hidden layer of 100 units. 166,406 parameters.
 */
export const mnistCnn: Architecture = {
  name: 'mnist-cnn',
  source: 'Gong, "Reducing Adversarial Training Cost with Gradient Approximation", arXiv:2309.09464, §5',
  input: [1, 28, 28],
  classes: 10,
  build(key, { input = mnistCnn.input, classes = mnistCnn.classes } = {}) {
    const net = new Net(key);
    let x = net.input(input);
    x = net.relu(net.conv(x, 'conv1', 16, 4, { stride: 2, pad: 1 }));
    x = net.relu(net.conv(x, 'conv2', 32, 4, { stride: 2, pad: 1 }));
    x = net.relu(net.linear(net.flatten(x), 'fc1', 100));
    return net.logits(net.linear(x, 'fc2', classes), mnistCnn.name);
  },
};
