"""SqueezeNet v1.0: a small classifier of ImageNet (1.25 M weights), taken here for what its layers see.

A fire module squeezes to few channels by 1x1 convolutions, then expands by 1x1 and by 3x3 convolutions side by side;
each is followed by ReLU. Pools of 3x3 and stride 2, which round sizes up, come before fire2, fire5 and fire9.

The weights exist in two forms, which were trained with different inputs; `named` tells them apart by their names:

- converted from Caffe: `conv1.w`, `fire2/squeeze1x1.b`, ...; BGR less its mean (104, 117, 123), of 255;
- from torchvision: `features.0.weight`, `features.3.squeeze.bias`, ...; RGB less its mean, over its deviation.

The classifier, conv10, does not pad its input, as in torchvision.

References:
    Iandola, Han, Moskewicz, Ashraf, Dally, Keutzer: SqueezeNet: AlexNet-level accuracy with 50x fewer parameters and
        <0.5MB model size. arXiv:1602.07360, 2016.
"""

from collections.abc import Mapping

import torch
from torch import Tensor, nn

FIRES = {2: (96, 16, 64), 3: (128, 16, 64), 4: (128, 32, 128), 5: (256, 32, 128)} | {
    6: (256, 48, 192),
    7: (384, 48, 192),
    8: (384, 64, 256),
    9: (512, 64, 256),
}
"""Of each fire module the channels that come in, those it squeezes to, and those of each of its two expansions."""

_PARTS = {"squeeze1x1": "squeeze", "expand1x1": "expand1x1", "expand3x3": "expand3x3"}
"""Of a fire module, as Caffe and as torchvision call them."""

_CAFFE = {f"fire{n}/{part}": f"fire{n}.{part}" for n in FIRES for part in _PARTS} | {
    "conv1": "conv1",
    "conv10": "conv10",
}
_TORCHVISION = {
    f"features.{at}.{theirs}": f"fire{n}.{part}"
    for n, at in zip(FIRES, (3, 4, 5, 7, 8, 9, 10, 12), strict=True)
    for part, theirs in _PARTS.items()
} | {"features.0": "conv1", "classifier.1": "conv10"}


class Fire(nn.Module):
    """(B, C, H, W) -> (B, 2 * expanded, H, W)."""

    def __init__(self, channels: int, squeezed: int, expanded: int) -> None:
        super().__init__()
        self.squeeze1x1 = nn.Conv2d(channels, squeezed, 1)
        self.expand1x1 = nn.Conv2d(squeezed, expanded, 1)
        self.expand3x3 = nn.Conv2d(squeezed, expanded, 3, padding=1)

    def forward(self, x: Tensor) -> Tensor:
        x = self.squeeze1x1(x).relu()
        return torch.cat([self.expand1x1(x).relu(), self.expand3x3(x).relu()], dim=1)


class SqueezeNet(nn.Module):
    """The whole network; `conv1`, `fire2` ... `fire9`, `conv10` hold the weights, `stages` says how they follow."""

    def __init__(self) -> None:
        super().__init__()
        self.conv1 = nn.Conv2d(3, 96, 7, stride=2)
        for n, channels in FIRES.items():
            self.add_module(f"fire{n}", Fire(*channels))
        self.conv10 = nn.Conv2d(512, 1000, 1)

    def stages(self) -> list[tuple[str, nn.Module]]:
        """The layers in order, each with the pool before it and the ReLU after it."""
        stages: list[tuple[str, nn.Module]] = [("conv1", nn.Sequential(self.conv1, nn.ReLU()))]
        for n in FIRES:
            fire = self.get_submodule(f"fire{n}")
            pool = [nn.MaxPool2d(3, stride=2, ceil_mode=True)] if n in (2, 5, 9) else []
            stages.append((f"fire{n}", nn.Sequential(*pool, fire)))
        stages.append(("conv10", nn.Sequential(self.conv10, nn.ReLU())))
        return stages

    def forward(self, x: Tensor) -> Tensor:
        """Prepared pictures (B, 3, H, W) -> scores of the ImageNet classes (B, 1000)."""
        for _, stage in self.stages():
            x = stage(x)
        return x.mean(dim=(2, 3))


def named(tensors: Mapping[str, Tensor]) -> tuple[dict[str, Tensor], bool]:
    """Give weights of either form the names of `SqueezeNet`.

    Args:
        tensors: as they come from a file.

    Returns:
        Those with a place in the network, and whether they are of the Caffe form.
    """
    found, caffe = {}, False
    for name, tensor in tensors.items():
        layer, _, kind = name.rpartition(".")
        if layer in _CAFFE and kind in ("w", "b"):
            caffe = True
            found[f"{_CAFFE[layer]}.{'weight' if kind == 'w' else 'bias'}"] = tensor
        elif layer in _TORCHVISION:
            found[f"{_TORCHVISION[layer]}.{kind}"] = tensor
    return found, caffe
