"""Settings of the engines that make new pictures and clips from one; standard library only."""

from dataclasses import dataclass
from typing import Literal

from gestalt.settings import absolute, at_least, below_one, inside, wanted_size


@dataclass(frozen=True, kw_only=True)
class Measured:
    """What the settings of everything that makes samples share: how these are measured."""

    features: str | None = None
    """ARCH[:FILE]: one measure more, the Frechet distance of a network's features. squeezenet, inception and vgg19 look
    at pictures and single frames, r3d18 and r2plus1d_18 at clips, random (never trained) at both. Without FILE, weights
    that are not there yet are downloaded."""

    def __post_init__(self) -> None:
        """Make FILE absolute, so that a run can be resumed from any folder."""
        if self.features is not None:
            object.__setattr__(self, "features", absolute(self.features))


@dataclass(frozen=True, kw_only=True)
class Patch(Measured):
    """Settings of the patch engine (no training)."""

    samples: int = 8
    """How many to make; -n for short."""

    size: int | str = 256
    """Of the samples: a longest side in pixels, the aspect being the input's, or HEIGHTxWIDTH. The input is reduced to
    the same longest side; a smaller one stays as it is."""

    frames: int = 0
    """Of the samples; 0 makes as many as were taken of the input."""

    begin_s: float = 0.0
    """Where in the input video to begin, in seconds."""

    take: int = 0
    """How many frames of the input to use; 0 uses all."""

    coarsest: int = 15
    """Short side of the coarsest pyramid level, in pixels; larger keeps more of the input's arrangement."""

    shortest: int = 3
    """Frames at the coarsest pyramid level."""

    ratio: float = 0.82
    """Wanted size ratio between neighbouring pyramid levels, between 0 and 1."""

    time_ratio: float = 0.87
    """Wanted ratio of their numbers of frames, between 0 and 1."""

    patch: int = 7
    """Side of the patches, in pixels."""

    depth: int = 3
    """Frames in a patch of a clip."""

    noise: float = 3.0
    """Standard deviation of what is added to the coarsest level, where the pictures lie between -1 and 1; 0 adds
    nothing, and without --bend the result then keeps the input's arrangement."""

    bend: float = 0.14
    """How far the arrangement is bent at each of the coarser levels: standard deviation of a smooth displacement, in
    sides of a patch. More breaks the input into smaller pieces; 0 leaves them as large as they come."""

    heights: float = 1.0
    """Weight of a patch's height in the picture, from -1 to 1, beside its colours, which lie there too: keeps the sky
    above and the ground below; 0 lets anything be anywhere."""

    iterations: int = 5
    """Searches and votes per level."""

    completeness: float = 0.004
    """Alpha of the bidirectional weight at the coarser levels, in units of the search distance (mean squared
    difference); smaller presses more of the input's parts into the result; 0 turns it off."""

    coarser: int = 8
    """How many of the coarsest levels count as coarser: there it is decided what goes where, so there completeness
    counts and the arrangement is bent."""

    vote: Literal["agreed", "joined", "mean", "median"] = "agreed"
    """How overlapping patches merge: into the pixel most of them agree on, or an average. joined: agreed, and their
    mean at the end of each level, so that pieces stay whole and the seams between them are soft."""

    search: Literal["patchmatch", "exact"] = "patchmatch"
    """Approximate search in near-linear time, or every pair compared (for small pictures)."""

    def __post_init__(self) -> None:
        """Check the ranges.

        Raises:
            ValueError: one sentence naming the setting.
        """
        super().__post_init__()
        at_least(self, 1, "samples", "coarsest", "shortest", "patch", "depth", "iterations")
        at_least(self, 0, "frames", "begin_s", "take", "noise", "bend", "heights", "completeness", "coarser")
        inside(self, "ratio", "time_ratio")
        wanted_size(self.size)


@dataclass(frozen=True, kw_only=True)
class VaeGan(Measured):
    """Settings of Hierarchical Patch VAE-GAN (trained on the input)."""

    samples: int = 8
    """How many to make when it is trained; -n for short. `generate sample` makes more."""

    size: int = 128
    """Longest side in pixels that the input is reduced to; a smaller one stays as it is."""

    begin_s: float = 0.0
    """Where in the input video to begin, in seconds."""

    take: int = 0
    """How many frames of the input to use; 0 uses all. Where there are more than one window has, it is moved about."""

    rates: tuple[int, ...] = (4, 3, 2, 1)
    """Frame steps from coarse to fine: a level sees every so manieth frame of a window, whose length is their least
    common multiple and one more (13 here). For pictures they mean nothing."""

    coarsest: int = 32
    """Longest side of the coarsest pyramid level, in pixels."""

    ratio: float = 0.75
    """Wanted size ratio between neighbouring pyramid levels, between 0 and 1."""

    vae_levels: int = 3
    """How many of the coarsest levels belong to the VAE (M); the others to the GAN. More makes samples more diverse and
    less exact; more than there are makes a pure VAE."""

    width: int = 32
    """Channels of the hidden layers."""

    latent: int = 64
    """Channels of the latent map."""

    vae_steps: int = 2000
    """Optimiser steps at each VAE level."""

    gan_steps: int = 1000
    """Optimiser steps at each GAN level."""

    batch: int = 1
    """Samples and reconstructions in each step."""

    lr: float = 5e-4
    """Adam's step size; encoder and decoder get a fifth of it at every further VAE level."""

    rec: float = 10.0
    """Weight of the reconstruction."""

    kl: float = 10.0
    """Weight of the latent map's divergence from N(0, 1), both as means over all numbers. Published is 1, which needs
    many times the steps until draws from N(0, 1) look as good as what comes from the input."""

    penalty_every: int = 4
    """Steps from one gradient penalty to the next; its weight grows accordingly."""

    anchor: Literal["mean", "drawn"] = "mean"
    """Latent map that GAN levels must turn into the input: the posterior's mean, or a new draw from it at each step."""

    plateau: int = 0
    """Steps without samples at least 2 % closer to the input's patches after which a GAN level ends early; 0 always
    takes all steps."""

    def __post_init__(self) -> None:
        """Check the ranges.

        Raises:
            ValueError: one sentence naming the setting.
        """
        super().__post_init__()
        object.__setattr__(self, "rates", tuple(self.rates))  # from a file it comes as a list
        wholes = ("samples", "size", "coarsest", "vae_levels", "width", "latent", "vae_steps", "gan_steps", "batch")
        at_least(self, 1, *wholes, "penalty_every")
        at_least(self, 0, "begin_s", "take", "rec", "kl", "plateau")
        inside(self, "ratio", "lr")
        if not self.rates or min(self.rates) < 1 or list(self.rates) != sorted(self.rates, reverse=True):
            given = " ".join(map(str, self.rates))
            raise ValueError(f"--rates must be frame steps of at least 1, large ones first, got {given or 'none'}")


@dataclass(frozen=True, kw_only=True)
class SinGan(Measured):
    """Settings of SinGAN (trained on the input)."""

    samples: int = 8
    """How many to make when it is trained; -n for short. `generate sample` makes more."""

    size: int = 128
    """Longest side in pixels that the input is reduced to; a smaller one stays as it is."""

    begin_s: float = 0.0
    """Where in the input video to begin, in seconds."""

    take: int = 0
    """How many frames of the input to use; 0 uses all."""

    coarsest: int = 25
    """Short side of the coarsest pyramid level, in pixels; larger keeps more of the input's arrangement."""

    shortest: int = 4
    """Frames at the coarsest pyramid level."""

    ratio: float = 0.75
    """Wanted size ratio between neighbouring pyramid levels, between 0 and 1."""

    time_ratio: float = 0.7
    """Wanted ratio of their numbers of frames, between 0 and 1."""

    width: int = 32
    """Channels of the hidden layers at the coarsest level; they double every four levels."""

    widest: int = 32
    """Most channels of any level."""

    steps: int = 2000
    """Steps of each level; at four fifths of them the learning rate falls to a tenth."""

    turns: int = 1
    """Optimiser steps of the critic, and then of the generator, in each step."""

    lr: float = 5e-4
    """Adam's step size."""

    alpha: float = 10.0
    """Weight of the reconstruction of the input from the fixed noise."""

    penalty_every: int = 4
    """Optimiser steps of the critic from one gradient penalty to the next; its weight grows accordingly."""

    average: float = 0.0
    """Decay of the running mean of the generators' weights, which later levels and results use; 0 takes the last."""

    plateau: int = 0
    """Steps without a sample at least 2 % closer to the input's patches after which a level ends early; 0 always takes
    all steps."""

    layout: Literal["learned", "free"] = "learned"
    """What generators see beyond the border. learned: zeros, which tell them where they are, so that a sky stays above;
    free: the border itself continued."""

    def __post_init__(self) -> None:
        """Check the ranges.

        Raises:
            ValueError: one sentence naming the setting.
        """
        super().__post_init__()
        wholes = ("samples", "size", "coarsest", "shortest", "width", "widest", "steps", "turns", "penalty_every")
        at_least(self, 1, *wholes)
        at_least(self, 0, "begin_s", "take", "alpha", "plateau")
        inside(self, "ratio", "time_ratio", "lr")
        below_one(self, "average")


@dataclass(frozen=True, kw_only=True)
class Sample(Measured):
    """Settings of drawing more samples from a trained model."""

    samples: int = 8
    """How many to make; -n for short."""

    size: int | str = 0
    """Of the samples: a longest side in pixels, or HEIGHTxWIDTH; 0 is the size the model was trained at."""

    frames: int = 0
    """Of the samples; 0 makes as many as the model was trained on."""

    mode: Literal["random", "between", "local"] = "random"
    """random: independent samples; between: a way from one sample to another; local: one sample, then the same again
    and again with another content in the box. The last two need a VAE-GAN."""

    box: tuple[float, float, float, float] = (0.25, 0.25, 0.75, 0.75)
    """Of mode local: top, left, bottom and right, in shares of height and width."""

    def __post_init__(self) -> None:
        """Check the ranges.

        Raises:
            ValueError: one sentence naming the setting.
        """
        super().__post_init__()
        at_least(self, 1, "samples")
        at_least(self, 0, "frames")
        if self.size != 0:
            wanted_size(self.size)
        object.__setattr__(self, "box", tuple(self.box))
        top, left, bottom, right = self.box
        if not (0 <= top < bottom <= 1 and 0 <= left < right <= 1):
            given = " ".join(map(str, self.box))
            raise ValueError(f"--box must be top left bottom right, with 0 <= top < bottom <= 1 and so on, got {given}")


@dataclass(frozen=True, kw_only=True)
class Edit:
    """Settings of editing a picture with a trained model."""

    start: int | Literal["middle"] = "middle"
    """Level at which the picture enters, from 1: low ones keep only its coarse colours, high ones all but the finest
    details. A sheet shows them all."""

    noise: bool = True
    """Whether the levels add the noise they were trained with."""

    def __post_init__(self) -> None:
        """Check the ranges.

        Raises:
            ValueError: one sentence naming the setting.
        """
        if self.start != "middle" and self.start < 1:
            raise ValueError(f"--start must be at least 1, got {self.start}")
