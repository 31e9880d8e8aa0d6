"""Pictures in a folder, in the natural order of their names (2 before 10).

Hidden files, and those that end in no picture format, are left out. What is in a file decides only when it is read.
Standard library only.
"""

import os
import re
from collections.abc import Sequence
from pathlib import Path

from gestalt.media.atomic import AnyPath, quoted

ENDINGS = frozenset(
    [
        ".png",
        ".apng",
        ".jpg",
        ".jpeg",
        ".jpe",
        ".jfif",
        ".gif",
        ".bmp",
        ".dib",
        ".ppm",
        ".pgm",
        ".pbm",
        ".pnm",
        ".pfm",
        ".tif",
        ".tiff",
        ".webp",
        ".avif",
        ".ico",
        ".pcx",
        ".psd",
        ".qoi",
        ".sgi",
        ".rgb",
        ".bw",
    ]
)
"""How files may end, in any case: the usual endings of all formats that `media.image` reads."""


def existing(path: AnyPath) -> Path:
    """The folder at a path.

    Raises:
        ValueError: there is none, or a file.
    """
    folder = Path(os.fsdecode(path))
    if not folder.is_dir():
        what = "is a file" if folder.exists() else "does not exist"
        raise ValueError(f"{quoted(folder)} {what}: expected a folder of pictures")
    return folder


def pictures(folder: Path) -> list[Path]:
    """The picture files right in a folder, in natural order; none where there is no such folder.

    Raises:
        ValueError: the folder may not be read.
    """
    return [path for path in inside(folder) if path.suffix.lower() in ENDINGS and path.is_file()]


def inside(folder: Path) -> list[Path]:
    """What is in a folder and not hidden, in natural order; nothing where there is no such folder.

    Raises:
        ValueError: the folder may not be read.
    """
    if not folder.is_dir():
        return []
    try:
        names = [name for name in os.listdir(folder) if not name.startswith(".")]
    except PermissionError as error:
        raise ValueError(f"{quoted(folder)} may not be read by this user: change its permissions or copy it") from error
    return [folder / name for name in sorted(names, key=natural)]


def natural(name: str) -> tuple[list[tuple[int, int, str]], str]:
    """What names are sorted by: numbers by their values, names that are then equal ("1", "01") by their characters."""
    parts = re.split(r"([0-9]+)", name.lower())
    return [(0, int(part), "") if n % 2 else (1, 0, part) for n, part in enumerate(parts)], name


def told_apart(names: Sequence[str]) -> list[str]:
    """Names as they are, where there are several alike the later ones with _2, _3 and so on."""
    known, taken = set(names), set[str]()
    result = []
    for name in names:
        told, count = name, 1
        while told in taken or (count > 1 and told in known):
            count += 1
            told = f"{name}_{count}"
        taken.add(told)
        result.append(told)
    return result
