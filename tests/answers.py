"""How tests that send hostile files through `gestalt` ask it, and what every answer must be like."""

from __future__ import annotations

import contextlib
import io
import json
import os
import resource
import signal
from collections.abc import Iterator, Sequence
from pathlib import Path

import numba
import pytest
import torch
from PIL import Image

from gestalt import cli
from gestalt.run.folder import Run
from media.children import run_in_child
from media.hostile import Case
from media.hostile_videos import VideoCase
from run import jobs


@pytest.fixture(autouse=True)
def elsewhere(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    """Work in an empty folder, wait for no disk and for no pipe, and leave the threads as they were."""

    def give_up(*_: object) -> None:
        pytest.fail("the test hangs")  # no Exception, so that the program does not take it for its own

    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr(os, "fsync", lambda _file: None)
    threads, kernels = torch.get_num_threads(), numba.get_num_threads()
    before = signal.signal(signal.SIGALRM, give_up)
    signal.alarm(60)
    yield
    signal.alarm(0)
    signal.signal(signal.SIGALRM, before)
    torch.set_num_threads(threads)
    numba.set_num_threads(kernels)


@pytest.fixture
def given(tmp_path: Path) -> Path:
    """An empty folder for the case's file."""
    folder = tmp_path / "given"
    folder.mkdir()
    return folder


@contextlib.contextmanager
def stopped_after(step: int, monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    """Runs that log their steps are told to stop after one of them."""
    original = Run.log

    def impatient(self: Run, now: int, **found: float) -> None:
        original(self, now, **found)
        if now == step:
            (self.path / "stop").touch()
            self._stop_checked = -1e9

    with monkeypatch.context() as patch:
        patch.setattr(Run, "log", impatient)
        yield


def rank(number: int, port: int, argv: Sequence[str | Path]) -> int:
    """Start one of two processes, as torchrun does, in a fork; it leaves what it answered in answerN.json."""

    def job() -> None:
        where = {"MASTER_ADDR": "127.0.0.1", "MASTER_PORT": str(port)}
        os.environ |= {**where, "WORLD_SIZE": "2", "RANK": str(number), "LOCAL_RANK": str(number)}
        Path(f"answer{number}.json").write_text(json.dumps(answer(*argv)))

    return jobs.start(job)


def by_name(cases: Sequence[Case | VideoCase]) -> pytest.MarkDecorator:
    return pytest.mark.parametrize("case", cases, ids=[case.name for case in cases])


def answer(*argv: str | Path) -> tuple[int, str, str]:
    """The exit code of a command line, what it prints, and what it complains of."""
    with contextlib.redirect_stdout(io.StringIO()) as out, contextlib.redirect_stderr(io.StringIO()) as err:
        code = cli.run([str(word) for word in argv])
    return code, out.getvalue(), err.getvalue()


def assert_refused(argv: Sequence[str | Path], *words: str) -> None:
    """The user's mistake is told in one short line with these words in it."""
    code, out, err = answer(*argv)
    assert code == 2, err
    assert out == ""
    assert_one_line(err, *words)


def assert_one_line(err: str, *words: str) -> None:
    assert err.startswith("gestalt: ")
    assert "Error parsing" not in err
    assert err.endswith("\n")
    assert err.count("\n") == 1
    assert err.rstrip("\n").isprintable()
    assert len(err) < 320
    for word in words:
        assert word in err


def size_of(picture: Path) -> tuple[int, int]:
    """(H, W) of a picture that can be read to its end."""
    with Image.open(picture) as opened:
        opened.load()
        return opened.height, opened.width


def as_nobody(*argv: str | Path) -> tuple[int, str, str]:
    """`answer` as a user without rights."""
    code, out, err = json.loads(run_in_child(lambda: json.dumps(answer(*argv)), unprivileged=True))
    return code, out, err


@contextlib.contextmanager
def limited(most: int) -> Iterator[None]:
    """No file may have more than `most` bytes: what writes on meets an error as on a full disk."""
    before = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (most, before[1]))
    try:
        yield
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, before)


def fill(disk: Path, *, leave: int) -> None:
    """Fill a disk up to `leave` bytes."""
    with open(disk / "filler", "wb", buffering=0) as filler:
        with contextlib.suppress(OSError):
            while True:
                filler.write(bytes(512))
        filler.truncate(max(0, filler.tell() - leave))
