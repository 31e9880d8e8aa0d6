"""What the world gives to `gestalt speed`: all of `media.hostile_videos`, odd rates and sizes, bad places, stops."""

from __future__ import annotations

import json
import os
import shutil
import signal
from collections.abc import Callable, Sequence
from fractions import Fraction
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from answers import answer, as_nobody, assert_one_line, assert_refused, by_name, elsewhere, fill, given, limited
from gestalt.media.video import VideoStream, probe
from gestalt.tasks.speed import adapt, maps, scores
from media.conftest import open_folder, small_disk
from media.hostile_videos import BAD, ODD_BUT_VALID, VideoCase, encode, made, textures
from speed_films import TINY, columns, film, moving, scratched_sound, sound_film, times_of

__all__ = ["elsewhere", "given", "open_folder", "small_disk"]  # fixtures

QUIET = (*TINY, "--quiet")
FEW = {"one_frame", "two_frames", "variable_rate", "microseconds_apart", "one_row", "two_pixels", "turned_90"}
FEW |= {"still_png", "gif", "gif_durations", "folder", "starts_late", "alpha_opaque", "with_sound", "wide_pixels"}
FEW |= {"missing", "text", "empty", "folder_without_pictures", "mp4_cut_after_index", "mp4_damaged", "sound_only"}


def stamped(fps: int, count: int = 40) -> Callable[[Path], Path]:
    """Drawn motion at so many frames a second."""
    return lambda folder: film(folder / "a.mp4", moving(seconds=count / fps, fps=fps), fps)


def strip(height: int, width: int) -> Callable[[Path], Path]:
    chance = np.random.default_rng(0)
    return made(
        "a.avi", lambda: chance.integers(0, 256, (12, height, width, 3), np.uint8), codec="rawvideo", pix_fmt="bgr24"
    )


def spliced(folder: Path) -> Path:
    """Three shots of 20 frames."""
    return film(folder / "a.mp4", np.concatenate([moving(kind, 0.8) for kind in ("rope", "gait", "bounce")]))


MORE = [
    VideoCase("120_fps", stamped(120)),
    VideoCase("240_fps", stamped(240)),
    VideoCase("15_fps", stamped(15)),
    VideoCase("1_row_of_500", strip(1, 500)),
    VideoCase("500_rows_of_1", strip(500, 1)),
    VideoCase("black", lambda folder: film(folder / "a.mp4", np.zeros((40, 32, 48, 3), np.uint8))),
    VideoCase("cuts", spliced),
    VideoCase("sound", lambda folder: sound_film(folder / "a.mp4", moving("bounce", 1))),
]


def expected_end(path: Path) -> float:
    """When a video ends; its last frame lasts as long as the one before where nothing says."""
    times, end = times_of(path)
    if end is None or end <= times[-1]:
        end = 2 * times[-1] - times[-2] if len(times) > 1 else 1 / 25
    return float(end)


# -- odd, but valid ----------------------------------------------------------------------------------------


@by_name([case for case in [*ODD_BUT_VALID, *MORE] if case.name != "eight_k"])
def test_odd_videos_are_adapted(case: VideoCase, given: Path, capfd: pytest.CaptureFixture[str]) -> None:
    path = case.make(given)
    code, out, err = answer("speed", "adapt", path, "out.mp4", *QUIET, "--out", "run")
    assert (code, out, err) == (0, f"{Path('run').absolute()}\n", "")
    assert capfd.readouterr() == ("", ""), "a library speaks to the terminal"
    assert Path("out.mp4").read_bytes() == Path("run/outputs/adapted.mp4").read_bytes()
    rate = adapt.usual_rate(path)
    times, end = times_of(Path("out.mp4"))
    expected = expected_end(path) / 2
    assert len(times) == 1 or abs(len(times) - expected * float(rate)) < 0.51
    assert end == pytest.approx(expected, abs=float(1 / rate) + 1e-6)
    curve = columns(Path("run/outputs/curve.csv"))
    assert curve["time_s"] == pytest.approx(times_of(path)[0], abs=1e-6)
    assert np.isfinite(curve["speed"]).all()
    shown, whole = probe("out.mp4"), probe(path)
    assert abs(shown.width - whole.width) <= 1
    assert abs(shown.height - whole.height) <= 1


@by_name([case for case in [*ODD_BUT_VALID, *MORE] if case.name in FEW or case in MORE])
@pytest.mark.parametrize("verb", ["predict", "map"])
def test_odd_videos_are_looked_at(verb: str, case: VideoCase, given: Path, capfd: pytest.CaptureFixture[str]) -> None:
    path = case.make(given)
    flags = ("--versions",) if verb == "predict" else ()
    code, out, err = answer("speed", verb, path, *flags, *QUIET, "--out", "run")
    assert (code, out, err) == (0, f"{Path('run').absolute()}\n", "")
    assert capfd.readouterr() == ("", ""), "a library speaks to the terminal"
    times, _ = times_of(path)
    if verb == "predict":
        found = columns(Path("run/outputs/speediness.csv"))
        assert found["time_s"] == pytest.approx(times, abs=1e-6)
        assert np.isfinite(found["speediness"]).all()
        assert len(columns(Path("run/outputs/natural.csv"))["speed"]) == len(times)
    else:
        assert times_of(Path("run/outputs/map.mp4"))[0] == pytest.approx(times, abs=1e-4)
        assert np.isfinite(np.load("run/outputs/map.npz")["slowed"]).all()
        assert Path("run/outputs/map.png").exists()


def test_hours_between_frames(given: Path) -> None:
    """An MP4 cannot show a frame that long, one at a constant rate shows it again."""
    (case,) = (case for case in ODD_BUT_VALID if case.name == "hours_apart")
    path = case.make(given)
    assert_refused(["speed", "map", path, *QUIET, "--out", "map"], "3600 s; cut the video there")
    assert not Path("map/outputs/map.mp4").exists()


@pytest.mark.parametrize("verb", ["predict", "adapt", "map"])
def test_too_few_frames_are_warned_of(verb: str, given: Path) -> None:
    out = ("out.mp4",) if verb == "adapt" else ()
    for fps in (15, 25):
        path = film(given / f"{fps}.mp4", moving(seconds=1, fps=fps), fps)
        code, _, err = answer("speed", verb, path, *out, *TINY, "--out", f"run{fps}")
        assert code == 0
        warnings = [line for line in err.splitlines() if line.startswith("warning: ")]
        assert len(warnings) == (fps == 15)
        assert all("has 15 frames a second" in line for line in warnings)


def test_shots_are_told_apart(given: Path) -> None:
    assert answer("speed", "predict", spliced(given), *QUIET, "--out", "run")[0] == 0
    assert json.loads(Path("run/metrics.json").read_text())["shots"] == 3


@pytest.mark.parametrize(("still", "speed"), [("rate", 2), ("fastest", 2)])
def test_where_nothing_moves_it_is_uniform(still: str, speed: float, given: Path) -> None:
    path = film(given / "a.mp4", np.zeros((40, 32, 48, 3), np.uint8))
    assert answer("speed", "adapt", path, "out.mp4", "--still", still, *QUIET, "--out", "run")[0] == 0
    assert columns(Path("run/outputs/curve.csv"))["speed"] == pytest.approx(speed, abs=1e-3)
    assert answer("speed", "predict", path, *QUIET, "--out", "seen")[0] == 0
    assert (columns(Path("seen/outputs/speediness.csv"))["confidence"] == 0).all()


@by_name([case for case in ODD_BUT_VALID if case.name in {"one_frame", "gif_durations", "turned_90", "variable_rate"}])
def test_every_odd_frame_is_kept(case: VideoCase, given: Path) -> None:
    path = case.make(given)
    argv = ("speed", "adapt", path, "out.mp4", "--frames", "variable", "--compare", *QUIET, "--out", "run")
    assert answer(*argv)[::2] == (0, "")
    times, end = times_of(Path("out.mp4"))
    assert len(times) == len(case.times_s)
    assert end == pytest.approx(expected_end(path) / 2, abs=1e-3)
    frames = np.concatenate([block.frames for block in VideoStream("out.mp4")])
    assert frames.shape[1:3] == case.size
    assert np.abs(frames[0, 2, 2].astype(int) - case.corner).max() <= 8


# -- bad ---------------------------------------------------------------------------------------------------


@by_name(BAD)
def test_bad_videos_are_refused(case: VideoCase, given: Path, capfd: pytest.CaptureFixture[str]) -> None:
    path = case.make(given)
    Path("out.mp4").write_text("what was there")
    for verb in ("adapt", "predict", "map") if case.name in FEW else ("adapt",):
        out = ("out.mp4",) if verb == "adapt" else ()
        code, said, err = answer("speed", verb, path, *out, *QUIET, "--out", "run", "--overwrite")
        assert (code, said) == (2, "")
        assert_one_line(err, path.name[-60:], case.says)
        assert not [some for some in Path().rglob("run/outputs/*") if some.name != "index.json"]
    assert capfd.readouterr() == ("", ""), "a library speaks to the terminal"
    assert Path("out.mp4").read_text() == "what was there"


# -- what is asked for -------------------------------------------------------------------------------------


def test_what_cannot_be_adapted_is_known_before_anything_is_made(given: Path, tmp_path: Path) -> None:
    clip = film(given / "a.mp4")
    (given / "folder.mp4").mkdir()
    (given / "link.mp4").symlink_to("a.mp4")
    (given / "astray.mp4").symlink_to("gone/a.mp4")
    os.mkfifo(given / "pipe.mp4")
    before = sorted(os.listdir(given))
    for out, flags, says in (
        ("gone/out.mp4", (), "its folder does not exist"),
        (clip / "out.mp4", (), "a file, not a folder"),
        (given / "folder.mp4", (), "it is a folder"),
        (given / "pipe.mp4", (), "not a regular file"),
        (given / "astray.mp4", (), "its folder does not exist"),
        ("x" * 300 + ".mp4", (), "too long"),
        (clip, (), "OUT must be another file than IN"),
        (given / "link.mp4", (), "OUT must be another file than IN"),
        ("out.mkv", (), "OUT must end in .mp4"),
        ("out", (), "OUT must end in .mp4"),
        ("out.mp4", ("--rate", "9"), "with speeds from 1 to 8"),
        ("out.mp4", ("--rate", "0.9"), "with speeds from 1 to 8"),
        ("out.mp4", ("--rate", "nan"), "--rate"),
        ("out.mp4", ("--protect", "0-2.9"), "from 1 to 1.03 can"),
        ("out.mp4", ("--protect", "0-3"), "only 1 can"),
        ("out.mp4", ("--protect", "0-3:1.9"), "from 1 to 1.9 can"),
        ("out.mp4", ("--protect", "3.5-4"), "after the video's end"),
        ("out.mp4", ("--protect", "2-1"), "BEGIN-END"),
        ("out.mp4", ("--protect", "soon"), "'soon'"),
        ("out.mp4", ("--protect", "1-2:0"), "'1-2:0'"),
        ("out.mp4", ("--slowest", "3"), "--slowest"),
        ("out.mp4", ("--fps", "1000"), "--fps"),
        ("out.mp4", ("--quality", "52"), "--quality"),
        ("out.mp4", ("--side", "8"), "--side"),
    ):
        assert_refused(["speed", "adapt", clip, out, *flags, *QUIET, "--out", "run"], says)
    assert_refused(["speed", "adapt", given / "gone.mp4", clip, *QUIET, "--out", "run"], "gone.mp4", "does not exist")
    assert os.listdir(tmp_path) == ["given"]
    assert sorted(os.listdir(given)) == before


def test_damaged_sound_is_known_before_anything_is_made_and_can_be_left_out(given: Path) -> None:
    path = scratched_sound(sound_film(given / "a.mp4", moving("bounce", 3)))
    argv = ["speed", "adapt", path, "out.mp4", *QUIET]
    assert_refused([*argv, "--out", "run"], "has sound that is damaged", "--sound mute leaves the sound out")
    assert not Path("run").exists()
    assert answer(*argv, "--sound", "mute", "--out", "run")[::2] == (0, "")
    assert not probe("out.mp4").has_audio


def test_a_part_after_the_end_of_an_animation(given: Path) -> None:
    """How long it is only decoding tells."""
    (case,) = (case for case in ODD_BUT_VALID if case.name == "gif")
    argv = ["speed", "adapt", case.make(given), "out.mp4", "--protect", "5-6", *QUIET, "--out", "run"]
    assert_refused(argv, "after the video's end")
    assert not Path("out.mp4").exists()


def test_a_folder_that_may_not_be_written_to(open_folder: Path) -> None:
    film(open_folder / "a.mp4").chmod(0o644)
    (open_folder / "runs").mkdir()
    (open_folder / "runs").chmod(0o777)
    out = open_folder / "out.mp4"
    code, said, err = as_nobody("speed", "adapt", open_folder / "a.mp4", out, *QUIET, "--out", open_folder / "runs/run")
    assert (code, said) == (2, "")
    assert_one_line(err, "out.mp4", "no permission")
    assert os.listdir(open_folder / "runs") == []
    assert sorted(os.listdir(open_folder)) == ["a.mp4", "runs"]


# -- stops and disks ---------------------------------------------------------------------------------------


def assert_resumes(argv: Sequence[str | Path], out: Path | None = None) -> None:
    """The run in ./run goes on, and in the end holds what one that was never stopped holds."""
    assert answer("resume", "run", "--quiet") == (0, f"{Path('run').absolute()}\n", "")
    written = out.read_bytes() if out else b""
    assert answer(*argv, "--out", "straight")[0] == 0
    straight = {path.name: path.read_bytes() for path in Path("straight/outputs").iterdir()}
    assert straight == {path.name: path.read_bytes() for path in Path("run/outputs").iterdir()}
    if out:
        assert written == straight["adapted.mp4"]


STOPS: list[tuple[str, Any, str, int]] = [
    ("predict", scores.Version, "offer", 40),
    ("adapt", scores.Version, "offer", 40),
    ("adapt", adapt.Told, "__call__", 40),
    ("map", scores.Version, "offer", 40),
    ("map", maps, "overlaid", 2),
]


@pytest.mark.parametrize(("verb", "owner", "name", "after"), STOPS, ids=[f"{one[0]} {one[2]}" for one in STOPS])
def test_ctrl_c_in_the_middle(
    verb: str, owner: Any, name: str, after: int, given: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    count, original = 0, getattr(owner, name)

    def interrupt(*given: Any) -> Any:
        nonlocal count
        count += 1
        if count == after:
            os.kill(os.getpid(), signal.SIGINT)
        return original(*given)

    out = Path("out.mp4") if verb == "adapt" else None
    if out:
        out.write_text("what was there")
    argv = ["speed", verb, sound_film(given / "a.mp4", moving()), *([out] if out else []), *QUIET]
    with monkeypatch.context() as patch:
        patch.setattr(owner, name, interrupt)
        code, said, err = answer(*argv, "--out", "run")
    assert (code, said) == (3, "")
    assert_one_line(err, "stopped by Ctrl-C", f"go on with: gestalt resume {Path('run').absolute()}")
    assert not out or out.read_text() == "what was there"
    assert_resumes(argv, out)


@pytest.mark.parametrize(("verb", "most"), [("predict", 2_000), ("adapt", 3_000), ("adapt", 40_000), ("map", 40_000)])
def test_a_limit_met_in_the_middle(verb: str, most: int, given: Path) -> None:
    chance = np.random.default_rng(0)
    noise = chance.integers(0, 256, (75, 64, 64, 3), np.uint8)
    out = Path("out.mp4") if verb == "adapt" else None
    argv = ["speed", verb, film(given / "a.mp4", noise), *([out] if out else []), *QUIET]
    with limited(most):
        code, said, err = answer(*argv, "--out", "run")
    assert (code, said) == (3, "")
    assert_one_line(err, "no space left", f"go on with: gestalt resume {Path('run').absolute()}")
    assert not out or not out.exists()
    assert not list(Path("run").rglob("*.tmp"))
    assert_resumes(argv, out)


def test_a_full_disk_where_the_result_is_wanted(given: Path, small_disk: Path) -> None:
    fill(small_disk, leave=4096)
    out = small_disk / "out.mp4"
    argv = ["speed", "adapt", film(given / "a.mp4", np.tile(textures(30), (1, 2, 2, 1))), out, *QUIET]
    code, said, err = answer(*argv, "--out", "run")
    assert (code, said) == (3, "")
    assert_one_line(err, "no space left", "gestalt resume")
    assert os.listdir(small_disk) == ["filler"]
    (small_disk / "filler").unlink()
    out = given / "moved.mp4"  # a whole result does not fit either
    record = json.loads(Path("run/run.json").read_text())
    record["inputs"]["result"] = str(out)
    Path("run/run.json").write_text(json.dumps(record))
    assert_resumes([*argv[:3], out, *QUIET], out)


def test_a_disk_that_is_full_from_the_start(given: Path, small_disk: Path) -> None:
    fill(small_disk, leave=0)
    argv = ["speed", "adapt", film(given / "a.mp4"), "out.mp4", *QUIET, "--out", small_disk / "run"]
    assert_refused(argv, "No space left", "--out")
    assert not Path("out.mp4").exists()


def test_a_run_is_moved_and_goes_on(given: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Paths are those of the folder in which the command was given."""
    monkeypatch.chdir(given)
    film(given / "a.mp4")
    with limited(3_000):
        assert answer("speed", "adapt", "a.mp4", "out.mp4", *QUIET, "--out", "run")[0] == 3
    monkeypatch.chdir(tmp_path)
    shutil.move(given / "run", "run")
    assert answer("resume", "run", "--quiet") == (0, f"{tmp_path / 'run'}\n", "")
    assert (given / "out.mp4").read_bytes() == Path("run/outputs/adapted.mp4").read_bytes()


def test_frame_rates_of_variable_video(given: Path) -> None:
    """Mostly 30 frames a second, with a pause: the result has as many as it had on average, and lasts exactly."""
    stamps = [n / 30 + (n >= 20) * 1.5 for n in range(50)]
    path = encode(given / "a.mp4", moving(seconds=2), times_s=stamps, tick_s=Fraction(1, 30_000), options={"bf": "0"})
    assert probe(path).is_variable
    assert answer("speed", "adapt", path, "out.mp4", *QUIET, "--out", "run")[0] == 0
    end, rate = expected_end(path), adapt.usual_rate(path)
    times, shown = times_of(Path("out.mp4"))
    assert abs(len(times) - end / 2 * rate) < 0.51
    assert shown == pytest.approx(end / 2, abs=float(1 / rate))
