"""Every odd picture is read, every bad one is refused in one sentence, and nothing else is heard or left."""

import io
import logging
import os
import re
import signal
import threading
import warnings
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pytest
import torch
from PIL import Image, ImageFile

from gestalt.media import image, silence
from media.children import run_in_child
from media.hostile import BAD, ODD_BUT_VALID, Case, encode, plain, png, textured, tiff_of_damaged_pixels


@pytest.fixture(autouse=True)
def _no_hanging() -> Iterator[None]:
    """A test that waits for a pipe's other end fails instead of stopping the suite."""

    def give_up(*_: object) -> None:
        pytest.fail("the test hangs")  # no Exception, so that nothing takes it for a fault of the file

    before = signal.signal(signal.SIGALRM, give_up)
    signal.alarm(10)
    yield
    signal.alarm(0)
    signal.signal(signal.SIGALRM, before)


def by_name(cases: list[Case]) -> pytest.MarkDecorator:
    return pytest.mark.parametrize("case", cases, ids=[case.name for case in cases])


def assert_one_sentence(message: str, path: Path) -> None:
    assert len(message) < 300
    assert message.isprintable()  # one line, in every terminal
    assert path.name[-60:] in message
    assert not re.search(r"[.!?](\s|$)", message.replace(str(path), "")), "more than one sentence"


def test_the_lists_are_long_and_the_names_unique() -> None:
    names = [case.name for case in ODD_BUT_VALID + BAD]
    assert len(set(names)) == len(names)
    assert len(ODD_BUT_VALID) >= 24
    assert len(BAD) >= 24


@by_name(ODD_BUT_VALID)
def test_odd_pictures_are_read(
    case: Case, tmp_path: Path, capfd: pytest.CaptureFixture[str], caplog: pytest.LogCaptureFixture
) -> None:
    path = case.make(tmp_path)
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        picture = image.read(path)
    assert picture.dtype == torch.float32
    assert picture.is_contiguous()
    assert tuple(picture.shape) == (1, 3, *(case.size or ()))
    assert picture.min() >= -1
    assert picture.max() <= 1
    if case.colour is not None:
        corner = (picture[0, :, 0, 0] + 1) * 127.5
        distance = (corner - torch.tensor(case.colour)).abs().max().item()
        assert distance <= case.tolerance + 1e-4, f"expected {case.colour}, got {corner.tolist()}"
    assert capfd.readouterr() == ("", "")
    assert caplog.messages == []


@by_name(BAD)
def test_bad_files_are_refused(
    case: Case, tmp_path: Path, capfd: pytest.CaptureFixture[str], caplog: pytest.LogCaptureFixture
) -> None:
    path = case.make(tmp_path)
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        with pytest.raises(ValueError) as refusal:
            image.read(path)
    message = str(refusal.value)
    assert_one_sentence(message, path)
    assert "expected a picture such as PNG, JPEG, TIFF or WebP: " in message
    assert capfd.readouterr() == ("", "")
    assert caplog.messages == []


@pytest.mark.parametrize(
    ("name", "expected"),
    [
        ("missing", "does not exist"),
        ("folder", "is a folder"),
        ("named_pipe", "is a named pipe"),
        ("empty", "is empty"),
        ("text", "is a text file"),
        ("video_as_png", "is a video"),
        ("svg_as_png", "is an SVG drawing"),
        ("pdf", "is a PDF document"),
        ("heic", "is a HEIC photo"),
        ("png_cut", "damaged or cut short"),
        ("jpeg_cut", "damaged or cut short"),
        ("bomb_png", "more pixels"),
        ("bomb_text", "save it again without metadata"),
        ("float_nan", "NaN"),
        ("noise", "not a picture of any known kind"),
    ],
)
def test_the_sentence_says_what_came(name: str, expected: str, tmp_path: Path) -> None:
    case = next(case for case in BAD if case.name == name)
    with pytest.raises(ValueError, match=expected):
        image.read(case.make(tmp_path))


@pytest.mark.parametrize("locked", ["file", "folder"])
def test_without_permission(locked: str, open_folder: Path) -> None:
    for name in ("readable.png", "locked.png"):
        plain().save(open_folder / name)
    folder = open_folder / "folder"
    folder.mkdir()
    plain().save(folder / "inside.png")
    if locked == "file":
        path = open_folder / "locked.png"
        path.chmod(0)
    else:
        path = folder / "inside.png"
        folder.chmod(0)
    readable = run_in_child(lambda: image.read(open_folder / "readable.png").shape, unprivileged=True)
    answer = run_in_child(lambda: image.read(path), unprivileged=True)
    folder.chmod(0o755)
    assert readable == "torch.Size([1, 3, 8, 12])"
    assert answer.startswith("ValueError: ")
    assert "may not be read by this user" in answer
    assert_one_sentence(answer.removeprefix("ValueError: "), path)


@pytest.mark.parametrize(
    ("kind", "options"),
    [
        ("PNG", {}),
        ("JPEG", {}),
        ("JPEG", {"progressive": True}),
        ("GIF", {}),
        ("BMP", {}),
        ("WEBP", {}),
        ("TIFF", {}),
        ("TIFF", {"compression": "tiff_lzw"}),
        ("TIFF", {"compression": "tiff_deflate"}),
        ("TIFF", {"compression": "jpeg"}),
    ],
)
def test_wherever_a_file_is_cut(
    kind: str, options: dict[str, object], tmp_path: Path, capfd: pytest.CaptureFixture[str]
) -> None:
    """Cut anywhere, a picture is refused or, where only the end mark is missing, whole: never filled up."""
    data = encode(textured(19, 13), kind, **options)
    path = tmp_path / "cut"
    path.write_bytes(data)
    whole = image.read(path)
    refused = 0
    for length in [*range(1, len(data) - 20, 17), *range(len(data) - 20, len(data))]:
        path.write_bytes(data[:length])
        try:
            picture = image.read(path)
        except ValueError:
            refused += 1
        else:
            assert torch.equal(picture, whole), f"{kind} cut to {length} of {len(data)} bytes was filled up"
    assert refused > len(data) // 25
    assert capfd.readouterr() == ("", "")


@pytest.mark.parametrize("kind", ["PNG", "JPEG", "GIF", "BMP", "WEBP", "TIFF", "AVIF", "PPM", "ICO", "QOI"])
def test_damaged_bytes_raise_nothing_but_value_error(
    kind: str, tmp_path: Path, capfd: pytest.CaptureFixture[str]
) -> None:
    options = {"compression": "tiff_deflate"} if kind == "TIFF" else {}
    good = encode(textured(19, 13), kind, **options)
    random = np.random.default_rng(0)
    path = tmp_path / "damaged"
    for trial in range(40):
        data = np.frombuffer(good, dtype=np.uint8).copy()
        # Half of the damage goes to the header, where it does most.
        where = random.integers(0, 64 if trial % 2 else len(data), 4) % len(data)
        data[where] = random.integers(0, 256, 4)
        path.write_bytes(data.tobytes())
        try:
            image.read(path, max_pixels=100_000)
        except ValueError as error:
            assert_one_sentence(str(error), path)
    assert capfd.readouterr() == ("", "")


def test_the_limit_of_pixels(tmp_path: Path) -> None:
    plain(size=(12, 8)).save(tmp_path / "a.png")
    assert image.read(tmp_path / "a.png", max_pixels=96).shape == (1, 3, 8, 12)
    with pytest.raises(ValueError, match="has 12 x 8 pixels, more than the limit of 95"):
        image.read(tmp_path / "a.png", max_pixels=95)


def test_too_large_is_found_before_decoding(tmp_path: Path) -> None:
    (tmp_path / "a.png").write_bytes(png(13000, 13000, 8, 2, b"not a single row"))
    with pytest.raises(ValueError, match="has 13000 x 13000 pixels"):
        image.read(tmp_path / "a.png", max_pixels=1_000_000)


def test_large_pictures_below_the_limit_come_without_a_warning(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, recwarn: pytest.WarningsRecorder
) -> None:
    plain(size=(12, 8)).save(tmp_path / "a.png")
    monkeypatch.setattr(Image, "MAX_IMAGE_PIXELS", 60)  # Pillow warns from 60 on, and refuses from 120 on
    assert image.read(tmp_path / "a.png").shape == (1, 3, 8, 12)
    assert not recwarn.list
    monkeypatch.setattr(Image, "MAX_IMAGE_PIXELS", 40)
    with pytest.raises(ValueError, match="more pixels than Pillow decodes"):
        image.read(tmp_path / "a.png")


def process_state() -> tuple[object, ...]:
    level = logging.getLogger("PIL").level
    return list(warnings.filters), level, Image.MAX_IMAGE_PIXELS, ImageFile.LOAD_TRUNCATED_IMAGES


@pytest.mark.parametrize("lenient", [False, True])
def test_pillow_is_left_as_it_was(lenient: bool, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Many training scripts set LOAD_TRUNCATED_IMAGES: it stays theirs, and here nothing is filled up."""
    monkeypatch.setattr(ImageFile, "LOAD_TRUNCATED_IMAGES", lenient)
    monkeypatch.setattr(logging.getLogger("PIL"), "level", logging.INFO)
    plain().save(tmp_path / "good.png")
    data = encode(textured(), "JPEG")
    (tmp_path / "cut.jpg").write_bytes(data[: len(data) // 2])
    before = process_state()
    image.read(tmp_path / "good.png")
    with pytest.raises(ValueError, match="cut short"):
        image.read(tmp_path / "cut.jpg")
    assert process_state() == before
    assert before[-1] is lenient


def test_threads_restore_the_process_in_any_order(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(ImageFile, "LOAD_TRUNCATED_IMAGES", True)
    before = process_state()
    first_is_in, second_is_in, first_is_out = threading.Event(), threading.Event(), threading.Event()

    def first() -> None:
        with silence.silence:
            first_is_in.set()
            second_is_in.wait(10)
        first_is_out.set()

    thread = threading.Thread(target=first)
    thread.start()
    first_is_in.wait(10)
    with silence.silence:
        second_is_in.set()
        first_is_out.wait(10)
        assert ImageFile.LOAD_TRUNCATED_IMAGES is False  # still strict for the one that is inside
    thread.join()
    assert process_state() == before


def test_libtiff_speaks_again_afterwards(tmp_path: Path, capfd: pytest.CaptureFixture[str]) -> None:
    if silence._libtiff_setter() is None:
        pytest.skip("this build of Pillow hides libtiff")
    data = tiff_of_damaged_pixels()
    (tmp_path / "a.tif").write_bytes(data)
    with pytest.raises(ValueError, match="damaged"):
        image.read(tmp_path / "a.tif")
    assert capfd.readouterr().err == ""
    with pytest.raises(OSError, match="decoder error"):
        Image.open(io.BytesIO(data)).load()
    assert capfd.readouterr().err != ""


def test_names_that_are_no_text(tmp_path: Path) -> None:
    path = os.fsencode(tmp_path) + b"/\xff\n\x1b[31m.png"
    with open(path, "wb") as file:
        file.write(encode(plain(), "PNG"))
    assert image.read(os.fsdecode(path)).shape == (1, 3, 8, 12)
    os.truncate(path, 20)
    with pytest.raises(ValueError) as refusal:
        image.read(os.fsdecode(path))
    assert str(refusal.value).isprintable()
    with pytest.raises(ValueError, match="cannot be opened"):
        image.read("zero\0byte.png")
