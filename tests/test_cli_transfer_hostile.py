"""What the world gives to `gestalt transfer`: damaged and odd files, wrong runs and flags, stops, bad places."""

from __future__ import annotations

import json
import os
import shutil
import signal
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from PIL import Image

from answers import answer, as_nobody, assert_one_line, assert_refused, by_name, elsewhere, given, size_of
from gestalt.tasks.transfer import codes, outcome, report
from gestalt.tasks.transfer.pictures import read as read_pictures
from media.conftest import open_folder
from media.hostile import BAD, ODD_BUT_VALID, Case
from transfer_folders import QUIET, TINY, both, contents, drawn, measures, names

__all__ = ["elsewhere", "given", "open_folder"]  # fixtures

METHODS = ["mask", "disentangle", "intersection"]


@pytest.fixture(scope="module")
def folders(tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, Path]:
    return both(tmp_path_factory.mktemp("folders"))


@pytest.fixture(scope="module")
def fitted(folders: tuple[Path, Path], tmp_path_factory: pytest.TempPathFactory) -> dict[str, Path]:
    root = tmp_path_factory.mktemp("fitted")
    for method in METHODS:
        argv = ("transfer", "fit", *folders, "--method", method, *QUIET, "--out", root / method)
        assert answer(*argv)[::2] == (0, "")
    return {method: root / method for method in METHODS}


def listed(run: str) -> dict[str, dict[str, list[str]]]:
    """The names that a fit keeps of what it learned from and held out."""
    return json.loads(Path(run, "outputs/pictures.json").read_text())


def torn(path: Path) -> Path:
    """The first half of a picture file."""
    path.write_bytes(path.read_bytes()[: path.stat().st_size // 2])
    return path


# -- folders to learn from ---------------------------------------------------------------------------------


def test_a_damaged_picture_is_named_and_the_others_learned_from(given: Path) -> None:
    folders = both(given, 12)
    torn(folders[0] / "3.png")
    code, _, err = answer("transfer", "fit", *folders, *TINY, "--out", "run")
    assert code == 4
    assert any(line.startswith("left out: ") and "3.png" in line for line in err.splitlines())
    found = measures(Path("run"))
    assert found["skipped"] == 1
    assert found["learned_content"] + found["learned_plain"] == 21
    assert json.loads(Path("run/run.json").read_text())["status"] == "done"
    assert answer("transfer", "test", "run", *QUIET, "--out", "tested")[0] == 0


def test_any_one_damaged_picture_is_no_hindrance(given: Path) -> None:
    """Of three, one is held out; whichever it is, the two others will do."""
    for n in range(3):
        folders = both(given / str(n), 3)
        torn(folders[1] / f"{n}.png")
        assert answer("transfer", "fit", *folders, *QUIET, "--out", f"run{n}")[0] == 4
        assert measures(Path(f"run{n}"))["learned_plain"] == 1


def test_what_is_said_first_counts_what_could_be_read(given: Path) -> None:
    folders = both(given, 10)
    assert answer("transfer", "fit", *folders, *QUIET, "--out", "whole")[0] == 0
    (held_out,) = listed("whole")["content"]["held_out"]
    torn(folders[0] / held_out)
    torn(folders[1] / listed("whole")["plain"]["train"][0])
    code, _, err = answer("transfer", "fit", *folders, *TINY, "--out", "run")
    assert code == 4
    now = listed("run")["content"]
    assert "9 pictures with the content, 8 to learn from and 1 held out; 9 pictures without it, 8 to learn from" in err
    assert f"that was to be held out can be read, so '{folders[0] / now['held_out'][0]}' alone is held out" in err
    assert held_out not in now["train"] + now["held_out"]


def test_folders_that_cannot_be_read_are_refused(given: Path) -> None:
    worn, bare = both(given, 3)
    for path in bare.iterdir():
        path.write_text("no picture")
    assert_refused(
        ["transfer", "fit", worn, bare, *QUIET, "--out", "run"], "too few pictures of one side", "is a text file"
    )
    Image.new("RGB", (30, 30)).save(bare / "1.png")
    assert_refused(
        ["transfer", "fit", worn, bare, *QUIET, "--out", "run"], "too few pictures of one side", "is a text file"
    )
    assert not Path("run").exists()


def empty(folder: Path) -> Path:
    folder.mkdir()
    return folder


FOLDERS: list[tuple[str, Callable[[Path], list[Any]], str]] = [
    ("one picture", lambda at: [at / "worn", drawn(at / "few", 1, worn=False, seed=1)], "holds one picture only"),
    ("no picture", lambda at: [at / "worn", empty(at / "none")], "holds no picture: expected at least 2"),
    ("missing", lambda at: [at / "worn", at / "gone"], "gone"),
    ("a picture", lambda at: [at / "worn", at / "bare/0.png"], "0.png' is a file"),
    ("twice", lambda at: [at / "worn", at / "worn"], "are the same folder"),
    ("one folder", lambda at: [at / "worn"], "is of no known layout"),
    (
        "rule with two",
        lambda at: [at / "worn", at / "bare", "--rule", "glasses"],
        "'glasses' was given with two folders",
    ),
    ("rule without CelebA", lambda at: [at / "worn", "--rule", "glasses"], "is not in the layout of CelebA"),
]


@pytest.mark.parametrize(("name", "make", "says"), FOLDERS, ids=[name for name, _, _ in FOLDERS])
def test_folders_that_will_not_do(name: str, make: Callable[[Path], list[Any]], says: str, given: Path) -> None:
    del name
    both(given, 3)
    assert_refused(["transfer", "fit", *make(given), *QUIET, "--out", "run"], says)
    assert not Path("run").exists()


@pytest.mark.parametrize(
    ("flags", "says"),
    [
        (("--method", "magic"), "must be mask or disentangle or intersection here, got 'magic'"),
        (("--method=magic",), "got 'magic'"),
        (("--method=disentangle", "--pasted", "3"), "--pasted is for --engine mask"),
        (("--method=mask", "--zero", "1"), "--zero is for --engine intersection"),
        (("--method", "mask", "--reconstruction", "squared"), "is for --engine disentangle and intersection"),
        (("--size", "50"), "--size must be one of 16, 24, 32, 48, 64, 96, 128, 192, 256, got 50"),
        (("--fold", "3"), "gestalt: --fold must be a power of two, as 1, 2 or 4, got 3; see"),
        (("--width", "0"), "gestalt: --width must be at least 1, got 0; see"),
        (("--confusion", "-1"), "gestalt: --confusion must be at least 0, got -1.0; see"),
        (("--shared", "3"), "Unrecognized options: --shared"),
        (("--separate", "32"), "leaves nothing to the common code"),
        (("--steps", "0"), "--steps must be at least 1, got 0"),
        (("--batch", "1"), "--batch must be at least 2, got 1"),
        (("--lr", "nan"), "--lr must lie between 0 and 1, got nan"),
        (("--aside", "1"), "--aside must lie between 0 and 1, got 1"),
        (("--confusion", "-1"), "--confusion must be at least 0, got -1"),
        (("--patience", "-1"), "--patience must be at least 0, got -1"),
        (("--apart", "2"), "--apart must lie between 0 and 1, without 1, got 2"),
        (("--average", "1"), "--average must lie between 0 and 1, without 1"),
        (("--cycle-common", "-1"), "--cycle-common must be at least 0, got -1"),
        (("--again", "inf"), "--again must be at least 0, got inf"),
        (("--preset", "magic"), "there is no preset 'magic' here"),
        (("--method", "disentangle", "--preset", "smile"), "there is no preset 'smile' here"),
    ],
    ids=lambda value: " ".join(value) if isinstance(value, tuple) else "",
)
def test_wrong_flags_of_fit(flags: tuple[str, ...], says: str, folders: tuple[Path, Path]) -> None:
    argv = ["transfer", "fit", *folders, *flags, "--out", "run"]
    assert_refused([*argv, *(() if "--preset" in flags else TINY)], says)
    assert not Path("run").exists()


@pytest.mark.parametrize("argument", ["--method=mask", "--method=disentangle"])
def test_a_method_may_be_given_with_an_equals_sign(argument: str, folders: tuple[Path, Path]) -> None:
    assert answer("transfer", "fit", *folders, argument, *QUIET, "--out", "run")[0] == 0
    assert json.loads(Path("run/run.json").read_text())["engine"] == argument.partition("=")[2]


# -- pictures to edit --------------------------------------------------------------------------------------


@by_name([case for case in ODD_BUT_VALID if case.name != "eight_k"])
def test_odd_pictures_are_edited(
    case: Case, given: Path, folders: tuple[Path, Path], fitted: dict[str, Path], capfd: pytest.CaptureFixture[str]
) -> None:
    path = case.make(given)
    code, _, err = answer("transfer", "add", fitted["mask"], path, folders[0] / "0.png", *QUIET, "--out", "run")
    assert (code, err) == (0, "")
    (made,) = names(Path("run"))
    assert size_of(Path("run/outputs") / made) == case.size
    assert capfd.readouterr() == ("", ""), "a library speaks to the terminal"


@by_name(BAD)
def test_bad_pictures_are_refused(
    case: Case, given: Path, folders: tuple[Path, Path], fitted: dict[str, Path], capfd: pytest.CaptureFixture[str]
) -> None:
    path = case.make(given)
    for argv in (("add", fitted["mask"], path, folders[0] / "0.png"), ("remove", fitted["disentangle"], path)):
        code, out, err = answer("transfer", *argv, *QUIET, "--out", "run")
        assert (code, out) == (2, "")
        assert_one_line(err)
        assert not Path("run").exists()
    assert capfd.readouterr() == ("", ""), "a library speaks to the terminal"


def test_a_damaged_picture_among_others_is_named(
    given: Path, folders: tuple[Path, Path], fitted: dict[str, Path]
) -> None:
    targets = drawn(given / "targets", 3, worn=False, seed=5)
    torn(targets / "1.png")
    guide = folders[0] / "0.png"
    for verb, argv in (
        ("add", (targets, guide)),
        ("add", (guide, targets)),
        ("remove", (targets,)),
        ("segment", (targets,)),
    ):
        code, _, err = answer("transfer", verb, fitted["mask"], *argv, *TINY, "--out", "run", "--overwrite")
        assert code == 4
        assert any(line.startswith("left out: ") and "1.png" in line for line in err.splitlines())
        assert len(names(Path("run"))) == 2
        assert measures(Path("run"))["skipped"] == 1
    code, _, err = answer("transfer", "grid", fitted["mask"], targets, guide, "--samples", "3", *TINY, "--out", "grid")
    assert code == 4
    for path in targets.iterdir():
        path.write_text("no picture")
    argv = ["transfer", "add", fitted["mask"], targets, guide, *QUIET, "--out", "none"]
    assert_refused(argv, "none of the 3 pictures can be read", "0.png")


def test_what_is_no_picture_is_told(given: Path, folders: tuple[Path, Path], fitted: dict[str, Path]) -> None:
    worn, bare = folders
    text = given / "notes.txt"
    text.write_text("no picture")
    mask, face = fitted["mask"], bare / "0.png"
    for argv, says in (
        (("add", mask, text, worn / "0.png"), "notes.txt"),
        (("swap", mask, face, text), "notes.txt"),
        (("grid", mask, face, text), "notes.txt"),
        (("remove", mask, text), "notes.txt"),
        (("segment", mask, text), "notes.txt"),
        (("between", mask, face, worn / "0.png", text), "notes.txt"),
        (("compose", fitted["intersection"], face, text, face), "notes.txt"),
        (("between", mask, bare, worn / "0.png", worn / "1.png"), "bare is a folder: name one picture in it"),
        (("between", mask, face, worn / "0.png", worn), "worn is a folder"),
        (("compose", fitted["intersection"], face, worn, face), "worn is a folder"),
        (("add", mask, given / "gone.png", face), "no such file or folder"),
        (("add", mask, face, empty(given / "none")), "holds no picture"),
        (("remove", mask, given / "none"), "holds no picture"),
        (("remove", mask), "no picture was named"),
        (("add", mask, face), "GUIDE"),
    ):
        assert_refused(["transfer", *argv, *QUIET, "--out", "run"], says)
        assert not Path("run").exists()


@pytest.mark.parametrize("method", ["mask", "disentangle"])
def test_what_takes_two_sides_is_refused_before_there_is_a_run(
    method: str, folders: tuple[Path, Path], fitted: dict[str, Path]
) -> None:
    a, b, c = (folders[0] / f"{n}.png" for n in range(3))
    run = fitted[method]
    for argv in (
        ("compose", run, a, b, c),
        ("add", run, a, b, "--side", "plain"),
        ("swap", run, a, b, "--side", "plain"),
        ("grid", run, a, b, "--side", "plain"),
        ("between", run, a, b, c, "--side", "plain"),
    ):
        assert_refused(["transfer", *argv, *QUIET, "--out", "run"], "models of --method intersection alone")
        assert not Path("run").exists()


@pytest.mark.parametrize(
    ("argv", "says"),
    [
        (("segment", "--threshold", "1.5"), "--threshold must be at most 1, got 1.5"),
        (("segment", "--threshold", "nan"), "--threshold must be at most 1, got nan"),
        (("grid", "--samples", "0"), "--samples must be at least 1, got 0"),
        (("between", "--samples", "1"), "--samples must be at least 2, got 1"),
        (("between", "--of", "magic"), "--of"),
        (("add", "--side", "magic"), "--side"),
        (("add", "--method", "mask"), "--engine must be trained here, got 'mask'"),
    ],
    ids=lambda value: " ".join(value) if isinstance(value, tuple) else "",
)
def test_wrong_flags_of_edits(
    argv: tuple[str, ...], says: str, folders: tuple[Path, Path], fitted: dict[str, Path]
) -> None:
    picture = folders[0] / "0.png"
    count = {"segment": 1, "between": 3}.get(argv[0], 2)
    asked = ["transfer", argv[0], fitted["mask"], *[picture] * count, *argv[1:], *QUIET, "--out", "run"]
    assert_refused(asked, says)
    assert not Path("run").exists()


# -- runs --------------------------------------------------------------------------------------------------


def test_runs_that_hold_no_method_are_refused(given: Path, folders: tuple[Path, Path], fitted: dict[str, Path]) -> None:
    picture = folders[0] / "0.png"
    assert answer("transfer", "remove", fitted["mask"], picture, *QUIET, "--out", given / "edited")[0] == 0
    assert answer("transfer", "test", fitted["mask"], *QUIET, "--out", given / "tested")[0] == 0
    shutil.copytree(fitted["mask"], given / "damaged")
    torn(given / "damaged/weights/model.safetensors")
    for run, says in (
        (given / "edited", "made by 'transfer remove' and holds no "),
        (given / "damaged", "is not a weight file of gestalt"),
        (folders[0], "is not a gestalt run"),
        (picture, "is a file; expected the folder of a gestalt run"),
        (given / "gone", "is not a gestalt run"),
    ):
        for argv in (("remove", run, picture), ("add", run, picture, picture), ("test", run)):
            assert_refused(["transfer", *argv, *QUIET, "--out", "run"], says)
            assert not Path("run").exists()
    for argv, says in (
        (("remove", given / "tested", picture), f"{fitted['mask']} and holds no trained method itself: name that run"),
        (("test", given / "tested"), "made by 'transfer test' and holds no pictures held out"),
    ):
        assert_refused(["transfer", *argv, *QUIET, "--out", "run"], says)
        assert not Path("run").exists()


def test_a_test_takes_the_folders_that_were_learned_from(given: Path) -> None:
    folders = both(given, 3)
    assert answer("transfer", "fit", *folders, *QUIET, "--out", "fit")[0] == 0
    argv = ["transfer", "test", "fit", *QUIET, "--out", "run"]
    assert_refused([*argv, "--features", "gabor"], "at least 2 pictures held out of each side")
    assert_refused([*argv, "--features", "magic"], "magic")
    assert_refused([*argv, "--features", "vgg19:gone.pth"], "gone.pth")
    shutil.move(folders[1], given / "moved")
    assert_refused(argv, "bare", "does not exist")
    assert not Path("run").exists()


@pytest.mark.parametrize(
    ("method", "flags", "says"),
    [
        ("mask", ("--method", "disentangle"), "was fitted with --method mask, and --method disentangle was asked for"),
        ("intersection", ("--method=mask",), "was fitted with --method intersection, and --method mask was asked for"),
        ("mask", ("--size", "64"), "--size can be asked for only where faces are drawn"),
        ("mask", ("--two-sided", "--steps", "9"), "--steps and --two-sided can be asked for only where faces"),
        ("mask", ("--pictures", "99"), "--pictures can be asked for only where faces are drawn"),
    ],
    ids=lambda value: " ".join(value) if isinstance(value, tuple) else "",
)
def test_a_test_of_a_run_is_refused_what_is_not_for_it(
    method: str, flags: tuple[str, ...], says: str, fitted: dict[str, Path]
) -> None:
    assert_refused(["transfer", "test", fitted[method], *flags, *QUIET, "--out", "run"], says, "leave")
    assert not Path("run").exists()


@pytest.mark.parametrize("changed", ["held out gone", "more come", "learned from gone"])
def test_a_test_asks_of_nothing_but_what_the_fit_held_out(
    changed: str, given: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Were they split again, what was learned from would be taken for held out."""
    folders = both(given, 10)
    assert answer("transfer", "fit", *folders, "--aside", "0.2", *QUIET, "--out", "fit")[0] == 0
    before, seen, gone = listed("fit"), [], ""
    assert {len(part) for side in before.values() for part in side.values()} == {8, 2}
    if changed == "more come":
        for n in range(20):
            shutil.copy(folders[0] / "0.png", folders[0] / f"more{n}.png")
    else:
        part = "held_out" if changed == "held out gone" else "train"
        gone = before["content"][part].pop()
        (folders[0] / gone).unlink()

    def measured(_net: Any, *given: Any, **_more: Any) -> None:
        seen.extend(given[:2])

    monkeypatch.setattr(report, "held_out", measured)
    code, _, err = answer("transfer", "test", "fit", *TINY, "--out", "run")
    assert code == (0 if changed == "more come" else 4)
    for side, folder, parts in zip(seen, folders, (before["content"], before["plain"]), strict=True):
        for found, part in ((side.learned, "train"), (side.held_out, "held_out")):
            assert torch.equal(found, read_pictures([folder / name for name in parts[part]], 32).pictures)
    counts = [len(part) for part in before["content"].values()]
    assert f"{sum(counts)} pictures with the content, {counts[0]} to learn from and {counts[1]} held out" in err
    if gone:
        assert any(line.startswith("left out: ") and gone in line for line in err.splitlines())


@pytest.mark.parametrize(("part", "what"), [("held_out", "held out"), ("train", "learned from")])
def test_a_test_without_what_was_held_out_or_learned_from_is_refused(part: str, what: str, given: Path) -> None:
    folders = both(given, 3)
    assert answer("transfer", "fit", *folders, *QUIET, "--out", "fit")[0] == 0
    for n, name in enumerate(listed("fit")["plain"][part]):
        if n:
            torn(folders[1] / name)
        else:
            (folders[1] / name).unlink()
    argv = ["transfer", "test", "fit", *QUIET, "--out", "run"]
    assert_refused(argv, f"of the pictures that were {what} on one side none can be read any more", "bare")
    assert not Path("run").exists()


def test_a_listing_that_is_missing_or_damaged_is_told(folders: tuple[Path, Path]) -> None:
    assert answer("transfer", "fit", *folders, *QUIET, "--out", "fit")[0] == 0
    listing = Path("fit/outputs/pictures.json")
    argv = ["transfer", "test", "fit", *QUIET, "--out", "run"]
    for text in ("", "[]", "{}", '{"content": {"train": [1], "held_out": []}, "plain": {}}'):
        listing.write_text(text)
        assert_refused(argv, "pictures.json of fit is damaged")
    listing.unlink()
    assert_refused(argv, "fit does not say which pictures it held out", "fit again")
    assert not Path("run").exists()
    assert answer("transfer", "remove", "fit", folders[0] / "0.png", *QUIET, "--out", "removed")[0] == 0


def test_the_same_place_twice(folders: tuple[Path, Path], fitted: dict[str, Path]) -> None:
    argv = ["transfer", "remove", fitted["mask"], folders[0] / "0.png", *QUIET, "--out", "run"]
    assert answer(*argv)[0] == 0
    before = contents(Path("run"))
    assert_refused(argv, "already holds a run", "--overwrite")
    assert contents(Path("run")) == before
    assert answer(*argv, "--overwrite")[0] == 0
    assert contents(Path("run")) == before
    assert_refused(["transfer", "fit", *folders, *QUIET, "--out", folders[0]], "is not empty and holds no run")


def test_an_edit_does_not_overwrite_the_method_it_uses(folders: tuple[Path, Path]) -> None:
    assert answer("transfer", "fit", *folders, *QUIET, "--out", "fit")[0] == 0
    before = contents(Path("fit"))
    code, _, err = answer("transfer", "remove", "fit", folders[0] / "0.png", *QUIET, "--out", "fit", "--overwrite")
    assert code == 2
    assert_one_line(err)
    assert contents(Path("fit")) == before


def test_a_folder_that_may_not_be_written_to(open_folder: Path) -> None:
    folders = both(open_folder, 3)
    for path in open_folder.rglob("*"):
        path.chmod(0o755)
    code, out, err = as_nobody("transfer", "fit", *folders, *QUIET, "--out", open_folder / "run")
    assert (code, out) == (2, ""), err
    assert_one_line(err, "cannot make the run folder", "Permission denied", "--out")
    assert sorted(os.listdir(open_folder)) == ["bare", "worn"]


# -- stops -------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("method", METHODS)
def test_ctrl_c_in_the_middle_of_a_fit(
    method: str, folders: tuple[Path, Path], fitted: dict[str, Path], monkeypatch: pytest.MonkeyPatch
) -> None:
    count, original = 0, codes.batch

    def interrupt(*given: Any, **more: Any) -> Any:
        nonlocal count
        count += 1
        if count == 5:
            os.kill(os.getpid(), signal.SIGINT)
        return original(*given, **more)

    argv = ("transfer", "fit", *folders, "--method", method, *QUIET, "--out", "run")
    with monkeypatch.context() as patch:
        patch.setattr(codes, "batch", interrupt)
        code, out, err = answer(*argv)
    assert (code, out) == (3, "")
    assert_one_line(err, "stopped by Ctrl-C after step 1 of 2 of 32 px", f"gestalt resume {Path('run').absolute()}")
    assert_refused(["transfer", "remove", "run", folders[0], *QUIET], "is not finished; go on with: gestalt resume")
    assert answer("resume", "run", "--quiet") == (0, f"{Path('run').absolute()}\n", "")
    assert contents(Path("run")) == contents(fitted[method])
    assert Path("run/metrics.jsonl").read_bytes() == (fitted[method] / "metrics.jsonl").read_bytes()
    assert_refused(["resume", "run"], "is already done")


def test_ctrl_c_in_the_middle_of_edits(
    folders: tuple[Path, Path], fitted: dict[str, Path], monkeypatch: pytest.MonkeyPatch
) -> None:
    count, original = 0, outcome._whole

    def interrupt(*given: Any) -> Any:
        nonlocal count
        count += 1
        if count == 9:
            os.kill(os.getpid(), signal.SIGINT)
        return original(*given)

    argv = ("transfer", "add", fitted["mask"], folders[1], folders[0], *QUIET)
    with monkeypatch.context() as patch:
        patch.setattr(outcome, "_whole", interrupt)
        code, _, err = answer(*argv, "--out", "run")
    assert code == 3
    assert "of pictures" in err
    assert answer("resume", "run", "--quiet")[0] == 0
    assert answer(*argv, "--out", "straight")[0] == 0
    assert contents(Path("run")) == contents(Path("straight"))


def test_a_folder_that_changed_is_not_gone_on_with(given: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    folders = both(given, 3)

    def stop(*given: Any, **more: Any) -> Any:
        del given, more
        raise KeyboardInterrupt

    with monkeypatch.context() as patch:
        patch.setattr(codes, "total", stop)
        assert answer("transfer", "fit", *folders, *QUIET, "--out", "run")[0] == 3
    Image.fromarray(np.zeros((20, 20, 3), np.uint8)).save(folders[0] / "more.png")
    assert_refused(["resume", "run"], "changed since", "worn")
