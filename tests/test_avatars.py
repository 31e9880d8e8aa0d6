"""Vector avatars for benchmarks: seeded, plain without content, and content that any face can have, exactly."""

import json

import pytest
import torch
from torch.nn import functional as F

pytest.importorskip("resvg_py", reason="the rasteriser of avatars is not there: uv sync --dev")
pytest.importorskip("dicebear_styles", reason="the artwork of avatars is not there: uv sync --dev")

import avatars

SIZE, COUNT = 32, 12
PEOPLE = avatars.commons(COUNT, 1)
GLASSES, OTHERS = avatars.accessories(COUNT, 2), avatars.accessories(COUNT, 3)
HAIR = avatars.beards(COUNT, 4)


def test_equal_seeds_give_equal_pictures_and_others_do_not() -> None:
    one, same = (avatars.avatars(PEOPLE[:3], GLASSES[:3], HAIR[:3], SIZE) for _ in range(2))
    assert torch.equal(one, same)
    assert one.shape == (3, 3, SIZE, SIZE)
    assert one.dtype == torch.float32
    assert -1 <= float(one.min()) < float(one.max()) <= 1
    for draw in (avatars.commons, avatars.accessories, avatars.beards):
        assert draw(5, 1) == draw(9, 1)[:5]
        assert draw(5, 1) != draw(5, 2)


def test_plain_pictures_have_no_content() -> None:
    for common in avatars.commons(60, 5):
        face = avatars._face(common)
        for layer in ("accessories", "facialHair"):
            for variant in avatars._definition()["components"][layer]["variants"].values():
                paths = [each["attributes"]["d"] for each in variant["elements"] if "d" in each.get("attributes", {})]
                assert paths
                assert not any(path in face for path in paths)
    assert not avatars.opacity(PEOPLE, None, None, SIZE).any()


@pytest.mark.parametrize("layer", ["glasses", "hair", "both"])
def test_content_changes_what_its_mask_covers_and_nothing_else(layer: str) -> None:
    glasses, hair = None if layer == "hair" else GLASSES, None if layer == "glasses" else HAIR
    plain = avatars.avatars(PEOPLE, None, None, SIZE)
    changed, mask = avatars.avatars(PEOPLE, glasses, hair, SIZE), avatars.opacity(PEOPLE, glasses, hair, SIZE)
    assert mask.shape == (COUNT, 1, SIZE, SIZE)
    differs = (changed != plain).any(1, keepdim=True)
    assert not (differs & (mask == 0)).any()
    assert ((changed - plain).abs().amax(1, keepdim=True) <= 2 * mask + 1e-5).all()
    for at in range(COUNT):
        strong = mask[at] > 0.5
        assert 0.005 < float((mask[at] > 0.15).float().mean()) < 0.35
        assert strong.any()
        assert float((changed - plain)[at].abs().mean(0, keepdim=True)[strong].mean()) > 0.05


def test_another_content_changes_what_either_mask_covers_and_nothing_else() -> None:
    one, other = (avatars.avatars(PEOPLE, guides, None, SIZE) for guides in (GLASSES, OTHERS))
    covered = sum(avatars.opacity(PEOPLE, guides, None, SIZE) for guides in (GLASSES, OTHERS))
    assert not ((one != other).any(1, keepdim=True) & (covered == 0)).any()
    for at, (guide, theirs) in enumerate(zip(GLASSES, OTHERS, strict=True)):
        assert torch.equal(one[at], other[at]) == (guide == theirs)


def test_layers_laid_over_each_other_are_the_drawing_in_one_piece() -> None:
    """But for the rounding to 8 bits in each. Glints brighten their lens alone, so content is a group of its own."""
    made = avatars.avatars(PEOPLE, GLASSES, HAIR, SIZE)
    for picture, common, glasses, beard in zip(made, PEOPLE, GLASSES, HAIR, strict=True):
        content = avatars._content("facialHair", beard) + avatars._content("accessories", glasses)
        whole = f'{avatars._face(common)}<g style="isolation:isolate">{content}</g>'
        expected = 2 * F.avg_pool2d(avatars._rasterised(whole, common, SIZE)[:3], 2) - 1
        assert float((picture - expected).abs().max()) < 4 / 255


def test_glasses_go_where_the_eyes_are() -> None:
    """As a face moves and grows, so does what is on it."""
    where = torch.arange(SIZE) + 0.5

    def middle(common: avatars.Common) -> tuple[float, float]:
        weight = avatars.opacity([common], GLASSES[:1], None, SIZE)[0, 0]
        return float((weight.sum(0) * where).sum() / weight.sum()), float((weight.sum(1) * where).sum() / weight.sum())

    straight = PEOPLE[0]._replace(x=140.0, y=118.0, width=224.0, turn=0.0)
    moved = straight._replace(x=140.0 - 7, y=118.0 - 14)  # of 224 / 32 = 7 units a pixel
    for now, before, by in zip(middle(moved), middle(straight), (1, 2), strict=True):
        assert now - before == pytest.approx(by, abs=0.1)
    near = avatars.opacity([straight._replace(width=168.0)], GLASSES[:1], None, SIZE).sum()
    assert float(near / avatars.opacity([straight], GLASSES[:1], None, SIZE).sum()) == pytest.approx(
        (224 / 168) ** 2, rel=0.02
    )


def test_every_part_that_is_named_can_be_drawn_and_seen() -> None:
    components = avatars._definition()["components"]
    named = {
        "top": avatars.HAIR,
        "clothes": avatars.CLOTHES,
        "eyes": avatars.EYES,
        "eyebrows": avatars.EYEBROWS,
        "mouth": avatars.MOUTHS,
        "accessories": avatars.GLASSES,
        "facialHair": avatars.BEARDS,
    }
    for layer, kinds in named.items():
        assert set(kinds) <= set(components[layer]["variants"])
        for kind in kinds:  # no component within a component, and no layer that looks at what lies below
            assert '"component"' not in json.dumps(components[layer]["variants"][kind])
    assert len(avatars._visible("accessories")) >= 12
    assert len(avatars._visible("facialHair")) >= 6
    black = avatars.Beard("beardMajestic", "#000000")
    assert float(avatars.opacity(PEOPLE[:1], None, [black], SIZE).max()) == 1


def test_the_artwork_says_that_it_may_be_used() -> None:
    meta = avatars._definition()["meta"]
    assert meta["license"]["name"] == "Free for personal and commercial use"
    assert meta["creator"]["name"] == "Pablo Stanley"


def test_lists_of_other_lengths_are_refused() -> None:
    with pytest.raises(ValueError, match=r"longer|shorter"):
        avatars.avatars(PEOPLE, GLASSES[:2], None, SIZE)
