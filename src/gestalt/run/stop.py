"""Stopping politely: the first signal lets the current step finish, the second stops at once."""

from __future__ import annotations

import contextlib
import errno
import signal
import threading
from collections.abc import Callable
from types import FrameType

_SIGNALS = tuple(getattr(signal, name) for name in ("SIGINT", "SIGTERM", "SIGHUP") if hasattr(signal, name))
_FULL = (errno.ENOSPC, errno.EDQUOT, errno.EFBIG)


class Stopped(KeyboardInterrupt):
    """The run was stopped before its end and can be resumed; the message says why.

    A `KeyboardInterrupt`, so that no `except Exception` on the way takes it for a mistake.
    """


def is_disk_full(error: BaseException) -> bool:
    """Return whether `error` means that no more can be written: disk, quota or file size limit."""
    return isinstance(error, OSError) and error.errno in _FULL


class StopSignals:
    """Turns SIGINT, SIGTERM and SIGHUP into a request while installed; does nothing outside the main thread.

    Attributes:
        requested: Why the run should stop, "" while nobody asked.
        patient: True while something is under way that must not be cut (a step, the last files): the first
            signal is then only noted. At any other moment it raises `Stopped` at once.
    """

    def __init__(self, say: Callable[[str], None]) -> None:
        self.requested = ""
        self.patient = False
        self._say = say
        self._former: dict[int, Callable[[int, FrameType | None], object] | int | None] = {}

    def install(self) -> None:
        """Take the signals over, save those that are being ignored (nohup, background jobs)."""
        if threading.current_thread() is not threading.main_thread():
            return
        for number in _SIGNALS:
            if signal.getsignal(number) is not signal.SIG_IGN:
                self._former[number] = signal.signal(number, self._on_signal)

    def restore(self) -> None:
        """Give the signals back to whoever had them."""
        while self._former:
            number, former = self._former.popitem()
            signal.signal(number, former)

    def _on_signal(self, number: int, _frame: FrameType | None) -> None:
        name = "Ctrl-C" if number == signal.SIGINT else signal.Signals(number).name
        if self.requested or not self.patient:
            self.requested = self.requested or name
            raise Stopped(f"stopped by {name}")
        self.requested = name
        with contextlib.suppress(RuntimeError):  # the signal may come amid a write to the same stream
            self._say(f"{name}: stopping as soon as this step is done; once more stops at once")
