"""Proof that what needs no torch answers at once: medians over five cold processes, on a machine with nothing else
to do."""

from __future__ import annotations

import json
import statistics
import subprocess
import sys
import time
from pathlib import Path

import pytest

from gestalt import cli
from gestalt.run import folder
from media.hostile import textured

pytestmark = pytest.mark.slow

MAIN = "from gestalt import cli; cli.main()"
BAR_S = 0.6
TIMES = 5

COMMANDS = [
    ([], 0),
    *(([*name.split(), "--help"], 0) for name in cli.COMMANDS),
    (["analogy", "make", "a.png", "b.png", "--size", "x"], 2),
    (["analogy", "make", "a.png", "b.png", "--preset", "x"], 2),
    (["analogy", "make", "a.png", "b.png", "--dry-run"], 0),
    (["demo", "--dry-run"], 0),
    (["resume", "nowhere"], 2),
    (["runs", "--root", "."], 0),
    (["cite"], 0),
    (["report", "run"], 0),
]


@pytest.fixture(scope="module")
def place(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder with two pictures and a finished run."""
    path = tmp_path_factory.mktemp("place")
    for name in ("a.png", "b.png"):
        textured(512, 384).save(path / name)
    with folder.Run.create(path / "run", folder.Plan(command="analogy make")) as run:
        for step in run.steps("a2b", 50, {}):
            run.log(step, distance=1 / (step + 1))
    return path


@pytest.mark.parametrize(("argv", "code"), COMMANDS, ids=lambda value: json.dumps(value))
def test_answers_at_once(argv: list[str], code: int, place: Path) -> None:
    seconds = []
    for _ in range(TIMES):
        began = time.perf_counter()
        child = subprocess.run([sys.executable, "-c", MAIN, *argv], cwd=place, capture_output=True, timeout=60)
        seconds.append(time.perf_counter() - began)
        assert child.returncode == code, child.stderr
    print(f"\ngestalt {' '.join(argv)}: median {statistics.median(seconds):.2f} s")
    assert statistics.median(seconds) <= BAR_S, seconds
