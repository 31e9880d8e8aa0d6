"""Two sides of CelebA, chosen by what its attributes say of every picture.

    <root>/list_attr_celeba.txt         how many pictures; names of attributes; then a picture a line, each 1 or -1
    <root>/img_align_celeba/*           the pictures; some may be missing
    <root>/identity_CelebA.txt          the number of the person (may be missing)
    <root>/list_eval_partition.txt      0 train, 1 validation, 2 test (may be missing)

The same in Anno/, Eval/ and Img/, where the authors of the data put them. Any other pictures may be described by such
files, with attributes of any names.

A rule says what the pictures of a side must show. The named ones are the tasks of the three papers on content transfer;
where theirs give a picture that fits both sides to the first one, it belongs to neither here (facial hair on a picture
also marked as shaved; hair both blond and black), so that each side lacks what the other is about.

References:
    Liu, Luo, Wang, Tang: Deep Learning Face Attributes in the Wild. ICCV 2015.
    Press, Galanti, Benaim, Wolf: Emerging Disentanglement in Auto-Encoder Based Unsupervised Image Content Transfer.
        ICLR 2019. (glasses, mouth-open, facial-hair)
    Benaim, Khaitov, Galanti, Wolf: Domain Intersection and Domain Difference. ICCV 2019. (beard-glasses to blond-black)
    Mokady, Benaim, Wolf, Bermano: Mask Based Unsupervised Content Transfer. ICLR 2020. (female-glasses to bald)
"""

import difflib
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import NamedTuple

from gestalt.media.atomic import quoted
from gestalt.media.folders import inside

ATTRIBUTES, PERSONS, PARTITION = "list_attr_celeba.txt", "identity_CelebA.txt", "list_eval_partition.txt"
PICTURES = "img_align_celeba"

TRAIN, VALIDATION, TEST = "0", "1", "2"
"""Parts of the official partition."""


class Wanted(NamedTuple):
    """What the attributes of a picture must say for it to belong to a side."""

    required: tuple[str, ...] = ()
    """All of these are there."""
    forbidden: tuple[str, ...] = ()
    """None of these is."""
    either: tuple[str, ...] = ()
    """At least one of these holds; "-NAME" holds where NAME is not there."""


class Rule(NamedTuple):
    """Two sides; no picture fits both."""

    content: Wanted
    plain: Wanted


class Listing(NamedTuple):
    """Pictures of a rule that are there, in natural order, and what is known of them."""

    content: tuple[Path, ...]
    plain: tuple[Path, ...]
    missing: int
    """How many more the rule chose that are not there."""
    persons: dict[str, str]
    """Whom a file shows; without those of whom nothing is known."""
    parts: dict[str, str] | None
    """TRAIN, VALIDATION or TEST for every file; None where there is no partition."""


def present(name: str, *, required: tuple[str, ...] = (), forbidden: tuple[str, ...] = ()) -> Rule:
    """An attribute against its absence, among pictures that show some others and not yet others."""
    return Rule(Wanted((*required, name), forbidden), Wanted(required, (*forbidden, name)))


def against(name: str, other: str, *, required: tuple[str, ...] = (), forbidden: tuple[str, ...] = ()) -> Rule:
    """An attribute without another one, against the other one without it; the rest as in `present`."""
    return Rule(Wanted((*required, name), (*forbidden, other)), Wanted((*required, other), (*forbidden, name)))


_SHADOW = "5_o_Clock_Shadow"
_BEARD = ("Mustache", "Goatee", "-No_Beard")


def _beard(other: str = "") -> Rule:
    """Facial hair, without another attribute, against shaved, with it; men without a shadow alone."""
    others = (other,) if other else ()
    return Rule(
        Wanted(("Male",), (_SHADOW, *others), _BEARD),
        Wanted(("Male", "No_Beard", *others), (_SHADOW, "Mustache", "Goatee")),
    )


RULES = {
    "glasses": present("Eyeglasses"),
    "mouth-open": present("Mouth_Slightly_Open"),
    "facial-hair": _beard(),
    "female-glasses": present("Eyeglasses", forbidden=("Male",)),
    "male-glasses": present("Eyeglasses", required=("Male",)),
    "blond-women": against("Black_Hair", "Blond_Hair", forbidden=("Male",)),
    "bald": Rule(
        Wanted(("Male",), ("Bald", "Wearing_Hat", "Young")),
        Wanted(("Male", "Bald"), ("Wearing_Hat", "Receding_Hairline", "Gray_Hair")),
    ),
    "smile": present("Smiling"),
    "beard-glasses": _beard("Eyeglasses"),
    "beard-smile": _beard("Smiling"),
    "smile-glasses": against("Smiling", "Eyeglasses"),
    "male-female": present("Male"),
    "blond-black": against("Blond_Hair", "Black_Hair"),
}
"""By name. The content is what the name begins with; but the dark hair of women in blond-women, and hair in bald."""


def is_root(root: Path) -> bool:
    """Whether a folder holds the attributes of CelebA."""
    return _file(root, ATTRIBUTES) is not None


def ways() -> str:
    """What may be given as a rule, for a sentence."""
    return f"{', '.join(RULES)}; or an attribute of the file, NAME, or one against another, NAME:OTHER"


def read(root: Path, rule: str) -> Listing:
    """The pictures of both sides of a rule.

    Args:
        root: a folder in the layout above.
        rule: a name of `RULES`; or NAME, an attribute of the file against its absence; or NAME:OTHER, one without the
            other on each side.

    Raises:
        ValueError: the layout is another, the rule or an attribute is not known, a line is damaged, or none of the
            chosen pictures is there.
    """
    attributes = _file(root, ATTRIBUTES)
    folder = next((path for path in (root / PICTURES, root / "Img" / PICTURES) if path.is_dir()), None)
    if attributes is None or folder is None:
        raise ValueError(
            f"{quoted(root)} is not in the layout of CelebA, which the rule {rule!r} needs: expected {ATTRIBUTES} (or "
            f"Anno/{ATTRIBUTES}) and pictures in {PICTURES}/ (or Img/{PICTURES}/); for other folders leave the rule out"
        )
    chosen = _chosen(attributes, rule)
    there = inside(folder)
    content, plain = (tuple(path for path in there if path.name in names) for names in map(set, chosen))
    count, found = sum(map(len, chosen)), len(content) + len(plain)
    if count and not found:
        raise ValueError(
            f"none of the {count} pictures that {quoted(attributes)} lists for the rule {rule!r} is in "
            f"{quoted(folder)}: expected files such as {(chosen[0] or chosen[1])[0]} there"
        )
    persons, partition = _file(root, PERSONS), _file(root, PARTITION)
    who = _words(persons, None) if persons else {}
    parts = _words(partition, (TRAIN, VALIDATION, TEST)) if partition else None
    if partition and parts is not None:
        for path in (*content, *plain):
            if path.name not in parts:
                raise ValueError(
                    f"{quoted(partition)} has no line for {path.name}: complete it, or remove it so that a share of "
                    "the pictures is held out"
                )
    return Listing(content, plain, count - found, who, parts)


def fits(wanted: Wanted, attributes: set[str]) -> bool:
    """Whether a picture with these attributes, and no others, belongs to a side."""
    either = any((name.removeprefix("-") in attributes) != name.startswith("-") for name in wanted.either)
    return (
        attributes.issuperset(wanted.required)
        and attributes.isdisjoint(wanted.forbidden)
        and (either or not wanted.either)
    )


def parse(rule: str, names: Sequence[str], path: Path) -> Rule:
    """What a rule is called, with the attributes of a file.

    Args:
        rule: as in `read`.
        names: of the attributes in the file.
        path: of the file, for errors.

    Raises:
        ValueError: there is no such rule or attribute, or NAME and OTHER are the same.
    """
    name, colon, other = rule.partition(":")
    if not colon and rule in RULES:
        wanted = RULES[rule]
        for name in _used(wanted):
            if name not in names:
                raise ValueError(f"{quoted(path)} has no attribute {name}, which the rule {rule!r} needs: name others")
        return wanted
    if not colon and name not in names:
        raise ValueError(f"the rule {rule!r} is not known{_nearest(name, [*RULES, *names])}: expected {ways()}")
    for one in (name, other) if colon else (name,):
        if one not in names:
            raise ValueError(
                f"{one!r} of the rule {rule!r} is no attribute of {quoted(path)}{_nearest(one, names)}: expected two "
                f"of {', '.join(names)}"
            )
    if name == other:
        raise ValueError(f"the rule {rule!r} names one attribute twice: expected two, or {name} alone")
    return against(name, other) if colon else present(name)


def _chosen(path: Path, rule: str) -> tuple[list[str], list[str]]:
    """Names of the files on both sides, in the order of the lines."""
    lines = _lines(path)
    number, first = next(lines, (1, []))
    if len(first) != 1 or not first[0].isdecimal():
        raise _damaged(path, number, "the number of pictures alone")
    number, names = next(lines, (number + 1, []))
    if not names or len(set(names)) < len(names):
        raise _damaged(path, number, "the names of the attributes, none twice")
    wanted = parse(rule, names, path)
    columns = [(name, names.index(name)) for name in _used(wanted)]
    sides: tuple[list[str], list[str]] = [], []
    seen: set[str] = set()
    for number, (name, *values) in lines:
        if len(values) != len(names) or not {"1", "-1"}.issuperset(values):
            raise _damaged(path, number, f"a file name and {len(names)} times 1 or -1")
        if name in seen:
            raise _damaged(path, number, f"one line for {name}, not a second one")
        seen.add(name)
        attributes = {attribute for attribute, column in columns if values[column] == "1"}
        for side, of_side in zip(sides, wanted, strict=True):
            if fits(of_side, attributes):
                side.append(name)
    if len(seen) != int(first[0]):
        raise ValueError(
            f"{quoted(path)} is cut short or was changed: its first line says {first[0]} pictures, and it lists "
            f"{len(seen)}; restore it"
        )
    return sides


def _used(rule: Rule) -> list[str]:
    """The attributes that a rule asks for, each once."""
    parts = [part for wanted in rule for part in wanted]
    return list(dict.fromkeys(name.removeprefix("-") for part in parts for name in part))


def _words(path: Path, expected: Sequence[str] | None) -> dict[str, str]:
    """A word for every file, one of the expected ones where there are such."""
    found: dict[str, str] = {}
    for number, words in _lines(path):
        if len(words) != 2 or (expected and words[1] not in expected):
            raise _damaged(path, number, f"a file name and {' or '.join(expected) if expected else 'a person'}")
        if found.setdefault(words[0], words[1]) != words[1]:
            raise _damaged(path, number, f"for {words[0]} the same as before, {found[words[0]]}")
    return found


def _lines(path: Path) -> Iterator[tuple[int, list[str]]]:
    """The words of every line that is not empty, with its number from 1."""
    try:
        with open(path, encoding="utf-8-sig", errors="surrogateescape") as file:
            yield from ((number, line.split()) for number, line in enumerate(file, 1) if line.strip())
    except OSError as error:
        raise ValueError(f"{quoted(path)} cannot be read ({error.strerror}): expected a text file") from error


def _damaged(path: Path, number: int, expected: str) -> ValueError:
    return ValueError(f"line {number} of {quoted(path)} is damaged: expected {expected}; mend it or get the file anew")


def _file(root: Path, name: str) -> Path | None:
    return next((path for path in (root / name, root / "Anno" / name, root / "Eval" / name) if path.is_file()), None)


def _nearest(name: str, names: Sequence[str]) -> str:
    """A guess at what was meant, for a sentence; often none."""
    by_folded = {one.casefold().replace("-", "_"): one for one in names}
    close = difflib.get_close_matches(name.casefold().replace("-", "_"), by_folded, 1)
    return f" (did you mean {by_folded[close[0]]}?)" if close else ""
