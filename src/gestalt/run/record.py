"""run.json: what a run was asked to do, with what, and how it stands."""

from __future__ import annotations

import dataclasses
import hashlib
import importlib.metadata
import json
import math
import os
import platform
import re
import time
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

NAME = "run.json"
CONFIG = ("gestalt", "command", "engine", "preset", "settings", "seed")  # what weight files carry
VERSION = importlib.metadata.version("gestalt")
_LIBRARIES = ("torch", "torchvision", "numpy", "numba", "scipy", "pillow", "av", "safetensors")


@dataclass(frozen=True, kw_only=True)
class Plan:
    """Everything that decides the result of a run; resuming reads it back from run.json."""

    command: str
    """Noun and verb, such as "analogy make"."""
    inputs: Mapping[str, str | list[str]] = field(default_factory=dict)
    """Input files and folders: the name of each argument, and its absolute path or paths."""
    settings: Mapping[str, Any] = field(default_factory=dict)
    """The resolved config, from `dataclasses.asdict`."""
    engine: str = ""
    """patch, pair, ... where the command has engines."""
    preset: str = ""
    """The preset that the settings started from."""
    seed: int = 0
    """The one seed behind every generator."""
    device: str = "cpu"
    """The device that was chosen, never auto."""
    threads: int = 1
    """How many threads; restored on resume because it changes float sums."""
    parent: str | None = None
    """Path of the run that started this one."""
    argv: tuple[str, ...] = ()
    """The command line as typed, without the program's name."""
    references: tuple[str, ...] = ()
    """The publications to cite, one line each."""


RESULT = "result"
"""The one entry of a plan's inputs that is not read: the file that a copy of the result is written to."""


def describe(plan: Plan) -> dict[str, Any]:
    """Return the content of run.json at the start of a run.

    Raises:
        ValueError: If an input does not exist or cannot be read.
    """
    fields = {name.name: getattr(plan, name.name) for name in dataclasses.fields(plan)}
    record = {
        "gestalt": VERSION,
        **fields,
        "fingerprints": {path: fingerprint(Path(path)) for path in input_paths(plan.inputs)},
        "git": _git_hash(),
        "python": platform.python_version(),
        "platform": platform.platform(),
        "libraries": {name: version for name in _LIBRARIES if (version := _version(name))},
        "started": now(),
        "ended": None,
        "status": "running",
        "reason": "",
        "seconds": 0.0,
        "measures": {},
    }
    return _plain(record)


def read(folder: Path) -> dict[str, Any]:
    """Return the run.json of a run folder.

    Raises:
        ValueError: If there is none, or it is damaged or from another program.
    """
    try:
        record = json.loads((folder / NAME).read_text(encoding="utf-8"))
    except FileNotFoundError:
        raise ValueError(f"{folder} is not a gestalt run: it has no {NAME}") from None
    except NotADirectoryError:
        raise ValueError(f"{folder} is a file; expected the folder of a gestalt run") from None
    except OSError as error:
        raise ValueError(f"cannot read {folder / NAME}: {error.strerror}") from error
    except ValueError:
        raise ValueError(f"{folder / NAME} is damaged: it is not JSON") from None
    if not (isinstance(record, dict) and {"gestalt", "command", "status"} <= record.keys()):
        raise ValueError(f"{folder / NAME} was not written by gestalt")
    return record


def finished(
    folder: Path, commands: Sequence[str], *, lacks: str, expected: str, engines: Sequence[str] = ()
) -> dict[str, Any]:
    """Return the run.json of a finished run of some commands.

    Args:
        folder: Of the run.
        commands: Noun and verb of each that will do.
        lacks: What a run of any other command does not hold.
        expected: A command line that makes one.
        engines: Those that will do; without any, all.

    Raises:
        ValueError: If it is another command's, not finished, or no run.
    """
    content = read(folder)
    engine = content.get("engine", "")
    if content["command"] not in commands or (engines and engine not in engines):
        made = " ".join(part for part in (content["command"], engine if engines else "") if part)
        raise ValueError(f"{folder} was made by '{made}' and holds no {lacks}; expected a run of: {expected}")
    if content["status"] != "done":
        raise ValueError(f"{folder} is not finished; go on with: gestalt resume {folder}")
    return content


def plan_of(record: Mapping[str, Any]) -> Plan:
    """Return the plan that a run.json holds.

    Raises:
        ValueError: If a part of it is missing.
    """
    names = [item.name for item in dataclasses.fields(Plan)]
    missing = [name for name in (*names, "seconds", "measures") if name not in record]
    if missing:
        raise ValueError(f"{NAME} is damaged: it lacks {', '.join(missing)}")
    values: dict[str, Any] = {name: record[name] for name in names}
    values |= {name: tuple(values[name]) for name in ("argv", "references")}
    return Plan(**values)


def check_resumable(folder: Path, record: Mapping[str, Any]) -> None:
    """Check that resuming `folder` would give what an uninterrupted run gives.

    Raises:
        ValueError: If the run is done, was made by another version, or an input changed since.
    """
    if record["status"] == "done":
        raise ValueError(f"{folder} is already done; there is nothing to resume")
    if record["gestalt"] != VERSION:
        raise ValueError(
            f"{folder} was started by gestalt {record['gestalt']} and this is {VERSION}; "
            "resume it with that version, or start it anew with --overwrite"
        )
    for path, former in record.get("fingerprints", {}).items():
        if fingerprint(Path(path)) != former:
            raise ValueError(f"{path} changed since {folder} was started; restore it, or start a new run")


def input_paths(inputs: Mapping[str, str | list[str]]) -> list[str]:
    """Return all paths of a plan that are read, in order, once each."""
    read_from = [value for name, value in inputs.items() if name != RESULT]
    paths = [path for value in read_from for path in ([value] if isinstance(value, str) else value)]
    return list(dict.fromkeys(paths))


def fingerprint(path: Path) -> str:
    """Return the SHA-256 of a file's bytes, or of a folder's sorted listing with sizes.

    Of a run folder only weights and outputs count, since its report may be written again; hidden files and
    run folders inside a folder do not count, since a run may be written beside the pictures it reads.

    Raises:
        ValueError: If there is no such file or folder, or it cannot be read.
    """
    try:
        if path.is_dir():
            listing = "".join(f"{name}\0{size}\n" for name, size in sorted(_files(path)))
            return hashlib.sha256(listing.encode("utf-8", "surrogateescape")).hexdigest()
        with path.open("rb") as file:
            return hashlib.file_digest(file, "sha256").hexdigest()
    except FileNotFoundError:
        raise ValueError(f"no such file or folder: {path}") from None
    except OSError as error:
        raise ValueError(f"cannot read {path}: {error.strerror}") from error


def _files(folder: Path) -> Iterator[tuple[str, int]]:
    starts = [folder / "weights", folder / "outputs"] if (folder / NAME).exists() else [folder]
    for start in starts:
        for place, folders, names in os.walk(start):
            folders[:] = [name for name in folders if not _is_left_out(os.path.join(place, name))]
            for name in names:
                full = os.path.join(place, name)
                if not name.startswith("."):
                    yield os.path.relpath(full, folder).replace(os.sep, "/"), os.stat(full).st_size


def _is_left_out(folder: str) -> bool:
    return os.path.basename(folder).startswith(".") or os.path.exists(os.path.join(folder, NAME))


def now() -> str:
    """Return the time in UTC, as in 2026-11-22T15:04:05Z."""
    return time.strftime("%Y-%m-%dT%H:%M:%SZ", time.gmtime())


def _plain(value: Any) -> Any:
    """Return what JSON can hold: paths and everything it does not know as text, so also inf and nan."""
    if isinstance(value, Mapping):
        return {str(key): _plain(item) for key, item in value.items()}
    if isinstance(value, list | tuple):
        return [_plain(item) for item in value]
    if value is None or isinstance(value, bool | int | str):
        return value
    return value if isinstance(value, float) and math.isfinite(value) else str(value)


def _version(library: str) -> str | None:
    try:
        return importlib.metadata.version(library)
    except importlib.metadata.PackageNotFoundError:
        return None


def _git_hash() -> str | None:
    """Return the commit of the checkout this package runs from; None when it is installed."""
    source = Path(__file__).resolve().parents[2]
    if source.name != "src":
        return None
    try:
        git = source.parent / ".git"
        if git.is_file():  # a worktree
            git = source.parent / git.read_text().removeprefix("gitdir:").strip()
        head = (git / "HEAD").read_text().strip()
        if not head.startswith("ref: "):
            return head
        common = git / (git / "commondir").read_text().strip() if (git / "commondir").exists() else git
        reference = head.removeprefix("ref: ")
        if (common / reference).exists():
            return (common / reference).read_text().strip()
        packed = (common / "packed-refs").read_text()
        found = re.search(rf"^([0-9a-f]+) {re.escape(reference)}$", packed, re.MULTILINE)
        return found[1] if found else None
    except OSError:
        return None
