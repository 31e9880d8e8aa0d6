"""`gestalt speed finetune` and `gestalt speed retrieve` as a script sees them: files, exit codes, sentences."""

from __future__ import annotations

import csv
import json
from pathlib import Path

import pytest

from answers import elsewhere
from gestalt import cli
from gestalt.tasks.speed import finetune
from speed_actions import film, ucf

TINY = ("--preset", "tiny", "--threads", "1", "--quiet", "--device", "cpu")
KINDS = ("flag", "bounce", "gait", "rope")


__all__ = ["elsewhere"]  # fixture


@pytest.fixture(scope="module")
def dataset(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Four kinds of motion, of each four clips to train and two to test with."""
    return ucf(tmp_path_factory.mktemp("data"), KINDS, train=4, test=2)


def answer(capsys: pytest.CaptureFixture[str], *argv: str | Path) -> tuple[int, str]:
    """Exit code, and the last line of complaint."""
    capsys.readouterr()
    code = cli.run([str(word) for word in argv])
    err = capsys.readouterr().err
    assert "Traceback" not in err
    return code, err.splitlines()[-1] if err else ""


def table(path: Path) -> list[dict[str, str]]:
    with path.open(newline="") as file:
        return list(csv.DictReader(file))


def test_finetune_says_how_well_actions_are_named(
    dataset: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    argv = ["speed", "finetune", str(dataset), *(word for word in TINY if word != "--quiet")]
    assert cli.run([*argv, "--out", "run"]) == 0
    said = capsys.readouterr().err
    assert "top-1" in said
    assert "of 8 videos" in said
    measures = json.loads((tmp_path / "run/metrics.json").read_text())
    assert measures["chance"] == measures["largest"] == 0.25
    assert 0 <= measures["top1"] <= measures["top5"] == 1
    assert 0 <= measures["colours"] <= 1
    assert measures["clips"] == 2
    classes = table(tmp_path / "run/outputs/classes.csv")
    assert [(row["class"], row["train"], row["test"]) for row in classes] == [(kind, "4", "2") for kind in KINDS]
    assert sum(float(row["accuracy"]) for row in classes) / 4 == pytest.approx(measures["top1"], abs=1e-5)
    confusion = table(tmp_path / "run/outputs/confusion.csv")
    assert sum(int(row[kind]) for row in confusion for kind in KINDS) == 8
    assert len(table(tmp_path / "run/outputs/predictions.csv")) == 8
    assert (tmp_path / "run/weights/actions.safetensors").exists()


def test_a_stopped_run_goes_on_to_the_same_weights(
    dataset: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    argv = ["speed", "finetune", str(dataset), *TINY, "--steps", "5"]
    assert cli.run([*argv, "--out", "straight"]) == 0
    original = finetune.schedule

    def stopping(step: int, steps: int, warm_up: float) -> float:
        if step == 2:
            (tmp_path / "run/stop").touch()
        return original(step, steps, warm_up)

    monkeypatch.setattr(finetune, "schedule", stopping)
    monkeypatch.setattr("gestalt.run.folder._STOP_CHECK_S", 0.0)
    assert cli.run([*argv, "--out", "run"]) == 3
    assert (tmp_path / "run/state/train.pt").exists()
    monkeypatch.setattr(finetune, "schedule", original)
    assert cli.run(["resume", "run", "--quiet"]) == 0
    for name in ("weights/actions.safetensors", "outputs/predictions.csv"):
        assert (tmp_path / "straight" / name).read_bytes() == (tmp_path / "run" / name).read_bytes()


def test_retrieve_within_a_video(tmp_path: Path) -> None:
    film(tmp_path / "a.mp4", "pendulum", 3, frames=75)
    argv = ["a.mp4", "--start-s", "0.4", "--length-s", "0.8", "--neighbours", "2"]
    assert cli.run(["speed", "retrieve", *argv, *TINY, "--out", "run"]) == 0
    found = table(tmp_path / "run/outputs/neighbours.csv")
    assert list(found[0]) == ["query", "query_s", "rank", "path", "time_s", "similarity"]
    assert [(row["query_s"], row["rank"]) for row in found] == [("0.4", "1"), ("0.4", "2")]
    assert all(float(row["time_s"]) >= 1.2 - 1e-6 for row in found)
    assert float(found[0]["similarity"]) >= float(found[1]["similarity"]) > 0
    assert (tmp_path / "run/outputs/neighbours_000.png").exists()


def test_retrieve_across_class_folders_and_leave_out_what_is_torn(
    dataset: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    corpus = tmp_path / "corpus"
    for kind in KINDS:
        (corpus / kind).mkdir(parents=True)
        for path in sorted((dataset / "videos" / kind).iterdir())[:2]:
            (corpus / kind / path.name).write_bytes(path.read_bytes())
    whole = (corpus / "flag/v_flag_0.mp4").read_bytes()
    (corpus / "flag/torn.mp4").write_bytes(whole[: len(whole) // 2])
    argv = ["speed", "retrieve", str(corpus), str(corpus), *(word for word in TINY if word != "--quiet")]
    assert cli.run([*argv, "--out", "run"]) == 4
    assert "left out:" in (said := capsys.readouterr().err)
    assert "torn.mp4" in said
    measures = json.loads((tmp_path / "run/metrics.json").read_text())
    assert (measures["queries"], measures["skipped"]) == (8, 1)
    assert measures["chance_at_1"] == pytest.approx(1 / 7)
    assert measures["recall_at_10"] == 1
    found = table(tmp_path / "run/outputs/neighbours.csv")
    assert len(found) == 8 * 5
    assert all(row["query"] != row["path"] for row in found)
    assert len(list((tmp_path / "run/outputs").glob("neighbours_*.png"))) == 2


@pytest.mark.parametrize(
    ("argv", "word"),
    [
        (["finetune", "nowhere"], "nowhere"),
        (["finetune", "empty"], "has no lists of what to train and to test with"),
        (["finetune", "DATA", "--split", "2"], "has no split 2: choose --split 1"),
        (["finetune", "DATA", "--side", "8"], "--side must be at least 16"),
        (["finetune", "DATA", "--begin-from", "kinetics:nowhere.pth"], "nowhere.pth"),
        (["finetune", "DATA", "--begin-from", "kinetics:a.pth", "--trunk", "small"], "--trunk is small"),
        (["retrieve", "nowhere.mp4"], "no such file or folder: nowhere.mp4"),
        (["retrieve", "DATA"], "is a folder: name one video"),
        (["retrieve", "DATA", "empty"], "holds no video"),
        (["retrieve", "DATA", "DATA", "--neighbours", "0"], "--neighbours must be at least 1, got 0"),
        (["retrieve", "CLIP", "--start-s", "99"], "has no frame from 99 s"),
        (["retrieve", "CLIP", "DATA", "--start-s", "99"], "has no frame from 99 s"),
        (["retrieve", "DATA", "DATA", "--start-s", "99"], "none of the 24 queries can be read"),
        (["retrieve", "CLIP", "--length-s", "99"], "comes after the query, which ends at 99 s: end it earlier"),
        (["retrieve", "letter.mp4"], "is a text file"),
        (["retrieve", "letter.mp4", "DATA"], "is a text file"),
    ],
    ids=lambda value: " ".join(value) if isinstance(value, list) else "",
)
def test_mistakes_are_told_in_a_sentence(
    argv: list[str], word: str, dataset: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    (tmp_path / "empty").mkdir()
    (tmp_path / "letter.mp4").write_text("no video")
    given = {"DATA": str(dataset), "CLIP": str(dataset / "videos/flag/v_flag_0.mp4")}
    words = [given.get(text, text) for text in argv]
    code, err = answer(capsys, "speed", *words, *TINY, "--out", "run")
    assert code == 2
    assert word in err
    assert not (tmp_path / "run").exists()
