"""Actions are learned; batches come again; the nulls are what they say."""

import contextlib
import itertools
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pytest
import torch

from gestalt.ops.chance import seeded
from gestalt.run.service import NullRun
from gestalt.tasks.speed import action_tables, finetune
from gestalt.tasks.speed.actions import Actions, Labelled, read
from gestalt.tasks.speed.config import Finetune
from gestalt.tasks.speed.embedding import starting_weights
from speed_actions import film, ucf

SETTINGS = Finetune(begin_from="random", frames=8, side=32, steps=60, batch=4, lr=3e-3, clips=2)


@pytest.fixture(scope="module")
def found(tmp_path_factory: pytest.TempPathFactory) -> Actions:
    return read(ucf(tmp_path_factory.mktemp("data"), ("flag", "bounce"), train=4, test=2, frames=30))


def test_a_batch_depends_on_the_seed_and_the_step_alone(found: Actions) -> None:
    begun = list(itertools.islice(finetune.batches(found.train, SETTINGS, seed=1), 4))
    resumed = next(finetune.batches(found.train, SETTINGS, seed=1, first=3))
    assert torch.equal(begun[3].clips, resumed.clips)
    assert torch.equal(begun[3].labels, resumed.labels)
    assert not torch.equal(begun[0].clips, next(finetune.batches(found.train, SETTINGS, seed=2)).clips)
    assert begun[0].clips.shape == (4, 3, 8, 32, 32)
    # Every video comes once before any comes again.
    for turn in (begun[:2], begun[2:]):
        assert sorted(torch.cat([one.labels for one in turn]).tolist()) == [0, 0, 0, 0, 1, 1, 1, 1]


def test_it_learns_what_it_is_shown(found: Actions) -> None:
    shown = found._replace(test=found.train)
    net = starting_weights("random", "auto", seeded(0)).requires_grad_(False).eval()  # as those of a run come
    measures = finetune.make(shown, net, SETTINGS, seed=0, device=torch.device("cpu"))
    assert measures["top1"] >= 7 / 8
    assert measures["top5"] == 1
    assert measures["chance"] == measures["largest"] == 0.5
    assert measures["colours"] == 1  # each is its own nearest
    assert (measures["train"], measures["test"], measures["clips"]) == (8, 8, 2)


def test_clips_lie_evenly_and_short_videos_stay_at_their_end(tmp_path: Path) -> None:
    path = film(tmp_path / "a.mp4", "swing", 1, frames=50)
    clips = list(finetune.tested_clips(path, Finetune(frames=8, side=32, clips=3)))
    assert [clip.shape for clip in clips] == [(8, 37, 37, 3)] * 3
    short = film(tmp_path / "b.mp4", "swing", 1, frames=5)
    (one,) = finetune.tested_clips(short, Finetune(frames=8, side=32, clips=3))
    np.testing.assert_array_equal(one[5:], one[4:5].repeat(3, 0))
    x = finetune.learned_clip(short, 8, 64, np.random.default_rng(0))  # larger than the video
    assert x.shape == (1, 3, 8, 64, 64)


def test_the_tables_say_what_is_right() -> None:
    videos = [Labelled(Path(f"{n}.mp4"), label) for n, label in enumerate([0, 0, 0, 1, 2])]
    found = Actions(("a", "b", "c"), tuple(videos), tuple(videos))
    probabilities = torch.tensor([[0.6, 0.3, 0.1], [0.2, 0.7, 0.1], [0.5, 0.2, 0.3], [0.2, 0.5, 0.3], [0.9, 0.1, 0.0]])
    kept: dict[str, list[str]] = {}

    class Kept(NullRun):
        @contextlib.contextmanager
        def file(self, name: str, caption: str, *, row: str = "", col: str = "", kind: str = "file") -> Iterator[Path]:
            with super().file(name, caption, row=row, col=col, kind=kind) as path:
                yield path
                kept[name] = path.read_text().splitlines()

    measures = action_tables.keep(found, probabilities, torch.tensor([0, 1, 1, 1, 1]), Kept())
    assert measures["top1"] == pytest.approx(3 / 5)
    assert measures["colours"] == pytest.approx(2 / 5)
    assert measures["largest"] == pytest.approx(3 / 5)
    assert measures["chance"] == pytest.approx(1 / 3)
    assert kept["confusion.csv"] == ["class,a,b,c", "a,2,1,0", "b,0,1,0", "c,1,0,0"]
    assert [line.split(",")[:3] for line in kept["classes.csv"][1:]] == [
        ["a", "3", "3"],
        ["b", "1", "1"],
        ["c", "1", "1"],
    ]
    assert kept["predictions.csv"][2] == "1.mp4,a,b,0.7"
