"""`gestalt speed train`, `predict`, `adapt` and `map` as a script sees them: files, exit codes, durations."""

from __future__ import annotations

import csv
import itertools
import json
import os
import re
import signal
import socket
import subprocess
import sys
from fractions import Fraction
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from numpy.typing import NDArray
from PIL import Image

from answers import answer, assert_refused, elsewhere, rank
from gestalt.commands.speed import searched
from gestalt.media.video import probe
from gestalt.tasks.speed import maps, training
from media.hostile_videos import encode
from media.test_audio import read_audio
from run import jobs
from speed_films import TINY, columns, film, moving, sound_film, times_of

__all__ = ["elsewhere"]  # fixture

QUIET = (*TINY, "--quiet")
PROGRAM = (sys.executable, "-c", "from gestalt import cli; cli.main()")


@pytest.fixture(scope="module")
def clips(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Three drawn clips and a shorter one below them; a text called video, half a video and a very short one."""
    folder = tmp_path_factory.mktemp("clips") / "clips"
    (folder / "more").mkdir(parents=True)
    for n, kind in enumerate(("flag", "bounce", "gait")):
        film(folder / f"{n}.mp4", moving(kind, 1.5))
    film(folder / "more" / "3.mp4", moving("rope", 1.2))
    film(folder / "short.mp4", moving(seconds=0.5))
    whole = (folder / "0.mp4").read_bytes()
    (folder / "more" / "half.mp4").write_bytes(whole[: len(whole) // 2])
    (folder / "letter.mp4").write_text("Dear reader,\nthis is no video.\n")
    return folder


@pytest.fixture(scope="module")
def clip(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return film(tmp_path_factory.mktemp("clip") / "clip.mp4")


@pytest.fixture(scope="module")
def trained(tmp_path_factory: pytest.TempPathFactory) -> Path:
    run = tmp_path_factory.mktemp("trained") / "run"
    assert answer("speed", "train", *QUIET, "--out", run) == (0, f"{run}\n", "")
    return run


@pytest.fixture(scope="module")
def looked(clip: Path, trained: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    run = tmp_path_factory.mktemp("looked") / "run"
    argv = ("speed", "predict", clip, "--versions", "--model", trained, *QUIET, "--out", run)
    assert answer(*argv) == (0, f"{run}\n", "")
    return run


@pytest.fixture(scope="module")
def adapted(clip: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("adapted")
    argv = ("speed", "adapt", clip, folder / "out.mp4", "--rate", "2", "--compare", *QUIET, "--out", folder / "run")
    assert answer(*argv) == (0, f"{folder / 'run'}\n", "")
    return folder


def measures(run: Path) -> dict[str, float]:
    return json.loads((run / "metrics.json").read_text())


def groups(run: Path) -> list[dict[str, str]]:
    with (run / "outputs/tested.csv").open(newline="") as file:
        return list(csv.DictReader(file))


def weights(run: Path) -> bytes:
    return (run / "weights/speednet.safetensors").read_bytes()


# -- train -------------------------------------------------------------------------------------------------


def test_train_on_drawn_motion(trained: Path) -> None:
    rows = groups(trained)
    by_change = ["accuracy by change", "ranked by change"]
    assert list(rows[0]) == ["motion", "learned from", "accuracy", "ranked right", *by_change]
    assert {"rope", "bounce", "gait"} <= {row["motion"] for row in rows}
    assert all(row["learned from"] == "yes" for row in rows)
    found = measures(trained)
    assert found["seen_accuracy"] == pytest.approx(np.mean([float(row["accuracy"]) for row in rows]), abs=1e-3)
    assert {
        "seen_ranked",
        "seen_by_change",
        "seen_ranked_by_change",
        "ceiling",
        "skipped",
        "seconds",
        "peak_mb",
    } <= set(found)
    assert found["skipped"] == 0
    assert weights(trained)
    assert (trained / "report.html").exists()


def test_families_are_held_out() -> None:
    assert answer("speed", "train", *QUIET, "--held-out", "cyclic", "--out", "run")[0] == 0
    unseen = {row["motion"] for row in groups(Path("run")) if row["learned from"] == "no"}
    assert "gait" in unseen
    assert "bounce" not in unseen
    assert "held_out_accuracy" in measures(Path("run"))


def test_train_on_a_folder_names_what_is_left_out(clips: Path) -> None:
    code, out, err = answer("speed", "train", clips, *TINY, "--out", "run")
    assert (code, out) == (4, f"{Path('run').absolute()}\n")
    left_out = [line for line in err.splitlines() if line.startswith("left out: ")]
    assert len(left_out) == 3
    for name, why in (("letter.mp4", "is a text file"), ("half.mp4", "is cut short"), ("short.mp4", "too short")):
        assert any(name in line and why in line for line in left_out)
    assert "3 videos to learn from, 1 set aside to be tested" in err
    assert [(row["motion"], row["learned from"]) for row in groups(Path("run"))] == [
        ("learned from", "yes"),
        ("set aside", "no"),
    ]
    assert measures(Path("run"))["skipped"] == 3
    assert weights(Path("run"))


def test_folders_of_runs_are_not_searched(tmp_path: Path) -> None:
    made = tmp_path / "runs/one/outputs/a.mp4"
    for path in (tmp_path / "b.mp4", tmp_path / "deep/c.mp4", made):
        path.parent.mkdir(parents=True, exist_ok=True)
        path.touch()
    (tmp_path / "runs/one/run.json").write_text("{}")
    assert searched((tmp_path,)) == [tmp_path / "b.mp4", tmp_path / "deep/c.mp4"]
    for given in (made, made.parent, tmp_path / "runs/one"):
        assert searched((given,)) == [made], "what is named itself is searched"
    with pytest.raises(ValueError, match="holds no video, and neither do its folders, those of runs left out"):
        searched((tmp_path / "runs",))


def test_one_video_is_enough_and_never_all_are_set_aside(clips: Path) -> None:
    for name, given in (("one", ["0.mp4"]), ("two", ["0.mp4", "1.mp4"])):
        paths = [clips / some for some in given]
        code, _, err = answer("speed", "train", *paths, "--aside", "0.99", *QUIET, "--out", name)
        assert (code, err) == (0, "")
    assert [len(groups(Path(name))) for name in ("one", "two")] == [1, 2]


def test_train_on_what_does_not_say_how_long_it_lasts(tmp_path: Path) -> None:
    """An animation, and a stream that was recorded as it came."""
    frames = moving("gait", 1.5)
    times = [n / 25 for n in range(len(frames))]
    live = {"codec": "libvpx", "container": {"live": "1"}, "options": {"b": "1M"}, "tick_s": Fraction(1, 25)}
    encode(tmp_path / "live.webm", frames, times_s=times, **live)
    pictures = [Image.fromarray(frame) for frame in frames]
    for name, step in (("quick.gif", 40), ("slow.gif", 100)):
        pictures[0].save(tmp_path / name, save_all=True, append_images=pictures[1:], duration=step)
    code, _, err = answer("speed", "train", tmp_path, *TINY, "--test", "0", "--out", "run")
    assert code == 4
    (left_out,) = (line for line in err.splitlines() if line.startswith("left out: "))
    assert "slow.gif' has 10 frames a second" in left_out
    assert "2 videos to learn from" in err


def test_a_stopped_training_ends_with_the_same_weights(trained: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def follow(*given: object, real: object = training.follow) -> None:
        real(*given)  # pyright: ignore[reportCallIssue]
        os.kill(os.getpid(), signal.SIGINT)

    with monkeypatch.context() as patch:
        patch.setattr(training, "follow", follow)
        code, out, err = answer("speed", "train", *QUIET, "--out", "run")
    assert (code, out) == (3, "")
    assert "after step 1 of 2 of train" in err
    assert f"go on with: gestalt resume {Path('run').absolute()}" in err.splitlines()[-1]
    assert not Path("run/weights").exists()
    assert answer("resume", "run", "--quiet")[::2] == (0, "")
    assert weights(Path("run")) == weights(trained)
    assert Path("run/outputs/tested.csv").read_bytes() == (trained / "outputs/tested.csv").read_bytes()


def test_training_begins_from_another(trained: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(trained.parent)
    out = Path("again").absolute()
    code, _, err = answer("speed", "train", "--begin-from", trained.name, "--test", "0", *QUIET, "--out", out)
    assert (code, err) == (0, "")
    assert json.loads((out / "run.json").read_text())["settings"]["begin_from"] == str(trained), "from any folder"
    assert weights(out) != weights(trained)


def test_what_cannot_be_trained_is_known_before_there_is_a_run(clips: Path, trained: Path, looked: Path) -> None:
    s3dg = ("--trunk", "s3dg", "--least", "32", "--most", "32")
    for argv, says in (
        ([clips / "letter.mp4"], "is a text file"),
        ([clips / "letter.mp4", clips / "short.mp4"], "none of 2 videos is of use"),
        ([clips / "gone"], "no such file or folder"),
        ([clips, "--held-out", "cyclic"], "--held-out"),
        (["--begin-from", "gone"], "is not a gestalt run"),
        (["--begin-from", looked], "gestalt speed train"),
        (["--begin-from", trained, *s3dg], "add --trunk small"),
        (["--begin-from", "shipped", *s3dg], "add --trunk small"),
        (["--lr", "nan"], "--lr"),
        (["--held-out", "cyclic", "ballistic", "swinging"], "--held-out"),
    ):
        assert_refused(["speed", "train", *argv, *QUIET, "--out", "run"], says)
    assert not Path("run").exists()


def test_pairs_that_processes_cannot_share_are_refused(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("WORLD_SIZE", "3")
    assert_refused(["speed", "train", *QUIET, "--out", "run"], "--pairs 2", "a multiple of 3")
    assert not Path("run").exists()


def test_only_rank_0_speaks_and_tells_what_was_skipped(clips: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Another exit code than 0 of one process makes torchrun end the others."""
    monkeypatch.setenv("RANK", "1")
    for flags in ((), ("--json",)):
        assert answer("speed", "train", clips, *TINY, *flags, "--out", "run") == (0, "", "")
    assert not Path("run").exists()


def test_torchrun_takes_no_skipped_video_for_a_failure(clips: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("TORCHELASTIC_RUN_ID", "none")
    monkeypatch.setenv("RANK", "0")
    code, _, err = answer("speed", "train", clips, *TINY, "--out", "run")
    assert code == 0
    assert err.count("left out: ") == 3
    assert "of the files named 3 were not used: without torchrun, exit code 4" in err
    assert measures(Path("run"))["skipped"] == 3


def test_two_processes_train_together(clips: Path, trained: Path) -> None:
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
    argv = ["speed", "train", clips, "--begin-from", trained, *TINY, "--out", "run"]
    assert [jobs.wait(pid) for pid in [rank(number, port, argv) for number in (0, 1)]] == [0, 0]
    code, out, err = json.loads(Path("answer0.json").read_text())
    assert (code, out) == (4, f"{Path('run').absolute()}\n")
    assert err.count("train: 2 steps in") == 1
    assert json.loads(Path("answer1.json").read_text()) == [0, "", ""], "torchrun would end the other"
    assert_is_whole(Path("run"))
    assert groups(Path("run"))


@pytest.mark.slow
def test_two_processes_under_torchrun(tmp_path: Path) -> None:
    signal.alarm(170)
    argv = [*PROGRAM[1:], "speed", "train", *TINY, "--test", "0", "--out", "run"]
    launch = ["-m", "torch.distributed.run", "--standalone", "--nproc-per-node", "2", "--no-python", sys.executable]
    done = subprocess.run(
        [sys.executable, *launch, *argv], cwd=tmp_path, capture_output=True, text=True, timeout=160, check=False
    )
    assert done.returncode == 0, done.stderr[-2000:]
    assert done.stdout == f"{tmp_path / 'run'}\n"
    assert done.stderr.count("train: 2 steps in") == 1
    assert_is_whole(Path("run"))


def assert_is_whole(run: Path) -> None:
    """Each of two steps was logged once, and nothing is half-written."""
    assert [line["step"] for line in map(json.loads, (run / "metrics.jsonl").read_text().splitlines())] == [0, 1]
    assert weights(run)
    assert json.loads((run / "run.json").read_text())["status"] == "done"
    assert not list(run.rglob("*.tmp"))


# -- predict -----------------------------------------------------------------------------------------------


def test_predict_says_how_sped_up_every_frame_looks(looked: Path, clip: Path) -> None:
    found = columns(looked / "outputs/speediness.csv")
    assert list(found) == ["time_s", "speediness", "confidence"]
    assert found["time_s"] == pytest.approx(times_of(clip)[0], abs=1e-6)
    for name in ("speediness", "confidence"):
        assert ((found[name] >= 0) & (found[name] <= 1)).all()
    noted = measures(looked)
    assert (noted["frames"], noted["shots"], noted["duration_s"]) == (75, 1, 3)
    assert noted["speediness"] == pytest.approx(found["speediness"].mean(), abs=1e-4)


def test_versions_say_how_fast_every_frame_may_go(looked: Path) -> None:
    found = columns(looked / "outputs/natural.csv")
    assert list(found) == ["time_s", "speed", "confidence"]
    assert len(found["time_s"]) == 75
    assert found["speed"].min() >= 1
    assert found["speed"].max() <= 1.25**9 + 1e-3
    for name in ("speediness", "natural"):
        with Image.open(looked / "outputs" / f"{name}.png") as picture:
            assert min(picture.size) > 100


def test_the_shipped_network_is_asked_by_default(clip: Path, looked: Path) -> None:
    code, out, err = answer("speed", "predict", clip, *TINY, "--json", "--out", "run")
    assert (code, err) == (0, "")
    told = json.loads(out)
    assert [one["path"] for one in told["outputs"]] == ["speediness.csv", "speediness.png"]
    assert not Path("run/outputs/natural.csv").exists()
    ours = columns(looked / "outputs/speediness.csv")["speediness"]
    assert (columns(Path("run/outputs/speediness.csv"))["speediness"] != ours).any()


def test_models_that_are_none(clip: Path, looked: Path, tmp_path: Path) -> None:
    for verb, out in (("predict", ()), ("map", ()), ("adapt", ("out.mp4",))):
        for model, says in (("gone", "is not a gestalt run"), (looked, "gestalt speed train")):
            assert_refused(["speed", verb, clip, *out, "--model", model, *QUIET, "--out", "run"], says)
    assert os.listdir(tmp_path) == []


# -- adapt -------------------------------------------------------------------------------------------------


def test_adapt_meets_the_duration_and_is_copied_last(adapted: Path) -> None:
    out = adapted / "out.mp4"
    assert out.read_bytes() == (adapted / "run/outputs/adapted.mp4").read_bytes()
    times, end = times_of(out)
    assert len(times) == round(1.5 * 25)
    assert end == pytest.approx(1.5, abs=1 / 25)
    assert np.diff(times) == pytest.approx(1 / 25, abs=1e-4)
    assert not probe(out).is_variable
    noted = measures(adapted / "run")
    assert noted["rate"] == pytest.approx(2)
    assert noted["result_frames"] == len(times)
    with Image.open(adapted / "run/outputs/curve.png") as picture:
        assert min(picture.size) > 100
    assert times_of(adapted / "run/outputs/compared.mp4")[0] == pytest.approx(times, abs=1e-4)
    assert probe(adapted / "run/outputs/compared.mp4").width == 2 * 32 + 8


def test_the_curve_is_the_speed_of_every_frame(adapted: Path, clip: Path) -> None:
    found = columns(adapted / "run/outputs/curve.csv")
    assert list(found) == ["time_s", "speed"]
    assert found["time_s"] == pytest.approx(times_of(clip)[0], abs=1e-6)
    assert found["speed"].min() >= 1 - 1e-5
    assert found["speed"].max() <= 8 + 1e-4
    assert (0.04 / found["speed"]).sum() == pytest.approx(1.5, abs=1e-4)
    assert np.ptp(found["speed"]) > 0.01, "it adapts"


def edits(path: Path) -> list[tuple[list[float], float]]:
    """Of every event the source in and out and the record in and out, in seconds, and its frames a second."""
    title, mode, _, *lines = path.read_text(encoding="ascii").splitlines()
    assert title.startswith("TITLE: ")
    assert mode == "FCM: NON-DROP FRAME"
    found = []
    for n, (event, motion) in enumerate(zip(lines[::2], lines[1::2], strict=True), start=1):
        number, _, track, cut, *codes = event.split()
        assert (int(number), track, cut, len(codes)) == (n, "V", "C", 4)
        assert all(re.fullmatch(r"\d\d:[0-5]\d:[0-5]\d:[0-2]\d", code) for code in codes)
        parts = [[int(part) for part in code.split(":")] for code in codes]
        seconds = [3600 * h + 60 * m + s + f / 25 for h, m, s, f in parts]
        kind, _, fps, begins = motion.split()
        assert (kind, begins) == ("M2", codes[0])
        found.append((seconds, float(fps)))
    return found


def test_the_edit_list_can_be_read(clip: Path) -> None:
    argv = ("speed", "adapt", clip, "out.mp4", "--protect", "1-2", *QUIET, "--out", "run")
    assert answer(*argv)[::2] == (0, "")
    events = edits(Path("run/outputs/curve.edl"))
    assert len(events) > 1
    for place, end in ((0, 3.0), (2, 1.5)):
        times = [(event[place], event[place + 1]) for event, _ in events]
        assert times[0][0] == 0
        assert all(one[1] == other[0] for one, other in itertools.pairwise(times))
        assert times[-1][1] == pytest.approx(end, abs=1 / 25)
    for (begin, stop, shown, gone), fps in events:
        assert (stop - begin) / (gone - shown) == pytest.approx(fps / 25, rel=0.15)
    found = columns(Path("run/outputs/curve.csv"))
    inside = (found["time_s"] >= 1) & (found["time_s"] < 2 - 1e-6)
    assert inside.sum() == 25
    assert found["speed"][inside] == pytest.approx(1, abs=1e-4)
    assert found["speed"][~inside].min() > 1
    assert times_of(Path("out.mp4"))[1] == pytest.approx(1.5, abs=1 / 25)


def test_a_part_may_be_protected_less(clip: Path) -> None:
    argv = ("speed", "adapt", clip, "out.mp4", "--protect", "0.5-1:1.5", "2-2.5", *QUIET, "--out", "run")
    assert answer(*argv)[::2] == (0, "")
    found = columns(Path("run/outputs/curve.csv"))
    at, speed = found["time_s"], found["speed"]
    assert speed[(at >= 0.5) & (at < 1 - 1e-6)].max() <= 1.5 + 1e-4
    assert speed[(at >= 2) & (at < 2.5 - 1e-6)] == pytest.approx(1, abs=1e-4)


def test_a_part_that_goes_below_the_slowest_is_said(clip: Path) -> None:
    argv = ("speed", "adapt", clip, "out.mp4", "--protect", ".5-1", "--slowest", "1.5", *TINY, "--out", "run")
    code, _, err = answer(*argv)
    assert code == 0
    assert "--protect .5-1 plays at 1, though --slowest is 1.5" in err
    found = columns(Path("run/outputs/curve.csv"))
    inside = (found["time_s"] > 0.47) & (found["time_s"] < 1 - 1e-6)  # the frame at .48 is in part
    assert found["speed"][inside] == pytest.approx(1, abs=1e-4)
    assert found["speed"][~inside].min() >= 1.5 - 1e-4


def test_without_adaptivity_it_is_uniform(clip: Path) -> None:
    assert answer("speed", "adapt", clip, "out.mp4", "--adaptivity", "0", *QUIET, "--out", "run")[::2] == (0, "")
    assert columns(Path("run/outputs/curve.csv"))["speed"] == pytest.approx(2, abs=1e-4)


@pytest.mark.parametrize("rate", [1.0, 1.7, 8.0, 0.5])
def test_every_rate_is_met(clip: Path, rate: float) -> None:
    slowest = ("--slowest", "0.25") if rate < 1 else ()
    argv = ("speed", "adapt", clip, "out.mp4", "--rate", f"{rate:g}", *slowest, *QUIET, "--out", "run")
    assert answer(*argv)[::2] == (0, "")
    times, end = times_of(Path("out.mp4"))
    assert len(times) == round(3 / rate * 25)
    assert end == pytest.approx(3 / rate, abs=1 / 25)


def test_every_frame_can_be_kept(clip: Path) -> None:
    argv = ("speed", "adapt", clip, "out.mp4", "--frames", "variable", "--compare", *QUIET, "--out", "run")
    assert answer(*argv)[::2] == (0, "")
    times, end = times_of(Path("out.mp4"))
    speed = columns(Path("run/outputs/curve.csv"))["speed"]
    assert times == pytest.approx(np.cumsum([0, *(0.04 / speed[:-1])]), abs=1e-3)
    assert end == pytest.approx(1.5, abs=1e-3)


@pytest.mark.parametrize("ending", [".mkv", ".mp4"])
def test_sound_goes_along(ending: str, tmp_path: Path) -> None:
    source = sound_film(tmp_path / f"in{ending}", moving("bounce", 3.2))
    for flags, is_heard in (((), True), (("--sound", "mute"), False)):
        argv = ("speed", "adapt", source, "out.mp4", *flags, *QUIET, "--out", "run", "--overwrite")
        assert answer(*argv)[::2] == (0, "")
        assert probe("out.mp4").has_audio == is_heard
        times, end = times_of(Path("out.mp4"))
        assert (len(times), end) == (40, pytest.approx(1.6, abs=1e-3))
        if is_heard:
            samples, rate = read_audio("out.mp4")
            assert samples.shape[1] / rate == pytest.approx(1.6, abs=0.05)
            spectrum = np.abs(np.fft.rfft(samples[0]))
            assert spectrum.argmax() * rate / samples.shape[1] == pytest.approx(440, rel=0.02)


def test_frames_a_second_can_be_asked_for(clip: Path) -> None:
    assert answer("speed", "adapt", clip, "out.MP4", "--fps", "50", *QUIET, "--out", "run")[::2] == (0, "")
    assert len(times_of(Path("out.MP4"))[0]) == 75


def test_the_same_command_gives_the_same_bytes(adapted: Path, clip: Path) -> None:
    Path("out.mp4").write_text("what was there")
    assert answer("speed", "adapt", clip, "out.mp4", *QUIET, "--out", "run")[::2] == (0, "")
    assert Path("out.mp4").read_bytes() == (adapted / "out.mp4").read_bytes()


# -- map ---------------------------------------------------------------------------------------------------


def test_map_shows_every_place(tmp_path: Path) -> None:
    source = sound_film(tmp_path / "in.mp4", moving(side=64))
    code, out, err = answer("speed", "map", source, *QUIET, "--out", "run")
    assert (code, out, err) == (0, f"{Path('run').absolute()}\n", "")
    maps = np.load("run/outputs/map.npz")
    assert maps["times"] == pytest.approx(np.arange(16) * 0.2)
    assert maps["slowed"].shape == maps["moving"].shape == (16, 4, 4)
    assert ((maps["slowed"] >= 0) & (maps["slowed"] <= 1)).all()
    assert maps["moving"].dtype == bool
    assert maps["moving"].any()
    assert times_of(Path("run/outputs/map.mp4"))[0] == pytest.approx(times_of(source)[0], abs=1e-4)
    info = probe("run/outputs/map.mp4")
    assert (info.width, info.height, info.has_audio) == (64, 64, True)
    with Image.open("run/outputs/map.png") as picture:
        assert min(picture.size) > 100
    assert 0 <= measures(Path("run"))["slowed"] <= 1
    assert measures(Path("run"))["frames"] == 75


def test_map_colours_few_frames_at_once(clip: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """In real numbers sixteen frames of the usual size take 180 MB."""
    counts: list[int] = []

    def counted(frames: NDArray[np.uint8], *given: Any, real: Any = maps.overlaid) -> NDArray[np.uint8]:
        counts.append(len(frames))
        return real(frames, *given)

    monkeypatch.setattr(maps, "overlaid", counted)
    assert answer("speed", "map", clip, *QUIET, "--out", "run")[0] == 0
    assert sum(counts) == len(times_of(clip)[0])
    assert max(counts) <= 4


# -- the program -------------------------------------------------------------------------------------------


def test_the_program_itself(clip: Path, adapted: Path, tmp_path: Path) -> None:
    argv = [*PROGRAM, "speed", "adapt", str(clip), "out.mp4", *QUIET, "--out", "run"]
    done = subprocess.run(argv, capture_output=True, text=True, timeout=55, check=False)
    assert (done.returncode, done.stdout, done.stderr) == (0, f"{tmp_path / 'run'}\n", "")
    assert Path("out.mp4").read_bytes() == (adapted / "out.mp4").read_bytes()
