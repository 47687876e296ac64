"""PyTorch twins of Touchstone's architectures, and a loader of their weights from .onnx files.

    from touchstone_torch import load
    net = load("runs/mine/checkpoint.onnx")  # pixels in [0, 1] to logits, in eval mode

A checkpoint names its initializers as PyTorch does (`conv1.weight`, `layer1.0.bn1.running_mean`), so that any tool
can pick them up. An exported model has BatchNormalization folded in: load the checkpoint instead.
"""

import json

import numpy as np
import onnx
import torch
from onnx import numpy_helper
from torch import nn


def mnist_cnn(classes: int = 10) -> nn.Module:
    """The GAAT paper's MNIST network: [N, 1, 28, 28] in [0, 1] to [N, classes]."""

    class MnistCnn(nn.Module):
        def __init__(self):
            super().__init__()
            self.conv1 = nn.Conv2d(1, 16, 4, stride=2, padding=1)
            self.conv2 = nn.Conv2d(16, 32, 4, stride=2, padding=1)
            self.fc1 = nn.Linear(32 * 7 * 7, 100)
            self.fc2 = nn.Linear(100, classes)

        def forward(self, x):
            x = torch.relu(self.conv1(x))
            x = torch.relu(self.conv2(x))
            return self.fc2(torch.relu(self.fc1(x.flatten(1))))

    return MnistCnn()


class BasicBlock(nn.Module):
    def __init__(self, inputs: int, channels: int, stride: int):
        super().__init__()
        self.conv1 = nn.Conv2d(inputs, channels, 3, stride, 1, bias=False)
        self.bn1 = nn.BatchNorm2d(channels)
        self.conv2 = nn.Conv2d(channels, channels, 3, 1, 1, bias=False)
        self.bn2 = nn.BatchNorm2d(channels)
        self.shortcut = nn.Sequential()
        if stride != 1 or inputs != channels:
            self.shortcut = nn.Sequential(
                nn.Conv2d(inputs, channels, 1, stride, bias=False), nn.BatchNorm2d(channels)
            )

    def forward(self, x):
        y = torch.relu(self.bn1(self.conv1(x)))
        return torch.relu(self.bn2(self.conv2(y)) + self.shortcut(x))


class ResNet18(nn.Module):
    """ResNet-18 with the CIFAR stem: [N, 3, 32, 32] in [0, 1] to [N, classes]."""

    def __init__(self, classes: int = 10):
        super().__init__()
        self.conv1 = nn.Conv2d(3, 64, 3, 1, 1, bias=False)
        self.bn1 = nn.BatchNorm2d(64)
        inputs = 64
        for stage, channels in enumerate([64, 128, 256, 512]):
            blocks = [BasicBlock(inputs, channels, 2 if stage > 0 else 1), BasicBlock(channels, channels, 1)]
            setattr(self, f"layer{stage + 1}", nn.Sequential(*blocks))
            inputs = channels
        self.linear = nn.Linear(512, classes)

    def forward(self, x):
        x = torch.relu(self.bn1(self.conv1(x)))
        x = self.layer4(self.layer3(self.layer2(self.layer1(x))))
        return self.linear(x.mean((2, 3)))


def resnet18(classes: int = 10) -> nn.Module:
    return ResNet18(classes)


ARCHITECTURES = {"mnist-cnn": mnist_cnn, "resnet18": resnet18}


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
