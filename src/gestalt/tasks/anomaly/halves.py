"""A single good picture stands for two: its halves along the longer side."""

from torch import Tensor


def longer_axis(picture: Tensor) -> int:
    """Of (1, C, H, W): 3 where it is at least as wide as high, else 2."""
    return 3 if picture.shape[3] >= picture.shape[2] else 2


def halves(picture: Tensor, least: int = 1) -> tuple[Tensor, Tensor]:
    """Both halves of (1, C, H, W), which overlap where each must have `least` pixels along the cut side."""
    axis = longer_axis(picture)
    side = picture.shape[axis]
    length = max(side // 2, least)
    return picture.narrow(axis, 0, length), picture.narrow(axis, side - length, length)
