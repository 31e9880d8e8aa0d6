"""A file is complete or absent, whatever happens while it is written."""

import errno
import json
import os
import resource
import signal
import stat
import subprocess
import sys
import threading
from collections.abc import Callable
from pathlib import Path

import pytest

from gestalt.media import atomic
from media.children import run_in_child


def litter(folder: Path) -> list[str]:
    return [path.name for path in folder.iterdir() if path.name.startswith(".")]


def test_content_is_written_and_replaced(tmp_path: Path) -> None:
    path = tmp_path / "a.bin"
    for data in (b"", b"first", bytes(range(256)) * 1000, b"short"):
        atomic.write_bytes(path, data)
        assert path.read_bytes() == data
    assert os.listdir(tmp_path) == ["a.bin"]


def test_text_is_utf8_with_its_own_line_ends(tmp_path: Path) -> None:
    atomic.write_text(tmp_path / "a.txt", "gr\u00fc\u00dfe\r\n\u732b\n")
    assert (tmp_path / "a.txt").read_bytes() == b"gr\xc3\xbc\xc3\x9fe\r\n\xe7\x8c\xab\n"


def test_json_keeps_the_order_and_ends_with_a_newline(tmp_path: Path) -> None:
    obj = {"b": 1, "a": [1.5, None, True, "\u732b"], "c": {"z": 0, "y": 0}}
    atomic.write_json(tmp_path / "a.json", obj)
    text = (tmp_path / "a.json").read_text()
    assert text.startswith('{\n "b": 1,\n "a": [\n  1.5,')
    assert text.endswith("}\n")
    assert json.loads(text) == obj
    assert list(json.loads(text)) == ["b", "a", "c"]


@pytest.mark.parametrize("number", [float("nan"), float("inf"), float("-inf")])
def test_json_refuses_what_it_cannot_hold(number: float, tmp_path: Path) -> None:
    path = tmp_path / "metrics.json"
    atomic.write_json(path, {"loss": 1.0})
    with pytest.raises(ValueError, match=r"'.*metrics\.json'.*expected finite numbers"):
        atomic.write_json(path, {"loss": number})
    assert json.loads(path.read_text()) == {"loss": 1.0}


# -- permissions and links ---------------------------------------------------------------------------------


@pytest.mark.parametrize(("umask", "expected"), [(0o022, 0o644), (0o027, 0o640), (0o002, 0o664)])
def test_a_new_file_follows_the_umask(umask: int, expected: int, tmp_path: Path) -> None:
    before = os.umask(umask)
    try:
        atomic.write_bytes(tmp_path / "a", b"x")
    finally:
        os.umask(before)
    assert stat.S_IMODE((tmp_path / "a").stat().st_mode) == expected


@pytest.mark.parametrize("mode", [0o600, 0o666, 0o640])
def test_a_replaced_file_keeps_its_permissions(mode: int, tmp_path: Path) -> None:
    path = tmp_path / "a"
    path.write_bytes(b"old")
    path.chmod(mode)
    atomic.write_bytes(path, b"new")
    assert path.read_bytes() == b"new"
    assert stat.S_IMODE(path.stat().st_mode) == mode


def test_private_content_is_never_readable_by_others(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    path = tmp_path / "a"
    path.write_bytes(b"old")
    path.chmod(0o600)
    modes: list[int] = []
    fsync = os.fsync

    def spy(handle: int) -> None:
        modes.append(stat.S_IMODE(os.fstat(handle).st_mode))
        fsync(handle)

    monkeypatch.setattr(os, "fsync", spy)
    atomic.write_bytes(path, b"secret")
    assert modes[0] == 0o600


def test_a_link_is_followed(tmp_path: Path) -> None:
    (tmp_path / "there").mkdir()
    (tmp_path / "there" / "target").write_bytes(b"old")
    (tmp_path / "link").symlink_to("there/target")
    atomic.write_bytes(tmp_path / "link", b"new")
    assert (tmp_path / "link").is_symlink()
    assert (tmp_path / "there" / "target").read_bytes() == b"new"


# -- order and interruption --------------------------------------------------------------------------------


def test_the_data_is_on_the_disk_before_it_has_the_name(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    steps: list[str] = []
    fsync, replace = os.fsync, os.replace

    def spy_fsync(handle: int) -> None:
        kind = "folder" if stat.S_ISDIR(os.fstat(handle).st_mode) else "file"
        steps.append(f"fsync {kind} of {os.fstat(handle).st_size if kind == 'file' else 'any'} bytes")
        fsync(handle)

    def spy_replace(source: str, target: str) -> None:
        assert os.path.dirname(source) == os.path.dirname(target)
        name = os.path.basename(source)
        assert name.startswith(".")
        assert str(os.getpid()) in name
        steps.append("rename")
        replace(source, target)

    monkeypatch.setattr(os, "fsync", spy_fsync)
    monkeypatch.setattr(os, "replace", spy_replace)
    atomic.write_bytes(tmp_path / "a", bytes(1000))
    assert steps == ["fsync file of 1000 bytes", "rename", "fsync folder of any bytes"]


@pytest.mark.parametrize("error", [KeyboardInterrupt(), SystemExit(1), MemoryError(), OSError(errno.EIO, "broken")])
@pytest.mark.parametrize("step", ["fsync", "replace"])
def test_interruption_leaves_the_old_file_and_no_litter(
    step: str, error: BaseException, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    path = tmp_path / "a"
    path.write_bytes(b"old")

    def fail(*_: object) -> None:
        assert litter(tmp_path), "there should be a temporary file at this moment"
        raise error

    monkeypatch.setattr(os, step, fail)
    with pytest.raises(type(error)):
        atomic.write_bytes(path, b"new")
    assert path.read_bytes() == b"old"
    assert os.listdir(tmp_path) == ["a"]


def test_readers_see_the_old_or_the_new_and_nothing_between(tmp_path: Path) -> None:
    path = tmp_path / "a"
    contents = [b"a" * 300_000, b"b" * 500_000]
    atomic.write_bytes(path, contents[0])
    stop = threading.Event()
    torn: list[int] = []

    def watch() -> None:
        while not stop.is_set():
            if (seen := path.read_bytes()) not in contents:
                torn.append(len(seen))

    watcher = threading.Thread(target=watch)
    watcher.start()
    for turn in range(40):
        atomic.write_bytes(path, contents[turn % 2])
    stop.set()
    watcher.join()
    assert torn == []


# -- full disks --------------------------------------------------------------------------------------------


def test_a_full_disk_is_an_os_error_and_leaves_the_old_file(small_disk: Path) -> None:
    path = small_disk / "a"
    atomic.write_bytes(path, b"old")
    with pytest.raises(OSError) as failure:
        atomic.write_bytes(path, bytes(200_000))
    assert failure.value.errno == errno.ENOSPC
    assert os.listdir(small_disk) == ["a"]
    assert path.read_bytes() == b"old"
    atomic.write_bytes(path, bytes(20_000))  # what was written in vain takes no space


def test_a_limit_on_the_file_size_is_an_os_error(tmp_path: Path) -> None:
    def write_too_much() -> None:
        signal.signal(signal.SIGXFSZ, signal.SIG_IGN)  # the signal would end the process before the error is seen
        resource.setrlimit(resource.RLIMIT_FSIZE, (1000, 1000))
        atomic.write_bytes(tmp_path / "a", bytes(100_000))

    answer = run_in_child(write_too_much)
    assert answer.startswith("OSError: ")
    assert os.strerror(errno.EFBIG) in answer
    assert os.listdir(tmp_path) == []


# -- the user's mistakes -----------------------------------------------------------------------------------


def in_missing_folder(folder: Path) -> Path:
    return folder / "nowhere" / "a.txt"


def below_a_file(folder: Path) -> Path:
    (folder / "file").write_bytes(b"")
    return folder / "file" / "a.txt"


def a_folder(folder: Path) -> Path:
    (folder / "a.txt").mkdir()
    return folder / "a.txt"


def a_long_name(folder: Path) -> Path:
    return folder / ("x" * 300)


def a_circle(folder: Path) -> Path:
    (folder / "a").symlink_to("b")
    (folder / "b").symlink_to("a")
    return folder / "a"


def a_pipe(folder: Path) -> Path:
    os.mkfifo(folder / "pipe")
    return folder / "pipe"


@pytest.mark.parametrize(
    ("make", "expected"),
    [
        (in_missing_folder, "create the folder"),
        (below_a_file, "is a file, not a folder"),
        (a_folder, "it is a folder"),
        (a_long_name, "name is too long"),
        (a_circle, "circle of links"),
        (a_pipe, "not a regular file"),
    ],
)
def test_mistakes_are_one_sentence(make: Callable[[Path], Path], expected: str, tmp_path: Path) -> None:
    path = make(tmp_path)
    before = sorted(os.listdir(tmp_path))
    with pytest.raises(ValueError, match=expected) as mistake:
        atomic.write_text(path, "x")
    message = str(mistake.value)
    assert message.startswith("cannot write '")
    assert path.name[-60:] in message
    assert len(message) < 300
    assert message.isprintable()
    assert sorted(os.listdir(tmp_path)) == before


def test_a_pipe_is_not_replaced_by_a_file(tmp_path: Path) -> None:
    """Nor would a device be: as root, `--out /dev/null` must not put a plain file in its place."""
    path = a_pipe(tmp_path)
    with pytest.raises(ValueError, match="not a regular file"):
        atomic.write_bytes(path, b"x")
    assert path.is_fifo()


def test_the_longest_name_allowed(tmp_path: Path) -> None:
    path = tmp_path / ("x" * 255)
    atomic.write_bytes(path, b"x")
    assert path.read_bytes() == b"x"


def test_a_folder_without_permission(open_folder: Path) -> None:
    (open_folder / "a").write_bytes(b"old")
    open_folder.chmod(0o555)
    answer = run_in_child(lambda: atomic.write_bytes(open_folder / "a", b"new"), unprivileged=True)
    open_folder.chmod(0o777)
    assert answer.startswith("ValueError: cannot write ")
    assert "no permission to write in its folder" in answer
    assert (open_folder / "a").read_bytes() == b"old"
    answer = run_in_child(lambda: atomic.write_bytes(open_folder / "b", b"new"), unprivileged=True)
    assert answer == "None"  # it was the permission


def test_a_read_only_disk(small_disk: Path) -> None:
    remounted = subprocess.run(["mount", "-o", "remount,ro", str(small_disk)], capture_output=True)
    if remounted.returncode != 0:
        pytest.skip("may not remount the disk read-only")
    with pytest.raises(ValueError, match="read-only disk"):
        atomic.write_bytes(small_disk / "a", b"x")


# -- sweeping ----------------------------------------------------------------------------------------------


def test_sweep_removes_what_a_killed_process_left(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "a").write_bytes(b"old")
    monkeypatch.setattr(os, "fsync", lambda _: os.kill(os.getpid(), signal.SIGKILL))
    answer = run_in_child(lambda: atomic.write_bytes(tmp_path / "a", b"new"))
    monkeypatch.undo()
    assert answer == f"killed by signal {int(signal.SIGKILL)}"
    assert len(litter(tmp_path)) == 1
    assert atomic.sweep(tmp_path) == 1
    assert os.listdir(tmp_path) == ["a"]
    assert (tmp_path / "a").read_bytes() == b"old"


def test_sweep_removes_what_an_earlier_process_of_this_number_left(tmp_path: Path) -> None:
    """In a container, the killed and the resumed process are often both number 1."""
    (tmp_path / f".gestalt-{os.getpid()}-999999.tmp").write_bytes(b"half")
    assert atomic.sweep(tmp_path) == 1
    assert os.listdir(tmp_path) == []


def test_sweep_leaves_what_is_being_written(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    fsync = os.fsync
    counts: list[int] = []

    def sweep_meanwhile(handle: int) -> None:
        counts.append(atomic.sweep(tmp_path))
        fsync(handle)

    monkeypatch.setattr(os, "fsync", sweep_meanwhile)
    atomic.write_bytes(tmp_path / "a", b"new")
    assert counts[0] == 0
    assert (tmp_path / "a").read_bytes() == b"new"


def test_sweep_leaves_other_processes_and_other_files(tmp_path: Path) -> None:
    kept = [f".gestalt-{os.getppid()}-0.tmp", ".gestalt-x-0.tmp", ".hidden", "a.tmp", "gestalt-1-0.tmp"]
    for name in kept:
        (tmp_path / name).write_bytes(b"")
    (tmp_path / ".gestalt-999999999-0.tmp").mkdir()
    assert atomic.sweep(tmp_path) == 0
    assert sorted(os.listdir(tmp_path)) == sorted([*kept, ".gestalt-999999999-0.tmp"])


def test_sweep_of_a_missing_folder_is_clean(tmp_path: Path) -> None:
    assert atomic.sweep(tmp_path / "nowhere") == 0


def test_the_module_needs_the_standard_library_only() -> None:
    code = "import sys, gestalt.media.atomic; print({'torch', 'numpy', 'PIL'} & set(sys.modules))"
    shown = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert shown.stdout.strip() == "set()"


# -- files that a library writes itself --------------------------------------------------------------------


def test_replacing_takes_the_name_at_the_end(tmp_path: Path) -> None:
    path = tmp_path / "a.bin"
    path.write_bytes(b"before")
    path.chmod(0o440)
    with atomic.replacing(path) as temporary:
        assert Path(temporary).parent == tmp_path
        Path(temporary).write_bytes(b"after")
        assert path.read_bytes() == b"before"
    assert path.read_bytes() == b"after"
    assert path.stat().st_mode & 0o777 == 0o440
    assert os.listdir(tmp_path) == ["a.bin"]


def test_replacing_passes_on_what_the_block_raises(tmp_path: Path) -> None:
    """A file that is missing somewhere else is not the fault of this one's folder."""
    with pytest.raises(FileNotFoundError, match="elsewhere"), atomic.replacing(tmp_path / "a.bin"):
        (tmp_path / "elsewhere").read_bytes()
    assert os.listdir(tmp_path) == []


def test_a_read_only_file_is_replaced_by_its_owner(open_folder: Path) -> None:
    open_folder.chmod(0o777)

    def replace() -> bytes:
        path = open_folder / "a.bin"
        path.write_bytes(b"before")
        path.chmod(0o400)
        atomic.write_bytes(path, b"after")
        return path.read_bytes()

    assert run_in_child(replace, unprivileged=True) == "b'after'"


def test_check_leaves_everything_as_it_is(tmp_path: Path) -> None:
    (tmp_path / "old").write_text("old")
    for name in ("old", "new"):
        atomic.check(tmp_path / name)
    assert [path.name for path in tmp_path.iterdir()] == ["old"]
    assert (tmp_path / "old").read_text() == "old"
    for path, says in ((tmp_path, "it is a folder"), (tmp_path / "gone/new", "its folder does not exist")):
        with pytest.raises(ValueError, match=says):
            atomic.check(path)
