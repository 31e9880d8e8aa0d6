"""Settings of the analogy engines; standard library only, so that help and errors need no torch."""

from dataclasses import dataclass
from typing import Literal


@dataclass(frozen=True, kw_only=True)
class Patch:
    """Settings of the patch engine (no training)."""

    size: int = 256
    """Longest side of the pictures while they are worked on, in pixels; larger ones are reduced, smaller ones stay."""

    solve: int = 256
    """Longest side up to which every pyramid level is searched in full, in pixels; above it the matches are carried
    up, level by level, and only refined."""

    coarsest: int = 20
    """Short side of the coarsest pyramid level, in pixels."""

    ratio: float = 0.75
    """Wanted size ratio between neighbouring pyramid levels, between 0 and 1."""

    start: int | Literal["auto"] = "auto"
    """Pyramid level to begin at: the structure/appearance dial. 0 is the coarsest and leaves B's patches the most
    freedom; higher levels keep more of A. It turns widely where guidance is 0; guidance itself holds A's arrangement
    at every level. "auto" tries some on a small copy of the pair and measures. A sweep shows all."""

    patch: int = 7
    """Side of the square patches, in pixels, at every level."""

    iterations: int = 4
    """Searches and votes per level."""

    colours: Literal["matched", "kept"] = "matched"
    """How A's colours enter: matched to B's histogram, channel by channel, or kept as they are."""

    guidance: float | Literal["auto"] = "auto"
    """Factor on the weights of the guidance channels (tone, rarity of colour, figure-ground, edges); 0 turns them off.
    More keeps A's arrangement more strictly; "auto" tries 0.6, 1 and 1.6 on a small copy of the pair."""

    completeness: float = 0.05
    """Alpha of the bidirectional weight, in units of the search distance (mean squared difference, guidance
    included); smaller presses more of B's patches into the result; 0 turns it off."""

    vote: Literal["agreed", "mean", "median"] = "agreed"
    """How overlapping patches merge: into the pixel most of them agree on, or an average."""

    sweep: bool = False
    """Also draw the whole dial: every start level, with and without guidance, on one contact sheet per direction."""

    search: Literal["patchmatch", "exact"] = "patchmatch"
    """Approximate search in near-linear time, or every pair compared (slow above 128 pixels)."""

    def __post_init__(self) -> None:
        """Check the ranges.

        Raises:
            ValueError: one sentence naming the setting.
        """
        for name, least in (("size", 1), ("solve", 1), ("coarsest", 1), ("patch", 1), ("iterations", 1)):
            if getattr(self, name) < least:
                raise ValueError(f"--{name} must be at least {least}, got {getattr(self, name)}")
        if not 0 < self.ratio < 1:
            raise ValueError(f"--ratio must lie between 0 and 1, got {self.ratio}")
        if self.start != "auto" and self.start < 0:
            raise ValueError(f"--start must be auto or at least 0, got {self.start}")
        for name in ("guidance", "completeness"):
            value = getattr(self, name)
            if value != "auto" and not 0 <= value < float("inf"):
                raise ValueError(f"--{name} must be 0 or more, got {value}")
