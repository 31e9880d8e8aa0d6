"""Pictures of any shape as squares and back, and batches that depend on the seed, the side and the step alone."""

import dataclasses
from pathlib import Path

import numpy as np
import pytest
import torch
from PIL import Image
from torch.nn import functional as F

from gestalt.media import image
from gestalt.ops.chance import seeded
from gestalt.ops.resize import resize
from gestalt.tasks.transfer.config import Mask, Networks
from gestalt.tasks.transfer.pictures import (
    Side,
    as_bytes,
    as_images,
    batch,
    displaced,
    mean_picture,
    read,
    spread,
    squared,
    unsquared,
)
from tasks.transfer.methods import pictures

STILL = Mask(size=32, networks=Networks(width=4, code=32, separate=4), batch=4, shift=0.0, light=0.0)
SHAPES = [(1, 500), (500, 1), (1, 1), (31, 47), (47, 31), (64, 63), (33, 33), (20, 90), (200, 120)]


def smooth(height: int, width: int) -> torch.Tensor:
    """A picture (1, 3, H, W) that a small square holds."""
    return resize(torch.rand(1, 3, 4, 4, generator=seeded(1)) * 1.6 - 0.8, (height, width)).clamp(-1, 1)


@pytest.mark.parametrize("shape", SHAPES)
def test_any_shape_goes_there_and_back(shape):
    picture = smooth(*shape)
    square = squared(picture, 64)
    assert square.shape == (1, 3, 64, 64)
    assert square.abs().max() <= 1
    again = unsquared(square, *shape)
    assert again.shape == picture.shape
    assert (again - picture).abs().mean() < 0.03


@pytest.mark.parametrize("shape", [(24, 24), (20, 33), (33, 20), (1, 40), (40, 1)])
@pytest.mark.parametrize("size", [32, 48])
def test_they_are_what_padding_and_cropping_make(shape, size):
    picture, (height, width) = smooth(*shape), shape
    side = max(shape)
    top, left = (side - height) // 2, (side - width) // 2
    padded = torch.stack(
        [
            picture[0, :, min(max(y - top, 0), height - 1), min(max(x - left, 0), width - 1)]
            for y in range(side)
            for x in range(side)
        ],
        1,
    ).view(1, 3, side, side)
    square = squared(picture, size)
    torch.testing.assert_close(square, resize(padded, (size, size)).clamp(-1, 1), atol=1e-5, rtol=0)
    whole = resize(square, (side, side))
    torch.testing.assert_close(
        unsquared(square, height, width), whole[:, :, top : top + height, left : left + width], atol=1e-5, rtol=0
    )


def test_a_square_of_the_size_stays_to_the_bit():
    picture = pictures(1, 32)
    assert torch.equal(squared(picture, 32), picture)
    assert torch.equal(unsquared(picture, 32, 32), picture)
    masks = picture[:, :1]
    assert unsquared(masks, 20, 31).shape == (1, 1, 20, 31)


def test_a_long_strip_takes_no_square_of_its_length():
    """A square of 60,000 pixels a side would take 43 GB."""
    strip = smooth(1, 60_000)
    assert squared(strip, 32).shape == (1, 3, 32, 32)
    assert unsquared(squared(strip, 32), 1, 60_000).shape == strip.shape


def test_some_of_many_are_evenly_spaced():
    numbers = torch.arange(10)
    assert spread(numbers, 4).tolist() == [0, 3, 6, 9]
    assert spread(numbers, 1).tolist() == [0]
    for most in (10, 11):
        assert spread(numbers, most).tolist() == numbers.tolist()


def test_the_mean_picture_is_that_of_all():
    some = as_bytes(pictures(150, 8))
    torch.testing.assert_close(mean_picture(some), as_images(some).mean(0, keepdim=True))


def test_bytes_and_back():
    every = torch.arange(256, dtype=torch.uint8).view(1, 16, 16, 1).expand(1, 16, 16, 3)
    assert torch.equal(as_bytes(as_images(every)), every)
    assert as_images(every).min() == -1
    assert as_images(every).max() == 1
    assert torch.equal(
        as_bytes(torch.tensor([-9.0, 0.0, 9.0]).view(1, 3, 1, 1)), torch.tensor([[[[0, 128, 255]]]]).to(torch.uint8)
    )


def test_files_of_all_kinds_are_read_in_order_and_the_others_named(tmp_path: Path):
    grey = np.linspace(0, 255, 30 * 40).reshape(30, 40).astype(np.uint8)
    Image.fromarray(grey).save(tmp_path / "0.png")
    Image.fromarray(grey.astype(np.uint16) * 257).save(tmp_path / "1.png")
    (tmp_path / "2.png").write_text("no picture")
    Image.fromarray(grey).convert("P").save(tmp_path / "3.gif")
    Image.fromarray(np.dstack([grey] * 4)).save(tmp_path / "4.png")
    Image.fromarray(grey[:1].repeat(12, 1)).save(tmp_path / "5.png")
    paths = sorted(tmp_path.iterdir())
    found, read_from, refused = read(paths, 32)
    assert found.shape == (5, 32, 32, 3)
    assert found.dtype == torch.uint8
    assert len(refused) == 1
    assert "2.png" in refused[0]
    good = [path for path in paths if path.name != "2.png"]
    assert read_from == tuple(good)
    for one, path in zip(found, good, strict=True):
        assert torch.equal(one[None], as_bytes(squared(image.read(path), 32)))
    assert (found[0].int() - found[1].int()).abs().max() <= 1
    nothing, read_from, refused = read([tmp_path / "2.png"], 32)
    assert nothing.shape == (0, 32, 32, 3)
    assert read_from == ()
    assert len(refused) == 1
    assert read([], 32).refused == []


# -- batches -----------------------------------------------------------------------------------------------


def numbered(count: int, size: int = 32) -> Side:
    """Pictures whose left half is dark and whose brightness is their number."""
    learned = torch.arange(count, dtype=torch.uint8).view(-1, 1, 1, 1).repeat(1, size, size, 3)
    learned[:, :, size // 2 :] += 100
    return Side(learned, learned[:1])


@pytest.mark.parametrize("count", [1, 2, 3, 7, 10])
def test_every_picture_comes_once_before_any_comes_again(count):
    side = numbered(count)
    seen: list[int] = []
    for step in range(3 * count):
        taken = as_bytes(batch(side, STILL, seed=3, side=0, step=step))
        seen += [int(min(one[0, 0, 0], one[0, -1, 0])) for one in taken]
    for begin in range(0, len(seen) - count + 1, count):
        assert sorted(seen[begin : begin + count]) == list(range(count))
    if count > 3:
        assert seen[:count] != seen[count : 2 * count]


def test_a_batch_depends_on_the_seed_the_side_and_the_step_alone():
    side = Side(as_bytes(pictures(9)), as_bytes(pictures(1)))
    settings = dataclasses.replace(STILL, shift=0.1, light=0.1)
    before = torch.get_rng_state()
    torch.manual_seed(5)
    kept = torch.get_rng_state()
    first = batch(side, settings, seed=3, side=0, step=4)
    assert torch.equal(torch.get_rng_state(), kept)
    torch.set_rng_state(before)
    assert first.shape == (4, 3, 32, 32)
    assert first.abs().max() <= 1
    assert torch.equal(batch(side, settings, seed=3, side=0, step=4), first)
    for other in ((4, 0, 4), (3, 1, 4), (3, 0, 5)):
        seed, number, step = other
        assert not torch.equal(batch(side, settings, seed=seed, side=number, step=step), first)


def test_half_of_them_are_mirrored_and_nothing_else_is_done_where_nothing_is_asked():
    side, mirrored, total = numbered(8), 0, 0
    for step in range(60):
        for one in as_bytes(batch(side, STILL, seed=1, side=0, step=step)):
            number = int(min(one[0, 0, 0], one[0, -1, 0]))
            whole = side.learned[number]
            is_mirrored = bool(one[0, 0, 0] > one[0, -1, 0])
            assert torch.equal(one, whole.flip(1) if is_mirrored else whole)
            mirrored, total = mirrored + is_mirrored, total + 1
    assert abs(mirrored / total - 0.5) < 0.1


def test_displaced_pictures_are_their_own_moved_by_whole_pixels_border_continued():
    given = torch.rand(40, 3, 24, 24, generator=seeded(1))
    found = displaced(given, 0.1, seeded(2))
    assert torch.equal(found, displaced(given, 0.1, seeded(2)))
    wide = F.pad(given, (2, 2, 2, 2), mode="replicate")
    places = [(down, right) for down in range(5) for right in range(5)]
    moves = []
    for picture, one in zip(wide, found, strict=True):
        moves += [(a, b) for a, b in places if torch.equal(picture[:, a : a + 24, b : b + 24], one)]
    assert len(moves) == 40
    assert len(set(moves)) > 15
    assert {min(at) for at in zip(*moves, strict=True)} == {0}
    assert {max(at) for at in zip(*moves, strict=True)} == {4}


def test_the_gradient_of_displaced_pictures_is_what_comes_from_each_pixel_and_the_same_on_threads():
    given = torch.rand(16, 3, 32, 32, generator=seeded(1)).requires_grad_()
    weights = torch.rand(16, 3, 32, 32, generator=seeded(2))
    ways, threads = [], torch.get_num_threads()
    for count in (1, 5, 5, 5, 5):
        torch.set_num_threads(count)
        ways.append(torch.autograd.grad((weights * displaced(given, 0.3, seeded(3))).sum(), given)[0])
    torch.set_num_threads(threads)
    assert all(torch.equal(ways[0], other) for other in ways[1:])
    bump = torch.rand(16, 3, 32, 32, generator=seeded(4))
    expected = (weights * displaced(bump, 0.3, seeded(3))).sum()  # it is linear
    torch.testing.assert_close((ways[0] * bump).sum(), expected)


def test_pictures_are_displaced_only_where_it_is_asked():
    given = torch.rand(3, 3, 16, 16)
    chance = seeded(2)
    before = chance.get_state()
    assert displaced(given, 0.0, chance) is given
    assert torch.equal(chance.get_state(), before)


def test_pictures_are_moved_and_lit_no_further_than_asked():
    learned = torch.zeros(1, 32, 32, 3, dtype=torch.uint8)
    learned[:, 16, 16] = 200
    side = Side(learned, learned)
    found = [batch(side, dataclasses.replace(STILL, shift=0.1), seed=1, side=0, step=step) for step in range(20)]
    at = torch.cat([(one[:, 0] > 0).nonzero()[:, 1:] for one in found])
    assert len(at) == 80
    assert at.min() >= 12
    assert at.max() <= 20
    assert len(at.unique(dim=0)) > 30
    grey = Side(torch.full_like(learned, 128), learned)
    lit = torch.cat([batch(grey, dataclasses.replace(STILL, light=0.1), seed=1, side=0, step=n) for n in range(20)])
    assert lit.flatten(1).std(1).max() < 1e-6
    assert 0.15 < lit.max() < 0.21
    assert -0.2 < lit.min() < -0.15
