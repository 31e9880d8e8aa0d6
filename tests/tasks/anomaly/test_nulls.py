"""The nulls against plain loops, what each can see, and what each cannot."""

import math

import pytest
import torch
from torch import Tensor

from gestalt.drawn.parts import parts
from gestalt.metrics.detection import auroc, pixel_auroc
from gestalt.tasks.anomaly.nulls import fit_brightness, fit_patches, fit_pixels
from gestalt.tasks.anomaly.scorer import even, spread, top_mean


def picture(height: int, width: int, seed: int) -> Tensor:
    return torch.rand(1, 3, height, width, generator=torch.Generator().manual_seed(seed)) * 2 - 1


ALL = {
    "brightness": fit_brightness,
    "pixels": fit_pixels,
    "small pixels": lambda shots: fit_pixels(shots, 8),
    "patches": lambda shots: fit_patches(shots, 16),
}


@pytest.mark.parametrize("name", ALL)
def test_a_shot_itself_scores_nothing_and_another_more(name):
    shots = [picture(14, 17, 0), picture(15, 12, 1)]
    scorer = ALL[name](shots)
    for shot in shots:
        assert scorer.judge(shot).score == pytest.approx(0, abs=1e-5)
    for image in (picture(14, 17, 2) * 0.5, picture(33, 9, 3) * 0.7 - 0.1):
        before = image.clone()
        score, map_ = scorer.judge(image)
        assert score > 1e-4
        assert math.isfinite(score)
        assert map_.shape == (1, 1, *image.shape[2:])
        assert map_.min() >= 0
        assert torch.equal(image, before)


@pytest.mark.parametrize("name", ALL)
def test_without_shots_there_is_nothing_to_compare_with(name):
    with pytest.raises(ValueError, match="at least one good picture"):
        ALL[name]([])


def test_brightness_is_the_distance_to_the_nearest_mean():
    scorer = fit_brightness([torch.full((1, 3, 4, 4), value) for value in (-0.5, 0.25)])
    score, map_ = scorer.judge(torch.tensor([0.0, 0.0, 0.2, 0.2]).view(1, 1, 2, 2).expand(-1, 3, -1, -1))
    assert score == pytest.approx(0.15)
    assert map_.flatten().tolist() == pytest.approx([0.25, 0.25, 0.05, 0.05])


def test_pixels_are_compared_at_the_size_of_each_shot():
    shots, image = [picture(6, 5, 0), picture(6, 5, 1) * 0.1], picture(6, 5, 2) * 0.1
    wanted = min(float((image - shot).square().mean()) for shot in shots)
    score, map_ = fit_pixels(shots).judge(image)
    assert score == pytest.approx(wanted)
    assert float(map_.mean()) == pytest.approx(wanted)
    flat = fit_pixels([torch.full((1, 3, 9, 4), 0.5)]).judge(torch.zeros(1, 3, 20, 30))
    assert flat.score == pytest.approx(0.25)


def test_patches_find_the_nearest_of_all_shots():
    shots, image = [picture(9, 8, 0), picture(10, 9, 1)], picture(8, 9, 2)
    windows = [
        [x[0, :, i : i + 7, j : j + 7] for i in range(x.shape[2] - 6) for j in range(x.shape[3] - 6)]
        for x in (image, *shots)
    ]
    keys = windows[1] + windows[2]
    wanted = [min(float((q - k).square().mean()) for k in keys) ** 0.5 for q in windows[0]]
    score, map_ = fit_patches(shots, 10).judge(image)
    assert score == pytest.approx(max(wanted), rel=1e-4)
    assert map_[0, 0, 3:5, 3:6].flatten().tolist() == pytest.approx(wanted, rel=1e-4)
    assert float(map_[0, 0, 0, 0]) == pytest.approx(wanted[0], rel=1e-4)


def test_a_picture_smaller_than_a_patch_is_judged():
    assert fit_patches([picture(5, 4, 0)]).judge(picture(3, 30, 1)).map.shape == (1, 1, 3, 30)


def test_patches_find_what_is_wrong_and_where():
    shots = [part.image for part in parts(1, size=(48, 48), seed=1)]
    scorer = fit_patches(shots, 48)
    normal = [scorer.judge(part.image) for part in parts(4, size=(48, 48), seed=2)]
    wrong = parts(4, size=(48, 48), seed=3, defect="stain")
    judged = [scorer.judge(part.image) for part in wrong]
    assert auroc([j.score for j in normal + judged], [0] * 4 + [1] * 4) == 1.0
    assert pixel_auroc([j.map for j in judged], [part.mask for part in wrong]) > 0.9


def test_the_trap_pixels_see_where_a_part_lies_before_what_is_wrong_with_it():
    wide = (48, 66)
    (part,), (bad,) = parts(1, size=wide, seed=1), parts(1, size=wide, seed=1, defect="turned")
    shot, turned, away = part.image[..., :60], bad.image[..., :60], part.image[..., 6:]
    pixels, patches = fit_pixels([shot]), fit_patches([shot], 48)
    assert pixels.judge(away).score > 2 * pixels.judge(turned).score
    assert 2 * patches.judge(away).score < patches.judge(turned).score


# -- parts of scorers --------------------------------------------------------------------------------------


def test_the_top_is_rounded_down_and_never_empty():
    values = torch.arange(250.0).reshape(10, 25)
    assert top_mean(values, 0.01) == 248.5
    assert top_mean(values, 0.001) == 249
    assert top_mean(values, 1.0) == float(values.mean())
    assert top_mean(torch.arange(100.0), 0.29) == float(torch.arange(71.0, 100.0).mean())


def test_maps_take_the_size_of_the_picture():
    image = torch.zeros(1, 3, 5, 9)
    assert torch.equal(even(image, 2.5).map, torch.full((1, 1, 5, 9), 2.5))
    sharp = torch.zeros(1, 1, 4, 4)
    sharp[..., 2, 2] = 1
    assert spread(sharp, image).shape == (1, 1, 5, 9)
    assert spread(sharp, image).min() >= 0
