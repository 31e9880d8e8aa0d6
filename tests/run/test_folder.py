"""What a run folder holds, who may write to it, and what is never touched."""

from __future__ import annotations

import fcntl
import json
import os
import signal
import subprocess
import sys
import tempfile
import threading
import time
from pathlib import Path

import pytest
import torch

from gestalt.media import image
from gestalt.run import checkpoint, index, lock, record
from gestalt.run.folder import NullRun, Run, Stopped, default_path, find, status_of
from run import jobs

PICTURE = torch.zeros(1, 3, 4, 5)


def _run(path: Path, **options) -> Run:
    return Run.create(path, jobs.plan(), progress=jobs.quiet(), **options)


def _finished(path: Path) -> Path:
    with _run(path) as run:
        run.image("a.png", PICTURE, "A")
        run.save("net", {"w": torch.ones(2)})
        run.preview("a", 400, PICTURE)
        run.log(0, loss=1.0)
    return path


def _hold(path: Path) -> int:
    """Start a child that keeps a run at `path` busy; return its pid once it is at work."""

    def job() -> None:
        with _run(path) as run:
            for _ in run.steps("loop", 10**6, {}):
                time.sleep(0.01)

    pid = jobs.start(job)
    jobs.wait_for(lambda: lock.is_locked(path) and (path / "run.json").exists())
    return pid


def test_run_json_is_there_before_step_0(tmp_path: Path) -> None:
    picture = tmp_path / "in.png"
    image.write(picture, PICTURE)
    settings = {"levels": 3, "rate": float("inf"), "nested": {"pair": (1, Path("x"))}}
    plan = jobs.plan(inputs={"a": str(picture)}, settings=settings, argv=("analogy", "make"), threads=2)
    with Run.create(tmp_path / "run", plan, progress=jobs.quiet()) as run:
        known = json.loads((run.path / "run.json").read_text())
        assert known["status"] == "running"
        assert status_of(run.path) == "running"
        assert known["settings"] == {"levels": 3, "rate": "inf", "nested": {"pair": [1, "x"]}}
        assert known["fingerprints"][str(picture)] == record.fingerprint(picture)
        assert {
            "gestalt",
            "python",
            "platform",
            "libraries",
            "git",
            "started",
            "seed",
            "device",
        } <= known.keys()
        assert "torch" in known["libraries"]
    assert record.plan_of(record.read(run.path)).argv == ("analogy", "make")


def test_finished_run_holds_what_design_says(tmp_path: Path) -> None:
    path = _finished(tmp_path / "run")
    names = sorted(str(name.relative_to(path)) for name in path.rglob("*") if name.is_file())
    assert names == [
        "log.txt",
        "metrics.json",
        "metrics.jsonl",
        "outputs/a.png",
        "outputs/index.json",
        "previews/a_000400.png",
        "report.html",
        "run.json",
        "weights/net.safetensors",
    ]
    tensors, config = checkpoint.read_weights(path / "weights" / "net.safetensors")
    assert tensors["w"].tolist() == [1, 1]
    assert config["command"] == "analogy make"
    assert config["settings"] == {"steps": jobs.STEPS}


def test_index_keeps_order_and_replaces(tmp_path: Path) -> None:
    with _run(tmp_path / "run") as run:
        run.add("table", "scores.csv", "first", row="r")
        run.image("maps/x.png", PICTURE, "map")
        run.add("table", "scores.csv", "second", col="c")
        with pytest.raises(AssertionError, match="outputs"):
            run.add("file", "../run.json", "no")
    assert index.read(tmp_path / "run" / "outputs" / "index.json") == [
        {"kind": "table", "path": "scores.csv", "caption": "second", "row": "", "col": "c"},
        {"kind": "image", "path": "maps/x.png", "caption": "map", "row": "", "col": ""},
    ]


def test_many_results_do_not_rewrite_the_index_each_time(tmp_path: Path) -> None:
    with _run(tmp_path / "run") as run:
        started = time.monotonic()
        for number in range(3000):
            run.add("file", f"{number}.txt", "")
        assert time.monotonic() - started < 2
    assert len(index.read(tmp_path / "run" / "outputs" / "index.json")) == 3000


def test_file_is_complete_or_absent(tmp_path: Path) -> None:
    with _run(tmp_path / "run") as run:
        with run.file("sub/a.csv", "A") as path:
            assert path.suffix == ".csv"
            path.write_text("x")
            assert not (run.path / "outputs" / "sub" / "a.csv").exists()
        with pytest.raises(ZeroDivisionError), run.file("b.csv", "B") as path:
            path.write_text(f"half{1 / 0}")
    assert (run.path / "outputs" / "sub" / "a.csv").read_text() == "x"
    assert not (run.path / "outputs" / "b.csv").exists()
    assert not (run.path / "partial").exists()
    with NullRun().file("sub/a.mp4", "A") as path:
        path.write_bytes(b"x")
    assert not path.exists()


def test_existing_run_is_kept_unless_overwritten(tmp_path: Path) -> None:
    path = _finished(tmp_path / "run")
    (path / "notes.txt").write_text("mine")
    before = (path / "run.json").read_bytes()
    with pytest.raises(ValueError, match=r"already holds a run.* --overwrite"):
        _run(path)
    assert (path / "run.json").read_bytes() == before
    with _run(path, overwrite=True):
        assert not (path / "outputs").exists()
        assert not (path / "weights").exists()
    assert (path / "notes.txt").read_text() == "mine"


def test_overwriting_follows_no_link(tmp_path: Path) -> None:
    path = _finished(tmp_path / "run")
    elsewhere = tmp_path / "elsewhere"
    (path / "outputs").rename(elsewhere)
    (path / "outputs").symlink_to(elsewhere)
    with _run(path, overwrite=True):
        pass
    assert (elsewhere / "a.png").exists()


@pytest.mark.parametrize("content", [None, "{}", "not json", '{"gestalt": 1}'])
def test_folder_of_someone_else_is_never_taken(tmp_path: Path, content: str | None) -> None:
    (tmp_path / "photo.jpg").write_text("precious")
    if content is not None:
        (tmp_path / "run.json").write_text(content)
    for overwrite in (False, True):
        with pytest.raises(ValueError, match="choose another folder"):
            _run(tmp_path, overwrite=overwrite)
    assert (tmp_path / "photo.jpg").read_text() == "precious"
    assert not (tmp_path / "lock").exists()


def test_empty_folder_is_taken(tmp_path: Path) -> None:
    (tmp_path / "lock").touch()  # what a process killed in its first millisecond leaves
    with _run(tmp_path):
        pass
    assert status_of(tmp_path) == "done"


def test_running_run_is_locked_and_a_killed_one_is_not(tmp_path: Path) -> None:
    path = tmp_path / "run"
    pid = _hold(path)
    try:
        assert status_of(path) == "running"
        for attempt in (lambda: _run(path), lambda: _run(path, overwrite=True), lambda: Run.open(path)):
            with pytest.raises(ValueError, match="another process is at work"):
                attempt()
    finally:
        os.kill(pid, signal.SIGKILL)
        jobs.wait(pid)
    assert status_of(path) == "interrupted"
    with _run(path, overwrite=True):
        pass


def test_lock_of_a_removed_file_is_no_lock(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    holder = lock.Lock(tmp_path)
    real = fcntl.flock

    def flock(file: int, how: int) -> None:
        holder.release()  # just after we opened its file; ours is then a file that nobody else will find
        real(file, how)

    monkeypatch.setattr(lock.fcntl, "flock", flock)
    ours = lock.Lock(tmp_path)
    monkeypatch.undo()
    with pytest.raises(BlockingIOError):
        lock.Lock(tmp_path)
    assert lock.is_locked(tmp_path)
    ours.release()
    assert not lock.is_locked(tmp_path)
    assert not list(tmp_path.iterdir())


def test_asking_for_the_status_never_gets_in_the_way(tmp_path: Path) -> None:
    pid = jobs.start(lambda: [lock.is_locked(tmp_path) for _ in range(20000)])
    for _ in range(100):
        lock.Lock(tmp_path).release()
    assert jobs.wait(pid) == jobs.DONE


def test_resume_refuses_what_it_cannot_continue(tmp_path: Path) -> None:
    done = _finished(tmp_path / "done")
    with pytest.raises(ValueError, match="already done"):
        Run.open(done)
    with pytest.raises(ValueError, match="not a gestalt run"):
        Run.open(tmp_path)
    with pytest.raises(ValueError, match="not a gestalt run"):
        Run.open(tmp_path / "nowhere")
    with pytest.raises(ValueError, match="is a file"):
        Run.open(done / "run.json")
    known = json.loads((done / "run.json").read_text())
    (done / "run.json").write_text(json.dumps(known | {"status": "stopped", "gestalt": "0.0.1"}))
    with pytest.raises(ValueError, match=r"started by gestalt 0\.0\.1"):
        Run.open(done)
    (done / "run.json").write_text(json.dumps({"gestalt": record.VERSION, "command": "x", "status": "stopped"}))
    with pytest.raises(ValueError, match="lacks"):
        Run.open(done)
    (done / "run.json").write_text("{")
    with pytest.raises(ValueError, match="damaged"):
        Run.open(done)
    assert not (done / "lock").exists()


@pytest.mark.parametrize("kind", ["file", "folder", "gone"])
def test_changed_input_is_noticed(tmp_path: Path, kind: str) -> None:
    folder = tmp_path / "in"
    folder.mkdir()
    (folder / "x.png").write_bytes(b"12")
    plan = jobs.plan(inputs={"good": str(folder), "also": [str(folder / "x.png")]})
    with pytest.raises(Stopped), Run.create(folder / "run", plan, progress=jobs.quiet()):
        raise Stopped("for now")
    with (
        pytest.raises(Stopped),
        Run.open(folder / "run", progress=jobs.quiet()),
    ):  # the run is no input of its own
        raise Stopped("again")
    if kind == "file":
        (folder / "x.png").write_bytes(b"13")
    elif kind == "folder":
        (folder / "y.png").touch()
    else:
        (folder / "x.png").unlink()
    with pytest.raises(ValueError, match=f"{folder}.* changed|no such file"):
        Run.open(folder / "run")


def test_report_of_an_input_run_may_be_written_again(tmp_path: Path) -> None:
    path = _finished(tmp_path / "run")
    before = record.fingerprint(path)
    (path / "report.html").write_text("another")
    assert record.fingerprint(path) == before
    (path / "weights" / "net.safetensors").write_bytes(b"another")
    assert record.fingerprint(path) != before


def test_missing_input_is_a_plain_mistake(tmp_path: Path) -> None:
    with pytest.raises(ValueError, match=r"no such file or folder: .*gone\.png"):
        Run.create(tmp_path / "run", jobs.plan(inputs={"a": str(tmp_path / "gone.png")}))
    assert not (tmp_path / "run").exists()


def test_place_that_cannot_be_written_to(tmp_path: Path) -> None:
    (tmp_path / "file").touch()
    for path in (tmp_path / "file", tmp_path / "file" / "run", tmp_path / ("x" * 300)):
        with pytest.raises(ValueError, match="choose another"):
            _run(path)
    with pytest.raises(ValueError, match="choose another"):
        default_path(tmp_path / "file", "analogy make", {})


def test_place_without_permission() -> None:
    home = Path(tempfile.mkdtemp(prefix="gestalt-"))  # pytest's own folders are closed to other users
    home.chmod(0o755)
    (home / "mine").mkdir(mode=0o555)
    _finished(home / "run")
    known = json.loads((home / "run" / "run.json").read_text())
    (home / "run" / "run.json").write_text(json.dumps(known | {"status": "stopped"}))
    (home / "run").chmod(0o555)

    def job() -> None:
        if os.getuid() == 0:
            os.setgid(65534)
            os.setuid(65534)
        for attempt in (
            lambda: _run(home / "mine"),
            lambda: _run(home / "mine" / "run"),
            lambda: Run.open(home / "run"),
            lambda: default_path(home / "mine", "analogy make", {}),
        ):
            with pytest.raises(ValueError, match=r"cannot .*Permission denied"):
                attempt()
        assert [run.status for run in find(home)] == ["stopped"]

    assert jobs.wait(jobs.start(job)) == jobs.DONE


def test_damaged_pieces_do_not_break_a_run(tmp_path: Path) -> None:
    path = tmp_path / "run"
    with pytest.raises(ZeroDivisionError), _run(path) as run:
        run.image("a.png", PICTURE, f"A{1 / 0}")
    (path / "outputs").mkdir()
    (path / "outputs" / "index.json").write_text('[{"path": "b.png"}, 3, {"kind"')
    (path / "metrics.jsonl").write_bytes(b'\xff\n{"loop": "a"}\n[1]\n{"loop"')
    with Run.open(path, progress=jobs.quiet()) as run:
        run.image("a.png", PICTURE, "A")
    assert [entry["path"] for entry in index.read(path / "outputs" / "index.json")] == ["a.png"]
    assert status_of(path) == "done"


def test_names_say_what_went_in_and_are_never_reused(tmp_path: Path) -> None:
    root = tmp_path / "runs"
    inputs: dict[str, str | list[str]] = {"a": "/x/Stones (1).png", "b": ["/x/bowls.jpg", "/x/c.png"]}
    first = default_path(root, "analogy make", inputs)
    assert first == root / "analogy-stones-1-bowls-001"
    assert default_path(root, "analogy apply", inputs).name == "analogy-stones-1-bowls-002"
    first.rmdir()
    assert default_path(root, "analogy make", inputs).name == "analogy-stones-1-bowls-003"
    assert default_path(root, "demo", {}).name == "demo-001"
    made = _finished(default_path(root, "generate make", {"x": "/x/balloons.png"}))
    assert default_path(root, "generate sample", {"run": str(made)}).name == "generate-balloons-002"
    threads = [threading.Thread(target=default_path, args=(root, "speed", {})) for _ in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert sorted(path.name for path in root.glob("speed-*")) == [f"speed-{n:03d}" for n in range(1, 9)]


def test_find_lists_runs_children_and_damaged_ones(tmp_path: Path) -> None:
    assert find(tmp_path / "nowhere") == []
    parent = _finished(tmp_path / "demo-001")
    _finished(parent / "analogy-001")
    (tmp_path / "photos").mkdir()
    (tmp_path / "broken").mkdir()
    (tmp_path / "broken" / "run.json").write_text("{")
    (tmp_path / "odd").mkdir()
    (tmp_path / "odd" / "run.json").write_text('{"gestalt": 1, "command": 2, "status": "done", "seconds": "x"}')
    found = {run.path.name: run.status for run in find(tmp_path)}
    assert found == {"broken": "damaged", "odd": "damaged", "demo-001": "done", "analogy-001": "done"}
    assert [run.path for run in find(parent)] == [parent, parent / "analogy-001"]


def test_two_loops_of_one_name_are_our_mistake(tmp_path: Path) -> None:
    with pytest.raises(AssertionError, match="two loops"), _run(tmp_path / "run") as run:
        assert [*run.steps("loop", 1, {}), *run.steps("loop", 1, {})]


def test_other_ranks_write_nothing(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("RANK", "1")
    with _run(tmp_path / "run") as run:
        assert jobs.train(run) == jobs.train(NullRun())
    assert not list(tmp_path.iterdir())


def test_run_outside_the_main_thread_leaves_signals_alone(tmp_path: Path) -> None:
    errors = []

    def job() -> None:
        try:
            with _run(tmp_path / "run") as run:
                list(run.steps("loop", 3, {}))
        except BaseException as error:
            errors.append(error)

    thread = threading.Thread(target=job)
    thread.start()
    thread.join()
    assert not errors
    assert status_of(tmp_path / "run") == "done"


def test_listing_and_reporting_need_no_torch(tmp_path: Path) -> None:
    path = _finished(tmp_path / "run")
    code = (
        "import sys\n"
        "from pathlib import Path\n"
        "from gestalt.run import folder, listing, progress, record, report, threads\n"
        "threads.passive_waiting(); threads.available_cores()\n"
        f"assert [run.status for run in folder.find(Path({str(tmp_path)!r}))] == ['done']\n"
        f"report.write(Path({str(path)!r}))\n"
        "heavy = {'torch', 'numpy', 'numba', 'rich', 'safetensors'} & sys.modules.keys()\n"
        "assert not heavy, heavy\n"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True)
    assert done.returncode == 0, done.stderr


@pytest.mark.parametrize("where", ["outputs/a.png", "."])
def test_a_run_is_not_overwritten_by_what_comes_from_it(tmp_path: Path, where: str) -> None:
    path = _finished(tmp_path / "run")
    before = sorted(file.name for file in path.rglob("*"))
    plan = jobs.plan(inputs={"x": str(path / where)})
    with pytest.raises(ValueError, match="lies in the run that --overwrite would replace"):
        Run.create(path, plan, overwrite=True, progress=jobs.quiet())
    assert sorted(file.name for file in path.rglob("*")) == before
