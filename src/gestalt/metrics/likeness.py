"""Are two pictures equal, pixel by pixel?"""

import math

from torch import Tensor


def psnr(one: Tensor, other: Tensor) -> float:
    """Peak signal-to-noise ratio of two pictures or clips; symmetric.

    Of two generated samples, or of a sample and its source, a low one says that they are arranged differently. Near
    copies of a clip have 25 dB and more, published samples 12 to 25, and the clip's mean colour 13 to 16: no quality.

    Args:
        one: (B, C, *S) in [-1, 1].
        other: the same shape.

    Returns:
        10 log10(2^2 / mean squared difference), in dB; `inf` where they are equal.

    Raises:
        ValueError: their shapes differ.
    """
    if one.shape != other.shape:
        raise ValueError(f"psnr compares pictures of one shape, got {tuple(one.shape)} and {tuple(other.shape)}")
    error = float((one.double() - other.double()).square().mean())
    return 10 * math.log10(4 / error) if error > 0 else math.inf
