"""Stopped anywhere and resumed, a run ends with the same bytes."""

from __future__ import annotations

import json
import os
import random
import resource
import signal
import time
from collections.abc import Callable
from pathlib import Path

import pytest
import torch

from gestalt.run import journal, listing
from gestalt.run.folder import NullRun, Run, Stopped, status_of
from run import jobs


@pytest.fixture(scope="module")
def expected(tmp_path_factory: pytest.TempPathFactory) -> dict[str, bytes]:
    folder = tmp_path_factory.mktemp("whole") / "run"
    assert jobs.wait(jobs.start(lambda: jobs.make(folder))) == jobs.DONE
    return jobs.results(folder)


def _replacing(number: int, act: Callable[[], object], *, after: bool) -> None:
    """Act at the `number`th time that this process gives a file its final name."""
    real, count = os.replace, iter(range(1, 10**6))

    def replace(*names) -> None:
        is_it = next(count) == number
        if is_it and not after:
            act()
        real(*names)
        if is_it and after:
            act()

    os.replace = replace


def _kill() -> None:
    os.kill(os.getpid(), signal.SIGKILL)


def test_two_runs_give_equal_bytes(tmp_path: Path, expected: dict[str, bytes]) -> None:
    jobs.make(tmp_path / "run")
    assert jobs.results(tmp_path / "run") == expected
    assert len(expected["metrics.jsonl"].splitlines()) == 2 * jobs.STEPS
    assert {"outputs/a2b.png", "outputs/sums.txt", "weights/b2a.safetensors"} <= expected.keys()


@pytest.mark.parametrize("after", [False, True])
def test_killed_at_any_file_it_writes(tmp_path: Path, expected: dict[str, bytes], after: bool) -> None:
    reached = 0
    for number in (1, 2, 3, 4, *range(5 + after, 1000, 9)):
        folder = tmp_path / str(number)

        def job(folder: Path = folder, number: int = number) -> None:
            _replacing(number, _kill, after=after)
            jobs.make(folder)

        if jobs.wait(jobs.start(job)) == jobs.DONE:
            break  # it does not write that many files
        if not (folder / "run.json").exists():
            jobs.make(folder)  # killed before it was a run: the folder is still free
        elif status_of(folder) != "done":
            assert status_of(folder) == "interrupted"
            reached += 1
            jobs.resume(folder)
        assert jobs.results(folder) == expected, f"killed at file {number}"
        assert not [path for path in folder.rglob("*") if ".tmp" in path.name]
    assert reached >= 8


def test_killed_at_random_times_again_and_again(tmp_path: Path, expected: dict[str, bytes]) -> None:
    folder, chance, kills = tmp_path / "run", random.Random(0), 0

    def pace(_step: int) -> None:
        time.sleep(0.01)

    def job() -> None:
        if (folder / "run.json").exists():
            jobs.resume(folder, after_step=pace)
        else:
            jobs.make(folder, after_step=pace)

    for _ in range(40):
        pid = jobs.start(job)
        time.sleep(chance.uniform(0.01, 0.08))
        os.kill(pid, signal.SIGKILL)
        if jobs.wait(pid) == jobs.DONE:
            break
        kills += 1
        if status_of(folder) == "done":  # killed while it cleaned up
            break
    else:
        job()
    assert kills >= 2
    assert jobs.results(folder) == expected


@pytest.mark.parametrize("how", ["SIGTERM", "SIGINT", "SIGHUP", "file"])
def test_stop_finishes_the_step_and_saves(tmp_path: Path, expected: dict[str, bytes], how: str) -> None:
    folder = tmp_path / "run"

    def after_step(step: int) -> None:
        if step == 5 and not (folder / "asked").exists():
            (folder / "asked").touch()
            if how == "file":
                (folder / "stop").touch()
                time.sleep(0.15)
            else:
                os.kill(os.getpid(), getattr(signal, how))
                time.sleep(0.02)  # the step is not cut here

    def job() -> None:
        with Run.create(folder, jobs.plan(), progress=jobs.quiet(), save_every_s=1e9) as run:
            jobs.train(run, after_step=after_step)

    assert jobs.wait(jobs.start(job)) == jobs.STOPPED
    info = listing.info(folder)
    assert info.status == "stopped"
    assert "after step 6 of 8 of a2b" in info.reason
    assert len(journal.read(folder / "metrics.jsonl")) == 6
    assert not (folder / "report.html").exists()
    (folder / "asked").touch()
    jobs.resume(folder, after_step=after_step)
    assert jobs.results(folder) == expected
    assert not (folder / "state").exists()
    assert not (folder / "stop").exists()
    assert listing.info(folder).status == "done"


def test_second_signal_stops_at_once(tmp_path: Path, expected: dict[str, bytes]) -> None:
    folder = tmp_path / "run"

    def after_step(step: int) -> None:
        if step == 5:
            for _ in range(2):
                os.kill(os.getpid(), signal.SIGINT)
                time.sleep(0.01)
            os._exit(9)  # must not be reached

    assert jobs.wait(jobs.start(lambda: jobs.make(folder, after_step=after_step))) == jobs.STOPPED
    assert len(journal.read(folder / "metrics.jsonl")) == 6  # of which step 5 is not saved
    jobs.resume(folder)
    assert jobs.results(folder) == expected


def test_signal_outside_a_loop_stops_at_once(tmp_path: Path) -> None:
    def job() -> None:
        with Run.create(tmp_path / "run", jobs.plan(), progress=jobs.quiet()):
            os.kill(os.getpid(), signal.SIGTERM)
            time.sleep(0.01)
            os._exit(9)

    assert jobs.wait(jobs.start(job)) == jobs.STOPPED
    assert listing.info(tmp_path / "run").reason == "stopped by SIGTERM"


def test_signal_during_the_last_files_is_not_too_late(tmp_path: Path, expected: dict[str, bytes]) -> None:
    folder = tmp_path / "run"

    def job() -> None:
        from gestalt.run import report

        real = report.write

        def write(path: Path) -> Path:
            os.kill(os.getpid(), signal.SIGTERM)
            time.sleep(0.01)
            return real(path)

        report.write = write
        jobs.make(folder)

    assert jobs.wait(jobs.start(job)) == jobs.DONE
    assert status_of(folder) == "done"
    assert (folder / "report.html").exists()
    assert jobs.results(folder) == expected


def test_handlers_are_restored_and_ignored_signals_stay_ignored(tmp_path: Path) -> None:
    before = {number: signal.getsignal(number) for number in (signal.SIGINT, signal.SIGTERM, signal.SIGHUP)}
    signal.signal(signal.SIGHUP, signal.SIG_IGN)  # as under nohup
    try:
        with Run.create(tmp_path / "run", jobs.plan(), progress=jobs.quiet()):
            assert signal.getsignal(signal.SIGTERM) != before[signal.SIGTERM]
            assert signal.getsignal(signal.SIGHUP) == signal.SIG_IGN
        assert signal.getsignal(signal.SIGTERM) == before[signal.SIGTERM]
        assert signal.getsignal(signal.SIGINT) == before[signal.SIGINT]
    finally:
        signal.signal(signal.SIGHUP, before[signal.SIGHUP])


def test_stop_file_made_before_the_loop_stops_before_its_first_step(tmp_path: Path) -> None:
    def job(run: Run) -> None:
        (run.path / "stop").touch()
        for _ in run.steps("loop", 3, {}):
            pytest.fail("a step was made")

    run = Run.create(tmp_path / "run", jobs.plan(), progress=jobs.quiet())
    with pytest.raises(Stopped, match="after step 0 of 3"), run:
        job(run)


def test_full_disk_stops_and_can_be_resumed(tmp_path: Path, expected: dict[str, bytes]) -> None:
    folder = tmp_path / "run"

    def job() -> None:
        def after_step(step: int) -> None:
            if step == 5:
                resource.setrlimit(resource.RLIMIT_FSIZE, (2000, resource.RLIM_INFINITY))  # a state is larger

        jobs.make(folder, after_step=after_step)

    assert jobs.wait(jobs.start(job)) == jobs.STOPPED
    info = listing.info(folder)
    assert (info.status, info.reason) == ("stopped", "there is no space left to write to")
    assert not list(folder.rglob("*.tmp"))
    jobs.resume(folder)
    assert jobs.results(folder) == expected


def test_disk_full_to_the_last_byte_counts_as_interrupted(tmp_path: Path, expected: dict[str, bytes]) -> None:
    folder = tmp_path / "run"

    def job() -> None:
        def after_step(step: int) -> None:
            if step == 5:
                resource.setrlimit(resource.RLIMIT_FSIZE, (0, resource.RLIM_INFINITY))

        jobs.make(folder, after_step=after_step)

    assert jobs.wait(jobs.start(job)) == jobs.STOPPED
    assert status_of(folder) == "interrupted"
    jobs.resume(folder)
    assert jobs.results(folder) == expected


def test_failed_run_keeps_its_outputs_and_says_why(tmp_path: Path, expected: dict[str, bytes]) -> None:
    folder = tmp_path / "run"

    def after_step(step: int) -> None:
        if step == 7:
            raise RuntimeError("out of luck")

    with pytest.raises(RuntimeError, match="out of luck"):
        jobs.make(folder, after_step=after_step)
    info = listing.info(folder)
    assert (info.status, info.reason) == ("failed", "RuntimeError: out of luck")
    assert "Traceback" in (folder / "log.txt").read_text()
    assert (folder / "outputs/steps/a2b_7.png").exists()
    jobs.resume(folder)
    assert jobs.results(folder) == expected


def test_seconds_add_up(tmp_path: Path) -> None:
    folder = tmp_path / "run"

    def after_step(step: int) -> None:
        time.sleep(0.05)
        if step == 3:
            _kill()

    jobs.wait(jobs.start(lambda: jobs.make(folder, after_step=after_step)))
    assert listing.info(folder).seconds > 0.14  # it was killed, but not before it noted its time
    known = json.loads((folder / "run.json").read_text())
    (folder / "run.json").write_text(json.dumps(known | {"seconds": 1000}))
    jobs.resume(folder, after_step=lambda _: time.sleep(0.05))
    metrics = json.loads((folder / "metrics.json").read_text())
    assert 1000.5 < metrics["seconds"] < 1060
    assert metrics["peak_mb"] > 10
    assert "sums" in metrics


def test_no_step_is_logged_twice_and_torn_lines_go(tmp_path: Path) -> None:
    folder = tmp_path / "run"

    def make(run: NullRun, last: int) -> None:
        run.log(0, outside=1.0)
        for step in run.steps("loop", 6, {"x": 0}):
            run.log(step, value=float("nan") if step == 1 else step)
            if step == last:
                _kill()

    def job() -> None:
        with Run.create(folder, jobs.plan(), progress=jobs.quiet(), save_every_s=1e9) as run:
            make(run, 3)

    jobs.wait(jobs.start(job))
    with (folder / "metrics.jsonl").open("a") as file:
        file.write('{"loop": "loop", "st')
    with Run.open(folder, progress=jobs.quiet()) as run:
        make(run, 99)
    lines = [json.loads(line) for line in (folder / "metrics.jsonl").read_text().splitlines()]
    assert [line["step"] for line in lines if line["loop"] == "loop"] == [0, 1, 2, 3, 4, 5]
    assert [line for line in lines if line["loop"] == ""] == [{"loop": "", "step": 0, "outside": 1.0}]
    assert lines[2]["value"] is None


def test_finished_loop_is_passed_over_with_its_final_state(tmp_path: Path) -> None:
    folder, calls = tmp_path / "run", []

    def task(run: NullRun, fail: bool) -> None:
        state = {"sum": 0, "image": torch.zeros(2)}
        for step in run.steps("first", 5, state):
            calls.append(step)
            run.measure(seen_in_the_loop=step)
            state["sum"] += step
            state["image"] += 1
        assert state["sum"] == 10
        assert state["image"].tolist() == [5, 5]
        for _ in run.steps("second", 2, {}):
            assert not fail

    with pytest.raises(AssertionError), Run.create(folder, jobs.plan(), progress=jobs.quiet()) as run:
        task(run, fail=True)
    with Run.open(folder, progress=jobs.quiet()) as run:
        task(run, fail=False)
    assert calls == [0, 1, 2, 3, 4]
    assert json.loads((folder / "metrics.json").read_text())["seen_in_the_loop"] == 4


def test_loop_inside_a_loop(tmp_path: Path) -> None:
    def task(run: NullRun, last: int) -> list[int]:
        outer, seen = {"sum": 0}, []
        for level in run.steps("levels", 3, outer):
            inner = {"value": outer["sum"]}
            for step in run.steps(f"level {level}", 4, inner):
                inner["value"] += 10 * level + step
                run.log(step, value=inner["value"])
                if 10 * level + step == last:
                    raise RuntimeError
            outer["sum"] = inner["value"]
            run.log(level, sum=outer["sum"])
            seen.append(outer["sum"])
        return seen

    whole = task(NullRun(), 99)
    with pytest.raises(RuntimeError), Run.create(tmp_path / "run", jobs.plan(), progress=jobs.quiet()) as run:
        task(run, 12)
    with Run.open(tmp_path / "run", progress=jobs.quiet()) as run:
        assert task(run, 99)[-1] == whole[-1]
    lines = journal.read(tmp_path / "run" / "metrics.jsonl")
    steps = [(f"level {level}", step) for level in range(3) for step in range(4)]
    logged = sorted((line["loop"], line["step"]) for line in lines)
    assert logged == sorted(steps + [("levels", level) for level in range(3)])


def test_null_run_does_the_same_work(tmp_path: Path) -> None:
    alone = jobs.train(NullRun())
    with Run.create(tmp_path / "run", jobs.plan(), progress=jobs.quiet()) as run:
        assert jobs.train(run) == alone
