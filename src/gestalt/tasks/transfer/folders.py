"""Pictures with the content and without it: two folders, one root in a known layout, or CelebA by a rule.

    WITH/*, WITHOUT/*                           two folders
    <root>/with/*, <root>/without/*             the same in one
    <root>/trainA/*, <root>/trainB/*            A with the content, B without
    <root>/testA/*, <root>/testB/*              what is held out of them (may be missing)
    CelebA                                      as in `celeba`

Some pictures of each side are held out: those of testA and testB, those of CelebA's own test part, or else a share. The
share is what comes first in the order of a hash of the file name, or of the person where that is known. So it is the
same on every machine, and one more picture moves at most one other across (of known persons, a few). All pictures of a
known person are on the same side of that line, with the content and without.

A fit lists both in its run, so that what it learned from is never taken for held out, whatever becomes of the folders.

Nothing here looks into a picture. Standard library only.
"""

import hashlib
import itertools
import json
import os
import unicodedata
from collections import Counter
from collections.abc import Sequence
from pathlib import Path
from typing import NamedTuple

from gestalt.media.atomic import AnyPath, quoted
from gestalt.media.folders import existing, pictures
from gestalt.tasks.transfer import celeba

LAYOUTS = (("with", "without", "", ""), ("trainA", "trainB", "testA", "testB"))
"""Folders of a root: with the content, without it, and what is held out of each, where there may be such."""

LISTING = "pictures.json"
"""What a fit keeps in its outputs: which pictures it learned from, and which it held out."""

_SIDES = ("content", "plain")


class Side(NamedTuple):
    """Pictures of one kind, in natural order; at least one to learn from and one held out."""

    train: tuple[Path, ...]
    held_out: tuple[Path, ...]


class Folders(NamedTuple):
    """What there is to learn from."""

    content: Side
    """Pictures with the content; domain A where each has its own."""
    plain: Side
    """Pictures without it; domain B."""
    layout: str
    """Which it is, and by what pictures are held out."""
    notes: tuple[str, ...] = ()
    """What else there is to tell, each as a clause."""
    given_to_test: tuple[bool, bool] = (False, False)
    """Of both sides, whether what is held out was named as such, not a share: it is never learned from."""

    @property
    def found(self) -> str:
        """The layout and the numbers of pictures, in one sentence."""
        told = [
            f"{len(side.train) + len(side.held_out)} pictures {name}, {len(side.train)} to learn from and "
            f"{len(side.held_out)} held out"
            for side, name in ((self.content, "with the content"), (self.plain, "without it"))
        ]
        return f"{self.layout}: {'; '.join([*told, *self.notes])}"


def find(given: Sequence[AnyPath], *, rule: str = "", aside: float = 0.1) -> Folders:
    """The pictures of both sides, and which of them are held out.

    Args:
        given: a folder with the content and one without, or one root.
        rule: which pictures of CelebA; see `celeba.read`. "" where the folders say it.
        aside: share of each side that is held out, between 0 and 1; at least one picture and never all.

    Raises:
        ValueError: a folder is missing, given twice or of no known layout, or has fewer than two pictures; or the rule
            is not known, does not suit the folders, or finds a damaged file.
    """
    if not 0 < aside < 1:
        raise ValueError(f"the share held out must lie between 0 and 1, got {aside}")
    if len(given) not in (1, 2):
        raise ValueError(
            f"got {len(given)} folders: expected two, with the content and without, or one that holds both"
        )
    if len(given) == 2:
        if rule:
            raise ValueError(
                f"the rule {rule!r} was given with two folders: expected one root of CelebA with it, or no rule"
            )
        return _of_folders("two folders", [existing(path) for path in given], [None, None], aside)
    root = existing(given[0])
    if rule:
        return _of_celeba(root, rule, aside)
    layouts = [layout for layout in LAYOUTS if all((root / name).is_dir() for name in layout[:2])]
    if len(layouts) > 1:
        raise ValueError(
            f"{quoted(root)} holds with/ and without/, and trainA/ and trainB/ too: expected one such pair; give two "
            "of its folders by name"
        )
    if layouts:
        (with_, without, *tests) = layouts[0]
        held = [root / name if name and (root / name).is_dir() else None for name in tests]
        return _of_folders(f"{with_}/ and {without}/", [root / with_, root / without], held, aside)
    if celeba.is_root(root):
        raise ValueError(f"{quoted(root)} has the attributes of CelebA: expected a rule with it, {celeba.ways()}")
    raise ValueError(
        f"{quoted(root)} is of no known layout: expected with/ and without/ in it, or trainA/ and trainB/, or "
        f"{celeba.ATTRIBUTES} and {celeba.PICTURES}/ and a rule; or give two folders"
    )


def set_aside(sides: Sequence[dict[Path, str]], aside: float) -> list[Side]:
    """Hold out a share of each side by what its pictures hang on.

    Args:
        sides: for every picture what decides about it: its file name, or its person. Pictures of one text, on any side,
            stay together.
        aside: share of each side, more than 0 and less than 1.

    Returns:
        As many sides, in the order given. Whoever comes first by a hash is held out, until each side has its share,
        rounded, at least one; passed over is whoever would take more than that and more than half of a side.

    Raises:
        ValueError: too few persons, so that of a side none could be held out.
    """
    totals = [len(side) for side in sides]
    shares = [min(max(round(total * aside), 1), total - 1) for total in totals]
    counts = [Counter(side.values()) for side in sides]
    most = [max(share, total // 2) for share, total in zip(shares, totals, strict=True)]
    held, chosen = [0] * len(sides), set()
    for who in sorted({who for side in sides for who in side.values()}, key=_order):
        more = [count[who] for count in counts]
        short = any(n and h < share for n, h, share in zip(more, held, shares, strict=True))
        if short and all(h + n <= m for n, h, m in zip(more, held, most, strict=True)):
            chosen.add(who)
            held = [h + n for n, h in zip(more, held, strict=True)]
    if not all(held):
        raise ValueError(
            "no persons can be held out of both sides and others kept: expected more of them; add pictures of others, "
            f"or remove {celeba.PERSONS} so that any picture may be held out"
        )
    return [
        Side(
            tuple(path for path, who in side.items() if who not in chosen),
            tuple(path for path, who in side.items() if who in chosen),
        )
        for side in sides
    ]


def refilled(side: Side) -> tuple[Side, str]:
    """A side of which files were left out, again with one picture to learn from and one held out at least.

    Args:
        side: of two pictures or more; all of them may be to learn from, or held out.

    Returns:
        The side; which picture had to move, as a clause, "" for none.
    """
    if all(side):
        return side, ""
    *train, last = (*side.train, *side.held_out)
    meant = "held out" if side.train else "learned from"
    told = f"no picture of its side that was to be {meant} can be read, so {quoted(last)} alone is held out"
    return Side(tuple(train), (last,)), told


def as_listing(found: Folders, given: Sequence[AnyPath]) -> str:
    """The pictures of both sides as JSON, by their places in the folders given to `find`."""
    roots = Path(os.fsdecode(given[0])), Path(os.fsdecode(given[-1]))
    listed = {
        name: {part: [path.relative_to(root).as_posix() for path in paths] for part, paths in side._asdict().items()}
        for name, side, root in zip(_SIDES, (found.content, found.plain), roots, strict=True)
    }
    return json.dumps(listed, indent=1) + "\n"


def listed(run: Path, given: Sequence[AnyPath]) -> Folders:
    """The pictures that a fit listed in its outputs, whether or not they are still there.

    Args:
        run: of the fit.
        given: the folders that it was given.

    Raises:
        ValueError: a folder is missing, or the listing is missing or damaged.
    """
    roots = [existing(path) for path in (given[0], given[-1])]
    try:
        names = json.loads((run / "outputs" / LISTING).read_text(encoding="utf-8"))
        content, plain = (
            Side(*(tuple(root / name for name in names[side][part]) for part in Side._fields))
            for side, root in zip(_SIDES, roots, strict=True)
        )
    except FileNotFoundError:
        raise ValueError(
            f"{run} does not say which pictures it held out: outputs/{LISTING} is missing, as in runs of earlier "
            "versions; fit again"
        ) from None
    except (OSError, ValueError, KeyError, TypeError) as error:
        raise ValueError(f"outputs/{LISTING} of {run} is damaged: restore it, or fit again") from error
    return Folders(content, plain, f"as {run} took them")


def _of_folders(layout: str, folders: Sequence[Path], tests: Sequence[Path | None], aside: float) -> Folders:
    used = [folder for folder in (*folders, *tests) if folder]
    for one, other in itertools.combinations(used, 2):
        if one.samefile(other):
            raise ValueError(
                f"{quoted(one)} and {quoted(other)} are the same folder: expected one with the content and another "
                "without, and others to test with"
            )
    sides: list[Side] = []
    for folder, test in zip(folders, tests, strict=True):
        paths = pictures(folder)
        _enough(f"{quoted(folder)} holds", len(paths))
        if test is None:
            sides += set_aside([{path: path.name for path in paths}], aside)
            continue
        sides.append(Side(tuple(paths), tuple(pictures(test))))
        if not sides[-1].held_out:
            raise ValueError(
                f"{quoted(test)} holds no picture: expected what is to be held out right in it; add some, or remove "
                "the folder so that a share of the others is held out"
            )
    named = " and ".join(f"{test.name}/" for test in tests if test)
    content, plain = sides
    where = f"{layout}, held out in {named}" if named else layout
    content_test, plain_test = (test is not None for test in tests)
    return Folders(content, plain, where, given_to_test=(content_test, plain_test))


def _of_celeba(root: Path, rule: str, aside: float) -> Folders:
    listing = celeba.read(root, rule)
    both = listing.content, listing.plain
    for paths, name in zip(both, ("with the content", "without it"), strict=True):
        _enough(f"the rule {rule!r} finds in {quoted(root)}, {name},", len(paths))
    layout, notes = f"CelebA by the rule {rule}", []
    if listing.parts is not None:
        layout += ", held out by its partition"
        sides = [_by_parts(root, paths, listing.parts) for paths in both]
        unused = sum(len(paths) for paths in both) - sum(len(part) for side in sides for part in side)
        if unused:
            notes.append(f"{unused} of the validation part {'are' if unused > 1 else 'is'} not used")
    else:
        layout += ", held out by persons" if listing.persons else ""
        known = {name: f"person {who}" for name, who in listing.persons.items()}
        sides = set_aside([{path: known.get(path.name, path.name) for path in paths} for paths in both], aside)
    if listing.missing:
        notes.append(f"{listing.missing} more {'are' if listing.missing > 1 else 'is'} listed and missing")
    content, plain = sides
    parted = listing.parts is not None
    return Folders(content, plain, layout, tuple(notes), given_to_test=(parted, parted))


def _by_parts(root: Path, paths: Sequence[Path], parts: dict[str, str]) -> Side:
    train, held_out = (
        tuple(path for path in paths if parts[path.name] == part) for part in (celeba.TRAIN, celeba.TEST)
    )
    if not train or not held_out:
        raise ValueError(
            f"the partition of {quoted(root)} leaves a side of the rule with {len(train)} pictures to learn from and "
            f"{len(held_out)} to test with: expected some of both; add pictures, or remove {celeba.PARTITION}"
        )
    return Side(train, held_out)


def _enough(where: str, count: int) -> None:
    if count < 2:
        what = "one picture only" if count else "no picture"
        raise ValueError(f"{where} {what}: expected at least 2, one to learn from and one to hold out; add some")


def _order(who: str) -> tuple[bytes, str]:
    """By a hash that is the same on every machine, for names however their accents are stored."""
    text = unicodedata.normalize("NFC", who)
    return hashlib.sha256(text.encode("utf-8", "surrogateescape")).digest(), who
