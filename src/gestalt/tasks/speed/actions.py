"""Data sets for action recognition: videos in class folders, and lists of which are to train with and to test with.

The videos lie anywhere under the data set, each in a folder of its class's name. The lists lie in the data set itself,
in ucfTrainTestlist, in splits or in testTrainMulti_7030_splits, and are those of

    UCF101    classInd.txt           lines "1 ApplyEyeMakeup": all classes, in their order
              trainlist01.txt        lines "ApplyEyeMakeup/v_1.avi 1"; the number may be missing
              testlist01.txt         lines "ApplyEyeMakeup/v_2.avi"; a number may be there
    HMDB51    <class>_test_split1.txt    for every class, lines "name.avi 1": 1 trains, 2 tests, 0 is left out

References:
    Soomro, Zamir, Shah: UCF101 - A Dataset of 101 Human Actions Classes From Videos in The Wild. CRCV-TR-12-01, 2012.
    Kuehne, Jhuang, Garrote, Poggio, Serre: HMDB - A Large Video Database for Human Motion Recognition. ICCV 2011.
"""

import os
import re
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import NamedTuple

from gestalt.media.atomic import AnyPath, quoted

LISTS = (".", "ucfTrainTestlist", "splits", "testTrainMulti_7030_splits")
"""Folders of a data set in which its lists may lie."""

NAMED = 3
"""Missing videos that are named; of more only the number is told."""

Listed = tuple[str, str]
"""A video as a list has it: its class and its file's name."""


class Labelled(NamedTuple):
    """A video and the number of its class."""

    path: Path
    label: int


class Actions(NamedTuple):
    """One split of a data set.

    classes: their names; labels are places in it.
    train, test: neither is empty, and no video is in both.
    """

    classes: tuple[str, ...]
    train: tuple[Labelled, ...]
    test: tuple[Labelled, ...]


def read(folder: AnyPath, split: int = 1) -> Actions:
    """Find out what to train and to test with.

    Args:
        folder: of the data set.
        split: number of the lists, from 1 on.

    Raises:
        ValueError: the folder, the lists or videos are missing; or a list is damaged or empty, names a class that is
            not there, or a video twice.
    """
    root = Path(os.fsdecode(folder))
    if not root.is_dir():
        raise ValueError(f"{quoted(root)} is no folder: expected a data set in the UCF101 or HMDB51 layout")
    for place in (root / name for name in LISTS):
        if (place / f"trainlist{split:02d}.txt").is_file():
            classes, lists = _ucf(place, split)
            break
        if found := sorted(place.glob(f"*_test_split{split}.txt")):
            classes, lists = _hmdb(found, split)
            break
    else:
        raise ValueError(_no_lists(root, split))
    for name, listed in zip(("train", "test"), lists, strict=True):
        if not listed:
            raise ValueError(f"split {split} of {quoted(root)} has no video to {name} with: check its lists")
    seen: set[Listed] = set()
    for one in (*lists[0], *lists[1]):
        if one in seen:
            raise ValueError(f"split {split} of {quoted(root)} has {'/'.join(one)} twice: expected each video once")
        seen.add(one)
    files = _files(root, seen)
    missing = ["/".join(one) for listed in lists for one in listed if one not in files]
    if missing:
        more = "" if len(missing) <= NAMED else " and others"
        raise ValueError(
            f"{len(missing)} of the {len(seen)} videos of split {split} are not under {quoted(root)}: "
            f"{', '.join(missing[:NAMED])}{more}"
        )
    label = {name: n for n, name in enumerate(classes)}
    train, test = (tuple(Labelled(files[one], label[one[0]]) for one in listed) for listed in lists)
    return Actions(classes, train, test)


def _ucf(place: Path, split: int) -> tuple[tuple[str, ...], tuple[list[Listed], list[Listed]]]:
    numbers: dict[str, str] = {}
    for words in _lines(place / "classInd.txt"):
        if len(words) != 2 or not words[0].isdecimal():
            raise ValueError(
                f"{quoted(place / 'classInd.txt')} has the line {' '.join(words)!r}: expected '1 ClassName'"
            )
        numbers[words[1]] = words[0]
    lists = tuple(_ucf_list(place / f"{kind}list{split:02d}.txt", numbers) for kind in ("train", "test"))
    return tuple(sorted(numbers, key=lambda name: int(numbers[name]))), (lists[0], lists[1])


def _ucf_list(path: Path, numbers: Mapping[str, str]) -> list[Listed]:
    listed = []
    for words in _lines(path):
        name, _, file = words[0].partition("/")
        if not file or "/" in file:
            raise ValueError(f"{quoted(path)} has the line {' '.join(words)!r}: expected 'Class/video.avi 1'")
        if name not in numbers:
            raise ValueError(f"{quoted(path)} names the class {name!r}, which classInd.txt beside it does not have")
        if len(words) == 2 and words[1] != numbers[name]:
            raise ValueError(
                f"{quoted(path)} calls {name!r} class {words[1]}, and classInd.txt calls it {numbers[name]}"
            )
        listed.append((name, file))
    return listed


def _hmdb(paths: Sequence[Path], split: int) -> tuple[tuple[str, ...], tuple[list[Listed], list[Listed]]]:
    lists: dict[str, list[Listed]] = {"1": [], "2": [], "0": []}
    classes = [path.name.removesuffix(f"_test_split{split}.txt") for path in paths]
    for path, name in zip(paths, classes, strict=True):
        for words in _lines(path):
            if len(words) != 2 or words[1] not in lists:
                raise ValueError(f"{quoted(path)} has the line {' '.join(words)!r}: expected 'video.avi' and 0, 1 or 2")
            lists[words[1]].append((name, words[0]))
    return tuple(classes), (lists["1"], lists["2"])


def _lines(path: Path) -> list[list[str]]:
    """The lines of a list that are not empty, as a name, which may have blanks in it, and a number where there is one.

    Raises:
        ValueError: the file is missing or no text.
    """
    try:
        text = path.read_text(encoding="utf-8-sig")
    except OSError as error:
        raise ValueError(f"{quoted(path)} cannot be read ({error.strerror}): the data set needs it") from error
    except UnicodeDecodeError as error:
        raise ValueError(f"{quoted(path)} is no text: expected a list of a data set") from error
    split = (re.fullmatch(r"(.+?)(?:\s+(\S+))?", line.strip()) for line in text.splitlines() if line.strip())
    return [[word for word in match.groups() if word] for match in split if match]


def _files(root: Path, wanted: set[Listed]) -> dict[Listed, Path]:
    """Where the videos lie.

    Raises:
        ValueError: one lies there twice.
    """
    found: dict[Listed, Path] = {}
    for place, inside, names in os.walk(root):
        inside[:] = sorted(name for name in inside if not name.startswith("."))
        for name in names:
            one = (Path(place).name, name)
            if one not in wanted:
                continue
            if one in found:
                raise ValueError(f"{'/'.join(one)} is in {quoted(found[one].parent)} and in {quoted(place)}: keep one")
            found[one] = Path(place, name)
    return found


def _no_lists(root: Path, split: int) -> str:
    others = {
        int(match[1])
        for name in LISTS
        for path in (root / name).glob("*.txt")
        if (match := re.search(r"(?:^trainlist|_test_split)0*(\d+)\.txt$", path.name))
    }
    if others:
        return f"{quoted(root)} has no split {split}: choose --split {' or '.join(map(str, sorted(others)))}"
    return (
        f"{quoted(root)} has no lists of what to train and to test with: expected trainlist01.txt, testlist01.txt and "
        "classInd.txt (UCF101) or <class>_test_split1.txt (HMDB51), there or in its folder ucfTrainTestlist or splits"
    )
