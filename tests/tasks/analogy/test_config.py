"""Settings are checked where they are made, and recipes are what they say."""

import pytest

from gestalt import recipes
from gestalt.tasks.analogy.config import Apply, Pair, Patch


@pytest.mark.parametrize(
    "wrong",
    [
        {"size": 0},
        {"coarsest": 0},
        {"ratio": 1.0},
        {"ratio": float("nan")},
        {"start": -1},
        {"patch": 0},
        {"iterations": 0},
        {"guidance": -1.0},
        {"guidance": float("inf")},
        {"solve": 0},
        {"completeness": float("nan")},
    ],
)
def test_a_setting_out_of_range_is_named(wrong):
    (name,) = wrong
    with pytest.raises(ValueError, match=f"^--{name} must"):
        Patch(**wrong)


def test_fast_is_the_default_and_paper_is_the_published_one():
    assert recipes.analogy_patch("fast") == Patch()
    paper = recipes.analogy_patch("paper")
    assert (paper.coarsest, paper.iterations, paper.guidance, paper.completeness) == (14, 10, 0.0, 0.005)
    with pytest.raises(ValueError, match="there is no preset 'best' here: choose fast"):
        recipes.analogy_patch("best")


@pytest.mark.parametrize(
    "wrong",
    [
        {"size": 0},
        {"ratio": 0.0},
        {"plain": -1},
        {"steps": 0},
        {"coarse_steps": 0},
        {"lr_g": 0.0},
        {"lr_d": float("nan")},
        {"beta": -1.0},
        {"average": 1.0},
        {"penalty_every": 0},
        {"plateau": -1},
        {"start": -1},
        {"samples": 0},
    ],
)
def test_a_setting_of_the_pair_network_out_of_range_is_named(wrong):
    (name,) = wrong
    with pytest.raises(ValueError, match=f"^--{name.replace('_', '-')} must"):
        Pair(**wrong)


def test_a_width_above_the_widest_is_refused():
    with pytest.raises(ValueError, match="--width 64 is above --widest 32: raise that too"):
        Pair(width=64)
    assert Pair(width=64, widest=64).width == 64


def test_paper_has_the_published_hyperparameters_of_the_pair_network():
    assert recipes.analogy_pair("fast") == Pair()
    paper = recipes.analogy_pair("paper")
    assert (paper.size, paper.coarsest, paper.plain, paper.width, paper.widest) == (220, 18, 2, 32, 128)
    assert (paper.steps, paper.coarse_steps, paper.penalty_every, paper.average) == (20_000, 20_000, 1, 0.0)
    assert (paper.lr_g, paper.lr_d, paper.alpha, paper.beta, paper.gamma) == (5e-4, 1e-4, 1.0, 10.0, 1.0)
    assert paper.layout == "learned"
    clips = recipes.analogy_pair("paper-video")
    assert (clips.coarsest, clips.beta, clips.steps, clips.coarse_steps) == (25, 1.0, 25_000, 25_000)
    assert recipes.analogy_pair("glyph").coarsest == 25
    sketch = recipes.analogy_pair("sketch")
    assert (sketch.lr_g, sketch.lr_d, sketch.gamma) == (1e-4, 5e-4, 0.1)


def test_applying_takes_a_level_or_auto():
    assert recipes.analogy_apply("fast") == Apply()
    with pytest.raises(ValueError, match=r"^--start must be at least 0"):
        Apply(start=-1)
