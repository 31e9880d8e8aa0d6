"""Settings of finding defects; no torch."""

import os
from dataclasses import dataclass
from typing import Literal

DESCRIPTORS = ("raw", "colour", "gradient", "gabor", "random", "pair")


@dataclass(frozen=True, kw_only=True)
class Memory:
    """Settings of the patch memory."""

    descriptors: tuple[str, ...] = ("raw@48", "gradient@128", "gabor@128")
    """NAME@SIZE of what describes the places of a picture: raw, colour, gradient, gabor, random or pair, at a long side
    of SIZE pixels."""

    features: str = ""
    """ARCH[:FILE], in place of the descriptors: a network with weights, vgg19, squeezenet or inception; downloaded
    where there is no FILE."""

    features_size: int = 224
    """Long side in pixels of what that network looks at."""

    layers: tuple[str, ...] = ()
    """Layers of that network; none takes two in its middle."""

    augment: Literal["dihedral", "mirrored", "none"] = "dihedral"
    """Copies of the good pictures that are good, too: turned and mirrored in all eight ways, mirrored and upside down
    in four, or none, for parts that always lie alike."""

    window: float = 1.0
    """Part of the picture's sides within which a place is compared, for parts that always lie alike; 1 is all of it."""

    keys: int = 4000
    """Places that each descriptor remembers at most."""

    dims: int = 64
    """Principal components of the descriptors that distances are measured in."""

    worst: float = 0.01
    """Part of a picture's places, the strangest ones, whose mean is its score."""

    def __post_init__(self) -> None:
        """Check the ranges, and make FILE absolute, so that the model can be used from any folder.

        Raises:
            ValueError: one sentence naming the setting.
        """
        object.__setattr__(self, "descriptors", tuple(self.descriptors))  # from a file they come as lists
        object.__setattr__(self, "layers", tuple(self.layers))
        if not self.descriptors or len(set(self.descriptors)) < len(self.descriptors):
            given = " ".join(self.descriptors) or "none"
            raise ValueError(f"--descriptors must be one or more different ones, got {given}")
        for name in self.descriptors:
            kind, _, size = name.partition("@")
            if kind not in DESCRIPTORS or not size.isdecimal() or not 16 <= int(size) <= 4096:
                known = ", ".join(DESCRIPTORS)
                raise ValueError(
                    f"--descriptors are NAME@SIZE with NAME one of {known} and SIZE from 16 to 4096, got {name!r}"
                )
        if not 16 <= self.features_size <= 4096:
            raise ValueError(f"--features-size must lie between 16 and 4096, got {self.features_size}")
        if not 0 < self.window <= 1:
            raise ValueError(f"--window must lie above 0, up to 1, got {self.window}")
        if not 0 < self.worst <= 1:
            raise ValueError(f"--worst must lie above 0, up to 1, got {self.worst}")
        for name in ("keys", "dims"):
            if getattr(self, name) < 1:
                raise ValueError(f"--{name} must be at least 1, got {getattr(self, name)}")
        arch, _, file = self.features.partition(":")
        if file:
            object.__setattr__(self, "features", f"{arch}:{os.path.abspath(os.path.expanduser(file))}")
