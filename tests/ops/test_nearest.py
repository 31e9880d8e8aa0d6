"""Both searches against a double loop, and what the approximate one promises."""

import itertools
import math

import numba
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from torch import Tensor

from gestalt.ops.nearest import _flooded, _walked, carry, completeness_weight, exact, patchmatch
from gestalt.ops.patches import cut, grid, unfold
from gestalt.ops.resize import resize
from gestalt.ops.trees import leaves, principal_features


def random(*shape: int, seed: int = 0) -> Tensor:
    return torch.randn(shape, generator=torch.Generator().manual_seed(seed))


def smooth(channels: int, height: int, width: int, seed: int) -> Tensor:
    """A picture with structure at several scales, as the search meets them: (C, 1, H, W)."""
    parts = [
        resize(random(1, channels, max(2, height // f), max(2, width // f), seed=seed + f), (height, width)) / 16 * f
        for f in (16, 8, 4, 2)
    ]
    return torch.stack(parts).sum(0)[0][:, None]


def slow(queries: Tensor, keys: Tensor, patch, weight: Tensor | None = None) -> tuple[Tensor, Tensor]:
    """Compare every pair, one at a time."""
    scores = torch.empty(math.prod(grid(queries.shape[1:], patch)), math.prod(grid(keys.shape[1:], patch)))
    for (i, q), (j, k) in itertools.product(enumerate(unfold(queries, patch)), enumerate(unfold(keys, patch))):
        scores[i, j] = (q - k).square().mean()
    index = (scores if weight is None else scores * weight.flatten()).argmin(1)
    return index, scores.gather(1, index[:, None])[:, 0]


@settings(max_examples=25, deadline=None)
@given(
    channels=st.integers(1, 4),
    patch=st.tuples(st.integers(1, 2), st.integers(1, 3), st.integers(1, 3)),
    more=st.tuples(*[st.integers(0, 3)] * 6),
    budget=st.sampled_from([1, 4000, 2**28]),
    weighted=st.booleans(),
)
def test_exact_equals_the_double_loop_whatever_the_memory(channels, patch, more, budget, weighted):
    queries = random(channels, *(p + m for p, m in zip(patch, more[:3], strict=True)), seed=1)
    keys = random(channels, *(p + m for p, m in zip(patch, more[3:], strict=True)), seed=2)
    weight = random(*grid(keys.shape[1:], patch), seed=3).exp() if weighted else None
    field = exact(queries, keys, patch, weight=weight, budget=budget)
    index, distance = slow(queries, keys, patch, weight)
    assert torch.equal(field.index.flatten(), index)
    torch.testing.assert_close(field.distance.flatten(), distance, atol=1e-6, rtol=1e-5)


def test_exact_distances_do_not_cancel():
    keys = smooth(3, 20, 24, seed=1) + 1000
    field = exact(keys, keys, (1, 5, 5))
    assert torch.equal(field.index.flatten(), torch.arange(16 * 20))
    assert float(field.distance.max()) == 0.0


@pytest.mark.parametrize(
    ("shape", "patch"), [((3, 1, 60, 70), (1, 7, 7)), ((2, 6, 20, 24), (3, 5, 5)), ((5, 1, 40, 30), (1, 3, 3))]
)
def test_patchmatch_comes_near_the_exact_distance(shape, patch):
    channels, times, height, width = shape
    frames = [[smooth(channels, height, width, seed=s + 7 * t) for t in range(times)] for s in (1, 100)]
    queries, keys = (torch.cat(f, dim=1) for f in frames)
    best = exact(queries, keys, patch).distance.mean()
    chance = (unfold(queries, patch).mean(0) - unfold(keys, patch)).square().mean()
    first = patchmatch(queries, keys, patch, trees=0, sweeps=2)
    field = patchmatch(queries, keys, patch, start=first.index, seed=1)
    assert best <= field.distance.mean() * 1.0001
    assert field.distance.mean() < 1.1 * best < chance
    assert bool((field.distance <= first.distance * 1.0001).all()), "a warm start must never get worse"


def test_trees_spare_most_of_the_way():
    queries, keys = smooth(3, 60, 70, seed=1), smooth(3, 60, 70, seed=100)
    best = exact(queries, keys, (1, 7, 7)).distance.mean()
    bare, planted = (patchmatch(queries, keys, (1, 7, 7), trees=n).distance.mean() for n in (0, 1))
    assert planted < 1.05 * best
    assert planted - best < (bare - best) / 2


@pytest.mark.parametrize(
    ("shape", "patch"), [((3, 1, 40, 50), (1, 7, 7)), ((2, 6, 12, 14), (3, 5, 5)), ((5, 1, 20, 30), (1, 3, 3))]
)
def test_jump_flooding_comes_as_near_as_the_walk(shape, patch):
    """The form for GPUs, here on the CPU: within 2 % of the kernels' mean distance, and its distances are true."""
    channels, times, height, width = shape
    frames = [[smooth(channels, height, width, seed=s + 7 * t) for t in range(times)] for s in (1, 100)]
    queries, keys = (torch.cat(f, dim=1) for f in frames)
    weight = torch.linspace(0.8, 1.2, math.prod(grid(keys.shape[1:], patch))).reshape(grid(keys.shape[1:], patch))
    planted = [leaves(*principal_features(queries, keys, patch, 0), seed=0)]
    settings = {"weight": weight, "start": None, "planted": planted, "sweeps": 4, "reach": 30, "seed": 0}
    (walk, walked), (jump, flooded) = (f(queries, keys, patch, **settings) for f in (_walked, _flooded))
    score = [float((weight[tuple(f.long().unbind(-1))] * d).mean()) for f, d in ((walk, walked), (jump, flooded))]
    assert score[1] < 1.02 * score[0]
    index = (jump[..., 0] * weight.shape[1] + jump[..., 1]) * weight.shape[2] + jump[..., 2]
    direct = (unfold(queries, patch) - cut(keys, index.flatten(), patch)).square().sum(1)
    torch.testing.assert_close(flooded.flatten(), direct, atol=1e-4, rtol=1e-4)


def test_a_short_reach_stays_near_the_start():
    queries, keys = smooth(3, 40, 50, seed=1), smooth(3, 40, 50, seed=2)
    start = torch.arange(34 * 44).reshape(1, 34, 44)
    moved = []
    for reach in (1, None):  # matches also run along the walk, so some go far even then
        index = patchmatch(queries, keys, (1, 7, 7), start=start, sweeps=1, reach=reach).index
        moved.append(float(((index // 44 - start // 44).abs() + (index % 44 - start % 44).abs()).float().mean()))
    assert moved[0] < moved[1] / 2


def test_patchmatch_finds_a_copy_and_reports_true_distances():
    keys = smooth(3, 50, 60, seed=3)
    queries = keys[:, :, 8:40, 10:50].contiguous()
    field = patchmatch(queries, keys, (1, 7, 7))
    assert float((field.distance < 1e-10).float().mean()) > 0.99
    other = smooth(3, 40, 40, seed=9)
    field = patchmatch(other, keys, (1, 7, 7), weight=torch.linspace(0.5, 2, 44 * 54).reshape(1, 44, 54))
    direct = (unfold(other, (1, 7, 7)) - unfold(keys, (1, 7, 7))[field.index.flatten()]).square().mean(1)
    torch.testing.assert_close(field.distance.flatten(), direct, atol=1e-6, rtol=1e-4)


def test_patchmatch_gives_equal_bytes_for_any_number_of_threads():
    queries, keys = smooth(4, 40, 50, seed=1), smooth(4, 45, 38, seed=2)
    before, before_torch = numba.get_num_threads(), torch.get_num_threads()
    try:
        fields = []
        for count in (1, min(2, before)):
            numba.set_num_threads(count)
            torch.set_num_threads(count)
            fields.append(patchmatch(queries, keys, (1, 7, 7), seed=5))
    finally:
        numba.set_num_threads(before)
        torch.set_num_threads(before_torch)
    assert torch.equal(fields[0].index, fields[1].index)
    assert torch.equal(fields[0].distance, fields[1].distance)


def test_completeness_presses_missing_keys_into_the_result():
    # Keys hold a bright and a dark half; all queries are a little nearer to the dark one.
    keys = torch.cat([torch.full((1, 1, 8, 8), -1.0), torch.full((1, 1, 8, 8), 1.0)], dim=3)
    queries = torch.full((1, 1, 8, 8), -0.1)
    patch = (1, 3, 3)
    plain = exact(queries, keys, patch)
    assert set(unfold(keys, patch)[plain.index.flatten()].flatten().tolist()) == {-1.0}
    queries[..., 4:] = -1.0
    missed = exact(keys, queries, patch)
    weighted = exact(queries, keys, patch, weight=completeness_weight(missed, alpha=0.01))
    assert 1.0 in unfold(keys, patch)[weighted.index.flatten()].flatten().tolist()


def test_the_weight_follows_its_formula():
    missed = exact(random(2, 1, 5, 6), random(2, 1, 7, 5, seed=1), (1, 2, 2))
    torch.testing.assert_close(completeness_weight(missed, 0.3), 1 / (0.3 + missed.distance))
    with pytest.raises(ValueError, match="alpha must be positive"):
        completeness_weight(missed, 0.0)


def test_a_carried_identity_is_an_identity():
    before, now = (1, 6, 8), (1, 15, 19)
    index = torch.arange(48).reshape(before)
    carried = carry(index, (before, before), (now, now))
    assert torch.equal(carried, torch.arange(15 * 19).reshape(now))


def test_a_carried_field_keeps_its_relative_places():
    index = torch.tensor([[[3, 2], [1, 0]]])
    carried = carry(index, ((1, 2, 2), (1, 2, 2)), ((1, 4, 4), (1, 4, 4)))
    y, x = carried // 4, carried % 4
    assert torch.equal(y // 2 * 2 + x // 2, index.repeat_interleave(2, 1).repeat_interleave(2, 2))


def test_what_does_not_fit_is_refused():
    with pytest.raises(ValueError, match="equal C"):
        exact(random(3, 1, 8, 8), random(2, 1, 8, 8), (1, 3, 3))
    with pytest.raises(ValueError, match="does not fit"):
        patchmatch(random(3, 1, 8, 8), random(3, 1, 2, 8), (1, 3, 3))
    with pytest.raises(ValueError, match="weight has shape"):
        exact(random(3, 1, 8, 8), random(3, 1, 8, 8), (1, 3, 3), weight=torch.ones(1, 8, 8))
    with pytest.raises(ValueError, match="starting field has shape"):
        patchmatch(random(3, 1, 8, 8), random(3, 1, 8, 8), (1, 3, 3), start=torch.zeros(1, 8, 8, dtype=torch.int64))
    with pytest.raises(ValueError, match="points outside"):
        patchmatch(random(3, 1, 8, 8), random(3, 1, 8, 8), (1, 3, 3), start=torch.full((1, 6, 6), 36))
