"""Settings of finding defects; no torch."""

from dataclasses import dataclass
from typing import Literal

from gestalt.settings import absolute, at_least, inside

DESCRIPTORS = ("raw", "colour", "gradient", "gabor", "random", "pair")


@dataclass(frozen=True, kw_only=True)
class Learned:
    """Settings of every way to learn what is good."""

    shots: int = 0
    """Good pictures to learn from, drawn at random with the seed; 0 takes all."""

    false_alarms: float = 0.05
    """Part of good pictures that the threshold may call anomalous."""

    def __post_init__(self) -> None:
        """Check the ranges.

        Raises:
            ValueError: one sentence naming the setting.
        """
        if self.shots < 0:
            raise ValueError(f"--shots must be at least 0, got {self.shots}")
        if not 0 < self.false_alarms < 0.5:
            raise ValueError(f"--false-alarms must lie between 0 and 0.5, got {self.false_alarms}")


@dataclass(frozen=True, kw_only=True)
class Memory(Learned):
    """Settings of the patch memory."""

    descriptors: tuple[str, ...] = ("gradient@96", "gradient@192", "gabor@128")
    """NAME@SIZE of what describes the places of a picture: raw, colour, gradient, gabor, random or pair, at a long side
    of SIZE pixels."""

    features: str = ""
    """ARCH[:FILE], in place of the descriptors: a network with weights, vgg19, squeezenet or inception; downloaded
    where there is no FILE."""

    features_size: int = 224
    """Long side in pixels of what that network looks at."""

    layers: tuple[str, ...] = ()
    """Layers of that network; none takes two in its middle."""

    augment: Literal["auto", "dihedral", "mirrored", "none"] = "auto"
    """Copies of the good pictures that are good, too: turned and mirrored in all eight ways (dihedral), mirrored and
    upside down (mirrored), none, for parts that always lie alike, or those of the eight ways in which the good pictures
    are as near to each other as upright (auto)."""

    window: float = 1.0
    """Part of the picture's sides within which a place is compared, for parts that always lie alike; 1 is all of it."""

    keys: int = 2000
    """Places that each descriptor remembers at most."""

    dims: int = 32
    """Principal components of the descriptors that distances are measured in."""

    worst: float = 0.02
    """Part of a picture's places, the strangest ones, whose mean is its score."""

    relative: Literal["auto", "yes", "no"] = "auto"
    """Measure how strange a place is by the middle of all places of its picture, for surfaces whose grain differs from
    piece to piece; auto: where by all of several descriptors the good pictures then agree better."""

    def __post_init__(self) -> None:
        """Check the ranges, and make FILE absolute, so that the model can be used from any folder.

        Raises:
            ValueError: one sentence naming the setting.
        """
        super().__post_init__()
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
        object.__setattr__(self, "features", absolute(self.features))


@dataclass(frozen=True, kw_only=True)
class Transforms(Learned):
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
        super().__post_init__()
        at_least(self, 1, "width", "widest", "iterations", "turns")
        at_least(self, 11, "size", "coarsest", "finest")
        at_least(self, 0, "alpha", "fakes", "noise", "held_out")
        inside(self, "ratio", "lr")
        if not 0 < self.worst <= 1:
            raise ValueError(f"--worst must be above 0 and at most 1, got {self.worst}")
        if self.width > self.widest:
            raise ValueError(f"--width {self.width} is above --widest {self.widest}: raise that too")
        if self.coarsest > min(self.size, self.finest):
            smaller = min(self.size, self.finest)
            raise ValueError(f"--coarsest must be at most --size and --finest, here {smaller}, got {self.coarsest}")
        if self.transformations == "none" and not self.fakes:
            raise ValueError("--transformations none leaves only generated pictures to tell apart: raise --fakes")


@dataclass(frozen=True, kw_only=True)
class Fused(Learned):
    """Settings of both together; what is not here is as usual in each."""

    descriptors: tuple[str, ...] = Memory.descriptors
    """NAME@SIZE of what the memory describes places by: raw, colour, gradient, gabor, random or pair."""

    features: str = ""
    """ARCH[:FILE] for the memory, in place of the descriptors: a network with weights."""

    transformations: Literal["rgb", "grey", "rotations"] = "rotations"
    """What critics learn to name: the paper's 54 with colour, its 42 without, or 4 rotations."""

    finest: int = 64
    """Short side of the critics' finest pyramid level, in pixels."""

    iterations: int = 200
    """Training iterations per level of the critics."""

    def __post_init__(self) -> None:
        """Check the ranges.

        Raises:
            ValueError: one sentence naming the setting.
        """
        super().__post_init__()
        object.__setattr__(self, "descriptors", self.memory.descriptors)
        object.__setattr__(self, "features", self.memory.features)
        _ = self.transforms  # refuses what the critics do not take

    @property
    def memory(self) -> Memory:
        """Settings of the memory."""
        return Memory(false_alarms=self.false_alarms, descriptors=self.descriptors, features=self.features)

    @property
    def transforms(self) -> Transforms:
        """Settings of the model of transformations."""
        return Transforms(
            false_alarms=self.false_alarms,
            transformations=self.transformations,
            coarsest=min(Transforms.coarsest, self.finest),
            finest=self.finest,
            iterations=self.iterations,
            held_out=min(Transforms.held_out, self.iterations),
        )


@dataclass(frozen=True, kw_only=True)
class Score:
    """Settings of judging pictures."""

    sensitivity: float = 0.5
    """From 0 to 1; 0.5 is the model's threshold, more calls more pictures anomalous."""

    fail_on_anomaly: bool = False
    """End with exit code 5 where a picture is anomalous."""

    images: bool = True
    """Write a map, a mask and an overlay for every picture."""

    def __post_init__(self) -> None:
        """Check the ranges.

        Raises:
            ValueError: one sentence naming the setting.
        """
        inside(self, "sensitivity")


SCORERS = ("patch", "transforms", "fused", "neighbour", "pixels", "brightness", "geom", "deepsvdd", "patchsvdd")


@dataclass(frozen=True, kw_only=True)
class Test:
    """Settings of measuring scorers on a data set."""

    scorers: tuple[str, ...] = ("patch", "neighbour", "pixels", "brightness")
    """What is measured: patch, transforms and fused; the nulls neighbour (7x7 patches), pixels (32x32 px) and
    brightness; geom, deepsvdd and patchsvdd, published before."""

    shots: tuple[int, ...] = (1, 5, 10)
    """Numbers of good pictures to learn from; a number above what there is takes all."""

    draws: int = 3
    """Random draws of good pictures, each of which is learned anew."""

    features: str = ""
    """ARCH[:FILE] for the patch memory, in place of its descriptors."""

    def __post_init__(self) -> None:
        """Check the ranges, and make FILE absolute.

        Raises:
            ValueError: one sentence naming the setting.
        """
        object.__setattr__(self, "scorers", tuple(self.scorers))
        object.__setattr__(self, "shots", tuple(self.shots))
        unknown = [name for name in self.scorers if name not in SCORERS]
        if not self.scorers or unknown or len(set(self.scorers)) < len(self.scorers):
            given = " ".join(self.scorers) or "none"
            raise ValueError(f"--scorers must be different ones of {', '.join(SCORERS)}, got {given}")
        if not self.shots or min(self.shots) < 1 or len(set(self.shots)) < len(self.shots):
            raise ValueError(
                f"--shots must be different numbers from 1 on, got {' '.join(map(str, self.shots)) or 'none'}"
            )
        if self.draws < 1:
            raise ValueError(f"--draws must be at least 1, got {self.draws}")
        object.__setattr__(self, "features", absolute(self.features))


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
        at_least(self, 1, "width", "steps", "batch")
        at_least(self, 8, "size")
        inside(self, "lr", "shift")


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
        at_least(self, 1, "width", "features", "steps", "batch")
        at_least(self, 8, "size")
        at_least(self, 0, "decay")
        inside(self, "lr", "shift")


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
        at_least(self, 1, "size", "width", "features", "steps", "batch")
        at_least(self, 0, "neighbours")
        inside(self, "lr")
        if self.patch < 8 or self.patch % 8:
            raise ValueError(f"--patch must be a multiple of 8, and at least 8, got {self.patch}")
