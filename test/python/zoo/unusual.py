"""What is rarer in classifiers: attention spelled out, recurrences, index tables, unusual functions."""

import math

import torch
import torch.nn.functional as F
from torch import nn

from .net import CLASSES, Lambda, Net, Residual, conv, head


class VisionTransformer(nn.Module):
    """Class token, position embedding, attention through scaled_dot_product_attention."""

    def __init__(self, dim=24, heads=3, depth=2):
        super().__init__()
        self.patch = nn.Conv2d(3, dim, 8, 8)
        self.token = nn.Parameter(0.02 * torch.randn(1, 1, dim))
        self.position = nn.Parameter(0.02 * torch.randn(1, 17, dim))
        self.blocks = nn.ModuleList(
            nn.ModuleDict({
                "n1": nn.LayerNorm(dim), "qkv": nn.Linear(dim, 3 * dim), "out": nn.Linear(dim, dim), "n2": nn.LayerNorm(dim),
                "mlp": nn.Sequential(nn.Linear(dim, 2 * dim), nn.GELU(), nn.Linear(2 * dim, dim)),
            })
            for _ in range(depth)
        )  # fmt: skip
        self.heads = heads
        self.norm, self.fc = nn.LayerNorm(dim), nn.Linear(dim, CLASSES)

    def forward(self, x):
        x = self.patch(x).flatten(2).transpose(1, 2)
        x = torch.cat([self.token.expand(x.shape[0], -1, -1), x], 1) + self.position
        for b in self.blocks:
            n, t, d = x.shape
            q, k, v = b["qkv"](b["n1"](x)).reshape(n, t, 3, self.heads, d // self.heads).permute(2, 0, 3, 1, 4).unbind(0)
            a = F.scaled_dot_product_attention(q, k, v).transpose(1, 2).reshape(n, t, d)
            x = x + b["out"](a)
            x = x + b["mlp"](b["n2"](x))
        return self.fc(self.norm(x)[:, 0])


class Encoder(nn.Module):
    """PyTorch's own transformer layers, sinusoidal positions, tanh GELU."""

    def __init__(self, dim=16):
        super().__init__()
        self.patch = nn.Linear(3 * 64, dim)
        layer = nn.TransformerEncoderLayer(dim, 2, 32, activation=lambda x: F.gelu(x, approximate="tanh"), batch_first=True)
        self.encoder = nn.TransformerEncoder(layer, 2, enable_nested_tensor=False)
        angle = torch.arange(16)[:, None] * torch.exp(-math.log(100.0) * torch.arange(0, dim, 2) / dim)
        self.register_buffer("position", torch.cat([angle.sin(), angle.cos()], 1))
        self.fc = nn.Linear(dim, CLASSES)

    def forward(self, x):
        x = x.unfold(2, 8, 8).unfold(3, 8, 8).permute(0, 2, 3, 1, 4, 5).flatten(3).flatten(1, 2)
        return self.fc(self.encoder(self.patch(x) + self.position).mean(1))


class WindowAttention(nn.Module):
    """Shifted windows, a relative position table, a mask of −100s: Swin's moves, by hand."""

    def __init__(self, dim=12, heads=2, window=4, side=8):
        super().__init__()
        self.window, self.heads = window, heads
        self.patch, self.qkv, self.proj = nn.Conv2d(3, dim, 4, 4), nn.Linear(dim, 3 * dim), nn.Linear(dim, dim)
        self.table = nn.Parameter(0.1 * torch.randn((2 * window - 1) ** 2, heads))
        at = torch.stack(torch.meshgrid(torch.arange(window), torch.arange(window), indexing="ij")).flatten(1)
        apart = (at[:, :, None] - at[:, None]).permute(1, 2, 0) + window - 1
        self.register_buffer("index", apart[..., 0] * (2 * window - 1) + apart[..., 1])
        region = torch.zeros(1, side, side, 1)
        region[:, -window // 2 :] += 1
        region[:, :, -window // 2 :] += 2
        cut = self.windows(region).squeeze(-1)
        self.register_buffer("mask", (cut[:, None] != cut[:, :, None]) * -100.0)
        self.norm, self.fc = nn.LayerNorm(dim), nn.Linear(dim, CLASSES)

    def windows(self, x):
        n, h, w, c = x.shape
        k = self.window
        return x.view(n, h // k, k, w // k, k, c).permute(0, 1, 3, 2, 4, 5).reshape(-1, k * k, c)

    def forward(self, x):
        x = self.patch(x).permute(0, 2, 3, 1)
        n, h, w, c = x.shape
        y = self.windows(torch.roll(self.norm(x), (-2, -2), (1, 2)))
        q, k, v = self.qkv(y).reshape(-1, y.shape[1], 3, self.heads, c // self.heads).permute(2, 0, 3, 1, 4)
        a = q @ k.transpose(-2, -1) / math.sqrt(c // self.heads)
        a = a + self.table[self.index].permute(2, 0, 1)
        a = (a.view(n, -1, *a.shape[1:]) + self.mask[:, None]).view(-1, *a.shape[1:]).softmax(-1)
        y = self.proj((a @ v).transpose(1, 2).reshape(-1, y.shape[1], c))
        y = y.view(n, h // self.window, w // self.window, self.window, self.window, c).permute(0, 1, 3, 2, 4, 5)
        return self.fc((x + torch.roll(y.reshape(n, h, w, c), (2, 2), (1, 2))).mean((1, 2)))


class Mixer(nn.Module):
    def __init__(self, dim=16, tokens=16):
        super().__init__()
        self.patch = nn.Conv2d(3, dim, 8, 8)
        self.across = Residual(nn.LayerNorm(dim), Lambda(lambda x: x.transpose(1, 2)), nn.Linear(tokens, 32), nn.GELU(), nn.Linear(32, tokens), Lambda(lambda x: x.transpose(1, 2)))
        self.within = Residual(nn.LayerNorm(dim), nn.Linear(dim, 32), nn.GELU(approximate="tanh"), nn.Linear(32, dim))
        self.fc = nn.Linear(dim, CLASSES)

    def forward(self, x):
        return self.fc(self.within(self.across(self.patch(x).flatten(2).transpose(1, 2))).mean(1))


def activations():
    """One of each smooth function that PyTorch has."""
    functions = [
        nn.Softplus(2), nn.Mish(), nn.SiLU(), nn.GELU(), nn.GELU("tanh"), nn.LogSigmoid(), nn.Tanhshrink(), nn.Sigmoid(), nn.Softsign(),
        Lambda(torch.erf), Lambda(torch.sin), Lambda(torch.cos), Lambda(torch.atan), Lambda(lambda x: x.exp().clamp(max=50)),
        Lambda(lambda x: (x * x + 1).rsqrt()), Lambda(lambda x: (x * x + 1).log()), Lambda(lambda x: torch.sinh(x / 4)),
        Lambda(lambda x: (x * x + 0.5).pow(0.3)), Lambda(torch.asinh), Lambda(lambda x: 1 / (2 + x.cosh())),
    ]  # fmt: skip
    mix = lambda: nn.Sequential(nn.Linear(24, 24), nn.LayerNorm(24))  # noqa: E731
    layers = [Residual(mix(), f) for f in functions]
    return nn.Sequential(nn.Conv2d(3, 6, 8, 8), nn.AdaptiveAvgPool2d(2), nn.Flatten(), *layers, nn.Linear(24, CLASSES))


def kinks():
    """The activations that have corners."""
    functions = [
        nn.LeakyReLU(0.2), nn.PReLU(12), nn.PReLU(), nn.ELU(0.7), nn.SELU(), nn.CELU(1.3), nn.ReLU6(), nn.Hardtanh(-1, 2), nn.Hardswish(),
        nn.Hardsigmoid(), nn.Softshrink(0.2), nn.Hardshrink(0.1), nn.Threshold(0.0, 0.0), Lambda(torch.abs), nn.Hardtanh(),
        Lambda(lambda x: torch.maximum(x, -0.3 * x)), Lambda(lambda x: torch.where(x > 0, x, 0.5 * x * x)),
        Lambda(lambda x: x.clamp(-0.7, 0.9)), Lambda(lambda x: torch.fmod(x, 1.5)),
    ]  # fmt: skip
    layers = [Residual(nn.Conv2d(12, 12, 1), nn.BatchNorm2d(12), f) for f in functions]
    return nn.Sequential(conv(3, 12, 3, 2), nn.AvgPool2d(2), *layers, *head(12))


class Reductions(nn.Module):
    """Channel statistics of all kinds as features."""

    def __init__(self):
        super().__init__()
        self.conv = nn.Sequential(nn.Conv2d(3, 6, 3, 2, 1), nn.Tanh())
        self.fc = nn.Linear(6 * 9 + 3, CLASSES)

    def forward(self, x):
        x = self.conv(x)
        f = x.flatten(2)
        top = f.topk(3, 2).values
        parts = [
            f.mean(2), f.var(2), f.std(2, unbiased=False), f.norm(dim=2), f.abs().sum(2), f.logsumexp(2), f.amax(2), f.amin(2),
            (f[:, :, :5] + 2).prod(2), top.mean(1),
        ]  # fmt: skip
        return self.fc(torch.cat([F.normalize(p, dim=1) for p in parts], 1))


class Indexing(nn.Module):
    """Flips, rolls, strided slices, index tables, cumulative sums."""

    def __init__(self):
        super().__init__()
        self.conv = conv(3, 8, 3, 2, nn.SiLU)
        self.register_buffer("order", torch.tensor([5, 1, 1, 7, 0, 2, 6, 3, 3]))
        self.fc = nn.Linear(9 * 4, CLASSES)

    def forward(self, x):
        x = self.conv(x)
        x = x.flip(3) + torch.roll(x, 3, 2) + x.tril() + 0.1 * x.cumsum(2)
        x = x[:, self.order]
        x = x[:, :, 1::3, 2:-1:2] - 0.5 * x[:, :, ::3, 1:-2:2][:, :, :5]
        a, b, _ = x.split([2, 2, 3], 3)
        x = torch.stack([a.mean((2, 3)), b.mean((2, 3)), a.repeat(1, 1, 2, 1).sum((2, 3)) / 9, torch.einsum("nchw,nchw->nc", a, b)], 2)
        return self.fc(x.flatten(1))


class SpatialTransformer(nn.Module):
    def __init__(self):
        super().__init__()
        self.where = nn.Sequential(nn.Conv2d(3, 4, 5, 4), nn.Tanh(), nn.Flatten(), nn.Linear(4 * 49, 6), nn.Tanh())
        self.register_buffer("identity", torch.tensor([1.0, 0, 0.1, 0, 1, -0.05]))
        self.rest = nn.Sequential(conv(3, 8, 3, 2, nn.SiLU), *head(8))

    def forward(self, x):
        theta = (0.2 * self.where(x) + self.identity).view(-1, 2, 3)
        grid = F.affine_grid(theta, x.shape, align_corners=False)
        return self.rest(F.grid_sample(x, grid, align_corners=False))


class Recurrent(nn.Module):
    """Rows as a sequence."""

    def __init__(self, kind):
        super().__init__()
        self.rnn = kind(3 * 16, 12, batch_first=True, bidirectional=kind is nn.LSTM)
        self.fc = nn.Linear(24 if kind is nn.LSTM else 12, CLASSES)

    def forward(self, x):
        x = F.avg_pool2d(x, 2).transpose(1, 2).flatten(2)
        return self.fc(self.rnn(x)[0][:, -1])


class Normalised(nn.Module):
    """Normalisation inside the model, a softmax at its end."""

    def __init__(self, last):
        super().__init__()
        self.register_buffer("mean", torch.tensor([0.48, 0.45, 0.41]).view(1, 3, 1, 1))
        self.register_buffer("std", torch.tensor([0.23, 0.22, 0.22]).view(1, 3, 1, 1))
        self.net = nn.Sequential(conv(3, 8, 3, 2, nn.SiLU), conv(8, 8, 3, 2, nn.SiLU), *head(8))
        self.last = last

    def forward(self, x):
        return self.last(self.net((x - self.mean) / self.std))


def parametrised():
    """Weights that are computed from other weights."""
    return nn.Sequential(
        nn.utils.parametrizations.weight_norm(nn.Conv2d(3, 8, 3, 2)), nn.SiLU(), nn.utils.parametrizations.spectral_norm(nn.Conv2d(8, 8, 3, 2)),
        nn.SiLU(), nn.Flatten(), nn.utils.parametrizations.weight_norm(nn.Linear(392, CLASSES)),
    )  # fmt: skip


def complex_shapes():
    """Rank-5 detours, a matrix product of two activations, an outer product."""
    outer = Lambda(lambda x: (x.flatten(2) @ x.flatten(2).transpose(1, 2) / 64).flatten(1))
    volume = Lambda(lambda x: x.unflatten(1, (2, 4)).permute(0, 4, 2, 1, 3).sum(2).permute(0, 2, 3, 1))
    return nn.Sequential(nn.Conv2d(3, 8, 3, 2, 1), nn.Tanh(), volume, nn.Conv2d(2, 8, 3, 2, 1), nn.Tanh(), outer, nn.BatchNorm1d(64), nn.Linear(64, CLASSES))


class TwoHeads(nn.Module):
    """Features first, then the classes."""

    def __init__(self):
        super().__init__()
        self.features, self.fc = nn.Sequential(conv(3, 8, 3, 2, nn.SiLU), *head(8)[:2]), nn.Linear(8, CLASSES)

    def forward(self, x):
        f = self.features(x)
        return self.fc(f), f


UNUSUAL = [
    Net("vit", VisionTransformer, smooth=True),
    Net("encoder", Encoder, smooth=True),
    Net("window-attention", WindowAttention, smooth=True),
    Net("mixer", Mixer, smooth=True),
    Net("activations", activations, smooth=True),
    Net("kinks", kinks),
    Net("reductions", Reductions),
    Net("indexing", Indexing, smooth=True),
    Net("spatial-transformer", SpatialTransformer),
    Net("lstm", lambda: Recurrent(nn.LSTM), smooth=True),
    Net("gru", lambda: Recurrent(nn.GRU), smooth=True),
    Net("rnn", lambda: Recurrent(nn.RNN), smooth=True),
    Net("softmax-output", lambda: Normalised(nn.Softmax(1)), smooth=True, logits=torch.log),
    Net("log-softmax-output", lambda: Normalised(nn.LogSoftmax(1)), smooth=True),
    Net("parametrised", parametrised, smooth=True),
    Net("complex-shapes", complex_shapes, smooth=True),
    Net("two-heads", TwoHeads, smooth=True, logits=lambda out: out[0]),
]  # fmt: skip
