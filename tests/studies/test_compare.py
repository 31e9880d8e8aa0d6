"""The comparison as a user runs it: every cell, failing ones, stopped ones, a pair network from another run, videos."""

from __future__ import annotations

import csv
import json
import os
import shutil
from collections.abc import Iterator
from pathlib import Path
from typing import get_args

import numba
import numpy as np
import pytest
import torch
from PIL import Image

import compare as benchmark
from gestalt import cli
from gestalt.drawn import objects
from gestalt.media import image
from gestalt.run import record
from gestalt.studies import methods
from gestalt.studies.cells import Made, Timed
from gestalt.studies.compare import COLUMNS, MEASURES
from gestalt.studies.config import MethodName
from gestalt.tasks.analogy import pair as pair_network

SMALL = ("--preset", "tiny", "--threads", "1", "--quiet")
CHEAP = ("sliced", "patch", "histogram")


@pytest.fixture(autouse=True)
def _elsewhere(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    """Work in an empty folder, without network and weights, wait for no disk, and leave the threads as they were."""
    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr(os, "fsync", lambda _file: None)
    monkeypatch.setenv("GESTALT_OFFLINE", "1")
    monkeypatch.setattr(torch.hub, "get_dir", lambda: str(tmp_path / "hub"))
    threads, kernels = torch.get_num_threads(), numba.get_num_threads()
    yield
    torch.set_num_threads(threads)
    numba.set_num_threads(kernels)


@pytest.fixture(scope="module")
def pair(tmp_path_factory: pytest.TempPathFactory) -> tuple[str, str]:
    """Two drawn pictures, 36 x 32 and 32 x 32."""
    place = tmp_path_factory.mktemp("pair")
    for name, size in (("a", (32, 36)), ("b", (32, 32))):
        scene = objects.pair(size=size, seed=3)[name == "b"]
        image.write(place / f"{name}.png", scene.image)
    return str(place / "a.png"), str(place / "b.png")


@pytest.fixture(scope="module")
def made(pair: tuple[str, str], tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The whole figure, both directions; the tests only read it."""
    path = tmp_path_factory.mktemp("made") / "run"
    argv = ["analogy", "compare", *pair, *SMALL, "--size", "36", "--direction", "both"]
    assert cli.run([*argv, "--out", str(path)]) == 0
    return path


def compare(pair: tuple[str, str], *flags: str) -> int:
    return cli.run(["analogy", "compare", *pair, *SMALL, *flags, "--out", "run"])


def table(run: Path) -> list[dict[str, str]]:
    with (run / "outputs" / "table.csv").open(newline="") as file:
        return list(csv.DictReader(file))


def pictures(run: Path) -> dict[str, bytes]:
    """The cells."""
    return {path.name: path.read_bytes() for path in (run / "outputs").glob("*2*_*.png")}


def untimed(run: Path) -> dict[str, bytes]:
    """All outputs but the table, which alone tells seconds."""
    return {path.name: path.read_bytes() for path in (run / "outputs").iterdir() if path.stem != "table"}


class Counted:
    """Counts how often each method works, and may break off at one of them."""

    def __init__(self, monkeypatch: pytest.MonkeyPatch) -> None:
        self.calls: list[str] = []
        self.breaks: dict[str, BaseException] = {}
        for name, method in list(methods.METHODS.items()):
            monkeypatch.setitem(methods.METHODS, name, self._watched(name, method))

    def _watched(self, name: str, method: methods.Method) -> methods.Method:
        def make(given: methods.Given, run: Timed) -> Made:
            self.calls.append(f"{given.direction} {name}")
            if self.calls[-1] in self.breaks:
                raise self.breaks.pop(self.calls[-1])
            return method.make(given, run)

        return methods.Method(method.label, make, method.sees)


def test_the_table_of_methods_is_that_of_the_settings() -> None:
    assert tuple(methods.METHODS) == get_args(MethodName)


def test_the_whole_figure(made: Path) -> None:
    rows = table(made)
    assert [(row["direction"], row["method"]) for row in rows] == [
        (direction, method) for direction in ("a2b", "b2a") for method in get_args(MethodName)
    ]
    assert tuple(rows[0]) == COLUMNS
    assert not [row for row in rows if row["failed"] != "False"], rows
    metrics = json.loads((made / "metrics.json").read_text())
    assert metrics["cells"] == 16
    assert metrics["cells_failed"] == 0
    for row in rows:
        key = f"{row['direction']}_{row['method']}"
        with Image.open(made / "outputs" / f"{key}.png") as picture:
            assert picture.size == ((36, 32) if row["direction"] == "a2b" else (32, 32))
        for measure in (*MEASURES, "seconds"):
            assert float(row[measure]) == pytest.approx(metrics[f"{key}_{measure}"], abs=1e-3)
    notes = {row["method"]: row["note"] for row in rows}
    assert notes["style"] == notes["deep"] == "features: gabor (fixed filters)"
    assert notes["singan"].startswith("enters at level ")
    kept = json.loads((made / "outputs" / "table.json").read_text())
    assert [row["label"] for row in kept] == [row["label"] for row in rows]
    assert not (made / "state").exists()


def test_what_is_recoloured_keeps_its_edges(made: Path) -> None:
    rows = {row["method"]: row for row in table(made) if row["direction"] == "a2b"}
    assert float(rows["histogram"]["edges_structure"]) > 0.7
    assert float(rows["patch"]["coherence"]) < float(rows["histogram"]["coherence"])


def test_the_report_shows_the_table_and_the_figure(made: Path) -> None:
    page = (made / "report.html").read_text()
    opened = page[page.index("<details open>") :]
    for word in (*COLUMNS, "Deep Image Analogy", "neural style", "histogram match", "features: gabor (fixed filters)"):
        assert word in opened[: opened.index("</details>")]
    assert "sheet.png" in page
    for author in ("Benaim", "Liao", "Shaham", "Zhu", "Gatys", "Elnekave"):
        assert f"<li>{author}, " in page
    assert "neural style see features of gabor" in page
    assert page.count('<th scope="col">') == 2 + 8  # given; the figure


def test_a_failing_method_leaves_its_reason_and_the_rest(
    pair: tuple[str, str], tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    counted = Counted(monkeypatch)
    counted.breaks["a2b sliced"] = MemoryError()
    names = ("sliced", "style", "singan", "histogram")
    assert compare(pair, "--size", "24", "--features", "squeezenet", "--methods", *names) == 0
    assert capsys.readouterr().out == f"{tmp_path / 'run'}\n"
    run = tmp_path / "run"
    rows = {row["method"]: row for row in table(run)}
    assert rows["sliced"]["note"] == "there is not enough memory for it"
    assert rows["style"]["note"].startswith("the weights of squeezenet are not here")
    assert rows["singan"]["note"].startswith("at this --size SinGAN has one level")
    assert [row["failed"] for row in rows.values()] == ["True", "True", "True", "False"]
    assert rows["style"]["coherence"] == ""
    assert float(rows["histogram"]["coherence"]) > 0
    assert pictures(run).keys() == {"a2b_histogram.png"}
    assert (run / "outputs" / "a2b_sliced.txt").read_text() == "there is not enough memory for it\n"
    assert "left empty: there is not enough memory for it" in (run / "report.html").read_text()
    assert record.read(run)["status"] == "done"
    assert json.loads((run / "metrics.json").read_text())["cells_failed"] == 3


@pytest.mark.parametrize(
    ("error", "code"), [(KeyboardInterrupt(), 3), (RuntimeError("a screw is loose"), 1)], ids=["stopped", "our bug"]
)
def test_no_finished_cell_is_made_again(
    error: BaseException,
    code: int,
    pair: tuple[str, str],
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    flags = ("--methods", *CHEAP, "--direction", "both")
    assert compare(pair, *flags) == 0
    (tmp_path / "run").rename(tmp_path / "whole")
    counted = Counted(monkeypatch)
    counted.breaks = {"a2b patch": MemoryError(), "b2a patch": error}
    assert compare(pair, *flags) == code
    assert not (tmp_path / "run" / "outputs" / "table.csv").exists()
    assert (tmp_path / "run" / "outputs" / "b2a_sliced.png").exists(), "a cell is shown as soon as it is done"
    done, counted.calls = counted.calls, []
    assert cli.run(["resume", "run", "--quiet"]) == 0
    assert done == ["a2b sliced", "a2b patch", "a2b histogram", "b2a sliced", "b2a patch"]
    assert counted.calls == ["b2a patch", "b2a histogram"]
    whole, resumed = pictures(tmp_path / "whole"), pictures(tmp_path / "run")
    assert resumed == {name: value for name, value in whole.items() if name != "a2b_patch.png"}
    ours, theirs = (table(tmp_path / name) for name in ("run", "whole"))
    for row, other in zip(ours, theirs, strict=True):
        failed = (row["direction"], row["method"]) == ("a2b", "patch")
        assert row["failed"] == str(failed)
        assert failed or [row[key] for key in MEASURES] == [other[key] for key in MEASURES]


def test_a_cell_that_trains_goes_on_inside(
    pair: tuple[str, str], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    flags = ("--methods", "sliced", "--sliced-steps", "4")
    assert compare(pair, *flags) == 0
    (tmp_path / "run").rename(tmp_path / "whole")
    steps: list[str] = []

    def watched(self: Timed, name: str, total: int, state: dict[str, object]) -> Iterator[int]:
        for step in original(self, name, total, state):
            steps.append(f"{name} {step}")
            yield step
            if len(steps) == 6:
                (tmp_path / "run" / "stop").touch()

    original = Timed.steps
    monkeypatch.setattr(Timed, "steps", watched)
    monkeypatch.setattr("gestalt.run.folder._STOP_CHECK_S", 0)
    assert compare(pair, *flags) == 3
    before = len(steps)
    assert cli.run(["resume", "run", "--quiet"]) == 0
    assert before < len(steps) == len(set(steps)), "no step is done again"
    assert untimed(tmp_path / "run") == untimed(tmp_path / "whole")


@pytest.fixture(scope="module")
def trained(pair: tuple[str, str], tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A run of the pair network on the two pictures."""
    path = tmp_path_factory.mktemp("trained") / "pair"
    argv = ["analogy", "make", *pair, "--engine", "pair", *SMALL, "--size", "32", "--steps", "1", "--coarse-steps", "1"]
    assert cli.run([*argv, "--coarsest", "18", "--mode", "sample", "--samples", "1", "--out", str(path)]) == 0
    return path


@pytest.mark.parametrize("is_swapped", [False, True], ids=["a b", "b a"])
def test_a_pair_network_of_another_run_is_taken(
    is_swapped: bool, pair: tuple[str, str], trained: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(pair_network, "fit", lambda *_, **__: pytest.fail("it trains again"))
    direction, given = ("b2a", pair[::-1]) if is_swapped else ("a2b", pair)
    flags = ("--pair-run", str(trained), "--methods", "pair", "--direction", direction)
    assert compare((given[0], given[1]), *flags) == 0
    (row,) = table(tmp_path / "run")
    assert row["note"].endswith(", trained by pair")
    seconds = record.read(trained)["seconds"]
    assert seconds < float(row["seconds"]) < seconds + 20
    assert record.read(tmp_path / "run")["inputs"]["pair_run"] == str(trained)
    with Image.open(tmp_path / "run" / "outputs" / f"{direction}_pair.png") as picture:
        assert picture.size == (32, 28), "A's arrangement, whichever order"


def test_a_pair_network_of_other_pictures_is_refused(
    pair: tuple[str, str], trained: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    with Image.open(pair[1]) as opened:
        opened.transpose(Image.Transpose.FLIP_LEFT_RIGHT).save("mirrored.png")
    shutil.copytree(trained, tmp_path / "cut")
    (tmp_path / "cut" / "weights" / "pair.safetensors").write_bytes(b"no weights")
    for given, run, size, word in (
        ((pair[0], "mirrored.png"), trained, "32", "was not trained on these two pictures"),
        (pair, trained, "24", "at this --size"),
        (pair, tmp_path, "32", "is not a gestalt run"),
        (pair, tmp_path / "cut", "32", "is not a weight file"),
        (pair, tmp_path / "nowhere", "32", "nowhere"),
    ):
        assert compare(given, "--pair-run", str(run), "--size", size) == 2
        assert word in capsys.readouterr().err
    assert compare(pair, "--pair-run", str(trained), "--size", "32", "--methods", "histogram") == 2
    assert "--pair-run is for the method pair" in capsys.readouterr().err
    assert not (tmp_path / "run").exists()


def test_of_a_video_its_middle_frame_is_taken(pair: tuple[str, str], tmp_path: Path) -> None:
    (tmp_path / "frames").mkdir()
    for n in range(5):
        Image.fromarray(np.full((20, 24, 3), 40 * n, np.uint8)).save(tmp_path / "frames" / f"{n}.png")
    for clip in ("frames", "clip.gif"):
        if clip == "clip.gif":
            first, *others = [Image.open(path) for path in sorted((tmp_path / "frames").iterdir())]
            first.save(clip, save_all=True, append_images=others, duration=100)
        assert compare((clip, pair[1]), "--methods", "histogram", "--overwrite") == 0
        with Image.open(tmp_path / "run" / "outputs" / "a.png") as frame:
            assert frame.getpixel((3, 3)) == (80, 80, 80)
        assert "A, the frame in the middle of a video, 0." in (tmp_path / "run" / "report.html").read_text()


@pytest.mark.parametrize(
    ("flags", "word"),
    [
        (("--methods", "magic"), "--methods"),
        (("--methods", "patch", "patch"), "--methods must be different ones of pair, patch, "),
        (("--methods",), "--methods must be different ones of"),
        (("--size", "8"), "--size must lie between 16 and 2048 in a comparison, got 8"),
        (("--sliced-steps", "0"), "--sliced-steps must be at least 1, got 0"),
        (("--style-iterations", "-1"), "--style-iterations must be at least 1, got -1"),
        (("--features", "eyes"), "got 'eyes'"),
        (("--features", "vgg19:gone.pth"), "gone.pth"),
        (("--features", "vgg19:"), "end in a colon"),
        (("--features", "gabor:file"), "takes no file"),
        (("--features", "r3d18"), "looks at clips"),
        (("--direction", "up"), "--direction"),
        (("--engine", "patch"), "--engine must be all here"),
    ],
    ids=lambda value: " ".join(value) if isinstance(value, tuple) else "",
)
def test_a_mistake_is_told_before_there_is_a_run(
    flags: tuple[str, ...], word: str, pair: tuple[str, str], tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert compare(pair, *flags) == 2
    err = capsys.readouterr().err
    assert word in err
    assert err.count("\n") == 1
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize("bad", ["gone.png", "empty.png", "text.png", "folder"])
def test_what_is_no_picture_is_refused(
    bad: str, pair: tuple[str, str], tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    (tmp_path / "empty.png").touch()
    (tmp_path / "text.png").write_text("no picture")
    (tmp_path / "folder").mkdir()
    for given in ((bad, pair[1]), (pair[0], bad)):
        assert compare(given) == 2
        err = capsys.readouterr().err
        assert bad in err
        assert err.count("\n") == 1
    assert not (tmp_path / "run").exists()


def test_all_pairs_are_compared_and_no_finished_cell_is_made_again(
    pair: tuple[str, str], tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    for name in ("one_two", "two_one"):
        (tmp_path / "pairs" / name).mkdir(parents=True)
        for part, picture in zip(("one", "two"), pair, strict=True):
            shutil.copy(picture, tmp_path / "pairs" / name / f"{part}.png")
    argv = ["pairs", "--threads", "1", "--", "--preset", "tiny", "--quiet", "--methods", "histogram", "singan"]
    argv += ["--direction", "both"]
    counted = Counted(monkeypatch)
    counted.breaks = {"b2a singan": KeyboardInterrupt()}
    with pytest.raises(SystemExit) as stop:
        benchmark.main(argv)
    assert stop.value.code == 3
    for _ in range(2):  # the second time, there is nothing left to do
        benchmark.main(argv)
    cells = [f"{direction} {name}" for direction in ("a2b", "b2a") for name in ("histogram", "singan")]
    assert counted.calls == [*cells, cells[-1], *cells]
    told = capsys.readouterr().out
    assert told.count("| two < one | histogram match | ") == 4
    assert "| median of 4 | SinGAN, paint to image | " in told
    (sheet,) = (tmp_path / "scratch" / "compare").glob("sheet_*.png")
    with Image.open(sheet) as opened:
        assert opened.width > 4 * 96
