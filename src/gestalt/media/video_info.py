"""What is known of a video before it is decoded."""

from fractions import Fraction
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

Picture = tuple[NDArray[np.uint8], float, float]
"""A frame, uint8 (H, W, 3), the time at which it is shown, and for how long: seconds, 0 where that is not known."""


class Colour(NamedTuple):
    """How the numbers of a video mean colours, by the names of ITU-T H.273 that FFmpeg uses.

    Attributes:
        primaries: as "bt709" or "bt2020"; "unknown" where the file does not say.
        transfer: as "bt709", "smpte2084" (PQ) or "arib-std-b67" (HLG); "unknown" where the file does not say.
        matrix: as "bt709", "smpte170m" or "bt2020nc"; "rgb" without one, "unknown" where the file does not say.
        range: "limited", "full", or "unknown".
    """

    primaries: str
    transfer: str
    matrix: str
    range: str


class VideoInfo(NamedTuple):
    """One video, as its container and its first frame describe it.

    Attributes:
        width, height: of the upright picture in square pixels, as it is shown.
        frames: how many are shown, None where the container does not say.
        duration_s: as the container says, in seconds; None where it does not.
        rate: average frames per second, None where it is unknown.
        is_variable: whether frames are shown for different times, None where only decoding could tell.
        rotation: by how many degrees clockwise the stored picture is turned to be upright: 0, 90, 180, 270.
        is_mirrored: whether left and right of the stored picture are swapped, before it is turned.
        sample_aspect: width over height of a stored pixel.
        has_audio: whether there is sound that can be decoded.
        colour: of the stored numbers; frames are always delivered as full-range RGB.
    """

    width: int
    height: int
    frames: int | None
    duration_s: float | None
    rate: Fraction | None
    is_variable: bool | None
    rotation: int
    is_mirrored: bool
    sample_aspect: Fraction
    has_audio: bool
    colour: Colour


SRGB = Colour("bt709", "iec61966-2-1", "rgb", "full")
"""The colours of picture files as `gestalt.media.image` delivers them."""


def fit(height: int, width: int, size: int | None) -> tuple[int, int]:
    """The (height, width) with the longer side reduced to `size`; never enlarged, at least one pixel."""
    longer = max(height, width)
    if size is None or longer <= size:
        return height, width
    return max(1, round(height * size / longer)), max(1, round(width * size / longer))
