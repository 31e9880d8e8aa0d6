"""Pictures by class, in all layouts."""

import shutil
from pathlib import Path

import pytest

from classify_folders import KINDS, cifar_c, drawn, imagenet, imagenet_c, pacs
from gestalt.tasks.classify.dataset import (
    find,
    find_corrupted,
    find_tested,
    find_unlabelled,
    without,
    without_some,
)


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


@pytest.mark.parametrize("names", [("train", "valid"), ("Train", "Validation"), ("TRAIN", "VAL"), ("train", "Test")])
def test_parts_have_names_in_any_case_and_are_no_domains(tmp_path: Path, names: tuple[str, str]) -> None:
    for name, count in zip(names, (3, 2), strict=True):
        drawn(tmp_path / name, count)
    found = find(tmp_path, aside=0.5)
    assert (len(found.train), len(found.test), found.domains) == (9, 6, ())
    assert found.layout == f"{names[0]}/ and {names[1]}/"


def test_nothing_to_test_with_is_told(tmp_path: Path) -> None:
    with pytest.raises(ValueError, match="nothing to test with, expected at least two pictures of a class"):
        find(drawn(tmp_path / "one", 1), aside=0.5)
    root = imagenet(tmp_path / "data")
    shutil.rmtree(root / "val")
    (root / "val").mkdir()
    with pytest.raises(ValueError, match="nothing to test with"):
        find(root, aside=0.5)
    shutil.move(root / "train", root / "val/train")
    (root / "train").mkdir()
    with pytest.raises(ValueError, match="has no class folders"):
        find(root, aside=0.5)


def test_everything_is_tested_where_nothing_is_set_aside(tmp_path: Path) -> None:
    found = find_tested(drawn(tmp_path / "data", 4), aside=None)
    assert (len(found.train), len(found.test)) == (0, 12)
    assert found.told == "class folders: 3 classes, 12 pictures to test with"
    assert len(find_tested(tmp_path / "data", aside=0.25).test) == 3
    domains = find_tested(pacs(tmp_path / "pacs", 2), aside=None)
    assert (len(domains.test), len(domains.domains)) == (24, 4)
    assert len(find_tested(imagenet(tmp_path / "imagenet"), aside=None).test) == 6


def test_what_cannot_be_read_is_not_counted(tmp_path: Path) -> None:
    found = find(drawn(tmp_path / "data", 4), aside=0.25)
    bad = {found.train[0].path: "damaged", found.test[0].path: "damaged"}
    assert without(found, bad).told == "class folders: 3 classes, 8 pictures to learn from and 2 to test with"
    with pytest.raises(ValueError, match="to learn the class 'disc' from none can be read: damaged"):
        without(found, {one.path: "damaged" for one in found.train if one.label == 1})
    with pytest.raises(ValueError, match="of the 3 pictures to test with none can be read: damaged"):
        without(found, {one.path: "damaged" for one in found.test})
    corrupted = find_corrupted(imagenet_c(tmp_path / "c"))
    assert corrupted is not None
    fog = [one.path for one in corrupted.sets["fog", 5]]
    assert len(without_some(corrupted, {fog[0]: "damaged"}).sets["fog", 5]) == 5
    with pytest.raises(ValueError, match="of fog/5 none can be read: damaged"):
        without_some(corrupted, dict.fromkeys(fog, "damaged"))


@pytest.mark.parametrize(("name", "words"), [("d\nisc", "has a line break"), ("d\udce9", "is not UTF-8")])
def test_names_that_tables_cannot_hold_are_told(tmp_path: Path, name: str, words: str) -> None:
    for root in (
        drawn(tmp_path / "data", 2),
        imagenet(tmp_path / "parts") / "train",
        pacs(tmp_path / "pacs") / "photo",
    ):
        (root / "disc").rename(root / name)
    (imagenet_c(tmp_path / "c") / "fog").rename(tmp_path / "c" / name)
    pacs(tmp_path / "domains").joinpath("photo").rename(tmp_path / "domains" / name)
    for folder in ("data", "parts", "pacs", "domains"):
        with pytest.raises(ValueError, match=words):
            find(tmp_path / folder, aside=0.5)
    with pytest.raises(ValueError, match=words):
        find_corrupted(tmp_path / "c")


def test_pictures_without_labels(tmp_path: Path) -> None:
    root = tmp_path / "flat"
    root.mkdir()
    for path in drawn(tmp_path / "data", 2).rglob("*.png"):
        shutil.copy(path, root)
    assert len(find_unlabelled(root)) == 6
    for labelled in (tmp_path / "data", pacs(tmp_path / "pacs", 1), imagenet(tmp_path / "imagenet")):
        shutil.copy(root / "bar_0_0.png", labelled)
        assert find_unlabelled(labelled) == []


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
