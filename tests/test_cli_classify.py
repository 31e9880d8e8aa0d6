"""`gestalt classify` as a script sees it: layouts, files, exit codes, sentences, resuming, many processes."""

from __future__ import annotations

import csv
import json
import shutil
import signal
import socket
import subprocess
import sys
from pathlib import Path

import pytest

from answers import answer, assert_refused, by_name, elsewhere, given, rank, stopped_after
from classify_folders import KINDS, QUIET, TINY, cifar_c, cityscapes, drawn, gtav, imagenet, imagenet_c, pacs
from media.hostile import BAD, ODD_BUT_VALID, Case
from run import jobs

__all__ = ["elsewhere", "given"]  # fixtures


@pytest.fixture(scope="module")
def data(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return drawn(tmp_path_factory.mktemp("data") / "signs", 6)


@pytest.fixture(scope="module")
def trained(data: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    run = tmp_path_factory.mktemp("trained") / "run"
    assert answer("classify", "train", data, *QUIET, "--out", run) == (0, f"{run}\n", "")
    return run


def measures(run: str | Path) -> dict[str, float]:
    return json.loads((Path(run) / "metrics.json").read_text())


def table(path: Path) -> list[dict[str, str]]:
    with path.open(newline="") as file:
        return list(csv.DictReader(file))


def weights(run: str | Path, name: str = "classifier") -> bytes:
    return (Path(run) / f"weights/{name}.safetensors").read_bytes()


# -- train -------------------------------------------------------------------------------------------------


def test_train_leaves_a_classifier_and_tables(trained: Path) -> None:
    found = measures(trained)
    assert {"top1", "top5", "mean_class", "chance", "seconds", "peak_mb"} <= set(found)
    assert (found["classes"], found["train"], found["test"], found["skipped"]) == (3, 15, 3, 0)
    assert [row["class"] for row in table(trained / "outputs/classes.csv")] == list(KINDS)
    said = table(trained / "outputs/predictions.csv")
    assert len(said) == 3
    assert sum(row["class"] == row["predicted"] for row in said) / 3 == pytest.approx(found["top1"])
    assert len(table(trained / "outputs/confusion.csv")) == 3


def test_it_says_what_it_found(data: Path) -> None:
    code, _, err = answer("classify", "train", data, *TINY, "--out", "run")
    assert code == 0
    assert "class folders: 3 classes, 15 pictures to learn from and 3 to test with" in err
    assert "chance is 33.3%" in err


def test_the_same_seed_gives_the_same_bytes(data: Path, trained: Path) -> None:
    for seed, same in (("0", True), ("1", False)):
        assert answer("classify", "train", data, *QUIET, "--seed", seed, "--out", seed)[0] == 0
        assert (weights(seed) == weights(trained)) == same


@pytest.mark.parametrize("flags", [(), ("--swap", "mixstyle", "--average", "0.9"), ("--augment", "augmix")], ids=str)
def test_a_stopped_run_goes_on_to_the_same_weights(
    flags: tuple[str, ...], data: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    argv = ("classify", "train", data, *QUIET, "--swap-p", "0.5", "--model", "squeezenet1_1", "--size", "32", *flags)
    assert answer(*argv, "--out", "straight")[0] == 0
    with stopped_after(1, monkeypatch):
        code, _, err = answer(*argv, "--out", "run")
    assert code == 3
    assert "after step 2 of 4 of train" in err
    assert answer("resume", "run", "--quiet")[0] == 0
    assert weights("run") == weights("straight")
    for name in ("classes.csv", "predictions.csv"):
        assert Path("run/outputs", name).read_bytes() == Path("straight/outputs", name).read_bytes()


@pytest.mark.parametrize("way", ["padain", "mixstyle", "crossnorm", "efdmix", "dsu", "none"])
def test_every_way_to_swap_is_a_flag(way: str, data: Path) -> None:
    how = ("--swap-p", "0.9", "--swap-layers", "stem") if way != "none" else ()
    argv = ("classify", "train", data, "--swap", way, *how, *QUIET)
    assert answer(*argv, "--out", "run")[::2] == (0, "")
    assert json.loads(Path("run/run.json").read_text())["settings"]["swapping"]["swap"] == way


def test_damaged_pictures_are_left_out(given: Path) -> None:
    root = drawn(given / "data", 5)
    (root / "disc/disc_0_1.png").write_text("no picture")
    code, out, err = answer("classify", "train", root, *TINY, "--out", "run")
    assert (code, out) == (4, f"{Path('run').absolute()}\n")
    assert "left out: " in err
    assert "disc_0_1.png" in err
    found = measures("run")
    assert found["skipped"] == 1
    assert f"{found['train']:g} pictures to learn from and {found['test']:g} to test with" in err
    assert found["train"] + found["test"] == 14


def test_training_that_diverges_says_so(data: Path) -> None:
    code, _, err = answer("classify", "train", data, *QUIET, "--lr", "1e30", "--out", "run")
    assert code == 2
    assert "the loss is no number any more, training diverged" in err


def test_a_class_of_which_nothing_can_be_read_is_refused(given: Path) -> None:
    root = drawn(given / "data", 3)
    for path in (root / "disc").iterdir():
        path.write_text("no picture")
    assert_refused(["classify", "train", root, *QUIET, "--out", "run"], "to learn the class 'disc' from none can be")
    assert not Path("run").exists()


@by_name(ODD_BUT_VALID)
def test_odd_pictures_are_learned_from(case: Case, given: Path) -> None:
    root = drawn(given / "data", 2)
    shutil.copy(case.make(given), root / "disc/odd.png")
    assert answer("classify", "train", root, *QUIET, "--out", "run")[::2] == (0, "")


NO_FILES = {  # which are found in no folder
    *("missing", "missing_folder", "below_a_file", "circle_of_links", "dangling_link", "name_too_long"),
    *("named_pipe", "socket", "device", "folder"),
}


@by_name([case for case in BAD if case.name not in NO_FILES])
def test_bad_files_are_named_and_left_out(case: Case, given: Path) -> None:
    root, path = drawn(given / "data", 2), case.make(given)
    shutil.copy(path, root / "disc/bad.png")
    code, _, err = answer("classify", "train", root, *QUIET, "--out", "run")
    assert (code, err) == (4, "")
    assert "bad.png" in Path("run/log.txt").read_text()


# -- test --------------------------------------------------------------------------------------------------


def test_a_data_set_is_tested_as_it_is_and_corrupted(data: Path, trained: Path) -> None:
    assert answer("classify", "test", trained, data, *QUIET, "--out", "run")[::2] == (0, "")
    found = measures("run")
    assert found["top1"] == measures(trained)["top1"]
    rows = table(Path("run/outputs/corruptions.csv"))
    assert [(row["corruption"], row["severity"]) for row in rows] == [("contrast", "3"), ("pixelate", "3")]
    assert found["mce"] == pytest.approx(sum(float(row["error"]) for row in rows) / 2, abs=1e-6)
    assert found["mce_global"] == pytest.approx(float(rows[0]["error"]), abs=1e-6)
    argv = ("classify", "test", trained, data, *QUIET, "--reference", "run", "--out", "other")
    assert answer(*argv)[::2] == (0, "")
    if all(float(row["error"]) for row in rows):
        assert measures("other")["mce"] == pytest.approx(1.0, abs=1e-5)
        assert {"ce_contrast", "ce_pixelate"} <= set(measures("other"))
    assert not any(name.startswith("error_") for name in measures("other"))
    odd = ("--only", "fog", "--reference", "run", "--out", "x")
    assert_refused(["classify", "test", trained, data, *QUIET, *odd], "other corruptions or severities")
    assert not Path("x").exists()
    assert answer("classify", "test", trained, data, *QUIET, "--clean", "--out", "clean")[::2] == (0, "")
    assert not Path("clean/outputs/corruptions.csv").exists()
    assert_refused(["classify", "test", trained, data, *QUIET, "--reference", "clean", "--out", "x"], "no corruptions")


def test_of_another_folder_everything_is_tested(data: Path, trained: Path, given: Path) -> None:
    for root, count in ((drawn(given / "other", 2, seed=3), 6), (shutil.copytree(data, given / "moved"), 3)):
        argv = ("classify", "test", trained, root, "--clean", *TINY)
        code, _, err = answer(*argv, "--out", f"{count}")
        assert code == 0
        assert f"class folders: 3 classes, {count} pictures to test with" in err
        assert measures(f"{count}")["test"] == count


def test_damaged_pictures_of_a_corruption_set_are_left_out(given: Path, trained: Path) -> None:
    root = imagenet_c(given / "c")
    next((root / "fog/5/disc").iterdir()).write_text("no picture")
    code, _, err = answer("classify", "test", trained, root, "--threads", "1", "--out", "run")
    assert code == 4
    assert "left out: " in err
    assert measures("run")["skipped"] == 1
    assert len(table(Path("run/outputs/corruptions.csv"))) == 4
    argv = ["classify", "test", trained, root, "--only", "contrast", "--severities", "5", "--threads", "1", "--quiet"]
    assert answer(*argv, "--out", "contrast")[::2] == (0, "")
    assert [(row["corruption"], row["severity"]) for row in table(Path("contrast/outputs/corruptions.csv"))] == [
        ("contrast", "5")
    ]


def test_a_test_that_was_stopped_goes_on(data: Path, trained: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    argv = ("classify", "test", trained, data, "--severities", "1", "5", "--only", "fog", "cast", "--threads", "1")
    assert answer(*argv, "--quiet", "--out", "straight")[0] == 0
    from gestalt.tasks.classify import evaluate

    original, calls = evaluate.corrupt, []

    def impatient(*given: object) -> object:
        calls.append(1)
        Path("run/stop").touch()
        return original(*given)  # pyright: ignore

    with monkeypatch.context() as patch:
        patch.setattr(evaluate, "corrupt", impatient)
        patch.setattr("gestalt.run.folder._STOP_CHECK_S", 0.0)
        assert answer(*argv, "--quiet", "--out", "run")[0] == 3
    assert answer("resume", "run", "--quiet")[0] == 0
    assert Path("run/outputs/corruptions.csv").read_bytes() == Path("straight/outputs/corruptions.csv").read_bytes()
    assert len(table(Path("run/outputs/corruptions.csv"))) == 4


@pytest.mark.parametrize("layout", ["imagenet_c", "cifar_c"])
def test_corruption_sets_are_tested(layout: str, given: Path, trained: Path) -> None:
    root = (imagenet_c if layout == "imagenet_c" else cifar_c)(given / "c")
    assert answer("classify", "test", trained, root, "--threads", "1", "--quiet", "--out", "run")[::2] == (0, "")
    rows = table(Path("run/outputs/corruptions.csv"))
    severities = ("1", "5") if layout == "imagenet_c" else tuple("12345")
    assert [(row["corruption"], row["severity"]) for row in rows] == [
        (name, severity) for name in ("contrast", "fog") for severity in severities
    ]
    assert {"error_contrast", "error_fog", "mce", "mce_global"} <= set(measures("run"))
    argv = ("classify", "test", trained, root, "--only", "fog", "--threads", "1", "--quiet", "--out", "fog")
    assert answer(*argv)[::2] == (0, "")
    assert {row["corruption"] for row in table(Path("fog/outputs/corruptions.csv"))} == {"fog"}
    assert_refused(["classify", "test", trained, root, "--only", "rain", "--out", "x"], "'rain'", "contrast, fog")


def test_one_domain_is_held_out_and_each_is_told(given: Path) -> None:
    root = pacs(given / "pacs", 3)
    argv = ("classify", "train", root, "--held-out", "sketch", "--partner", "cross_domain", *QUIET, "--out", "run")
    assert answer(*argv)[::2] == (0, "")
    found = measures("run")
    assert {f"top1_{name}" for name in ("art_painting", "cartoon", "photo", "sketch")} <= set(found)
    assert found["test"] == 9 + 3 * 3
    assert answer("classify", "test", "run", root, "--clean", *QUIET, "--out", "test")[::2] == (0, "")
    tested = measures("test")
    assert [tested[name] for name in found if name.startswith("top1")] == [
        found[name] for name in found if name.startswith("top1")
    ]


# -- adapt -------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("what", ["classes", "segments"])
def test_drawn_signs_are_adapted_to(what: str, monkeypatch: pytest.MonkeyPatch) -> None:
    argv = ("classify", "adapt", "--what", what, *QUIET)
    assert answer(*argv, "--out", "straight")[::2] == (0, "")
    found = measures("straight")
    assert {"source_accuracy", "target_accuracy"} <= set(found)
    assert ("target_miou" if what == "segments" else "target_mean_class") in found
    rows = table(Path("straight/outputs/tested.csv"))
    assert [row["side"] for row in rows] == ["source"] * (len(rows) // 2) + ["target"] * (len(rows) // 2)
    assert Path("straight/outputs/adapted.png").exists()
    with stopped_after(0, monkeypatch):
        assert answer(*argv, "--out", "run")[0] == 3
    assert answer("resume", "run", "--quiet")[0] == 0
    assert weights("run", "adapted") == weights("straight", "adapted")
    assert Path("run/outputs/adapted.png").read_bytes() == Path("straight/outputs/adapted.png").read_bytes()


def test_folders_are_adapted_between(given: Path) -> None:
    sides = drawn(given / "a", 4), drawn(given / "b", 4, seed=2, far=1.0)
    assert answer("classify", "adapt", *sides, *QUIET, "--out", "run")[::2] == (0, "")
    scenes = gtav(given / "gtav"), cityscapes(given / "cities")
    argv = ("classify", "adapt", *scenes, "--what", "segments", *QUIET, "--out", "cities")
    assert answer(*argv)[::2] == (0, "")
    assert measures("cities")["target"] == 4
    assert {row["class"] for row in table(Path("cities/outputs/tested.csv"))} >= {"road", "bicycle"}


def test_what_was_adapted_can_be_tested(given: Path) -> None:
    sides = drawn(given / "a", 4), drawn(given / "b", 4, seed=2, far=1.0)
    assert answer("classify", "adapt", *sides, *QUIET, "--out", "run")[::2] == (0, "")
    for root in sides:
        assert answer("classify", "test", "run", root, "--clean", *QUIET, "--out", root.name)[::2] == (0, "")
        assert measures(root.name)["test"] == 3
    assert measures("b")["top1"] == measures("run")["target_accuracy"]
    assert answer("classify", "adapt", "--what", "segments", *QUIET, "--out", "pixels")[0] == 0
    assert_refused(["classify", "test", "pixels", sides[0], *QUIET], "tells pixels apart")


def test_a_target_needs_no_labels(given: Path) -> None:
    source, target = drawn(given / "a", 4), given / "b"
    target.mkdir()
    for path in drawn(given / "c", 4, seed=2, far=1.0).rglob("*.png"):
        shutil.copy(path, target)
    code, _, err = answer("classify", "adapt", source, target, *TINY, "--out", "run")
    assert code == 0
    assert "nothing of the target can be tested: it has no labels" in err
    assert measures("run")["target"] == 12
    assert answer("classify", "test", "run", source, "--clean", *QUIET, "--out", "test")[::2] == (0, "")


@pytest.mark.parametrize("what", ["classes", "segments"])
def test_damaged_files_of_both_sides_are_left_out(what: str, given: Path) -> None:
    if what == "classes":
        sides = drawn(given / "a", 4), drawn(given / "b", 4, seed=2)
        spoilt = [sides[0] / "disc/disc_0_1.png", sides[1] / "bar/bar_2_0.png"]
    else:
        sides = gtav(given / "a"), cityscapes(given / "b")
        spoilt = [sides[0] / "labels/00001.png", next((sides[1] / "leftImg8bit").rglob("*.png"))]
    for path in spoilt:
        path.write_text("no picture")
    code, _, err = answer("classify", "adapt", *sides, "--what", what, *TINY, "--out", "run")
    assert code == 4
    assert all(path.name in err for path in spoilt)
    assert measures("run")["skipped"] == 2


# -- the paper's experiments, each on a folder of its layout --------------------------------------------------


@pytest.mark.parametrize(
    ("preset", "layout", "flags"),
    [
        ("paper", imagenet, ("--model", "resnet18", "--size", "32", "--batch", "4")),
        ("cifar100", drawn, ("--batch", "6")),
        ("cifar100c", drawn, ("--batch", "4")),
        ("pacs", pacs, ("--size", "32", "--held-out", "photo", "--batch", "4")),
    ],
    ids=lambda value: value if isinstance(value, str) else "",
)
def test_the_presets_of_the_paper_s_experiments_run(preset: str, layout, flags: tuple[str, ...], given: Path) -> None:
    root = layout(given / "data", 2)
    argv = ("classify", "train", root, "--preset", preset, "--epochs", "1", *flags, "--threads", "1", "--quiet")
    assert answer(*argv, "--out", "run")[::2] == (0, "")
    swapping = json.loads(Path("run/run.json").read_text())["settings"]["swapping"]
    assert (swapping["swap"], swapping["swap_p"], swapping["swap_layers"]) == ("padain", "auto", "")
    if preset == "cifar100c":
        assert answer("classify", "test", "run", cifar_c(given / "c"), "--quiet", "--out", "test")[::2] == (0, "")
        assert "mce" in measures("test")
    if preset == "paper":
        assert answer("classify", "test", "run", imagenet_c(given / "c"), "--quiet", "--out", "test")[::2] == (0, "")


def test_the_preset_for_gtav_to_cityscapes_runs(given: Path) -> None:
    scenes = gtav(given / "gtav"), cityscapes(given / "cities")
    flags = ("--model", "lraspp_mobilenet_v3_large", "--size", "32", "--steps", "1", "--batch", "2", "--threads", "1")
    argv = ("classify", "adapt", *scenes, "--preset", "paper", *flags, "--quiet", "--out", "run")
    assert answer(*argv)[::2] == (0, "")
    assert "target_miou" in measures("run")


# -- mistakes ----------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("argv", "words"),
    [
        (["train", "nowhere"], "nowhere"),
        (["train", "empty"], "of no known layout"),
        (["train", "DATA", "--model", "resnet19"], "there is no --model resnet19"),
        (["train", "DATA", "--swap", "cutmix"], "--swap"),
        (["train", "DATA", "--swap-p", "2"], "--swap-p must lie between 0 and 1"),
        (["train", "DATA", "--swap-p=-1"], "--swap-p must lie between 0 and 1"),
        (["train", "DATA", "--swap", "none", "--swap-p", ".5"], "leave --swap-p out"),
        (["train", "DATA", "--swap", "none", "--swap-layers", "stem"], "leave --swap-layers out"),
        (["train", "DATA", "--swap", "dsu", "--partner", "derange"], "--swap dsu has no partners"),
        (["train", "DATA", "--model", "vit_b_16", "--size", "20"], "does not take pictures of --size 20"),
        (["train", "PACS", "--partner", "cross_domain", "--held-out", "photo"], "needs two domains to learn from"),
        (["train", "DATA", "--swap-layers", "conv9"], "--swap-layers"),
        (["train", "DATA", "--swap-layers", "("], "no regular expression"),
        (["train", "DATA", "--held-out", "photo"], "has no domains"),
        (["train", "DATA", "--partner", "cross_domain"], "needs two domains"),
        (["train", "DATA", "--partner", "directed"], "gestalt classify adapt"),
        (["train", "DATA", "--begin-from", "nowhere.pth"], "nowhere.pth"),
        (["train", "DATA", "--epochs", "0"], "--epochs must be at least 1"),
        (["test", "nowhere", "DATA"], "nowhere"),
        (["test", "RUN", "nowhere"], "nowhere"),
        (["test", "RUN", "OTHER"], "expected the same"),
        (["test", "RUN", "DATA", "--only", "rain"], "there is no corruption 'rain'"),
        (["test", "RUN", "DATA", "--severities", "6"], "--severities must lie between 1 and 5"),
        (["test", "RUN", "DATA", "--reference", "RUN"], "holds no errors"),
        (["test", "RUN", "DATA", "--reference", "RUN", "--clean"], "--reference is of corruptions"),
        (["test", "RUN", "CORRUPTED", "--clean"], "leave it out"),
        (["test", "RUN", "CORRUPTED", "--severities", "4"], "has no severity 4"),
        (["adapt", "--swap", "none", "--swap-p", ".2"], "leave --swap-p out"),
        (["adapt", "--swap", "dsu"], "--swap dsu"),
        (["adapt", "DATA"], "expected SOURCE and TARGET, or neither"),
        (["adapt", "DATA", "OTHER"], "the target has the class"),
        (["adapt", "DATA", "DATA", "--what", "segments"], "of no known layout"),
        (["adapt", "--model", "resnet19"], "there is no --model resnet19"),
    ],
    ids=lambda value: " ".join(value) if isinstance(value, list) else "",
)
def test_mistakes_are_told_in_a_sentence_and_leave_no_run(
    argv: list[str], words: str, data: Path, trained: Path, given: Path
) -> None:
    Path("empty").mkdir()
    other = drawn(given / "other", 2)
    (other / "disc").rename(other / "zebra")
    sets = pacs(given / "pacs", 2, ("photo", "sketch")), imagenet_c(given / "c", ("contrast", "pixelate"), (3,))
    known = {"DATA": data, "RUN": trained, "OTHER": other, "PACS": sets[0], "CORRUPTED": sets[1]}
    assert_refused(["classify", *(str(known.get(word, word)) for word in argv), *QUIET, "--out", "run"], words)
    assert not Path("run").exists()


def test_a_dry_run_makes_nothing(data: Path, trained: Path, tmp_path: Path) -> None:
    for argv in (("train", data), ("test", trained, data), ("adapt",), ("adapt", data, data)):
        code, out, err = answer("classify", *argv, "--preset", "tiny", "--dry-run")
        assert (code, err) == (0, "")
        assert json.loads(out)["command"] == f"classify {argv[0]}"
    assert list(tmp_path.iterdir()) == []


# -- many processes ----------------------------------------------------------------------------------------


@pytest.mark.parametrize("verb", ["train", "adapt"])
def test_two_processes_train_together(verb: str, data: Path) -> None:
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
    argv = ["classify", verb, *([data] if verb == "train" else []), "--swap-p", "1", *TINY, "--out", "run"]
    assert [jobs.wait(pid) for pid in [rank(number, port, argv) for number in (0, 1)]] == [0, 0]
    code, out, err = json.loads(Path("answer0.json").read_text())
    assert (code, out) == (0, f"{Path('run').absolute()}\n"), err
    assert json.loads(Path("answer1.json").read_text()) == [0, "", ""]
    assert json.loads(Path("run/run.json").read_text())["status"] == "done"
    assert weights("run", "classifier" if verb == "train" else "adapted")


@pytest.mark.slow
def test_two_processes_under_torchrun(data: Path, tmp_path: Path) -> None:
    signal.alarm(170)
    program = ["-c", "import sys; from gestalt import cli; sys.exit(cli.run(sys.argv[1:]))"]
    launch = ["-m", "torch.distributed.run", "--standalone", "--nproc-per-node", "2", "--no-python", sys.executable]
    done = subprocess.run(
        [sys.executable, *launch, *program, "classify", "train", str(data), *TINY, "--out", "run"],
        cwd=tmp_path,
        capture_output=True,
        text=True,
        timeout=160,
        check=False,
    )
    assert done.returncode == 0, done.stderr[-2000:]
    assert done.stdout == f"{tmp_path / 'run'}\n"
