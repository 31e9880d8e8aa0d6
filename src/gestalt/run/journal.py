"""metrics.jsonl: one line of measures per logged step, never the same step twice."""

from __future__ import annotations

import json
import math
import os
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

from gestalt.media import atomic


def finite(value: float) -> float | None:
    """Return a plain number, or None for nan and infinities, which JSON does not know."""
    number = float(value)
    if not math.isfinite(number):
        return None
    return int(number) if isinstance(value, int) else number


def read(path: Path) -> list[dict[str, Any]]:
    """Return the lines of a journal; a torn or damaged line is left out, a missing file is empty."""
    try:
        text = path.read_text(encoding="utf-8", errors="replace")
    except OSError:
        return []
    lines = []
    for text_line in text.splitlines():
        try:
            line = json.loads(text_line)
        except ValueError:
            continue
        if isinstance(line, dict) and isinstance(line.get("loop"), str) and isinstance(line.get("step"), int):
            lines.append(line)
    return lines


class Journal:
    """Appends to metrics.jsonl; lines reach the disk at the latest when `sync` returns."""

    def __init__(self, path: Path) -> None:
        self._path = path
        self._file = None

    def add(self, loop: str, step: int, measures: Mapping[str, float]) -> None:
        """Append one line."""
        if self._file is None:
            # Unbuffered: what a full disk did not take must not be tried again on closing, where it would hide why.
            self._file = self._path.open("ab", buffering=0)
        values = {name: finite(value) for name, value in measures.items()}
        left = memoryview(f"{json.dumps({'loop': loop, 'step': int(step), **values})}\n".encode())
        while left:
            left = left[self._file.write(left) :]

    def sync(self) -> None:
        """Wait until every line is on the disk."""
        if self._file is not None:
            os.fsync(self._file.fileno())

    def keep(self, wanted: Callable[[dict[str, Any]], bool]) -> None:
        """Keep only the wanted lines, and no torn one."""
        self.close()
        if self._path.exists():
            lines = [line for line in read(self._path) if wanted(line)]
            atomic.write_text(self._path, "".join(json.dumps(line) + "\n" for line in lines))

    def close(self) -> None:
        """Close the file; the next `add` opens it again."""
        if self._file is not None:
            self._file.close()
            self._file = None
