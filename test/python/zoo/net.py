"""What a fixture is: a classifier, the shape of its images, and what its second derivatives are worth."""

from collections.abc import Callable
from dataclasses import dataclass

import torch
from torch import nn

CLASSES = 10


@dataclass(frozen=True)
class Net:
    name: str
    build: Callable[[], nn.Module]
    image: tuple[int, ...] = (3, 32, 32)
    # Whether it has second derivatives: Hessian-vector products are then compared, too.
    smooth: bool = False
    # How the output is read as logits: the exported model may end in more than that.
    logits: Callable = staticmethod(lambda out: out)
    # Exporters that cannot write it, and why.
    cannot: tuple[tuple[str, str], ...] = ()


class Lambda(nn.Module):
    """A function as a layer."""

    def __init__(self, function):
        super().__init__()
        self.function = function

    def forward(self, *x):
        return self.function(*x)


class Residual(nn.Module):
    """x + f(x)."""

    def __init__(self, *layers, shortcut=None):
        super().__init__()
        self.body = nn.Sequential(*layers)
        self.shortcut = shortcut or nn.Identity()

    def forward(self, x):
        return self.body(x) + self.shortcut(x)


def conv(i, o, k=3, s=1, act=nn.ReLU, **options):
    """Convolution, batch normalisation, activation."""
    options.setdefault("padding", k // 2)
    layers = [nn.Conv2d(i, o, k, s, bias=False, **options), nn.BatchNorm2d(o)]
    return nn.Sequential(*layers, *([act()] if act else []))


def head(channels):
    return [nn.AdaptiveAvgPool2d(1), nn.Flatten(), nn.Linear(channels, CLASSES)]


def prepared(net, seed=0):
    """The network in inference form, its normalisations as if it had been trained, its outputs well apart."""
    torch.manual_seed(seed)
    built = net.build().eval()
    generator = torch.Generator().manual_seed(seed)
    for module in built.modules():
        # Initialisations made for large networks let the gradient of a small one vanish.
        if type(module) is nn.Conv2d:
            nn.init.kaiming_normal_(module.weight, nonlinearity="relu", generator=generator)
        if type(module) is nn.Linear:
            nn.init.xavier_normal_(module.weight, generator=generator)
        if isinstance(module, nn.modules.batchnorm._BatchNorm) and module.running_mean is not None:
            module.running_mean.normal_(0, 0.2, generator=generator)
            module.running_var.uniform_(0.5, 1.5, generator=generator)
        if isinstance(module, (nn.modules.batchnorm._BatchNorm, nn.LayerNorm, nn.GroupNorm)) and module.weight is not None:
            with torch.no_grad():
                module.weight.uniform_(0.7, 1.3, generator=generator)
                module.bias.normal_(0, 0.1, generator=generator)
    # No two parameters alike: a gradient is found by its parameter's values.
    with torch.no_grad():
        for parameter in built.parameters():
            parameter.add_(torch.randn(parameter.shape, generator=generator), alpha=0.01)
    return built
