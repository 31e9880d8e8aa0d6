"""What is learned from is tested beside what is not, and beside the amount of change."""

import json
import sys
from pathlib import Path

import numpy as np
import pytest
import torch

import speed_held_out
from gestalt.drawn.motion import FAMILIES, KINDS
from gestalt.tasks.speed import learning, training
from gestalt.tasks.speed.clips import Drawn
from gestalt.tasks.speed.config import Train
from gestalt.tasks.speed.learning import Group
from gestalt.tasks.speed.nulls import amounts, best_threshold, ranked_right, told_right
from gestalt.tasks.speed.speednet import SpeedNet

SMALL = Train(test=6, frames=6, least=16, most=16, held_out=("cyclic",))


@pytest.fixture(scope="module")
def net() -> SpeedNet:
    return SpeedNet("small", torch.Generator().manual_seed(0)).requires_grad_(False).eval()


def test_each_group_is_asked_about_and_the_threshold_is_of_what_was_learned_from(net: SpeedNet) -> None:
    source = Drawn(["jump"], codec=False)
    groups = [Group("jump", source, True), Group("gait", Drawn(["gait"], codec=False), False)]
    rows = learning.examine(net, groups, SMALL)
    how = {"count": 6, "frames": 6, "side": 16}
    moved = [amounts(group.source, **how) for group in groups]
    threshold = best_threshold(moved[0])
    for row, group, some in zip(rows, groups, moved, strict=True):
        said = training.told_apart(net, group.source, **how)
        assert row[:4] == (group.name, group.seen, said.accuracy, said.ranked)
        assert row.by_change == np.mean([some[:, 0] < threshold, some[:, 1] >= threshold])
        assert row.ranked_by_change == np.mean(some[:, 1] > some[:, 0])
    assert learning.on_average(rows, seen=True) == dict(zip(learning.MEASURES, rows[0][2:], strict=True))
    assert learning.on_average(rows[:1], seen=False) == {}


def test_drawn_motion_is_tested_at_any_spread(net: SpeedNet) -> None:
    def groups(spread: float) -> list[Group]:
        return [Group("jump", Drawn(["jump"], spread=spread, codec=False), True)]

    there = learning.examine(net, groups(0.1), SMALL, spread=0.8)
    assert there == learning.examine(net, groups(0.8), SMALL)
    assert there != learning.examine(net, groups(0.1), SMALL)


def test_the_amount_of_change_tells_and_ranks() -> None:
    found = np.array([[1.0, 2.0], [5.0, 9.0], [4.0, 3.0], [1.0, 6.0]])
    assert ranked_right(found) == 0.75
    assert told_right(found, 2.0) == 0.75
    assert told_right(found, best_threshold(found)) == 0.75


def test_saved_networks_are_tested_again(
    net: SpeedNet, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    old = {"family": "cyclic", "seed": 0, "spread": 0.25, "steps": 9, "minutes": 0.1, "ceiling": 0.997}
    old |= {"gait": [0.7, 0.8, 0.5], "seen": [0.9, 0.95, 0.55], "held_out": [0.7, 0.8, 0.5]}
    (tmp_path / "held_out.jsonl").write_text(json.dumps(old) + "\n")
    torch.save(net.state_dict(), tmp_path / "cyclic_0.pt")
    asked: list[float | None] = []

    def examine(
        given: SpeedNet, groups: list[Group], settings: Train, *, spread: float | None = None
    ) -> list[learning.Row]:
        asked.append(spread)
        assert settings.held_out == ("cyclic",)
        assert not given.training
        torch.testing.assert_close(given.state_dict(), net.state_dict())
        return [learning.Row(group.name, group.seen, 0.9, 0.8, 0.6, 0.7) for group in groups]

    monkeypatch.setattr(learning, "examine", examine)
    monkeypatch.setattr(training, "fit", lambda *_, **__: pytest.fail("trained"))
    monkeypatch.setattr(sys, "argv", ["speed_held_out.py", "--keep", str(tmp_path), "--test-again", "--threads", "1"])
    speed_held_out.main()
    assert asked == [0.25, 0.5]
    first, *new = speed_held_out.written(tmp_path)
    assert first == old
    assert [(line["again"], line["spread"], line["steps"]) for line in new] == [(True, 0.25, 9), (True, 0.5, 9)]
    assert set(KINDS) <= set(new[0])
    assert new[0]["held_out"] == new[0][FAMILIES["cyclic"][0]] == [0.9, 0.8, 0.6, 0.7]
    told = capsys.readouterr().out
    assert "| cyclic | 0 | 0.25 | when trained | 0.997 | held out | 0.700 | 0.800 | 0.500 |  |" in told
    assert "| cyclic | 0 | 0.25 | again | 0.997 | held out | 0.900 | 0.800 | 0.600 | 0.700 |" in told
