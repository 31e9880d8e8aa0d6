"""The sheet of what is said: whose labels are looked at, and how numbers become colours."""

import dataclasses

import pytest
import torch
from torch import Tensor, nn

from gestalt.tasks.classify import shown
from gestalt.tasks.classify.config import Adapt
from gestalt.tasks.classify.network import Classifier
from gestalt.tasks.classify.segments import NONE
from gestalt.tasks.classify.sides import Side, Sides, drawn

TINY = Adapt(size=16, pictures=16)


class Says(nn.Module):
    """Always one class, of six or seven."""

    def __init__(self, chosen: int, *, pixels: bool) -> None:
        super().__init__()
        self.chosen, self.pixels = chosen, pixels

    def forward(self, x: Tensor) -> Tensor:
        made = torch.zeros(len(x), 7 if self.pixels else 6, *(x.shape[2:] if self.pixels else ()))
        made[:, self.chosen] = 1
        return made


@pytest.mark.parametrize("what", ["classes", "segments"])
def test_other_words_are_other_pixels(what: str) -> None:
    sides = drawn(dataclasses.replace(TINY, what=what), 0)  # pyright: ignore
    one, same, other = (shown.sheet(Classifier(Says(chosen, pixels=what == "segments")), sides) for chosen in (2, 2, 3))
    assert one.shape[:2] == (1, 3)
    assert one.min() >= -1
    assert one.max() <= 1
    assert torch.equal(one, same)
    assert not torch.equal(one, other)


def test_labels_that_may_not_be_learned_from_are_not_shown() -> None:
    x, labels = torch.zeros(1, 3, 16, 16), torch.ones(1, 16, 16, dtype=torch.long)
    side = Side(lambda _n, _chance: (x, labels), range(2), range(0))
    assert shown.some(side)[1] == [None, None]
    tested = side._replace(tested=range(3))
    assert all(torch.equal(one, labels) for one in shown.some(tested)[1] if one is not None)
    assert len(shown.some(tested)[1]) == 3
    hidden, seen = (
        shown.sheet(Classifier(Says(0, pixels=True)), Sides(tuple("abcdefg"), one, one)) for one in (side, tested)
    )
    assert not torch.equal(hidden, seen)


@pytest.mark.parametrize(("count", "shown_"), [(18, [0, 3, 6, 9, 12, 15]), (3, [0, 1, 2])])
def test_pictures_are_shown_from_all_classes(count: int, shown_: list[int]) -> None:
    side = Side(lambda n, _chance: (torch.zeros(1, 3, 4, 4), torch.tensor([n])), range(0), range(count))
    assert [int(label) for label in shown.some(side)[1] if label is not None] == shown_


def test_colours_are_told_apart_and_black_is_none() -> None:
    palette = shown.colours(19)
    assert (torch.cdist(palette, palette) + torch.eye(19)).min() > 0.1
    painted = shown.painted(torch.tensor([[[0, 5, NONE]]]), palette)
    assert painted.shape == (1, 3, 1, 3)
    assert torch.equal(painted[0, :, 0].T, torch.stack([palette[0], palette[5], torch.full((3,), -1.0)]))


@pytest.mark.parametrize(("right", "says"), [(1, "b"), (0, "a, called b"), (None, "called b")])
def test_captions(right: int | None, says: str) -> None:
    assert shown._caption(("a", "b"), None if right is None else torch.tensor([right]), 1) == says
