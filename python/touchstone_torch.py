"""PyTorch twins of Touchstone's architectures and reconstructors, and a loader of their weights from .onnx files.

    from touchstone_torch import load
    net = load("runs/mine/checkpoint.onnx")  # pixels in [0, 1] to logits, in eval mode

A checkpoint names its initializers as PyTorch does (`conv1.weight`, `layer1.0.bn1.running_mean`), so that any tool
can pick them up. An exported model has BatchNormalization folded in: load the checkpoint instead.
"""

import json
from functools import partial

import numpy as np
import onnx
import torch
import torch.nn.functional as F
from onnx import numpy_helper
from torch import nn


class MnistCnn(nn.Module):
    """The GAAT paper's MNIST network: [N, 1, 28, 28] in [0, 1] to [N, classes]."""

    def __init__(self, classes: int = 10):
        super().__init__()
        self.conv1 = nn.Conv2d(1, 16, 4, stride=2, padding=1)
        self.conv2 = nn.Conv2d(16, 32, 4, stride=2, padding=1)
        self.fc1 = nn.Linear(32 * 7 * 7, 100)
        self.fc2 = nn.Linear(100, classes)

    def forward(self, x):
        x = torch.relu(self.conv1(x))
        x = torch.relu(self.conv2(x))
        return self.fc2(torch.relu(self.fc1(x.flatten(1))))


# The classifiers that follow take [N, 3, 32, 32] in [0, 1].


class Conv4(nn.Module):
    """Carlini and Wagner's network for CIFAR-10."""

    def __init__(self, classes: int = 10):
        super().__init__()
        self.conv1, self.conv2 = nn.Conv2d(3, 64, 3), nn.Conv2d(64, 64, 3)
        self.conv3, self.conv4 = nn.Conv2d(64, 128, 3), nn.Conv2d(128, 128, 3)
        self.fc1, self.fc2, self.fc3 = nn.Linear(3200, 256), nn.Linear(256, 256), nn.Linear(256, classes)

    def forward(self, x):
        x = F.max_pool2d(torch.relu(self.conv2(torch.relu(self.conv1(x)))), 2)
        x = F.max_pool2d(torch.relu(self.conv4(torch.relu(self.conv3(x)))), 2)
        return self.fc3(torch.relu(self.fc2(torch.relu(self.fc1(x.flatten(1))))))


class Vgg16(nn.Module):
    """VGG-16 with BatchNorm and one linear layer."""

    def __init__(self, classes: int = 10):
        super().__init__()
        layers, inputs = [], 3
        for channels, count in [(64, 2), (128, 2), (256, 3), (512, 3), (512, 3)]:
            for _ in range(count):
                layers += [nn.Conv2d(inputs, channels, 3, padding=1), nn.BatchNorm2d(channels), nn.ReLU()]
                inputs = channels
            layers.append(nn.MaxPool2d(2))
        self.features = nn.Sequential(*layers)
        self.classifier = nn.Linear(512, classes)

    def forward(self, x):
        return self.classifier(self.features(x).flatten(1))


def convolution(inputs: int, channels: int, kernel: int, stride: int = 1) -> nn.Conv2d:
    """Without bias; an odd kernel at stride 1 keeps height and width."""
    return nn.Conv2d(inputs, channels, kernel, stride, kernel // 2, bias=False)


def projection(inputs: int, channels: int, stride: int) -> nn.Sequential:
    """A shortcut: empty where the shape stays as it is."""
    if stride == 1 and inputs == channels:
        return nn.Sequential()
    return nn.Sequential(convolution(inputs, channels, 1, stride), nn.BatchNorm2d(channels))


class BasicBlock(nn.Module):
    expansion = 1

    def __init__(self, inputs: int, channels: int, stride: int):
        super().__init__()
        self.conv1, self.bn1 = convolution(inputs, channels, 3, stride), nn.BatchNorm2d(channels)
        self.conv2, self.bn2 = convolution(channels, channels, 3), nn.BatchNorm2d(channels)
        self.shortcut = projection(inputs, channels, stride)

    def forward(self, x):
        y = torch.relu(self.bn1(self.conv1(x)))
        return torch.relu(self.bn2(self.conv2(y)) + self.shortcut(x))


class Padding(nn.Module):
    """A shortcut without parameters: every `stride`-th pixel, `more` channels of zeros on either side."""

    def __init__(self, stride: int, more: int):
        super().__init__()
        self.stride, self.more = stride, more

    def forward(self, x):
        return F.pad(x[:, :, :: self.stride, :: self.stride], (0, 0, 0, 0, self.more, self.more))


class PaddedBlock(BasicBlock):
    def __init__(self, inputs: int, channels: int, stride: int):
        super().__init__(inputs, channels, stride)
        self.shortcut = Padding(stride, (channels - inputs) // 2)


class Bottleneck(nn.Module):
    expansion = 4

    def __init__(self, inputs: int, channels: int, stride: int):
        super().__init__()
        wide = 4 * channels
        self.conv1, self.bn1 = convolution(inputs, channels, 1), nn.BatchNorm2d(channels)
        self.conv2, self.bn2 = convolution(channels, channels, 3, stride), nn.BatchNorm2d(channels)
        self.conv3, self.bn3 = convolution(channels, wide, 1), nn.BatchNorm2d(wide)
        self.shortcut = projection(inputs, wide, stride)

    def forward(self, x):
        y = torch.relu(self.bn1(self.conv1(x)))
        y = torch.relu(self.bn2(self.conv2(y)))
        return torch.relu(self.bn3(self.conv3(y)) + self.shortcut(x))


def stages(block, inputs: int, width: int, counts: list[int]) -> list[nn.Sequential]:
    """Blocks at full size, then twice as wide and half as high and broad, and so on."""
    result = []
    for stage, count in enumerate(counts):
        channels, blocks = width * 2**stage, []
        for i in range(count):
            blocks.append(block(inputs, channels, 2 if stage > 0 and i == 0 else 1))
            inputs = channels * block.expansion
        result.append(nn.Sequential(*blocks))
    return result


class ResNet(nn.Module):
    """He et al., 2016, with the CIFAR stem."""

    def __init__(self, block, width: int, counts: list[int], classes: int = 10):
        super().__init__()
        self.conv1, self.bn1 = convolution(3, width, 3), nn.BatchNorm2d(width)
        self.depth = len(counts)
        for i, stage in enumerate(stages(block, width, width, counts)):
            setattr(self, f"layer{i + 1}", stage)
        self.linear = nn.Linear(width * 2 ** (self.depth - 1) * block.expansion, classes)

    def forward(self, x):
        x = torch.relu(self.bn1(self.conv1(x)))
        for i in range(self.depth):
            x = getattr(self, f"layer{i + 1}")(x)
        return self.linear(x.mean((2, 3)))


class PreActBlock(nn.Module):
    """A shortcut that changes shape convolves the block's input, as in Wong et al., 2020."""

    expansion = 1

    def __init__(self, inputs: int, channels: int, stride: int):
        super().__init__()
        self.bn1, self.conv1 = nn.BatchNorm2d(inputs), convolution(inputs, channels, 3, stride)
        self.bn2, self.conv2 = nn.BatchNorm2d(channels), convolution(channels, channels, 3)
        self.shortcut = projection(inputs, channels, stride)[:1]

    def forward(self, x):
        y = self.conv1(torch.relu(self.bn1(x)))
        return self.conv2(torch.relu(self.bn2(y))) + self.shortcut(x)


class PreActResNet18(nn.Module):
    def __init__(self, classes: int = 10):
        super().__init__()
        self.conv1 = convolution(3, 64, 3)
        self.layer1, self.layer2, self.layer3, self.layer4 = stages(PreActBlock, 64, 64, [2, 2, 2, 2])
        self.bn, self.linear = nn.BatchNorm2d(512), nn.Linear(512, classes)

    def forward(self, x):
        x = self.layer4(self.layer3(self.layer2(self.layer1(self.conv1(x)))))
        return self.linear(torch.relu(self.bn(x)).mean((2, 3)))


class WideBlock(nn.Module):
    """A shortcut that changes shape convolves what the first ReLU gives."""

    expansion = 1

    def __init__(self, inputs: int, channels: int, stride: int):
        super().__init__()
        self.bn1, self.conv1 = nn.BatchNorm2d(inputs), convolution(inputs, channels, 3, stride)
        self.bn2, self.conv2 = nn.BatchNorm2d(channels), convolution(channels, channels, 3)
        same = stride == 1 and inputs == channels
        self.convShortcut = None if same else convolution(inputs, channels, 1, stride)

    def forward(self, x):
        active = torch.relu(self.bn1(x))
        y = self.conv2(torch.relu(self.bn2(self.conv1(active))))
        return y + (self.convShortcut(active) if self.convShortcut else x)


class Group(nn.Module):
    def __init__(self, layer: nn.Sequential):
        super().__init__()
        self.layer = layer

    def forward(self, x):
        return self.layer(x)


class WideResNet(nn.Module):
    """WRN-depth-width, with the names of TRADES' code."""

    def __init__(self, depth: int, width: int, classes: int = 10):
        super().__init__()
        self.conv1 = convolution(3, 16, 3)
        groups = stages(WideBlock, 16, 16 * width, [(depth - 4) // 6] * 3)
        self.block1, self.block2, self.block3 = (Group(g) for g in groups)
        self.bn1, self.fc = nn.BatchNorm2d(64 * width), nn.Linear(64 * width, classes)

    def forward(self, x):
        x = self.block3(self.block2(self.block1(self.conv1(x))))
        return self.fc(torch.relu(self.bn1(x)).mean((2, 3)))


class MnistReconstructor(nn.Module):
    """Class probabilities, [N, classes], to [N, 1, 28, 28]."""

    def __init__(self, classes: int = 10):
        super().__init__()
        self.fc1, self.fc2 = nn.Linear(classes, 100), nn.Linear(100, 32 * 7 * 7)
        self.deconv1 = nn.ConvTranspose2d(32, 64, 4, stride=2, padding=1)
        self.deconv2 = nn.ConvTranspose2d(64, 64, 4, stride=2, padding=1)
        self.deconv3 = nn.ConvTranspose2d(64, 1, 3, padding=1)

    def forward(self, code):
        x = torch.relu(self.fc2(torch.relu(self.fc1(code)))).unflatten(1, (32, 7, 7))
        return torch.sigmoid(self.deconv3(torch.relu(self.deconv2(torch.relu(self.deconv1(x))))))


class CifarReconstructor(nn.Module):
    """Class probabilities, [N, classes], to [N, 3, 32, 32]."""

    def __init__(self, classes: int = 10):
        super().__init__()
        self.fc1, self.fc2 = nn.Linear(classes, 192), nn.Linear(192, 192 * 8 * 8)
        self.block1, self.block2, self.block3 = (
            Group(nn.Sequential(WideBlock(inputs, o, 1), WideBlock(o, o, 1), WideBlock(o, o, 1)))
            for inputs, o in [(192, 192), (192, 96), (96, 48)]
        )
        self.bn1, self.conv1 = nn.BatchNorm2d(48), nn.Conv2d(48, 3, 3, padding=1)

    def forward(self, code):
        x = self.block1(self.fc2(torch.relu(self.fc1(code))).unflatten(1, (192, 8, 8)))
        x = self.block2(F.interpolate(x, scale_factor=2))
        x = self.block3(F.interpolate(x, scale_factor=2))
        return torch.sigmoid(self.conv1(torch.relu(self.bn1(x))))


# By name, what makes the twin for a number of classes.
ARCHITECTURES = {
    "mnist-cnn": MnistCnn,
    "resnet18": partial(ResNet, BasicBlock, 64, [2, 2, 2, 2]),
    "resnet50": partial(ResNet, Bottleneck, 64, [3, 4, 6, 3]),
    "resnet56": partial(ResNet, PaddedBlock, 16, [9, 9, 9]),
    "preact-resnet18": PreActResNet18,
    "wrn-28-4": partial(WideResNet, 28, 4),
    "wrn-34-10": partial(WideResNet, 34, 10),
    "wrn-22-5": partial(WideResNet, 22, 5),
    "vgg16": Vgg16,
    "conv4": Conv4,
}
RECONSTRUCTORS = {"mnist-reconstructor": MnistReconstructor, "cifar-reconstructor": CifarReconstructor}


def load_weights(module: nn.Module, path: str) -> nn.Module:
    """Copies an .onnx file's initializers into a module whose state_dict has the same names, and puts it in eval mode.

    Raises KeyError naming what the file lacks.
    """
    arrays = {t.name: numpy_helper.to_array(t) for t in onnx.load(path).graph.initializer}
    state = module.state_dict()
    wanted = [name for name in state if not name.endswith("num_batches_tracked")]
    missing = [name for name in wanted if name not in arrays]
    if missing:
        raise KeyError(f"{path} lacks {', '.join(missing[:3])}: is it a checkpoint of this architecture?")
    for name in wanted:
        state[name].copy_(torch.from_numpy(np.array(arrays[name])))
    return module.eval()


class Normalised(nn.Module):
    """(x − mean)/std per channel, then the network: what `train --mean --std` bakes into a model."""

    def __init__(self, network: nn.Module, mean: list[float], std: list[float]):
        super().__init__()
        self.network = network
        self.register_buffer("mean", torch.tensor(mean).view(1, -1, 1, 1))
        self.register_buffer("std", torch.tensor(std).view(1, -1, 1, 1))

    def forward(self, x):
        return self.network((x - self.mean) / self.std)


def load(path: str) -> nn.Module:
    """The PyTorch twin of a checkpoint (or of an exported model without BatchNormalization), by its own metadata.

    Raises KeyError where the file was not trained by Touchstone.
    """
    metadata = {p.key: p.value for p in onnx.load(path).metadata_props}
    recipe = json.loads(metadata["touchstone.recipe"])
    network = load_weights(ARCHITECTURES[recipe["model"]](recipe["classes"]), path)
    if recipe["mean"] is None:
        return network
    return Normalised(network, recipe["mean"], recipe["std"]).eval()
