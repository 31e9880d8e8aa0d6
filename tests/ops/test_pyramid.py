"""The ladder of sizes."""

import itertools

import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st

from gestalt.ops.pyramid import fit_long_side, follow, follow_clip, ladder, ladder_of_clip, pyramid


def test_the_ratio_is_refitted_to_a_whole_number_of_steps():
    # 18 -> 64 at 0.75 takes 4.4 steps: five of (18/64) ** (1/5) = 0.776.
    assert ladder((64, 64), 18, 0.75) == [(n, n) for n in (18, 23, 30, 39, 50, 64)]
    assert ladder((96, 128), 20, 0.75)[0] == (20, 27)


def test_an_exact_power_gains_no_step():
    assert ladder((56, 56), 14, 0.5) == [(14, 14), (28, 28), (56, 56)]


@given(st.lists(st.integers(1, 400), min_size=1, max_size=3), st.integers(1, 40), st.floats(0.3, 0.95))
def test_a_ladder_grows_to_the_size_and_keeps_the_aspect(size, coarsest, ratio):
    sizes = ladder(size, coarsest, ratio)
    assert sizes[-1] == tuple(size)
    for small, large in itertools.pairwise(sizes):
        assert small != large
        assert all(a <= b for a, b in zip(small, large, strict=True))
    short = min(size)
    for level in sizes:
        assert min(level) >= min(coarsest, short)
        factor = min(level) / short
        assert all(
            abs(got - length * factor) <= 0.5 * (1 + length / short) for got, length in zip(level, size, strict=True)
        )


def test_a_small_picture_has_one_level():
    assert ladder((1, 500), 20, 0.75) == [(1, 500)]


@pytest.mark.parametrize(("size", "coarsest", "ratio"), [((0, 4), 2, 0.5), ((4, 4), 0, 0.5), ((4, 4), 2, 1.0)])
def test_nonsense_is_refused(size, coarsest, ratio):
    with pytest.raises(ValueError):
        ladder(size, coarsest, ratio)


def test_another_picture_follows_by_the_same_factors():
    sizes = ladder((96, 128), 24, 0.5)
    assert follow((64, 200), sizes) == [(16, 50), (32, 100), (64, 200)]
    assert follow((1, 3), sizes)[0] == (1, 1)


def test_time_and_plane_of_a_clip_shrink_each_at_their_own_ratio():
    sizes = ladder_of_clip((13, 144, 256), 15, 0.82, 3, 0.87)
    assert sizes[0] == (3, 15, 27)
    assert sizes[-1] == (13, 144, 256)
    assert [size[1:] for size in sizes] == ladder((144, 256), 15, 0.82)
    times = [size[0] for size in sizes]
    assert times == sorted(times)
    # Few levels in the plane, many in time: the plane waits at its coarsest.
    long = ladder_of_clip((100, 16, 20), 15, 0.8, 3, 0.8)
    assert long[0] == (3, 15, 19)
    assert len(long) == len(ladder((100,), 3, 0.8))
    assert ladder_of_clip((1, 30, 30), 15, 0.5, 3, 0.8) == [(1, 15, 15), (1, 30, 30)]


def test_another_clip_follows_in_time_and_plane():
    sizes = ladder_of_clip((13, 144, 256), 15, 0.82, 3, 0.87)
    assert follow_clip((13, 144, 256), sizes) == sizes
    longer = follow_clip((26, 144, 512), sizes)
    assert longer[-1] == (26, 144, 512)
    assert longer[0][0] == 6
    assert longer[0][2] == 54
    assert follow_clip((1, 1, 1), sizes)[0] == (1, 1, 1)


def test_levels_come_directly_from_the_picture():
    x = torch.rand(1, 2, 30, 40, generator=torch.Generator().manual_seed(0))
    levels = pyramid(x, [(8, 10), (30, 40)])
    assert [tuple(level.shape[2:]) for level in levels] == [(8, 10), (30, 40)]
    assert torch.equal(levels[1], x)


def test_the_long_side_is_fitted_and_never_enlarged():
    assert fit_long_side((20000, 4), 128) == (128, 1)
    assert fit_long_side((30, 40), 128) == (30, 40)
    assert fit_long_side((300, 400), 128) == (96, 128)
