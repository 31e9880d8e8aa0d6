"""Settings of the studies; no torch."""

from dataclasses import dataclass
from typing import Literal, get_args

from gestalt.recipes import choose
from gestalt.settings import absolute
from gestalt.tasks.generate.config import VaeGan


@dataclass(frozen=True, kw_only=True)
class Demo:
    """Settings of the demo."""

    size: int = 192
    """Longest side of the drawn pictures, in pixels."""

    def __post_init__(self) -> None:
        """Check the range.

        Raises:
            ValueError: the pictures would be too small to show anything.
        """
        if not 32 <= self.size <= 2048:
            raise ValueError(f"--size must lie between 32 and 2048 in a demo, got {self.size}")


@dataclass(frozen=True, kw_only=True)
class VaeLevels:
    """Settings of the study over the number of VAE levels; what is not here is as in generate make --engine vaegan."""

    levels: tuple[int, ...] = (1, 3, 5)
    """Numbers of VAE levels (M) to try."""

    trials: int = 1
    """Trainings with each of them, from other seeds."""

    samples: int = 8
    """Drawn from each; -n for short."""

    size: int = 64
    """Longest side in pixels that the input is reduced to."""

    coarsest: int = 24
    """Longest side of the coarsest pyramid level, in pixels."""

    begin_s: float = 0.0
    """Where in the input video to begin, in seconds."""

    take: int = 0
    """How many frames of the input to use; 0 uses all."""

    rates: tuple[int, ...] = (4, 3, 2)
    """Frame steps from coarse to fine (windows of 13 frames, the finest level sees 7)."""

    width: int = 16
    """Channels of the hidden layers."""

    latent: int = 32
    """Channels of the latent map."""

    vae_steps: int = 500
    """Optimiser steps at each VAE level."""

    gan_steps: int = 500
    """Optimiser steps at each GAN level."""

    kl: float = 10.0
    """Weight of the latent map's divergence from N(0, 1); published is 1."""

    def __post_init__(self) -> None:
        """Check the ranges.

        Raises:
            ValueError: one sentence naming the setting.
        """
        object.__setattr__(self, "levels", tuple(self.levels))  # from a file they come as lists
        object.__setattr__(self, "rates", tuple(self.rates))
        if not self.levels or min(self.levels) < 1 or len(set(self.levels)) < len(self.levels):
            given = " ".join(map(str, self.levels))
            raise ValueError(f"--levels must be different numbers of at least 1, got {given or 'none'}")
        if self.trials < 1:
            raise ValueError(f"--trials must be at least 1, got {self.trials}")
        self.model(1)

    def model(self, count: int) -> VaeGan:
        """Settings of the model with so many VAE levels.

        Raises:
            ValueError: one sentence naming the setting that is out of range.
        """
        return VaeGan(
            vae_levels=count,
            samples=self.samples,
            size=self.size,
            coarsest=self.coarsest,
            begin_s=self.begin_s,
            take=self.take,
            rates=self.rates,
            width=self.width,
            latent=self.latent,
            vae_steps=self.vae_steps,
            gan_steps=self.gan_steps,
            kl=self.kl,
        )


MethodName = Literal["pair", "patch", "deep", "singan", "cyclegan", "style", "sliced", "histogram"]


@dataclass(frozen=True, kw_only=True)
class Compare:
    """Settings of the comparison of all methods on one pair."""

    methods: tuple[MethodName, ...] = get_args(MethodName)
    """Columns of the figure: pair and patch (ours), deep (Deep Image Analogy), singan (paint to image), cyclegan, style
    (neural style), sliced (patches matched in sliced Wasserstein distance) and histogram (recolouring)."""

    direction: Literal["a2b", "b2a", "both"] = "a2b"
    """a2b: B's appearance in A's arrangement; b2a: the reverse; both: a row of the figure for each."""

    size: int = 128
    """Longest side of the pictures in pixels, for all methods; larger ones are reduced, smaller ones stay."""

    features: str = "gabor"
    """ARCH[:FILE], whose features neural style and Deep Image Analogy work with: vgg19, as published, squeezenet or
    inception, downloaded where there is no FILE; or, without any weights, gabor (fixed filters), pair (trained on the
    two pictures) or random."""

    pair_steps: int = 300
    """Steps of the pair network at each of its two finest levels; coarser ones have three fifths of it."""

    singan_steps: int = 500
    """Steps of SinGAN at each level."""

    cyclegan_steps: int = 750
    """Steps of CycleGAN."""

    style_iterations: int = 200
    """Iterations of neural style."""

    deep_iterations: int = 40
    """Iterations of Deep Image Analogy at each level."""

    sliced_steps: int = 300
    """Steps of the sliced Wasserstein patches at each level."""

    def __post_init__(self) -> None:
        """Check the ranges, and make FILE absolute, so that a run can be resumed from any folder.

        Raises:
            ValueError: one sentence naming the setting.
        """
        object.__setattr__(self, "methods", tuple(self.methods))  # from a file they come as a list
        unknown = [name for name in self.methods if name not in get_args(MethodName)]
        if not self.methods or unknown or len(set(self.methods)) < len(self.methods):
            known, given = ", ".join(get_args(MethodName)), " ".join(self.methods) or "none"
            raise ValueError(f"--methods must be different ones of {known}, got {given}")
        if not 16 <= self.size <= 2048:
            raise ValueError(f"--size must lie between 16 and 2048 in a comparison, got {self.size}")
        for name in ("pair", "singan", "cyclegan", "sliced"):
            if getattr(self, f"{name}_steps") < 1:
                raise ValueError(f"--{name}-steps must be at least 1, got {getattr(self, f'{name}_steps')}")
        for name in ("style", "deep"):
            if getattr(self, f"{name}_iterations") < 1:
                raise ValueError(f"--{name}-iterations must be at least 1, got {getattr(self, f'{name}_iterations')}")
        object.__setattr__(self, "features", absolute(self.features))


def compare(preset: str) -> Compare:
    """Settings of the comparison of all methods on one pair.

    fast  the default: 128 px; what is trained gets five minutes or more of one core, each.
    long  the steps of each method's own default preset, and of SinGAN as many as published: an hour on two cores.
    tiny  for tests: 32 px, two steps of everything.

    Raises:
        ValueError: no such preset.
    """
    tiny = Compare(
        size=32,
        pair_steps=2,
        singan_steps=2,
        cyclegan_steps=2,
        style_iterations=2,
        deep_iterations=2,
        sliced_steps=2,
    )
    long = Compare(pair_steps=500, singan_steps=2000, cyclegan_steps=1500)
    return choose({"fast": Compare(), "long": long, "tiny": tiny}, preset)


def vae_levels(preset: str) -> VaeLevels:
    """Settings of the study over the number of VAE levels.

    fast  the default: 64 px, narrow networks.
    tiny  for tests.

    Raises:
        ValueError: no such preset.
    """
    tiny = VaeLevels(
        levels=(1, 2), samples=2, size=20, coarsest=12, rates=(2, 1), width=4, latent=4, vae_steps=2, gan_steps=2
    )
    return choose({"fast": VaeLevels(), "tiny": tiny}, preset)


def demo(preset: str) -> Demo:
    """Settings of the demo.

    fast  the default: pictures of 192 px, all tasks within three minutes.
    tiny  for tests: 48 px.

    Raises:
        ValueError: no such preset.
    """
    return choose({"fast": Demo(), "tiny": Demo(size=48)}, preset)
