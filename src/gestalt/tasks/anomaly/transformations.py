"""The transformations whose names a critic learns: exact operations on pixels, and the way back for its maps.

A transformation is grey (0/1), flip a, shift (b, c) and quarter turns d, applied in the order

    T(x) = grey(turn_d(shift_{b,c}(flip_a(x))))

Shifts are whole pixels, trunc(0.15 side) of each axis by its own side, and what enters the frame is the picture
mirrored at its border. Nothing is interpolated, so no blur tells transformations apart.

A map (B, C, h, w) of a convolutional critic without padding, at T(x), lies to T(x) as T(x) lies to x, so `undo` brings
both back: every location comes to that of the patch it judges, and `valid` tells which patches of x are in T(x) whole.

    set         groups                                                                               M
    rotations   4 turns                                                                              4
    grey        flip x {0, 1}^2 shifts x turns (32); flip x c = -1 (6); flip x b = -1, c = 0, 1 (4)  42
    rgb         those; grey x flip x turns (8); grey and one shift (4)                               54
    none        the picture itself: only real and fake are told apart (an ablation)                  1

References:
    Sheynin, Benaim, Wolf: A Hierarchical Transformation-Discriminating Generative Model for Few Shot Anomaly Detection.
        ICCV 2021 (the list, in its supplement).
"""

import itertools
from collections.abc import Sequence
from dataclasses import dataclass

import torch
from torch import Tensor

from gestalt.ops.stats import luminance

SHIFT = 0.15
"""Part of a side by which pictures are shifted."""

SAME = 2 / 255
"""Two transformations of a picture are one if they differ by less than this on average: a grey level of 8 bits."""


@dataclass(frozen=True)
class Transformation:
    """One of them.

    Attributes:
        is_grey: luma takes the place of all three channels.
        is_flipped: left and right are exchanged.
        across, down: -1, 0 or 1 shifts to the right and downwards.
        turns: quarter turns, counter-clockwise.
    """

    is_grey: bool = False
    is_flipped: bool = False
    across: int = 0
    down: int = 0
    turns: int = 0

    def apply(self, x: Tensor) -> Tensor:
        """(B, 3, H, W) -> the same, or (B, 3, W, H) after an odd number of turns; can be differentiated."""
        if self.is_flipped:
            x = x.flip(3)
        for axis, by in zip((2, 3), self.shift(x.shape[2:]), strict=True):
            x = _shifted(x, axis, by)
        x = torch.rot90(x, self.turns, (2, 3)) if self.turns else x
        return luminance(x).expand_as(x) if self.is_grey else x

    def shift(self, size: Sequence[int]) -> tuple[int, int]:
        """Pixels downwards and to the right for a picture of `size` (H, W)."""
        height, width = size
        return self.down * int(SHIFT * height), self.across * int(SHIFT * width)

    def undo(self, y: Tensor, size: Sequence[int]) -> Tensor:
        """Bring a map of T(x), (B, C, h', w'), or T(x) itself, back to the places of x; not valid ones hold 0.

        Args:
            y: the map.
            size: (H, W) of x, which says how many pixels a shift has.

        Returns:
            (B, C, h, w).
        """
        y = torch.rot90(y, -self.turns, (2, 3)) if self.turns else y
        for axis, by in zip((2, 3), self.shift(size), strict=True):
            y = _emptied(y, axis, -by)
        return y.flip(3) if self.is_flipped else y

    def valid(self, h: int, w: int, size: Sequence[int], device: torch.device | None = None) -> Tensor:
        """Where `undo` to a map of (h, w) has something to give, (1, 1, h, w) of 0 and 1."""
        swapped = (w, h) if self.turns % 2 else (h, w)
        return self.undo(torch.ones(1, 1, *swapped, device=device), size)


def _shifted(x: Tensor, axis: int, by: int) -> Tensor:
    """Shifted by some pixels, mirrored at the border; made of slices, whose gradients are the same on every run."""
    length = x.shape[axis]
    if by > 0:
        return torch.cat([x.narrow(axis, 1, by).flip(axis), x.narrow(axis, 0, length - by)], axis)
    if by < 0:
        return torch.cat([x.narrow(axis, -by, length + by), x.narrow(axis, length + by - 1, -by).flip(axis)], axis)
    return x


def _emptied(x: Tensor, axis: int, by: int) -> Tensor:
    """Shifted by some pixels; zeros enter."""
    if not by:
        return x
    out = torch.zeros_like(x)
    kept = max(0, x.shape[axis] - abs(by))
    out.narrow(axis, max(by, 0) if kept else 0, kept).copy_(x.narrow(axis, max(-by, 0) if kept else 0, kept))
    return out


def listed(name: str) -> list[Transformation]:
    """The transformations of a set: rgb, grey, rotations or none."""
    if name == "none":
        return [Transformation()]
    if name == "rotations":
        return [Transformation(turns=turns) for turns in range(4)]
    flips = (False, True)
    found = [
        Transformation(False, flip, across, down, turns)
        for flip, across, down, turns in itertools.product(flips, (0, 1), (0, 1), range(4))
    ]
    found += [Transformation(False, flip, across, -1) for flip, across in itertools.product(flips, (-1, 0, 1))]
    found += [Transformation(False, flip, -1, down) for flip, down in itertools.product(flips, (0, 1))]
    if name == "rgb":
        found += [Transformation(True, flip, turns=turns) for flip, turns in itertools.product(flips, range(4))]
        found += [Transformation(True, across=by) for by in (-1, 1)] + [Transformation(True, down=by) for by in (-1, 1)]
    return found


def distinct(pictures: Sequence[Tensor], transformations: Sequence[Transformation]) -> list[int]:
    """Which transformations of these pictures differ: the first of each class of equals.

    Of a grey picture the grey ones are equal to those in colour, of a symmetric one flips or turns to what they are
    symmetric under, of a flat one all. Equal ones could only be told apart by guessing.

    Args:
        pictures: (B, 3, H, W) each; two transformations are equal if they are on all pictures of all batches.
        transformations: to choose from.

    Returns:
        Their places in the list, growing.
    """
    apart = torch.zeros(len(transformations), len(transformations))
    for picture in pictures:
        made = [[one.apply(x[None]).flatten() for one in transformations] for x in picture]
        lying = torch.tensor([one.turns % 2 for one in transformations])
        # What has another shape is another picture.
        shaped = (lying[:, None] != lying) & (picture.shape[2] != picture.shape[3])
        for some in made:
            stacked = torch.stack(some)
            apart = apart.maximum(torch.cdist(stacked, stacked, p=1).cpu() / stacked.shape[1])
        apart[shaped] = float("inf")
    kept: list[int] = []
    for place in range(len(transformations)):
        if all(apart[place, other] >= SAME for other in kept):
            kept.append(place)
    return kept
