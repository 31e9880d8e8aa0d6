"""The published character of every method that analogies are compared with, at sizes where it shows.

    python -m pytest -m slow tests/proofs/test_baselines.py -s

prints a line per figure; some minutes on two cores. Features are `gabor`, so nothing is needed besides the repository.
"""

from __future__ import annotations

import functools
import statistics
from collections.abc import Callable

import pytest
from torch import Tensor

from gestalt import recipes
from gestalt.drawn import objects
from gestalt.metrics.edges import edge_correlation
from gestalt.nn import features
from gestalt.ops.stats import match_histogram
from gestalt.tasks.analogy import cyclegan, deep_analogy, patch, sliced, style
from gestalt.tasks.analogy.config import CycleGan, DeepAnalogy, Sliced, Style
from gestalt.tasks.analogy.measures import two_sided
from gestalt.tasks.generate import sampling, singan
from gestalt.tasks.generate.config import Edit, SinGan

pytestmark = pytest.mark.slow

SEEDS = range(3)


@functools.cache
def scenes(seed: int) -> tuple[Tensor, Tensor]:
    """Shaded objects on texture, 72 x 96 pixels; pairs whose edges already agree are passed over."""
    found = [objects.pair(size=(72, 96), seed=n) for n in range(8)]
    apart = [(a.image, b.image) for a, b in found if edge_correlation(a.image, b.image) < 0.3]
    return apart[seed]


def medians(name: str, make: Callable[[Tensor, Tensor, int], Tensor]) -> dict[str, float]:
    """Both sides, over the seeds."""
    rows = []
    for seed in SEEDS:
        a, b = scenes(seed)
        rows.append(two_sided({"made": make(a, b, seed)}, a, b)["made"])
    found = {key: statistics.median(row[key] for row in rows) for key in rows[0]}
    print(f"\n{name}: {', '.join(f'{key} {value:.2f}' for key, value in found.items())}", end="")
    return found


@functools.cache
def patches() -> dict[str, float]:
    return medians("patches", lambda a, b, seed: patch.transfer(a, b, recipes.analogy_patch("fast"), name=str(seed)))


def test_style_keeps_shapes_and_is_not_cut_from_the_other_picture():
    net = features.load("gabor")
    found = medians("style", lambda a, b, _: style.make(a, b, Style(), extractor=net))
    assert found["edges_structure"] > found["edges_appearance"] + 0.3
    assert found["coherence"] > 1.5 * patches()["coherence"]


def test_deep_analogy_keeps_outlines_and_is_cut_from_the_other_picture():
    net = features.load("gabor")
    found = medians("deep analogy", lambda a, b, seed: deep_analogy.make(a, b, DeepAnalogy(), extractor=net, seed=seed))
    assert found["edges_structure"] > found["edges_appearance"] + 0.2
    assert found["coherence"] < 0.7


def test_cyclegan_keeps_geometry():
    settings = CycleGan(width=16, blocks=3, steps=600)
    found = medians("cyclegan", lambda a, b, seed: cyclegan.make(a, b, settings, seed=seed))
    assert found["edges_structure"] > found["edges_appearance"] + 0.3
    assert found["swd"] < 0.7


def test_sliced_patches_meet_the_distribution():
    found = medians("sliced", lambda a, b, seed: sliced.make(a, b, Sliced(steps=100), seed=seed))
    assert found["swd"] < 0.2


def test_singan_injects():
    """What enters late keeps its own layout; what enters early is laid out anew by what SinGAN learned of B."""
    settings, kept = SinGan(size=96, coarsest=18, width=16, widest=16, steps=300), []
    for seed in SEEDS:
        a, b = (x[:, :, None] for x in scenes(seed))
        model = sampling.trained_on(b, 0.0, settings, singan.fit(b, settings, seed=seed))
        entered = sampling.edit(match_histogram(a, b), model, Edit(), seed=seed)
        kept.append([edge_correlation(result[:, :, 0], a[:, :, 0]) for result in entered.values()])
    by_level = [statistics.median(level) for level in zip(*kept, strict=True)]
    print(f"\nsingan, E(A) by level of entry: {' '.join(f'{e:.2f}' for e in by_level)}", end="")
    assert by_level[-1] > by_level[0] + 0.2
    assert by_level[-1] > 0.5
