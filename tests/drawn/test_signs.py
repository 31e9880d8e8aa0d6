"""Drawn signs: factors decide, light changes no shape."""

import pytest
import torch

from gestalt.drawn import signs
from gestalt.ops.chance import seeded


def test_the_same_factors_give_the_same_pictures_and_a_part_is_drawn_like_the_whole():
    things, light = signs.things(6, seeded(1), each=2), signs.looks(6, seeded(2), far=1.0)
    whole = signs.draw(things, light, size=24)
    part = signs.draw(signs.Things(*(v[2:4] for v in things)), signs.Looks(*(v[2:4] for v in light)), size=24)
    assert torch.equal(part.image, whole.image[2:4])
    assert torch.equal(part.segments, whole.segments[2:4])
    assert whole.image.shape == (6, 3, 24, 24)
    assert float(whole.image.abs().max()) <= 1


def test_light_changes_pictures_and_no_segments():
    things = signs.things(6, seeded(3), each=3)
    near, far = (signs.draw(things, signs.looks(6, seeded(4), far=far), size=32) for far in (0.0, 1.0))
    assert torch.equal(near.segments, far.segments)
    moved = (near.image.mean((2, 3)) - far.image.mean((2, 3))).abs().mean()
    assert float(moved) > 0.1


@pytest.mark.parametrize("shape", range(len(signs.SHAPES)))
def test_segments_are_where_the_signs_are(shape):
    things = signs.things(8, seeded(5))
    things.shape.fill_(shape)
    drawn = signs.draw(things, signs.looks(8, seeded(6)), size=48)
    assert set(drawn.segments.unique().tolist()) == {0, shape + 1}
    inside = drawn.segments > 0
    assert bool((inside.flatten(1).sum(1) > 30).all())
    for n in range(8):  # the colour inside is the sign's, but for its border and the noise
        seen = drawn.image[n][:, inside[n]].median(1).values
        expected = things.colour[n, 0].clamp(-1, 1)
        assert float((seen - expected).abs().max()) < 0.25


def test_all_shapes_come():
    assert len(signs.things(200, seeded(7)).shape.unique()) == len(signs.SHAPES)
