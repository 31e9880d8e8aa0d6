"""Proof that a run survives being killed (SIGKILL) at any moment: what lies in its folder is whole, and `gestalt
resume` ends with the bytes of an uninterrupted run.

One job of half a minute by the patch engine is killed 20 times just after a step, spread evenly over the whole job, and
20 times at random; one by the pair network, in the middle of its levels, 6 times each. To stay within half an hour, one
job is killed several times in its life (kill, resume, kill, resume, ...): four lives of five kills at steps (one of
six), and as many lives as the random kills happen to need.

    python -m pytest tests/proofs/test_kill.py -s

prints a line per kill.
"""

from __future__ import annotations

import json
import os
import random
import re
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path
from typing import NamedTuple

import pytest
import torch
from PIL import Image

from gestalt.drawn import objects
from gestalt.media import image
from gestalt.run import journal
from gestalt.run.checkpoint import read_weights

pytestmark = pytest.mark.slow

MAIN = "from gestalt import cli; cli.main()"
LEAST_S = 30.0  # what the job must last for the proof to mean something
SEED = 7
TEMPORARY = re.compile(r"\.gestalt-\d+-\d+\.tmp")


class Job(NamedTuple):
    """What is killed: its flags, how many lives of how many kills at steps, and how many kills at random."""

    flags: tuple[str, ...]
    lives: int
    kills: int
    randomly: int


PATCH = Job(("--size", "160", "--iterations", "100", "--threads", "2"), lives=4, kills=5, randomly=20)
PAIR = Job(
    ("--engine", "pair", "--size", "40", "--coarsest", "20", "--steps", "250", "--coarse-steps", "250"),
    lives=1,
    kills=6,
    randomly=6,
)


class Reference(NamedTuple):
    """An uninterrupted run: the job, its folder, its command line without --out, and how long its process took."""

    job: Job
    path: Path
    argv: tuple[str, ...]
    seconds: float


@pytest.fixture(scope="module", params=[PATCH, PAIR], ids=["patch", "pair"])
def reference(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Reference:
    job: Job = request.param
    place = tmp_path_factory.mktemp("reference")
    for name, scene in zip("ab", objects.pair(seed=SEED), strict=True):
        image.write(place / f"{name}.png", scene.image)
    argv = ("analogy", "make", str(place / "a.png"), str(place / "b.png"), *job.flags)
    began = time.monotonic()
    finish([*argv, "--out", str(place / "run")])
    seconds = time.monotonic() - began
    worked = json.loads((place / "run" / "metrics.json").read_text())["seconds"]
    print(f"\nuninterrupted: {position(place / 'run')} steps, {worked:.1f} s of work, {seconds:.1f} s in all")
    assert worked >= LEAST_S, "the job is too short for a proof: raise its steps"
    return Reference(job, place / "run", argv, seconds)


def test_killed_at_steps(reference: Reference, tmp_path: Path) -> None:
    lives = reference.job.lives
    count, total = lives * reference.job.kills, position(reference.path)
    for life in range(lives):
        run = tmp_path / f"life{life}"
        for target in [total * (2 * k + 1) // (2 * count) for k in range(life, count, lives)]:
            child = start(reference, run)
            while position(run) < target:
                assert child.poll() is None, f"the run ended before step {target}"
                time.sleep(0.002)
            kill(child, run, f"life {life + 1}, step {target} of {total}")
        assert_same(reference, run)


def test_killed_at_random(reference: Reference, tmp_path: Path) -> None:
    chance, killed, life = random.Random(SEED), 0, 0
    randomly = reference.job.randomly
    while killed < randomly:
        life += 1
        run = tmp_path / f"life{life}"
        while killed < randomly and not is_done(run):
            pause = chance.uniform(0.0, reference.seconds)
            child = start(reference, run)
            try:
                child.wait(pause)
                assert child.returncode == 0, f"the run failed; see {run}.txt"
            except subprocess.TimeoutExpired:
                killed += 1
                kill(child, run, f"life {life}, random kill {killed} of {randomly} after {pause:.3f} s")
        assert_same(reference, run)


def start(reference: Reference, run: Path) -> subprocess.Popen[bytes]:
    """Begin a run, or take it up again where its run.json was already written."""
    again = ["resume", str(run)] if (run / "run.json").exists() else [*reference.argv, "--out", str(run)]
    with open(f"{run}.txt", "ab") as told:
        return subprocess.Popen([sys.executable, "-c", MAIN, *again], stdout=told, stderr=told)


def finish(argv: list[str]) -> None:
    done = subprocess.run([sys.executable, "-c", MAIN, *argv], capture_output=True, text=True, timeout=900)
    assert done.returncode == 0, done.stderr


def kill(child: subprocess.Popen[bytes], run: Path, when: str) -> None:
    child.kill()
    child.wait()
    files = assert_whole(run)
    print(f"{when}: at {position(run)} steps, {files} files, all whole", flush=True)


def position(run: Path) -> int:
    """How many steps are in the run's journal."""
    return len(journal.read(run / "metrics.jsonl"))


def is_done(run: Path) -> bool:
    return (run / "run.json").exists() and json.loads((run / "run.json").read_text())["status"] == "done"


def files_of(run: Path) -> Iterator[Path]:
    for place, _, names in os.walk(run):
        yield from (Path(place, name) for name in names)


def assert_whole(run: Path) -> int:
    """Read every file of a killed run to its end; return how many there are."""
    count = 0
    for path in files_of(run):
        if TEMPORARY.fullmatch(path.name):
            continue
        count += 1
        if path.suffix == ".png":
            with Image.open(path) as picture:
                picture.load()
        elif path.suffix == ".json":
            json.loads(path.read_text())
        elif path.suffix == ".jsonl":
            assert path.read_text().count("\n") == position(run), f"{path} has a torn line"
        elif path.suffix == ".pt":
            assert torch.load(path, weights_only=True)["done"] > 0
        elif path.suffix == ".safetensors":
            read_weights(path)
        elif path.suffix == ".html":
            assert path.read_text().rstrip().endswith("</html>")
        else:
            assert path.name in {"lock", "log.txt"}, f"nobody expects {path}"
    return count


def assert_same(reference: Reference, run: Path) -> None:
    """Resume a run for the last time and compare all that must not depend on the kills."""
    if not is_done(run):
        child = start(reference, run)
        assert child.wait(900) == 0, f"the run failed; see {run}.txt"
    assert is_done(run)
    assert_whole(run)
    names = [sorted(str(path.relative_to(folder)) for path in files_of(folder)) for folder in (run, reference.path)]
    assert names[0] == names[1], "a resumed run leaves exactly the files of an uninterrupted one"
    for path in files_of(reference.path):
        name = path.relative_to(reference.path)
        if name.parts[0] in ("outputs", "previews", "weights", "metrics.jsonl"):
            assert (run / name).read_bytes() == path.read_bytes(), f"{name} differs"
    print(f"{run.name}: resumed to the end, the same bytes", flush=True)
