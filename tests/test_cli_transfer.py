"""`gestalt transfer` as a script sees it: every verb with every method, its files, exit codes and JSON."""

from __future__ import annotations

import csv
import dataclasses
import json
import shutil
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from answers import answer, assert_refused, elsewhere, given, size_of, stopped_after
from gestalt import recipes
from gestalt.media import image
from gestalt.tasks.transfer.folders import find
from tasks.transfer import celeba_files
from transfer_folders import QUIET, TINY, both, contents, drawn, measures, mixed, names

__all__ = ["elsewhere", "given"]  # fixtures

METHODS = ["mask", "disentangle", "intersection"]


@pytest.fixture(scope="module")
def folders(tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, Path]:
    """Seven pictures each, of all kinds."""
    root = tmp_path_factory.mktemp("folders")
    return mixed(root / "worn", worn=True, seed=1), mixed(root / "bare", worn=False, seed=2)


@pytest.fixture(scope="module")
def fitted(folders: tuple[Path, Path], tmp_path_factory: pytest.TempPathFactory) -> dict[str, Path]:
    root = tmp_path_factory.mktemp("fitted")
    for method in METHODS:
        argv = ("transfer", "fit", *folders, "--method", method, *QUIET, "--out", root / method)
        assert answer(*argv) == (0, f"{root / method}\n", "")
    return {method: root / method for method in METHODS}


def result_size(path: Path, method: str) -> tuple[int, int]:
    """(H, W) of what a method makes of a picture: its own with a mask, else 32 on the longer side."""
    height, width = size_of(path)
    if method == "mask":
        return height, width
    return max(1, round(32 * height / max(height, width))), max(1, round(32 * width / max(height, width)))


# -- fit ---------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("method", METHODS)
def test_fit_leaves_weights_a_grid_and_measures(method: str, fitted: dict[str, Path]) -> None:
    run = fitted[method]
    assert names(run) == ["grid.png", "removed.png"]
    assert (run / "weights/model.safetensors").exists()
    assert (run / "report.html").exists()
    found = json.loads((run / "metrics.json").read_text())
    assert found["learned_content"] == found["learned_plain"] == 6
    assert found["skipped"] == 0
    assert 0 <= found["mask_threshold"] <= 1
    assert found["held_out_rebuilt"] > 0
    record = json.loads((run / "run.json").read_text())
    assert (record["engine"], record["preset"], record["status"]) == (method, "tiny", "done")
    assert any("Transfer" in line or "Intersection" in line for line in record["references"])


def test_fit_says_what_it_found_and_warns_of_few(folders: tuple[Path, Path]) -> None:
    code, _, err = answer("transfer", "fit", *folders, *TINY, "--out", "run")
    assert code == 0
    assert "two folders: 7 pictures with the content, 6 to learn from and 1 held out; 7 pictures without it" in err
    assert "warning: 6 pictures on one side are few" in err


def test_the_same_seed_leaves_the_same_bytes(folders: tuple[Path, Path], fitted: dict[str, Path]) -> None:
    assert answer("transfer", "fit", *folders, *QUIET, "--out", "again")[0] == 0
    assert contents(Path("again")) == contents(fitted["mask"])
    assert answer("transfer", "fit", *folders, *QUIET, "--seed", "1", "--out", "other")[0] == 0
    assert contents(Path("other")) != contents(fitted["mask"])


@pytest.mark.parametrize("layout", [("with", "without"), ("trainA", "trainB")])
def test_one_folder_may_hold_both(layout: tuple[str, str], tmp_path: Path) -> None:
    for n, name in enumerate(layout):
        drawn(tmp_path / "root" / name, 3, worn=n == 0, seed=n)
    if layout[0] == "trainA":
        for n, name in enumerate(("testA", "testB")):
            drawn(tmp_path / "root" / name, 2, worn=n == 0, seed=n + 5)
    assert answer("transfer", "fit", "root", *QUIET, "--out", "run")[0] == 0
    assert measures(Path("run"))["learned_content"] == (3 if layout[0] == "trainA" else 2)
    assert answer("transfer", "test", "run", *QUIET, "--out", "tested")[0] == 0


def test_pictures_given_to_test_with_are_not_learned_from(tmp_path: Path) -> None:
    for n, name in enumerate(("trainA", "trainB", "testA", "testB")):
        drawn(tmp_path / "root" / name, 4, worn=n % 2 == 0, seed=n)
    for path in (tmp_path / "root/trainA").iterdir():
        path.write_bytes(b"no picture")
    refused = "none of the 4 pictures to learn from on one side can be read"
    assert_refused(("transfer", "fit", "root", *QUIET), refused, "trainA")
    shutil.rmtree(tmp_path / "root/testB")
    drawn(tmp_path / "root/trainB", 20, worn=False, seed=9)
    for path in (tmp_path / "root/trainA").iterdir():
        shutil.copy(tmp_path / "root/testA" / path.name, path)
    for path in find(["root"]).plain.train:
        path.write_bytes(b"no picture")
    assert answer("transfer", "fit", "root", *QUIET, "--out", "run")[0] == 4  # of B a mere share was held out
    assert measures(Path("run"))["learned_plain"] == 1


def test_celeba_by_a_rule(given: Path) -> None:
    rows = {f"{n:06}.jpg": ["Eyeglasses"] if n % 2 else ["Smiling"] for n in range(8)}
    celeba_files.write(given / "celeba", rows)
    for n, name in enumerate(rows):
        face = drawn(given / "face", 1, worn=bool(n % 2), seed=n)
        Image.open(face / "0.png").save(given / "celeba/img_align_celeba" / name)
    assert answer("transfer", "fit", given / "celeba", "--rule", "glasses", *QUIET, "--out", "run")[0] == 0
    assert measures(Path("run"))["learned_content"] == 3
    assert answer("transfer", "test", "run", *QUIET, "--out", "tested")[0] == 0


def test_loss_weights_and_presets_are_flags(given: Path) -> None:
    folders = both(given, 3)
    argv = ("transfer", "fit", *folders, "--pasted", "3", "--plain=4", "--cycle-common=0.5", *QUIET)
    assert answer(*argv, "--out", "run")[0] == 0
    settings = json.loads(Path("run/run.json").read_text())["settings"]
    assert settings["weights"]["pasted"] == 3
    assert settings["weights"]["plain"] == 4
    assert settings["weights"]["cycle_common"] == 0.5
    assert answer("transfer", "remove", "run", folders[0], *QUIET, "--out", "removed")[0] == 0
    argv = ("transfer", "fit", *folders, "--preset", "paper-smile", "--dry-run")
    code, out, _ = answer(*argv)
    assert code == 0
    assert json.loads(out)["settings"]["weights"]["cycle_separate"] == 0.0001


@pytest.mark.parametrize("content", ["smile", "facial-hair", "womens-hair", "mens-hair", "handles"])
def test_terms_on_codes_are_of_the_published_presets_alone(content: str) -> None:
    """Our own have there and back in their place."""
    ours, published = (recipes.transfer_mask(name) for name in (content, f"paper-{content}"))
    small = ours.weights.small
    assert 0 < small <= 0.2
    assert ours.weights == dataclasses.replace(published.weights, small=small, cycle_common=0.0, cycle_separate=0.0)
    assert published.weights.small == 0
    assert published.weights.cycle_separate > 0
    assert ours.returned == ours.carried > 0
    assert published.returned == published.carried == 0


def test_few_pairs_are_asked_about_of_a_run_alone(fitted: dict[str, Path]) -> None:
    assert_refused(("transfer", "test", "--pairs", "5", *QUIET), "--pairs must be at least 16 where faces are drawn")
    assert answer("transfer", "test", fitted["mask"], "--pairs", "1", *QUIET, "--out", "tested")[0] == 0
    argv = ("transfer", "test", fitted["mask"], "--pairs", "1", "--features", "gabor", *QUIET)
    assert_refused(argv, "--features takes at least 2 pictures held out of each side", "--pairs")


def test_glasses_are_what_is_meant_where_nothing_is_said() -> None:
    assert recipes.transfer_mask("glasses") == recipes.transfer_mask("fast")
    assert recipes.transfer_mask("paper-glasses") == recipes.transfer_mask("paper")


def test_help_of_fit_names_presets_and_explains_flags_as_they_stand() -> None:
    code, out, _ = answer("transfer", "fit", "--help")
    text = " ".join(out.replace("\u2502", " ").split())
    assert code == 0
    assert "--preset smile, facial-hair, womens-hair, mens-hair or handles" in text
    assert "--no-last-norm Whether the codes are normalised too" in text
    text = " ".join(answer("transfer", "fit", "--method", "intersection", "--help")[1].replace("\u2502", " ").split())
    assert "--spectral Whether the spectral norm of every layer is held at 1, as published; with one size" in text


# -- edits -------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("method", METHODS)
@pytest.mark.parametrize("verb", ["add", "swap"])
def test_add_and_swap_give_every_target_every_guide_s_content(
    verb: str, method: str, folders: tuple[Path, Path], fitted: dict[str, Path]
) -> None:
    worn, bare = folders
    argv = ("transfer", verb, fitted[method], bare, worn, *QUIET, "--out", "run")
    assert answer(*argv) == (0, f"{Path('run').absolute()}\n", "")
    targets = {path.stem: path for path in bare.iterdir()}
    guides = [path.stem for path in worn.iterdir()]
    assert names(Path("run")) == sorted(f"{target}__{guide}.png" for target in targets for guide in guides)
    for target, path in targets.items():
        assert size_of(Path("run/outputs") / f"{target}__{guides[0]}.png") == result_size(path, method)
    assert answer("transfer", verb, fitted[method], bare / "0.png", worn / "1.png", *QUIET, "--out", "one")[0] == 0
    assert names(Path("one")) == ["0__1.png"]
    kept = Path("run/outputs/0__1.png").read_bytes()
    assert Path("one/outputs/0__1.png").read_bytes() == kept


@pytest.mark.parametrize("method", METHODS)
def test_remove_and_segment_keep_each_picture_s_place(
    method: str, folders: tuple[Path, Path], fitted: dict[str, Path]
) -> None:
    worn, _ = folders
    for verb, flags in (("remove", ()), ("remove", ("--whole",)), ("segment", ()), ("segment", ("--threshold", "0.5"))):
        argv = ("transfer", verb, fitted[method], worn, worn / "0.png", *flags, *QUIET, "--out", "run", "--overwrite")
        assert answer(*argv)[::2] == (0, "")
        assert names(Path("run")) == sorted(["0.png", *(f"worn/{path.stem}.png" for path in worn.iterdir())])
        for path in worn.iterdir():
            made = size_of(Path("run/outputs/worn") / f"{path.stem}.png")
            whole = verb == "segment" or (method == "mask" and not flags)
            assert made == (size_of(path) if whole else result_size(path, "painted"))
        if verb == "segment":
            assert set(np.unique(np.asarray(Image.open("run/outputs/0.png")))) <= {0, 255}


@pytest.mark.parametrize("method", METHODS)
def test_grid_and_between(method: str, folders: tuple[Path, Path], fitted: dict[str, Path]) -> None:
    worn, bare = folders
    assert answer("transfer", "grid", fitted[method], bare, worn, *QUIET, "--out", "grid")[::2] == (0, "")
    assert names(Path("grid")) == ["grid.png"]
    assert 3 * 256 < size_of(Path("grid/outputs/grid.png"))[0] < 4 * 256
    way = (bare / "0.png", worn / "1.png", worn / "3.png")
    for of in ("content", "identity"):
        argv = ("transfer", "between", fitted[method], *way, "--of", of, *QUIET, "--out", of)
        assert answer(*argv)[::2] == (0, "")
        assert names(Path(of)) == ["00.png", "01.png", "02.png", "row.png"]


def test_two_sides_can_be_composed_and_translated_both_ways(
    folders: tuple[Path, Path], fitted: dict[str, Path]
) -> None:
    worn, bare = folders
    run = fitted["intersection"]
    argv = ("transfer", "compose", run, bare / "2.png", worn / "0.png", bare / "1.png", *QUIET, "--out", "run")
    assert answer(*argv)[::2] == (0, "")
    assert names(Path("run")) == ["2__0__1.png"]
    for verb in ("add", "swap", "grid"):
        argv = ("transfer", verb, run, worn / "0.png", bare / "0.png", "--side", "plain", *QUIET, "--out", verb)
        assert answer(*argv)[::2] == (0, "")
    argv = ("transfer", "between", run, worn / "0.png", bare / "0.png", bare / "1.png", "--side", "plain", *QUIET)
    assert answer(*argv, "--out", "between")[::2] == (0, "")


def test_two_models_in_turn(folders: tuple[Path, Path], fitted: dict[str, Path]) -> None:
    """What one has made is another's target, as a picture or as a whole folder."""
    worn, bare = folders
    assert answer("transfer", "add", fitted["mask"], bare / "0.png", worn / "0.png", *QUIET, "--out", "one")[0] == 0
    first = Path("one/outputs/0__0.png")
    argv = ("transfer", "add", fitted["mask"], first, worn / "1.png", *QUIET, "--out", "two")
    assert answer(*argv)[0] == 0
    assert names(Path("two")) == ["0__0__1.png"]
    assert size_of(Path("two/outputs/0__0__1.png")) == size_of(bare / "0.png")
    argv = ("transfer", "swap", fitted["intersection"], "two/outputs", worn / "3.png", *QUIET, "--out", "three")
    assert answer(*argv)[0] == 0
    assert names(Path("three")) == ["0__0__1__3.png"]


def test_names_that_would_meet_are_told_apart(given: Path, fitted: dict[str, Path]) -> None:
    drawn(given / "b", 1, worn=False, seed=1)
    Image.open(given / "b/0.png").transpose(Image.Transpose.FLIP_LEFT_RIGHT).save(given / "b_0.png")
    guide = drawn(given.parent / "guide", 1, worn=True, seed=2) / "0.png"
    assert answer("transfer", "add", fitted["mask"], given, guide, *QUIET, "--out", "run")[0] == 0
    assert names(Path("run")) == ["b_0_2__0.png", "b_0__0.png"]


def test_a_mask_method_touches_nothing_where_there_is_no_mask(
    folders: tuple[Path, Path], fitted: dict[str, Path]
) -> None:
    """Of 8-bit pictures, all bytes outside of what `segment` finds at the threshold of removal stay."""
    worn, _ = folders
    argv = (*QUIET, "--overwrite", "--out")
    assert answer("transfer", "remove", fitted["mask"], worn / "0.png", *argv, "removed")[0] == 0
    assert answer("transfer", "segment", fitted["mask"], worn / "0.png", "--threshold", "0.0", *argv, "found")[0] == 0
    before, after = (image.read(path) for path in (worn / "0.png", "removed/outputs/0.png"))
    outside = (image.read("found/outputs/0.png")[:, :1] < 0).expand_as(before)
    assert bool((after == before)[outside].all())


# -- test --------------------------------------------------------------------------------------------------


def table(run: str) -> dict[str, float]:
    with Path(run, "outputs/tested.csv").open(newline="") as file:
        return {row["measure"]: float(row["value"]) for row in csv.DictReader(file)}


@pytest.mark.parametrize("method", METHODS)
def test_a_run_is_measured_on_what_it_held_out(method: str, fitted: dict[str, Path]) -> None:
    assert answer("transfer", "test", fitted[method], *QUIET, "--out", "run")[::2] == (0, "")
    found = table("run")
    assert {"rebuilt_content", "classifier_accuracy", "added_called_content"} <= set(found)
    assert ("removed_called_plain" in found) == (method != "intersection"), "without either content it is of no side"
    assert all(value == value for value in found.values())
    assert names(Path("run")) == ["grid.png", "removed.png"]
    made = json.loads(Path("run/run.json").read_text())
    assert made["parent"] == str(fitted[method])
    assert made["engine"] == method
    argv = ("transfer", "test", fitted[method], "--method", method, *QUIET, "--out", "run", "--overwrite")
    assert answer(*argv)[::2] == (0, "")


def test_without_a_run_a_method_is_fitted_on_drawn_faces() -> None:
    argv = ("transfer", "test", "--method", "intersection", "--two-sided", *QUIET, "--out", "run")
    assert answer(*argv)[::2] == (0, "")
    found = table("run")
    assert {"in", "in_identity", "retrieval", "mask_iou", "translated_called_plain"} <= set(found)
    assert json.loads(Path("run/metrics.json").read_text())["in"] == pytest.approx(found["in"], abs=1e-4)
    face = drawn(Path("faces"), 1, worn=True, seed=1) / "0.png"
    assert answer("transfer", "grid", "run", face, face, "--side", "plain", *QUIET, "--out", "grid")[::2] == (0, "")


def test_features_add_their_distances(given: Path) -> None:
    assert answer("transfer", "fit", *both(given, 8), "--aside", "0.4", *QUIET, "--out", "fit")[0] == 0
    assert answer("transfer", "test", "fit", "--features", "gabor", *QUIET, "--out", "run")[::2] == (0, "")
    assert {"added_kid", "added_fid_identity", "removed_kid"} <= set(table("run"))


# -- what every command does -------------------------------------------------------------------------------


def test_json_tells_what_was_made(folders: tuple[Path, Path], fitted: dict[str, Path]) -> None:
    worn, bare = folders
    code, out, err = answer(
        "transfer", "add", fitted["mask"], bare / "0.png", worn / "0.png", *TINY, "--json", "--out", "a"
    )
    assert (code, err) == (0, "")
    told = json.loads(out)
    assert told["run"] == str(Path("a").absolute())
    assert [one["path"] for one in told["outputs"]] == ["0__0.png"]
    assert told["outputs"][0]["row"] == told["outputs"][0]["col"] == "0"
    assert told["metrics"]["skipped"] == 0


def test_a_dry_run_makes_nothing(folders: tuple[Path, Path], fitted: dict[str, Path], tmp_path: Path) -> None:
    worn, bare = folders
    mask = fitted["mask"]
    for argv in (
        ("fit", worn, bare),
        ("add", mask, bare, worn),
        ("swap", mask, bare, worn),
        ("remove", mask, worn),
        ("segment", mask, worn),
        ("grid", mask, bare, worn),
        ("between", mask, bare / "0.png", worn / "0.png", worn / "1.png"),
        ("compose", mask, bare / "0.png", worn / "0.png", worn / "1.png"),
        ("test", mask),
        ("test",),
    ):
        code, out, err = answer("transfer", *argv, "--preset", "tiny", "--dry-run")
        assert (code, err) == (0, "")
        assert json.loads(out)["command"] == f"transfer {argv[0]}"
    assert list(tmp_path.iterdir()) == []


def test_resume_goes_on_with_a_fit(
    folders: tuple[Path, Path], fitted: dict[str, Path], monkeypatch: pytest.MonkeyPatch
) -> None:

    for method in METHODS:
        with stopped_after(0, monkeypatch):
            argv = ("transfer", "fit", *folders, "--method", method, *QUIET, "--out", f"run {method}")
            code, _, err = answer(*argv)
        assert code == 3
        assert "after step 1 of 2 of 16 px" in err
        assert answer("resume", f"run {method}", "--quiet")[0] == 0
        assert contents(Path(f"run {method}")) == contents(fitted[method])
