"""Devices and threads: nothing falls back silently, and containers are respected."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import pytest
import torch

from gestalt.run import device, threads


def _pretend(monkeypatch: pytest.MonkeyPatch, *, cuda: int = 0, mps: bool = False) -> None:
    monkeypatch.setattr(torch.cuda, "is_available", lambda: cuda > 0)
    monkeypatch.setattr(torch.cuda, "device_count", lambda: cuda)
    monkeypatch.setattr(torch.backends.mps, "is_available", lambda: mps)


@pytest.mark.parametrize(
    ("cuda", "mps", "chosen"), [(0, False, "cpu"), (0, True, "mps"), (2, False, "cuda"), (1, True, "cuda")]
)
def test_auto_takes_the_fastest(monkeypatch: pytest.MonkeyPatch, cuda: int, mps: bool, chosen: str) -> None:
    _pretend(monkeypatch, cuda=cuda, mps=mps)
    assert device.choose("auto").type == chosen


def test_auto_takes_the_first_kind_that_is_there(monkeypatch: pytest.MonkeyPatch) -> None:
    _pretend(monkeypatch, cuda=1)
    assert device.choose("auto", kinds=("cpu", "cuda")).type == "cpu"
    assert device.choose("auto", kinds=("mps", "cuda")).type == "cuda"


def test_named_devices(monkeypatch: pytest.MonkeyPatch) -> None:
    _pretend(monkeypatch, cuda=2)
    assert device.choose("cpu") == torch.device("cpu")
    assert device.choose("cuda:1") == torch.device("cuda:1")
    for name, message in (("cuda:2", "cuda:0 to cuda:1"), ("mps", "no mps"), ("tpu", "unknown device 'tpu'")):
        with pytest.raises(ValueError, match=message):
            device.choose(name)
    with pytest.raises(ValueError, match="runs on cpu or mps, not on cuda:1: use --device auto"):
        device.choose("cuda:1", kinds=("cpu", "mps"))
    _pretend(monkeypatch)
    with pytest.raises(ValueError, match="no usable CUDA"):
        device.choose("cuda")


def test_threads_are_set_in_torch_and_numba() -> None:
    import numba

    before = torch.get_num_threads(), numba.get_num_threads()
    try:
        device.use_threads(1)
        assert (torch.get_num_threads(), numba.get_num_threads()) == (1, 1)
    finally:
        torch.set_num_threads(before[0])
        numba.set_num_threads(before[1])
    with pytest.raises(ValueError, match="at least 1"):
        device.use_threads(0)


@pytest.mark.skipif(threads.available_cores() < 2, reason="one core: threads cannot be too many")
def test_torch_has_as_many_threads_after_it_has_worked() -> None:
    """In a process of its own: only numba's very first call touches torch's threads."""
    code = (
        "import torch; from gestalt.run import device; torch.rand(3, 64, 64).sum();"
        "torch.nn.functional.avg_pool2d(torch.rand(1, 8, 256, 256), 2);"
        "device.use_threads(1); assert torch.get_num_threads() == 1, torch.get_num_threads()"
    )
    assert subprocess.run([sys.executable, "-c", code]).returncode == 0


@pytest.mark.parametrize(
    ("group", "files", "cores"),
    [
        ("0::/", {}, 8),
        ("0::/a/b", {"a/b/cpu.max": "max 100000"}, 8),
        ("0::/a/b", {"a/b/cpu.max": "max 100000", "a/cpu.max": "150000 100000"}, 2),
        ("0::/../host", {"cpu.max": "300000 100000"}, 3),
        ("0::/", {"cpu.max": "20000 100000"}, 1),
        ("0::/", {"cpu.max": "9900000 100000"}, 8),
        ("4:cpu,cpuacct:/x", {"cpu/x/cpu.cfs_quota_us": "400000", "cpu/x/cpu.cfs_period_us": "100000"}, 4),
        ("4:cpu,cpuacct:/x", {"cpu/x/cpu.cfs_quota_us": "-1", "cpu/x/cpu.cfs_period_us": "100000"}, 8),
        ("4:memory:/x", {}, 8),
    ],
)
def test_cores_of_a_container(tmp_path: Path, monkeypatch, group: str, files: dict[str, str], cores: int) -> None:
    monkeypatch.setattr(os, "sched_getaffinity", lambda _pid: set(range(8)), raising=False)
    for name, text in files.items():
        (tmp_path / name).parent.mkdir(parents=True, exist_ok=True)
        (tmp_path / name).write_text(text + "\n")
    (tmp_path / "own").write_text(group + "\n")
    assert threads.available_cores(tmp_path, tmp_path / "own") == cores


def test_cores_without_linux(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delattr(os, "sched_getaffinity", raising=False)
    monkeypatch.setattr(os, "cpu_count", lambda: 6)
    assert threads.available_cores(tmp_path, tmp_path / "none") == 6


def test_passive_waiting_keeps_what_the_user_set(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("OMP_WAIT_POLICY", "active")
    monkeypatch.delenv("KMP_BLOCKTIME", raising=False)
    monkeypatch.setenv("GOMP_SPINCOUNT", "7")
    threads.passive_waiting()
    assert os.environ["OMP_WAIT_POLICY"] == "active"
    assert os.environ.pop("KMP_BLOCKTIME") == "0"
    assert os.environ["GOMP_SPINCOUNT"] == "7"


@pytest.mark.parametrize(("count", "pixels", "each"), [(1, 10**6, 1), (2, 10**6, 1), (4, 10**6, 2), (4, 18 * 18, 1)])
def test_lanes(count: int, pixels: int, each: int) -> None:
    before = torch.get_num_threads()
    torch.set_num_threads(count)
    try:
        with device.Lanes(torch.device("cpu"), pixels) as lanes:
            seen = lanes.both(lambda x: (x, torch.get_num_threads()), ("first",), ("second",))
        assert seen == (("first", each), ("second", each))
        assert torch.get_num_threads() == count
        with device.Lanes(torch.device("cpu"), pixels) as lanes, pytest.raises(ZeroDivisionError):
            lanes.both(lambda x: 1 / x, (1,), (0,))
        with device.Lanes(torch.device("cpu"), pixels) as lanes, pytest.raises(ZeroDivisionError):
            lanes.both(lambda x: 1 / x, (0,), (1,))
        assert torch.get_num_threads() == count
    finally:
        torch.set_num_threads(before)
