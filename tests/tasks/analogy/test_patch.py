"""Structural analogy by patches on drawn pairs with known masks, and odd pictures."""

import dataclasses
import statistics

import pytest
import torch
from torch import Tensor

from analogy import object_pixels, overlap
from gestalt import recipes
from gestalt.drawn import objects
from gestalt.metrics.edges import edge_correlation
from gestalt.run.service import NullRun
from gestalt.tasks.analogy.config import Patch
from gestalt.tasks.analogy.patch import check, guidance, level_sizes, make, sweep, transfer

TINY = recipes.analogy_patch("tiny")


class Kept(NullRun):
    """A run that remembers what it was given."""

    def __init__(self):
        self.images, self.measures = {}, {}

    def image(self, name, image, caption, **place):
        assert caption
        assert place.keys() <= {"row", "col", "kind"}
        self.images[name] = image

    def measure(self, **values):
        self.measures.update(values)


@pytest.fixture(scope="module")
def pair() -> tuple[Tensor, Tensor]:
    first, second = objects.pair(size=(72, 96), seed=0)
    return first.image, second.image


def test_both_directions_are_kept_measured_and_shown(pair):
    run = Kept()
    results = make(pair[0], pair[1], TINY, run=run)
    assert {"a.png", "b.png", "a2b.png", "b2a.png", "sheet.png"} == run.images.keys()
    for name, structure in (("a2b", pair[0]), ("b2a", pair[1])):
        assert torch.equal(results[name], run.images[f"{name}.png"])
        assert results[name].shape == (1, 3, 36, 48)
        assert results[name].abs().max() <= 1
        assert run.measures[f"{name}_edges_structure"] == pytest.approx(
            edge_correlation(results[name], structure), abs=0.2
        )
        assert run.measures[f"{name}_coherence"] < run.measures[f"{name}_null_histogram_coherence"] < 1.0
        assert run.measures[f"{name}_null_structure_coherence"] == 1.0
        assert run.measures[f"{name}_null_structure_edges_structure"] == pytest.approx(1.0)


def test_swapping_the_pair_swaps_the_results(pair):
    forth, back = make(pair[0], pair[1], TINY, run=NullRun()), make(pair[1], pair[0], TINY, run=NullRun())
    assert torch.equal(forth["a2b"], back["b2a"])
    assert torch.equal(forth["b2a"], back["a2b"])


def test_a_picture_with_itself_is_itself(pair):
    settings = dataclasses.replace(TINY, size=96)
    result = make(pair[0], pair[0], settings, run=NullRun())["a2b"]
    assert edge_correlation(result, pair[0]) > 0.9


def test_the_result_follows_its_input(pair):
    settings = dataclasses.replace(TINY, size=96)
    a, b = pair
    for image in (a, a.flip(3)):
        result = transfer(image, b, settings, run=NullRun(), name="x")
        assert edge_correlation(result, image) > edge_correlation(result, image.flip(3)) + 0.2


def test_the_dial_turns_from_appearance_to_structure():
    run, size = Kept(), (48, 64)
    structure, appearance = (objects.scene(*s, size=size).image for s in (("ring", "oranges"), ("diagonal", "marbles")))
    settings = dataclasses.replace(TINY, size=64)
    sheet = sweep(structure, appearance, settings, run=run, name="a2b")
    count = len(level_sizes(structure, settings))
    assert run.images["sweep_a2b.png"] is sheet
    free = [run.measures[f"a2b_start_{n}_free_edges_structure"] for n in range(count)]
    assert free[-1] > free[0] + 0.3
    guided = [run.measures[f"a2b_start_{n}_guided_edges_structure"] for n in range(count)]
    assert guided[0] > free[0]


@pytest.mark.parametrize("search", ["patchmatch", "exact"])
@pytest.mark.parametrize("vote", ["mean", "median"])
@pytest.mark.parametrize("colours", ["matched", "kept"])
def test_every_choice_works(pair, search, vote, colours):
    settings = dataclasses.replace(TINY, search=search, vote=vote, colours=colours, completeness=0.0)
    result = make(pair[0], pair[1], settings, run=NullRun())["a2b"]
    assert result.shape == (1, 3, 36, 48)
    assert torch.isfinite(result).all()


@pytest.mark.parametrize("size", [(1, 60), (60, 1), (1, 1), (3, 200), (7, 7), (33, 45)])
def test_odd_sizes_work_on_either_side(pair, size):
    odd = torch.rand(1, 3, *size, generator=torch.Generator().manual_seed(0)) * 2 - 1
    results = make(odd, pair[1], TINY, run=NullRun())
    assert results["a2b"].shape[2:] == tuple(max(1, round(n * min(1, 48 / max(size)))) for n in size)
    assert torch.isfinite(results["a2b"]).all()
    assert torch.isfinite(results["b2a"]).all()


def test_a_start_past_the_last_level_is_refused(pair):
    with pytest.raises(ValueError, match="--start 50 is past the finest level: a picture of 48 x 36 pixels has levels"):
        check(pair[0], pair[1], dataclasses.replace(TINY, start=50))


def test_guidance_means_the_same_in_any_colours(pair):
    recoloured = pair[0] * 0.5 - 0.1
    torch.testing.assert_close(guidance(pair[0]), guidance(recoloured), atol=2e-2, rtol=0)
    assert guidance(pair[0]).shape == (1, 3, 72, 96)


@pytest.mark.slow
def test_the_objects_land_where_the_masks_say():
    """IoU with A's mask at least .5 and with B's at most .15, medians of 5 seeds (bar of docs/results/analogy.md)."""
    ours, theirs = [], []
    for seed in range(5):
        first, second = objects.pair(size=(96, 128), seed=seed)
        result = transfer(first.image, second.image, Patch(), run=NullRun(), name="x", seed=seed)
        found = object_pixels(result, second)
        ours.append(overlap(found, first.mask[0, 0] > 0.5))
        theirs.append(overlap(found, second.mask[0, 0] > 0.5))
    assert statistics.median(ours) >= 0.5
    assert statistics.median(theirs) <= 0.15
