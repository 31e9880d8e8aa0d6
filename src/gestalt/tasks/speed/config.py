"""Settings of everything about speed; no torch."""

import os
import re
from dataclasses import dataclass
from typing import Literal

from gestalt.settings import absolute, at_least, below_one, inside

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

    steps: int = 4000
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

    far: float = 0.25
    """Part of the sped-up clips that are not about twice but up to eight times as fast, as versions are in use."""

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
        """Check the ranges, and make the folder absolute, so that a run can be resumed from anywhere.

        Raises:
            ValueError: one sentence naming the setting.
        """
        object.__setattr__(self, "held_out", tuple(self.held_out))  # from a file they come as lists
        if self.begin_from not in ("", "shipped"):
            object.__setattr__(self, "begin_from", os.path.abspath(os.path.expanduser(self.begin_from)))
        at_least(self, 1, "steps", "pairs")
        at_least(self, 4, "frames")
        at_least(self, 32 if self.trunk == "s3dg" else 16, "least")
        at_least(self, 0, "decay", "spread", "test")
        inside(self, "lr", "average")
        if self.most < self.least:
            raise ValueError(f"--most {self.most} is below --least {self.least}: raise it")
        below_one(self, "warm_up", "aside", "far")
        if set(self.held_out) == set(FAMILIES):
            raise ValueError("--held-out leaves nothing to train on: name one or two families")


@dataclass(frozen=True, kw_only=True)
class Looked:
    """Settings of everything that asks a trained network about a video."""

    model: str = "shipped"
    """The network: "shipped", or the folder of a finished run of speed train."""

    side: int = 0
    """Shorter side of what the network sees, in pixels; 0: as it was trained."""

    def __post_init__(self) -> None:
        """Check the ranges, and make the folder absolute, so that a run can be resumed from anywhere.

        Raises:
            ValueError: one sentence naming the setting.
        """
        if self.model != "shipped":
            object.__setattr__(self, "model", os.path.abspath(os.path.expanduser(self.model)))
        if self.side and not 16 <= self.side <= 1024:
            raise ValueError(f"--side must be 0 or lie between 16 and 1024, got {self.side}")


@dataclass(frozen=True, kw_only=True)
class Predict(Looked):
    """Settings of saying how sped-up a video looks."""

    versions: bool = False
    """Look at faster versions of it too, and say up to which speed every frame looks normal."""


@dataclass(frozen=True, kw_only=True)
class Adapt(Looked):
    """Settings of a speed-up that stays natural."""

    rate: float = 2.0
    """How much shorter the video gets: the result lasts as long as the original at this speed, to within one
    frame."""

    adaptivity: float = 1.0
    """How much the speed follows what looks natural: 0 is uniform, 1 as the network says, 2 twice as much."""

    smooth: float = 1.0
    """Seconds of the original over which the speed changes."""

    slowest: float = 1.0
    """Speed that no frame goes below but in parts to protect; below 1 is slow motion."""

    fastest: float = 8.0
    """Speed that no frame goes above."""

    protect: tuple[str, ...] = ()
    """Parts of the original, BEGIN-END in seconds as 12.5-20, that play at their own speed; BEGIN-END:FASTEST, as
    12.5-20:1.6, at most so fast. Where parts overlap, the slowest counts; none goes above --fastest."""

    still: Literal["rate", "fastest"] = "rate"
    """What to do with moments where nothing moves: play them at the rate, or skip through them."""

    frames: Literal["constant", "variable"] = "constant"
    """Frames at a constant rate, which every player shows; or every frame of the original, each for its own time."""

    fps: float = 0.0
    """Frames a second of the result, if constant; 0: those of the original, at most 60."""

    sound: Literal["keep", "mute"] = "keep"
    """Whether the sound goes along, its pitch as it is."""

    quality: int = 20
    """x264's constant rate factor, 0 to 51: smaller is better and larger."""

    compare: bool = False
    """Also make a video of the uniform speed-up beside the adaptive one."""

    def __post_init__(self) -> None:
        """Check the ranges.

        Raises:
            ValueError: one sentence naming the setting.
        """
        super().__post_init__()
        object.__setattr__(self, "protect", tuple(self.protect))  # from a file they come as lists
        for name, least, most in (
            ("rate", 0.125, 64.0),
            ("adaptivity", 0.0, 4.0),
            ("smooth", 0.0, 60.0),
            ("slowest", 0.125, 64.0),
            ("fastest", 0.125, 64.0),
            ("quality", 0, 51),
        ):
            if not least <= getattr(self, name) <= most:
                raise ValueError(f"--{name} must lie between {least:g} and {most:g}, got {getattr(self, name)}")
        if self.slowest > self.fastest:
            raise ValueError(f"--slowest {self.slowest:g} is above --fastest {self.fastest:g}: lower it")
        if not self.slowest <= self.rate <= self.fastest:
            raise ValueError(
                f"--rate {self.rate:g} cannot be reached with speeds from {self.slowest:g} to {self.fastest:g}: "
                "give a rate between these, or change --slowest or --fastest"
            )
        if self.fps and not 1 <= self.fps <= 240:
            raise ValueError(f"--fps must be 0 or lie between 1 and 240, got {self.fps}")
        for text in self.protect:
            protected(text)


def protected(text: str) -> tuple[float, float, float]:
    """What a part to protect means: from which second to which, and how fast at most.

    Raises:
        ValueError: it is not BEGIN-END or BEGIN-END:FASTEST.
    """
    number = r"(\d+\.?\d*|\.\d+)"
    found = re.fullmatch(f"{number}-{number}(?::{number})?", text)
    if not found or float(found[1]) >= float(found[2]) or not 0.125 <= float(found[3] or 1) <= 64:
        raise ValueError(
            "--protect must be BEGIN-END or BEGIN-END:FASTEST, in seconds and times as fast, such as 12.5-20, "
            f"got {text!r}"
        )
    return float(found[1]), float(found[2]), float(found[3] or 1)


@dataclass(frozen=True, kw_only=True)
class Map(Looked):
    """Settings of showing where in the picture a video looks slowed."""

    side: int = 96
    """Shorter side of what the network sees, in pixels: more gives a finer map."""

    size: int = 480
    """Longer side of the result, in pixels."""

    window: int = 5
    """Cells of 8 pixels of the network's maps that each place is judged by, across."""

    strength: float = 0.6
    """Of the colours over the picture, 0 to 1."""

    def __post_init__(self) -> None:
        """Check the ranges.

        Raises:
            ValueError: one sentence naming the setting.
        """
        super().__post_init__()
        at_least(self, 16, "size")
        at_least(self, 1, "window")
        if not 0 <= self.strength <= 1:
            raise ValueError(f"--strength must lie between 0 and 1, got {self.strength}")


@dataclass(frozen=True, kw_only=True)
class Finetune:
    """Settings of learning to name actions."""

    trunk: Literal["auto", "small", "s3dg"] = "auto"
    """The network: small, for a CPU, S3D-G, for a GPU, or that of the weights it begins with, random ones are small."""

    begin_from: str = "shipped"
    """Weights to begin with: random, shipped, a finished run of speed train, kinetics:FILE (torchvision's S3D), or
    inflated:FILE (torchvision's GoogLeNet)."""

    split: int = 1
    """Number of the data set's lists of what to train and to test with."""

    frames: int = 24
    """Of a clip, at 25 a second."""

    side: int = 64
    """Of the square that is cut out of a clip, in pixels."""

    steps: int = 2000
    """Optimiser steps."""

    batch: int = 8
    """Clips in each step."""

    lr: float = 1e-3
    """AdamW's step size at its highest."""

    decay: float = 0.02
    """Weight decay."""

    warm_up: float = 0.05
    """Part of the steps over which the step size grows."""

    clips: int = 10
    """Of each video, evenly spaced, whose probabilities are averaged in tests."""

    def __post_init__(self) -> None:
        """Check the ranges, and make paths absolute, so that the run can be resumed from any folder.

        Raises:
            ValueError: one sentence naming the setting.
        """
        object.__setattr__(self, "begin_from", _absolute(self.begin_from))
        at_least(self, 1, "split", "steps", "batch", "clips")
        at_least(self, 4, "frames")
        at_least(self, 32 if self.trunk == "s3dg" else 16, "side")
        at_least(self, 0, "decay")
        inside(self, "lr")
        below_one(self, "warm_up")


@dataclass(frozen=True, kw_only=True)
class Retrieve:
    """Settings of finding what moves alike."""

    trunk: Literal["auto", "small", "s3dg"] = "auto"
    """The network: small, S3D-G, or that of its weights, random ones are small."""

    begin_from: str = "shipped"
    """Its weights: shipped, random, a finished run of speed train, kinetics:FILE (torchvision's S3D), or inflated:FILE
    (torchvision's GoogLeNet)."""

    frames: int = 24
    """Of a window, at 25 a second; windows begin every half of that."""

    side: int = 64
    """Shorter side of the frames, in pixels."""

    start_s: float = 0.0
    """Where the query begins, in seconds."""

    length_s: float = 0.0
    """How long the query is, in seconds; 0 is one window without CORPUS and all the rest of the video with one."""

    neighbours: int = 5
    """Of each query that are written down."""

    sheets: int = 20
    """Queries that get a sheet of frames, the first ones."""

    def __post_init__(self) -> None:
        """Check the ranges, and make paths absolute, so that the run can be resumed from any folder.

        Raises:
            ValueError: one sentence naming the setting.
        """
        object.__setattr__(self, "begin_from", _absolute(self.begin_from))
        at_least(self, 4, "frames")
        at_least(self, 32 if self.trunk == "s3dg" else 16, "side")
        at_least(self, 0, "start_s", "length_s", "sheets")
        at_least(self, 1, "neighbours")


def _absolute(begin_from: str) -> str:
    """Weights to begin with, their path absolute."""
    if begin_from in ("random", "shipped"):
        return begin_from
    if begin_from.startswith(("kinetics:", "inflated:")):
        return absolute(begin_from)
    if not begin_from:
        raise ValueError("--begin-from must be random, shipped, a run, kinetics:FILE or inflated:FILE, got nothing")
    return os.path.abspath(os.path.expanduser(begin_from))
