"""What counts as a picture of a folder, and in which order."""

import os
import subprocess
import sys
from pathlib import Path

import pytest
from PIL import Image

from gestalt.media import image
from gestalt.media.folders import ENDINGS, existing, inside, natural, pictures


def fill(folder: Path, *names: str) -> None:
    folder.mkdir(parents=True, exist_ok=True)
    for name in names:
        (folder / name).touch()


def names(paths) -> list[str]:
    return [path.name for path in paths]


def test_pictures_come_in_natural_order_without_what_is_none(tmp_path):
    fill(tmp_path, "10.png", "2.PNG", "1.jpg", ".hidden.png", "notes.txt", "b.tiff", "A.webp")
    (tmp_path / "3.png").mkdir()
    assert names(pictures(tmp_path)) == ["1.jpg", "2.PNG", "10.png", "A.webp", "b.tiff"]
    assert names(inside(tmp_path)) == ["1.jpg", "2.PNG", "3.png", "10.png", "A.webp", "b.tiff", "notes.txt"]


def test_a_missing_folder_has_no_pictures(tmp_path):
    assert pictures(tmp_path / "gone") == inside(tmp_path / "gone") == []


def test_numbers_count_by_their_values_and_all_names_have_one_order():
    ordered = ["ab", "a10", "a2", "a1b10", "A01b2", "A1b2", "a"]
    assert sorted(ordered, key=natural) == ["a", "A01b2", "A1b2", "a1b10", "a2", "a10", "ab"]
    assert len({str(natural(name)) for name in ["", "0", "00", "\u00b2", "a0", "A0", "a 0"]}) == 7


def test_a_folder_is_there_or_named(tmp_path):
    assert existing(str(tmp_path)) == existing(tmp_path) == tmp_path
    fill(tmp_path, "1.jpg")
    with pytest.raises(ValueError, match=r"gone' does not exist: expected a folder of pictures$"):
        existing(tmp_path / "gone")
    with pytest.raises(ValueError, match=r"1\.jpg' is a file: expected a folder of pictures$"):
        existing(tmp_path / "1.jpg")


def test_a_folder_that_may_not_be_read_is_named(tmp_path, monkeypatch):
    def refuse(path):
        raise PermissionError(13, "Permission denied", str(path))

    monkeypatch.setattr(os, "listdir", refuse)
    with pytest.raises(ValueError, match=r"may not be read by this user: change its permissions or copy it$"):
        pictures(tmp_path)


def test_every_ending_is_of_a_format_that_is_read():
    Image.init()
    readable = {ending for ending, name in Image.registered_extensions().items() if name in image._READABLE}
    assert readable - {".rgba"} <= ENDINGS | {".hif", ".heic", ".avifs", ".mpo", ".icb"}
    assert ENDINGS - readable <= {".psd", ".qoi"}


def test_no_torch_is_needed():
    code = "import sys, gestalt.media.folders; assert not {'torch', 'numpy', 'PIL'} & set(sys.modules)"
    assert subprocess.run([sys.executable, "-c", code]).returncode == 0
