"""outputs/index.json: the list of results, all that the report, the page and galleries know of a task."""

from __future__ import annotations

import json
import time
from pathlib import Path
from typing import Any

from gestalt.media import atomic

_FIELDS = ("kind", "path", "caption", "row", "col")


def read(path: Path) -> list[dict[str, str]]:
    """Return the entries of an index.json, each with all its fields; damaged ones are left out."""
    try:
        entries: Any = json.loads(path.read_text(encoding="utf-8"))
    except (OSError, ValueError):
        return []
    if not isinstance(entries, list):
        return []
    usable = [entry for entry in entries if isinstance(entry, dict) and isinstance(entry.get("path"), str)]
    return [{name: str(entry.get(name) or "") for name in _FIELDS} for entry in usable]


class Index:
    """The entries of one index.json, in the order in which their paths were first added."""

    def __init__(self, path: Path) -> None:
        self._path = path
        self._entries = {entry["path"]: entry for entry in read(path)}
        self._is_dirty = False
        self._written_at = -float("inf")
        self._pause = 0.0

    def add(self, entry: dict[str, str]) -> None:
        """Add an entry, or replace the one with its path. It is on the disk at once, or soon if many come."""
        self._entries[entry["path"]] = entry
        self._is_dirty = True
        if time.monotonic() - self._written_at >= self._pause:
            self.flush()

    def flush(self) -> None:
        """Write what is not yet written."""
        if self._is_dirty:
            started = time.monotonic()
            atomic.write_json(self._path, list(self._entries.values()))
            self._is_dirty = False
            self._written_at = time.monotonic()
            self._pause = max(0.5, 20 * (self._written_at - started))
