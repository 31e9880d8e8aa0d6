"""Settings of moving content between unpaired folders; no torch."""

import math
from dataclasses import dataclass, field
from typing import Literal

from gestalt.settings import absolute, as_groups, at_least, below_one, inside

Norm = Literal["batch", "instance"]

SIZES = (16, 24, 32, 48, 64, 96, 128, 192, 256)

FEWEST = 16
"""Places that are left at least along the side of a picture of blocks."""


@dataclass(frozen=True, kw_only=True)
class Networks:
    """Settings of encoders and decoders."""

    fold: int = 4
    """Pixels along the side of the blocks that networks read and paint as one place, a power of two; fewer where
    pictures would have less than 16 places a side. 1 as published."""

    width: int = 32
    """Channels of the first layer; each further one has twice as many, up to those of the code."""

    code: int = 128
    """Channels of the whole code, which is a map of 2x2 or 3x3."""

    separate: int = 8
    """Channels of the code of each content, out of the whole."""

    norm: Norm = "batch"
    """Whether features are normalised over a batch, or over every picture by itself, as published for disentangle and
    intersection: how bright a feature is, and so a colour, is then hard to tell."""

    last_norm: bool = True
    """Whether the codes are normalised too, as published. Where every code is normalised by itself, one of zeros is
    then no ordinary point."""

    def __post_init__(self) -> None:
        """Check the ranges.

        Raises:
            ValueError: one sentence naming the setting.
        """
        at_least(self, 1, "width", "separate")
        if self.fold < 1 or self.fold & (self.fold - 1):
            raise ValueError(f"--fold must be a power of two, as 1, 2 or 4, got {self.fold}")


@dataclass(frozen=True, kw_only=True)
class Hiding:
    """Settings of hiding from the critic which side a common code comes from."""

    confusion: float = 0.2
    """Weight of hiding it."""

    one_sided: bool = False
    """Whether the critic is to take all common codes for those of pictures without content, as published, rather than
    not to know."""

    ramp: float = 0.1
    """Part of the steps at the smallest size, at the beginning, over which that weight grows to its value."""

    memory: int = 16
    """Steps, the last ones, whose common codes the critic learns from; 1 as published. Of one step's few pictures it
    learns them more than their side."""

    def __post_init__(self) -> None:
        """Check the ranges.

        Raises:
            ValueError: one sentence naming the setting.
        """
        at_least(self, 0, "confusion")
        at_least(self, 1, "memory")
        below_one(self, "ramp")


@dataclass(frozen=True, kw_only=True)
class Fit:
    """Settings that the three methods share."""

    size: int = 64
    """Side of the square pictures that are learned from, in pixels: 16, 24, 32, 48, 64, 96, 128, 192 or 256."""

    networks: Networks = field(default_factory=Networks)
    """How encoders and decoders are built."""

    coarse: float = 0.5
    """Part of the steps, at the beginning, in which smaller pictures are learned from: those with blocks of 1, 2, 4,
    ... pixels that have as many places, each size as long."""

    steps: int = 6000
    """Optimiser steps."""

    batch: int = 16
    """Pictures of each side in a step."""

    lr: float = 2e-3
    """Adam's step size, of networks and critic."""

    cool: float = 0.7
    """Part of the steps at full size, at the end, over which the step size falls to 0."""

    hiding: Hiding = field(default_factory=Hiding)
    """How the side is hidden."""

    returned: float = 0.3
    """Weight of a picture that was given content, and from which it is removed, being what it was."""

    carried: float = 0.3
    """Weight of content that was given to another picture and is read there rebuilding the picture it came from."""

    average: float = 0.998
    """How much of the running average of the weights, which is what is kept, stays in each step; 0 for none."""

    shift: float = 0.03
    """How far pictures are moved at random while learning, as a part of their side, in whole pixels: at .03 those of 16
    are not."""

    light: float = 0.02
    """How much brighter or darker they are made at random, of the whole range."""

    apart: float = 0.07
    """How far a picture is moved at most before its content is read, as a part of its side, by whole pixels at random:
    the code of content then cannot say where in the picture it was. 0, as published, reads it where it is."""

    patience: int = 0
    """Stop when, since the step size began to fall, pictures held out have been rebuilt no better for so many looks,
    one every 250 steps, and keep what rebuilt them best; 0 never does, and keeps the last. Smaller sizes never stop."""

    aside: float = 0.1
    """Part of the pictures that are not learned from, only tested."""

    rule: str = ""
    """Which pictures of CelebA make the two sides, as glasses, beard-smile or Wearing_Hat; with one folder."""

    def __post_init__(self) -> None:
        """Check the ranges.

        Raises:
            ValueError: one sentence naming the setting.
        """
        as_groups(self, networks=Networks, hiding=Hiding)
        levels(self.size)
        at_least(self, 1, "steps")
        at_least(self, 2, "batch")
        at_least(self, 0, "returned", "carried", "patience", "light")
        below_one(self, "average", "cool", "coarse", "shift", "apart")
        inside(self, "lr", "aside")
        if self.shared < 1:
            code, separate = self.networks.code, self.networks.separate
            raise ValueError(
                f"--code {code} leaves nothing to the common code beside {self.contents} times --separate {separate}: "
                "raise it"
            )

    @property
    def block(self) -> int:
        """Pixels along the side of a block, as far as there is place for them."""
        return min(self.networks.fold, 1 << (self.size // FEWEST).bit_length() - 1)

    @property
    def shared(self) -> int:
        """Channels of the common code."""
        return self.networks.code - self.contents * self.networks.separate

    @property
    def contents(self) -> int:
        """How many kinds of content have a code of their own."""
        return 1


@dataclass(frozen=True, kw_only=True)
class Whole(Fit):
    """Settings of methods whose one decoder paints the whole picture."""

    reconstruction: Literal["absolute", "squared"] = "squared"
    """How the difference of a rebuilt picture is measured. What may be here or there, as a thin frame, is best painted
    faintly in both places by squared differences, and not at all by absolute ones. As published, disentangle squares
    them and intersection does not."""


@dataclass(frozen=True, kw_only=True)
class Disentangle(Whole):
    """Settings of common and separate codes."""


@dataclass(frozen=True, kw_only=True)
class Intersection(Whole):
    """Settings of a common code and one for each side."""

    apart: float = 0.0
    """How far a picture is moved at most before its contents are read, as a part of its side, by whole pixels at
    random. At .07 glasses are the guide's more often, but fewer moustaches come out as such."""

    zero: float = 0.01
    """Weight of each side's code being zero on the other. The more it weighs, the more a code says which side a picture
    is of, and the less what its content looks like."""

    spectral: bool = False
    """Whether the spectral norm of every layer is held at 1, as published; with one size (--coarse 0, or --fold 1)."""

    def __post_init__(self) -> None:
        """See `Fit`.

        Raises:
            ValueError: one sentence naming the setting.
        """
        super().__post_init__()
        if self.spectral and self.block > 1 and self.coarse:
            raise ValueError(
                f"--spectral goes with one size, not with --fold {self.networks.fold} and small pictures first: "
                "give --coarse 0"
            )

    @property
    def contents(self) -> int:
        """See `Fit`."""
        return 2


@dataclass(frozen=True, kw_only=True)
class Weights:
    """Of the mask method's losses; the published code's names in brackets."""

    pasted: float = 7.0
    """Content pasted on the picture's own plain version is the picture (gama)."""

    plain: float = 5.0
    """A picture without content is rebuilt (delta)."""

    again: float = 0.7
    """A picture's own content, pasted on it again, changes nothing (alpha1)."""

    nothing: float = 0.7
    """No content, pasted on a picture without, changes nothing (alpha2)."""

    small: float = 0.2
    """The mean of masks; not published. Without it they creep over ground that is painted well anyway."""

    cycle_common: float = 0.0
    """The common code of a picture that was given content stays (beta1)."""

    cycle_separate: float = 0.0
    """The code of the content that it was given stays (beta2); published as 0.001, for glasses."""

    def __post_init__(self) -> None:
        """Check the ranges.

        Raises:
            ValueError: one sentence naming the weight.
        """
        for name, value in vars(self).items():
            if not 0 <= value < math.inf:
                raise ValueError(f"--{name.replace('_', '-')} must be at least 0, got {value}")


@dataclass(frozen=True, kw_only=True)
class Mask(Fit):
    """Settings of content as a mask and a picture."""

    returned: float = 3.0
    carried: float = 3.0

    weights: Weights = field(default_factory=Weights)
    """Of the losses."""

    def __post_init__(self) -> None:
        """See `Fit`; from a file the weights come as a dict."""
        super().__post_init__()
        as_groups(self, weights=Weights)


def levels(size: int) -> int:
    """How often a picture is halved until its code, a map of 2x2 or 3x3, is left.

    Raises:
        ValueError: it cannot be.
    """
    if size not in SIZES:
        raise ValueError(f"--size must be one of {', '.join(map(str, SIZES))}, got {size}")
    return int(math.log2(size)) - 1


@dataclass(frozen=True, kw_only=True)
class Give:
    """Settings of add and swap."""

    side: Literal["content", "plain"] = "content"
    """Which side the guide is of; plain with models of --method intersection, whose second side has content too."""


@dataclass(frozen=True, kw_only=True)
class Remove:
    """Settings of remove."""

    whole: bool = False
    """Take the plain picture as a whole; by default a mask method takes it only where the content was, and all else
    stays as it is."""


@dataclass(frozen=True, kw_only=True)
class Segment:
    """Settings of segment."""

    threshold: float = -1.0
    """From which value of the mask on a pixel is content's; below 0 the run's own."""

    def __post_init__(self) -> None:
        """Check the range.

        Raises:
            ValueError: one sentence naming the setting.
        """
        if not self.threshold <= 1:
            raise ValueError(f"--threshold must be at most 1, got {self.threshold}")


@dataclass(frozen=True, kw_only=True)
class Compose:
    """Settings of compose: there are none."""


@dataclass(frozen=True, kw_only=True)
class Grid:
    """Settings of grids."""

    samples: int = 8
    """Pictures of each kind at most."""

    side: Literal["content", "plain"] = "content"
    """Which side the guides are of; plain with models of --method intersection."""

    def __post_init__(self) -> None:
        """Check the range.

        Raises:
            ValueError: one sentence naming the setting.
        """
        at_least(self, 1, "samples")


@dataclass(frozen=True, kw_only=True)
class Between:
    """Settings of pictures on the way from one to another."""

    of: Literal["content", "identity"] = "content"
    """What changes on the way: the content, or who wears it."""

    samples: int = 7
    """Pictures on the way, both ends among them."""

    side: Literal["content", "plain"] = "content"
    """Which side the guides are of; plain with models of --method intersection."""

    def __post_init__(self) -> None:
        """Check the range.

        Raises:
            ValueError: one sentence naming the setting.
        """
        at_least(self, 2, "samples")


@dataclass(frozen=True, kw_only=True)
class Test:
    """Settings of measuring a method."""

    size: int = 32
    """Side of drawn faces in pixels, where no run is given."""

    steps: int = 6000
    """Optimiser steps, where no run is given."""

    width: int = 32
    """Channels of the first layer of encoders, where no run is given."""

    pictures: int = 2000
    """Drawn faces of each side that are learned from, where no run is given."""

    pairs: int = 256
    """Drawn pairs that are asked about, or pictures held out of each side at most."""

    two_sided: bool = False
    """Faces without glasses have moustaches, where no run is given."""

    judge: int = 600
    """Steps of the classifier that says which side a picture belongs to."""

    features: str = ""
    """What KID and FID look with, ARCH[:FILE]; none without."""

    def __post_init__(self) -> None:
        """Check the ranges, and make a file absolute, so that a run can be resumed from anywhere.

        Raises:
            ValueError: one sentence naming the setting.
        """
        levels(self.size)
        object.__setattr__(self, "features", absolute(self.features))
        at_least(self, 1, "steps", "width", "judge", "pairs")
        at_least(self, 16, "pictures")
