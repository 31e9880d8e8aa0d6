"""Seams, by pictures whose seams are known: hard pastes fail, true continuations pass, and plain loops agree."""

import itertools
import math

import pytest
import torch
from torch import Tensor

from gestalt.drawn.discs import bouncing
from gestalt.metrics.seams import (
    LEAST_DISTANCE,
    Seam,
    borders,
    breaks,
    broken_seam,
    hole_seam,
    joint_seam,
    least_at_hole,
    nearest_of,
    straddling,
)
from gestalt.ops.chance import seeded
from gestalt.ops.patches import grid
from gestalt.ops.resize import resize

PATCH = (1, 5, 5)
BAR = 1.2


def texture(height: int, width: int, seed: int = 0) -> Tensor:
    """Soft blobs all alike in kind, (1, 3, H, W)."""
    coarse = torch.randn(1, 3, height // 3, width // 3, generator=seeded(seed))
    return (0.4 * resize(coarse, (height, width))).clamp(-1, 1)


def tiles(height: int, width: int) -> Tensor:
    """A pattern that repeats every eight pixels, (1, 3, H, W)."""
    tile = texture(9, 9)[..., :8, :8]
    return tile.repeat(1, 1, -(-height // 8), -(-width // 8))[..., :height, :width]


def holed(*size: int) -> Tensor:
    """A hole in the middle, a third of height and width, (1, 1, *size) bool."""
    hole = torch.zeros(1, 1, *size, dtype=torch.bool)
    high, wide = (-(-side // 3) for side in size[-2:])
    hole[..., high:-high, wide:-wide] = True
    return hole


def pasted(picture: Tensor, hole: Tensor) -> Tensor:
    """The hole filled with what lies to its left, all of it from outside."""
    return torch.where(hole, picture.roll(-(-picture.shape[-1] // 3), -1), picture)


def test_the_true_content_of_a_hole_passes():
    hole = holed(40, 48)
    regular, chance = tiles(40, 48), texture(72, 80)
    assert hole_seam(regular, regular, hole, barred=hole, patch=PATCH).ratio == 1.0
    hole = holed(72, 80)
    found = hole_seam(chance, chance, hole, barred=hole, patch=PATCH)
    assert found.ratio <= BAR, "it is in the source nowhere else, and no more so at the border than within"
    assert found.seam > 100 * LEAST_DISTANCE


def test_a_paste_and_a_mean_colour_in_a_hole_fail():
    # Soft blobs that grow darker to the right: what is pasted from there stands out.
    picture, hole = texture(72, 80), holed(72, 80)
    picture = (0.5 * picture + torch.linspace(0.5, -0.5, 80)).clamp(-1, 1)
    truth = hole_seam(picture, picture, hole, barred=hole, patch=PATCH)
    hard = hole_seam(pasted(picture, hole), picture, hole, barred=hole, patch=PATCH)
    assert hard.ratio > 10 * BAR
    assert hard.seam > 2 * truth.seam
    mean = picture.mean(dim=(2, 3), keepdim=True)
    flat = hole_seam(torch.where(hole, mean, picture), picture, hole, barred=hole, patch=PATCH)
    assert flat.ratio > BAR
    assert flat.interior < truth.interior, "flat patches are near to something flat"


def test_a_hole_in_a_clip():
    clip, hole = bouncing(6, 30, 40), holed(6, 30, 40)
    truth, hard = (hole_seam(x, clip, hole, barred=hole) for x in (clip, pasted(clip, hole)))
    assert truth.seam < hard.seam
    assert hard.ratio > BAR
    assert hole_seam(clip, clip, hole).ratio == 1.0, "nothing barred, so the clip itself is all there"


def test_an_edit_is_measured_against_what_was_trained_on():
    trained, mask = texture(40, 48), holed(40, 48)
    assert hole_seam(trained, trained, mask, patch=PATCH).ratio == 1.0
    found = hole_seam(pasted(trained, mask), trained, mask, patch=PATCH)
    assert found.interior < LEAST_DISTANCE
    assert found.ratio > 10 * BAR


def test_no_filling_goes_below_the_least_distance():
    picture, hole = texture(40, 48), holed(40, 48)
    least = least_at_hole(torch.where(hole, 7.0, picture), hole, patch=PATCH)
    assert least > 0
    for filling in (picture, picture.roll(20, 3), torch.zeros_like(picture)):
        result = torch.where(hole, filling, picture)
        assert least <= hole_seam(result, picture, hole, barred=hole, patch=PATCH).seam + 1e-6
    regular = tiles(40, 48)
    assert least_at_hole(regular, hole, patch=PATCH) < 1e-6


def test_pictures_side_by_side_fail_and_one_that_goes_on_passes():
    one, other = texture(40, 48, seed=1) - 0.3, texture(40, 48, seed=2) + 0.3
    side = torch.cat([one, other], dim=3)
    found = joint_seam(side, [one, other], patch=PATCH)
    assert found.ratio > 10 * BAR
    assert found.share == pytest.approx(4 / 92, abs=0.03), "the patches across the one column where they meet"
    whole = texture(40, 90)
    assert joint_seam(whole, [whole[..., :55], whole[..., 35:]], patch=PATCH).ratio == 1.0


def test_inputs_of_several_sizes_and_kinds():
    clips = [bouncing(5, 20, 24, seed=1), bouncing(4, 26, 20, seed=2)]
    side = torch.cat([clips[0][:, :, :4], clips[1][:, :, :, :20]], dim=4)
    assert joint_seam(side, clips).ratio > BAR
    picture = texture(20, 24)
    assert joint_seam(torch.cat([picture, -picture], 3)[..., None, :, :], [picture, -picture]).ratio > BAR


@pytest.mark.parametrize("axis", [2, 3])
def test_a_cut_fails_and_a_crop_and_a_repetition_pass(axis):
    picture = texture(44, 44)
    strips = picture.split([20, 8, 16], dim=axis)
    shorter = broken_seam(torch.cat([strips[0], strips[2]], dim=axis), picture, patch=PATCH)
    assert shorter.ratio > 10 * BAR
    assert 4 / 32 <= shorter.share < 8 / 32, "across the cut, and where its patches are found nowhere near"
    crop = broken_seam(picture[..., 3:30, 5:40], picture, patch=PATCH)
    assert (crop.seam, crop.share, crop.ratio) == (0, 0, 1)
    longer = broken_seam(tiles(32, 80), tiles(32, 40), patch=PATCH)
    assert longer.ratio == 1.0, "the pattern goes on, wherever its patches are found"


def test_a_cut_where_the_pattern_fits_is_no_worse_than_the_rest():
    pattern = tiles(40, 80)
    fitting = torch.cat([pattern[..., :20], pattern[..., 36:]], dim=3)
    assert broken_seam(fitting, pattern, patch=PATCH).ratio <= BAR
    broken = torch.cat([pattern[..., :20], pattern[..., 40:]], dim=3)
    assert broken_seam(broken, pattern, patch=PATCH).ratio > 10 * BAR


def test_distances_that_rounding_makes_do_not_count():
    assert Seam(LEAST_DISTANCE / 2, 0.0, 0.5).ratio == 1.0
    assert Seam(3 * LEAST_DISTANCE, 0.0, 0.5).ratio == pytest.approx(3)
    assert Seam(0.02, 0.01, 0.5).ratio == 2.0
    assert math.isnan(Seam(0.02, math.nan, 1.0).ratio)


@pytest.mark.parametrize("patch", [(1, 3, 4), (2, 3, 3)])
def test_straddling_patches_by_a_plain_loop(patch):
    labels = (torch.rand(4, 9, 11, generator=seeded(3)) > 0.93).int().cumsum(1)
    found = straddling(borders(labels), patch)
    for t, y, x in itertools.product(*map(range, grid(labels.shape, patch))):
        inside = labels[t : t + patch[0], y : y + patch[1], x : x + patch[2]]
        assert bool(found[t, y, x]) == (len(inside.unique()) > 1)


def test_breaks_by_a_plain_loop():
    corner = torch.randint(0, 5, (3, 6, 7, 3), generator=seeded(4))
    for axis, edge in enumerate(breaks(corner)):
        for place in itertools.product(*map(range, edge.shape)):
            after = list(place)
            after[axis] += 1
            expected = corner[place].clone()
            expected[axis] += 1
            assert bool(edge[place]) == bool((corner[tuple(after)] - expected).abs().max() > 1)


def test_the_nearest_of_several_and_what_is_barred_by_a_plain_loop():
    result, one, other = (
        torch.randn(1, 2, *size, generator=seeded(n)) for n, size in enumerate(((6, 7), (8, 6), (5, 9)))
    )
    patch = (1, 3, 3)
    matches = nearest_of(result, [one, other], patch)
    barred = torch.zeros(1, 1, 8, 6, dtype=torch.bool)
    barred[..., 3, 2] = True
    without = nearest_of(result, [one], patch, barred=barred)
    for y, x in itertools.product(*map(range, matches.distance.shape[1:])):
        query = result[0, :, y : y + 3, x : x + 3]
        options = [
            (float((source[0, :, v : v + 3, u : u + 3] - query).square().mean()), n, v, u)
            for n, source in enumerate((one, other))
            for v, u in itertools.product(range(source.shape[2] - 2), range(source.shape[3] - 2))
        ]
        distance, n, v, u = min(options)
        assert float(matches.distance[0, y, x]) == pytest.approx(distance, abs=1e-5)
        assert (int(matches.source[0, y, x]), *matches.corner[0, y, x].tolist()) == (n, 0, v, u)
        free = [o for o in options if o[1] == 0 and not (o[2] <= 3 <= o[2] + 2 and o[3] <= 2 <= o[3] + 2)]
        assert float(without.distance[0, y, x]) == pytest.approx(min(free)[0], abs=1e-5)


def test_what_has_no_seam_is_refused():
    picture = texture(30, 30)
    nowhere, small = torch.zeros(1, 1, 30, 30, dtype=torch.bool), torch.zeros(1, 1, 30, 30, dtype=torch.bool)
    small[..., 10:13, 10:20] = True
    with pytest.raises(ValueError, match="everywhere or nowhere"):
        hole_seam(picture, picture, nowhere)
    with pytest.raises(ValueError, match="everywhere or nowhere"):
        least_at_hole(picture, ~nowhere)
    with pytest.raises(ValueError, match="no room"):
        hole_seam(picture, picture, small)
    with pytest.raises(ValueError, match="smaller hole"):
        hole_seam(picture, picture, holed(30, 30), barred=~nowhere)
    with pytest.raises(ValueError, match="equal C"):
        joint_seam(picture, [picture, picture[:, :1]])
    with pytest.raises(ValueError, match="one source"):
        nearest_of(picture, [picture, picture], PATCH, barred=nowhere)
    with pytest.raises(ValueError, match="at least two pixels"):
        broken_seam(picture, picture, patch=(1, 1, 1))
