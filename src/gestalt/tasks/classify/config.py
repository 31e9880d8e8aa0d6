"""Settings of classifiers; no torch."""

import os
from dataclasses import dataclass, field
from typing import Literal

from gestalt.settings import as_groups, at_least, below_one, inside

Ways = Literal["padain", "mixstyle", "crossnorm", "efdmix", "dsu", "none"]

USUAL: dict[str, tuple[float, str]] = {
    "padain": (0.01, "paper"),
    "mixstyle": (0.5, "early"),
    "crossnorm": (0.5, "early"),
    "efdmix": (0.5, "early"),
    "dsu": (0.5, "early"),
    "none": (0.0, "paper"),
}
"""Of each way, how often and where it is done if nothing else is asked for."""


@dataclass(frozen=True, kw_only=True)
class Swapping:
    """Settings of swapping statistics between the pictures of a batch."""

    swap: Ways = "padain"
    """What is done to the statistics of layers in training: those of another picture (padain), of a part of one
    (crossnorm), something between (mixstyle, efdmix), noise (dsu), or nothing."""

    swap_p: float | Literal["auto"] = "auto"
    """Probability of it, at each layer in each step; auto: .01 for padain, .5 for the others."""

    swap_layers: str = ""
    """After which layers: paper (every convolution but shortcuts), early (stem and first half of the stages), stem,
    all, input, or a regular expression for names of modules; by default paper for padain and early for the others."""

    partner: Literal["permute", "derange", "cross_class", "cross_domain", "directed"] = "permute"
    """Whose statistics: any picture's of the batch, another's, one's of another class or domain; in adapt always
    directed, from the target to the source. dsu has no partners."""

    def __post_init__(self) -> None:
        """Check the range, and what goes together.

        Raises:
            ValueError: one sentence naming the setting.
        """
        if self.swap_p != "auto" and not 0 <= self.swap_p <= 1:
            raise ValueError(f"--swap-p must lie between 0 and 1, got {self.swap_p}")
        if self.swap == "dsu" and self.partner != "permute":
            raise ValueError(f"--swap dsu has no partners: leave --partner {self.partner} out")

    @property
    def p(self) -> float:
        """The probability that is meant."""
        return USUAL[self.swap][0] if self.swap_p == "auto" else self.swap_p

    @property
    def layers(self) -> str:
        """The layers that are meant."""
        return self.swap_layers or USUAL[self.swap][1]


@dataclass(frozen=True, kw_only=True)
class Learning:
    """Settings that training and adapting share."""

    begin_from: str = ""
    """Weights to begin with, a file of torchvision's; what has another shape, as its last layer, begins anew. None are
    downloaded."""

    swapping: Swapping = field(default_factory=Swapping)
    """Of statistics."""

    batch: int = 64
    """Pictures in each step, under torchrun over all processes; of adapt, of each side."""

    optimiser: Literal["sgd", "adamw"] = "sgd"
    """SGD with Nesterov's momentum of .9, or AdamW."""

    lr: float = 0.05
    """Step size at its highest."""

    decay: float = 5e-4
    """Weight decay."""

    fall: Literal["cosine", "steps", "poly"] = "cosine"
    """How the step size falls: as half a cosine, in --drops, or as the power .9 of what is left."""

    drops: tuple[float, ...] = ()
    """Parts of the steps after which it falls, with --fall steps."""

    factor: float = 0.1
    """What it is then multiplied by."""

    warm_up: float = 0.02
    """Part of the steps over which it grows."""

    clip: float = 0.0
    """Norm that gradients are shortened to; 0 leaves them."""

    average: float = 0.0
    """How much of the running average of the weights, which is what is kept, stays in each step; 0 for none."""

    def __post_init__(self) -> None:
        """Check the ranges, and make the file absolute, so that a run can be resumed from anywhere.

        Raises:
            ValueError: one sentence naming the setting.
        """
        as_groups(self, swapping=Swapping)
        object.__setattr__(self, "drops", tuple(self.drops))
        if self.begin_from:
            object.__setattr__(self, "begin_from", os.path.abspath(os.path.expanduser(self.begin_from)))
        at_least(self, 2, "batch")
        at_least(self, 0, "decay", "clip")
        at_least(self, 1e-9, "lr")
        inside(self, "factor")
        below_one(self, "warm_up", "average")
        if self.fall == "steps" and not self.drops:
            raise ValueError("--fall steps needs --drops, parts of the steps such as .3 .6 .8")
        if any(not 0 < drop < 1 for drop in self.drops):
            raise ValueError(f"--drops must lie between 0 and 1, got {' '.join(map(str, self.drops))}")


@dataclass(frozen=True, kw_only=True)
class Train(Learning):
    """Settings of learning to tell classes."""

    model: str = "small"
    """The network: tiny or small, for a CPU, any classifier of torchvision by name, or cifar- before the name of one of
    its ResNets, whose stem is then for pictures of 32 pixels."""

    size: int = 64
    """Side of the square that the network sees, in pixels."""

    augment: Literal["none", "flip", "shift", "turn", "zoom", "augmix"] = "shift"
    """How pictures are changed at random: mirrored (flip), also moved by up to an eighth of their side (shift), also
    turned by up to 15 degrees (turn), cut and stretched as for ImageNet (zoom), or shift with two more copies by AugMix
    that are to be judged alike."""

    epochs: int = 30
    """How often every picture is seen."""

    aside: float = 0.2
    """Part of each class that is only tested, where the data set has no part for that."""

    held_out: str = ""
    """The domain that is only tested, of a data set of domains."""

    def __post_init__(self) -> None:
        """Check the ranges.

        Raises:
            ValueError: one sentence naming the setting.
        """
        super().__post_init__()
        at_least(self, 8, "size")
        at_least(self, 1, "epochs")
        inside(self, "aside")
        if self.swapping.partner == "directed":
            raise ValueError("--partner directed is for gestalt classify adapt: choose another")


@dataclass(frozen=True, kw_only=True)
class Test:
    """Settings of testing a classifier."""

    batch: int = 64
    """Pictures that are looked at together."""

    severities: tuple[int, ...] = ()
    """Of corruptions, from 1 to 5; without, 1, 3 and 5 of gestalt's own and all of a corruption set."""

    only: tuple[str, ...] = ()
    """Corruptions that are tested, by name; all without."""

    clean: bool = False
    """Test pictures as they are, without any corruption."""

    reference: str = ""
    """Another run of classify test on the same corruptions, whose errors those of this one are divided by (mCE)."""

    def __post_init__(self) -> None:
        """Check the ranges, and make the folder absolute, so that a run can be resumed from anywhere.

        Raises:
            ValueError: one sentence naming the setting.
        """
        for name in ("severities", "only"):
            object.__setattr__(self, name, tuple(getattr(self, name)))  # from a file they come as lists
        if self.reference:
            object.__setattr__(self, "reference", os.path.abspath(os.path.expanduser(self.reference)))
        at_least(self, 1, "batch")
        if self.clean and self.reference:
            raise ValueError("--reference is of corruptions, and --clean tests none: leave one of them out")
        if any(not 1 <= one <= 5 for one in self.severities):
            raise ValueError(f"--severities must lie between 1 and 5, got {' '.join(map(str, self.severities))}")


@dataclass(frozen=True, kw_only=True)
class Adapt(Learning):
    """Settings of learning from a labelled source for an unlabelled target."""

    what: Literal["classes", "segments"] = "classes"
    """Whether pictures or their pixels are told apart."""

    model: str = "small"
    """The network: small, for a CPU, or one of torchvision's by name, for pixels one of its segmentation networks."""

    size: int = 48
    """Side of the square that the network sees, in pixels."""

    steps: int = 600
    """Optimiser steps."""

    alone: float = 0.5
    """Part of the steps, at the beginning, in which the source alone is learned from; after them batch normalisation
    keeps its moments."""

    pictures: int = 600
    """Drawn pictures of each side that are learned from, without SOURCE and TARGET."""

    far: float = 1.0
    """How far the drawn target's looks are from the source's."""

    aside: float = 0.2
    """Part of the pictures that is only tested, where the data set has no part for that."""

    def __post_init__(self) -> None:
        """Check the ranges.

        Raises:
            ValueError: one sentence naming the setting.
        """
        super().__post_init__()
        at_least(self, 16, "size", "pictures")
        at_least(self, 1, "steps")
        at_least(self, 0, "far")
        inside(self, "aside")
        below_one(self, "alone")
        if self.swapping.swap == "dsu":
            raise ValueError("--swap dsu makes noise and takes nothing from the target: choose another")
        if self.swapping.partner not in ("permute", "directed"):
            raise ValueError(f"--partner {self.swapping.partner}: in adapt it is always directed; leave it out")

    @property
    def augment(self) -> Literal["shift"]:
        """How pictures of folders are changed at random; see `Train`."""
        return "shift"
