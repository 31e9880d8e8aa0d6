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
from gestalt.metrics.patches import coherence
from gestalt.ops.nearest import patchmatch
from gestalt.ops.resize import resize
from gestalt.run.service import NullRun
from gestalt.tasks.analogy import patch
from gestalt.tasks.analogy.config import Patch
from gestalt.tasks.analogy.measures import two_sided
from gestalt.tasks.analogy.patch import check, level_sizes, make, sweep, transfer

TINY = recipes.analogy_patch("tiny")


class Kept(NullRun):
    """A run that remembers what it was given."""

    def __init__(self):
        self.images, self.measures, self.said = {}, {}, []

    def image(self, name, image, caption, **place):
        assert caption
        assert place.keys() <= {"row", "col", "kind"}
        self.images[name] = image

    def say(self, text):
        self.said.append(text)

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
        assert run.measures[f"{name}_edges_structure"] == pytest.approx(edge_correlation(results[name], structure))
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
    assert free[-1] > free[0] + 0.2
    guided = [run.measures[f"a2b_start_{n}_guided_edges_structure"] for n in range(count)]
    assert guided[0] > free[0]


@pytest.mark.parametrize(
    ("colours", "search"),
    [
        *(("matched", "patchmatch"), ("kept", "patchmatch"), ("matched", "exact")),
        pytest.param("kept", "exact", marks=pytest.mark.slow),
    ],
)
@pytest.mark.parametrize("vote", ["agreed", "mean", "median"])
def test_every_choice_beats_recolouring_on_its_own_side(pair, search, vote, colours):
    settings = dataclasses.replace(TINY, search=search, vote=vote, colours=colours, completeness=0.0)
    run = Kept()
    result = make(pair[0], pair[1], settings, run=run)["a2b"]
    assert result.shape == (1, 3, 36, 48)
    assert run.measures["a2b_coherence"] < 0.6 * run.measures["a2b_null_histogram_coherence"]


def test_agreement_is_sharper_than_a_mean_and_no_less_coherent(pair):
    a, b = (patch.working_size(image, Patch(size=96)) for image in pair)
    fixed = Patch(size=96, guidance=1.0, start=0)
    made = {vote: transfer(a, b, dataclasses.replace(fixed, vote=vote), name=vote) for vote in ("agreed", "mean")}
    measured = two_sided(made, a, b)
    assert abs(measured["agreed"]["contrast"] - 1) < abs(measured["mean"]["contrast"] - 1)
    assert measured["agreed"]["coherence"] < measured["mean"]["coherence"] + 0.02


def test_auto_keeps_the_trial_with_the_best_score(pair, monkeypatch):
    """Whatever the score prefers is chosen; a number given is never changed."""
    a, b = (patch.working_size(image, TINY) for image in pair)

    def chosen(settings: Patch, score) -> str:
        monkeypatch.setattr(patch, "score", score)
        run = Kept()
        transfer(a, b, settings, run=run, name="a2b")
        (said,) = run.said
        return said

    from_coarsest = dataclasses.replace(TINY, start=0)
    monkeypatch.setattr(patch, "GUIDANCES", (0.1, 3.0))
    kept = chosen(from_coarsest, lambda row: -row["edges_structure"])
    free = chosen(from_coarsest, lambda row: row["edges_structure"])
    assert f"guidance {max(patch.GUIDANCES):g}" in kept
    assert f"guidance {min(patch.GUIDANCES):g}" in free
    assert "guidance 0.8 " in chosen(dataclasses.replace(TINY, guidance=0.8), lambda row: row["coherence"])
    assert "start level 1 " in chosen(dataclasses.replace(TINY, start=1), lambda row: row["coherence"])


def test_trials_stay_small_whatever_the_other_picture(pair, monkeypatch):
    """Measured by what the trials' measures are given: A of 48 px, B ten times as large."""
    a, b = patch.working_size(pair[0], TINY), resize(pair[1], (360, 480)).clamp(-1, 1)
    seen = []
    monkeypatch.setattr(
        patch, "two_sided", lambda *given, **more: seen.append(given[2].shape) or two_sided(*given, **more)
    )
    patch.choose(a, patch.prepare(a, b, TINY), TINY, seed=0)
    assert seen
    assert all(max(shape[2:]) <= patch.TRIAL for shape in seen)


def test_a_huge_picture_is_solved_small_and_carried_up():
    a, b = (scene.image for scene in objects.pair(size=(300, 400), seed=0))
    settings = Patch(size=400, solve=100, guidance=1.0, start=0)
    sizes = level_sizes(a, settings)
    assert (75, 100) in sizes
    assert sizes[-1] == (300, 400)
    assert len(sizes) == sizes.index((75, 100)) + 3  # it doubles from there
    huge = transfer(a, b, settings, name="huge")
    reduced = [resize(x, (75, 100)).clamp(-1, 1) for x in (a, b)]
    given = patch.prepare(reduced[0], reduced[1], settings)._replace(appearance=b, sizes=sizes, source_sizes=sizes)
    solved = patch.synthesize_levels(given, settings, seed=0, last=sizes.index((75, 100)), name="solved")
    together = torch.stack([resize(huge, (75, 100)).flatten(), solved.flatten()])
    assert float(torch.corrcoef(together)[0, 1]) > 0.9
    enlarged = resize(solved, (300, 400))
    assert coherence(huge, b, search=patchmatch) < 0.7 * coherence(enlarged, b, search=patchmatch)


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
