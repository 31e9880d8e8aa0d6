"""Pictures by class, in the layouts that data sets of classification come in.

    <root>/train/<class>/*, <root>/val/<class>/*      ImageNet; test/ for val/, too
    <root>/<domain>/<class>/*                         PACS, Office-Home and so on: classes are the same in every domain
    <root>/<class>/*                                  one folder per class

    <root>/<corruption>/<1 to 5>/<class>/*            ImageNet-C
    <root>/<corruption>.npy, <root>/labels.npy        CIFAR-10-C and CIFAR-100-C: five parts of equal length, mild first

Where nothing says what is to be tested with, a part of every class (of every domain) is: what comes first by a hash of
the file's name, so that it is the same on every machine.

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

TRAIN, TESTS = "train", ("val", "test")
SEVERITIES = 5


class Labelled(NamedTuple):
    """A picture, the number of its class, and its domain, "" where there are none."""

    path: Path
    label: int
    domain: str


class DataSet(NamedTuple):
    """What there is to learn from and to test with.

    classes: their names, in order.
    train, test: neither is empty, and no picture is in both.
    domains: their names; empty where there are none.
    told: the layout and the numbers, in one sentence.
    """

    classes: tuple[str, ...]
    train: tuple[Labelled, ...]
    test: tuple[Labelled, ...]
    domains: tuple[str, ...]
    told: str


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
    """What is in a folder.

    Args:
        folder: in one of the layouts.
        aside: part of every class that is tested, where the layout has no part for that, between 0 and 1.
        held_out: a domain that is only tested.

    Raises:
        ValueError: it is of no known layout, there are fewer than two classes or too few pictures, or the domain is
            not there.
    """
    root = existing(folder)
    if (root / TRAIN).is_dir() and (tests := [root / name for name in TESTS if (root / name).is_dir()]):
        parts = [by_class(part) for part in (root / TRAIN, tests[0])]
        classes = tuple(parts[0])
        unknown = set(parts[1]) - set(classes)
        if unknown:
            raise ValueError(f"{quoted(tests[0])} has the class {min(unknown)!r}, which {TRAIN}/ has not")
        train, test = (_labelled(part, classes, "") for part in parts)
        if held_out:
            raise ValueError(f"--held-out {held_out}: {quoted(root)} has no domains; leave it out")
        return _told(classes, train, test, (), f"{TRAIN}/ and {tests[0].name}/")
    if classes := by_class(root):
        if held_out:
            raise ValueError(f"--held-out {held_out}: {quoted(root)} has no domains; leave it out")
        train, test = _parted(_labelled(classes, tuple(classes), ""), aside)
        return _told(tuple(classes), train, test, (), "class folders")
    domains = {place.name: found for place in inside(root) if place.is_dir() and (found := by_class(place))}
    if len(domains) < 2:
        raise ValueError(
            f"{quoted(root)} is of no known layout: expected {TRAIN}/CLASS/ and {' or '.join(TESTS)}/CLASS/, or "
            "CLASS/, or DOMAIN/CLASS/ with pictures in them"
        )
    return _of_domains(root, domains, aside, held_out)


def by_class(folder: Path) -> dict[str, list[Path]]:
    """The pictures right in each folder of a folder, by its name; folders without any are left out."""
    return {place.name: found for place in inside(folder) if place.is_dir() and (found := pictures(place))}


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
                sets[kind.name, severity] = found
    if not sets:
        return None
    classes = tuple(sorted({name for found in sets.values() for name in found}))
    return Corrupted(classes, {one: _labelled(found, classes, "") for one, found in sets.items()}, arrays=False)


def _labelled(found: Mapping[str, Sequence[Path]], classes: Sequence[str], domain: str) -> tuple[Labelled, ...]:
    number = {name: n for n, name in enumerate(classes)}
    return tuple(Labelled(path, number[name], domain) for name, paths in found.items() for path in paths)


def _of_domains(
    root: Path, domains: Mapping[str, Mapping[str, Sequence[Path]]], aside: float, held_out: str
) -> DataSet:
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
    return _told(classes, tuple(train), tuple(test), tuple(domains), layout)


def _parted(labelled: Sequence[Labelled], aside: float) -> tuple[tuple[Labelled, ...], tuple[Labelled, ...]]:
    counts, chosen = Counter(one.label for one in labelled), set()
    for label, count in counts.items():
        share = min(max(round(aside * count), 1), count - 1)
        own = sorted((one for one in labelled if one.label == label), key=lambda one: _order(one.path.name))
        chosen |= set(own[:share])
    return tuple(one for one in labelled if one not in chosen), tuple(one for one in labelled if one in chosen)


def _order(name: str) -> bytes:
    return hashlib.sha256(name.encode("utf-8", "surrogateescape")).digest()


def _told(
    classes: tuple[str, ...],
    train: tuple[Labelled, ...],
    test: tuple[Labelled, ...],
    domains: tuple[str, ...],
    layout: str,
) -> DataSet:
    if len(classes) < 2:
        raise ValueError(f"there is only the class {''.join(classes)!r}: expected at least two")
    few = [name for n, name in enumerate(classes) if all(one.label != n for one in train)]
    if few:
        raise ValueError(f"there is nothing to learn the class {few[0]!r} from: expected at least two pictures of it")
    told = f"{layout}: {len(classes)} classes, {len(train)} pictures to learn from and {len(test)} to test with"
    return DataSet(classes, train, test, domains, told)
