"""Is a sample as sharp and as lively as its source? Mean absolute differences of neighbours, as ratios to the source's.

Both are 1 for the source itself, for its mirror images and nearly for its cyclic shifts, and blind to arrangement. Blur
takes sharpness below .7, shuffled frames take motion to about 2, and pixel noise takes both far up. So they are read as
"not far from 1" and prove nothing alone.

Clips of several sizes and lengths may be compared as long as they have one scale in space and one frame rate: a sample
at half the size has sharper pixels, and one at half the rate larger changes.
"""

import math

from torch import Tensor

FLAT = 1e-6
"""A mean difference below which there is none: rounding in float32 leaves as much."""


def sharpness(output: Tensor, source: Tensor) -> float:
    """Mean |dx| plus mean |dy| of the output, as a ratio to those of the source.

    Tables of single-clip generation give mean |dx| alone; with |dy| a blur along columns shows, too.

    Args:
        output: (B, C, *S) in [-1, 1], images (H, W) or clips (T, H, W); of several samples the mean is taken.
        source: (B', C, *S'), at the same scale.

    Returns:
        The ratio; `inf` when the source is flat and the output is not, 1 when both are.

    Raises:
        ValueError: one of them has no two axes in space.
    """
    return _ratio(*(_change(x, -1, "sharpness") + _change(x, -2, "sharpness") for x in (output, source)))


def motion(output: Tensor, source: Tensor) -> float:
    """Mean |dt| between neighbouring frames of the output, as a ratio to that of the source.

    Args:
        output: (B, C, T, H, W) in [-1, 1], of at least two frames; of several samples the mean is taken.
        source: (B', C, T', H', W'), at the same frame rate, of at least two frames.

    Returns:
        The ratio; `inf` when the source stands still and the output does not, 1 when both do.

    Raises:
        ValueError: one of them is no clip of at least two frames.
    """
    for x in (output, source):
        if x.ndim != 5 or x.shape[2] < 2:
            raise ValueError(
                f"motion is measured in clips (B, C, T, H, W) of at least two frames, got {tuple(x.shape)}"
            )
    return _ratio(*(_change(x, 2, "motion") for x in (output, source)))


def _change(x: Tensor, axis: int, what: str) -> float:
    """Mean absolute difference of neighbours along an axis; 0 where it has length 1."""
    if x.ndim < 4:
        raise ValueError(f"{what} is measured in images (B, C, H, W) and clips (B, C, T, H, W), got {tuple(x.shape)}")
    length = x.shape[axis]
    if length < 2:
        return 0.0
    return float((x.narrow(axis, 1, length - 1) - x.narrow(axis, 0, length - 1)).abs().double().mean())


def _ratio(ours: float, theirs: float) -> float:
    if theirs < FLAT:
        return 1.0 if ours < FLAT else math.inf
    return ours / theirs
