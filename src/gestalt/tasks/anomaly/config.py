"""Settings of the anomaly scorers; standard library only, so that help and errors need no torch."""

from dataclasses import dataclass


@dataclass(frozen=True, kw_only=True)
class Geom:
    """Settings of the classifier of geometric transformations."""

    size: int = 32
    """Both sides in pixels that pictures are brought to, aspect forgotten."""

    width: int = 16
    """Channels of the first layer; the second has twice as many, and the others four times."""

    steps: int = 300
    """Optimiser steps."""

    batch: int = 32
    """Transformed pictures in a step."""

    lr: float = 1e-3
    """Adam's step size."""

    shift: float = 0.25
    """Length of the shifts, as a part of the side."""

    def __post_init__(self) -> None:
        """Check the ranges.

        Raises:
            ValueError: one sentence naming the setting.
        """
        _at_least(self, 1, "width", "steps", "batch")
        _at_least(self, 8, "size")
        _below_one(self, "lr", "shift")


@dataclass(frozen=True, kw_only=True)
class DeepSvdd:
    """Settings of the hypersphere around good pictures."""

    size: int = 32
    """Both sides in pixels that pictures are brought to, aspect forgotten."""

    width: int = 16
    """Channels of the first layer; each further one of three has twice as many."""

    features: int = 32
    """Dimensions of the space of the sphere."""

    steps: int = 200
    """Optimiser steps."""

    batch: int = 32
    """Shifted shots in a step."""

    lr: float = 1e-3
    """Adam's step size."""

    decay: float = 1e-6
    """Weight decay (the paper's lambda)."""

    shift: float = 0.05
    """Largest random shift of a shot in training, as a part of the side."""

    def __post_init__(self) -> None:
        """Check the ranges.

        Raises:
            ValueError: one sentence naming the setting.
        """
        _at_least(self, 1, "width", "features", "steps", "batch")
        _at_least(self, 8, "size")
        _at_least(self, 0, "decay")
        _below_one(self, "lr", "shift")


@dataclass(frozen=True, kw_only=True)
class PatchSvdd:
    """Settings of the encoder of patches whose neighbours are alike."""

    size: int = 96
    """Longest side of the pictures while they are worked on, in pixels; larger ones are reduced, smaller ones stay."""

    patch: int = 16
    """Side of the smaller patches in pixels, a multiple of 8; the larger ones have twice that."""

    width: int = 16
    """Channels of the encoder's first layer; each further one has twice as many."""

    features: int = 32
    """Dimensions of a patch's features."""

    steps: int = 300
    """Optimiser steps."""

    batch: int = 32
    """Pairs of patches of each size in a step."""

    lr: float = 1e-3
    """Adam's step size."""

    neighbours: float = 0.1
    """Weight of the distance between neighbours beside the task of relative position (the paper's lambda)."""

    def __post_init__(self) -> None:
        """Check the ranges.

        Raises:
            ValueError: one sentence naming the setting.
        """
        _at_least(self, 1, "size", "width", "features", "steps", "batch")
        _at_least(self, 0, "neighbours")
        _below_one(self, "lr")
        if self.patch < 8 or self.patch % 8:
            raise ValueError(f"--patch must be a multiple of 8, and at least 8, got {self.patch}")


def _at_least(settings: object, least: int, *names: str) -> None:
    for name in names:
        value = getattr(settings, name)
        if not least <= value < float("inf"):
            raise ValueError(f"--{name.replace('_', '-')} must be at least {least}, got {value}")


def _below_one(settings: object, *names: str) -> None:
    for name in names:
        value = getattr(settings, name)
        if not 0 < value < 1:
            raise ValueError(f"--{name.replace('_', '-')} must lie between 0 and 1, got {value}")
