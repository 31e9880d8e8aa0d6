"""Drawn faces: factors are a picture, and whatever glasses and moustaches do not cover stays as it is."""

import pytest
import torch
from torch import Tensor

from gestalt.drawn import faces
from gestalt.ops.chance import seeded

COUNT = 24
SIZES = (32, 48, 63)


@pytest.fixture(scope="module")
def factors():
    chance = seeded(3)
    return faces.people(COUNT, chance), faces.glasses(COUNT, chance), faces.moustaches(COUNT, chance)


def centre(opacity: Tensor) -> Tensor:
    """(N, 2) of the weight of (N, 1, S, S), x and y, as parts of the side."""
    at = (torch.arange(opacity.shape[-1]) + 0.5) / opacity.shape[-1]
    weight = opacity[:, 0].sum((1, 2))
    return torch.stack([(opacity[:, 0].sum(axis) * at).sum(1) / weight for axis in (1, 2)], 1)


@pytest.mark.parametrize("size", SIZES)
def test_shapes_and_ranges(factors, size):
    drawn = faces.draw(*factors, size=size)
    assert drawn.image.shape == (COUNT, 3, size, size)
    assert drawn.image.dtype == torch.float32
    assert drawn.image.abs().max() <= 1
    for opacity in drawn[1:]:
        assert opacity.shape == (COUNT, 1, size, size)
        assert opacity.min() == 0
        assert 0.9 < opacity.amax((1, 2, 3)).max() <= 1
    assert (drawn.glasses + drawn.moustache).max() <= 1 + 1e-6
    bare = faces.draw(factors[0], size=size)
    assert not bare.glasses.any()
    assert not bare.moustache.any()


def test_factors_are_in_their_ranges():
    persons, worn, hair = faces.people(500, seeded(1)), faces.glasses(500, seeded(1)), faces.moustaches(500, seeded(1))
    for colours in (persons.ground, persons.skin, persons.hair, persons.iris, worn.colour, hair.colour):
        assert colours.shape == (500, 3)
        assert colours.abs().max() <= 1
    assert persons.smile.abs().max() <= 1
    for values, least, most in ((worn.tint, 0, 0.9), (worn.power, 2, 5), (worn.rim, 0.07, 0.18)):
        assert values.shape == (500,)
        assert least <= values.min() < values.max() <= most
        assert values.max() - values.min() > 0.9 * (most - least)


def test_a_seed_gives_the_same_bytes_and_touches_no_global_state(factors):
    before = torch.get_rng_state()
    chance = seeded(3)
    again = faces.people(COUNT, chance), faces.glasses(COUNT, chance), faces.moustaches(COUNT, chance)
    assert torch.equal(torch.get_rng_state(), before)
    for one, other in zip(factors, again, strict=True):
        assert all(torch.equal(a, b) for a, b in zip(one, other, strict=True))
    one, other = faces.draw(*factors, size=32), faces.draw(*again, size=32)
    assert all(torch.equal(a, b) for a, b in zip(one, other, strict=True))
    assert not torch.equal(faces.people(COUNT, seeded(4)).ground, factors[0].ground)


@pytest.mark.parametrize("size", SIZES)
def test_a_half_is_drawn_like_the_whole(factors, size):
    whole = faces.draw(*factors, size=size)
    for half in (torch.arange(COUNT // 2), torch.arange(COUNT // 2, COUNT), torch.tensor([7])):
        part = faces.draw(
            faces.pick(factors[0], half), faces.pick(factors[1], half), faces.pick(factors[2], half), size=size
        )
        assert all(torch.equal(a, b[half]) for a, b in zip(part, whole, strict=True))


@pytest.mark.parametrize("size", SIZES)
def test_glasses_change_no_pixel_outside_their_opacity(factors, size):
    persons, worn, hair = factors
    bare, dressed = faces.draw(persons, None, hair, size=size), faces.draw(persons, worn, hair, size=size)
    outside = (dressed.glasses == 0).expand_as(bare.image)
    assert torch.equal(dressed.image[outside], bare.image[outside])
    changed = (dressed.image != bare.image).any(1, keepdim=True)
    assert (changed & (dressed.glasses > 0)).sum() > 0.9 * (dressed.glasses > 0).sum()


@pytest.mark.parametrize("size", SIZES)
def test_moustaches_change_no_pixel_outside_their_opacity(factors, size):
    persons, _, hair = factors
    bare, dressed = faces.draw(persons, size=size), faces.draw(persons, None, hair, size=size)
    outside = (dressed.moustache == 0).expand_as(bare.image)
    assert torch.equal(dressed.image[outside], bare.image[outside])
    assert not torch.equal(dressed.image, bare.image)


def test_the_answer_for_swapped_glasses_differs_from_the_plain_face_only_under_them(factors):
    persons, worn, _ = factors
    order = torch.arange(COUNT).roll(1)
    plain = faces.draw(persons, size=48).image
    swapped = faces.draw(persons, faces.pick(worn, order), size=48)
    apart = (swapped.image - plain).abs().amax(1, keepdim=True)
    assert not apart[swapped.glasses == 0].any()
    assert (apart.amax((1, 2, 3)) > 0.2).all()
    own = faces.draw(persons, worn, size=48)
    assert (swapped.glasses != own.glasses).flatten(1).any(1).all()


def test_glasses_follow_the_eyes(factors):
    persons, worn, _ = factors
    at = centre(faces.draw(persons, worn, size=64).glasses)
    eyes = persons.centre - torch.stack([torch.zeros(COUNT), persons.eyes[:, 1] * persons.half[:, 1]], 1)
    assert (at - eyes).abs().max() < 0.03
    moved = persons._replace(centre=persons.centre + torch.tensor([0.05, -0.04]))
    gone = centre(faces.draw(moved, worn, size=64).glasses) - at
    torch.testing.assert_close(gone, torch.tensor([0.05, -0.04]).expand(COUNT, 2), atol=0.005, rtol=0)


def test_wider_eyes_have_wider_glasses(factors):
    persons, worn, _ = factors
    wide = persons._replace(eyes=persons.eyes * torch.tensor([1.2, 1.0]))
    one, other = (faces.draw(some, worn, size=64).glasses.sum() for some in (persons, wide))
    assert 1.3 < other / one < 1.55


def test_glasses_cover_about_a_tenth():
    chance = seeded(8)
    covered = faces.draw(faces.people(200, chance), faces.glasses(200, chance), size=32).glasses > 0.15
    assert 0.05 < covered.float().mean() < 0.15
    covered = faces.draw(faces.people(200, chance), None, faces.moustaches(200, chance), size=32).moustache > 0.15
    assert 0.01 < covered.float().mean() < 0.06


def test_a_face_is_the_same_at_every_size(factors):
    large, small = (faces.draw(*factors, size=size) for size in (128, 64))
    for one, other in zip(large, small, strict=True):
        assert (torch.nn.functional.avg_pool2d(one, 2) - other).abs().mean() < 0.02


def test_a_blend_goes_from_one_to_the_other(factors):
    worn = factors[1]
    other = faces.pick(worn, torch.arange(COUNT).roll(1))
    for share, expected in ((0.0, worn), (1.0, other)):
        blended = faces.blend(worn, other, share)
        assert all(torch.equal(a, b) for a, b in zip(blended, expected, strict=True))
    torch.testing.assert_close(faces.blend(worn, other, 0.25).tint, 0.75 * worn.tint + 0.25 * other.tint)
