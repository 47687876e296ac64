"""Networks that are timed as PyTorch exports them: MobileNetV2 for 32×32 images, and a small vision transformer."""

import torch
from torch import nn

# expansion, channels, blocks, stride: table 2 of Sandler et al., 2018, with the strides of its usual CIFAR form
STAGES = [(1, 16, 1, 1), (6, 24, 2, 1), (6, 32, 3, 2), (6, 64, 4, 2), (6, 96, 3, 1), (6, 160, 3, 2), (6, 320, 1, 1)]


def unit(i, o, k=1, s=1, groups=1, act=True):
    layers = [nn.Conv2d(i, o, k, s, k // 2, groups=groups, bias=False), nn.BatchNorm2d(o)]
    return nn.Sequential(*layers, *([nn.ReLU6()] if act else []))


class Bottleneck(nn.Module):
    def __init__(self, i, o, s, t):
        super().__init__()
        wide = t * i
        self.body = nn.Sequential(
            *([unit(i, wide)] if t != 1 else []), unit(wide, wide, 3, s, groups=wide), unit(wide, o, act=False)
        )
        self.residual = s == 1 and i == o

    def forward(self, x):
        return x + self.body(x) if self.residual else self.body(x)


def mobilenet_v2():
    layers, channels = [unit(3, 32, 3)], 32
    for t, c, n, s in STAGES:
        for k in range(n):
            layers.append(Bottleneck(channels, c, s if k == 0 else 1, t))
            channels = c
    layers += [unit(channels, 1280), nn.AdaptiveAvgPool2d(1), nn.Flatten(), nn.Linear(1280, 10)]
    return nn.Sequential(*layers)


class ViT(nn.Module):
    """Patches of 4×4, 192 wide, 6 deep, 3 heads."""

    def __init__(self, dim=192, depth=6, heads=3, patch=4):
        super().__init__()
        tokens = (32 // patch) ** 2 + 1
        self.patch = nn.Conv2d(3, dim, patch, patch)
        self.token = nn.Parameter(torch.zeros(1, 1, dim))
        self.position = nn.Parameter(0.02 * torch.randn(1, tokens, dim))
        self.blocks = nn.ModuleList(Block(dim, heads) for _ in range(depth))
        self.norm, self.head = nn.LayerNorm(dim), nn.Linear(dim, 10)

    def forward(self, x):
        x = self.patch(x).flatten(2).transpose(1, 2)
        x = torch.cat([self.token.expand(x.shape[0], -1, -1), x], 1) + self.position
        for block in self.blocks:
            x = block(x)
        return self.head(self.norm(x)[:, 0])


class Block(nn.Module):
    def __init__(self, dim, heads):
        super().__init__()
        self.heads = heads
        self.n1, self.n2 = nn.LayerNorm(dim), nn.LayerNorm(dim)
        self.qkv, self.out = nn.Linear(dim, 3 * dim), nn.Linear(dim, dim)
        self.mlp = nn.Sequential(nn.Linear(dim, 4 * dim), nn.GELU(), nn.Linear(4 * dim, dim))

    def forward(self, x):
        n, t, d = x.shape
        q, k, v = self.qkv(self.n1(x)).reshape(n, t, 3, self.heads, d // self.heads).permute(2, 0, 3, 1, 4).unbind(0)
        a = nn.functional.scaled_dot_product_attention(q, k, v).transpose(1, 2).reshape(n, t, d)
        x = x + self.out(a)
        return x + self.mlp(self.n2(x))


NETS = {"mobilenet-v2": mobilenet_v2, "vit": ViT}
