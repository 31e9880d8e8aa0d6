"""Both sides as far as their files can be read: for a fit, and again for the test of one."""

from typing import NamedTuple

from torch import Tensor

from gestalt.media.atomic import quoted
from gestalt.tasks.transfer import folders, pictures


class Taken(NamedTuple):
    """What can be read of the pictures of one side.

    files: those that can.
    squares: of these files, uint8 (N, S, S, 3).
    skipped: a sentence on each of the others.
    """

    files: folders.Side
    squares: Tensor
    skipped: list[str]

    @property
    def side(self) -> pictures.Side:
        """The pictures, those to learn from and those held out."""
        return pictures.Side(*self.squares.split([len(paths) for paths in self.files]))


def take(side: folders.Side, size: int) -> Taken:
    """The pictures of one side as far as they can be read, as squares of a size."""
    read = pictures.read((*side.train, *side.held_out), size)
    good = set(read.paths)
    files = folders.Side(*(tuple(path for path in paths if path in good) for paths in side))
    return Taken(files, read.pictures, read.refused)


def sides(found: folders.Folders, size: int) -> tuple[folders.Folders, Taken, Taken]:
    """What can be read of both sides, some to learn from and some held out of each.

    Raises:
        ValueError: too few pictures of a side can be read.
    """
    taken, notes = [], list(found.notes)
    for side, given_to_test in zip((found.content, found.plain), found.given_to_test, strict=True):
        one = take(side, size)
        if len(one.squares) < 2:
            raise ValueError(f"too few pictures of one side can be read: {one.skipped[0]}")
        if given_to_test and not one.files.train:
            raise ValueError(
                f"none of the {len(side.train)} pictures to learn from on one side can be read, and those to test with "
                f"are not learned from: {one.skipped[0]}"
            )
        files, moved = folders.refilled(one.files)
        notes += [moved] if moved else []
        taken.append(one._replace(files=files))
    content, plain = taken
    return found._replace(content=content.files, plain=plain.files, notes=tuple(notes)), content, plain


def sides_again(found: folders.Folders, size: int) -> tuple[folders.Folders, Taken, Taken]:
    """What can still be read of the pictures that a fit learned from and held out.

    Raises:
        ValueError: nothing of a side that was learned from, or held out, can be.
    """
    taken = []
    for side in (found.content, found.plain):
        one = take(side, size)
        for left, before, what in zip(one.files, side, ("learned from", "held out"), strict=True):
            if not left:
                raise ValueError(
                    f"of the pictures that were {what} on one side none can be read any more, as {quoted(before[0])}: "
                    "put them back, or fit again"
                )
        taken.append(one)
    content, plain = taken
    return found._replace(content=content.files, plain=plain.files), content, plain
