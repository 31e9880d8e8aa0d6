"""A drawn clip, and what a measure of samples must not be taken in by: the trivial rows of every table."""

import torch
from torch import Generator, Tensor

from gestalt.ops.resize import resize


def discs(frames: int = 13, height: int = 24, width: int = 40, seed: int = 0) -> Tensor:
    """(1, 3, T, H, W) in [-1, 1]: coloured discs that bounce over a gradient with some texture."""
    generator = Generator().manual_seed(seed)
    y, x = torch.meshgrid(torch.arange(height) + 0.5, torch.arange(width) + 0.5, indexing="ij")
    ground = torch.stack([y / height - 0.5, x / width - 0.5, 0.5 - y / height])
    texture = resize(torch.randn(1, 3, height // 3, width // 3, generator=generator), (height, width))[0]
    picture = ground + 0.2 * texture
    clip = []
    at = torch.rand(6, 2, generator=generator) * torch.tensor([height, width])
    speed = (torch.rand(6, 2, generator=generator) - 0.5) * 5
    colours = torch.rand(6, 3, generator=generator) * 1.8 - 0.9
    radii = 2.5 + 2 * torch.rand(6, generator=generator)
    for t in range(frames):
        frame = picture.clone()
        for n in range(6):
            v, u = (_bounced(at[n, a] + t * speed[n, a], side) for a, side in enumerate((height, width)))
            inside = (radii[n] + 0.5 - ((y - v).square() + (x - u).square()).sqrt()).clamp(0, 1)
            frame = frame + inside * (colours[n].view(3, 1, 1) - frame)
        clip.append(frame)
    return torch.stack(clip, dim=1)[None].clamp(-1, 1)


def _bounced(at: Tensor, side: int) -> Tensor:
    return side - (at % (2 * side) - side).abs()


def copies(clip: Tensor, count: int = 5) -> list[Tensor]:
    """The clip itself."""
    return [clip] * count


def mean_colours(clip: Tensor, count: int = 5) -> list[Tensor]:
    """The clip's mean colour everywhere."""
    return [clip.mean(dim=(2, 3, 4), keepdim=True).expand_as(clip).contiguous()] * count


def shuffled_pixels(clip: Tensor, count: int = 5) -> list[Tensor]:
    """All voxels in random order."""
    generator = Generator().manual_seed(1)
    flat = clip.flatten(2)
    return [flat[:, :, torch.randperm(flat.shape[2], generator=generator)].reshape(clip.shape) for _ in range(count)]


def shifted(clip: Tensor, count: int = 5) -> list[Tensor]:
    """Cyclic shifts by random amounts along all axes."""
    generator = Generator().manual_seed(2)
    return [
        clip.roll([int(torch.randint(n, (1,), generator=generator)) for n in clip.shape[2:]], dims=(2, 3, 4))
        for _ in range(count)
    ]


def shuffled_frames(clip: Tensor, count: int = 5) -> list[Tensor]:
    """Whole frames in random order."""
    generator = Generator().manual_seed(3)
    return [clip[:, :, torch.randperm(clip.shape[2], generator=generator)] for _ in range(count)]


def noisy(clip: Tensor, count: int = 5) -> list[Tensor]:
    """The clip and noise of deviation .04, that is .02 of [0, 1]."""
    generator = Generator().manual_seed(4)
    return [clip + 0.04 * torch.randn(clip.shape, generator=generator) for _ in range(count)]
