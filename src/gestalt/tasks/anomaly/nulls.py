"""What needs no training and no idea: a method has to beat these on the same shots before it says anything.

    brightness   |mean of x - mean of the nearest shot|
    pixels       mean over pixels of (x - shot)^2, of the nearest shot; in full, or both reduced to 32 x 32
    patches      for each 7x7 patch of colours the RMS difference to the nearest patch of any shot; the score is the
                 mean of the largest 1 %

The first two win wherever defects are dark or parts lie still, so a data set on which they do well says little of
methods. The third is the plain form of a patch memory: no descriptors, one size, no augmentation.
"""

from collections.abc import Sequence
from typing import NamedTuple

import torch
from torch import Tensor
from torch.nn import functional as F

from gestalt.ops.nearest import exact
from gestalt.ops.patches import Patch, as_volume, fit
from gestalt.ops.pyramid import reduced
from gestalt.ops.resize import resize
from gestalt.tasks.anomaly.scorer import Judged, Scorer, spread, top_mean

PATCH, TOP = 7, 0.01
"""Side of the patches in pixels, and the part of them that makes the score."""


class _Brightness(NamedTuple):
    means: Tensor
    """(K,) of the shots."""

    def judge(self, image: Tensor) -> Judged:
        """See `Scorer.judge`; the map is how far each pixel's mean over colours is from that of the nearest shot."""
        apart = (self.means.to(image.device) - image.mean()).abs()
        nearest = self.means[int(apart.argmin())]
        return Judged(float(apart.min()), (image.mean(1, keepdim=True) - float(nearest)).abs())


class _Pixels(NamedTuple):
    shots: tuple[Tensor, ...]
    """(1, 3, h, w) each."""

    def judge(self, image: Tensor) -> Judged:
        """See `Scorer.judge`; the map is the squared difference to the nearest shot, brought to the picture's size."""
        maps = [
            (resize(image, shot.shape[2:]).clamp(-1, 1) - shot.to(image.device)).square().mean(1, keepdim=True)
            for shot in self.shots
        ]
        scores = torch.stack([map_.mean() for map_ in maps])
        return Judged(float(scores.min()), spread(maps[int(scores.argmin())], image))


class _Patches(NamedTuple):
    shots: tuple[Tensor, ...]
    """(1, 3, h, w) each."""
    size: int

    def judge(self, image: Tensor) -> Judged:
        """See `Scorer.judge`; the map has each distance at the middle of its patch, and goes on as it is to borders."""
        small = reduced(image, self.size)
        patch: Patch = fit((1, PATCH, PATCH), *(as_volume(x).shape[2:] for x in (small, *self.shots)))
        queries = as_volume(small)[0]
        fields = [exact(queries, as_volume(shot.to(image.device))[0], patch) for shot in self.shots]
        distance = torch.stack([field.distance for field in fields]).amin(0).sqrt()
        sides = [((length - 1) // 2, length // 2) for length in patch[1:]]
        full = F.pad(distance[None], (*sides[1], *sides[0]), mode="replicate")
        return Judged(float(top_mean(distance, TOP)), spread(full, image))


def fit_brightness(shots: Sequence[Tensor]) -> Scorer:
    """Mean brightness, against the nearest of the shots.

    Args:
        shots: (1, 3, H, W) in [-1, 1] each, any sizes.

    Raises:
        ValueError: there is none.
    """
    return _Brightness(torch.stack([shot.mean() for shot in _some(shots)]))


def fit_pixels(shots: Sequence[Tensor], size: int | None = None) -> Scorer:
    """Mean squared difference to the nearest shot, pixel by pixel.

    Args:
        shots: (1, 3, H, W) in [-1, 1] each, any sizes; what is judged is brought to the size of each.
        size: both sides in pixels of what is compared, aspect forgotten; None is the size of each shot.

    Raises:
        ValueError: there is no shot.
    """
    return _Pixels(tuple(resize(x, (size, size)).clamp(-1, 1) if size else x for x in _some(shots)))


def fit_patches(shots: Sequence[Tensor], size: int = 96) -> Scorer:
    """Patches of 7x7 pixels, each against the nearest of all shots, every pair compared.

    Args:
        shots: (1, 3, H, W) in [-1, 1] each, any sizes.
        size: longest side in pixels of what is compared; smaller pictures stay.

    Raises:
        ValueError: there is no shot.
    """
    return _Patches(tuple(reduced(x, size) for x in _some(shots)), size)


def _some(shots: Sequence[Tensor]) -> Sequence[Tensor]:
    if not shots:
        raise ValueError("expected at least one good picture to compare with, got none")
    return shots
