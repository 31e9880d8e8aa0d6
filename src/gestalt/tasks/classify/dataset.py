"""Pictures by class, in the layouts that data sets of classification come in.

    <root>/train/<class>/*, <root>/val/<class>/*      ImageNet; also valid/, validation/ or test/, in capitals or not
    <root>/<domain>/<class>/*                         PACS, Office-Home and so on: classes are the same in every domain
    <root>/<class>/*                                  one folder per class

    <root>/<corruption>/<1 to 5>/<class>/*            ImageNet-C
    <root>/<corruption>.npy, <root>/labels.npy        CIFAR-10-C and CIFAR-100-C: five parts of equal length, mild first

Where nothing says what is to be tested with, a part of every class (of every domain) is: what comes first by a hash of
the file's name, so that it is the same on every machine. What has no labels is a folder of pictures, <root>/*.

References:
    Li, Yang, Song, Hospedales: Deeper, Broader and Artier Domain Generalization. ICCV 2017 (PACS).
    Hendrycks, Dietterich: Benchmarking Neural Network Robustness to Common Corruptions and Perturbations. ICLR 2019.
"""

import hashlib
from collections import Counter
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import NamedTuple

from gestalt.media.atomic import AnyPath, quoted
from gestalt.media.folders import existing, inside, pictures

TRAIN, TESTS = "train", ("val", "valid", "validation", "test")
SEVERITIES = 5


class Labelled(NamedTuple):
    """A picture, the number of its class, and its domain, "" where there are none."""

    path: Path
    label: int
    domain: str


class DataSet(NamedTuple):
    """What there is to learn from and to test with.

    classes: their names, in order.
    train: empty where nothing is to be learned.
    test: never empty, and without any picture of `train`.
    domains: their names; empty where there are none.
    layout: in a few words.
    """

    classes: tuple[str, ...]
    train: tuple[Labelled, ...]
    test: tuple[Labelled, ...]
    domains: tuple[str, ...]
    layout: str

    @property
    def told(self) -> str:
        """The layout and the numbers, in one sentence."""
        learned = f"{len(self.train)} pictures to learn from and " if self.train else ""
        pictures = "" if self.train else " pictures"
        return f"{self.layout}: {len(self.classes)} classes, {learned}{len(self.test)}{pictures} to test with"


class Corrupted(NamedTuple):
    """A corruption set.

    classes: their names; of CIFAR-C "0", "1" and so on.
    sets: by corruption and severity, the pictures or, of CIFAR-C, the file.
    arrays: whether they are those of CIFAR-C.
    """

    classes: tuple[str, ...]
    sets: Mapping[tuple[str, int], tuple[Labelled, ...]]
    arrays: bool


def find(folder: AnyPath, *, aside: float, held_out: str = "") -> DataSet:
    """What is in a folder to learn from and to test with.

    Args:
        folder: in one of the layouts.
        aside: part of every class that is tested, where the layout has no part for that, between 0 and 1.
        held_out: a domain that is only tested.

    Raises:
        ValueError: it is of no known layout, there are fewer than two classes or too few pictures, or the domain is
            not there.
    """
    found = _read(existing(folder), aside, held_out)
    if few := _unlearned(found):
        raise ValueError(f"there is nothing to learn the class {few!r} from: expected at least two pictures of it")
    return found


def find_tested(folder: AnyPath, *, aside: float | None, held_out: str = "") -> DataSet:
    """What is in a folder to test with alone.

    Args:
        folder: in one of the layouts.
        aside: as `find`; None for everything.
        held_out: as `find`.

    Raises:
        ValueError: as `find`.
    """
    return _read(existing(folder), aside, held_out)._replace(train=())


def find_unlabelled(folder: AnyPath) -> list[Path]:
    """The pictures right in a folder; none if it is of a layout with labels.

    Raises:
        ValueError: there is no such folder.
    """
    root = existing(folder)
    labelled = by_class(root) or any(by_class(place) for place in inside(root) if place.is_dir())
    return [] if labelled else pictures(root)


def without(found: DataSet, unreadable: Mapping[Path, str]) -> DataSet:
    """A data set without the pictures that cannot be read.

    Args:
        found: the data set.
        unreadable: pictures, with a sentence on each.

    Raises:
        ValueError: nothing is left of a class to learn from, or nothing to test with.
    """
    train, test = (tuple(one for one in part if one.path not in unreadable) for part in (found.train, found.test))
    left = found._replace(train=train, test=test)
    if found.train and (lost := _unlearned(left)):
        raise ValueError(f"of the pictures to learn the class {lost!r} from none can be read: {_one(unreadable)}")
    if not test:
        raise ValueError(f"of the {len(found.test)} pictures to test with none can be read: {_one(unreadable)}")
    return left


def by_class(folder: Path) -> dict[str, list[Path]]:
    """The pictures right in each folder of a folder, by its name; folders without any are left out.

    Raises:
        ValueError: a name is of no use for tables.
    """
    return {_name(place): found for place in inside(folder) if place.is_dir() and (found := pictures(place))}


def find_corrupted(folder: AnyPath) -> Corrupted | None:
    """The corruption set in a folder; None if it is of another layout.

    Raises:
        ValueError: files of one are missing.
    """
    root = existing(folder)
    if (root / "labels.npy").is_file():
        names = sorted(path.stem for path in inside(root) if path.suffix == ".npy" and path.stem != "labels")
        if not names:
            raise ValueError(f"{quoted(root)} has labels.npy and no corruption beside it: expected fog.npy and others")
        each = [(name, severity) for name in names for severity in range(1, SEVERITIES + 1)]
        return Corrupted((), {one: (Labelled(root / f"{one[0]}.npy", 0, ""),) for one in each}, arrays=True)
    sets: dict[tuple[str, int], dict[str, list[Path]]] = {}
    for kind in inside(root):
        for severity in range(1, SEVERITIES + 1):
            if found := by_class(kind / str(severity)):
                sets[_name(kind), severity] = found
    if not sets:
        return None
    classes = tuple(sorted({name for found in sets.values() for name in found}))
    return Corrupted(classes, {one: _labelled(found, classes, "") for one, found in sets.items()}, arrays=False)


def without_some(found: Corrupted, unreadable: Mapping[Path, str]) -> Corrupted:
    """A corruption set without the pictures that cannot be read.

    Args:
        found: the set.
        unreadable: as `without`.

    Raises:
        ValueError: nothing is left of a corruption in a severity.
    """
    sets = {one: tuple(each for each in items if each.path not in unreadable) for one, items in found.sets.items()}
    if lost := [one for one, items in sets.items() if not items]:
        raise ValueError(f"of the pictures of {lost[0][0]}/{lost[0][1]} none can be read: {_one(unreadable)}")
    return found._replace(sets=sets)


def _one(unreadable: Mapping[Path, str]) -> str:
    return next(iter(unreadable.values()))


def _read(root: Path, aside: float | None, held_out: str) -> DataSet:
    """What is in a folder, of which nothing is known to be enough to learn from.

    Raises:
        ValueError: as `find`.
    """
    places = [place for place in inside(root) if place.is_dir()]
    if parts := _parts(places):
        learned, tested = (by_class(part) for part in parts)
        if not learned:
            raise ValueError(f"{quoted(parts[0])} has no class folders with pictures in them")
        if unknown := set(tested) - set(learned):
            raise ValueError(f"{quoted(parts[1])} has the class {min(unknown)!r}, which {parts[0].name}/ has not")
        train, test = (_labelled(part, tuple(learned), "") for part in (learned, tested))
        found = DataSet(tuple(learned), train, test, (), f"{parts[0].name}/ and {parts[1].name}/")
    elif classes := by_class(root):
        train, test = _parted(_labelled(classes, tuple(classes), ""), aside)
        found = DataSet(tuple(classes), train, test, (), "class folders")
    else:
        found = _of_domains(
            root, {_name(place): each for place in places if (each := by_class(place))}, aside, held_out
        )
    if held_out and not found.domains:
        raise ValueError(f"--held-out {held_out}: {quoted(root)} has no domains; leave it out")
    if len(found.classes) < 2:
        raise ValueError(f"there is only the class {''.join(found.classes)!r}: expected at least two")
    if not found.test:
        raise ValueError(f"{found.layout}: there is nothing to test with, expected at least two pictures of a class")
    return found


def _parts(places: Sequence[Path]) -> tuple[Path, Path] | None:
    """The folder to learn from and the one to test with, if both are there."""
    named = {place.name.casefold(): place for place in places}
    tests = [named[name] for name in TESTS if name in named]
    return (named[TRAIN], tests[0]) if TRAIN in named and tests else None


def _name(place: Path) -> str:
    """The name of the folder of a class, domain or corruption.

    Raises:
        ValueError: it is of no use for tables.
    """
    try:
        place.name.encode()
    except UnicodeEncodeError:
        raise ValueError(f"the name of the folder {quoted(place)} is not UTF-8: rename it") from None
    if len(place.name.splitlines()) > 1:
        raise ValueError(f"the name of the folder {quoted(place)} has a line break: rename it")
    return place.name


def _unlearned(found: DataSet) -> str:
    """A class that nothing is there to learn from, "" if there is none."""
    known = {one.label for one in found.train}
    return next((name for n, name in enumerate(found.classes) if n not in known), "")


def _labelled(found: Mapping[str, Sequence[Path]], classes: Sequence[str], domain: str) -> tuple[Labelled, ...]:
    number = {name: n for n, name in enumerate(classes)}
    return tuple(Labelled(path, number[name], domain) for name, paths in found.items() for path in paths)


def _of_domains(
    root: Path, domains: Mapping[str, Mapping[str, Sequence[Path]]], aside: float | None, held_out: str
) -> DataSet:
    if len(domains) < 2:
        raise ValueError(
            f"{quoted(root)} is of no known layout: expected {TRAIN}/CLASS/ and val/CLASS/ or test/CLASS/, or CLASS/, "
            "or DOMAIN/CLASS/ with pictures in them"
        )
    first, *others = list(domains)
    for other in others:
        if odd := set(domains[first]) ^ set(domains[other]):
            raise ValueError(
                f"domains have the same classes, but of {quoted(root)} only one of {first} and {other} has "
                f"{min(odd)!r}: add it or remove it"
            )
    if held_out and held_out not in domains:
        raise ValueError(f"--held-out must be one of {', '.join(domains)}, got {held_out!r}")
    classes = tuple(domains[first])
    train: list[Labelled] = []
    test: list[Labelled] = []
    for name, found in domains.items():
        labelled = _labelled(found, classes, name)
        learned, tested = ((), labelled) if name == held_out else _parted(labelled, aside)
        train += learned
        test += tested
    layout = f"{len(domains)} domains" + (f", {held_out} held out" if held_out else "")
    return DataSet(classes, tuple(train), tuple(test), tuple(domains), layout)


def _parted(labelled: Sequence[Labelled], aside: float | None) -> tuple[tuple[Labelled, ...], tuple[Labelled, ...]]:
    """What is learned from and what is tested: a part of each class, or everything."""
    if aside is None:
        return (), tuple(labelled)
    counts, chosen = Counter(one.label for one in labelled), set()
    for label, count in counts.items():
        share = min(max(round(aside * count), 1), count - 1)
        own = sorted((one for one in labelled if one.label == label), key=lambda one: _order(one.path.name))
        chosen |= set(own[:share])
    return tuple(one for one in labelled if one not in chosen), tuple(one for one in labelled if one in chosen)


def _order(name: str) -> bytes:
    return hashlib.sha256(name.encode("utf-8", "surrogateescape")).digest()
