"""Settings of the analogy engines; standard library only, so that help and errors need no torch."""

from dataclasses import dataclass
from typing import Literal

from gestalt.settings import at_least, below_one, inside


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
        at_least(self, 1, "size", "solve", "coarsest", "patch", "iterations")
        at_least(self, 0, "start", "guidance", "completeness")
        inside(self, "ratio")


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
        at_least(self, 1, *wholes)
        at_least(self, 0, "start", "plain", "plateau", "alpha", "beta", "gamma")
        inside(self, "ratio")
        if self.width > self.widest:
            raise ValueError(f"--width {self.width} is above --widest {self.widest}: raise that too")
        below_one(self, "average")
        inside(self, "lr_g", "lr_d")


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
        at_least(self, 0, "start")


@dataclass(frozen=True, kw_only=True)
class Style:
    """Settings of neural style."""

    iterations: int = 200
    """Iterations of L-BFGS on the pixels."""

    content: float = 0.3
    """Weight of A's content beside B's style (the paper's alpha / beta, for means over the numbers of a layer)."""

    def __post_init__(self) -> None:
        """Check the ranges.

        Raises:
            ValueError: one sentence naming the setting.
        """
        at_least(self, 1, "iterations")
        at_least(self, 0, "content")


@dataclass(frozen=True, kw_only=True)
class DeepAnalogy:
    """Settings of Deep Image Analogy."""

    sweeps: int = 5
    """Sweeps of each search for nearest patches."""

    iterations: int = 40
    """Iterations of L-BFGS that find the next finer features of what was put together."""

    kept: float = 0.0
    """Added to the shares of A's own features that stay where these respond strongly (.8, .7, .6 and .1, from the
    coarsest level on); the paper keeps more for photographs drawn from paintings, and less for the reverse."""

    def __post_init__(self) -> None:
        """Check the ranges.

        Raises:
            ValueError: one sentence naming the setting.
        """
        at_least(self, 1, "sweeps", "iterations")
        if not -1 <= self.kept <= 1:
            raise ValueError(f"--kept must lie between -1 and 1, got {self.kept}")


@dataclass(frozen=True, kw_only=True)
class CycleGan:
    """Settings of CycleGAN on one pair; Greek names are those of the paper."""

    crop: int = 64
    """Side of the random crops in pixels, a multiple of 4; smaller pictures are continued to it."""

    width: int = 32
    """Channels of the first layer of generators and critics (64 in the paper)."""

    blocks: int = 6
    """Residual blocks of a generator; the paper has 6 for 128 pixels and 9 for 256."""

    critic_layers: int = 2
    """Convolutions of stride 2 in a critic. 3 judge patches of 70 pixels, as in the paper, 2 of 34, 1 of 16."""

    steps: int = 1500
    """Optimiser steps; the step size falls to 0 over the second half of them."""

    lr: float = 2e-4
    """Adam's step size."""

    lambda_cycle: float = 10.0
    """Weight of the cycle: a crop mapped there and back stays itself."""

    identity: float = 0.5
    """Weight, as a part of `lambda_cycle`, of leaving alone what already is of the target."""

    pool: int = 50
    """Mapped crops, of each direction, that are kept to show to the critics once more; 0 shows the newest only."""

    def __post_init__(self) -> None:
        """Check the ranges.

        Raises:
            ValueError: one sentence naming the setting.
        """
        at_least(self, 1, "crop", "width", "blocks", "critic_layers", "steps")
        at_least(self, 0, "lambda_cycle", "identity", "pool")
        if self.crop % 4 or self.crop < 2 ** (self.critic_layers + 2):
            least = 2 ** (self.critic_layers + 2)
            raise ValueError(
                f"--crop must be a multiple of 4, and at least {least} for {self.critic_layers} critic layers, "
                f"got {self.crop}"
            )
        inside(self, "lr")


@dataclass(frozen=True, kw_only=True)
class Sliced:
    """Settings of matching the distribution of patches (GPDM)."""

    coarsest: int = 21
    """Short side of the coarsest pyramid level, in pixels, where A enters."""

    ratio: float = 0.85
    """Wanted size ratio between neighbouring pyramid levels, between 0 and 1."""

    patch: int = 7
    """Side of the square patches, in pixels, at every level."""

    projections: int = 64
    """Random directions of each step."""

    steps: int = 300
    """Optimiser steps per level."""

    lr: float = 0.01
    """Adam's step size, for pixels in [-1, 1]."""

    def __post_init__(self) -> None:
        """Check the ranges.

        Raises:
            ValueError: one sentence naming the setting.
        """
        at_least(self, 1, "coarsest", "patch", "projections", "steps")
        inside(self, "ratio", "lr")
