"""What the user sees: plain lines, now and then, or one live line."""

from __future__ import annotations

import io

import pytest

from gestalt.run import progress
from gestalt.run.folder import Run
from gestalt.run.progress import Progress, duration
from run import jobs


class _Clock:
    now = 100.0

    def monotonic(self) -> float:
        return self.now


@pytest.fixture
def clock(monkeypatch: pytest.MonkeyPatch) -> _Clock:
    made = _Clock()
    monkeypatch.setattr(progress.time, "monotonic", made.monotonic)
    return made


def test_plain_lines_are_few_and_tell_the_time_left(clock: _Clock) -> None:
    stream = io.StringIO()
    shown = Progress(stream=stream)
    shown.begin("a2b", 1000)
    for step in range(1000):
        clock.now += 0.1
        shown.step(step + 1)
    shown.end()
    lines = stream.getvalue().splitlines()
    assert lines[0] == "a2b: 31/1000, 3%, 1 min 37 s left"
    assert lines[-1] == "a2b: 1000 steps in 1 min 40 s"
    assert 20 < len(lines) < 34


def test_resumed_loop_guesses_from_its_own_steps(clock: _Clock) -> None:
    stream = io.StringIO()
    shown = Progress(stream=stream)
    shown.begin("a2b", 1000, 500)
    clock.now += 10
    shown.step(510)
    shown.end()
    shown.begin("b2a", 7, 7)
    shown.end()
    assert stream.getvalue().splitlines() == [
        "a2b: 510/1000, 51%, 8 min 10 s left",
        "a2b: 510 of 1000 steps in 10 s",
        "b2a: 7 steps were done before",
    ]


def test_quiet_shows_nothing_but_the_log_has_it(tmp_path, capsys: pytest.CaptureFixture[str]) -> None:
    run = Run.create(tmp_path / "run", jobs.plan(), progress=Progress(quiet=True))
    run.say("said before it began")
    with run:
        run.say("two pictures were skipped")
        list(run.steps("loop", 3, {}))
    assert capsys.readouterr() == ("", "")
    log = (tmp_path / "run" / "log.txt").read_text()
    assert "two pictures were skipped" in log
    assert "loop: 3 steps" in log
    assert "said before it began" in log


def test_child_run_speaks_into_both_logs(tmp_path) -> None:
    shown = jobs.quiet()
    with Run.create(tmp_path / "parent", jobs.plan(), progress=shown) as parent:
        with Run.create(tmp_path / "parent" / "child", jobs.plan(), progress=shown) as child:
            child.say("from the child")
        parent.say("from the parent")
    assert "from the child" in (tmp_path / "parent" / "log.txt").read_text()
    assert "from the parent" not in (tmp_path / "parent" / "child" / "log.txt").read_text()


def test_live_line_in_a_terminal() -> None:
    class Terminal(io.StringIO):
        def isatty(self) -> bool:
            return True

    stream = Terminal()
    shown = Progress(stream=stream)
    shown.begin("levels", 2)
    shown.begin("level [0]", 3)
    for done in (1, 2, 3):
        shown.step(done)
    shown.say("[red]said[/red] while it works")
    shown.end()
    shown.step(1)
    shown.end()
    text = stream.getvalue()
    assert "level [0]" in text
    assert "3/3" in text
    assert "[red]said[/red] while it works" in text
    assert "in 0" not in text


@pytest.mark.parametrize(
    ("seconds", "text"),
    [
        (0.04, "40 ms"),
        (2.46, "2.5 s"),
        (9.97, "10 s"),
        (185, "3 min 05 s"),
        (7640, "2 h 07 min"),
        (3599.6, "1 h 00 min"),
    ],
)
def test_durations(seconds: float, text: str) -> None:
    assert duration(seconds) == text
