"""Rules choose what they say, by the attributes' names; damaged files are named by their lines."""

import itertools
import random
from collections.abc import Callable
from pathlib import Path

import pytest

from gestalt.tasks.transfer.celeba import RULES, Rule, Wanted, fits, is_root, parse, read
from tasks.transfer.celeba_files import NAMES, line, write

Has = Callable[[set[int]], object]


def shaved(x: set[int]) -> bool:
    return {21, 25} <= x and not x & {1, 17, 23}


def bearded(x: set[int]) -> bool:
    return 21 in x and 1 not in x and (bool(x & {17, 23}) or 25 not in x)


BY_NUMBER: dict[str, tuple[Has, Has]] = {
    "glasses": (lambda x: 16 in x, lambda x: 16 not in x),
    "mouth-open": (lambda x: 22 in x, lambda x: 22 not in x),
    "facial-hair": (bearded, shaved),
    "female-glasses": (lambda x: 16 in x and 21 not in x, lambda x: 16 not in x and 21 not in x),
    "male-glasses": (lambda x: {16, 21} <= x, lambda x: 16 not in x and 21 in x),
    "blond-women": (lambda x: x & {9, 10, 21} == {9}, lambda x: x & {9, 10, 21} == {10}),
    "bald": (lambda x: x & {5, 21, 36, 40} == {21}, lambda x: x & {5, 18, 21, 29, 36} == {5, 21}),
    "smile": (lambda x: 32 in x, lambda x: 32 not in x),
    "beard-glasses": (lambda x: bearded(x) and 16 not in x, lambda x: shaved(x) and 16 in x),
    "beard-smile": (lambda x: bearded(x) and 32 not in x, lambda x: shaved(x) and 32 in x),
    "smile-glasses": (lambda x: x & {16, 32} == {32}, lambda x: x & {16, 32} == {16}),
    "male-female": (lambda x: 21 in x, lambda x: 21 not in x),
    "blond-black": (lambda x: x & {9, 10} == {10}, lambda x: x & {9, 10} == {9}),
}
"""Both sides by the numbers of attributes, from 1."""

ROWS = {
    "000001.jpg": ["Male", "Eyeglasses", "Mustache", "No_Beard"],
    "000002.jpg": ["Male", "No_Beard", "Smiling", "Young"],
    "000003.jpg": ["Black_Hair", "No_Beard", "Young", "Mouth_Slightly_Open"],
    "000004.jpg": ["Blond_Hair", "No_Beard", "Eyeglasses"],
    "000005.jpg": ["Male", "Bald", "5_o_Clock_Shadow"],
    "000006.jpg": ["Male", "Bald", "Gray_Hair", "No_Beard", "Eyeglasses"],
    "000007.jpg": ["Male", "Goatee", "Black_Hair", "Wearing_Hat"],
    "000008.jpg": ["Blond_Hair", "Black_Hair", "No_Beard"],
}

SIDES = {
    "glasses": ("146", "23578"),
    "mouth-open": ("3", "1245678"),
    "facial-hair": ("17", "26"),
    "female-glasses": ("4", "38"),
    "male-glasses": ("16", "257"),
    "blond-women": ("3", "4"),
    "bald": ("1", "5"),
    "smile": ("2", "1345678"),
    "beard-glasses": ("7", "6"),
    "beard-smile": ("17", "2"),
    "smile-glasses": ("2", "146"),
    "male-female": ("12567", "348"),
    "blond-black": ("4", "37"),
    "Young": ("23", "145678"),
    "Bald": ("56", "123478"),
    "Eyeglasses:Male": ("4", "257"),
}


def sides(root: Path, rule: str) -> tuple[list[str], ...]:
    listing = read(root, rule)
    return tuple([path.name for path in side] for side in (listing.content, listing.plain))


def test_the_attributes_have_their_numbers():
    assert len(NAMES) == len(set(NAMES)) == 40
    numbers = dict(enumerate(NAMES, 1))
    assert [numbers[n] for n in (1, 5, 9, 10, 16, 17, 18)] == [
        "5_o_Clock_Shadow", "Bald", "Black_Hair", "Blond_Hair", "Eyeglasses", "Goatee", "Gray_Hair",
    ]  # fmt: skip
    assert [numbers[n] for n in (21, 22, 23, 25, 29, 32, 36, 40)] == [
        "Male", "Mouth_Slightly_Open", "Mustache", "No_Beard", "Receding_Hairline", "Smiling", "Wearing_Hat", "Young",
    ]  # fmt: skip


@pytest.mark.parametrize("rule", SIDES)
def test_a_rule_chooses_both_sides(tmp_path, rule):
    assert sides(write(tmp_path, ROWS), rule) == tuple([f"00000{n}.jpg" for n in side] for side in SIDES[rule])


def test_every_named_rule_is_tried():
    assert set(RULES) == set(BY_NUMBER) == {rule for rule in SIDES if rule.islower()}


@pytest.mark.parametrize("rule", RULES)
def test_rules_by_names_are_those_by_numbers(tmp_path, rule):
    chance = random.Random(0)
    rows = {f"{n}.jpg": {name for name in NAMES if chance.random() < 0.4} for n in range(1, 400)}
    wanted = [
        [name for name, shown in rows.items() if has({NAMES.index(one) + 1 for one in shown})]
        for has in BY_NUMBER[rule]
    ]
    assert all(wanted)
    assert list(sides(write(tmp_path, rows), rule)) == wanted


@pytest.mark.parametrize("rule", [*RULES.values(), parse("Young:Male", NAMES, Path()), parse("Bangs", NAMES, Path())])
def test_nothing_fits_both_sides(rule):
    used = sorted({name.removeprefix("-") for wanted in rule for part in wanted for name in part})
    assert set(used) <= set(NAMES)
    for shown in itertools.product([False, True], repeat=len(used)):
        attributes = set(itertools.compress(used, shown))
        assert not (fits(rule.content, attributes) and fits(rule.plain, attributes))


def test_one_of_several_is_enough():
    wanted = Wanted(either=("Goatee", "-No_Beard"))
    assert [fits(wanted, has) for has in (set(), {"Goatee"}, {"No_Beard"}, {"Goatee", "No_Beard"})] == [1, 1, 0, 1]
    assert fits(Wanted(), set())


def test_named_rules_come_before_attributes_and_capitals_tell_them_apart():
    assert parse("bald", NAMES, Path()) == RULES["bald"]
    assert parse("Bald", NAMES, Path()) == Rule(Wanted(("Bald",)), Wanted((), ("Bald",)))


# -- layouts -----------------------------------------------------------------------------------------------


@pytest.mark.parametrize(("anno", "img", "others"), [("", "", ""), ("Anno", "Img", "Eval"), ("Anno", "", "Anno")])
def test_files_lie_in_the_root_or_where_the_authors_put_them(tmp_path, anno, img, others):
    root = write(tmp_path, ROWS, anno=anno, img=img)
    (root / others).mkdir(exist_ok=True)
    (root / anno / "identity_CelebA.txt").write_text("000001.jpg 2880\n000002.jpg 17\n")
    (root / others / "list_eval_partition.txt").write_text("".join(f"{name} {n % 3}\n" for n, name in enumerate(ROWS)))
    listing = read(root, "glasses")
    assert is_root(root)
    assert listing.content[0] == root / img / "img_align_celeba" / "000001.jpg"
    assert listing.persons == {"000001.jpg": "2880", "000002.jpg": "17"}
    assert listing.parts is not None
    assert "".join(listing.parts.values()) == "01201201"
    assert listing.missing == 0


def test_what_is_not_there_is_left_out_and_counted(tmp_path):
    listing = read(write(tmp_path, ROWS, missing=["000004.jpg", "000005.jpg", "000008.jpg"]), "smile-glasses")
    assert [path.name for path in listing.content + listing.plain] == ["000002.jpg", "000001.jpg", "000006.jpg"]
    assert listing.missing == 1
    assert (listing.persons, listing.parts) == ({}, None)


def test_lines_are_read_in_any_order_with_empty_ones_and_a_mark_before_them(tmp_path):
    write(tmp_path, ROWS)
    wanted, path = read(tmp_path, "smile"), tmp_path / "list_attr_celeba.txt"
    count, names, *lines = path.read_text().splitlines(keepends=True)
    path.write_text("\ufeff" + "\r\n".join([count, names, *reversed(lines), "\n"]), encoding="utf-8")
    assert read(tmp_path, "smile") == wanted


def test_other_layouts_are_refused(tmp_path):
    message = (
        r"is not in the layout of CelebA, which the rule 'glasses' needs: expected list_attr_celeba\.txt \(or Anno/"
    )
    with pytest.raises(ValueError, match=message):
        read(tmp_path, "glasses")
    assert not is_root(tmp_path)
    (tmp_path / "list_attr_celeba.txt").write_text(f"0\n{' '.join(NAMES)}\n")
    with pytest.raises(ValueError, match=message):
        read(tmp_path, "glasses")


def test_pictures_that_are_all_missing_are_refused(tmp_path):
    write(tmp_path, ROWS, missing=ROWS)
    with pytest.raises(
        ValueError, match=r"none of the 8 pictures that .* lists for the rule 'glasses' is in .*00001\.jpg"
    ):
        read(tmp_path, "glasses")


# -- mistakes ----------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("rule", "message"),
    [
        (
            "facial_hair",
            r"rule 'facial_hair' is not known \(did you mean facial-hair\?\): expected glasses, mouth-open, ",
        ),
        ("young", r"rule 'young' is not known \(did you mean Young\?\): .*; or an attribute of the file, NAME, or one"),
        ("xyzzy", r"rule 'xyzzy' is not known: expected .* bald, smile, beard-glasses"),
        ("Smiling:Glasses", r"'Glasses' of the rule 'Smiling:Glasses' is no attribute of .* \(did you mean Eyeglasses"),
        ("smile:Male", r"'smile' of the rule 'smile:Male' is no attribute of .*: expected two of 5_o_Clock_Shadow, "),
        ("Male:", r"'' of the rule 'Male:' is no attribute"),
        ("Male:Male", r"rule 'Male:Male' names one attribute twice: expected two, or Male alone"),
    ],
)
def test_unknown_rules_are_named_with_what_there_is(tmp_path, rule, message):
    with pytest.raises(ValueError, match=message):
        read(write(tmp_path, ROWS), rule)


def test_a_rule_whose_attributes_the_file_lacks_is_refused(tmp_path):
    write(tmp_path, {})
    (tmp_path / "list_attr_celeba.txt").write_text("1\nRound Green\n1.jpg 1 -1\n")
    (tmp_path / "img_align_celeba" / "1.jpg").touch()
    assert sides(tmp_path, "Round:Green") == (["1.jpg"], [])
    with pytest.raises(ValueError, match="has no attribute Eyeglasses, which the rule 'glasses' needs"):
        read(tmp_path, "glasses")


@pytest.mark.parametrize(
    ("number", "text", "message"),
    [
        (1, "eight\n", "the number of pictures alone"),
        (1, "", "the number of pictures alone"),
        (2, "Male Male\n", "the names of the attributes, none twice"),
        (5, line("000003.jpg", [])[:-4] + "\n", "a file name and 40 times 1 or -1"),
        (5, line("000003.jpg", []).replace("-1", "0", 1), "a file name and 40 times 1 or -1"),
        (10, "000008.jpg\n", "a file name and 40 times 1 or -1"),
        (10, line("000001.jpg", []), r"one line for 000001\.jpg, not a second one"),
    ],
)
def test_damaged_attributes_are_named_by_the_line(tmp_path, number, text, message):
    path = write(tmp_path, ROWS) / "list_attr_celeba.txt"
    lines = path.read_text().splitlines(keepends=True)
    lines[number - 1] = text
    path.write_text("".join(lines))
    with pytest.raises(
        ValueError, match=rf"^line {number} of .*attr_celeba\.txt' is damaged: expected {message}; mend"
    ):
        read(tmp_path, "glasses")


def test_a_list_that_was_cut_short_is_refused(tmp_path):
    path = write(tmp_path, ROWS) / "list_attr_celeba.txt"
    lines = path.read_text().splitlines(keepends=True)
    path.write_text("".join(lines[:-2]))
    with pytest.raises(
        ValueError, match=r"attr_celeba\.txt' is cut short or was changed: .* says 8 pictures, and it lists 6; restore"
    ):
        read(tmp_path, "Young")


@pytest.mark.parametrize(("text", "number"), [("", 1), ("8\n", 2)])
def test_a_file_without_names_is_damaged(tmp_path, text, number):
    path = write(tmp_path, ROWS) / "list_attr_celeba.txt"
    path.write_text(text)
    with pytest.raises(ValueError, match=rf"^line {number} of .* is damaged"):
        read(tmp_path, "glasses")


def test_binary_files_are_damaged(tmp_path):
    (write(tmp_path, ROWS) / "list_attr_celeba.txt").write_bytes(bytes(range(256)))
    with pytest.raises(ValueError, match="is damaged: expected the number of pictures"):
        read(tmp_path, "glasses")


@pytest.mark.parametrize(
    ("file", "text", "message"),
    [
        (
            "identity_CelebA.txt",
            "000001.jpg 3\n000002.jpg\n",
            r"line 2 of .*CelebA\.txt' is damaged: expected a file name and a person",
        ),
        ("identity_CelebA.txt", "1.jpg 3\n\n1.jpg 4\n", r"line 3 .* expected for 1\.jpg the same as before, 3"),
        ("list_eval_partition.txt", "000001.jpg 3\n", "line 1 .* expected a file name and 0 or 1 or 2"),
        (
            "list_eval_partition.txt",
            "000001.jpg 0\n",
            r"_partition\.txt' has no line for 000004\.jpg: complete it, or remove it",
        ),
    ],
)
def test_damaged_companions_are_named_by_the_line(tmp_path, file, text, message):
    (write(tmp_path, ROWS) / file).write_text(text)
    with pytest.raises(ValueError, match=message):
        read(tmp_path, "glasses")


def test_a_file_that_cannot_be_read_is_named(tmp_path, monkeypatch):
    write(tmp_path, ROWS)
    monkeypatch.setattr(
        "builtins.open", lambda *_, **__: (_ for _ in ()).throw(PermissionError(13, "Permission denied"))
    )
    with pytest.raises(
        ValueError, match=r"attr_celeba\.txt' cannot be read \(Permission denied\): expected a text file"
    ):
        read(tmp_path, "glasses")
