"""Files that are either complete or absent, whatever stops the program.

The bytes go to a temporary file in the same folder, are flushed to the disk, and only then take the final
name: a reader sees the old file or the new one, never half of one. Mistakes that the user can repair (a
missing or read-only folder) are a `ValueError` in one sentence; a full or broken disk stays an `OSError`, so
that the run layer can stop and say that the run can be resumed.

Standard library only: the parts of the program that must answer without torch write through this module too.
"""

import contextlib
import errno
import itertools
import json
import os
import re
import shutil
import stat
from collections.abc import Iterator
from typing import Any

AnyPath = str | os.PathLike[str]

_TEMPORARY = re.compile(r"\.gestalt-(\d+)-\d+\.tmp")
_counter = itertools.count()
_writing: set[str] = set()  # what this process is writing now, so that a sweep in another thread leaves it alone


def write_bytes(path: AnyPath, data: bytes) -> None:
    """Puts `data` into `path` completely, or leaves `path` as it was.

    A symbolic link is followed, as `open` would do. A file that is replaced keeps its permissions; a new one
    gets what the umask allows.

    Args:
        path: the file to write; its folder must exist.
        data: the whole content.

    Raises:
        ValueError: the folder is missing or not writable, or `path` is a folder, a device or too long a name.
        OSError: the disk is full (`ENOSPC`, `EDQUOT`, `EFBIG`) or fails; nothing is left behind.
    """
    with replacing(path) as temporary, _in_words(path), open(temporary, "wb") as file:
        file.write(data)


def copy(source: AnyPath, path: AnyPath) -> None:
    """Makes `path` a copy of a file, of any length, or leaves it as it was.

    Args:
        source: the file to read.
        path: the file to write; its folder must exist.

    Raises:
        ValueError, OSError: as `write_bytes`.
    """
    with replacing(path) as temporary, _in_words(path):
        shutil.copyfile(source, temporary)


@contextlib.contextmanager
def replacing(path: AnyPath) -> Iterator[str]:
    """Gives the name of an empty temporary file, for libraries that write files themselves.

    When the block ends, the file is flushed to the disk and takes the name `path`; when the block raises, it is
    removed and `path` stays as it was. Links and permissions are as in `write_bytes`.

    Args:
        path: the file to write; its folder must exist.

    Yields:
        The path of the temporary file, in the same folder. Close it before the block ends.

    Raises:
        ValueError, OSError: as `write_bytes`; what the block itself raises is passed on as it is.
    """
    temporary = ""
    try:
        with _in_words(path):
            target = os.path.realpath(path)
            mode = _mode_of(target)
            folder = os.path.dirname(target)
            # The name does not contain the target's: that one may already have the greatest length allowed.
            name = os.path.join(folder, f".gestalt-{os.getpid()}-{next(_counter)}.tmp")
            _writing.add(name)
            temporary = name
            with open(temporary, "xb"):
                _change_mode(temporary, mode, 0o200)  # as closed as the old file, but open to ourselves
        yield temporary
        with _in_words(path):
            with open(temporary, "rb+") as file:
                os.fsync(file.fileno())
            _change_mode(temporary, mode, 0)
            os.replace(temporary, target)
    except BaseException:  # Ctrl-C too: a stopped run leaves no litter
        with contextlib.suppress(OSError):
            os.unlink(temporary)
        raise
    finally:
        _writing.discard(temporary)
    _sync_folder(folder)


class _Enough(Exception):
    """A file could be written."""


def check(path: AnyPath) -> None:
    """Sees whether `path` could be written, and leaves it as it is.

    Args:
        path: the file that is to be written later; its folder must exist.

    Raises:
        ValueError, OSError: as `write_bytes`.
    """
    with contextlib.suppress(_Enough), replacing(path):
        raise _Enough


def write_text(path: AnyPath, text: str) -> None:
    """Writes `text` in UTF-8, completely or not at all; line ends stay as given.

    Args:
        path: the file to write; its folder must exist.
        text: the whole content.

    Raises:
        ValueError, OSError: as `write_bytes`.
    """
    write_bytes(path, text.encode("utf-8"))


def write_json(path: AnyPath, obj: Any) -> None:
    """Writes `obj` as JSON, keys in the order given, one space of indent, a newline at the end.

    Args:
        path: the file to write; its folder must exist.
        obj: dictionaries, lists, strings, numbers, booleans and None.

    Raises:
        ValueError: a number is NaN or infinite, which JSON cannot hold; or as `write_bytes`.
        TypeError: `obj` holds something that JSON has no form for.
        OSError: as `write_bytes`.
    """
    try:
        text = json.dumps(obj, indent=1, allow_nan=False)
    except ValueError as error:
        raise ValueError(
            f"cannot write {quoted(path)}: expected finite numbers without cycles ({error}); "
            "replace NaN and infinity by null"
        ) from error
    write_text(path, text + "\n")


def sweep(folder: AnyPath) -> int:
    """Removes the temporary files that killed processes left in `folder`.

    A temporary file is kept while the process named in it is alive. Sub-folders are not entered.

    Args:
        folder: the folder to clean; a missing one is already clean.

    Returns:
        How many files were removed.
    """
    removed = 0
    with contextlib.suppress(FileNotFoundError):
        for entry in list(os.scandir(os.path.realpath(folder))):
            match = _TEMPORARY.fullmatch(entry.name)
            if match is None or not entry.is_file(follow_symlinks=False):
                continue
            pid = int(match[1])
            # A resumed process may have the number of the killed one (in a container it is often 1).
            stale = entry.path not in _writing if pid == os.getpid() else not _alive(pid)
            if stale:
                with contextlib.suppress(OSError):  # another sweep was faster, or the folder is read-only
                    os.unlink(entry.path)
                    removed += 1
    return removed


def quoted(path: AnyPath) -> str:
    """The path as an error message shows it: in quotes, on one line, the start of a long one left out."""
    text = os.fspath(path)
    if len(text) > 120:
        text = "..." + text[-117:]
    return repr(text)


def _mode_of(target: str) -> int | None:
    """The permission bits of the file to be replaced, None where there is none yet."""
    try:
        mode = os.stat(target).st_mode
    except FileNotFoundError:
        return None
    if stat.S_ISDIR(mode):
        raise IsADirectoryError(errno.EISDIR, os.strerror(errno.EISDIR), target)
    if not stat.S_ISREG(mode):  # the rename would put a plain file in the place of /dev/null
        raise ValueError(f"cannot write {quoted(target)}: it is not a regular file; give the name of a file")
    return stat.S_IMODE(mode) & 0o777


def _change_mode(temporary: str, mode: int | None, besides: int) -> None:
    if mode is not None:
        with contextlib.suppress(PermissionError):  # FAT has no permissions to keep
            os.chmod(temporary, mode | besides)


@contextlib.contextmanager
def _in_words(path: AnyPath) -> Iterator[None]:
    """Turns an error that the user can repair into one sentence."""
    try:
        yield
    except OSError as error:
        if (reason := _mistake(error)) is None:
            raise
        raise ValueError(f"cannot write {quoted(path)}: {reason}") from error


def _mistake(error: OSError) -> str | None:
    """What the user did and can do about it, None where the machine is at fault."""
    match error.errno:
        case errno.ENOENT:
            return "its folder does not exist; create the folder or choose another place"
        case errno.ENOTDIR:
            return "a part of its path is a file, not a folder; choose another place"
        case errno.EISDIR:
            return "it is a folder; give the name of a file"
        case errno.EACCES | errno.EPERM:
            return "no permission to write in its folder; choose another place"
        case errno.EROFS:
            return "its folder is on a read-only disk; choose another place"
        case errno.ENAMETOOLONG:
            return "the name is too long; choose a shorter one"
        case errno.ELOOP:
            return "its path is a circle of links; choose another place"
    return None


def _alive(pid: int) -> bool:
    try:
        os.kill(pid, 0)
    except (ProcessLookupError, OverflowError):
        return False
    except PermissionError:
        return True
    return True


def _sync_folder(folder: str) -> None:
    """Makes the rename itself survive a power cut, where the file system has a way to do so."""
    with contextlib.suppress(OSError):  # some file systems refuse; the file is in place all the same
        handle = os.open(folder, os.O_RDONLY)
        try:
            os.fsync(handle)
        finally:
            os.close(handle)
