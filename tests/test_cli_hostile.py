"""What the world gives to the program: all of `media.hostile`, and bad places to write to, through `gestalt` itself."""

from __future__ import annotations

import io
import json
import os
import shutil
from pathlib import Path

import numpy as np
import pytest

from answers import (
    answer,
    as_nobody,
    assert_one_line,
    assert_refused,
    by_name,
    elsewhere,
    fill,
    given,
    limited,
    size_of,
)
from gestalt.media.video import VideoStream
from media import hostile_videos
from media.conftest import open_folder, small_disk
from media.hostile import BAD, ODD_BUT_VALID, Case, textured
from media.hostile_videos import VideoCase

__all__ = ["elsewhere", "given", "open_folder", "small_disk"]  # fixtures

SIZE = 24
SMALL = ("--size", str(SIZE), "--iterations", "1", "--coarsest", "8", "--threads", "1", "--quiet")


TRIED = ("png_exif_broken", "grey16_key", "grey2_png", "rgba_clear", "grey")
"""Odd pictures, some of them of one pixel's height, of which trials are made; of the others in slow tests alone."""


@pytest.fixture(scope="module")
def other(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A good picture, 20 x 16."""
    path = tmp_path_factory.mktemp("other") / "other.png"
    textured(20, 16).save(path)
    return path


# -- pictures ----------------------------------------------------------------------------------------------


@by_name(ODD_BUT_VALID)
@pytest.mark.parametrize("tried", [False, pytest.param(True, marks=pytest.mark.slow)], ids=["", "tried"])
def test_odd_pictures_are_worked_on(
    tried: bool, case: Case, given: Path, other: Path, capfd: pytest.CaptureFixture[str]
) -> None:
    flags = () if tried or case.name in TRIED else ("--guidance", "1", "--start", "0")
    code, out, err = answer("analogy", "make", case.make(given), other, *SMALL, *flags, "--out", "run")
    assert (code, err) == (0, "")
    assert out == f"{Path('run').absolute()}\n"
    assert capfd.readouterr() == ("", ""), "a library speaks to the terminal"
    assert case.size is not None
    reduction = max(1.0, max(case.size) / SIZE)
    expected = tuple(max(1, round(side / reduction)) for side in case.size)
    assert size_of(Path("run/outputs/a2b.png")) == expected
    assert size_of(Path("run/outputs/b2a.png")) == (16, 20)
    assert json.loads(Path("run/metrics.json").read_text())["seconds"] > 0


@by_name(BAD)
@pytest.mark.parametrize("place", ["first", "second"])
def test_bad_files_are_refused(
    place: str, case: Case, given: Path, other: Path, tmp_path: Path, capfd: pytest.CaptureFixture[str]
) -> None:
    path = case.make(given)
    pictures = (path, other) if place == "first" else (other, path)
    assert_refused(["analogy", "make", *pictures, *SMALL, "--out", "run"], path.name[-60:])
    assert capfd.readouterr() == ("", ""), "a library speaks to the terminal"
    assert os.listdir(tmp_path) == ["given"]


def test_without_out_a_bad_file_leaves_nothing_either(given: Path, other: Path, tmp_path: Path) -> None:
    assert_refused(["analogy", "make", other, given / "gone.png", *SMALL], "gone.png")
    assert os.listdir(tmp_path) == ["given"]


@by_name([case for case in BAD if case.name in {"missing", "dangling_link", "named_pipe", "socket", "device"}])
def test_a_dry_run_neither_hangs_nor_believes(case: Case, given: Path, other: Path) -> None:
    path = case.make(given)
    assert_refused(["analogy", "make", path, other, "--dry-run"], path.name)


def test_a_picture_with_itself_and_with_its_twin(given: Path) -> None:
    textured(20, 16).save(given / "a.png")
    shutil.copy(given / "a.png", given / "twin.png")
    for name in ("a", "twin"):
        code, _, err = answer("analogy", "make", given / "a.png", given / f"{name}.png", *SMALL, "--out", name)
        assert (code, err) == (0, "")
    results = [[Path(name, "outputs", file).read_bytes() for file in ("a2b.png", "b2a.png")] for name in ("a", "twin")]
    assert results[0] == results[1]
    assert results[0][0] == results[0][1], "both directions are the same"
    assert size_of(Path("a/outputs/a2b.png")) == (16, 20)


def test_names_of_every_kind(tmp_path: Path) -> None:
    folder = tmp_path / "gr\u00fc\u00dfe \u732b 100% {x}"
    folder.mkdir()
    for name in ("-a b.png", "\u00e9'\"#?.png"):
        textured(20, 16).save(folder / name)
    run = folder / "l\u00e4ufe und mehr" / "der \u732b 1"
    code, out, err = answer(
        *("analogy", "make", folder / "-a b.png", folder / "\u00e9'\"#?.png", *SMALL, "--out", run),
    )
    assert (code, out, err) == (0, f"{run}\n", "")
    assert size_of(run / "outputs" / "a2b.png") == (16, 20)
    assert answer("report", run) == (0, f"{run / 'report.html'}\n", "")
    assert str(run) in answer("runs", "--root", folder)[1]


def test_a_relative_name_that_begins_with_a_dash(tmp_path: Path, other: Path) -> None:
    textured(20, 16).save(tmp_path / "-a.png")
    code, _, err = answer("analogy", "make", *SMALL, "--out", "run", "--", "-a.png", other)
    assert (code, err) == (0, "")


# -- clips, and the pair network ---------------------------------------------------------------------------


@by_name([case for case in hostile_videos.ODD_BUT_VALID if case.name != "hours_apart"])
def test_odd_clips_are_worked_on(case: VideoCase, given: Path, other: Path, capfd: pytest.CaptureFixture[str]) -> None:
    clip = case.make(given)
    frames = sum(len(block.times_s) for block in VideoStream(clip))
    flags = (*SMALL, "--guidance", "1", "--start", "0")
    code, out, err = answer("analogy", "video", clip, other, *flags, "--size", "12", "--out", "run")
    assert (code, err) == (0, "")
    assert out == f"{Path('run').absolute()}\n"
    assert capfd.readouterr() == ("", ""), "a library speaks to the terminal"
    assert sum(len(block.times_s) for block in VideoStream("run/outputs/a2b.mp4")) == frames


@by_name([case for case in hostile_videos.ODD_BUT_VALID if case.name == "hours_apart"])
def test_clips_of_hours_cannot_keep_their_times(case: VideoCase, given: Path, other: Path) -> None:
    flags = (*SMALL, "--guidance", "1", "--start", "0", "--size", "12")
    assert_refused(["analogy", "video", case.make(given), other, *flags, "--out", "run"], "3600 s; cut the video there")


@by_name(hostile_videos.BAD)
@pytest.mark.parametrize("place", ["clip", "style"])
def test_bad_clips_are_refused(
    place: str, case: VideoCase, given: Path, other: Path, capfd: pytest.CaptureFixture[str]
) -> None:
    path = case.make(given)
    inputs = (path, other) if place == "clip" else (other, path)
    code, out, err = answer("analogy", "video", *inputs, *SMALL, "--out", "run")
    assert (code, out) == (2, "")
    assert_one_line(err, path.name[-60:])
    assert capfd.readouterr() == ("", ""), "a library speaks to the terminal"
    assert not list(Path().rglob("a2b.mp4"))


@by_name([case for case in ODD_BUT_VALID if (case.size and min(case.size) <= 2) or case.name.startswith("alpha")])
def test_the_pair_network_trains_on_odd_pictures(case: Case, given: Path, other: Path) -> None:
    flags = ("--engine", "pair", "--preset", "tiny", "--steps", "1", "--coarse-steps", "1", "--threads", "1", "--quiet")
    code, _, err = answer("analogy", "make", case.make(given), other, *flags, "--out", "run")
    assert (code, err) == (0, "")
    assert size_of(Path("run/outputs/b2a.png")) == (16, 20)


# -- places to write to ------------------------------------------------------------------------------------


def test_an_output_path_that_is_a_file(other: Path, tmp_path: Path) -> None:
    (tmp_path / "letter.txt").write_text("Dear reader")
    for out in ("letter.txt", "letter.txt/run"):
        for flags in ((), ("--overwrite",)):
            assert_refused(["analogy", "make", other, other, *SMALL, "--out", out, *flags], "letter.txt", "--out")
    assert (tmp_path / "letter.txt").read_text() == "Dear reader"
    assert os.listdir(tmp_path) == ["letter.txt"]


def test_an_output_path_that_is_too_long(other: Path, tmp_path: Path) -> None:
    code, out, err = answer("analogy", "make", other, other, *SMALL, "--out", "x" * 300)
    assert (code, out) == (2, "")
    assert err.startswith("gestalt: cannot make the run folder ")
    assert err.endswith("name too long; choose another with --out\n")
    assert err.count("\n") == 1
    assert os.listdir(tmp_path) == []


def test_a_damaged_run(tmp_path: Path) -> None:
    for content in ("", "{", "[]", '{"gestalt": "0.1.0"}', '{"gestalt": "0", "command": "x", "status": "stopped"}'):
        (tmp_path / "run").mkdir(exist_ok=True)
        (tmp_path / "run" / "run.json").write_text(content)
        assert_refused(["resume", "run"], "run.json")
    assert answer("runs", "--root", ".")[0] == 0


def test_a_folder_that_may_not_be_written_to(other: Path, open_folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    shutil.copy(other, open_folder / "a.png")
    (open_folder / "a.png").chmod(0o644)
    open_folder.chmod(0o555)
    monkeypatch.chdir(open_folder)
    for flags in (("--out", open_folder / "run"), ("--out", open_folder), ()):
        code, out, err = as_nobody("analogy", "make", "a.png", "a.png", *SMALL, *flags)
        assert (code, out) == (2, "")
        assert_one_line(err, str(open_folder))
    assert os.listdir(open_folder) == ["a.png"]


def test_a_picture_that_may_not_be_read(other: Path, open_folder: Path) -> None:
    shutil.copy(other, open_folder / "secret.png")
    (open_folder / "secret.png").chmod(0)
    (open_folder / "open").mkdir()
    (open_folder / "open").chmod(0o777)
    code, out, err = as_nobody(
        *("analogy", "make", open_folder / "secret.png", open_folder / "secret.png", *SMALL),
        *("--out", open_folder / "open" / "run"),
    )
    assert (code, out) == (2, "")
    assert_one_line(err, "secret.png")
    assert os.listdir(open_folder / "open") == []


def test_a_run_that_may_not_be_changed(other: Path, open_folder: Path) -> None:
    """`report` and `resume` of somebody else's run."""
    run, picture = open_folder / "run", open_folder / "a.png"
    shutil.copy(other, picture)
    assert answer("analogy", "make", picture, picture, *SMALL, "--out", run)[0] == 0
    record = json.loads((run / "run.json").read_text())
    (run / "run.json").write_text(json.dumps(record | {"status": "stopped"}))
    for path in open_folder.rglob("*"):
        path.chmod(0o755 if path.is_dir() else 0o644)
    for command in ("report", "resume"):
        code, out, err = as_nobody(command, run)
        assert (code, out) == (2, "")
        assert_one_line(err, str(run))


# -- disks -------------------------------------------------------------------------------------------------


def test_a_limit_met_in_the_middle_stops_a_run_that_can_be_resumed(given: Path, tmp_path: Path) -> None:
    textured(20, 16).save(given / "a.png")
    textured(160, 160).save(given / "b.png")  # at 96 pixels, 27 kB
    argv = ["analogy", "make", given / "a.png", given / "b.png", *SMALL, "--size", "96"]
    with limited(12_000):
        code, out, err = answer(*argv, "--out", "run")
    assert (code, out) == (3, "")
    assert_one_line(err, "no space left", f"go on with: gestalt resume {tmp_path / 'run'}")
    assert size_of(tmp_path / "run" / "outputs" / "a.png") == (16, 20), "what was finished stays"
    assert json.loads((tmp_path / "run" / "run.json").read_text())["status"] == "stopped"
    assert answer("resume", "run", "--quiet") == (0, f"{tmp_path / 'run'}\n", "")
    assert answer(*argv, "--out", "straight")[0] == 0
    for path in (tmp_path / "straight" / "outputs").iterdir():
        assert (tmp_path / "run" / "outputs" / path.name).read_bytes() == path.read_bytes()


def test_a_limit_met_before_the_run_begins_is_the_users_mistake(other: Path, tmp_path: Path) -> None:
    with limited(100):
        code, out, err = answer("analogy", "make", other, other, *SMALL, "--out", "run")
    assert (code, out) == (2, "")
    assert_one_line(err, str(tmp_path / "run"), "--out")
    assert not (tmp_path / "run" / "run.json").exists()


def test_a_disk_that_fills_up_stops_a_run_that_can_be_resumed(other: Path, small_disk: Path, tmp_path: Path) -> None:
    fill(small_disk, leave=24 << 10)
    argv = ["analogy", "make", other, other, *SMALL]
    code, out, err = answer(*argv, "--out", small_disk / "run")
    assert (code, out) == (3, "")
    assert_one_line(err, "no space left", f"go on with: gestalt resume {small_disk / 'run'}")
    assert not list((small_disk / "run").rglob("*.tmp"))
    (small_disk / "filler").unlink()
    shutil.move(small_disk / "run", "run")  # a whole run does not fit
    assert answer("resume", "run", "--quiet") == (0, f"{tmp_path / 'run'}\n", "")
    assert answer(*argv, "--out", "straight")[0] == 0
    for path in (tmp_path / "straight" / "outputs").iterdir():
        assert (tmp_path / "run" / "outputs" / path.name).read_bytes() == path.read_bytes()


def test_a_disk_that_is_full_from_the_start_is_the_users_mistake(other: Path, small_disk: Path) -> None:
    fill(small_disk, leave=0)
    assert_refused(["analogy", "make", other, other, *SMALL, "--out", small_disk / "run"], "No space left", "--out")
    assert not (small_disk / "run" / "run.json").exists()


def test_a_report_that_finds_no_space(other: Path, small_disk: Path) -> None:
    assert answer("analogy", "make", other, other, *SMALL, "--out", "run")[0] == 0
    (small_disk / "run").mkdir()
    shutil.copy("run/run.json", small_disk / "run")
    fill(small_disk, leave=0)
    assert_refused(["report", small_disk / "run"], "no space left")


def test_noise_is_what_the_limits_think_it_is() -> None:
    """The tests above rely on `textured` being hard to compress."""
    data = io.BytesIO()
    textured(96, 96).save(data, "PNG")
    assert len(data.getvalue()) > 24_000
    assert np.asarray(textured(8, 8)).std() > 50
