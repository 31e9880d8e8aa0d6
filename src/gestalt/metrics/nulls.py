"""Samples that cost nothing, as rows beside every table: each is perfect in some measure, and none is any good.

All take a clip or picture (1, C, T, H, W) and a number, and give so many samples of its size, always the same ones.
"""

import torch
from torch import Generator, Tensor


def copies(clip: Tensor, count: int) -> list[Tensor]:
    """The clip itself."""
    return [clip] * count


def mean_colours(clip: Tensor, count: int) -> list[Tensor]:
    """The clip's mean colour everywhere."""
    return [clip.mean(dim=(2, 3, 4), keepdim=True).expand_as(clip).contiguous()] * count


def shuffled_pixels(clip: Tensor, count: int) -> list[Tensor]:
    """All voxels in random order."""
    generator = Generator().manual_seed(1)
    flat = clip.flatten(2)
    return [flat[:, :, torch.randperm(flat.shape[2], generator=generator)].reshape(clip.shape) for _ in range(count)]


def shifted(clip: Tensor, count: int) -> list[Tensor]:
    """Cyclic shifts by random amounts along all axes."""
    generator = Generator().manual_seed(2)
    return [
        clip.roll([int(torch.randint(n, (1,), generator=generator)) for n in clip.shape[2:]], dims=(2, 3, 4))
        for _ in range(count)
    ]


def shuffled_frames(clip: Tensor, count: int) -> list[Tensor]:
    """Whole frames in random order."""
    generator = Generator().manual_seed(3)
    return [clip[:, :, torch.randperm(clip.shape[2], generator=generator)] for _ in range(count)]


def noisy(clip: Tensor, count: int) -> list[Tensor]:
    """The clip and noise of deviation .04, that is .02 of [0, 1]."""
    generator = Generator().manual_seed(4)
    return [clip + 0.04 * torch.randn(clip.shape, generator=generator) for _ in range(count)]
