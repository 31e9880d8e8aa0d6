"""Runs a piece of a test in a forked child: as a user without rights, or under a limit that must not stay."""

import os
import signal
import traceback
from collections.abc import Callable

import torch

NOBODY = 65534


def run_in_child(act: Callable[[], object], *, unprivileged: bool = False) -> str:
    """Calls `act` in a fork of this process.

    A fork, not a new interpreter: a user without rights may not be allowed to read the interpreter's own
    files, while everything that this process has loaded is at hand.

    Args:
        act: what to do; its result is turned into text. Only small tensors: OpenMP does not survive a fork.
        unprivileged: give up root first, to which everything is permitted; without root, nothing to do.

    Returns:
        `str(result)`, or `"<class of the exception>: <message>"`, or `"killed by signal <number>"`.
    """
    reader, writer = os.pipe()
    pid = os.fork()
    if pid == 0:
        try:
            signal.alarm(20)
            torch.set_num_threads(1)  # mends torch's pool, which threads that begin at once after a fork find missing
            if unprivileged and os.getuid() == 0:
                os.setgroups([])
                os.setgid(NOBODY)
                os.setuid(NOBODY)
            try:
                answer = str(act())
            except Exception as error:
                answer = f"{type(error).__name__}: {error}"
            os.write(writer, answer.encode("utf-8", "backslashreplace"))
        except BaseException:
            os.write(2, traceback.format_exc().encode())
        finally:
            os._exit(0)
    os.close(writer)
    with os.fdopen(reader, "rb") as pipe:
        answer = pipe.read().decode()
    _, status = os.waitpid(pid, 0)
    return f"killed by signal {os.WTERMSIG(status)}" if os.WIFSIGNALED(status) else answer
