"""Settings of the anomaly scorers; standard library only, so that help and errors need no torch."""

from dataclasses import dataclass
from typing import Literal


@dataclass(frozen=True, kw_only=True)
class Transforms:
    """Settings of the transformation-discriminating model (trained on the good pictures)."""

    transformations: Literal["rgb", "grey", "rotations", "none"] = "rotations"
    """What critics learn to name: the paper's 54 with colour, its 42 without, 4 rotations, or nothing but real and
    generated (an ablation)."""

    size: int = 128
    """Short side in pixels that a picture is thought to have; above `finest` it only adds to the number of levels."""

    coarsest: int = 25
    """Short side of the coarsest pyramid level, in pixels."""

    finest: int = 64
    """Short side of the finest pyramid level, in pixels, where `size` is not smaller; pictures are brought to it."""

    ratio: float = 0.75
    """Wanted size ratio between neighbouring pyramid levels, between 0 and 1."""

    width: int = 32
    """Channels of the hidden layers at the coarsest level; they double every four levels."""

    widest: int = 32
    """Most channels of any level."""

    iterations: int = 200
    """Training iterations per level."""

    turns: int = 1
    """Optimiser steps of the critic in each iteration, and then as many of the generator (3 in the paper)."""

    lr: float = 5e-4
    """Adam's step size for generators and critics."""

    alpha: float = 100.0
    """Weight of the reconstruction of the good pictures."""

    fakes: float = 1.0
    """Weight of generated pictures in what critics learn; 0 trains no generators (an ablation, and half the time)."""

    noise: float = 0.1
    """Amplitude of the noise above the coarsest level, as a part of what reconstruction lacks there."""

    worst: float = 0.1
    """Part of all patches, the most anomalous ones, whose mean is the score: 0.05 to 0.1 for defects, 1 where a
    picture as a whole is strange."""

    held_out: int = 100
    """Iterations of the check on held-out pictures or halves before training; 0 leaves it out."""

    def __post_init__(self) -> None:
        """Check the ranges.

        Raises:
            ValueError: one sentence naming the setting.
        """
        _at_least(self, 1, "width", "widest", "iterations", "turns")
        _at_least(self, 11, "size", "coarsest", "finest")
        _at_least(self, 0, "alpha", "fakes", "noise", "held_out")
        if not 0 < self.ratio < 1:
            raise ValueError(f"--ratio must lie between 0 and 1, got {self.ratio}")
        if not 0 < self.worst <= 1:
            raise ValueError(f"--worst must be above 0 and at most 1, got {self.worst}")
        if not 0 < self.lr < 1:
            raise ValueError(f"--lr must lie between 0 and 1, got {self.lr}")
        if self.width > self.widest:
            raise ValueError(f"--width {self.width} is above --widest {self.widest}: raise that too")
        if self.coarsest > min(self.size, self.finest):
            smaller = min(self.size, self.finest)
            raise ValueError(f"--coarsest must be at most --size and --finest, here {smaller}, got {self.coarsest}")
        if self.transformations == "none" and not self.fakes:
            raise ValueError("--transformations none leaves only generated pictures to tell apart: raise --fakes")


def _at_least(settings: object, least: int, *names: str) -> None:
    for name in names:
        value = getattr(settings, name)
        if not least <= value < float("inf"):
            raise ValueError(f"--{name.replace('_', '-')} must be at least {least}, got {value}")
