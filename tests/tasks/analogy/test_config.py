"""Settings are checked where they are made, and recipes are what they say."""

import pytest

from gestalt import recipes
from gestalt.tasks.analogy.config import Patch


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
