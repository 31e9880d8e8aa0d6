"""What every scorer of this task gives for a picture."""

from typing import NamedTuple

from torch import Tensor


class Judged(NamedTuple):
    """How unlike the good pictures one is; higher is more anomalous, in the scorer's own unit.

    Attributes:
        score: of the whole picture.
        map: (1, 1, H, W) of the picture's size, on its device: the same, place by place.
    """

    score: float
    map: Tensor
