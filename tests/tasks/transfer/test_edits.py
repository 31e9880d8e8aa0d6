"""Each edit against the codes it is made of; what a mask leaves out stays to the bit."""

from typing import Any

import pytest
import torch

from gestalt.tasks.transfer import edits
from gestalt.tasks.transfer.edits import CONTENT, COVERED, FAINT, PLAIN, SOLID
from tasks.transfer.methods import TINY, pictures, small

NAMES = list(TINY)
PAINTERS = ["disentangle", "intersection"]


@pytest.fixture
def x():
    return pictures(3, seed=1)


@pytest.fixture
def guide():
    return pictures(3, seed=2)


def sharp() -> Any:
    """A mask method whose mask is everything from nothing to whole."""
    model = small("mask")
    s = model.separate[0](pictures(3, seed=2))
    masks = model.paint(model.common(pictures(3, seed=1)), s).mask.detach().logit()
    *_, last, blocks = model.content
    pixels = slice(0, blocks.upscale_factor**2)
    factor = 4 / masks.std()
    last.bias.data[pixels] = (last.bias.data[pixels] - masks.median()) * factor
    last.weight.data[:, pixels] *= factor
    return model


@pytest.mark.parametrize("name", PAINTERS)
def test_edits_that_paint_the_whole_picture_are_their_codes(name, x, guide):
    model = small(name)
    c, s = model.common(x), model.separate[0](guide)
    assert torch.equal(edits.add(model, x, guide).image, model.render(c, s).image)
    assert torch.equal(edits.swap(model, x, guide).image, model.render(c, s).image)
    for whole in (False, True):
        assert torch.equal(edits.remove(model, x, whole=whole).image, model.render(c).image)
    for done in (edits.add(model, x, guide), edits.remove(model, x)):
        assert done.pasted == ()
        assert not done.image.requires_grad
    own = model.render(c, model.separate[0](x)).image
    apart = (own - model.render(c).image).abs().mean(1, keepdim=True) / 2
    assert torch.equal(edits.segment(model, x), apart)
    assert 0 <= apart.min() <= apart.max() <= 1


def test_translations_and_three_codes(x, guide):
    model = small("intersection")
    c, t = model.common(x), model.separate[1](guide)
    for edit in (edits.add, edits.swap):
        assert torch.equal(edit(model, x, guide, side=PLAIN).image, model.render(c, None, t).image)
    other = pictures(3, seed=3)
    expected = model.render(c, model.separate[0](guide), model.separate[1](other)).image
    assert torch.equal(edits.compose(model, x, guide, other).image, expected)
    zero = torch.zeros(3, 4, 2, 2)
    assert torch.equal(edits.add(model, x, guide, side=PLAIN).image, model.render(c, zero, t).image)


@pytest.mark.parametrize("name", ["disentangle", "mask"])
def test_three_codes_take_two_kinds_of_content(name, x):
    with pytest.raises(ValueError, match="takes a model of --method intersection"):
        edits.compose(small(name), x, x, x)


@pytest.mark.parametrize("name", NAMES)
def test_one_serves_for_many(name, x, guide):
    model = small(name)
    for edit in (edits.add, edits.swap):
        one_guide = edit(model, x, guide[:1]).image
        one_target = edit(model, x[:1], guide).image
        for n in range(3):
            torch.testing.assert_close(one_guide[n], edit(model, x[n : n + 1], guide[:1]).image[0], atol=1e-5, rtol=0)
            torch.testing.assert_close(one_target[n], edit(model, x[:1], guide[n : n + 1]).image[0], atol=1e-5, rtol=0)


@pytest.mark.parametrize("name", NAMES)
def test_the_way_begins_and_ends_where_it_should(name, x, guide):
    model, other = small(name), pictures(3, seed=5)
    begin, end = (edits.between(model, x, guide, other, share).image for share in (0.0, 1.0))
    assert torch.equal(begin, edits.add(model, x, guide).image)
    assert torch.equal(end, edits.add(model, x, other).image)
    halfway = edits.between(model, x, guide, other, 0.5).image
    assert not torch.equal(halfway, begin)
    s = (model.separate[0](guide) + model.separate[0](other)) / 2
    if name != "mask":
        torch.testing.assert_close(halfway, model.render(model.common(x), s).image, atol=1e-5, rtol=0)
    s = model.separate[0](guide)
    for share, picture in ((0.0, x), (1.0, other)):
        expected = model.render(model.common(picture), s).image
        assert torch.equal(edits.morph(model, x, other, guide, share).image, expected)
    c = (model.common(x) + model.common(other)) / 2
    torch.testing.assert_close(
        edits.morph(model, x, other, guide, 0.5).image, model.render(c, s).image, atol=1e-5, rtol=0
    )
    if name == "intersection":
        there = edits.between(model, x, guide, other, 0.0, side=PLAIN).image
        assert torch.equal(there, edits.add(model, x, guide, side=PLAIN).image)
        t = model.separate[1](guide)
        expected = model.render(model.common(x), None, t).image
        assert torch.equal(edits.morph(model, x, other, guide, 0.0, side=PLAIN).image, expected)


# -- masks -------------------------------------------------------------------------------------------------


def test_where_a_mask_is_faint_the_target_stays_to_the_bit(x, guide):
    model = sharp()
    painted = model.paint(model.common(x), model.separate[0](guide))
    done = edits.add(model, x, guide)
    faint, full = painted.mask <= FAINT, painted.mask >= SOLID
    assert 0.05 < faint.double().mean() < 0.95
    assert full.any()
    untouched = faint.expand_as(x)
    assert torch.equal(done.image[untouched], x[untouched])
    torch.testing.assert_close(done.image[full.expand_as(x)], painted.picture[full.expand_as(x)])
    (pasted,) = done.pasted
    assert torch.equal(pasted.mask == 0, faint)
    assert torch.equal(pasted.on(x), done.image)
    m = ((painted.mask - FAINT) / (SOLID - FAINT)).clamp(0, 1)
    torch.testing.assert_close(done.image, m * painted.picture + (1 - m) * x)


def test_content_is_taken_away_where_it_was_and_nowhere_else(x):
    model = sharp()
    mask = edits.segment(model, x)
    assert torch.equal(mask, model.paint(model.common(x), model.separate[0](x)).mask)
    covered = (mask > COVERED).expand_as(x)
    assert 0.05 < covered.double().mean() < 0.95
    done = edits.remove(model, x)
    plain = model.plain(model.common(x)).tanh()
    assert torch.equal(done.image[~covered], x[~covered])
    torch.testing.assert_close(done.image[covered], plain[covered])
    whole = edits.remove(model, x, whole=True)
    assert torch.equal(whole.image, plain)
    assert whole.pasted == ()


def test_a_swap_takes_away_then_pastes(x, guide):
    model = sharp()
    done = edits.swap(model, x, guide)
    bare = edits.remove(model, x)
    assert len(done.pasted) == 2
    assert torch.equal(done.pasted[0].on(x), bare.image)
    assert torch.equal(done.pasted[1].on(bare.image), done.image)
    painted = model.paint(model.common(x), model.separate[0](guide))
    nowhere = ((painted.mask <= FAINT) & (edits.segment(model, x) <= COVERED)).expand_as(x)
    assert nowhere.any()
    assert torch.equal(done.image[nowhere], x[nowhere])


def test_sides_have_their_numbers():
    assert (CONTENT, PLAIN) == (0, 1)
