"""A cell is made once, whatever stops it; a failure of its method stays in it, and everything else goes on its way."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
import torch
from torch import Tensor

from gestalt.run.folder import Run, Stopped
from gestalt.run.service import NullRun
from gestalt.studies.cells import Made, Shared, Timed, Unreadable, fill
from run import jobs

PICTURE = torch.linspace(-1, 1, 12).reshape(1, 3, 2, 2)


def new(folder: Path) -> Run:
    return Run.create(folder, jobs.plan(), progress=jobs.quiet(), save_every_s=0)


def again(folder: Path) -> Run:
    return Run.open(folder, progress=jobs.quiet(), save_every_s=0)


def mean(picture: Tensor) -> dict[str, float]:
    return {"mean": float(picture.mean())}


def test_a_cell_is_made_once(tmp_path: Path) -> None:
    calls = []

    def make(_: Timed) -> Made:
        calls.append(1)
        return Made(PICTURE, "a note")

    def stop(_: Timed) -> Made:
        raise KeyboardInterrupt

    cells = []

    def both(run: Run, second: Callable[[Timed], Made]) -> None:
        with run:
            cells.append(fill("one", make, mean, run=run))
            fill("two", second, mean, run=run)

    with pytest.raises(Stopped):
        both(new(tmp_path / "run"), stop)
    both(again(tmp_path / "run"), make)
    assert len(calls) == 2
    first, kept = cells
    torch.testing.assert_close(kept.picture, PICTURE, rtol=0, atol=0)
    assert kept._replace(picture=None) == first._replace(picture=None)
    assert (kept.note, kept.reason, kept.measures) == ("a note", "", mean(PICTURE))


@pytest.mark.parametrize(
    ("error", "reason"),
    [
        (ValueError("too\n small"), "too small"),
        (MemoryError(), "there is not enough memory for it"),
        (RuntimeError("can't allocate memory: you tried"), "there is not enough memory for it"),
        (torch.OutOfMemoryError("CUDA out of memory."), "there is not enough memory for it"),
    ],
    ids=["refused", "memory", "torch", "gpu"],
)
def test_a_failure_stays_in_its_cell(error: Exception, reason: str, tmp_path: Path) -> None:
    def fail(part: Timed) -> Made:
        for step in part.steps("inside", 4, {}):
            if step == 2:
                raise error
        raise AssertionError

    with new(tmp_path / "run") as run:
        cell = fill("one", fail, mean, run=run)
        assert (cell.picture, cell.reason, cell.measures) == (None, reason, {})
        for step in run.steps("after", 1, {}):
            run.log(step, loss=1.0)  # the loop that the failure left is closed
    assert '"loop": "after"' in (tmp_path / "run" / "metrics.jsonl").read_text().replace('":"', '": "')


def test_a_result_that_is_not_finite_is_a_failure() -> None:
    cell = fill("one", lambda _: Made(PICTURE / 0), mean, run=NullRun())
    assert cell.picture is None
    assert "not finite" in cell.reason


@pytest.mark.parametrize("error", [KeyboardInterrupt(), RuntimeError("a screw is loose"), TypeError("no"), OSError(28)])
def test_what_is_no_failure_of_the_method_goes_on(error: BaseException) -> None:
    def fail(_: Timed) -> Made:
        raise error

    with pytest.raises(type(error)):
        fill("one", fail, mean, run=NullRun())


def test_a_damaged_state_is_no_failure_of_the_method(tmp_path: Path) -> None:
    def make(part: Timed) -> Made:
        for step in part.steps("inside", 4, {"x": torch.zeros(1)}):
            if step == 2 and not damaged:
                raise KeyboardInterrupt
        return Made(PICTURE)

    damaged = False
    with pytest.raises(Stopped), new(tmp_path / "run") as run:
        fill("one", make, mean, run=run)
    (state,) = (tmp_path / "run" / "state").iterdir()
    state.write_bytes(b"no state")
    damaged = True
    with pytest.raises(Unreadable, match="cannot be read"), again(tmp_path / "run") as run:
        fill("one", make, mean, run=run)


def test_seconds_are_counted_over_all_resumes(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    now = 0.0
    monkeypatch.setattr("gestalt.studies.cells.time.monotonic", lambda: now)

    def work(part: Timed, stop_at: int) -> float:
        nonlocal now
        for name in ("first", "second"):
            for step in part.steps(name, 4, {}):
                now += 10
                if (name, step) == ("second", stop_at):
                    raise KeyboardInterrupt
        now += 3
        return part.seconds

    with pytest.raises(Stopped), new(tmp_path / "run") as run:
        work(Timed(run, "part"), stop_at=2)
    now = 1000.0
    with again(tmp_path / "run") as run:
        assert work(Timed(run, "part"), stop_at=-1) == 4 * 10 + 2 * 10 + 2 * 10 + 3


def test_what_is_shared_is_done_once_and_paid_for_by_each(monkeypatch: pytest.MonkeyPatch) -> None:
    now, calls = 0.0, []
    monkeypatch.setattr("gestalt.studies.cells.time.monotonic", lambda: now)

    def train(part: Timed) -> str:
        nonlocal now
        calls.append(1)
        now += 30
        part.charge(5)  # as of a run before
        return "trained"

    shared = Shared("training", train, NullRun())
    for _ in range(2):
        part = Timed(NullRun(), "cell")
        assert shared(part) == "trained"
        now += 1
        assert part.seconds == 36
    assert calls == [1]


def test_what_is_shared_fails_once_for_all() -> None:
    calls = []

    def fail(part: Timed) -> None:
        calls.append(1)
        for _ in part.steps("loop", 3, {}):
            raise MemoryError

    shared = Shared("training", fail, NullRun())
    reasons = [fill(name, lambda part: Made(shared(part) or PICTURE), mean, run=NullRun()).reason for name in "ab"]
    assert reasons == ["there is not enough memory for it"] * 2
    assert calls == [1]


def test_a_loop_that_ends_early_is_closed(tmp_path: Path) -> None:
    def until(part: Timed) -> Iterator[int]:
        for step in part.steps("loop", 100, {}):
            yield step
            if step == 3:
                break

    with new(tmp_path / "run") as run:
        assert list(until(Timed(run, "part"))) == [0, 1, 2, 3]
        assert run._loop == ""
