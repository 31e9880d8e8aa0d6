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
        _at_least(self, 1, "size", "solve", "coarsest", "patch", "iterations")
        _at_least(self, 0, "start", "guidance", "completeness")
        if not 0 < self.ratio < 1:
            raise ValueError(f"--ratio must lie between 0 and 1, got {self.ratio}")


@dataclass(frozen=True, kw_only=True)
class Pair:
    """Settings of the pair network (trained on the two pictures); Greek names are those of the paper's losses."""

    size: int = 64
    """Longest side of the pictures while they are worked on, in pixels; larger ones are reduced, smaller ones stay."""

    coarsest: int = 18
    """Short side of the smaller picture at the coarsest pyramid level, in pixels."""

    ratio: float = 0.75
    """Wanted size ratio between neighbouring pyramid levels, between 0 and 1."""

    plain: int = 2
    """How many of the finest levels draw every pixel anew; the coarser, residual ones add to what they are given."""

    width: int = 32
    """Channels of the hidden layers at the coarsest level; they double every four levels."""

    widest: int = 32
    """Most channels of any level."""

    steps: int = 500
    """Optimiser steps of critics and generators at each of the `plain` levels, which draw B's patches."""

    coarse_steps: int = 300
    """The same at each coarser level; these decide what becomes what."""

    lr_g: float = 5e-4
    """Adam's step size for the generators."""

    lr_d: float = 5e-4
    """Adam's step size for the critics; below that of the generators results stay faint for long."""

    alpha: float = 1.0
    """Weight of the reconstruction of either picture."""

    beta: float = 10.0
    """Weight of the cycle: a sample of A mapped to B and back stays itself, and the reverse."""

    gamma: float = 1.0
    """Factor on the adversarial loss of B's generators (the paper's lambda_g); 0.1 where B is a sketch."""

    penalty_every: int = 4
    """Steps from one gradient penalty to the next; its weight grows accordingly."""

    average: float = 0.0
    """Decay of the running mean of the generators' weights, which later levels and results use; 0 takes the last, which
    is sharper at few steps."""

    plateau: int = 0
    """Steps without a result at least 2 % closer to the other picture's patches after which a level ends early; 0
    always takes all steps."""

    layout: Literal["free", "learned"] = "free"
    """free: one fixed noise must reconstruct the picture, and networks do not feel how far the border is, so they can
    only go by what they see. learned: any noise must, and beyond the border are zeros, so the coarsest levels learn the
    layout by heart, as in the authors' code."""

    mode: Literal["map", "sample", "refine"] = "map"
    """map: the picture itself enters the other's chain at level `start`; sample: pairs of random pictures, aligned;
    refine: as map, then the result enters the chain once more, at the finest residual level."""

    start: int | Literal["auto"] = "auto"
    """Level at which the picture enters: low ones leave the layout to the other picture, high ones keep it. "auto"
    measures them all and takes the best."""

    samples: int = 4
    """How many pairs to draw in mode sample."""

    def __post_init__(self) -> None:
        """Check the ranges.

        Raises:
            ValueError: one sentence naming the setting.
        """
        wholes = ("size", "coarsest", "width", "widest", "steps", "coarse_steps", "penalty_every", "samples")
        _at_least(self, 1, *wholes)
        _at_least(self, 0, "start", "plain", "plateau", "alpha", "beta", "gamma")
        if not 0 < self.ratio < 1:
            raise ValueError(f"--ratio must lie between 0 and 1, got {self.ratio}")
        if self.width > self.widest:
            raise ValueError(f"--width {self.width} is above --widest {self.widest}: raise that too")
        if not 0 <= self.average < 1:
            raise ValueError(f"--average must lie between 0 and 1, without 1, got {self.average}")
        for name in ("lr_g", "lr_d"):
            if not 0 < getattr(self, name) < 1:
                raise ValueError(f"--{name.replace('_', '-')} must lie between 0 and 1, got {getattr(self, name)}")


@dataclass(frozen=True, kw_only=True)
class Apply:
    """Settings of applying a trained pair network to a new picture."""

    direction: Literal["a2b", "b2a"] = "a2b"
    """a2b gives the picture B's appearance, b2a A's."""

    mode: Literal["map", "refine"] = "map"
    """map: the picture enters the chain at level `start`; refine: then the result enters it once more."""

    start: int | Literal["auto"] = "auto"
    """Level at which the picture enters; "auto" measures them all and takes the best."""

    def __post_init__(self) -> None:
        """Check the ranges.

        Raises:
            ValueError: one sentence naming the setting.
        """
        _at_least(self, 0, "start")


def _at_least(settings: object, least: int, *names: str) -> None:
    for name in names:
        value = getattr(settings, name)
        if value != "auto" and not least <= value < float("inf"):
            raise ValueError(f"--{name.replace('_', '-')} must be at least {least}, got {value}")
