"""Settings of the analogy engines; standard library only, so that help and errors need no torch."""

from dataclasses import dataclass
from typing import Literal


@dataclass(frozen=True, kw_only=True)
class Patch:
    """Settings of the patch engine (no training)."""

    size: int = 256
    """Longest side of the pictures while they are worked on, in pixels; larger ones are reduced, smaller ones stay."""

    coarsest: int = 20
    """Short side of the coarsest pyramid level, in pixels."""

    ratio: float = 0.75
    """Wanted size ratio between neighbouring pyramid levels, between 0 and 1."""

    start: int = 0
    """Pyramid level to begin at: the structure/appearance dial. 0 is the coarsest and leaves B's patches the most
    freedom; higher levels keep more of A. It turns widely where guidance is 0; guidance itself holds A's arrangement
    at every level. A sweep shows both."""

    patch: int = 7
    """Side of the square patches, in pixels, at every level."""

    iterations: int = 4
    """Searches and votes per level."""

    colours: Literal["matched", "kept"] = "matched"
    """How A's colours enter: matched to B's histogram, channel by channel, or kept as they are."""

    guidance: float = 3.0
    """Weight of the guidance channels (tone, rarity of colour, figure-ground) at the coarsest level; 0 turns them off.
    More keeps A's arrangement more strictly."""

    decay: float = 0.8
    """Factor on the guidance weight from one level to the next finer one, 0 to 1."""

    completeness: float = 0.05
    """Alpha of the bidirectional weight, in units of the search distance (mean squared difference, guidance
    included); smaller presses more of B's patches into the result; 0 turns it off."""

    vote: Literal["mean", "median"] = "mean"
    """How overlapping patches are merged."""

    sweep: bool = False
    """Also draw the whole dial: every start level, with and without guidance, on one contact sheet per direction."""

    search: Literal["patchmatch", "exact"] = "patchmatch"
    """Approximate search in near-linear time, or every pair compared (slow above 128 pixels)."""

    def __post_init__(self) -> None:
        """Check the ranges.

        Raises:
            ValueError: one sentence naming the setting.
        """
        for name, least in (("size", 1), ("coarsest", 1), ("start", 0), ("patch", 1), ("iterations", 1)):
            if getattr(self, name) < least:
                raise ValueError(f"--{name} must be at least {least}, got {getattr(self, name)}")
        if not 0 < self.ratio < 1:
            raise ValueError(f"--ratio must lie between 0 and 1, got {self.ratio}")
        if not 0 <= self.decay <= 1:
            raise ValueError(f"--decay must lie between 0 and 1, got {self.decay}")
        for name in ("guidance", "completeness"):
            if not 0 <= getattr(self, name) < float("inf"):
                raise ValueError(f"--{name} must be 0 or more, got {getattr(self, name)}")
