"""New pictures and clips from patches: what must hold whatever the picture."""

import dataclasses

import pytest
import torch
from torch import Tensor

from gestalt import recipes
from gestalt.metrics import nulls
from gestalt.metrics.diversity import novelty
from gestalt.metrics.likeness import psnr
from gestalt.metrics.liveliness import sharpness
from gestalt.metrics.seams import broken_seam
from gestalt.ops.chance import seeded
from gestalt.ops.resize import resize
from gestalt.settings import wanted_size
from gestalt.tasks.generate import patch
from gestalt.tasks.generate.config import Patch

TINY = recipes.generate_patch("tiny")
RED = torch.tensor([1.0, -1.0, -1.0]).view(1, 3, 1, 1, 1)


def textured(*size: int, seed: int = 0) -> Tensor:
    """Soft blobs with grain on them, (1, 3, T, H, W), without anything red."""
    chance = seeded(seed)
    coarse = torch.randn(1, 3, *(max(2, n // 5) for n in size), generator=chance)
    picture = (resize(coarse, size) + 0.2 * torch.randn(1, 3, *size, generator=chance)).clamp(-1, 1)
    return torch.cat([picture[:, :1].clamp(max=0), picture[:, 1:]], dim=1)


@pytest.mark.parametrize("size", [(1, 32, 40), (5, 20, 24)])
def test_without_noise_the_input_comes_back(size):
    clip = textured(*size)
    (result,) = patch.make(clip, dataclasses.replace(TINY, samples=1, noise=0.0, bend=0.0))
    assert psnr(result, clip) > 40


def test_samples_differ_and_stay_within_the_input():
    clip = textured(5, 24, 30)
    one, two = patch.make(clip, dataclasses.replace(TINY, noise=3.0))
    assert one.shape == two.shape == clip.shape
    assert float((one - two).abs().mean()) > 0.05
    assert clip.min() <= one.min() <= one.max() <= clip.max()


def test_same_seed_same_samples():
    clip = textured(1, 24, 30)
    first, again, other = (list(patch.make(clip, TINY, seed=seed)) for seed in (1, 1, 5))
    assert all(map(torch.equal, first, again))
    assert not torch.equal(first[0], other[0])


@pytest.mark.parametrize("size", [(32, 50), (1, 20), (9, 1)])
def test_a_bend_is_smooth_and_nothing_leaves_the_picture(size):
    settings = Patch(bend=0.3)
    one, other = (patch.bend_of(size, settings, 0, level) for level in (1, 2))
    assert one.shape == (2, *size)
    assert torch.equal(one, patch.bend_of(size, settings, 0, 1))
    assert not torch.equal(one, other)
    for axis, length in enumerate(size):
        assert not one[axis].select(axis, 0).any()
        assert not one[axis].select(axis, length - 1).any()
        if length > 1:
            assert int(one.diff(dim=axis + 1).abs().max()) <= 0.5 * settings.patch


def test_bending_breaks_up_what_is_copied_whole():
    clip = textured(1, 48, 64)
    straight = dataclasses.replace(TINY, size=64, noise=0.0, samples=1)
    whole, broken = (next(patch.make(clip, dataclasses.replace(straight, bend=bend))) for bend in (0.0, 0.3))
    one, two = (novelty(sample, clip, (1, 5, 5)) for sample in (whole, broken))
    assert one.diversity < 0.1 < 0.15 < two.diversity
    shuffled = novelty(nulls.shuffled_pixels(clip, 1)[0], clip, (1, 5, 5))
    assert two.distance < 0.2 * shuffled.distance, "still patches of the input"


def test_heights_keep_the_sky_above():
    # Bright above, dark below, the same grain: by colour alone little tells the two apart once there is much noise.
    clip = 0.3 * textured(1, 40, 48)
    clip[..., :20, :] += 0.2
    free, held = (
        [float(x[..., :20, :].mean() - x[..., 20:, :].mean()) for x in patch.make(clip, settings)]
        for settings in (dataclasses.replace(TINY, heights=weight, samples=4) for weight in (0.0, 1.0))
    )
    assert min(held) > 0.15
    assert min(held) > min(free)


@pytest.mark.parametrize(("size", "frames", "shape"), [("20x60", 0, (5, 20, 60)), (16, 9, (9, 13, 16))])
def test_any_size_and_length(size, frames, shape):
    clip = textured(5, 24, 30)
    settings = dataclasses.replace(TINY, size=size, frames=frames, samples=1)
    (result,) = patch.make(patch.working_size(clip, settings), settings)
    assert result.shape == (1, 3, *shape)


@pytest.mark.parametrize("size", [(1, 1, 50), (1, 50, 1), (1, 1, 1), (2, 9, 7)])
def test_odd_inputs(size):
    settings = dataclasses.replace(TINY, samples=1)
    (result,) = patch.make(textured(*size), settings)
    assert result.shape == (1, 3, *size)
    assert torch.isfinite(result).all()


@pytest.mark.parametrize("frames", [1, 5])
def test_a_hole_is_filled_from_outside_and_the_rest_is_kept(frames):
    clip = textured(frames, 32, 40)
    hole = torch.zeros(1, 1, frames, 32, 40, dtype=torch.bool)
    hole[..., 10:22, 14:28] = True
    marked = torch.where(hole, RED, clip)
    (result,) = patch.inpaint(marked, hole, recipes.generate_inpaint("tiny"))
    assert torch.equal(torch.where(hole, 0.0, result), torch.where(hole, 0.0, clip))
    assert float(result[:, 0][hole[:, 0]].max()) <= 0.05, "nothing of the hole's own red may come back"
    inside = result[:, 1][hole[:, 0]]
    assert 0.4 < float(inside.std() / clip[:, 1].std()) < 1.5


def test_holes_that_cannot_be_filled_are_refused():
    clip = textured(1, 20, 20)
    with pytest.raises(ValueError, match="no hole"):
        next(patch.inpaint(clip, torch.zeros(1, 1, 1, 20, 20, dtype=torch.bool), TINY))
    hole = torch.ones(1, 1, 1, 20, 20, dtype=torch.bool)
    hole[..., :3, :3] = False
    with pytest.raises(ValueError, match="leaves no patch"):
        next(patch.inpaint(clip, hole, TINY))


@pytest.mark.parametrize("sizes", [((1, 24, 30), (1, 30, 20)), ((4, 20, 24), (6, 18, 20), (5, 22, 16))])
def test_a_collage_takes_from_all_and_from_nothing_else(sizes):
    # Each picture has a level of its own in the blue channel; what is barred between them is 0.
    clips = [textured(*size, seed=n) for n, size in enumerate(sizes)]
    for n, clip in enumerate(clips):
        clip[:, 2] = 0.9 - 0.5 * n
    # Where pieces are joined they mix; agreed, nearly every pixel is that of one picture.
    (result,) = patch.collage(clips, dataclasses.replace(recipes.generate_collage("tiny"), vote="agreed"))
    widths = [size[2] for size in sizes]
    overlap = 1 - patch.OVERLAP * (len(sizes) - 1) / len(sizes)
    assert result.shape[2:] == (min(s[0] for s in sizes), max(s[1] for s in sizes), round(sum(widths) * overlap))
    levels = [0.9 - 0.5 * n for n in range(len(clips))]
    near = torch.stack([(result[:, 2] - level).abs() for level in levels])
    assert float((near.amin(0) < 0.05).float().mean()) > 0.8
    for n in range(len(clips)):
        assert float((near.argmin(0) == n).float().mean()) > 0.1
    assert float(near.argmin(0)[..., :4].float().mean()) < 0.2, "the first lies on the left"


def test_joined_pieces_have_softer_seams_than_a_cut_and_than_agreed_ones():
    clip = textured(1, 40, 48)
    settings = dataclasses.replace(recipes.generate_retarget("tiny"), size="40x66")
    assert settings.vote == "joined"
    joined, agreed = (next(patch.make(clip, dataclasses.replace(settings, vote=v))) for v in ("joined", "agreed"))
    cut = torch.cat([clip, clip[..., :18]], dim=4)
    soft, hard, plain = (broken_seam(x, clip) for x in (joined, agreed, cut))
    assert soft.seam < hard.seam
    assert soft.seam < 0.5 * plain.seam
    assert sharpness(joined, clip) > 0.7, "grain is lost only where pieces meet"


def test_wanted_size():
    assert wanted_size(64) == 64
    assert wanted_size("12x34") == (12, 34)
    for wrong in ("12", "0x5", "12x", "axb", 0):
        with pytest.raises(ValueError, match="--size"):
            wanted_size(wrong)
    with pytest.raises(ValueError, match="--ratio"):
        Patch(ratio=1.0)
