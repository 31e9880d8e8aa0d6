"""Finding run folders, telling how they stand, and naming new ones."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path

from gestalt.run import lock, record

_DEPTH = 3  # how deep below the root child runs are looked for


@dataclass(frozen=True, kw_only=True)
class RunInfo:
    """One line of `gestalt runs`."""

    path: Path
    command: str
    status: str
    seconds: float
    started: str
    reason: str = ""
    parent: str | None = None


def status_of(path: Path) -> str:
    """Return running, done, stopped, failed, interrupted (killed) or damaged (no readable run.json)."""
    return info(path).status


def info(path: Path) -> RunInfo:
    """Return what is known about one run folder, however damaged."""
    try:
        known = record.read(path)
        status = str(known["status"])
        if status == "running" and not lock.is_locked(path):
            status = "interrupted"
        return RunInfo(
            path=path,
            command=str(known["command"]),
            status=status,
            seconds=float(known.get("seconds") or 0),
            started=str(known.get("started") or ""),
            reason=str(known.get("reason") or ""),
            parent=known.get("parent"),
        )
    except (ValueError, TypeError) as error:
        return RunInfo(path=path, command="?", status="damaged", seconds=0.0, started="", reason=str(error))


def find(root: Path) -> list[RunInfo]:
    """Return the runs in `root`, oldest first; `root` may be missing, or a run itself."""
    return sorted((info(path) for path in _runs(Path(root), _DEPTH)), key=lambda run: (run.started, str(run.path)))


def _runs(folder: Path, depth: int) -> Iterator[Path]:
    try:
        is_run = (folder / record.NAME).is_file()
        inside = sorted(entry for entry in folder.iterdir() if entry.is_dir()) if depth else []
    except OSError:
        return
    if is_run:
        yield folder
    for entry in inside:
        if not entry.name.startswith(".") and not entry.is_symlink():
            yield from _runs(entry, depth - 1)


def default_path(root: Path, command: str, inputs: Mapping[str, str | list[str]]) -> Path:
    """Make a new empty folder such as root/analogy-stones-bowls-001 and return its path.

    Args:
        root: Where runs are kept; made if it is missing.
        command: Noun and verb; the noun is used.
        inputs: The inputs of the plan; the names of the first two are used.

    Raises:
        ValueError: If the folder cannot be made.
    """
    noun = command.split()[0]
    words = [noun, *(_short_name(Path(path), noun) for path in record.input_paths(inputs)[:2])]
    name = "-".join(word for word in words if word)
    root = Path(root).expanduser().absolute()
    try:
        root.mkdir(parents=True, exist_ok=True)
        numbers = [int(found[1]) for path in root.iterdir() if (found := _numbered(name).fullmatch(path.name))]
        number = max(numbers, default=0) + 1
        while True:
            path = root / f"{name}-{number:03d}"
            try:
                path.mkdir()
                return path
            except FileExistsError:  # another process was faster
                number += 1
    except OSError as error:
        raise ValueError(f"cannot make a run folder in {root}: {error.strerror}; choose another with --out") from error


def _numbered(name: str) -> re.Pattern[str]:
    return re.compile(re.escape(name) + r"-(\d{3,})")


def _short_name(path: Path, noun: str) -> str:
    if (path / record.NAME).exists():  # a run as input: what its own name says about its inputs
        stem = re.sub(r"-\d{3,}$", "", path.name.removeprefix(f"{noun}-"))
    else:
        stem = path.name if path.is_dir() else path.stem
    return re.sub(r"[\W_]+", "-", stem).strip("-").lower()[:24].rstrip("-")
