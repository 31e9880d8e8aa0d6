"""Resize by size, never by scale factor: antialiased cubic, along any of one to three spatial axes.

A scale factor leaves the output size to a rounding rule, and two pieces of code that round differently
disagree by 0.1 to 0.3 where the sizes differ. Here the caller names the size, and `ops.pyramid` is the only
place that turns ratios into sizes.
"""

from collections.abc import Sequence

from torch import Tensor
from torch.nn import functional as F


def resize(x: Tensor, size: Sequence[int]) -> Tensor:
    """Resize the last `len(size)` axes of `x` with a cubic kernel (a = -0.5), widened when shrinking.

    Cubic overshoot is kept: clamp afterwards where a range matters.

    Args:
        x: (B, C, *S) floating point, one to three spatial axes.
        size: the new spatial size, one number per axis of `S`, each at least 1.

    Returns:
        (B, C, *size), same dtype and device. Axes that keep their length are not touched.

    Raises:
        ValueError: the number of axes or a length does not fit.
    """
    axes = x.ndim - 2
    if axes != len(size) or not 1 <= axes <= 3:
        raise ValueError(
            f"resize got a tensor of shape {tuple(x.shape)} and size {tuple(size)}: "
            "expected (B, C, *S) and one length per axis of S"
        )
    if min(size) < 1 or min(x.shape[2:]) < 1:
        raise ValueError(f"resize got lengths {tuple(x.shape[2:])} -> {tuple(size)}: every length must be at least 1")
    if x.shape[0] * x.shape[1] == 0:  # no channels (guidance turned off) are as good as any
        return x.new_empty(*x.shape[:2], *size)
    for axis, length in enumerate(size, start=2):
        if x.shape[axis] != length:
            x = _resize_axis(x, axis, length)
    return x


def _resize_axis(x: Tensor, axis: int, length: int) -> Tensor:
    """One axis, as the rows (or, for the last axis, the columns) of a plane whose other side is left alone."""
    before, after = x.shape[:axis], x.shape[axis + 1 :]
    if x.shape[axis] == 1:
        return x.expand(*before, length, *after).contiguous()
    # torch 2.15 resizes the rows of a plane one column wide wrongly, so the last axis lies along the columns.
    if after.numel() == 1:
        plane, size = x.reshape(1, 1, before.numel(), x.shape[axis]), (before.numel(), length)
    else:
        plane, size = x.reshape(1, before.numel(), x.shape[axis], after.numel()), (length, after.numel())
    return F.interpolate(plane, size=size, mode="bicubic", antialias=True).reshape(*before, length, *after)
