"""Settings of everything about speed; no torch."""

from dataclasses import dataclass
from typing import Literal

from gestalt.settings import at_least, inside

FAMILIES = ("swinging", "ballistic", "cyclic")


@dataclass(frozen=True, kw_only=True)
class Train:
    """Settings of learning to tell normal from sped-up."""

    trunk: Literal["small", "s3dg"] = "small"
    """The network: small, for a CPU, or S3D-G, for a GPU."""

    frames: int = 24
    """Of a clip, about one second."""

    least: int = 32
    """Shorter side of the smallest clips, in pixels."""

    most: int = 48
    """Shorter side of the largest clips, in pixels; each batch has one size between them."""

    steps: int = 6000
    """Optimiser steps."""

    pairs: int = 8
    """Of clips in each step, under torchrun over all processes."""

    lr: float = 3e-3
    """AdamW's step size at its highest."""

    decay: float = 0.02
    """Weight decay."""

    warm_up: float = 0.05
    """Part of the steps over which the step size grows."""

    average: float = 0.998
    """How much of the average of the weights is kept in each step."""

    held_out: tuple[Literal["swinging", "ballistic", "cyclic"], ...] = ()
    """Families of drawn motion that are not trained on, only tested; without VIDEOS."""

    spread: float = 0.35
    """Deviation of the logarithm of how large a drawn metre looks; without VIDEOS."""

    test: int = 64
    """Pairs of each kind of drawn motion, or of all the videos set aside, that are tested at the end; 0 for none."""

    aside: float = 0.2
    """Part of the videos that are not trained on, only tested; with VIDEOS."""

    begin_from: str = ""
    """A finished run of speed train whose weights training begins with, or "shipped"."""

    def __post_init__(self) -> None:
        """Check the ranges.

        Raises:
            ValueError: one sentence naming the setting.
        """
        object.__setattr__(self, "held_out", tuple(self.held_out))  # from a file they come as lists
        at_least(self, 1, "steps", "pairs")
        at_least(self, 4, "frames")
        at_least(self, 32 if self.trunk == "s3dg" else 16, "least")
        at_least(self, 0, "decay", "spread", "test")
        inside(self, "lr", "average")
        if self.most < self.least:
            raise ValueError(f"--most {self.most} is below --least {self.least}: raise it")
        for name in ("warm_up", "aside"):
            if not 0 <= getattr(self, name) < 1:
                raise ValueError(f"--{name.replace('_', '-')} must be 0 or more and below 1, got {getattr(self, name)}")
        if set(self.held_out) == set(FAMILIES):
            raise ValueError("--held-out leaves nothing to train on: name one or two families")
