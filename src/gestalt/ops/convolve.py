"""Convolution over time, height and width; on the CPU, a single small clip in a quarter of torch's time or less."""

from collections.abc import Sequence

import torch
from torch import Tensor
from torch.nn import functional as F

SLOW_UP_TO = 20_480
"""Where a batch of one has no more than this many numbers in C x T x H, torch 2.15 takes a path without oneDNN."""


def conv3d(x: Tensor, weight: Tensor, bias: Tensor | None, padding: Sequence[int]) -> Tensor:
    """`F.conv3d`; what torch would be slow at is convolved as a batch of two halves that overlap.

    Args:
        x: (B, C, T, H, W).
        weight: (C', C, kt, kh, kw).
        bias: (C',), or None.
        padding: zeros beyond the border in time, height and width, on either side.

    Returns:
        (B, C', T', H', W').
    """
    if x.device.type != "cpu" or len(x) > 1 or x.shape[1:4].numel() > SLOW_UP_TO:
        return F.conv3d(x, weight, bias, padding=tuple(padding))
    time, height, width = padding
    more = weight.shape[3] - 1
    rows = x.shape[3] + 2 * height - more
    half = (rows + 1) // 2
    x = F.pad(x, (0, 0, height, height))
    both = torch.cat([x[..., : half + more, :], x[..., rows - half :, :]])
    upper, lower = F.conv3d(both, weight, bias, padding=(time, 0, width)).chunk(2)
    return torch.cat([upper, lower[..., 2 * half - rows :, :]], dim=3)
