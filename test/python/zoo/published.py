"""Published architectures as the transformers library implements them, made small."""

import transformers as t
from torch import nn

from .net import CLASSES, Net


class Logits(nn.Module):
    """The logits of a model that returns a record."""

    def __init__(self, model):
        super().__init__()
        self.model = model

    def forward(self, x):
        return self.model(x).logits


def small(name, architecture, *, side=32, smooth=False, **config):
    def build():
        kind = getattr(t, f"{architecture}Config")(num_labels=CLASSES, **config)
        return Logits(getattr(t, f"{architecture}ForImageClassification")(kind))

    return Net(name, build, (3, side, side), smooth)


STAGES = {"hidden_sizes": [8, 16, 16, 32], "depths": [1, 1, 1, 1]}
WINDOWS = {"image_size": 32, "patch_size": 2, "embed_dim": 12, "depths": [2, 2], "num_heads": [2, 4], "window_size": 4}
TOKENS = {
    "hidden_size": 32, "num_hidden_layers": 2, "num_attention_heads": 4, "intermediate_size": 64, "image_size": 32, "patch_size": 8
}  # fmt: skip

PUBLISHED = [
    small("resnet", "ResNet", embedding_size=8, **STAGES),
    small("regnet", "RegNet", embedding_size=8, groups_width=8, layer_type="y", **STAGES),
    small("convnext", "ConvNext", patch_size=2, smooth=True, **STAGES),
    small("convnext-v2", "ConvNextV2", patch_size=2, smooth=True, **STAGES),
    small("vit-hf", "ViT", smooth=True, **TOKENS),
    small("beit", "Beit", smooth=True, use_relative_position_bias=True, **TOKENS),
    small("swin", "Swin", smooth=True, **WINDOWS),
    small("swin-v2", "Swinv2", **WINDOWS),
    small("mobilevit", "MobileViT", image_size=32, hidden_sizes=[16, 20, 24], neck_hidden_sizes=[8, 8, 12, 16, 20, 24, 64], smooth=True),
    small("mobilenet-v1", "MobileNetV1", depth_multiplier=0.25),
    small("mobilenet-v2", "MobileNetV2", depth_multiplier=0.35),
    small("efficientnet", "EfficientNet", image_size=32, width_coefficient=0.25, depth_coefficient=0.3, hidden_dim=320, smooth=True),
    small("poolformer", "PoolFormer", smooth=True, **STAGES),
    small("levit", "Levit", side=64, image_size=64, hidden_sizes=[16, 24, 32], num_attention_heads=[2, 2, 2], depths=[1, 1, 1], key_dim=[8, 8, 8]),
    small("pvt-v2", "PvtV2", side=64, image_size=64, hidden_sizes=[8, 16, 24, 32], depths=[1, 1, 1, 1], num_attention_heads=[1, 2, 4, 8], smooth=True),
    small("focalnet", "FocalNet", image_size=32, patch_size=2, embed_dim=16, depths=[1, 1], focal_levels=[2, 2], focal_windows=[3, 3], hidden_sizes=[16, 32], smooth=True),
    small("segformer", "Segformer", hidden_sizes=[8, 16, 24, 32], depths=[1, 1, 1, 1], decoder_hidden_size=32, smooth=True),
    small("bit", "Bit", embedding_size=8, num_groups=4, hidden_sizes=[8, 16, 24, 32], depths=[1, 1, 1, 1]),
    small("swiftformer", "SwiftFormer", side=64, image_size=64, depths=[1, 1, 1, 1], embed_dims=[16, 16, 24, 32]),
]  # fmt: skip
