"""States refuse what they cannot hold or do not fit, and weight files are the same bytes each time."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch

from gestalt.run import checkpoint
from gestalt.run.checkpoint import LoopState


def _saved(path: Path, state: dict, **changes) -> None:
    LoopState(path, changes.pop("loop", "a2b"), changes.pop("total", 10), state).save(4)


def test_everything_comes_back(tmp_path: Path) -> None:
    path = tmp_path / "state.pt"
    chance = torch.Generator().manual_seed(1)
    held = torch.arange(4.0)
    net = torch.nn.Linear(2, 2)
    state = {"held": held, "chance": chance, "net": net, "list": [1, "two", None], "none": None}
    kept = LoopState(path, "a2b", 10, state)
    held += 1
    state["list"].append(torch.ones(2, dtype=torch.bfloat16))
    state["none"] = 0.5
    expected = torch.randn(3, generator=chance), net.weight.detach().clone()
    chance.manual_seed(1)
    kept.save(4)

    other = torch.Generator()
    net_2, held_2, list_2 = torch.nn.Linear(2, 2), torch.arange(4.0), [1, "two", None]
    state_2 = {"held": held_2, "chance": other, "net": net_2, "list": list_2, "none": None}
    assert LoopState(path, "a2b", 10, state_2).restore() == 4
    assert held_2.tolist() == [1, 2, 3, 4]  # in place: a local name sees it
    assert state_2["held"] is held_2
    assert torch.equal(torch.randn(3, generator=other), expected[0])
    assert torch.equal(net_2.weight, expected[1])
    assert state_2["list"] is list_2
    assert list_2[3].dtype == torch.bfloat16
    assert state_2["none"] == 0.5


def test_replaced_tensor_does_not_overwrite_the_callers(tmp_path: Path) -> None:
    path = tmp_path / "state.pt"
    state = {"best": torch.zeros(2)}
    kept = LoopState(path, "a2b", 10, state)
    state["best"] = torch.ones(2)
    kept.save(1)
    for _ in range(2):  # saved again without a change, it still counts as replaced
        source = torch.zeros(2)
        state = {"best": source}
        kept = LoopState(path, "a2b", 10, state)
        kept.restore()
        assert state["best"].tolist() == [1, 1]
        assert source.tolist() == [0, 0]
        kept.save(2)


def test_views_are_saved_alone_and_layout_stays(tmp_path: Path) -> None:
    path = tmp_path / "state.pt"
    big = torch.zeros(1_000_000)
    images = torch.randn(2, 3, 4, 5).to(memory_format=torch.channels_last)
    state: dict[str, Any] = {"view": None, "images": None}
    kept = LoopState(path, "a2b", 10, state)
    state.update(view=big[:3], images=images)
    kept.save(1)
    assert path.stat().st_size < 100_000
    state = {"view": None, "images": None}
    LoopState(path, "a2b", 10, state).restore()
    assert state["images"].stride() == images.stride()


@pytest.mark.parametrize(
    ("value", "message"),
    [
        (np.zeros(2), "ndarray"),
        (np.float32(1), "float32"),
        (object(), "object"),
        (torch.ones(1, requires_grad=True) * 2, "detach"),
    ],
)
def test_what_a_state_cannot_hold_is_said_at_once(tmp_path: Path, value: object, message: str) -> None:
    with pytest.raises(TypeError, match=rf"state\['x'\].*{message}"):
        _saved(tmp_path / "state.pt", {"x": value})
    assert not (tmp_path / "state.pt").exists()


def test_keys_stay(tmp_path: Path) -> None:
    state = {"x": 1}
    kept = LoopState(tmp_path / "state.pt", "a2b", 10, state)
    state["y"] = 2
    with pytest.raises(TypeError, match="keep its keys"):
        kept.save(1)


@pytest.mark.parametrize(
    ("total", "state", "message"),
    [
        (11, {"x": torch.zeros(2), "n": 1}, "total = 10.* 11"),
        (10, {"x": torch.zeros(3), "n": 1}, r"shape \(2,\).*shape \(3,\)"),
        (10, {"x": torch.zeros(2).double(), "n": 1}, "float32.*float64"),
        (10, {"x": torch.zeros(2)}, "a int.*nothing"),
        (10, {"x": torch.zeros(2), "n": 1, "m": 1}, "nothing.*a int"),
        (10, {"x": torch.nn.Linear(1, 1), "n": 1}, "tensor.*Linear"),
    ],
)
def test_state_of_other_code_or_settings(tmp_path: Path, total: int, state: dict, message: str) -> None:
    path = tmp_path / "state.pt"
    _saved(path, {"x": torch.zeros(2), "n": 1})
    with pytest.raises(ValueError, match=message):
        LoopState(path, "a2b", total, state).restore()


def test_state_of_another_version(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    _saved(tmp_path / "state.pt", {"x": 1})
    monkeypatch.setattr(checkpoint.record, "VERSION", "9.9")
    with pytest.raises(ValueError, match=r"gestalt = .*9\.9"):
        LoopState(tmp_path / "state.pt", "a2b", 10, {"x": 1}).restore()


def test_module_that_changed_shape(tmp_path: Path) -> None:
    _saved(tmp_path / "state.pt", {"net": torch.nn.Linear(2, 3)})
    with pytest.raises(ValueError, match=r"state\['net'\] does not fit this command's Linear"):
        LoopState(tmp_path / "state.pt", "a2b", 10, {"net": torch.nn.Linear(2, 4)}).restore()


@pytest.mark.parametrize("damage", ["cut", "empty", "noise", "other"])
def test_damaged_state(tmp_path: Path, damage: str) -> None:
    path = tmp_path / "state.pt"
    _saved(path, {"x": torch.zeros(1000)})
    data = path.read_bytes()
    if damage == "other":
        torch.save([1, 2], path)
    else:
        path.write_bytes({"cut": data[: len(data) // 2], "empty": b"", "noise": b"noise" * 200}[damage])
    with pytest.raises(ValueError, match=r"state\.pt cannot be read; remove it"):
        LoopState(path, "a2b", 10, {"x": torch.zeros(1000)}).restore()


def test_weights_are_equal_bytes_whatever_the_order(tmp_path: Path) -> None:
    a, b = torch.randn(2, 3), torch.randn(4)
    checkpoint.write_weights(tmp_path / "1", {"a": a, "b": b, "tied": a, "t": a.T}, {"x": 1, "y": [2]})
    checkpoint.write_weights(tmp_path / "2", {"t": a.T, "b": b, "a": a, "tied": a}, {"y": [2], "x": 1})
    assert (tmp_path / "1").read_bytes() == (tmp_path / "2").read_bytes()
    tensors, config = checkpoint.read_weights(tmp_path / "1")
    assert torch.equal(tensors["t"], a.T)
    assert config == {"x": 1, "y": [2]}


def test_not_a_weight_file(tmp_path: Path) -> None:
    (tmp_path / "x").write_bytes(b"PNG")
    with pytest.raises(ValueError, match="not a weight file"):
        checkpoint.read_weights(tmp_path / "x")
    with pytest.raises(ValueError, match="no such weight file"):
        checkpoint.read_weights(tmp_path / "y")
