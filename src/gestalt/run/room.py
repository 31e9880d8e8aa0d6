"""Whose folder it is: taking one for a run, and clearing away only what a run owns."""

from __future__ import annotations

import os
import shutil
from pathlib import Path

from gestalt.media import atomic
from gestalt.run import record
from gestalt.run.lock import NAME, Lock

_OWN_FOLDERS = ("outputs", "weights", "previews", "state", "partial")
_OWN_FILES = ("metrics.json", "metrics.jsonl", "report.html", "log.txt", "stop")


def take(path: Path) -> Lock:
    """Return the lock of a folder.

    Raises:
        ValueError: If another process has it.
    """
    try:
        return Lock(path)
    except BlockingIOError:
        raise ValueError(
            f"another process is at work in {path}; wait for it, stop it, or choose another --out"
        ) from None


def clear(path: Path, *, overwrite: bool) -> None:
    """See to it that a locked folder is free for a new run.

    Raises:
        ValueError: If it holds a run and `overwrite` is off, or anything but a run.
    """
    sweep(path)
    if not set(os.listdir(path)) - {NAME}:
        return
    try:
        record.read(path)
    except ValueError:
        raise ValueError(f"{path} is not empty and holds no run of gestalt; choose another folder with --out") from None
    if not overwrite:
        raise ValueError(f"{path} already holds a run; choose another --out, resume it, or replace it with --overwrite")
    # run.json stays until it is replaced: a folder that is cleared only halfway is still known as a run.
    for name in (*_OWN_FOLDERS, *_OWN_FILES):
        remove(path / name)


def sweep(path: Path) -> None:
    """Remove what a killed process left half-written in a locked folder."""
    remove(path / "partial")
    for place, _, _ in os.walk(path):
        atomic.sweep(place)


def remove(path: Path) -> None:
    """Remove a file, a link or a folder with all that is in it; a missing one is fine."""
    if path.is_dir() and not path.is_symlink():
        shutil.rmtree(path)
    else:
        path.unlink(missing_ok=True)
