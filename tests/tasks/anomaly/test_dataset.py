"""Folders as people leave them: the MVTec layout with and without masks, many categories, and what is no data set."""

from pathlib import Path

import numpy as np
import pytest
import torch
from PIL import Image

from gestalt.tasks.anomaly.dataset import GOOD, categories, draw, good, read_mask


def fill(folder: Path, *names: str) -> None:
    folder.mkdir(parents=True, exist_ok=True)
    for name in names:
        (folder / name).touch()


@pytest.fixture
def root(tmp_path: Path) -> Path:
    root = tmp_path / "screw"
    fill(root / "train" / "good", "10.png", "2.PNG", "1.jpg", ".hidden.png", "notes.txt")
    fill(root / "test" / "good", "0.png")
    fill(root / "test" / "scratch", "11.jpg", "9.jpg", "bare.bmp")
    fill(root / "test" / "bent", "0.png")
    fill(root / "test", "readme.png")
    fill(root / "ground_truth" / "scratch", "11_mask.png", "9.png", ".9_mask.png")
    return root


def names(paths) -> list[str]:
    return [path.name for path in paths]


def test_the_layout_is_read(root):
    (category,) = categories(root)
    assert category.name == "screw"
    assert names(category.train) == ["1.jpg", "2.PNG", "10.png"]
    found = [(item.path.name, item.label, item.defect, item.mask and item.mask.name) for item in category.test]
    assert found == [
        ("0.png", 0, "good", None),
        ("0.png", 1, "bent", None),
        ("9.jpg", 1, "scratch", "9.png"),
        ("11.jpg", 1, "scratch", "11_mask.png"),
        ("bare.bmp", 1, "scratch", None),
    ]
    assert category.test[2].mask == root / "ground_truth" / "scratch" / "9.png"


def test_many_categories_are_found(root):
    fill(root.parent / "cable" / "train" / "good", "0.png")
    fill(root.parent / "papers" / "good", "0.png")
    one, two = categories(root.parent)
    assert (one.name, one.test) == ("cable", ())
    assert two == categories(root)[0]


def test_a_name_given_as_a_dot_is_resolved(root, monkeypatch):
    monkeypatch.chdir(root)
    assert categories(".")[0].name == "screw"


def test_good_pictures_lie_in_the_folder_or_in_train(root):
    assert names(good(root)) == ["1.jpg", "2.PNG", "10.png"]
    assert names(good(str(root / "test" / "scratch"))) == ["9.jpg", "11.jpg", "bare.bmp"]


def test_what_is_no_data_set_is_named(root, tmp_path):
    with pytest.raises(ValueError, match="gone' does not exist: expected a folder of pictures"):
        categories(tmp_path / "gone")
    with pytest.raises(ValueError, match=r"1\.jpg' is a file: expected a folder"):
        good(root / "train" / "good" / "1.jpg")
    with pytest.raises(ValueError, match="test' is not in the MVTec layout: expected the good pictures in train/good"):
        categories(root / "test")
    fill(tmp_path / "empty" / "train" / "good", ".DS_Store")
    with pytest.raises(ValueError, match="good' holds no picture: expected the good ones there"):
        categories(tmp_path / "empty")
    with pytest.raises(ValueError, match="empty' holds no picture: expected some"):
        good(tmp_path / "empty")


def test_two_masks_of_one_picture_are_refused(root):
    fill(root / "ground_truth" / "scratch", "9.bmp")
    with pytest.raises(ValueError, match=r"9\.jpg' has more than one mask, 9\.bmp and 9\.png"):
        categories(root)


# -- draws -------------------------------------------------------------------------------------------------


def test_draws_are_nested_seeded_and_without_repetition():
    paths = [Path(f"{n}.png") for n in range(30)]
    ten = draw(paths, 10, 3)
    assert draw(paths, 1, 3) == ten[:1]
    assert draw(paths, 5, 3) == ten[:5]
    assert len(set(draw(paths, 30, 3))) == 30
    assert len({tuple(draw(paths, 3, seed)) for seed in range(8)}) == 8


def test_a_draw_touches_no_global_chance():
    state = torch.get_rng_state()
    draw([Path("a"), Path("b")], 1, 0)
    assert torch.equal(state, torch.get_rng_state())


@pytest.mark.parametrize("shots", [0, -1, 3])
def test_more_shots_than_pictures_are_refused(shots):
    with pytest.raises(ValueError, match=f"cannot draw {shots} shots: expected a number from 1 .* pictures, 2"):
        draw([Path("a"), Path("b")], shots, 0)


# -- masks -------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("kind", ["bool", "one", "colour", "wide"])
def test_all_that_is_marked_is_the_mask(tmp_path, kind):
    wanted = np.zeros((5, 7), bool)
    wanted[1:3, 2:6] = True
    values = {
        "bool": wanted,
        "one": wanted.astype(np.uint8),
        "colour": np.dstack([wanted * 0, wanted * 0, wanted * 255]).astype(np.uint8),
        "wide": wanted.astype(np.uint16),
    }[kind]
    Image.fromarray(values).save(tmp_path / "mask.png")
    mask = read_mask(tmp_path / "mask.png", (5, 7))
    assert mask.dtype == bool
    assert np.array_equal(mask, wanted)


def test_noise_of_a_mask_is_none_of_it(tmp_path):
    noisy = np.random.default_rng(0).integers(0, 20, (5, 7)).astype(np.uint8)
    Image.fromarray(noisy).save(tmp_path / "empty.png")
    assert not read_mask(tmp_path / "empty.png", (5, 7)).any()
    noisy[1:3, 2:6] = 240
    Image.fromarray(noisy).save(tmp_path / "mask.png")
    assert read_mask(tmp_path / "mask.png", (5, 7)).sum() == 8


def test_a_mask_of_another_size_is_refused(tmp_path):
    Image.new("L", (7, 5)).save(tmp_path / "mask.png")
    with pytest.raises(
        ValueError, match=r"mask\.png' has 7 x 5 pixels and its picture 5 x 7: expected one of the same"
    ):
        read_mask(tmp_path / "mask.png", (7, 5))


def test_masks_that_cannot_be_read_say_so(tmp_path):
    fill(tmp_path, "mask.png")
    with pytest.raises(ValueError, match=r"mask\.png' is empty"):
        read_mask(tmp_path / "mask.png", (7, 5))


def test_good_is_called_good():
    assert GOOD == "good"
