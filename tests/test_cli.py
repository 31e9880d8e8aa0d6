"""The command line as a script sees it: exit codes, one line of complaint, the files and flags that it may rely on."""

from __future__ import annotations

import json
import os
import re
import shutil
import signal
import subprocess
import sys
import time
from collections.abc import Iterator, Sequence
from pathlib import Path

import numba
import numpy as np
import pytest
import torch
from PIL import Image

from gestalt import cli
from gestalt.run import folder
from gestalt.tasks.analogy import patch

MAIN = "from gestalt import cli; cli.main()"
SMALL = ("--preset", "tiny", "--threads", "1")
LONG = ("--size", "32", "--coarsest", "16", "--iterations", "60", *SMALL)  # 180 steps a direction: seconds


@pytest.fixture(autouse=True)
def _elsewhere(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    """Work in an empty folder, leave the threads as they were, and wait for no disk."""
    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr(os, "fsync", lambda _file: None)
    threads, kernels = torch.get_num_threads(), numba.get_num_threads()
    yield
    torch.set_num_threads(threads)
    numba.set_num_threads(kernels)


@pytest.fixture(scope="module")
def pair(tmp_path_factory: pytest.TempPathFactory) -> tuple[str, str]:
    """Two pictures of noise and a square, 40 x 30 and 32 x 36."""
    place = tmp_path_factory.mktemp("pair")
    chance = np.random.default_rng(0)
    for name, (width, height), hue in (("a", (40, 30), 0), ("b", (32, 36), 2)):
        pixels = chance.integers(0, 120, (height, width, 3), dtype=np.uint8)
        pixels[5:18, 6:20, hue] = 255
        Image.fromarray(pixels).save(place / f"{name}.png")
    return str(place / "a.png"), str(place / "b.png")


@pytest.fixture(scope="module")
def made(pair: tuple[str, str], tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A finished run that the tests only read."""
    path = tmp_path_factory.mktemp("made") / "run"
    assert cli.run(["analogy", "make", *pair, *SMALL, "--quiet", "--out", str(path)]) == 0
    return path


@pytest.fixture(scope="module")
def uninterrupted(pair: tuple[str, str], tmp_path_factory: pytest.TempPathFactory) -> dict[str, bytes]:
    """The outputs of the long job that the tests stop."""
    path = tmp_path_factory.mktemp("long") / "run"
    assert cli.run(["analogy", "make", *pair, *LONG, "--quiet", "--out", str(path)]) == 0
    return outputs(path)


def outputs(run: Path) -> dict[str, bytes]:
    return {path.name: path.read_bytes() for path in sorted((run / "outputs").iterdir())}


def assert_refused(argv: Sequence[str], capsys: pytest.CaptureFixture[str], *words: str) -> str:
    """The user's mistake is told in one line; returns it."""
    assert cli.run(argv) == 2
    out, err = capsys.readouterr()
    assert out == ""
    assert err.startswith("gestalt: ")
    assert err.endswith("\n")
    assert err.count("\n") == 1
    assert err.rstrip("\n").isprintable()
    assert "Traceback" not in err
    for word in words:
        assert word in err
    return err


def start(argv: Sequence[str]) -> subprocess.Popen[str]:
    return subprocess.Popen(
        [sys.executable, "-c", MAIN, *argv], stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True
    )


def status(root: Path, capsys: pytest.CaptureFixture[str]) -> str:
    """How `gestalt runs` says that the one run below `root` stands."""
    capsys.readouterr()
    assert cli.run(["runs", "--root", str(root), "--json"]) == 0
    (run,) = json.loads(capsys.readouterr().out)
    return run["status"]


# -- mistakes ----------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("argv", "word"),
    [
        (["frobnicate"], "there is no command 'frobnicate'"),
        (["--frob"], "there is no command '--frob'"),
        ([""], "there is no command ''"),
        (["demos"], "did you mean 'demo'?"),
        (["analogie", "make"], "did you mean 'analogy make'?"),
        (["analogy"], "needs a verb: analogy make, analogy apply, analogy video, analogy compare"),
        (["analogy", "mak"], "needs a verb: analogy make, analogy apply, analogy video, analogy compare"),
        (["analogy", "make"], "'gestalt analogy make' needs A (First picture), B (Second picture); see"),
        (["analogy", "make", "A"], "'gestalt analogy make' needs B (Second picture); see"),
        (["analogy", "make", "A", "B", "C"], "Unrecognized options: C"),
        (["analogy", "make", "A", "B", "--frob"], "Unrecognized options: --frob"),
        (["analogy", "make", "A", "B", "--size"], "Missing value for argument '--size'"),
        (["analogy", "make", "A", "B", "--size", "x"], "--size must be a whole number, got 'x'; see"),
        (["analogy", "make", "A", "B", "--size", "1.5"], "--size must be a whole number, got '1.5'; see"),
        (["analogy", "make", "A", "B", "--ratio", "x"], "--ratio must be a number, got 'x'; see"),
        (["analogy", "make", "A", "B", "--szie", "5"], "Unrecognized options: --szie, 5 (perhaps --size was meant)"),
        (["analogy", "make", "--frob", "A", "B"], "or taken for the value of a misspelt flag; see"),
        (["generate", "make", "X", "--engine", "vaegan", "--rates", "2", "x"], "--rates must be numbers, got '2', 'x'"),
        (["generate", "sample", "X", "--box", "0", "0", "1", "x"], "--box must be numbers, got '0', '0', '1', 'x';"),
        (["generate", "make", "X", "--vae-levels=2"], "--vae-levels is for --engine vaegan, and this is"),
        (["analogy", "make", "A", "B", "--size", "0"], "--size must be at least 1, got 0"),
        (["analogy", "make", "A", "B", "--ratio", "nan"], "--ratio must lie between 0 and 1, got nan"),
        (["analogy", "make", "A", "B", "--guidance", "inf"], "--guidance must be at least 0, got inf"),
        (["analogy", "make", "A", "B", "--guidance", "abc"], "--guidance: expected FLOAT|{auto}, got 'abc'; see"),
        (["analogy", "make", "A", "B", "--start", "-1"], "--start must be at least 0, got -1"),
        (["analogy", "make", "A", "B", "--vote", "max"], "'--vote'"),
        (["analogy", "make", "A", "B", "--seed", "-1"], "--seed must lie between 0 and 2147483647, got -1"),
        (["analogy", "make", "A", "B", "--threads", "-1"], "--threads must lie between 0 (all cores) and 1024"),
        (["analogy", "make", "A", "B", "--threads", "9999999999"], "--threads must lie between 0"),
        (["analogy", "make", "A", "B", "--preset", "huge"], "there is no preset 'huge' here: choose fast, tiny"),
        (["analogy", "make", "A", "B", "--preset"], "'--preset'"),
        (["analogy", "make", "A", "B", "--engine", "steam"], "--engine must be patch or pair here, got 'steam'"),
        (["analogy", "make", "A", "B", "--engine", "pair", "--plain", "-1"], "--plain must be at least 0, got -1"),
        (["analogy", "make", "A", "B", "--engine", "pair", "--lr-g", "1"], "--lr-g must lie between 0 and 1, got 1"),
        (["analogy", "make", "A", "B", "--engine", "pair", "--patch", "5"], "--patch is for --engine patch, and this"),
        (["analogy", "apply", "RUN"], "The new picture"),
        (["analogy", "apply", "RUN", "X", "--mode", "sample"], "'--mode'"),
        (["demo", "--size", "1"], "--size must lie between 32 and 2048 in a demo, got 1"),
        (["demo", "here"], "Unrecognized options: here"),
        (["resume"], "The run folder"),
        (["resume", "nowhere"], "nowhere is not a gestalt run"),
        (["report"], "The run folder"),
        (["report", "nowhere"], "nowhere is not a gestalt run"),
        (["runs", "--frob"], "Unrecognized options: --frob"),
        (["cite", "chess"], "there is no task 'chess' to cite: choose analogy"),
        (["cite", "--frob"], "Unrecognized options: --frob"),
    ],
    ids=lambda value: " ".join(value) or "nothing" if isinstance(value, list) else "",
)
def test_a_mistake_is_told_in_one_line(
    argv: list[str], word: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert_refused(argv, capsys, word)
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize("flags", [("--device", "tpu"), ("--device", "cuda:99"), ("--start", "99")], ids=" ".join)
def test_a_mistake_found_late_leaves_no_run(
    flags: tuple[str, str], pair: tuple[str, str], tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert_refused(["analogy", "make", *pair, *SMALL, *flags], capsys, flags[1])
    assert list(tmp_path.iterdir()) == []


def test_a_mistake_is_told_as_json_too(capsys: pytest.CaptureFixture[str]) -> None:
    assert cli.run(["analogy", "make", "A", "B", "--size", "0", "--json"]) == 2
    out, err = capsys.readouterr()
    answer = json.loads(out)
    assert answer["status"] == "failed"
    assert err == f"gestalt: {answer['error']}\n"


@pytest.mark.parametrize("locale", ["C.UTF-8", "C"])
def test_a_mistake_reads_the_same_on_a_terminal(locale: str) -> None:
    """The parser draws coloured boxes there, of other lines where the encoding has none."""
    pty = pytest.importorskip("pty")
    ours, theirs = pty.openpty()
    environment = {"TERM": "xterm", "LC_ALL": locale, "PYTHONUTF8": "0", "PYTHONCOERCECLOCALE": "0", "COLUMNS": "80"}
    child = subprocess.run(
        [sys.executable, "-c", MAIN, "analogy", "make", "A", "B", "--size", "x"],
        stdout=theirs,
        stderr=subprocess.PIPE,
        env=os.environ | environment,
        timeout=60,
    )
    os.close(theirs)
    os.close(ours)
    sentence = "--size must be a whole number, got 'x'; see gestalt analogy make --help"
    assert child.stderr.decode() == f"gestalt: {sentence}\n"
    assert child.returncode == 2


def test_our_own_bug_shows_where_it_is(
    pair: tuple[str, str], tmp_path: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    def stumble(*_: object, **__: object) -> None:
        raise RuntimeError("a screw is loose")

    monkeypatch.setattr(patch, "make", stumble)
    assert cli.run(["analogy", "make", *pair, *SMALL, "--out", "run"]) == 1
    err = capsys.readouterr().err
    assert "RuntimeError: a screw is loose" in err
    assert err.splitlines()[-1] == "gestalt: this is a bug in gestalt; please report it with the lines above"
    assert status(tmp_path, capsys) == "failed"


# -- making ------------------------------------------------------------------------------------------------


def test_make_leaves_the_files_that_scripts_rely_on(
    pair: tuple[str, str], tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert cli.run(["analogy", "make", *pair, *SMALL, "--out", "run"]) == 0
    out, err = capsys.readouterr()
    run = tmp_path / "run"
    assert out == f"{run}\n"
    assert f"analogy make on cpu, 1 threads, in {run}" in err
    for name, size in (("a2b", (40, 30)), ("b2a", (32, 36))):
        with Image.open(run / "outputs" / f"{name}.png") as picture:
            picture.load()
            assert picture.size == size
    metrics = json.loads((run / "metrics.json").read_text())
    assert {"seconds", "peak_mb"} <= metrics.keys()
    assert all(isinstance(value, int | float) for value in metrics.values())
    assert metrics["seconds"] > 0
    assert metrics["peak_mb"] > 10
    assert "a2b.png" in (run / "report.html").read_text()
    kept = json.loads((run / "run.json").read_text())
    assert kept["status"] == "done"
    assert kept["settings"]["size"] == 48
    assert kept["inputs"] == {"a": pair[0], "b": pair[1]}
    assert not {"state", "partial", "lock", "stop"} & set(os.listdir(run))


def test_without_out_a_new_folder_is_made_each_time(
    pair: tuple[str, str], tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    for number in ("001", "002"):
        assert cli.run(["analogy", "make", *pair, *SMALL, "--quiet"]) == 0
        out, err = capsys.readouterr()
        assert out == f"{tmp_path / 'runs' / f'analogy-a-b-{number}'}\n"
        assert err == ""


def test_json_prints_one_object(pair: tuple[str, str], tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert cli.run(["analogy", "make", *pair, *SMALL, "--json", "--out", "run"]) == 0
    out, err = capsys.readouterr()
    answer = json.loads(out)
    assert err == ""
    assert answer["run"] == str(tmp_path / "run")
    assert answer["status"] == "done"
    assert {"a2b.png", "b2a.png"} <= {one["path"] for one in answer["outputs"]}
    assert answer["metrics"] == json.loads((tmp_path / "run" / "metrics.json").read_text())


def test_a_dry_run_makes_nothing(pair: tuple[str, str], tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    argv = ["analogy", "make", *pair, *SMALL, "--size", "17", "--out", "run", "--dry-run"]
    assert cli.run(argv) == 0
    plan = json.loads(capsys.readouterr().out)
    assert plan["settings"]["size"] == 17
    assert plan["inputs"] == {"a": pair[0], "b": pair[1]}
    assert list(tmp_path.iterdir()) == []


def test_a_dry_run_misses_what_is_missing(pair: tuple[str, str], capsys: pytest.CaptureFixture[str]) -> None:
    assert_refused(["analogy", "make", pair[0], "gone.png", "--dry-run"], capsys, "gone.png")


def test_an_occupied_folder_is_left_alone(
    pair: tuple[str, str], tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    (tmp_path / "mine").mkdir()
    (tmp_path / "mine" / "letter.txt").write_text("Dear reader")
    for flags in ([], ["--overwrite"]):
        argv = ["analogy", "make", *pair, *SMALL, "--out", "mine", *flags]
        assert_refused(argv, capsys, "is not empty and holds no run of gestalt")
        assert os.listdir(tmp_path / "mine") == ["letter.txt"]
    assert (tmp_path / "mine" / "letter.txt").read_text() == "Dear reader"


def test_a_run_is_replaced_only_when_asked(
    pair: tuple[str, str], made: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    shutil.copytree(made, tmp_path / "run")
    (tmp_path / "run" / "letter.txt").write_text("Dear reader")
    before = outputs(made)
    argv = ["analogy", "make", pair[1], pair[0], *SMALL, "--quiet", "--out", "run"]
    assert_refused(argv, capsys, "already holds a run", "--overwrite")
    assert outputs(tmp_path / "run") == before
    assert cli.run([*argv, "--overwrite"]) == 0
    assert outputs(tmp_path / "run")["a.png"] == before["b.png"]
    assert (tmp_path / "run" / "letter.txt").exists(), "only what a run has made is removed"


def test_swapping_the_pictures_swaps_the_results(pair: tuple[str, str], made: Path, tmp_path: Path) -> None:
    assert cli.run(["analogy", "make", *reversed(pair), *SMALL, "--quiet", "--out", "run"]) == 0
    swapped, straight = outputs(tmp_path / "run"), outputs(made)
    assert swapped["a2b.png"] == straight["b2a.png"] != straight["a2b.png"]


def test_the_demo(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert cli.run(["demo", *SMALL, "--out", "run"]) == 0
    assert capsys.readouterr().out == f"{tmp_path / 'run'}\n"
    names = {"a2b.png", "b2a.png", "sweep_a2b.png", "new_picture_0.png", "wider_picture_0.png", "new_clip_0.mp4"}
    names |= {"defects.png", "swing.mp4", "adapted.mp4", "curve.png"}
    assert names <= outputs(tmp_path / "run").keys()
    assert "sweep_a2b.png" in (tmp_path / "run" / "report.html").read_text()


def test_one_and_two_threads_give_equal_bytes(pair: tuple[str, str], made: Path, tmp_path: Path) -> None:
    child = start(["analogy", "make", *pair, "--preset", "tiny", "--threads", "2", "--out", "run"])
    _, err = child.communicate(timeout=120)
    assert child.returncode == 0, err
    assert "2 threads" in err
    assert outputs(tmp_path / "run") == outputs(made)  # by one thread


def test_another_seed_gives_other_bytes(pair: tuple[str, str], made: Path, tmp_path: Path) -> None:
    assert cli.run(["analogy", "make", *pair, *SMALL, "--seed", "1", "--quiet", "--out", "run"]) == 0
    assert outputs(tmp_path / "run")["a2b.png"] != outputs(made)["a2b.png"]


# -- stopping and resuming ---------------------------------------------------------------------------------


@pytest.mark.parametrize("stop_at", [("a2b", 3), ("b2a", 0), ("b2a", 9)], ids=str)
def test_a_resumed_run_gives_equal_bytes(
    stop_at: tuple[str, int],
    pair: tuple[str, str],
    made: Path,
    tmp_path: Path,
    capsys: pytest.CaptureFixture[str],
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    log = folder.Run.log

    def log_and_stop(run: folder.Run, step: int, **measures: float) -> None:
        log(run, step, **measures)
        if (run._loop, step) == stop_at:
            os.kill(os.getpid(), signal.SIGINT)

    with monkeypatch.context() as patched:
        patched.setattr(folder.Run, "log", log_and_stop)
        assert cli.run(["analogy", "make", *pair, *SMALL, "--quiet", "--out", "run"]) == 3
    assert capsys.readouterr().err.startswith("gestalt: stopped by Ctrl-C after step ")
    assert status(tmp_path, capsys) == "stopped"
    assert not (tmp_path / "run" / "metrics.json").exists()
    assert cli.run(["resume", "run", "--quiet"]) == 0
    assert capsys.readouterr().out == f"{tmp_path / 'run'}\n"
    assert status(tmp_path, capsys) == "done"
    assert outputs(tmp_path / "run") == outputs(made)
    assert not {"state", "partial", "lock", "stop"} & set(os.listdir(tmp_path / "run"))


def test_a_finished_run_cannot_be_resumed(made: Path, capsys: pytest.CaptureFixture[str]) -> None:
    before = outputs(made)
    assert_refused(["resume", str(made)], capsys, "is already done")
    assert outputs(made) == before


def test_a_run_of_changed_pictures_cannot_be_resumed(
    pair: tuple[str, str], made: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    shutil.copytree(made, tmp_path / "run")
    record = json.loads((tmp_path / "run" / "run.json").read_text())
    record |= {"status": "stopped", "fingerprints": {pair[0]: "0" * 64}}
    (tmp_path / "run" / "run.json").write_text(json.dumps(record))
    assert_refused(["resume", "run"], capsys, pair[0], "changed since")


@pytest.mark.parametrize("change", [{"command": "fly"}, {"engine": "steam"}, {"settings": {"wings": 2}}], ids=str)
def test_a_run_of_another_program_cannot_be_resumed(
    change: dict[str, object], made: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    shutil.copytree(made, tmp_path / "run")
    record = json.loads((tmp_path / "run" / "run.json").read_text()) | {"status": "stopped"} | change
    (tmp_path / "run" / "run.json").write_text(json.dumps(record))
    assert_refused(["resume", "run"], capsys, "this version of gestalt")


def test_a_run_on_a_device_that_is_gone_cannot_be_resumed(
    made: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    shutil.copytree(made, tmp_path / "run")
    record = json.loads((tmp_path / "run" / "run.json").read_text()) | {"status": "stopped", "device": "cuda:99"}
    (tmp_path / "run" / "run.json").write_text(json.dumps(record))
    assert_refused(["resume", "run"], capsys, "cuda:99")


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM], ids=["ctrl_c", "sigterm"])
def test_a_signal_stops_a_process_that_can_be_resumed(
    number: signal.Signals,
    pair: tuple[str, str],
    uninterrupted: dict[str, bytes],
    tmp_path: Path,
    capsys: pytest.CaptureFixture[str],
) -> None:
    child = start(["analogy", "make", *pair, *LONG, "--out", "run"])
    deadline = time.monotonic() + 120
    while not (tmp_path / "run" / "metrics.jsonl").exists():  # the first step is done
        assert child.poll() is None, child.communicate()
        assert time.monotonic() < deadline, "the run does not begin"
        time.sleep(0.01)
    child.send_signal(number)
    out, err = child.communicate(timeout=60)
    assert child.returncode == 3
    assert out == ""
    name = "Ctrl-C" if number == signal.SIGINT else "SIGTERM"
    assert re.fullmatch(
        rf"gestalt: stopped by {name} after step \d+ of \d+ of a2b; go on with: gestalt resume \S+",
        err.splitlines()[-1],
    )
    assert "Traceback" not in err
    assert status(tmp_path, capsys) == "stopped"
    assert cli.run(["resume", "run", "--quiet"]) == 0
    assert outputs(tmp_path / "run") == uninterrupted


# -- looking things up -------------------------------------------------------------------------------------


def test_runs_lists_what_there_is(made: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert cli.run(["runs", "--root", str(made.parent)]) == 0
    out = capsys.readouterr().out
    assert re.fullmatch(rf"\S+ +analogy make +done +[\d.]+ s +{re.escape(str(made))}\n", out)
    assert cli.run(["runs", "--root", str(made.parent), "--json"]) == 0
    (run,) = json.loads(capsys.readouterr().out)
    assert run["path"] == str(made)
    assert run["status"] == "done"


def test_runs_without_any(capsys: pytest.CaptureFixture[str]) -> None:
    assert cli.run(["runs"]) == 0
    assert capsys.readouterr().out == "no runs in runs\n"
    assert cli.run(["runs", "--json"]) == 0
    assert json.loads(capsys.readouterr().out) == []


def test_report_writes_the_page_again(made: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    shutil.copytree(made, tmp_path / "run")
    page = tmp_path / "run" / "report.html"
    page.unlink()
    assert cli.run(["report", "run"]) == 0
    assert capsys.readouterr().out == f"{page}\n"
    assert page.read_text().rstrip().endswith("</html>")
    assert cli.run(["report", "run", "--json"]) == 0
    assert json.loads(capsys.readouterr().out) == {"report": str(page)}


@pytest.mark.parametrize(
    ("argv", "count"),
    [(["cite"], 26), (["cite", "analogy"], 10), (["cite", "analogy", "analogy"], 10)],
)
def test_cite_prints_each_reference_once(argv: list[str], count: int, capsys: pytest.CaptureFixture[str]) -> None:
    assert cli.run(argv) == 0
    keys = re.findall(r"^@\w+\{(\w+),$", capsys.readouterr().out, re.MULTILINE)
    assert keys[0] == "benaim2020structural"
    assert len(set(keys)) == len(keys) == count


# -- processes ---------------------------------------------------------------------------------------------


def test_nothing_that_only_answers_loads_torch(pair: tuple[str, str], made: Path) -> None:
    """One process for all, as modules once loaded stay: the first one to load torch is named."""
    answers = [
        ([], 0),
        *(([*name.split(), "--help"], 0) for name in cli.COMMANDS),
        (["analogy", "make", "a", "b", "--size", "x"], 2),
        (["analogy", "make", "a", "b", "--size", "0"], 2),
        (["frobnicate"], 2),
        (["resume", "nowhere"], 2),
        (["runs", "--root", str(made.parent)], 0),
        (["cite"], 0),
        (["report", str(made)], 0),
        (["analogy", "make", *pair, "--dry-run"], 0),
    ]
    code = (
        "import sys, json; from gestalt import cli\n"
        "for argv, code in json.loads(sys.argv[1]):\n"
        "    assert cli.run(argv) == code, argv\n"
        "    assert 'torch' not in sys.modules, argv\n"
        "    assert 'numpy' not in sys.modules, argv\n"
    )
    child = subprocess.run(
        [sys.executable, "-c", code, json.dumps(answers)], capture_output=True, text=True, timeout=60
    )
    assert child.returncode == 0, child.stderr


@pytest.mark.parametrize("argv", [["cite"], ["runs"]], ids=" ".join)
def test_a_reader_that_goes_away_is_no_mistake(argv: list[str]) -> None:
    reader, writer = os.pipe()
    os.close(reader)
    child = subprocess.run([sys.executable, "-c", MAIN, *argv], stdout=writer, stderr=subprocess.PIPE, timeout=60)
    os.close(writer)
    assert (child.returncode, child.stderr) == (0, b"")


@pytest.mark.skipif(not os.path.exists("/dev/full"), reason="there is no /dev/full")
@pytest.mark.parametrize("argv", [["cite"], ["runs"]], ids=" ".join)
def test_an_answer_that_finds_no_space_is_told(argv: list[str]) -> None:
    with open("/dev/full", "wb") as full:
        child = subprocess.run([sys.executable, "-c", MAIN, *argv], stdout=full, stderr=subprocess.PIPE, timeout=60)
    assert child.stderr == b"gestalt: there is no space left to write to; free some, then try again\n"
    assert child.returncode == 2
