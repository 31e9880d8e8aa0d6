"""The small convolutional body that single-picture networks share: it sees patches of 11 x 11 pixels, no more.

Five 3x3 convolutions of stride 1, or 3x3x3 ones for clips, which see 11 frames as well; the first four are followed by
normalisation and LeakyReLU(0.2). What a network of this body can learn of a picture is the distribution of its 11x11
patches at one scale, so a pyramid of them learns the picture's patches at all scales.

The normalisation is over the pixels of each sample (instance normalisation with learned scale and shift), which is
what batch normalisation does with the one-picture batches of this literature. So pictures may be batched.

References:
    Shaham, Dekel, Michaeli: SinGAN: Learning a Generative Model from a Single Natural Image. ICCV 2019 (the body).
"""

from typing import Any, Literal

import torch
from torch import Generator, Tensor, nn
from torch.nn import functional as F

from gestalt.ops.convolve import convolve
from gestalt.ops.normalise import normalised_leaky

DEPTH, KERNEL = 5, 3
FIELD = DEPTH * (KERNEL - 1) + 1
"""Receptive field in pixels: 11."""


class PatchNet(nn.Module):
    """The body, drawn from a seeded generator.

    Args:
        channels_in: C of the input.
        channels_out: C of the output.
        width: channels of the hidden layers.
        axes: 2 for pictures, 3 for clips.
        padding: 1 keeps the picture's size; 0 makes it 10 pixels smaller each way. Frames are padded in any case, since
            clips have few.
        border: what lies beyond the border where there is padding. Zeros tell a network how far it is from the border,
            and so where it is in a small picture; "replicate", the border itself continued, does not.
        generator: of the initial weights: convolutions N(0, 0.02), the last one's bias U(+-1/sqrt(fan-in)), scales
            N(1, 0.02), shifts 0. The other convolutions have no bias, since normalisation would take it out again.
    """

    def __init__(
        self,
        channels_in: int,
        channels_out: int,
        width: int,
        *,
        axes: int = 2,
        padding: int,
        border: Literal["zeros", "replicate"] = "zeros",
        generator: Generator,
    ) -> None:
        super().__init__()
        counts = [channels_in, *[width] * (DEPTH - 1), channels_out]
        self.padding = padding
        around = (1,) * (axes - 2) + (padding,) * 2
        convs = [
            _empty_conv(axes, *counts[n : n + 2], padding=around, padding_mode=border, bias=n == DEPTH - 1)
            for n in range(DEPTH)
        ]
        self.convs = nn.ModuleList(convs)
        self.scales = nn.ParameterList(nn.Parameter(torch.empty(width)) for _ in range(DEPTH - 1))
        self.shifts = nn.ParameterList(nn.Parameter(torch.empty(width)) for _ in range(DEPTH - 1))
        with torch.no_grad():
            bound = (width * KERNEL**axes) ** -0.5
            for conv in convs:
                conv.weight.normal_(0, 0.02, generator=generator)
                if conv.bias is not None:
                    conv.bias.uniform_(-bound, bound, generator=generator)
            for scale, shift in zip(self.scales, self.shifts, strict=True):
                scale.normal_(1, 0.02, generator=generator)
                shift.zero_()

    def forward(self, x: Tensor) -> Tensor:
        """(B, C, H, W) -> (B, C', H', W') or (B, C, T, H, W) -> (B, C', T, H', W'), each sample by itself.

        Without padding, a picture with a side below 11 pixels is first continued to 11 by its border. The result may
        have any range.
        """
        if not self.padding and min(x.shape[-2:]) < FIELD:
            down, right = (max(0, FIELD - side) for side in x.shape[-2:])
            x = F.pad(x, (0, right, 0, down) + (0, 0) * (x.ndim - 4), mode="replicate")
        for conv, scale, shift in zip(self.convs, self.scales, self.shifts, strict=False):
            x = normalised_leaky(conv(x), scale, shift)
        return self.convs[-1](x)


class _Conv2d(nn.Conv2d):
    """That of torch, computed by `ops.convolve`."""

    def forward(self, input: Tensor) -> Tensor:
        return _convolved(self, input)


class _Conv3d(nn.Conv3d):
    """The same for clips."""

    def forward(self, input: Tensor) -> Tensor:
        return _convolved(self, input)


def _convolved(conv: _Conv2d | _Conv3d, x: Tensor) -> Tensor:
    padding = tuple(map(int, conv.padding))
    if conv.padding_mode == "replicate":
        x = F.pad(x, [side for by in reversed(padding) for side in (by, by)], mode="replicate")
        padding = (0,) * len(padding)
    return convolve(x, conv.weight, conv.bias, padding)


def _empty_conv(axes: int, channels_in: int, channels_out: int, **more: Any) -> _Conv2d | _Conv3d:
    """A convolution with weights still to be filled; torch's own, from its global generator, leave no trace there."""
    with torch.random.fork_rng(devices=[]):
        return (_Conv2d if axes == 2 else _Conv3d)(channels_in, channels_out, KERNEL, **more)
