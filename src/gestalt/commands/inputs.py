"""What is named on the command line, as files, and what their results are called."""

import os
from pathlib import Path, PurePath


def named(given: tuple[Path, ...]) -> list[tuple[Path, PurePath]]:
    """Every picture asked for, and the name that its maps get: its place in the folder that was given, or its own.

    Raises:
        ValueError: none is given, a path does not exist, or a folder holds no picture.
    """
    from gestalt.media import folders
    from gestalt.media.atomic import quoted

    if not given:
        raise ValueError("no picture was named: expected pictures, or folders of such")
    found: list[tuple[Path, PurePath]] = []
    for path in given:
        if os.path.isdir(path):  # of a name that is too long Path's own raises an error
            inside = [
                picture
                for folder in [path, *sorted(p for p in path.rglob("*") if p.is_dir() and not is_hidden(p, path))]
                for picture in folders.pictures(folder)
            ]
            if not inside:
                raise ValueError(f"{path} holds no picture, and neither do its folders")
            found += [(picture, PurePath(path.resolve().name) / picture.relative_to(path)) for picture in inside]
        elif os.path.exists(path):
            found.append((path, PurePath(path.name)))
        else:
            raise ValueError(f"no such file or folder: {quoted(path)}")
    names = folders.told_apart([name.with_suffix("").as_posix() for _, name in found])
    return [(path, PurePath(name)) for (path, _), name in zip(found, names, strict=True)]


def is_hidden(path: Path, root: Path) -> bool:
    """Whether a folder below a root, or one it lies in, has a name that begins with a dot."""
    return any(part.startswith(".") for part in path.relative_to(root).parts)
