"""Drawn parts: a seed is a picture, and a mask is where it differs from its good twin, and nowhere else."""

import pytest
import torch

from gestalt.drawn.parts import DEFECTS, parts
from gestalt.metrics.detection import auroc

SIZE = (64, 72)


@pytest.fixture(scope="module")
def good():
    return parts(3, size=SIZE, seed=4)


@pytest.fixture
def threads():
    before = torch.get_num_threads()
    yield torch.set_num_threads
    torch.set_num_threads(before)


def test_good_parts_are_pictures_without_a_mask(good):
    for part in good:
        assert part.image.shape == (1, 3, *SIZE)
        assert part.image.dtype == torch.float32
        assert part.image.abs().max() <= 1
        assert part.mask.shape == (1, 1, *SIZE)
        assert not part.mask.any()


def test_a_seed_gives_the_same_bytes_on_any_threads_and_touches_no_global_state(good, threads):
    state = torch.get_rng_state()
    threads(2)
    again = parts(2, size=SIZE, seed=4)
    assert all(torch.equal(a.image, b.image) for a, b in zip(again, good[:2], strict=True))
    assert torch.equal(state, torch.get_rng_state())


def test_photographs_differ_but_little(good):
    apart = [(a.image - b.image).abs().mean() for a, b in ((good[0], good[1]), (good[1], good[2]))]
    assert all(0.01 < gap < 0.15 for gap in apart)
    other = parts(1, size=SIZE, seed=5)[0]
    assert not torch.equal(other.image, good[0].image)


@pytest.mark.parametrize("defect", DEFECTS)
def test_a_mask_is_where_a_part_differs_from_its_twin(defect, good):
    masks = []
    for bad, twin in zip(parts(3, size=SIZE, seed=4, defect=defect), good, strict=True):
        apart = (bad.image - twin.image).abs().amax(1, keepdim=True)
        assert torch.equal(apart[bad.mask == 0], torch.zeros_like(apart[bad.mask == 0]))
        inside = apart[bad.mask == 1]
        assert 8 <= len(inside) < 0.12 * SIZE[0] * SIZE[1]
        # Where the key lies over its place, or the steel goes on under a stain, a pixel may happen to be the same.
        assert (inside > 0.02).float().mean() > 0.3
        assert inside.max() > 0.15
        masks.append(bad.mask)
    assert not torch.equal(masks[0], masks[1]) or not torch.equal(masks[1], masks[2])


def test_a_scene_is_the_same_at_every_size():
    large, small = (parts(1, size=(side, side), seed=1, defect="turned")[0] for side in (128, 64))
    shrunk = torch.nn.functional.avg_pool2d(large.image, 2)
    assert (shrunk - small.image).abs().mean() < 0.05
    halves = (torch.nn.functional.avg_pool2d(large.mask, 2) >= 0.5).float()
    assert (halves * small.mask).sum() / ((halves + small.mask) > 0).sum() > 0.8


def test_mean_brightness_hardly_tells_small_defects():
    normal = parts(8, size=(32, 32), seed=6)
    bad = [part for name in ("scratch", "turned") for part in parts(4, size=(32, 32), seed=7, defect=name)]
    centre = torch.stack([part.image.mean() for part in normal]).mean()
    scores = [float((part.image.mean() - centre).abs()) for part in [*normal, *bad]]
    assert auroc(scores, [0] * 8 + [1] * 8) < 0.85


def test_what_cannot_be_drawn_is_named():
    with pytest.raises(ValueError, match="the defect 'dent': known are scratch, stain, missing, turned"):
        parts(1, defect="dent")
    with pytest.raises(ValueError, match=r"the size \(8, 64\): expected height and width"):
        parts(1, size=(8, 64))
