"""Does a clip look sped-up? A trunk that keeps all frames, the strongest place of each frame, one answer for the clip.

    logit(x) = mean over t of  w . max over (i, j) of F(x)[:, t, i, j]  +  b

F are the maps of the trunk. The maximum over space keeps a small moving thing from drowning in what stands still; speed
is taken to be one within a clip, hence the mean over time. HIGHER IS FASTER: sigmoid(logit) is the chance of sped-up.

Two trunks: `s3dg` (`nn.s3d`), for GPUs, and `small`, of separable convolutions in a seventieth of the weights, which a
laptop trains in less than an hour. Both take any size and number of frames.

References:
    Benaim, Ephrat, Lang, Mosseri, Freeman, Rubinstein, Irani, Dekel: SpeedNet - Learning the Speediness in Videos. CVPR
        2020 (the head).
    Tran, Wang, Torresani, Ray, LeCun, Paluri: A Closer Look at Spatiotemporal Convolutions for Action Recognition.
        CVPR 2018 (space and time apart).
"""

from typing import Literal

import torch
from torch import Generator, Tensor, nn
from torch.nn import functional as F

from gestalt.nn.s3d import CHANNELS, S3DG

Trunk = Literal["small", "s3dg"]

WIDTHS = (16, 32, 64, 96)
"""Channels of the small trunk's stages."""

STRIDES, DILATIONS = (2, 2, 2, 1), (1, 1, 2, 4)
"""Of its stages: in space, and in time, where the last one sees 17 frames."""

PIECES: dict[Trunk, tuple[int, int]] = {"small": (64, 8), "s3dg": (32, 8)}
"""Frames of a long clip that are looked at together, and how many of those at the ends only help with the others."""


class Stage(nn.Module):
    """A 3x3 convolution of each frame and one of 3 frames of each place, with normalisation and ReLU after both.

    (B, C, T, H, W) -> (B, C', T, H / stride, W / stride), rounded up; frames beyond the ends are the first and last.
    """

    def __init__(self, before: int, after: int, stride: int, dilation: int) -> None:
        super().__init__()
        self.space = nn.Conv3d(before, after, (1, 3, 3), (1, stride, stride), (0, 1, 1), bias=False)
        self.time = nn.Conv3d(after, after, (3, 1, 1), dilation=(dilation, 1, 1), bias=False)
        self.norms = nn.ModuleList([nn.BatchNorm3d(after), nn.BatchNorm3d(after)])
        self.reach = dilation

    def forward(self, x: Tensor) -> Tensor:
        """See the class."""
        x = F.relu(self.norms[0](self.space(x)))
        around = torch.cat(
            [x[:, :, :1].expand(-1, -1, self.reach, -1, -1), x, x[:, :, -1:].expand(-1, -1, self.reach, -1, -1)], 2
        )
        y = self.norms[1](self.time(around))
        return F.relu(x + y)


class Small(nn.Module):
    """(B, 3, T, H, W) in [-1, 1] -> (B, 96, T, H / 8, W / 8), rounded up."""

    def __init__(self, generator: Generator) -> None:
        super().__init__()
        counts = (3, *WIDTHS)
        self.stages = nn.Sequential(
            *(Stage(counts[n], counts[n + 1], STRIDES[n], DILATIONS[n]) for n in range(len(WIDTHS)))
        )
        with torch.no_grad():
            for module in self.modules():
                if isinstance(module, nn.Conv3d):
                    fan_in = module.weight[0].numel()
                    module.weight.copy_(torch.randn(module.weight.shape, generator=generator) * (2 / fan_in) ** 0.5)

    def forward(self, x: Tensor) -> Tensor:
        """See the class."""
        return self.stages(x)


class SpeedNet(nn.Module):
    """See the module.

    Args:
        trunk: which.
        generator: of the weights.
    """

    def __init__(self, trunk: Trunk, generator: Generator) -> None:
        super().__init__()
        self.trunk = Small(generator) if trunk == "small" else S3DG(generator)
        self.piece, self.context = PIECES[trunk]
        channels = WIDTHS[-1] if trunk == "small" else CHANNELS
        self.weight = nn.Parameter(torch.randn(channels, generator=generator) / channels**0.5)
        self.bias = nn.Parameter(torch.zeros(()))

    def forward(self, x: Tensor) -> Tensor:
        """(B, 3, T, H, W) in [-1, 1] -> (B,) logits."""
        return self.embed(x) @ self.weight + self.bias

    def over_time(self, x: Tensor) -> Tensor:
        """(1, 3, T, H, W) in [-1, 1] -> (T,): the logit of every frame, given those around it; on the CPU."""
        with torch.inference_mode():
            return (torch.einsum("bct,c->bt", self.trunk(x).amax((3, 4)), self.weight) + self.bias)[0].float().cpu()

    def embed(self, x: Tensor) -> Tensor:
        """(B, 3, T, H, W) in [-1, 1] -> (B, C): what the answer is made of, for retrieval."""
        return self.trunk(x).amax((3, 4)).mean(2)

    def cells(self, x: Tensor, window: int = 1) -> Tensor:
        """(B, 3, T, H, W) in [-1, 1] -> (B, T, h, w): the logit of the part of the picture around every place.

        The strongest of `window` x `window` cells stand for the maximum over space, so that each place is asked about
        as a clip of that size would be, were it cut out.
        """
        maps = self.trunk(x)
        if window > 1:
            before = (window - 1) // 2
            around = F.pad(maps, (before, window - 1 - before, before, window - 1 - before), value=-torch.inf)
            maps = F.max_pool3d(around, (1, window, window), stride=1)
        return torch.einsum("bcthw,c->bthw", maps, self.weight) + self.bias
