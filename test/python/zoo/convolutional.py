"""Convolutional classifiers, each around one thing that exports of such networks hold."""

import torch
import torch.nn.functional as F
from torch import nn

from .net import CLASSES, Lambda, Net, Residual, conv, head


def vgg():
    return nn.Sequential(
        conv(3, 8), conv(8, 8), nn.MaxPool2d(2), conv(8, 16), conv(16, 16), nn.MaxPool2d(2), nn.Flatten(),
        nn.Linear(16 * 64, 32), nn.ReLU(), nn.Dropout(), nn.Linear(32, CLASSES),
    )  # fmt: skip


class DenseBlock(nn.Module):
    def __init__(self, i, growth, n):
        super().__init__()
        self.layers = nn.ModuleList(
            nn.Sequential(nn.BatchNorm2d(i + k * growth), nn.ReLU(), nn.Conv2d(i + k * growth, growth, 3, padding=1, bias=False))
            for k in range(n)
        )

    def forward(self, x):
        for layer in self.layers:
            x = torch.cat([x, layer(x)], 1)
        return x


def densenet():
    transition = [nn.BatchNorm2d(32), nn.ReLU(), nn.Conv2d(32, 16, 1, bias=False), nn.AvgPool2d(2)]
    return nn.Sequential(
        nn.Conv2d(3, 8, 3, padding=1), DenseBlock(8, 8, 3), *transition, DenseBlock(16, 8, 2), nn.BatchNorm2d(32), nn.ReLU(),
        *head(32),
    )  # fmt: skip


class SqueezeExcite(nn.Module):
    def __init__(self, c, gate=nn.Hardsigmoid):
        super().__init__()
        self.gate = nn.Sequential(nn.AdaptiveAvgPool2d(1), nn.Conv2d(c, c // 2, 1), nn.ReLU(), nn.Conv2d(c // 2, c, 1), gate())

    def forward(self, x):
        return x * self.gate(x)


def mobilenet_v3():
    def block(i, wide, o, k, s, act):
        body = [conv(i, wide, 1, act=act), conv(wide, wide, k, s, act=act, groups=wide), SqueezeExcite(wide)]
        body.append(conv(wide, o, 1, act=None))
        return Residual(*body) if s == 1 and i == o else nn.Sequential(*body)

    return nn.Sequential(
        conv(3, 8, 3, 2, nn.Hardswish), block(8, 16, 8, 3, 1, nn.ReLU), block(8, 24, 12, 5, 2, nn.Hardswish),
        block(12, 24, 12, 3, 1, nn.Hardswish), *head(12)[:2], nn.Linear(12, 32), nn.Hardswish(), nn.Linear(32, CLASSES),
    )  # fmt: skip


class Branches(nn.Module):
    def __init__(self, *branches):
        super().__init__()
        self.branches = nn.ModuleList(branches)

    def forward(self, x):
        return torch.cat([b(x) for b in self.branches], 1)


def inception():
    def block(i):
        factored = nn.Sequential(
            nn.Conv2d(i, 4, (1, 7), padding=(0, 3)), nn.ReLU(), nn.Conv2d(4, 8, (7, 1), padding=(3, 0)), nn.ReLU()
        )
        pooled = nn.Sequential(nn.AvgPool2d(3, 1, 1, count_include_pad=False), nn.Conv2d(i, 4, 1), nn.ReLU())
        return Branches(conv(i, 4, 1), factored, pooled)

    reduce = Branches(conv(16, 8, 3, 2, padding=0), nn.MaxPool2d(3, 2))
    return nn.Sequential(conv(3, 8), block(8), reduce, block(24), *head(16))


def squeezenet():
    """Pools whose last window hangs over the edge, both kinds."""
    fire = lambda i, s, e: nn.Sequential(nn.Conv2d(i, s, 1), nn.ReLU(), Branches(nn.Conv2d(s, e, 1), nn.Conv2d(s, e, 3, padding=1)), nn.ReLU())  # noqa: E731
    return nn.Sequential(
        nn.Conv2d(3, 8, 3, 2), nn.ReLU(), nn.MaxPool2d(3, 2, ceil_mode=True), fire(8, 4, 8),
        nn.AvgPool2d(3, 2, ceil_mode=True, count_include_pad=False), fire(16, 4, 8), nn.AvgPool2d(3, 2, 1, ceil_mode=True),
        nn.Conv2d(16, CLASSES, 1), nn.ReLU(), nn.AdaptiveAvgPool2d(1), nn.Flatten(),
    )  # fmt: skip


def alexnet():
    return nn.Sequential(
        nn.Conv2d(3, 8, 5, 2, 2), nn.ReLU(), nn.LocalResponseNorm(5), nn.MaxPool2d(3, 2), nn.Conv2d(8, 16, 5, padding=2, groups=2),
        nn.ReLU(), nn.LocalResponseNorm(4, alpha=1e-2), nn.AdaptiveAvgPool2d((3, 3)), nn.Flatten(), nn.Dropout(),
        nn.Linear(144, 32), nn.ReLU(), nn.Linear(32, CLASSES),
    )  # fmt: skip


def instance_norm():
    return nn.Sequential(
        nn.ReflectionPad2d(2), nn.Conv2d(3, 8, 5), nn.InstanceNorm2d(8, affine=True), nn.Softplus(), nn.ReplicationPad2d(1),
        nn.Conv2d(8, 12, 3, 2), nn.InstanceNorm2d(12), nn.SiLU(), nn.CircularPad2d(1), nn.Conv2d(12, 12, 3), nn.SiLU(), *head(12),
    )  # fmt: skip


class StandardisedConv(nn.Conv2d):
    """Weight standardisation: the kernel is normalised before it is used."""

    def forward(self, x):
        w = self.weight
        w = (w - w.mean((1, 2, 3), keepdim=True)) / (w.std((1, 2, 3), keepdim=True, unbiased=False) + 1e-5)
        return F.conv2d(x, w, self.bias, self.stride, self.padding, self.dilation, self.groups)


def group_norm():
    return nn.Sequential(
        StandardisedConv(3, 8, 3, padding=1), nn.GroupNorm(4, 8), nn.SiLU(), StandardisedConv(8, 16, 3, 2, 1), nn.GroupNorm(1, 16),
        nn.GELU(), StandardisedConv(16, 16, 3, padding=1), nn.GroupNorm(16, 16), nn.Mish(), *head(16),
    )  # fmt: skip


def dilated_and_transposed():
    return nn.Sequential(
        nn.Conv2d(3, 8, 3, padding=2, dilation=2), nn.ELU(), nn.Conv2d(8, 8, 3, 2, padding=3, dilation=3), nn.Tanh(),
        nn.ConvTranspose2d(8, 12, 3, 2, 1, output_padding=1), nn.Sigmoid(), nn.ConvTranspose2d(12, 8, 4, 2, 1, groups=4), nn.Tanh(),
        nn.Conv2d(8, 8, 5, 3, (1, 2), groups=2), nn.Softsign(), *head(8),
    )  # fmt: skip


def odd_windows():
    """Strides, pads and kernels that differ between rows and columns."""
    return nn.Sequential(
        nn.Conv2d(3, 8, (3, 5), (2, 1), (0, 2)), nn.ReLU(), nn.MaxPool2d((2, 3), (1, 2), (1, 1)), nn.Conv2d(8, 8, (4, 1), (1, 3)),
        nn.ReLU(), nn.AvgPool2d((3, 2), (2, 1), (1, 0)), nn.Conv2d(8, 12, 2, 2, 1, groups=4), nn.Softplus(), nn.MaxPool2d((2, 1), 1, dilation=(2, 1)),
        nn.LPPool2d(2, (1, 2)), *head(12),
    )  # fmt: skip


def resize():
    def to(**options):
        return Lambda(lambda x: F.interpolate(x, **options))

    return nn.Sequential(
        to(size=(40, 36), mode="bilinear"), nn.Conv2d(3, 8, 3, 2), nn.SiLU(), to(scale_factor=2, mode="nearest"), nn.Conv2d(8, 8, 3, 2, 1),
        nn.SiLU(), to(size=(11, 13), mode="bilinear", align_corners=True), nn.Conv2d(8, 8, 3), nn.Tanh(),
        to(scale_factor=1.5, mode="bicubic"), nn.Conv2d(8, 8, 3), nn.SiLU(), *head(8),
    )  # fmt: skip


class Shuffle(nn.Module):
    def __init__(self, c):
        super().__init__()
        self.branch = nn.Sequential(conv(c // 2, c // 2, 1), conv(c // 2, c // 2, act=None, groups=c // 2), conv(c // 2, c // 2, 1))

    def forward(self, x):
        a, b = x.chunk(2, 1)
        x = torch.cat([a, self.branch(b)], 1)
        n, c, h, w = x.shape
        return x.view(n, 2, c // 2, h, w).transpose(1, 2).reshape(n, c, h, w)


class ChannelAttention(nn.Module):
    """A one-dimensional convolution over the channels (ECA)."""

    def __init__(self):
        super().__init__()
        self.conv = nn.Conv1d(1, 1, 3, padding=1, bias=False)

    def forward(self, x):
        y = self.conv(x.mean((2, 3)).unsqueeze(1)).sigmoid()
        return x * y.transpose(1, 2).unsqueeze(-1)


def shufflenet():
    return nn.Sequential(conv(3, 16, 3, 2), Shuffle(16), ChannelAttention(), Shuffle(16), nn.PixelUnshuffle(2), nn.PixelShuffle(2), *head(16))


def pyramid():
    """Pools to several sizes, joined."""
    pools = [nn.Sequential(nn.AdaptiveAvgPool2d(n), nn.Flatten()) for n in (1, 2, 4)]
    pools.append(nn.Sequential(nn.AdaptiveMaxPool2d(2), nn.Flatten()))
    return nn.Sequential(conv(3, 8, 3, 2), conv(8, 8), Branches(*pools), nn.Linear(8 * 25, CLASSES))


def strided_residual():
    """A ResNet's downsampling, where two strided branches meet; the stem is 7×7."""
    block = lambda i, o, s: nn.Sequential(Residual(conv(i, o, 3, s), conv(o, o, act=None), shortcut=conv(i, o, 1, s, None)), nn.ReLU())  # noqa: E731
    return nn.Sequential(conv(3, 16, 7, 2), nn.MaxPool2d(3, 2, 1), block(16, 16, 1), block(16, 32, 2), *head(32))


CONVOLUTIONAL = [
    Net("vgg", vgg),
    Net("densenet", densenet),
    Net("mobilenet-v3", mobilenet_v3),
    Net("inception", inception),
    Net("squeezenet", squeezenet),
    Net("alexnet", alexnet),
    Net("instance-norm", instance_norm, smooth=True),
    Net("group-norm", group_norm, smooth=True),
    Net("dilated-transposed", dilated_and_transposed, smooth=True),
    Net("odd-windows", odd_windows),
    Net("resize", resize, smooth=True),
    Net("shufflenet", shufflenet),
    Net("pyramid", pyramid),
    Net("strided-residual", strided_residual),
]
