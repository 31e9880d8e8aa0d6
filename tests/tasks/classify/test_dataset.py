"""Pictures by class, in all layouts."""

import shutil
from pathlib import Path

import pytest

from classify_folders import KINDS, cifar_c, drawn, imagenet, imagenet_c, pacs
from gestalt.tasks.classify.dataset import find, find_corrupted


def test_a_part_for_tests_is_taken_as_it_is(tmp_path: Path) -> None:
    root = imagenet(tmp_path / "data", 3)
    found = find(root, aside=0.5)
    assert found.classes == KINDS
    assert (len(found.train), len(found.test)) == (9, 6)
    assert all(one.path.parent.name == KINDS[one.label] for one in (*found.train, *found.test))
    assert found.domains == ()
    assert "train/ and val/: 3 classes, 9 pictures to learn from and 6 to test with" in found.told
    shutil.move(root / "val", root / "test")
    assert len(find(root, aside=0.5).test) == 6
    drawn(root / "test", 1)
    (root / "test/disc").rename(root / "test/zebra")
    with pytest.raises(ValueError, match="has the class 'zebra'"):
        find(root, aside=0.5)


@pytest.mark.parametrize(("aside", "tested"), [(0.01, 1), (0.25, 2), (0.5, 4), (0.99, 8)])
def test_of_class_folders_a_part_of_every_class_is_set_aside(tmp_path: Path, aside: float, tested: int) -> None:
    root = drawn(tmp_path / "data", 9, ending="jpg")
    found = find(root, aside=aside)
    for label in range(3):
        assert sum(one.label == label for one in found.test) == tested
        assert sum(one.label == label for one in found.train) == 9 - tested
    assert not {one.path for one in found.train} & {one.path for one in found.test}
    assert find(root, aside=aside) == found


def test_what_is_set_aside_hangs_on_names_alone(tmp_path: Path) -> None:
    one, other = (drawn(tmp_path / name, 9) for name in ("a", "b"))
    drawn(other, 1, seed=5)
    held = [{path.name for path, *_ in find(root, aside=0.3).test} for root in (one, other)]
    assert len(held[0] - held[1]) <= 3


def test_domains_are_told_apart_and_one_can_be_held_out(tmp_path: Path) -> None:
    root = pacs(tmp_path / "data", 4)
    found = find(root, aside=0.25)
    assert found.domains == ("art_painting", "cartoon", "photo", "sketch")
    assert len(found.test) == 4 * 3
    held = find(root, aside=0.25, held_out="photo")
    assert not any(one.domain == "photo" for one in held.train)
    assert sum(one.domain == "photo" for one in held.test) == 12
    assert sum(one.domain == "sketch" for one in held.test) == 3
    assert "photo held out" in held.told


def test_mistakes_are_told(tmp_path: Path) -> None:
    with pytest.raises(ValueError, match="does not exist"):
        find(tmp_path / "nowhere", aside=0.2)
    (tmp_path / "empty").mkdir()
    with pytest.raises(ValueError, match="of no known layout"):
        find(tmp_path / "empty", aside=0.2)
    root = pacs(tmp_path / "pacs", 2)
    with pytest.raises(ValueError, match="must be one of art_painting, cartoon, photo, sketch, got 'clipart'"):
        find(root, aside=0.2, held_out="clipart")
    shutil.rmtree(root / "sketch/disc")
    with pytest.raises(ValueError, match="only one of art_painting and sketch has 'disc'"):
        find(root, aside=0.2)
    single = drawn(tmp_path / "single", 3)
    with pytest.raises(ValueError, match="has no domains"):
        find(single, aside=0.2, held_out="photo")
    for kind in KINDS[1:]:
        shutil.rmtree(single / kind)
    with pytest.raises(ValueError, match="only the class 'bar'"):
        find(single, aside=0.2)


def test_corruption_sets(tmp_path: Path) -> None:
    found = find_corrupted(imagenet_c(tmp_path / "c"))
    assert found is not None
    assert found.classes == KINDS
    assert list(found.sets) == [("contrast", 1), ("contrast", 5), ("fog", 1), ("fog", 5)]
    assert not found.arrays
    arrays = find_corrupted(cifar_c(tmp_path / "arrays"))
    assert arrays is not None
    assert arrays.arrays
    assert len(arrays.sets) == 10
    assert find_corrupted(drawn(tmp_path / "plain", 1)) is None
    (tmp_path / "arrays/contrast.npy").unlink()
    (tmp_path / "arrays/fog.npy").unlink()
    with pytest.raises(ValueError, match=r"has labels\.npy and no corruption"):
        find_corrupted(tmp_path / "arrays")
