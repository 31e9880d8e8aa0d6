"""Neighbours by hand, by a network that sees the mean colour alone, and what is counted."""

import dataclasses
import math
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from PIL import Image
from torch import Tensor

from gestalt.media.video_writer import VideoWriter
from gestalt.run.service import NullRun
from gestalt.tasks.speed import retrieval
from gestalt.tasks.speed.config import Retrieve
from gestalt.tasks.speed.retrieval import Item, Nearest
from gestalt.tasks.speed.speednet import SpeedNet

SETTINGS = Retrieve(begin_from="random", frames=8, side=32, neighbours=3)


class Colour(SpeedNet):
    """Embeds a clip as its mean colour."""

    def __init__(self) -> None:
        super().__init__("small", torch.Generator().manual_seed(0))

    def embed(self, x: Tensor) -> Tensor:
        return x.mean((2, 3, 4)) + 1


class Told(NullRun):
    def __init__(self) -> None:
        self.measures: dict[str, float] = {}

    def measure(self, **values: float) -> None:
        self.measures |= values


def flat(path: Path, *parts: tuple[tuple[int, int, int], int]) -> Path:
    """A video of plain colours, each for a number of frames."""
    path.parent.mkdir(parents=True, exist_ok=True)
    with VideoWriter(path, rate=25) as writer:
        for colour, count in parts:
            writer.write(np.full((count, 32, 32, 3), colour, np.uint8))
    return path


def items(folder: Path) -> list[Item]:
    return retrieval.items(folder, sorted(folder.rglob("*.mp4")))


RED, GREEN, BLUE, GREY = (220, 30, 30), (30, 200, 30), (30, 30, 220), (128, 128, 128)


def test_the_best_are_kept_in_order() -> None:
    nearest, chance = Nearest(2, 3), np.random.default_rng(0)
    given = chance.uniform(-1, 1, (7, 2)).astype(np.float32)
    for n, row in enumerate(given):
        nearest.offer(torch.from_numpy(row), n, torch.tensor([n, n + 0.5], dtype=torch.float64))
    order = np.argsort(-given, axis=0)[:3].T
    np.testing.assert_array_equal(nearest.state["video"].numpy(), order)
    np.testing.assert_allclose(nearest.state["similarity"].numpy(), np.take_along_axis(given.T, order, 1))
    np.testing.assert_allclose(nearest.state["time"].numpy(), order + np.array([[0], [0.5]]))


def test_within_a_video_the_same_comes_first(tmp_path: Path) -> None:
    path = flat(tmp_path / "a.mp4", (RED, 8), (GREEN, 24), (RED, 24), (BLUE, 24))
    found = retrieval.within(Item(path), Colour(), SETTINGS)
    first = found.neighbours[0]
    assert 32 / 25 - 1e-6 <= first.time <= 48 / 25 + 1e-6
    assert first.similarity > 0.999
    assert all(near.time >= 8 / 25 - 1e-6 for near in found.neighbours)
    times = sorted(near.time for near in found.neighbours)
    assert min(np.diff(times)) >= 7.5 / 25


def test_nothing_after_the_query_is_said(tmp_path: Path) -> None:
    path = flat(tmp_path / "a.mp4", (RED, 20))
    with pytest.raises(ValueError, match=r"nothing in .* comes after the query, which ends at 2 s"):
        retrieval.within(Item(path), Colour(), Retrieve(length_s=2.0, frames=8, side=32))
    with pytest.raises(ValueError, match="has no frame from 9 s"):
        retrieval.within(Item(path), Colour(), Retrieve(start_s=9.0, frames=8, side=32))


def test_across_videos(tmp_path: Path) -> None:
    for label, colour in (("red", RED), ("green", GREEN), ("blue", BLUE)):
        flat(tmp_path / "queries" / label / "q.mp4", (colour, 12))
        for n in range(2):
            shade = tuple(int(level * (0.8 - 0.3 * n)) for level in colour)
            flat(tmp_path / "corpus" / label / f"{n}.mp4", (GREY, 8 * n + 4), ((shade[0], shade[1], shade[2]), 28))
    queries, corpus = (items(tmp_path / name) for name in ("queries", "corpus"))
    assert [one.label for one in queries] == ["blue", "green", "red"]
    run = Told()
    assert retrieval.make(queries, corpus, Colour(), SETTINGS, run=run) == []
    found, _ = retrieval.across(queries, corpus, Colour(), SETTINGS)
    for one in found:
        assert one.neighbours[0].path.parent.name == one.query.label
        assert one.neighbours[0].path.name == "0.mp4"
    assert found[0].neighbours[0].time >= 4 / 25 - 1e-6  # the window that is blue from its beginning
    assert run.measures["recall_at_1"] == 1
    assert run.measures["chance_at_1"] == pytest.approx(1 / 3)
    assert run.measures["chance_at_5"] == 1 - math.comb(4, 5) / math.comb(6, 5)


def captioned(monkeypatch: pytest.MonkeyPatch) -> list[tuple[str, list[int]]]:
    """Filled with the caption and the mean colour of every cell of the sheets that are made."""
    made: list[tuple[str, list[int]]] = []
    original = retrieval.contact_sheet

    def noted(rows: list[list[Tensor]], **options: Any) -> Tensor:
        colours = [((cell[0].mean((1, 2)) + 1) * 127.5).round().int().tolist() for cell in rows[0]]
        made.extend(zip(options["captions"][0], colours, strict=True))
        return original(rows, **options)

    monkeypatch.setattr(retrieval, "contact_sheet", noted)
    return made


def is_like(colour: list[int], other: tuple[int, int, int]) -> bool:
    return max(abs(one - two) for one, two in zip(colour, other, strict=True)) < 12


def test_a_sheet_shows_the_windows_that_are_alike_and_says_when(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """In the middle of the query is something else."""
    made = captioned(monkeypatch)
    parts = (RED, 26), (GREEN, 4), (RED, 26)
    query = flat(tmp_path / "q.mp4", *parts)
    other = flat(tmp_path / "corpus/a.mp4", (GREY, 30), (RED, 12), (GREY, 20))
    retrieval.make([Item(query)], [Item(other)], Colour(), SETTINGS)
    alone = flat(tmp_path / "b.mp4", *parts, (BLUE, 8), (RED, 12))
    retrieval.make([Item(alone)], [], Colour(), dataclasses.replace(SETTINGS, length_s=56 / 25, neighbours=1))
    assert [colour for _, colour in made if not is_like(colour, RED)] == []
    words = [caption.split(", ") for caption, _ in made]
    assert [some[0] for some in words] == ["q.mp4", words[1][0], "b.mp4", words[3][0]]
    assert [words[1][0].split(": ")[1], words[3][0].split(": ")[1]] == ["a.mp4", "b.mp4"]
    # Windows begin every 4 frames, and their middle is 4 frames later.
    assert [some[1] for some in words] == [f"{n / 25:.2f} s" for n in (0 + 4, 32 + 4, 0 + 4, 64 + 4)]


def test_a_sheet_of_a_window_that_is_longer_than_its_video(tmp_path: Path) -> None:
    pictures = [Image.new("RGB", (32, 32), colour) for colour in (RED, GREEN, BLUE, GREY)]
    pictures[0].save(tmp_path / "a.gif", save_all=True, append_images=pictures[1:], duration=200)
    frame, time = retrieval.middle_of(tmp_path / "a.gif", 0.0, dataclasses.replace(SETTINGS, frames=80))
    assert time == pytest.approx(0.6)
    assert frame.mean().item() == pytest.approx(0, abs=0.05)


def test_a_video_is_not_its_own_neighbour(tmp_path: Path) -> None:
    for n in range(3):
        flat(tmp_path / f"{n}.mp4", (RED, 10 + n))
    given = items(tmp_path)
    assert [one.label for one in given] == ["", "", ""]
    found, _ = retrieval.across(given, given, Colour(), SETTINGS)
    for one in found:
        assert sorted(near.path for near in one.neighbours) == [o.path for o in given if o != one.query]


def test_chance_is_what_drawing_gives() -> None:
    items = [Item(Path(f"{n}"), label) for n, label in enumerate("aabbbc")]
    assert retrieval.by_chance(items[0], items, 1) == pytest.approx(1 / 5)
    assert retrieval.by_chance(items[2], items, 2) == pytest.approx(1 - (3 * 2) / (5 * 4))
    assert retrieval.by_chance(items[5], items, 3) == 0
    assert retrieval.by_chance(items[0], items, 10) == 1
    assert retrieval.recall(["a", "b"], [["b", "a"], ["b", "a"]], 1) == 0.5
    assert retrieval.recall(["a", "b"], [["b", "a"], ["b", "a"]], 2) == 1
