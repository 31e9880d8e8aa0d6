"""`gestalt anomaly` as a script sees it: files, exit codes, what is said of odd folders."""

from __future__ import annotations

import csv
import json
import sys
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pytest
import torch
from PIL import Image

from gestalt import cli
from gestalt.drawn.parts import parts
from gestalt.media import image
from gestalt.run.folder import Run
from gestalt.tasks.anomaly.config import Memory

TINY = ("--preset", "tiny", "--threads", "1", "--quiet")


@pytest.fixture(autouse=True)
def _elsewhere(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    monkeypatch.chdir(tmp_path)
    threads = torch.get_num_threads()
    yield
    torch.set_num_threads(threads)


@pytest.fixture(scope="module")
def dataset(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Six good parts, and to test four good and four with a missing screw, of 48 pixels, in the MVTec layout."""
    root = tmp_path_factory.mktemp("data") / "flange"
    for folder, found in (
        ("train/good", parts(6, size=(48, 48), seed=1)),
        ("test/good", parts(4, size=(48, 48), seed=2)),
        ("test/missing", parts(4, size=(48, 48), seed=3, defect="missing")),
    ):
        (root / folder).mkdir(parents=True)
        for n, part in enumerate(found):
            image.write(root / folder / f"{n}.png", part.image)
            if "missing" in folder:
                (root / "ground_truth/missing").mkdir(parents=True, exist_ok=True)
                image.write(root / "ground_truth/missing" / f"{n}_mask.png", part.mask * 2 - 1)
    return root


@pytest.fixture(scope="module")
def fitted(dataset: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    run = tmp_path_factory.mktemp("fitted") / "run"
    argv = ["--descriptors", "gabor@64", "--threads", "1", "--quiet", "--device", "cpu"]
    assert cli.run(["anomaly", "fit", str(dataset), *argv, "--out", str(run)]) == 0
    return run


def answer(capsys: pytest.CaptureFixture[str], *argv: str | Path) -> tuple[int, str]:
    """Exit code, and the last line of complaint."""
    capsys.readouterr()
    code = cli.run([str(word) for word in argv])
    err = capsys.readouterr().err
    assert "Traceback" not in err
    return code, err.splitlines()[-1] if err else ""


def rows(run: Path) -> list[dict[str, str]]:
    with (run / "outputs/scores.csv").open(newline="") as file:
        return list(csv.DictReader(file))


def test_fit_says_where_good_ends(fitted: Path) -> None:
    measures = json.loads((fitted / "metrics.json").read_text())
    assert measures["threshold"] > measures["usual"]
    assert measures["shots"] == 6
    assert measures["calibrated"] == 1


def test_score_leaves_the_files_that_scripts_rely_on(fitted: Path, dataset: Path, tmp_path: Path) -> None:
    assert cli.run(["anomaly", "score", str(fitted), str(dataset / "test"), *TINY, "--out", "run"]) == 0
    found = rows(tmp_path / "run")
    assert list(found[0]) == ["path", "pred_score", "pred_label", "threshold"]
    assert len(found) == 8
    bad = {row["path"]: float(row["pred_score"]) for row in found if "missing" in row["path"]}
    fine = {row["path"]: float(row["pred_score"]) for row in found if "good" in row["path"]}
    assert min(bad.values()) > max(fine.values())
    assert all(int(row["pred_label"]) == (float(row["pred_score"]) > float(row["threshold"])) for row in found)
    lines = [json.loads(line) for line in (tmp_path / "run/outputs/scores.jsonl").read_text().splitlines()]
    assert [line["path"] for line in lines] == [row["path"] for row in found]
    for kind in ("maps", "masks", "overlays"):
        for name in ("good/0", "missing/3"):
            assert Image.open(tmp_path / "run/outputs" / kind / "test" / f"{name}.png").size == (48, 48)
    assert Image.open(tmp_path / "run/outputs/maps/test/good/0.png").mode == "I;16"
    shown = np.asarray(Image.open(tmp_path / "run/outputs/maps/test/missing/0.png")).astype(float)
    mask = np.asarray(Image.open(dataset / "ground_truth/missing/0_mask.png").convert("L")) > 127
    assert shown[mask].mean() > shown[~mask].mean()
    assert (tmp_path / "run/outputs/sheet.png").exists()


def test_sensitivity_moves_the_cut(fitted: Path, dataset: Path, tmp_path: Path) -> None:
    counts = []
    for sensitivity in ("0.05", "0.5", "0.95"):
        out = f"run{sensitivity}"
        argv = [str(dataset / "test"), "--sensitivity", sensitivity, "--no-images", *TINY, "--out", out]
        assert cli.run(["anomaly", "score", str(fitted), *argv]) == 0
        counts.append(sum(int(row["pred_label"]) for row in rows(tmp_path / out)))
        assert not (tmp_path / out / "outputs/maps").exists()
    assert counts == sorted(counts)
    assert counts[0] < counts[2]


def test_anomalies_can_fail_a_script(
    fitted: Path, dataset: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    asked = ("anomaly", "score", fitted, dataset / "test/missing", *TINY, "--sensitivity", "0.9", "--no-images")
    assert answer(capsys, *asked, "--fail-on-anomaly", "--out", "one")[0] == 5
    assert answer(capsys, *asked, "--out", "two")[0] == 0
    assert json.loads((tmp_path / "one/run.json").read_text())["status"] == "done"


def test_what_cannot_be_read_is_named_and_the_others_judged(
    fitted: Path, dataset: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    folder = tmp_path / "mixed"
    folder.mkdir()
    whole = (dataset / "test/good/0.png").read_bytes()
    (folder / "0 whole.png").write_bytes(whole)
    (folder / "1 torn.png").write_bytes(whole[: len(whole) // 2])
    Image.fromarray(np.full((40, 60), 900, np.uint16)).save(folder / "2 deep.png")
    Image.fromarray(np.full((1, 50, 4), 90, np.uint8)).save(folder / "3 strip.png")
    capsys.readouterr()
    assert cli.run(["anomaly", "score", str(fitted), str(folder), "--threads", "1", "--out", "run"]) == 4
    assert "1 torn.png" in capsys.readouterr().err
    assert [Path(row["path"]).name for row in rows(tmp_path / "run")] == ["0 whole.png", "2 deep.png", "3 strip.png"]
    assert json.loads((tmp_path / "run/metrics.json").read_text())["skipped"] == 1


def test_names_that_would_meet_are_told_apart(fitted: Path, dataset: Path, tmp_path: Path) -> None:
    given = [str(dataset / folder / "0.png") for folder in ("test/good", "test/missing")]
    assert cli.run(["anomaly", "score", str(fitted), *given, *TINY, "--out", "run"]) == 0
    assert sorted(path.name for path in (tmp_path / "run/outputs/masks").iterdir()) == ["0.png", "0_2.png"]


def test_a_stopped_run_goes_on_to_the_same_files(
    fitted: Path, dataset: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    argv = ["anomaly", "score", str(fitted), str(dataset / "test"), *TINY]
    assert cli.run([*argv, "--out", "straight"]) == 0
    calls, original = 0, Run.file

    def impatient(self: Run, *given: str, **more: str) -> object:
        nonlocal calls
        calls += 1
        if calls == 11:
            raise KeyboardInterrupt
        return original(self, *given, **more)

    monkeypatch.setattr(Run, "file", impatient)
    assert cli.run([*argv, "--out", "run"]) == 3
    monkeypatch.setattr(Run, "file", original)
    assert cli.run(["resume", "run", "--quiet"]) == 0
    kept = [
        {path.relative_to(root): path.read_bytes() for path in root.rglob("*") if path.is_file()}
        for root in (tmp_path / "straight/outputs", tmp_path / "run/outputs")
    ]
    assert kept[0] == kept[1]


def test_the_model_of_transformations_is_kept_and_used(dataset: Path, tmp_path: Path) -> None:
    argv = ["anomaly", "fit", str(dataset), "--engine", "transforms", "--shots", "2", *TINY, "--device", "cpu"]
    assert cli.run([*argv, "--out", "fit"]) == 0
    given = str(dataset / "test/good")
    assert cli.run(["anomaly", "score", "fit", given, *TINY, "--device", "cpu", "--out", "run"]) == 0
    assert len(rows(tmp_path / "run")) == 4
    measures = json.loads((tmp_path / "fit/metrics.json").read_text())
    assert measures["calibrated"] == 0
    assert 0 <= measures["held_out_accuracy"] <= 1


def test_a_data_set_is_measured_beside_the_nulls(
    dataset: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    small = Memory(descriptors=("gabor@64",), keys=500)
    monkeypatch.setattr("gestalt.tasks.anomaly.scorers.Memory", lambda **_: small)
    argv = ["--scorers", "patch", "--shots", "1", "2", "--draws", "1", "--threads", "1", "--quiet", "--device", "cpu"]
    assert cli.run(["anomaly", "test", str(dataset), *argv, "--out", "run"]) == 0
    with (tmp_path / "run/outputs/table.csv").open(newline="") as file:
        found = list(csv.DictReader(file))
    assert [(row["scorer"], row["shots"]) for row in found] == [
        (scorer, shots) for shots in ("1", "2") for scorer in ("patch", "neighbour", "pixels", "brightness")
    ]
    first = found[0]
    assert float(first["image_auroc"]) > 0.9
    assert float(first["pixel_auroc"]) > 0.9
    assert first["auroc_missing"] == first["image_auroc"]
    assert (tmp_path / "run/outputs/misses_flange.png").exists()
    assert len((tmp_path / "run/outputs/trials.csv").read_text().splitlines()) == 1 + 2 * 4 * 8


@pytest.mark.parametrize(
    ("argv", "word"),
    [
        (["fit", "nowhere"], "nowhere"),
        (["fit", "empty"], "holds no picture"),
        (["fit", "DATA", "--shots", "99"], "--shots 99 is more than the 6 good pictures"),
        (["fit", "DATA", "--descriptors", "magic@3"], "--descriptors are NAME@SIZE"),
        (["fit", "DATA", "--window", "0"], "--window must lie above 0, up to 1, got 0"),
        (["fit", "DATA", "--features", "vgg19:nowhere.pth"], "nowhere.pth"),
        (["fit", "DATA", "--features", "r3d18:nowhere.pth"], "nowhere.pth"),
        (["score", "empty", "DATA"], "is not a gestalt run"),
        (["score", "FITTED", "nowhere"], "no such file or folder: 'nowhere'"),
        (["score", "FITTED", "empty"], "holds no picture"),
        (["score", "FITTED", "n" * 300], "no such file or folder"),
        (["score", "FITTED"], "no picture was named"),
        (["score", "FITTED", "DATA", "--sensitivity", "1"], "--sensitivity must lie between 0 and 1, got 1"),
        (["test", "empty"], "is not in the MVTec layout"),
        (["test", "DATA", "--scorers", "magic"], "--scorers must be different ones of patch"),
        (["test", "DATA", "--shots", "0"], "--shots must be different numbers from 1 on, got 0"),
    ],
    ids=lambda value: " ".join(value) if isinstance(value, list) else "",
)
def test_mistakes_are_told_in_a_sentence(
    argv: list[str], word: str, fitted: Path, dataset: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    (tmp_path / "empty").mkdir()
    places = {"DATA": str(dataset), "FITTED": str(fitted)}
    code, err = answer(capsys, "anomaly", *(places.get(text, text) for text in argv), "--quiet", "--out", "run")
    assert code == 2
    assert word in err
    assert not (tmp_path / "run").exists()


def test_flat_pictures_have_no_transformations(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    (tmp_path / "flat").mkdir()
    Image.new("L", (40, 40), 90).save(tmp_path / "flat/0.png")
    code, err = answer(capsys, "anomaly", "fit", "flat", "--engine", "transforms", *TINY, "--out", "run")
    assert code == 2
    assert "transformations" in err
    assert cli.run(["anomaly", "fit", "flat", *TINY, "--out", "patches"]) == 0


@pytest.mark.parametrize(
    "engine",
    [pytest.param("patch", marks=pytest.mark.slow), pytest.param("transforms", marks=pytest.mark.slow), "fused"],
)
def test_export_says_what_score_says(
    engine: str, dataset: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    onnxruntime = pytest.importorskip("onnxruntime")
    good = dataset / "train/good"
    assert cli.run(["anomaly", "fit", str(good), "--engine", engine, *TINY, "--out", "fitted"]) == 0
    shown = parts(1, size=(48, 48), seed=3, defect="missing")[0].image
    image.write("shown.png", shown)
    assert cli.run(["anomaly", "score", "fitted", "shown.png", *TINY, "--out", "scored"]) == 0
    assert cli.run(["export", "fitted", "--onnx", "scorer.onnx"]) == 0
    session = onnxruntime.InferenceSession("scorer.onnx", providers=["CPUExecutionProvider"])
    picture = (image.read("shown.png").numpy() + 1) / 2
    score, label, map_ = session.run(["pred_score", "pred_label", "anomaly_map"], {"image": picture})
    (row,) = rows(tmp_path / "scored")
    assert float(score[0]) == pytest.approx(float(row["pred_score"]), abs=1e-4)
    assert int(label[0]) == int(row["pred_label"])
    assert map_.shape == (1, 1, 48, 48)
    # What exists is kept, and what cannot be exported is said in a sentence.
    assert answer(capsys, "export", "fitted", "--onnx", "scorer.onnx")[0] == 2
    for wrong in (
        ("scored", "--onnx", "a.onnx"),
        ("fitted", "--onnx", "a.onnx", "--size", "3x"),
        ("fitted", "--onnx", "no/a.onnx"),
    ):
        code, said = answer(capsys, "export", *wrong)
        assert code == 2
        assert said
    assert not Path("a.onnx").exists()


@pytest.mark.slow
def test_export_takes_pictures_of_a_size(fitted: Path) -> None:
    onnxruntime = pytest.importorskip("onnxruntime")
    assert cli.run(["export", str(fitted), "--onnx", "small.onnx", "--size", "32"]) == 0
    session = onnxruntime.InferenceSession("small.onnx", providers=["CPUExecutionProvider"])
    assert session.get_inputs()[0].shape == [1, 3, 32, 32]


def test_export_names_the_package_that_is_missing(
    fitted: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setitem(sys.modules, "onnxruntime", None)
    code, said = answer(capsys, "export", fitted, "--onnx", "a.onnx")
    assert code == 2
    assert "gestalt[export]" in said


def test_known_defects_move_the_threshold(dataset: Path, capsys: pytest.CaptureFixture[str]) -> None:
    argv = ["anomaly", "fit", str(dataset), *TINY]
    assert cli.run([*argv, "--defects", str(dataset / "test/missing"), "--out", "known"]) == 0
    assert cli.run([*argv, "--out", "unknown"]) == 0
    known, unknown = (json.loads(Path(run, "metrics.json").read_text())["threshold"] for run in ("known", "unknown"))
    assert known != unknown
    assert answer(capsys, *argv, "--defects", "nowhere")[0] == 2


def test_names_of_maps_never_collide(fitted: Path, dataset: Path) -> None:
    Path("some").mkdir()
    picture = image.read(dataset / "test/good/0.png")
    for name in ("a.png", "a.tif", "a_2.png", "a.bmp"):
        image.write("some/kept.png", picture)
        Image.open("some/kept.png").save(f"some/{name}")
    Path("some/kept.png").unlink()
    assert cli.run(["anomaly", "score", str(fitted), "some", *TINY, "--out", "run"]) == 0
    assert len(rows(Path("run"))) == 4
    assert len(list(Path("run/outputs/maps/some").glob("*.png"))) == 4


def test_a_strip_among_others_is_named_and_the_others_are_judged(
    dataset: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert cli.run(["anomaly", "fit", str(dataset), "--engine", "fused", *TINY, "--out", "fused"]) == 0
    Path("some").mkdir()
    image.write("some/fine.png", image.read(dataset / "test/good/0.png"))
    image.write("some/strip.png", torch.zeros(1, 3, 1, 96))
    code, said = answer(capsys, "anomaly", "score", "fused", "some", "--preset", "tiny", "--out", "run")
    assert code == 4
    assert len(rows(Path("run"))) == 1
    argv = ["anomaly", "fit", str(dataset), "--engine", "transforms", *TINY, "--out", "no"]
    code, said = answer(capsys, *argv, "--defects", "some")
    assert code == 2
    assert "too narrow" in said
    assert not Path("no").exists()


def test_what_cannot_be_learned_is_known_before_there_is_a_run(
    dataset: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    Path("mixed").mkdir()
    image.write("mixed/0.png", image.read(dataset / "test/good/0.png"))
    image.write("mixed/1.png", torch.zeros(1, 3, 48, 48))
    code, said = answer(capsys, "anomaly", "fit", "mixed", "--engine", "transforms", *TINY, "--out", "no")
    assert code == 2
    assert "not distinguishable" in said
    Path("dot").mkdir()
    image.write("dot/0.png", torch.zeros(1, 3, 1, 1))
    code, said = answer(capsys, "anomaly", "fit", "dot", *TINY, "--out", "no")
    assert code == 2
    assert "a single pixel says nothing" in said
    assert not Path("no").exists()
