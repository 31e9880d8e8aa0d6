"""Corruptions of pictures of our own, each in five severities, by seeded chance.

They are of the kinds that are usual in tests of robustness, and neither in their code nor in their numbers those of
ImageNet-C or CIFAR-C: figures on both are not to be compared. Four change what is global (`GLOBAL`), as light, haze and
colour casts do; the others what is local. A picture (1, 3, H, W) in [-1, 1] becomes another of the same shape.
"""

import io
import math
from collections.abc import Callable, Mapping

import numpy as np
import torch
from PIL import Image
from torch import Generator, Tensor
from torch.nn import functional as F

from gestalt.media.image import from_uint8, to_uint8
from gestalt.ops.resize import resize

GLOBAL = ("brightness", "contrast", "cast", "fog")
"""Those that change global statistics above all."""

Levels = tuple[float, float, float, float, float]


def corrupt(x: Tensor, name: str, severity: int, chance: Generator) -> Tensor:
    """A corrupted picture.

    Args:
        x: (1, 3, H, W) in [-1, 1].
        name: of `CORRUPTIONS`.
        severity: 1 to 5.
        chance: on the CPU.

    Raises:
        ValueError: there is no such corruption.
    """
    if name not in CORRUPTIONS:
        raise ValueError(f"there is no corruption {name!r}: choose {', '.join(CORRUPTIONS)}")
    change, levels = CORRUPTIONS[name]
    return change(x, levels[severity - 1], chance).clamp(-1, 1)


def _sign(chance: Generator) -> float:
    return 1.0 if float(torch.rand((), generator=chance)) < 0.5 else -1.0


def gaussian_noise(x: Tensor, level: float, chance: Generator) -> Tensor:
    """Normal noise of that deviation."""
    return x + level * torch.randn(x.shape, generator=chance)


def shot_noise(x: Tensor, level: float, chance: Generator) -> Tensor:
    """Noise of counting so many photons where it is white."""
    return 2 * torch.poisson((x + 1) / 2 * level, generator=chance) / level - 1


def impulse_noise(x: Tensor, level: float, chance: Generator) -> Tensor:
    """That part of the values becomes black or white."""
    u = torch.rand(x.shape, generator=chance)
    return torch.where(u < level / 2, -1.0, torch.where(u > 1 - level / 2, 1.0, x))


def defocus_blur(x: Tensor, level: float, _chance: Generator) -> Tensor:
    """The mean over a disc of that radius and half a pixel more, in hundredths of the shorter side."""
    radius = 0.5 + level / 100 * min(x.shape[2:])
    at = torch.arange(-math.ceil(radius), math.ceil(radius) + 1).float()
    disc = (radius + 0.5 - (at[:, None].square() + at.square()).sqrt()).clamp(0, 1)
    return _filtered(x, disc / disc.sum())


def motion_blur(x: Tensor, level: float, chance: Generator) -> Tensor:
    """The mean along a line of that length, in hundredths of the shorter side, in a random direction."""
    length, angle = level / 100 * min(x.shape[2:]), math.pi * float(torch.rand((), generator=chance))
    half = max(1, math.ceil(length / 2))
    at = torch.arange(-half, half + 1).float()
    along = at[:, None] * math.sin(angle) + at * math.cos(angle)
    across = (at[:, None] * math.cos(angle) - at * math.sin(angle)).abs()
    line = (1 - across).clamp(0) * (length / 2 + 0.5 - along.abs()).clamp(0, 1)
    return _filtered(x, line / line.sum())


def zoom_blur(x: Tensor, level: float, _chance: Generator) -> Tensor:
    """The mean of what is seen while zooming in by that factor."""
    height, width = x.shape[2:]
    total = torch.zeros_like(x)
    factors = torch.linspace(1, level, 8).tolist()
    for factor in factors:
        h, w = max(1, round(height / factor)), max(1, round(width / factor))
        top, left = (height - h) // 2, (width - w) // 2
        total += resize(x[:, :, top : top + h, left : left + w], (height, width))
    return total / len(factors)


def brightness(x: Tensor, level: float, chance: Generator) -> Tensor:
    """Brighter or darker by that much."""
    return x + _sign(chance) * level


def contrast(x: Tensor, level: float, _chance: Generator) -> Tensor:
    """That part of the contrast about the mean of the picture."""
    mean = x.mean((1, 2, 3), keepdim=True)
    return mean + (x - mean) * level


def cast(x: Tensor, level: float, chance: Generator) -> Tensor:
    """A gain and an offset for each channel, as of another camera or light."""
    u = 2 * torch.rand(2, 1, 3, 1, 1, generator=chance) - 1
    return x * (1 + level * u[0]) + level * u[1]


def fog(x: Tensor, level: float, chance: Generator) -> Tensor:
    """A haze of that density, thicker in some places."""
    haze = torch.zeros(1, 1, 1, 1)
    for octave in (2, 4, 8):
        cells = torch.rand(1, 1, octave, octave, generator=chance)
        haze = haze + resize(cells, x.shape[2:]) / octave
    share = (level * (0.6 + 0.5 * haze)).clamp(0, 1)
    return x * (1 - share) + 0.8 * share


def elastic(x: Tensor, level: float, chance: Generator) -> Tensor:
    """Bent by a smooth field of that size, in hundredths of the side."""
    bend = resize(2 * torch.rand(1, 2, 5, 5, generator=chance) - 1, x.shape[2:]) * level / 50
    grid = F.affine_grid(torch.eye(2, 3)[None], [1, 3, *x.shape[2:]], align_corners=False)
    return F.grid_sample(x, grid + bend.permute(0, 2, 3, 1), padding_mode="border", align_corners=False)


def pixelate(x: Tensor, level: float, _chance: Generator) -> Tensor:
    """Reduced to that part of its side, and enlarged in blocks."""
    small = resize(x, [max(1, round(side * level)) for side in x.shape[2:]])
    return F.interpolate(small, size=x.shape[2:], mode="nearest")


def jpeg(x: Tensor, level: float, _chance: Generator) -> Tensor:
    """Compressed with that quality."""
    file = io.BytesIO()
    Image.fromarray(to_uint8(x)).save(file, "JPEG", quality=round(level))
    with Image.open(file) as opened:
        return from_uint8(np.asarray(opened.convert("RGB")))


def _filtered(x: Tensor, kernel: Tensor) -> Tensor:
    half = kernel.shape[0] // 2
    padded = F.pad(x, (half,) * 4, mode="replicate")
    return F.conv2d(padded, kernel.expand(3, 1, -1, -1).contiguous(), groups=3)


CORRUPTIONS: Mapping[str, tuple[Callable[[Tensor, float, Generator], Tensor], Levels]] = {
    "gaussian_noise": (gaussian_noise, (0.08, 0.16, 0.24, 0.36, 0.5)),
    "shot_noise": (shot_noise, (120.0, 60.0, 30.0, 15.0, 8.0)),
    "impulse_noise": (impulse_noise, (0.01, 0.03, 0.06, 0.1, 0.17)),
    "defocus_blur": (defocus_blur, (1.0, 1.5, 2.2, 3.2, 4.5)),
    "motion_blur": (motion_blur, (4.0, 6.0, 9.0, 13.0, 18.0)),
    "zoom_blur": (zoom_blur, (1.06, 1.11, 1.17, 1.25, 1.35)),
    "brightness": (brightness, (0.2, 0.4, 0.6, 0.8, 1.0)),
    "contrast": (contrast, (0.6, 0.45, 0.3, 0.2, 0.12)),
    "cast": (cast, (0.15, 0.3, 0.45, 0.6, 0.8)),
    "fog": (fog, (0.3, 0.45, 0.6, 0.75, 0.9)),
    "elastic": (elastic, (1.5, 3.0, 4.5, 6.5, 9.0)),
    "pixelate": (pixelate, (0.6, 0.45, 0.33, 0.25, 0.18)),
    "jpeg": (jpeg, (35.0, 22.0, 14.0, 9.0, 5.0)),
}
"""By name: what is done, and how much of it in each severity."""
