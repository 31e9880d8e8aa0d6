"""The coarse-to-fine loop: what it must do whatever the settings, for pictures, clips and volumes."""

import pytest
import torch
from torch import Tensor

from gestalt.metrics.patches import coherence
from gestalt.ops.nearest import exact, patchmatch
from gestalt.ops.pyramid import follow, ladder, pyramid
from gestalt.ops.resize import resize
from gestalt.patchwork.synthesis import Level, synthesize
from gestalt.run.service import NullRun


def textured(*size: int, seed: int) -> Tensor:
    generator = torch.Generator().manual_seed(seed)
    coarse = torch.randn(1, 3, *(max(2, n // 5) for n in size), generator=generator)
    return (resize(coarse, size) + 0.2 * torch.randn(1, 3, *size, generator=generator)).clamp(-1, 1)


def levels_of(
    output: tuple[int, ...], source: Tensor, coarsest: int = 8, search=patchmatch, alpha: float = 0.0
) -> list[Level]:
    sizes = ladder(output, coarsest, 0.6)
    return [
        Level(level, torch.zeros(1, 0, *size), torch.zeros(1, 0, *level.shape[2:]), search, 3, alpha)
        for size, level in zip(sizes, pyramid(source, follow(source.shape[2:], sizes)), strict=True)
    ]


def build(start: Tensor, levels: list[Level], patch=(1, 5, 5), **settings) -> Tensor:
    plain = {"vote_by": "mean", "seed": 0}
    return synthesize(start, levels, patch=patch, run=NullRun(), name="test", **(plain | settings))


def test_the_source_itself_is_a_fixed_point():
    source = textured(30, 36, seed=1)
    result = build(source, levels_of((30, 36), source, search=exact))
    torch.testing.assert_close(result, source, atol=1e-5, rtol=0)


@pytest.mark.parametrize(
    ("output", "source", "patch"),
    [
        ((24, 30), (26, 22), (1, 5, 5)),
        ((4, 20, 24), (6, 18, 20), (3, 5, 5)),
        ((12, 14, 16), (14, 12, 12), (3, 3, 3)),
        ((40,), (50,), (1, 1, 5)),
    ],
)
def test_pictures_clips_volumes_and_lines_take_the_same_path(output, source, patch):
    look = textured(*source, seed=2)
    start = textured(*output, seed=3)
    result = build(start, levels_of(output, look, coarsest=4), patch=patch)
    assert result.shape == (1, 3, *output)
    assert look.min() <= result.min() <= result.max() <= look.max()
    lifted = [x if x.ndim > 3 else x[:, :, None] for x in (result, start, look)]
    assert coherence(lifted[0], lifted[2], patch) < 0.6 * coherence(lifted[1], lifted[2], patch)


def test_the_same_seed_gives_the_same_bytes_and_another_seed_does_not():
    start, source = textured(24, 28, seed=4), textured(30, 30, seed=5)
    first, again, other = (build(start, levels_of((24, 28), source, alpha=0.1), seed=seed) for seed in (1, 1, 2))
    assert torch.equal(first, again)
    assert not torch.equal(first, other)


def test_guidance_decides_where_colour_cannot():
    # The source is black on the left, white on the right; the start is grey everywhere.
    source = torch.cat([torch.full((1, 3, 16, 16), -1.0), torch.full((1, 3, 16, 16), 1.0)], dim=3)
    wanted = torch.zeros(1, 1, 24, 24)
    wanted[:, :, :12] = 1.0
    levels = [Level(source, 4 * (2 * wanted - 1), 4 * source[:, :1], patchmatch, 3, 0.0)]
    result = build(torch.zeros(1, 3, 24, 24), levels, patch=(1, 3, 3))
    assert float(result[:, :, :10].min()) > 0.9
    assert float(result[:, :, 14:].max()) < -0.9


def test_completeness_brings_back_what_the_start_lacks():
    source = textured(24, 24, seed=6)
    source[:, :, :, 12:] *= 0.05
    source[:, :, 4:12, 2:10] = torch.tensor([1.0, -1.0, -1.0]).view(1, 3, 1, 1)
    start = torch.zeros(1, 3, 24, 24)
    plain = build(start, levels_of((24, 24), source, search=exact))
    complete = build(start, levels_of((24, 24), source, search=exact, alpha=0.001))
    assert coherence(source, complete, (1, 5, 5)) < 0.8 * coherence(source, plain, (1, 5, 5))


def test_small_levels_shrink_the_patch():
    source = textured(3, 40, seed=7)
    result = build(textured(2, 30, seed=8), levels_of((2, 30), source, coarsest=1), patch=(1, 7, 7))
    assert result.shape == (1, 3, 2, 30)


def test_barred_pixels_are_never_pasted_and_held_ones_stay():
    source = textured(28, 32, seed=9).clamp(-1, 0.9)
    barred = torch.zeros(1, 1, 28, 32, dtype=torch.bool)
    barred[..., 8:16, 10:20] = True
    source[:, :, 8:16, 10:20] = 1.0  # the start is just like it, and would find nothing nearer
    held = torch.zeros(1, 1, 28, 32, dtype=torch.bool)
    held[..., :5, :] = True
    known = torch.full((1, 3, 28, 32), 0.123)
    for alpha in (0.0, 0.01):
        empty = torch.zeros(1, 0, 28, 32)
        level = Level(source, empty, empty, patchmatch, 3, alpha, barred=barred, held=(held, known))
        result = build(source, [level], vote_by="agreed")
        assert torch.equal(result[..., :5, :], known[..., :5, :])
        assert float(result[..., 5:, :].max()) <= 0.9 + 1e-6


def test_levels_can_end_in_another_vote():
    source = textured(24, 28, seed=11)
    start = source.roll(9, 3)
    results = {
        (vote_by, join_by): build(start, levels_of((24, 36), source), vote_by=vote_by, join_by=join_by)
        for vote_by, join_by in (("agreed", None), ("agreed", "agreed"), ("agreed", "mean"), ("mean", None))
    }
    plain = results["agreed", None]
    assert torch.equal(plain, results["agreed", "agreed"])
    assert not torch.equal(plain, results["agreed", "mean"])
    assert not torch.equal(results["mean", None], results["agreed", "mean"]), "only the last is another"
    source = textured(30, 36, seed=1)
    whole = build(source, levels_of((30, 36), source, search=exact), vote_by="agreed", join_by="mean")
    torch.testing.assert_close(whole, source, atol=1e-5, rtol=0)


def test_the_keys_of_a_first_iteration_can_be_given():
    source = textured(20, 20, seed=10)
    empty, small = torch.zeros(1, 0, 20, 20), torch.zeros(1, 0, 10, 10)
    below = Level(resize(source, (10, 10)), small, small, exact, 1, 0.0)
    given = resize(below.source, (20, 20))
    results = [
        build(source, [below, Level(source, empty, empty, exact, 1, 0.0, enlarged=keys)]) for keys in (None, given)
    ]
    assert torch.equal(*results)
    other = build(source, [below, Level(source, empty, empty, exact, 1, 0.0, enlarged=given.flip(3))])
    assert not torch.equal(other, results[0])
