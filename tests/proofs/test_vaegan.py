"""What Hierarchical Patch VAE-GAN must do, on a lively clip, over three seeds, each figure beside its null.

    python -m pytest -m slow tests/proofs/test_vaegan.py -s

prints a line per figure. Thresholds are those of the method's note, written down before anything was trained here; the
curve over the number of VAE levels has its own command, `gestalt study vae-levels`.
"""

from __future__ import annotations

import dataclasses
import functools
import statistics
from pathlib import Path

import pytest
import torch
from torch import Tensor

from gestalt import recipes
from gestalt.media.video import read_clip
from gestalt.metrics import nulls
from gestalt.metrics.diversity import diversity
from gestalt.metrics.likeness import psnr
from gestalt.metrics.liveliness import motion, sharpness
from gestalt.ops.chance import seeded
from gestalt.ops.resize import resize
from gestalt.tasks.generate import patch, vaegan
from gestalt.tasks.generate.config import VaeGan
from gestalt.tasks.generate.measures import measure
from gestalt.tasks.generate.vaegan import PatchVaeGan
from gestalt.tasks.generate.windows import Windows, frame_steps

FRAMES = Path(__file__).parents[3] / "shared" / "data" / "clips" / "air_balloons"

pytestmark = [
    pytest.mark.slow,
    pytest.mark.skipif(not FRAMES.exists(), reason="../shared/data is not here"),
]

SEEDS = (0, 1, 2)


def but(*missed: int, why: str) -> pytest.MarkDecorator:
    """All seeds, those that were found to miss the bound as strict expected failures."""
    fails = pytest.mark.xfail(strict=True, reason=why)
    return pytest.mark.parametrize("seed", [pytest.param(n, marks=fails) if n in missed else n for n in SEEDS])


SAMPLES = 8
SETTINGS = VaeGan(size=43, coarsest=32, rates=(4, 3, 2), width=32, latent=64, vae_steps=600, gan_steps=200)


@functools.cache
def clip() -> Tensor:
    """Balloons at dawn, (1, 3, 13, 24, 43)."""
    return vaegan.working_size(read_clip(FRAMES, max_frames=1000, take=13)[0], SETTINGS)


def source() -> Tensor:
    """The clip as the finest level sees it."""
    return clip()[:, :, :: SETTINGS.rates[-1]]


@functools.cache
def trained(seed: int, **changes: int) -> PatchVaeGan:
    return vaegan.fit(clip(), dataclasses.replace(SETTINGS, **changes), seed=seed)


def draws(model: PatchVaeGan, count: int = SAMPLES) -> list[Tensor]:
    return [model.sample(model.sizes, seeded(77, n)) for n in range(count)]


def levels(model: PatchVaeGan) -> tuple[list[Tensor], list[Tensor]]:
    """The input at every level, and its reconstruction from the posterior's mean."""
    steps = frame_steps(len(model.sizes), SETTINGS)
    reals = [Windows(clip(), size, step).at(0) for size, step in zip(model.sizes, steps, strict=True)]
    with torch.no_grad():
        recs = [model.decode(model.posterior_mean(reals[0]))]
        for k in range(1, len(model.sizes)):
            recs.append(model.climb(recs[-1], model.sizes, range(k, k + 1)))
    return reals, recs


def distance(samples: list[Tensor]) -> float:
    """Both patch distances, there and back."""
    found = measure(samples, source())
    return found["coherence"] + found["completeness"]


def tell(name: str, **figures: float) -> None:
    print(f"\n{name}: {', '.join(f'{key} {value:.2f}' for key, value in figures.items())}", end="")


@but(0, why="the GAN swings: 24 dB at its level after 200 steps")
def test_the_posteriors_mean_reconstructs_at_every_level(seed):
    reals, recs = levels(trained(seed))
    for k, (real, rec) in enumerate(zip(reals, recs, strict=True)):
        own, constant = psnr(rec, real), psnr(nulls.mean_colours(real, 1)[0], real)
        tell(f"reconstruction, seed {seed}, level {k}", psnr=own, mean_colour=constant)
        if k < SETTINGS.vae_levels:
            assert own >= 26
        if k > 0:
            assert own > psnr(resize(recs[k - 1], real.shape[2:]), real)


@but(0, why="the same swing: 6.5 dB")
def test_the_latent_map_is_used(seed):
    reals, recs = levels(trained(seed))
    drawn = statistics.mean(psnr(sample, reals[-1]) for sample in draws(trained(seed)))
    own = psnr(recs[-1], reals[-1])
    tell(f"latent map, seed {seed}", reconstruction=own, sample=drawn)
    assert own - drawn >= 8


@but(0, 1, why="low-passed diversity .12 and .14")
def test_the_input_is_not_learned_by_heart(seed):
    samples = draws(trained(seed))
    coarse = diversity(samples, source(), shrink=4)
    likeness = statistics.mean(psnr(sample, source()) for sample in samples)
    noisy = diversity(nulls.noisy(source(), SAMPLES), source(), shrink=4)
    tell(f"diversity, seed {seed}", low_passed=coarse, copy_and_noise=noisy, psnr=likeness)
    assert coarse >= 0.15
    assert likeness < 22


@pytest.mark.parametrize("seed", SEEDS)
def test_samples_are_made_of_the_inputs_patches(seed):
    own = distance(draws(trained(seed)))
    constant, shuffled = (distance(row(source(), SAMPLES)) for row in (nulls.mean_colours, nulls.shuffled_pixels))
    untrained = distance(draws(trained(seed, vae_steps=1, gan_steps=1)))
    tell(f"patches, seed {seed}", own=own, mean_colour=constant, pixel_shuffle=shuffled, untrained=untrained)
    assert own < 0.5 * min(constant, shuffled, untrained)


@but(0, 1, 2, why="sharpness .63; motion 1.57 and 2.17")
def test_samples_are_as_sharp_and_as_lively(seed):
    samples = torch.cat(draws(trained(seed)))
    found = {"sharpness": sharpness(samples, source()), "motion": motion(samples, source())}
    tell(f"liveliness, seed {seed}", **found)
    assert all(0.7 <= value <= 1.5 for value in found.values())


@pytest.mark.parametrize("seed", SEEDS)
def test_a_gan_level_sharpens(seed):
    """Closer to the input's sharpness than the level below, enlarged."""
    model = trained(seed)
    below = torch.cat([model.sample(model.sizes, seeded(77, n)) for n in range(SAMPLES)])
    last = len(model.sizes) - 1
    kept, model.blocks = model.blocks, model.blocks[: last - 1]
    plain = torch.cat([resize(sample, model.sizes[-1]) for sample in draws(model)])
    model.blocks = kept
    own, enlarged = sharpness(below, source()), sharpness(plain, source())
    tell(f"GAN level, seed {seed}", own=own, enlarged=enlarged)
    assert abs(own - 1) < abs(enlarged - 1)


def test_more_vae_levels_make_samples_more_diverse():
    """In the mean over the seeds, and the likeness to the input goes the other way."""
    by_count = {count: [draws(trained(seed, vae_levels=count)) for seed in SEEDS] for count in (1, 3)}
    means = {
        count: (
            statistics.mean(diversity(samples, source(), shrink=4) for samples in rows),
            statistics.mean(psnr(sample, source()) for samples in rows for sample in samples),
        )
        for count, rows in by_count.items()
    }
    tell("M", **{f"diversity_{count}": pair[0] for count, pair in means.items()})
    assert means[1][0] < means[3][0]
    assert means[1][1] > means[3][1]


@pytest.mark.parametrize("seed", SEEDS)
def test_patches_are_nearer_still(seed):
    """The training-free baseline: nearer to the input's patches, and without noise the input itself."""
    settings = dataclasses.replace(recipes.generate_patch("large"), samples=3, coarsest=12)
    own, theirs = (
        measure(samples, source())["coherence"]
        for samples in (list(patch.make(source(), settings, seed=seed)), draws(trained(seed), 3))
    )
    (same,) = patch.make(source(), dataclasses.replace(settings, samples=1, noise=0.0), seed=seed)
    tell(f"baseline, seed {seed}", patches=own, vaegan=theirs)
    assert own < 0.5 * theirs
    assert psnr(same, source()) > 40
