"""Does a clip change where it should stand still?"""

import math

from torch import Tensor

STILL = 0.02
"""Greatest change of any channel between neighbouring frames at which a pixel counts as still, in [-1, 1] units."""


def standing_still(source: Tensor, still: float = STILL) -> Tensor:
    """(1, C, T, H, W) -> (1, 1, T - 1, H, W) bool: pixels that change by at most `still` to the next frame."""
    return (source[:, :, 1:] - source[:, :, :-1]).abs().amax(dim=1, keepdim=True) <= still


def flicker(output: Tensor, source: Tensor, still: float = STILL) -> float:
    """Change between neighbouring frames of a clip, at the pixels where its source stands still.

    Trap: a blurred or constant clip flickers less, so this is to be read beside measures of arrangement and look.

    Args:
        output: (1, C, T, H, W) in [-1, 1].
        source: (1, C', T, H, W) in [-1, 1], what the output was made from.
        still: see `STILL`.

    Returns:
        Mean absolute difference over those pixels and all channels; nan where nothing stands still.

    Raises:
        ValueError: the clips differ in length or size, or have one frame.
    """
    if output.shape[2:] != source.shape[2:] or output.shape[2] < 2:
        raise ValueError(
            f"flicker compares clips of one size and at least two frames, got {tuple(output.shape)} "
            f"and {tuple(source.shape)}"
        )
    steady = standing_still(source, still)
    if not steady.any():
        return math.nan
    change = (output[:, :, 1:] - output[:, :, :-1]).abs().mean(dim=1, keepdim=True)
    return float(change[steady].double().mean())
