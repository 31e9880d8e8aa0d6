"""Edits of files: whole pictures in their own shape, untouched to the bit where a mask method says so."""

import weakref
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import pytest
import torch

from gestalt.media import image
from gestalt.run.service import NullRun
from gestalt.tasks.transfer import edits, outcome
from gestalt.tasks.transfer.codes import Painted
from gestalt.tasks.transfer.config import Between, Give, Grid, Remove, Segment
from gestalt.tasks.transfer.model import Model
from gestalt.tasks.transfer.outcome import Named
from gestalt.tasks.transfer.pictures import squared
from tasks.transfer.methods import TINY, Noted, pictures, small

NAMES = list(TINY)
SHAPES = [(40, 40), (30, 50), (57, 33), (1, 90), (90, 1), (200, 120)]


def trained(name: str) -> Model:
    return Model(small(name), TINY[name], 0.5)


class Corner(torch.nn.Module):
    """A content decoder that paints white on the upper left quarter of a square and nothing elsewhere."""

    def forward(self, code: torch.Tensor) -> torch.Tensor:
        out = torch.full((len(code), 4, 32, 32), 20.0)
        out[:, 0] = -200
        out[:, 0, :16, :16] = 200
        return out


def cornered() -> Model:
    """A mask method whose content is known."""
    net: Any = small("mask")
    net.content = Corner()
    return Model(net, TINY["mask"], 0.5)


def written(folder: Path, shapes: Sequence[tuple[int, int]] = SHAPES, seed: int = 0) -> list[Named]:
    found = []
    for n, (height, width) in enumerate(shapes):
        path = folder / f"{seed}_{n}.png"
        image.write(
            path, torch.rand(1, 3, height, width, generator=torch.Generator().manual_seed(9 * seed + n)) * 2 - 1
        )
        found.append(Named(path, path.stem))
    return found


def model_size(height: int, width: int) -> tuple[int, int]:
    longest = max(height, width)
    return max(1, round(32 * height / longest)), max(1, round(32 * width / longest))


@pytest.mark.parametrize("verb", ["add", "swap"])
def test_of_guides_nothing_is_held_but_what_the_method_sees(verb, tmp_path, monkeypatch):
    targets, guides = written(tmp_path, [(90, 60)] * 2), written(tmp_path, [(70, 80)] * 5, seed=1)
    opened: list[weakref.ref[torch.Tensor]] = []
    held: list[int] = []
    read, edit = image.read, getattr(edits, verb)

    def noted(path: Path) -> torch.Tensor:
        whole = read(path)
        opened.append(weakref.ref(whole))
        return whole

    def counted(*given: Any, **more: Any) -> Any:
        held.append(sum(one() is not None for one in opened))
        return edit(*given, **more)

    monkeypatch.setattr(image, "read", noted)
    monkeypatch.setattr(edits, verb, counted)
    getattr(outcome, verb)(targets, guides, trained("mask"), Give(), run=NullRun())
    assert held == [1] * 10


@pytest.mark.parametrize("verb", ["add", "swap"])
def test_every_target_gets_every_guide_s_content_in_its_own_shape(verb, tmp_path):
    targets, guides = written(tmp_path), written(tmp_path, [(20, 44), (32, 32)], seed=1)
    edit = getattr(outcome, verb)
    for name in NAMES:
        run = Noted()
        assert edit(targets, guides, trained(name), Give(), run=run) == []
        assert list(run.images) == [f"{t.name}__{g.name}.png" for t in targets for g in guides]
        for target, shape in zip(targets, SHAPES, strict=True):
            for guide in guides:
                found = run.images[f"{target.name}__{guide.name}.png"]
                assert found.shape == (1, 3, *(shape if name == "mask" else model_size(*shape)))
                assert found.abs().max() <= 1
                assert found.isfinite().all()


def test_no_two_pairs_are_called_alike(tmp_path):
    one, other = written(tmp_path, [(32, 32)] * 2), written(tmp_path, [(32, 32)] * 2, seed=1)
    targets = [named._replace(name=name) for named, name in zip(one, ("a", "a__b"), strict=True)]
    guides = [named._replace(name=name) for named, name in zip(other, ("c", "b__c"), strict=True)]
    run = Noted()
    outcome.add(targets, guides, trained("mask"), Give(), run=run)
    assert list(run.images) == ["a__c.png", "a__b__c.png", "a__b__c_2.png", "a__b__b__c.png"]
    assert run.captions["a__b__c_2.png"] == "a__b with the content of c"


def test_a_picture_of_the_model_s_own_size_is_edited_as_by_edits(tmp_path):
    (target,), (guide,) = written(tmp_path, [(32, 32)]), written(tmp_path, [(32, 32)], seed=1)
    x, g = (image.read(one.path) for one in (target, guide))
    for name in NAMES:
        run, model = Noted(), trained(name)
        outcome.add([target], [guide], model, Give(), run=run)
        torch.testing.assert_close(next(iter(run.images.values())), edits.add(model.net, x, g).image.clamp(-1, 1))


@pytest.mark.parametrize("shape", [(40, 40), (100, 100), (64, 128), (129, 64)])
def test_pixels_outside_the_mask_are_the_file_s_own_to_the_bit(shape, tmp_path):
    (target,), (guide,) = written(tmp_path, [shape]), written(tmp_path, [(32, 32)], seed=1)
    x, side = image.read(target.path), max(shape)
    top, left = (side - shape[0]) // 2, (side - shape[1]) // 2
    near = 3 * side // 32  # as far as a pixel of the mask reaches, made larger
    rows, columns = (torch.arange(n) + first for n, first in ((shape[0], top), (shape[1], left)))
    outside = ((rows >= side // 2 + near)[:, None] | (columns >= side // 2 + near)).expand_as(x)
    inside = ((rows < side // 2 - near)[:, None] & (columns < side // 2 - near)).expand_as(x)
    assert outside.any()
    for edit in (outcome.add, outcome.swap):
        run = Noted()
        edit([target], [guide], cornered(), Give(), run=run)
        (found,) = run.images.values()
        assert torch.equal(found[outside], x[outside])
        assert inside.any()
        torch.testing.assert_close(found[inside], torch.ones_like(found[inside]))
    run = Noted()
    outcome.remove([target], cornered(), Remove(), run=run)
    (found,) = run.images.values()
    assert torch.equal(found[outside], x[outside])
    assert not torch.equal(found[inside], x[inside])


@pytest.mark.parametrize("name", NAMES)
def test_removal_keeps_the_shape(name, tmp_path):
    paths = written(tmp_path)
    for whole in (False, True):
        run = Noted()
        assert outcome.remove(paths, trained(name), Remove(whole=whole), run=run) == []
        for path, shape in zip(paths, SHAPES, strict=True):
            own = name == "mask" and not whole
            assert run.images[f"{path.name}.png"].shape[2:] == (shape if own else model_size(*shape))


@pytest.mark.parametrize("name", NAMES)
def test_segments_are_black_and_white_at_the_file_s_size(name, tmp_path):
    paths = written(tmp_path)
    run = Noted()
    assert outcome.segment(paths, trained(name), Segment(), run=run) == []
    for path, shape in zip(paths, SHAPES, strict=True):
        found = run.images[f"{path.name}.png"]
        assert found.shape == (1, 1, *shape)
        assert set(found.unique().tolist()) <= {-1, 1}


def test_segments_go_by_the_run_s_threshold_or_the_one_given(tmp_path):
    paths = written(tmp_path, [(64, 64)])
    for model, settings, white in (
        (cornered(), Segment(), 0.25),
        (cornered()._replace(threshold=1.5), Segment(), 0),
        (cornered()._replace(threshold=1.5), Segment(threshold=0.5), 0.25),
        (trained("mask"), Segment(threshold=0.0), 1),
        (trained("mask"), Segment(threshold=1.0), 0),
    ):
        run = Noted()
        outcome.segment(paths, model, settings, run=run)
        (found,) = run.images.values()
        assert float((found > 0).float().mean()) == pytest.approx(white, abs=0.02)


def test_three_codes_and_translations_take_two_sides(tmp_path):
    a, b, c = written(tmp_path, [(32, 40), (32, 32), (50, 32)])
    run = Noted()
    assert outcome.compose(a, b, c, trained("intersection"), run=run) == []
    (name,) = run.images
    assert name == f"{a.name}__{b.name}__{c.name}.png"
    assert run.images[name].shape == (1, 3, 26, 32)
    both = []
    for side in ("content", "plain"):
        run = Noted()
        outcome.add([a], [b], trained("intersection"), Give(side=side), run=run)
        both += run.images.values()
        outcome.swap([a], [b], trained("intersection"), Give(side=side), run=run)
        assert torch.equal(next(iter(run.images.values())), both[-1])
        outcome.grid([a], [b], trained("intersection"), Grid(side=side), run=run)
        outcome.between(a, b, c, trained("intersection"), Between(side=side), run=run)
    assert not torch.equal(both[0], both[1])
    for name in ("mask", "disentangle"):
        for edit in (
            lambda model: outcome.compose(a, b, c, model, run=NullRun()),
            lambda model: outcome.add([a], [b], model, Give(side="plain"), run=NullRun()),
            lambda model: outcome.swap([a], [b], model, Give(side="plain"), run=NullRun()),
            lambda model: outcome.grid([a], [b], model, Grid(side="plain"), run=NullRun()),
            lambda model: outcome.between(a, b, c, model, Between(side="plain"), run=NullRun()),
        ):
            with pytest.raises(ValueError, match="known to models of --method intersection alone"):
                edit(trained(name))


@pytest.mark.parametrize("name", NAMES)
def test_the_way_is_in_equal_steps(name, tmp_path):
    fixed, one, other = written(tmp_path, [(30, 50), (32, 32), (40, 32)])
    run = Noted()
    outcome.between(fixed, one, other, trained(name), Between(samples=4), run=run)
    assert list(run.images) == ["00.png", "01.png", "02.png", "03.png", "row.png"]
    assert run.captions["01.png"] == f"33% of the way from {one.name} to {other.name}"
    for n in range(4):
        assert run.images[f"{n:02d}.png"].shape[2:] == ((30, 50) if name == "mask" else (19, 32))
    ends = Noted()
    outcome.add([fixed], [one, other], trained(name), Give(), run=ends)
    assert torch.equal(run.images["00.png"], ends.images[f"{fixed.name}__{one.name}.png"])
    assert torch.equal(run.images["03.png"], ends.images[f"{fixed.name}__{other.name}.png"])
    run = Noted()
    outcome.between(fixed, one, other, trained(name), Between(of="identity", samples=2), run=run)
    assert list(run.images) == ["00.png", "01.png", "row.png"]
    assert run.images["00.png"].shape == (1, 3, 32, 32)
    one, other = written(tmp_path, [(30, 60), (30, 60)], seed=2)
    run = Noted()
    outcome.between(fixed, one, other, trained(name), Between(of="identity", samples=2), run=run)
    assert run.images["00.png"].shape == run.images["01.png"].shape == (1, 3, 16, 32)


def test_grids_show_no_more_than_asked(tmp_path):
    targets, guides = written(tmp_path, [(32, 32)] * 5), written(tmp_path, [(32, 32)] * 4, seed=1)
    heights = []
    for samples in (2, 4):
        run = Noted()
        assert outcome.grid(targets, guides, trained("mask"), Grid(samples=samples), run=run) == []
        heights.append(run.images["grid.png"].shape[2])
        told = [f"{samples} of 5 targets shown; --samples shows more"]
        assert run.said == told + ["2 of 4 guides shown; --samples shows more"] * (samples == 2)
    assert heights[0] < 0.65 * heights[1]
    run = Noted()
    outcome.grid(targets, guides, trained("mask"), Grid(samples=5), run=run)
    assert run.said == []


def test_grids_show_as_many_as_asked_of_those_that_can_be_read(tmp_path):
    targets, guides = written(tmp_path, [(32, 32)] * 6), written(tmp_path, [(32, 32)] * 3, seed=1)
    run = Noted()
    outcome.grid(targets[3:5], guides[2:], trained("mask"), Grid(samples=2), run=run)
    wanted = run.images["grid.png"]
    for one in (*targets[:3], *guides[:2]):
        one.path.write_text("no picture")
    run = Noted()
    assert len(outcome.grid(targets, guides, trained("mask"), Grid(samples=2), run=run)) == 5
    assert torch.equal(run.images["grid.png"], wanted)
    assert [text for text in run.said if not text.startswith("left out: ")] == [
        "2 of 6 targets shown; --samples shows more"
    ]
    run = Noted()
    outcome.grid(targets[2:5], guides, trained("mask"), Grid(samples=2), run=run)
    assert all(text.startswith("left out: ") for text in run.said), "there is no more to show"


# -- what cannot be read -----------------------------------------------------------------------------------


def test_what_cannot_be_read_is_named_and_the_others_are_edited(tmp_path):
    targets, guides = written(tmp_path, [(32, 32)] * 3), written(tmp_path, [(32, 32)] * 2, seed=1)
    targets[1].path.write_text("no picture")
    guides[0].path.write_bytes(guides[0].path.read_bytes()[:100])
    run = Noted()
    skipped = outcome.add(targets, guides, trained("mask"), Give(), run=run)
    assert len(skipped) == 2
    assert guides[0].path.name in skipped[0]
    assert targets[1].path.name in skipped[1]
    assert [text.startswith("left out: ") for text in run.said] == [True, True]
    assert list(run.images) == [f"{targets[n].name}__{guides[1].name}.png" for n in (0, 2)]
    run = Noted()
    assert len(outcome.remove(targets, trained("mask"), Remove(), run=run)) == 1
    assert len(run.images) == 2
    assert len(outcome.grid(targets, guides, trained("mask"), Grid(), run=run)) == 2


def test_where_nothing_can_be_read_it_is_said(tmp_path):
    good, bad = written(tmp_path, [(32, 32)]), written(tmp_path, [(32, 32)] * 2, seed=1)
    for one in bad:
        one.path.write_text("no picture")
    model, run = trained("mask"), Noted()
    for edit in (
        lambda: outcome.add(bad, good, model, Give(), run=run),
        lambda: outcome.add(good, bad, model, Give(), run=run),
        lambda: outcome.swap(bad, bad, model, Give(), run=run),
        lambda: outcome.remove(bad, model, Remove(), run=run),
        lambda: outcome.segment(bad, model, Segment(), run=run),
        lambda: outcome.grid(good, bad, model, Grid(), run=run),
    ):
        with pytest.raises(ValueError, match=r"none of the 2 pictures can be read: .*1_0\.png"):
            edit()
    with pytest.raises(ValueError, match=r"1_0\.png"):
        outcome.between(good[0], bad[0], good[0], model, Between(), run=run)
    assert run.images == {}
    with pytest.raises(ValueError, match=r"none of the 2 pictures can be read: .*1_0\.png"):
        outcome.readable(bad)
    outcome.readable([*bad, *good])


def test_pasting_is_done_in_order():
    """A swap takes away, then pastes; made large, both are done to the whole picture."""
    x = pictures(1, 40)
    square = squared(x, 32)
    grey, white = torch.zeros(1, 3, 32, 32), torch.ones(1, 3, 32, 32)
    everywhere = torch.ones(1, 1, 32, 32)
    done = edits.Rendered(square, (Painted(white, everywhere), Painted(grey, everywhere)))
    found = outcome._whole(outcome.Opened(x, square, "x"), done, trained("mask"))
    torch.testing.assert_close(found, torch.zeros_like(x), atol=1e-5, rtol=0)
