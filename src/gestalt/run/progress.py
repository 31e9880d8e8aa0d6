"""What a run says while it works: a live line per loop in a terminal, elsewhere a plain line now and then."""

from __future__ import annotations

import sys
import time
from collections.abc import Callable
from dataclasses import dataclass
from typing import TYPE_CHECKING, TextIO

if TYPE_CHECKING:
    import rich.progress

_PLAIN_EVERY_S = 3.0
_LIVE_EVERY_S = 0.1


@dataclass
class _Loop:
    name: str
    total: int
    first: int
    done: int
    began: float
    told: float
    shown: float = 0.0
    task: rich.progress.TaskID | None = None


class Progress:
    """Shows loops and messages on `stream`.

    Args:
        quiet: Show nothing (`also` still gets every text).
        stream: Where to write; standard error when None.

    Attributes:
        also: Gets every plain line as well; a run writes them to its log.txt.
    """

    def __init__(self, *, quiet: bool = False, stream: TextIO | None = None) -> None:
        self.also: Callable[[str], None] | None = None
        self._stream = None if quiet else (stream or sys.stderr)
        self._is_terminal = self._stream is not None and self._stream.isatty()
        self._loops: list[_Loop] = []  # the innermost last
        self._live: rich.progress.Progress | None = None

    def begin(self, name: str, total: int, done: int = 0) -> None:
        """Start a loop of `total` steps, of which a resumed run has `done` behind it."""
        now = time.monotonic()
        loop = _Loop(name, total, first=done, done=done, began=now, told=now)
        if self._is_terminal:
            live = self._live = self._live or _live_line(self._stream)
            live.start()
            loop.task = live.add_task(name, total=total, completed=done)
        self._loops.append(loop)

    def step(self, done: int) -> None:
        """Say that `done` steps of the current loop are behind us; cheap enough for every step."""
        loop, now = self._loops[-1], time.monotonic()
        loop.done = done
        if self._live and loop.task is not None and now - loop.shown > _LIVE_EVERY_S:
            self._live.update(loop.task, completed=done)
            loop.shown = now
        # Ever fewer lines: a loop of a minute tells its state every 3 s, one of an hour every 60 s.
        if now - loop.told > max(_PLAIN_EVERY_S, min(60.0, (now - loop.began) / 20)) and done < loop.total:
            loop.told = now
            seconds_left = (now - loop.began) / (done - loop.first) * (loop.total - done)
            share = f"{100 * done // loop.total}%"
            self._tell(f"{loop.name}: {done}/{loop.total}, {share}, {duration(seconds_left)} left", live_too=False)

    def end(self) -> None:
        """Close the current loop, finished or not."""
        loop = self._loops.pop()
        if self._live and loop.task is not None:
            self._live.update(loop.task, completed=loop.done)
            if not self._loops:
                self._live.stop()
                self._live = None
        steps = f"{loop.done} steps" if loop.done == loop.total else f"{loop.done} of {loop.total} steps"
        if loop.first == loop.total:
            self._tell(f"{loop.name}: {steps} were done before", live_too=False)
        else:
            since = duration(time.monotonic() - loop.began)
            self._tell(f"{loop.name}: {steps} in {since}", live_too=False)

    def say(self, text: str) -> None:
        """Show one message."""
        self._tell(text, live_too=True)

    def _tell(self, text: str, *, live_too: bool) -> None:
        if self._live and live_too:
            self._live.console.print(text, markup=False, highlight=False)
        elif self._stream and (live_too or not self._is_terminal):
            print(text, file=self._stream, flush=True)
        if self.also:
            self.also(text)


def duration(seconds: float) -> str:
    """Return seconds as 40 ms, 2.5 s, 12 s, 3 min 05 s or 2 h 07 min."""
    if seconds < 0.0995:
        return f"{1000 * seconds:.0f} ms"
    if seconds < 9.95:
        return f"{seconds:.1f} s"
    whole = round(seconds)
    if whole < 60:
        return f"{whole} s"
    if whole < 3600:
        return f"{whole // 60} min {whole % 60:02d} s"
    return f"{whole // 3600} h {whole % 3600 // 60:02d} min"


def _live_line(stream: TextIO | None) -> rich.progress.Progress:
    from rich.console import Console
    from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeRemainingColumn

    return Progress(
        TextColumn("{task.description}", markup=False),
        BarColumn(bar_width=30),
        MofNCompleteColumn(),
        TimeRemainingColumn(elapsed_when_finished=True, compact=True),
        console=Console(file=stream),
        refresh_per_second=4,
    )
