"""What the world gives to `gestalt generate` and `gestalt study`: all of `media.hostile`, bad runs, wishes and disks.

Odd inputs work, and what comes out has the size it should have; bad ones are refused in one sentence, leaving nothing.
"""

from __future__ import annotations

import json
import os
import shutil
import signal
from collections.abc import Callable, Sequence
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from answers import answer, as_nobody, assert_one_line, assert_refused, by_name, elsewhere, fill, given, limited
from gestalt.media.video import VideoStream, read_clip
from gestalt.media.video_info import fit
from gestalt.run import memory
from gestalt.run.folder import Run
from gestalt.tasks.generate import patch
from media import hostile, hostile_videos
from media.conftest import open_folder, small_disk
from media.hostile import Case, textured
from media.hostile_videos import VideoCase, encode, textures

__all__ = ["elsewhere", "given", "open_folder", "small_disk"]  # fixtures

QUIET = ("--threads", "1", "--quiet")
TINY = ("--preset", "tiny", "-n", "1", *QUIET)
ONE_STEP = {
    "vaegan": ("--engine", "vaegan", "--vae-steps", "1", "--gan-steps", "1"),
    "singan": ("--engine", "singan", "--steps", "1"),
}
PICTURES = {case.name: case for case in hostile.ODD_BUT_VALID}
CLIPS = {case.name: case for case in hostile_videos.ODD_BUT_VALID}
BAD = [*hostile.BAD, *hostile_videos.BAD]

# Of those that are all read in one way, some for each other place where a file may be named.
SHAPES = [PICTURES[name] for name in ("one_pixel", "one_row", "one_column", "very_wide", "rgba_half", "grey16_png")]
TIMES = [CLIPS[name] for name in ("one_frame", "two_frames", "odd_size", "variable_rate", "one_row", "two_pixels")]
SOME_BAD_NAMES = {"text", "png_cut", "bomb_png", "sound_only", "no_frame", "mp4_cut_before_index", "mixed_sizes"}
SOME_BAD = [case for case in BAD if case.name in SOME_BAD_NAMES]


@pytest.fixture(scope="module")
def good(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """a.png of 24 x 16 pixels, its mask.png, a.mp4 of six frames of 48 x 32; trained on them, a.run and clip.run."""
    folder = tmp_path_factory.mktemp("good")
    textured(24, 16).save(folder / "a.png")
    _mask(24, 16).save(folder / "mask.png")
    encode(folder / "a.mp4", textures(6))
    for name, x, more in (("a.run", "a.png", ()), ("clip.run", "a.mp4", ("--rates", "2", "1"))):
        argv = ("generate", "make", folder / x, *ONE_STEP["vaegan"], *TINY, *more)
        assert answer(*argv, "--out", folder / name)[0] == 0
    return folder


def _mask(width: int, height: int, left: int = 6, right: int = 11, mode: str = "L") -> Image.Image:
    """White in some columns, from the second row to the fifth."""
    white: int | tuple[int, ...] = {"1": 1, "I;16": 65535, "RGBA": (255, 255, 255, 255)}.get(mode, 255)
    mask = Image.new(mode, (width, height), 0 if mode != "RGBA" else (0, 0, 0, 255))
    mask.paste(white, (left, 1, right, 5))
    return mask


def shape_of(path: Path) -> tuple[int, int, int]:
    """(T, H, W) of a picture or video that can be read to its end."""
    stream = VideoStream(path)
    return sum(len(block.times_s) for block in stream), stream.height, stream.width


def result(run: Path | str = "run", name: str = "sample_000") -> Path:
    return next(Path(run, "outputs").glob(f"{name}.*"))


def expected(frames: int, size: Sequence[int], most: int) -> tuple[int, int, int]:
    """(T, H, W) of what is made of frames of (H, W) pixels; videos have even sides."""
    height, width = fit(size[0], size[1], most)
    return (1, height, width) if frames == 1 else (frames, height + height % 2, width + width % 2)


def contents(folder: Path) -> dict[str, bytes]:
    return {str(path): path.read_bytes() for path in folder.rglob("*") if path.is_file()}


def assert_works(argv: Sequence[str | Path], capfd: pytest.CaptureFixture[str], folder: Path) -> None:
    """It is done without a word, in a run that can be looked at, and what was given lies there as before."""
    capfd.readouterr()
    before = contents(folder)
    code, out, err = answer(*argv, "--out", "run")
    assert (code, err) == (0, "")
    assert out == f"{Path('run').absolute()}\n"
    assert capfd.readouterr() == ("", ""), "a library speaks to the terminal"
    assert contents(folder) == before
    assert json.loads(Path("run/metrics.json").read_text())["seconds"] > 0
    assert Path("run/report.html").stat().st_size > 1000


# -- all of them, by patches -------------------------------------------------------------------------------


@by_name(hostile.ODD_BUT_VALID)
def test_odd_pictures_make_new_ones(case: Case, given: Path, capfd: pytest.CaptureFixture[str]) -> None:
    path = case.make(given)
    assert case.size is not None
    assert_works(["generate", "make", path, *TINY, "--size", "16"], capfd, given)
    assert shape_of(result()) == expected(shape_of(path)[0], case.size, 16)


@by_name(hostile_videos.ODD_BUT_VALID)
def test_odd_clips_make_new_ones(case: VideoCase, given: Path, capfd: pytest.CaptureFixture[str]) -> None:
    path = case.make(given)
    assert_works(["generate", "make", path, *TINY, "--size", "12"], capfd, given)
    assert shape_of(result()) == expected(len(case.times_s), case.size, 12)


@by_name(BAD)
def test_bad_files_are_refused(
    case: Case | VideoCase, given: Path, tmp_path: Path, capfd: pytest.CaptureFixture[str]
) -> None:
    path = case.make(given)
    capfd.readouterr()
    before = contents(given)
    assert_refused(["generate", "make", path, *TINY, "--out", "run"], path.name[-60:], "expected a ")
    assert capfd.readouterr() == ("", ""), "a library speaks to the terminal"
    assert os.listdir(tmp_path) == ["given"]
    assert contents(given) == before


# -- some of them, elsewhere -------------------------------------------------------------------------------


@pytest.mark.parametrize("engine", ONE_STEP)
@by_name([*SHAPES, *TIMES])
def test_networks_train_on_odd_inputs(
    case: Case | VideoCase, engine: str, given: Path, capfd: pytest.CaptureFixture[str]
) -> None:
    path = case.make(given)
    frames = shape_of(path)[0]
    rates = ("--rates", "1") if engine == "vaegan" else ()  # windows of two frames
    assert case.size is not None
    assert_works(["generate", "make", path, *ONE_STEP[engine], *TINY, "--size", "12", *rates], capfd, given)
    assert shape_of(result()) == expected(min(frames, 2) if rates else frames, case.size, 12)


@by_name([PICTURES["one_row"], CLIPS["variable_rate"]])
def test_the_study_takes_odd_inputs(case: Case | VideoCase, given: Path, capfd: pytest.CaptureFixture[str]) -> None:
    few = ("--vae-steps", "1", "--gan-steps", "1", "--levels", "1")
    assert_works(["study", "vae-levels", case.make(given), *TINY, *few], capfd, given)
    assert result(name="vae_levels_1").exists()


@by_name([*SHAPES, PICTURES["jpeg_exif_6"]])
def test_odd_pictures_are_edited(case: Case, good: Path, given: Path, capfd: pytest.CaptureFixture[str]) -> None:
    path = case.make(given)
    assert case.size is not None
    assert_works(["generate", "edit", good / "a.run", path, "--mask", path, *QUIET], capfd, given)
    assert shape_of(result(name="edited")) == expected(1, case.size, 20)


@by_name([CLIPS[name] for name in ("two_frames", "odd_size", "hours_apart", "one_row")])
def test_odd_clips_are_edited_and_keep_their_rate(
    case: VideoCase, good: Path, given: Path, capfd: pytest.CaptureFixture[str]
) -> None:
    assert_works(["generate", "edit", good / "clip.run", case.make(given), *QUIET], capfd, given)
    assert shape_of(result(name="edited")) == expected(len(case.times_s), case.size, 20)
    rate = VideoStream(result(name="edited")).info.rate
    assert rate == (10 if case.name != "hours_apart" else pytest.approx(1 / 1000))


def test_a_collage_of_all_shapes(given: Path, capfd: pytest.CaptureFixture[str]) -> None:
    paths = []
    for case in (*SHAPES, CLIPS["variable_rate"], CLIPS["turned_90"]):
        folder = given / case.name
        folder.mkdir()
        paths.append(case.make(folder))
    assert_works(["generate", "collage", *paths, *TINY, "--size", "24"], capfd, given)
    assert shape_of(result())[:2] == (3, 24), "as short as the shorter clip, as high as the highest"
    assert VideoStream(result()).info.rate == VideoStream(result(name="input_6")).info.rate


def test_pictures_alone_make_a_collage_that_is_one(given: Path, capfd: pytest.CaptureFixture[str]) -> None:
    for name in ("a.png", "b.png"):
        textured(9, 7).save(given / name)
    assert_works(["generate", "collage", given / "a.png", given / "b.png", *TINY], capfd, given)
    assert shape_of(result()) == (1, 7, 16)


Place = Callable[[Path, Path], list[str | Path]]
PLACES: dict[str, Place] = {
    "inpaint": lambda bad, good: ["generate", "inpaint", bad, good / "mask.png"],
    "mask": lambda bad, good: ["generate", "inpaint", good / "a.png", bad],
    "collage": lambda bad, good: ["generate", "collage", good / "a.png", bad],
    "retarget": lambda bad, _: ["generate", "retarget", bad, "--size", "5x9"],
    "edit": lambda bad, good: ["generate", "edit", good / "a.run", bad],
    "edit mask": lambda bad, good: ["generate", "edit", good / "a.run", good / "a.png", "--mask", bad],
    "vaegan": lambda bad, _: ["generate", "make", bad, "--engine", "vaegan"],
    "singan": lambda bad, _: ["generate", "make", bad, "--engine", "singan"],
    "study": lambda bad, _: ["study", "vae-levels", bad],
}


@by_name(SOME_BAD)
@pytest.mark.parametrize("place", PLACES)
def test_bad_files_are_refused_everywhere(
    place: str, case: Case | VideoCase, good: Path, given: Path, tmp_path: Path
) -> None:
    path = case.make(given)
    assert_refused([*PLACES[place](path, good), *QUIET, "--out", "run"], path.name, "expected a ")
    assert os.listdir(tmp_path) == ["given"]


def _weights(content: bytes | None) -> Callable[[Path], None]:
    def damage(run: Path) -> None:
        path = run / "weights" / "model.safetensors"
        path.write_bytes(path.read_bytes()[:-100] if content is None else content)

    return damage


def _record(content: str) -> Callable[[Path], object]:
    return lambda run: (run / "run.json").write_text(content)


RUNS: dict[str, tuple[Callable[[Path], object], str]] = {
    "gone": (shutil.rmtree, "no run.json"),
    "a file": (lambda run: (shutil.rmtree(run), run.write_text("Dear reader")), "is a file"),
    "without a record": (lambda run: (run / "run.json").unlink(), "no run.json"),
    "record cut": (_record("{"), "run.json"),
    "record of nothing": (_record("[]"), "run.json"),
    "without weights": (lambda run: (run / "weights" / "model.safetensors").unlink(), "model.safetensors"),
    "weights cut": (_weights(None), "model.safetensors"),
    "weights empty": (_weights(b""), "model.safetensors"),
    "weights of text": (_weights(b"Dear reader, this is no model. " * 20), "model.safetensors"),
    "weights with a giant header": (_weights(b"\xff" * 200), "model.safetensors"),
}


@pytest.mark.parametrize("command", ["sample", "edit"])
@pytest.mark.parametrize("name", RUNS)
def test_bad_runs_are_refused(name: str, command: str, good: Path, given: Path, tmp_path: Path) -> None:
    run = given / "a.run"
    shutil.copytree(good / "a.run", run)
    damage, word = RUNS[name]
    damage(run)
    picture = [good / "a.png"] if command == "edit" else []
    assert_refused(["generate", command, run, *picture, *QUIET, "--out", "run"], word)
    assert os.listdir(tmp_path) == ["given"]


# -- masks -------------------------------------------------------------------------------------------------

MASKS: dict[str, Callable[[], Image.Image]] = {
    "grey": lambda: _mask(24, 16),
    "one bit": lambda: _mask(24, 16, mode="1"),
    "16 bits": lambda: _mask(24, 16, mode="I;16"),
    "alpha": lambda: _mask(24, 16, mode="RGBA"),
    "palette": lambda: _mask(24, 16).convert("P"),
    "larger": lambda: _mask(24, 16).resize((240, 160), Image.Resampling.NEAREST),
    "a pixel off": lambda: _mask(24, 16).resize((239, 160), Image.Resampling.NEAREST),
    "smaller": lambda: _mask(12, 8, 3, 5),
}


@pytest.mark.parametrize("kind", MASKS)
def test_masks_of_every_kind(kind: str, good: Path, given: Path, capfd: pytest.CaptureFixture[str]) -> None:
    MASKS[kind]().save(given / "mask.png")
    assert_works(["generate", "inpaint", good / "a.png", given / "mask.png", *TINY], capfd, given)
    before, after = (np.asarray(Image.open(result(name=name))) for name in ("input", "sample_000"))
    changed = (before != after).any(axis=-1)
    assert changed[2:4, 7:10].all()
    assert not changed[:, :5].any()
    assert not changed[11:].any()


def test_a_scratch_thinner_than_a_pixel_is_filled(given: Path, capfd: pytest.CaptureFixture[str]) -> None:
    """At the size that is worked on it covers a tenth of a pixel, and yet is what the user wants gone."""
    textured(400, 320).save(given / "a.png")
    _mask(400, 320, 205, 209).resize((400, 320)).save(given / "mask.png")
    assert_works(["generate", "inpaint", given / "a.png", given / "mask.png", *TINY, "--size", "10"], capfd, given)
    before, after = (np.asarray(Image.open(result(name=name))) for name in ("input", "sample_000"))
    assert np.argwhere((before != after).any(axis=-1)).tolist() == [[0, 5]]


@pytest.mark.parametrize("count", [6, 3, 1])
def test_a_mask_of_the_video_goes_with_a_part_of_it(
    count: int, good: Path, given: Path, capfd: pytest.CaptureFixture[str]
) -> None:
    """White in another place of each frame of a.mp4, of which the third to the fifth are taken."""
    masks = np.zeros((6, 32, 48, 3), np.uint8)
    for n in range(6):
        masks[n, 4:12, 4 + 6 * n : 10 + 6 * n] = 255
    encode(
        given / "mask.mkv", masks[{6: slice(6), 3: slice(2, 5), 1: slice(2, 3)}[count]], codec="ffv1", pix_fmt="gray"
    )
    part = ("--begin-s", "0.2", "--take", "3")
    assert_works(["generate", "inpaint", good / "a.mp4", given / "mask.mkv", *TINY, *part], capfd, given)
    before, after = (read_clip(result(name=name), max_frames=9)[0][0] for name in ("input", "sample_000"))
    gone = (before - after).abs().mean(dim=0)  # H.264 changes all pixels a little
    for n in range(3):
        left = 4 + 6 * (n + 2 if count > 1 else 2)
        assert float(gone[n, 5:11, left + 1 : left + 5].mean()) > 5 * float(gone[n, 20:].mean())


def _saved(name: str, mask: Callable[[], Image.Image]) -> Callable[[Path], Path]:
    def make(folder: Path) -> Path:
        mask().save(folder / name)
        return folder / name

    return make


BAD_MASKS: dict[str, tuple[Callable[[Path], Path], str]] = {
    "black": (_saved("m.png", lambda: Image.new("L", (24, 16), 0)), "the mask has no hole"),
    "white": (_saved("m.png", lambda: Image.new("L", (24, 16), 255)), "white everywhere"),
    "transparent": (_saved("m.png", lambda: Image.new("RGBA", (24, 16), (0, 0, 0, 0))), "transparent counts as white"),
    "all but an edge": (_saved("m.png", lambda: _mask(24, 16, 1, 23).resize((24, 16), box=(0, 1, 24, 5))), "no patch"),
    "another shape": (_saved("m.png", lambda: _mask(40, 16)), "m.png is 40 x 16 pixels and "),
    "a clip": (lambda folder: encode(folder / "m.mkv", textures(2)[:, :16, :24], codec="ffv1"), "several frames"),
}


@pytest.mark.parametrize("name", BAD_MASKS)
def test_masks_that_cannot_be_filled_leave_no_run(name: str, good: Path, given: Path, tmp_path: Path) -> None:
    make, word = BAD_MASKS[name]
    assert_refused(["generate", "inpaint", good / "a.png", make(given), *TINY, "--out", "run"], word)
    assert os.listdir(tmp_path) == ["given"]


# -- wishes ------------------------------------------------------------------------------------------------

WISHES: list[tuple[str, str]] = [
    ("make a.png --frames 5", "--frames 5 is for clips, and "),
    ("make a.png --take 5", "has 1 frame there, fewer than the 5 asked for; ask for fewer"),
    ("make a.png --begin-s 1", "has no frame from 1 s on; choose a part"),
    ("make a.mp4 --take 7", "has 6 frames there, fewer than the 7 asked for; ask for fewer"),
    ("make a.mp4 --begin-s 1e300", "has no frame from 1e+300 s on; choose a part"),
    ("make a.mp4 --take 1001 --begin-s 0", "has 6 frames there"),
    ("make a.png --size 0", "--size must be at least 1, got 0"),
    ("make a.png --size 5x", "HEIGHTxWIDTH such as 144x256, got '5x'"),
    ("make a.png --size 999999x999999", "GB of memory"),
    ("make a.mp4 --frames 99999999999", "GB of memory"),
    ("make a.mp4 --size 4x20000", "a video is at most 16384 pixels high and wide"),
    ("make a.png --noise nan", "--noise must be at least 0, got nan"),
    ("make a.png --samples 0", "--samples must be at least 1, got 0"),
    ("make a.png --vae-levels 2", "--vae-levels is for --engine vaegan"),
    ("make a.mp4 --engine vaegan", "a window has 13 frames, but there are only 6: use more frames, or --rates 4 2 1"),
    ("make a.mp4 --engine vaegan --take 4", "there are only 4: use more frames, or --rates 2 1"),
    ("make a.mp4 --engine vaegan --take 2", "there are only 2: use more frames, or --rates 1"),
    ("make a.png --engine singan --size 9x9", "--size must be a whole number, got '9x9'"),
    ("make a.png --engine steam", "--engine must be patch or vaegan or singan here"),
    ("inpaint a.png mask.png --size 9x9", "give one number"),
    ("inpaint a.png mask.png --frames 2", "has the frames of the input"),
    ("inpaint a.png", "needs MASK (White where X is to be filled"),
    ("collage a.png", "two pictures or more, got 1"),
    ("collage a.png a.png --frames 2", "--frames 2 is for clips, and all of these are pictures"),
    ("sample a.run --size 999999x999999", "GB of memory"),
    ("sample a.run --frames 2", "--frames is for clips"),
    ("sample clip.run --frames 1", "--frames must be at least 2"),
    ("sample a.run --box 0 0 0 1", "--box must be top left bottom right, with 0 <= top < bottom <= 1"),
    ("edit a.run a.mp4", "trained on a picture, so it edits those only, got a clip"),
    ("edit clip.run a.png", "trained on a clip, so it edits those only, got a picture"),
    ("edit a.run a.png --start 9", "--start 9 is past the finest level"),
    ("edit a.run a.png --mask a.mp4", "several frames and "),
    ("edit a.png a.png", "is a file; expected the folder of a gestalt run"),
]


@pytest.mark.parametrize(("line", "word"), WISHES, ids=[line for line, _ in WISHES])
def test_wishes_that_cannot_be_granted_leave_no_run(line: str, word: str, good: Path, tmp_path: Path) -> None:
    argv = [good / part if (good / part).exists() else part for part in line.split()]
    assert_refused(["generate", *argv, *QUIET, "--out", "run"], word)
    assert os.listdir(tmp_path) == []


def test_few_frames_of_many_and_one_of_a_clip(good: Path, capfd: pytest.CaptureFixture[str]) -> None:
    assert_works(["generate", "make", good / "a.mp4", *TINY, "--frames", "2", "--size", "12"], capfd, good)
    assert shape_of(result()) == (2, 8, 12)
    shutil.rmtree("run")
    assert_works(["generate", "make", good / "a.mp4", *TINY, "--frames", "1", "--size", "12"], capfd, good)
    assert shape_of(result()) == (1, 8, 12)


@pytest.mark.parametrize("size", ["1x1", "3x300", "300x3"])
def test_odd_sizes_of_samples(size: str, good: Path, capfd: pytest.CaptureFixture[str]) -> None:
    height, width = map(int, size.split("x"))
    assert_works(["generate", "sample", good / "a.run", "-n", "1", "--size", size, *QUIET], capfd, good)
    assert shape_of(result()) == (1, height, width)
    shutil.rmtree("run")
    assert_works(["generate", "make", good / "a.png", *TINY, "--size", size], capfd, good)
    assert shape_of(result()) == (1, height, width)


def test_frames_after_those_taken_may_be_damaged(given: Path, capfd: pytest.CaptureFixture[str]) -> None:
    path = next(case for case in hostile_videos.BAD if case.name == "mp4_damaged").make(given)
    assert_works(["generate", "make", path, *TINY, "--take", "4", "--size", "12"], capfd, given)
    assert shape_of(result()) == (4, 8, 12)


@pytest.mark.parametrize(
    "line",
    ["make a.png", "make a.png --engine vaegan", "make a.mp4 --engine singan", "edit a.run a.png", "sample a.run"],
)
def test_what_the_memory_does_not_hold_is_not_begun(
    line: str, good: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(memory, "total", lambda: 30_000)
    argv = [good / part if (good / part).exists() else part for part in line.split()]
    assert_refused(["generate", *argv, *QUIET, "--out", "run"], "memory", "smaller")
    assert os.listdir(tmp_path) == []


def test_memory_that_ends_halfway_is_no_bug(good: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def too_much(*_: object, **__: object) -> None:
        raise RuntimeError("[enforce fail] DefaultCPUAllocator: can't allocate memory: you tried to allocate 9 bytes.")

    monkeypatch.setattr(patch, "make", too_much)
    code, out, err = answer("generate", "make", good / "a.png", *TINY, "--out", "run")
    assert (code, out) == (2, "")
    assert_one_line(err, "there is not enough memory for this; ask for a smaller size or for less")


# -- places to write to, and being stopped -----------------------------------------------------------------


def test_an_output_path_that_is_a_file_or_an_input(good: Path, given: Path) -> None:
    (given / "letter.txt").write_text("Dear reader")
    shutil.copytree(good / "a.run", given / "a.run")
    shutil.copy(good / "a.png", given / "a.run" / "outputs" / "mine.png")
    before = contents(given)
    for out in ("letter.txt", "letter.txt/run"):
        argv = ["generate", "make", good / "a.mp4", *TINY, "--out", given / out]
        assert_refused([*argv, "--overwrite"], "letter.txt", "--out")
    mine = given / "a.run" / "outputs" / "mine.png"
    assert_refused(["generate", "make", mine, *TINY, "--out", given / "a.run", "--overwrite"], "--overwrite")
    assert_refused(["generate", "sample", given / "a.run", *QUIET, "--out", given / "a.run", "--overwrite"], "a.run")
    assert contents(given) == before


def test_a_folder_that_may_not_be_written_to(good: Path, open_folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    shutil.copy(good / "a.png", open_folder / "a.png")
    (open_folder / "a.png").chmod(0o644)
    open_folder.chmod(0o555)
    monkeypatch.chdir(open_folder)
    for flags in (("--out", open_folder / "run"), ()):
        code, out, err = as_nobody("generate", "make", "a.png", *TINY, *flags)
        assert (code, out) == (2, "")
        assert_one_line(err, str(open_folder))
    assert os.listdir(open_folder) == ["a.png"]


@pytest.mark.parametrize("most", [6_000, 12_000], ids=["in the first video", "in a preview or the sheet"])
def test_a_limit_met_while_a_clip_is_written_stops_a_run_that_can_be_resumed(
    most: int, good: Path, tmp_path: Path
) -> None:
    argv = ["generate", "make", good / "a.mp4", *TINY]
    with limited(most):
        code, out, err = answer(*argv, "--out", "run")
    assert (code, out) == (3, "")
    assert_one_line(err, "no space left", f"go on with: gestalt resume {tmp_path / 'run'}")
    assert_resumes_as_if_nothing_had_been(argv)


def test_a_disk_that_fills_up_stops_a_run_that_can_be_resumed(good: Path, small_disk: Path) -> None:
    fill(small_disk, leave=24 << 10)
    argv = ["generate", "make", good / "a.mp4", *TINY]
    code, out, err = answer(*argv, "--out", small_disk / "run")
    assert (code, out) == (3, "")
    assert_one_line(err, "no space left", f"go on with: gestalt resume {small_disk / 'run'}")
    assert not list((small_disk / "run").rglob("*.tmp"))
    (small_disk / "filler").unlink()
    shutil.move(small_disk / "run", "run")  # a whole run does not fit
    assert_resumes_as_if_nothing_had_been(argv)


def test_ctrl_c_in_the_second_sample(good: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    count, original = 0, Run.log

    def interrupt(self: Run, step: int, **measures: float) -> None:
        nonlocal count
        count += 1
        original(self, step, **measures)
        if count == 10:
            os.kill(os.getpid(), signal.SIGINT)

    argv = ["generate", "make", good / "a.mp4", *TINY, "--samples", "2", "--size", "24"]
    monkeypatch.setattr(Run, "log", interrupt)
    code, out, err = answer(*argv, "--out", "run")
    monkeypatch.setattr(Run, "log", original)
    assert (code, out) == (3, "")
    assert err.splitlines()[-1].startswith("gestalt: stopped by Ctrl-C after step ")
    assert err.splitlines()[-1].endswith(f"of sample 1; go on with: gestalt resume {tmp_path / 'run'}")
    assert result("run").stat().st_size > 1000, "the first sample is there"
    assert_resumes_as_if_nothing_had_been(argv)


def assert_resumes_as_if_nothing_had_been(argv: Sequence[str | Path]) -> None:
    """The run in ./run goes on, and in the end holds what one that was never stopped holds."""
    assert answer("resume", "run", "--quiet") == (0, f"{Path('run').absolute()}\n", "")
    assert answer(*argv, "--out", "straight")[0] == 0
    straight = {path.name: path.read_bytes() for path in Path("straight/outputs").iterdir()}
    assert straight == {path.name: path.read_bytes() for path in Path("run/outputs").iterdir()}
