"""Every layout is found, what is held out stays held out, and what cannot be used is told in one sentence."""

import os
import random
import shutil
import subprocess
import sys
import unicodedata
from pathlib import Path

import pytest

from gestalt.tasks.transfer.folders import LISTING, Folders, Side, as_listing, find, listed, refilled, set_aside
from tasks.transfer.celeba_files import write


def fill(folder: Path, count: int, start: int = 0) -> Path:
    folder.mkdir(parents=True, exist_ok=True)
    for n in range(start, start + count):
        (folder / f"{n}.jpg").touch()
    return folder


def names(paths) -> list[str]:
    return [path.name for path in paths]


def counts(found: Folders) -> list[int]:
    return [len(paths) for side in (found.content, found.plain) for paths in side]


def pair(root: Path, content: int = 20, plain: int = 35) -> list[Path]:
    return [fill(root / "worn", content), fill(root / "bare", plain)]


# -- layouts -----------------------------------------------------------------------------------------------


def test_two_folders(tmp_path):
    given = pair(tmp_path)
    fill(given[0] / "more", 3)
    (given[0] / "notes.txt").touch()
    (given[0] / ".1.jpg").touch()
    found = find(given)
    assert counts(found) == [18, 2, 31, 4]
    assert {path.parent for path in found.content.train + found.content.held_out} == {given[0]}
    assert {path.parent for path in found.plain.train + found.plain.held_out} == {given[1]}
    assert found.found == (
        "two folders: 20 pictures with the content, 18 to learn from and 2 held out; "
        "35 pictures without it, 31 to learn from and 4 held out"
    )
    assert find([str(path) for path in given]) == found
    every = sorted(found.content.train + found.content.held_out)
    assert every == sorted(given[0].glob("[0-9]*.jpg"))


def test_pictures_are_in_natural_order(tmp_path):
    for side in find(pair(tmp_path), aside=0.5)[:2]:
        for paths in side:
            assert [int(path.stem) for path in paths] == sorted(int(path.stem) for path in paths)


def test_with_and_without_in_one_root(tmp_path):
    worn, bare = fill(tmp_path / "with", 20), fill(tmp_path / "without", 35)
    found = find([tmp_path])
    assert found[:2] == find([worn, bare])[:2]
    assert found.found.startswith(
        "with/ and without/: 20 pictures with the content, 18 to learn from and 2 held out; 35 "
    )


def test_train_a_is_with_the_content(tmp_path):
    found = find([fill(tmp_path / "trainA", 5).parent, fill(tmp_path / "trainB", 9).parent][:1])
    assert counts(found) == [4, 1, 8, 1]
    assert found.content.train[0].parent.name == "trainA"
    assert found.found.startswith("trainA/ and trainB/: 5 pictures with the content, ")


def test_tests_are_what_is_held_out(tmp_path):
    fill(tmp_path / "trainA", 5)
    fill(tmp_path / "trainB", 9)
    fill(tmp_path / "testA", 1)
    fill(tmp_path / "testB", 3)
    found = find([tmp_path])
    assert counts(found) == [5, 1, 9, 3]
    assert {path.parent.name for path in found.plain.held_out} == {"testB"}
    assert found.found == (
        "trainA/ and trainB/, held out in testA/ and testB/: 6 pictures with the content, 5 to learn from and 1 held "
        "out; 12 pictures without it, 9 to learn from and 3 held out"
    )


def test_a_test_folder_of_one_side_is_enough(tmp_path):
    fill(tmp_path / "trainA", 5)
    fill(tmp_path / "trainB", 9)
    fill(tmp_path / "testB", 3)
    found = find([tmp_path])
    assert counts(found) == [4, 1, 9, 3]
    assert found.found.startswith("trainA/ and trainB/, held out in testB/: 5 pictures with")


def test_what_was_found_is_listed_and_found_again_by_its_names(tmp_path):
    odd = os.fsdecode(b"caf\xff\n\xc3\xa9.png")
    pair(tmp_path / "two", 5, 6)
    (tmp_path / "two/worn" / odd).touch()
    for name, count in (("trainA", 4), ("trainB", 5), ("testA", 2), ("testB", 3)):
        fill(tmp_path / "one" / name, count)
    write(tmp_path / "celeba", rows(20))
    for given, rule in (
        ([tmp_path / "two/worn", tmp_path / "two/bare"], ""),
        ([str(tmp_path / "one")], ""),
        ([tmp_path / "celeba"], "glasses"),
    ):
        found = find(given, rule=rule)
        run = tmp_path / f"run{rule}{len(given)}"
        (run / "outputs").mkdir(parents=True)
        (run / "outputs" / LISTING).write_text(as_listing(found, given), encoding="utf-8")
        again = listed(run, given)
        assert again[:2] == found[:2]
        assert again.found.startswith(f"as {run} took them: {len(found.content.train) + len(found.content.held_out)} ")
    (tmp_path / "two/worn" / odd).unlink()
    fill(tmp_path / "two/bare", 9, start=6)
    again = listed(tmp_path / "run2", [tmp_path / "two/worn", tmp_path / "two/bare"])
    assert counts(again) == [5, 1, 5, 1]
    shutil.rmtree(tmp_path / "two/bare")
    with pytest.raises(ValueError, match=r"bare' does not exist"):
        listed(tmp_path / "run2", [tmp_path / "two/worn", tmp_path / "two/bare"])


def test_a_side_keeps_one_to_learn_from_and_one_held_out():
    a, b, c = (Path(f"{name}.png") for name in "abc")
    assert refilled(Side((a,), (b, c))) == (Side((a,), (b, c)), "")
    assert refilled(Side((a, b, c), ())) == (
        Side((a, b), (c,)),
        "no picture of its side that was to be held out can be read, so 'c.png' alone is held out",
    )
    assert refilled(Side((), (a, b))) == (
        Side((a,), (b,)),
        "no picture of its side that was to be learned from can be read, so 'b.png' alone is held out",
    )


def rows(count: int = 60) -> dict[str, list[str]]:
    return {f"{n:06}.jpg": ["Eyeglasses"] if n % 3 == 0 else [] for n in range(1, count + 1)}


def test_celeba_by_a_rule(tmp_path):
    found = find([write(tmp_path, rows(), missing=["000003.jpg", "000004.jpg"])], rule="glasses")
    assert counts(found) == [17, 2, 35, 4]
    assert found.found == (
        "CelebA by the rule glasses: 19 pictures with the content, 17 to learn from and 2 held out; 39 pictures "
        "without it, 35 to learn from and 4 held out; 2 more are listed and missing"
    )
    assert counts(find([tmp_path], rule="Eyeglasses")) == [17, 2, 35, 4]


def test_the_partition_is_what_is_held_out(tmp_path):
    write(tmp_path, rows(), missing=["000001.jpg"])
    parts = "".join(f"{name} {0 if n < 40 else 1 if n == 40 else 2}\n" for n, name in enumerate(rows(), 1))
    (tmp_path / "list_eval_partition.txt").write_text(parts)
    (tmp_path / "identity_CelebA.txt").write_text("".join(f"{name} 1\n" for name in rows()))
    found = find([tmp_path], rule="glasses")
    assert counts(found) == [13, 7, 25, 13]
    assert names(found.content.held_out)[0] == "000042.jpg"
    assert found.found.startswith(
        "CelebA by the rule glasses, held out by its partition: 20 pictures with the content, "
    )
    assert found.found.endswith("; 1 of the validation part is not used; 1 more is listed and missing")


# -- what is held out --------------------------------------------------------------------------------------


def held(sides: list[Side]) -> set[str]:
    return {path.name for side in sides for path in side.held_out}


def by_name(names) -> dict[Path, str]:
    return {Path("any") / name: name for name in names}


@pytest.mark.parametrize("count", [2, 3, 4, 7, 10, 25])
@pytest.mark.parametrize("aside", [1e-9, 0.1, 0.5, 0.999])
def test_at_least_one_is_held_out_and_never_all(tmp_path, count, aside):
    found = find(pair(tmp_path, count, 30), aside=aside)
    assert len(found.content.held_out) == min(max(round(count * aside), 1), count - 1)
    assert len(found.content.train) + len(found.content.held_out) == count


def test_what_is_held_out_is_written_down(tmp_path):
    """A change of these would let runs that go on test on what they learned from."""
    found = find([fill(tmp_path / "a", 40), fill(tmp_path / "b", 20, 100)])
    assert names(found.content.held_out) == [
        "26.jpg",
        "34.jpg",
        "36.jpg",
        "38.jpg",
    ]  # least by `printf NAME | sha256sum`
    assert names(found.plain.held_out) == ["114.jpg", "115.jpg"]


def test_the_place_and_the_order_of_files_change_nothing(tmp_path):
    given = pair(tmp_path / "here")
    other = [tmp_path / "there" / "1", tmp_path / "there" / "2"]
    for folder, theirs in zip(other, given, strict=True):
        folder.mkdir(parents=True)
        for path in sorted(theirs.iterdir(), reverse=True):
            (folder / path.name).touch()
    found, again = find(given), find(other)
    assert [names(paths) for side in found[:2] for paths in side] == [
        names(paths) for side in again[:2] for paths in side
    ]
    shuffled = [f"{n}.jpg" for n in range(50)]
    wanted = held(set_aside([by_name(shuffled)], 0.2))
    random.Random(0).shuffle(shuffled)
    assert held(set_aside([by_name(shuffled)], 0.2)) == wanted
    assert 1 < len({path for path in wanted if int(path[:-4]) < 25}) < 10


def test_names_with_accents_are_one_however_they_are_stored():
    texts = [f"caf\u00e9 {n}.jpg" for n in range(40)]
    stored = [unicodedata.normalize("NFD", text) for text in texts]
    assert stored != texts
    wanted = held(set_aside([by_name(texts)], 0.2))
    assert {unicodedata.normalize("NFC", name) for name in held(set_aside([by_name(stored)], 0.2))} == wanted


def test_names_that_are_no_text_can_be_held_out():
    assert len(held(set_aside([by_name([os.fsdecode(b"\xff%d.png" % n) for n in range(9)])], 0.5))) == 4


def test_one_more_picture_moves_at_most_one_across():
    chance = random.Random(0)
    every = [f"IMG_{chance.randrange(10**6)}.jpg" for _ in range(150)]
    before: set[str] = set()
    moves = 0
    for count in range(2, len(every)):
        after = held(set_aside([by_name(every[:count])], 0.1))
        moved = (before ^ after) - {every[count - 1]}
        assert len(moved) <= 1
        moves, before = moves + len(moved), after
    assert moves < 40


def test_persons_are_not_split(tmp_path):
    chance = random.Random(0)
    everyone = {name: chance.randrange(60) for name in rows(600)}
    write(tmp_path, rows(600))
    (tmp_path / "identity_CelebA.txt").write_text("".join(f"{name} {who}\n" for name, who in everyone.items()))
    found = find([tmp_path], rule="glasses")
    learned = {everyone[path.name] for side in found[:2] for path in side.train}
    tested = {everyone[path.name] for side in found[:2] for path in side.held_out}
    assert learned | tested == set(range(60))
    assert not learned & tested
    assert 20 <= len(found.content.held_out) <= 30
    assert 40 <= len(found.plain.held_out) <= 60
    assert found.found.startswith("CelebA by the rule glasses, held out by persons: 200 pictures with the content, ")


def test_pictures_of_nobody_known_hang_on_their_names(tmp_path):
    write(tmp_path, rows(40))
    plain = find([tmp_path], rule="glasses")
    (tmp_path / "identity_CelebA.txt").write_text("elsewhere.jpg 1\n")
    assert find([tmp_path], rule="glasses")[:2] == plain[:2]


def test_whoever_is_on_most_pictures_is_learned_from():
    for other in "012345":  # before and after number 7 in the order of hashes
        side = {Path(f"{n}"): "7" for n in range(20)} | {Path("other"): other}
        (only,) = set_aside([side], 0.3)
        assert names(only.held_out) == ["other"]


def test_one_more_picture_of_a_person_moves_few_across():
    chance = random.Random(0)
    every = [(Path(f"{n}.jpg"), str(chance.randrange(100))) for n in range(600)]
    before = held(set_aside([dict(every[:300])], 0.1))
    after = held(set_aside([dict(every[:301])], 0.1))
    assert len((before ^ after) - {"300.jpg"}) <= 10


def test_persons_that_cannot_be_kept_apart_are_refused(tmp_path):
    write(tmp_path, rows())
    (tmp_path / "identity_CelebA.txt").write_text(
        "".join(f"{name} {1 if shown else n}\n" for n, (name, shown) in enumerate(rows().items()))
    )
    with pytest.raises(
        ValueError, match=r"^no persons can be held out of both sides .* or remove identity_CelebA\.txt"
    ):
        find([tmp_path], rule="glasses")


# -- mistakes ----------------------------------------------------------------------------------------------


@pytest.mark.parametrize("aside", [0, 1, -0.1, 1.5, float("nan"), float("inf")])
def test_a_share_is_below_one_and_above_none(tmp_path, aside):
    with pytest.raises(ValueError, match=f"^the share held out must lie between 0 and 1, got {aside}$"):
        find(pair(tmp_path), aside=aside)


@pytest.mark.parametrize("count", [0, 3])
def test_other_numbers_of_folders_are_refused(tmp_path, count):
    with pytest.raises(ValueError, match=f"^got {count} folders: expected two, with the content and without, or one"):
        find([tmp_path] * count)


def test_missing_folders_are_named(tmp_path):
    worn, _ = pair(tmp_path)
    with pytest.raises(ValueError, match="gone' does not exist: expected a folder of pictures"):
        find([worn, tmp_path / "gone"])
    with pytest.raises(ValueError, match="gone' does not exist: expected a folder of pictures"):
        find([tmp_path / "gone"], rule="glasses")
    with pytest.raises(ValueError, match=r"1\.jpg' is a file: expected a folder of pictures"):
        find([worn / "1.jpg"])


def test_too_few_pictures_are_refused(tmp_path):
    worn, _ = pair(tmp_path)
    with pytest.raises(ValueError, match="one' holds one picture only: expected at least 2, one to learn from and one"):
        find([fill(tmp_path / "one", 1), worn])
    (tmp_path / "none").mkdir()
    with pytest.raises(ValueError, match="none' holds no picture: expected at least 2"):
        find([worn, tmp_path / "none"])
    fill(tmp_path / "trainA", 1)
    fill(tmp_path / "trainB", 9)
    fill(tmp_path / "testA", 3)
    with pytest.raises(ValueError, match="trainA' holds one picture only: expected at least 2"):
        find([tmp_path])


def test_an_empty_test_folder_is_refused(tmp_path):
    fill(tmp_path / "trainA", 5)
    fill(tmp_path / "trainB", 9)
    fill(tmp_path / "testA", 0)
    with pytest.raises(
        ValueError, match=r"testA' holds no picture: expected what is to be held out .* or remove the folder"
    ):
        find([tmp_path])


def test_one_folder_twice_is_refused(tmp_path):
    worn, _ = pair(tmp_path)
    (tmp_path / "link").symlink_to(worn)
    for other in (worn, tmp_path / "bare" / ".." / "worn", tmp_path / "link"):
        with pytest.raises(ValueError, match="are the same folder: expected one with the content and another without"):
            find([worn, other])
    fill(tmp_path / "trainA", 5)
    fill(tmp_path / "trainB", 9)
    (tmp_path / "testA").symlink_to(tmp_path / "trainA")
    with pytest.raises(ValueError, match=r"trainA' and .*testA' are the same folder"):
        find([tmp_path])


def test_a_root_of_no_layout_is_told_the_layouts(tmp_path):
    fill(tmp_path, 30)
    fill(tmp_path / "with", 5)
    fill(tmp_path / "trainB", 5)
    with pytest.raises(ValueError) as error:
        find([tmp_path])
    for part in (
        "is of no known layout",
        "with/ and without/",
        "trainA/ and trainB/",
        "list_attr_celeba.txt",
        "two folders",
    ):
        assert part in str(error.value)


def test_a_root_of_two_layouts_is_refused(tmp_path):
    for name in ("with", "without", "trainA", "trainB"):
        fill(tmp_path / name, 4)
    with pytest.raises(
        ValueError, match="holds with/ and without/, and trainA/ and trainB/ too: expected one such pair"
    ):
        find([tmp_path])


def test_a_rule_is_for_celeba_alone(tmp_path):
    given = pair(tmp_path)
    with pytest.raises(
        ValueError, match=r"^the rule 'glasses' was given with two folders: expected one root of CelebA"
    ):
        find(given, rule="glasses")
    fill(tmp_path / "with", 4)
    fill(tmp_path / "without", 4)
    with pytest.raises(ValueError, match=r"is not in the layout of CelebA, .* for other folders leave the rule out$"):
        find([tmp_path], rule="glasses")


def test_celeba_needs_a_known_rule(tmp_path):
    write(tmp_path, rows())
    with pytest.raises(
        ValueError, match="has the attributes of CelebA: expected a rule with it, glasses, mouth-open, "
    ):
        find([tmp_path])
    with pytest.raises(ValueError, match="the rule 'hat' is not known: expected glasses, "):
        find([tmp_path], rule="hat")


def test_a_rule_that_finds_too_few_is_refused(tmp_path):
    write(tmp_path, rows() | {"1.jpg": ["Bald"]}, missing=["000001.jpg"])
    with pytest.raises(
        ValueError, match=r"the rule 'Bald' finds in .*, with the content, one picture only: expected at"
    ):
        find([tmp_path], rule="Bald")
    with pytest.raises(
        ValueError, match=r"the rule 'Male:Bald' finds in .*, with the content, no picture: expected at"
    ):
        find([tmp_path], rule="Male:Bald")


def test_a_partition_that_leaves_nothing_is_refused(tmp_path):
    write(tmp_path, rows())
    (tmp_path / "list_eval_partition.txt").write_text("".join(f"{name} 0\n" for name in rows()))
    with pytest.raises(ValueError, match="leaves a side of the rule with 20 pictures to learn from and 0 to test with"):
        find([tmp_path], rule="glasses")


def test_no_torch_is_needed():
    code = "import sys, gestalt.tasks.transfer.folders; assert not {'torch', 'numpy', 'PIL'} & set(sys.modules)"
    assert subprocess.run([sys.executable, "-c", code]).returncode == 0
