"""One process per run folder: an flock, which the kernel releases when the process dies, however it dies."""

from __future__ import annotations

import errno
import fcntl
import os
import time
from pathlib import Path

NAME = "lock"


class Lock:
    """Holds `folder`/lock from construction until `release`.

    Raises:
        BlockingIOError: If another process, or another `Lock` of this one, holds it.
    """

    def __init__(self, folder: Path) -> None:
        self._path = folder / NAME
        deadline = time.monotonic() + 0.2  # `is_locked` of another process holds it for an instant
        while True:
            file = os.open(self._path, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o666)
            try:
                fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
                if _is_still(self._path, file):
                    self._file: int | None = file
                    return
                os.close(file)  # its last holder removed it between our open and our flock
            except OSError as error:
                os.close(file)
                if error.errno not in (errno.EWOULDBLOCK, errno.EINTR) or time.monotonic() > deadline:
                    raise
                time.sleep(0.02)

    def release(self) -> None:
        """Remove the file and let go; calling it twice does nothing."""
        if self._file is not None:
            self._path.unlink(missing_ok=True)
            os.close(self._file)
            self._file = None


def is_locked(folder: Path) -> bool:
    """Return whether a living process holds the lock of `folder`."""
    try:
        file = os.open(folder / NAME, os.O_RDONLY | os.O_CLOEXEC)
    except OSError:
        return False
    try:
        fcntl.flock(file, fcntl.LOCK_SH | fcntl.LOCK_NB)
    except OSError:
        return True
    finally:
        os.close(file)
    return False


def _is_still(path: Path, file: int) -> bool:
    try:
        return os.path.samestat(os.fstat(file), path.stat())
    except FileNotFoundError:
        return False
