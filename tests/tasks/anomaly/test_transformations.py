"""The transformations: how many, what each does to pixels, the way back, which are equal on what pictures."""

import itertools

import pytest
import torch

from gestalt.ops.chance import seeded
from gestalt.tasks.anomaly.transformations import Transformation, distinct, listed

SIZES = [(26, 26), (25, 40), (41, 27)]


def picture(*size: int) -> torch.Tensor:
    return torch.rand(1, 3, *size, generator=seeded(1)) * 2 - 1


@pytest.mark.parametrize(("name", "count"), [("rgb", 54), ("grey", 42), ("rotations", 4), ("none", 1)])
def test_there_are_as_many_as_published_and_all_differ(name, count):
    found = listed(name)
    assert len(found) == len(set(found)) == count
    assert distinct([picture(26, 26)], found) == list(range(count))
    assert distinct([picture(26, 34)], found) == list(range(count))
    made = [one.apply(picture(26, 26)) for one in found]
    assert all(not torch.equal(one, other) for one, other in itertools.combinations(made, 2))


def test_each_part_alone_is_what_it_says():
    x = picture(20, 40)
    assert torch.equal(Transformation().apply(x), x)
    assert torch.equal(Transformation(is_flipped=True).apply(x), x.flip(3))
    assert torch.equal(Transformation(turns=1).apply(x), x.transpose(2, 3).flip(2))
    assert torch.equal(Transformation(turns=2).apply(x), x.flip(2, 3))
    grey = Transformation(is_grey=True).apply(x)
    torch.testing.assert_close(grey[:, 1], 0.299 * x[:, 0] + 0.587 * x[:, 1] + 0.114 * x[:, 2])
    assert torch.equal(grey[:, 0], grey[:, 2])


@pytest.mark.parametrize("by", [-1, 1])
def test_shifts_are_whole_pixels_of_their_own_side_and_mirror_the_border(by):
    x = picture(20, 41)
    padded = torch.nn.functional.pad(x, (6, 6, 3, 3), mode="reflect")
    assert Transformation(across=by, down=by).shift((20, 41)) == (3 * by, 6 * by)
    top, left = (3 - 3 * by, 6 - 6 * by)
    found = Transformation(across=by, down=by).apply(x)
    assert torch.equal(found, padded[:, :, top : top + 20, left : left + 41])


@pytest.mark.parametrize("size", SIZES)
def test_the_way_back_is_exact_where_there_is_one(size):
    x = picture(*size)
    for one in listed("grey"):
        y, valid = one.undo(one.apply(x), size), one.valid(size[0], size[1], size)
        assert torch.equal(y, x * valid)
        down, across = one.shift(size)
        assert float(valid.sum()) == (size[0] - abs(down)) * (size[1] - abs(across))


@pytest.mark.parametrize("size", SIZES)
def test_maps_come_back_to_the_patches_they_judge(size):
    """A critic that is the mean of 11x11 pixels, the same under flips and turns, must say the same of every patch."""
    x = picture(*size)

    def mean(y: torch.Tensor) -> torch.Tensor:
        return torch.nn.functional.avg_pool2d(y, 11, 1)

    h, w = (side - 10 for side in size)
    for one in listed("grey"):
        torch.testing.assert_close(one.undo(mean(one.apply(x)), size), mean(x) * one.valid(h, w, size))


def test_shifts_beyond_a_map_leave_nothing():
    one = Transformation(across=1, down=-1)
    assert not one.valid(4, 5, (80, 80)).any()


def test_gradients_pass():
    x = torch.rand(1, 3, 9, 14, dtype=torch.float64, generator=seeded(0)).requires_grad_()
    for one in listed("rgb"):
        assert torch.autograd.gradcheck(one.apply, (x,), fast_mode=True)


def test_grey_pictures_lose_the_grey_transformations():
    grey = picture(26, 26)[:, :1].expand(-1, 3, -1, -1)
    assert distinct([grey], listed("rgb")) == list(range(42))
    assert distinct([torch.cat([grey, picture(26, 26)])], listed("rgb")) == list(range(54)), "one in colour suffices"


def test_symmetric_and_flat_pictures():
    x = picture(26, 26)
    assert distinct([x + x.flip(2, 3)], listed("rotations")) == [0, 1]
    assert distinct([x + x.rot90(1, (2, 3)) + x.rot90(2, (2, 3)) + x.rot90(3, (2, 3))], listed("rotations")) == [0]
    assert distinct([torch.full((1, 3, 26, 26), 0.3)], listed("rgb")) == [0]
    symmetric = x + x.flip(3)
    kept = [listed("grey")[place] for place in distinct([symmetric], listed("grey"))]
    assert Transformation(is_flipped=True) not in kept
    assert Transformation(across=1) in kept
