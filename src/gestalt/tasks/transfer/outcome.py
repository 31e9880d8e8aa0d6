"""Edits of picture files: every picture comes back whole and in its own shape, what lies between two of different
shapes as a square.

A mask method pastes content, made as large, on the picture as it is, and leaves the rest untouched to the bit. The
others paint the whole picture anew, at the size they were trained at, and so does `remove --whole`.
"""

from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any, NamedTuple

import torch
from torch import Tensor

from gestalt.media import image
from gestalt.media.folders import told_apart
from gestalt.media.sheet import contact_sheet
from gestalt.run.service import NullRun
from gestalt.tasks.transfer import edits, model
from gestalt.tasks.transfer.codes import Painted
from gestalt.tasks.transfer.config import Between, Give, Grid, Remove, Segment
from gestalt.tasks.transfer.edits import CONTENT, PLAIN
from gestalt.tasks.transfer.model import Model
from gestalt.tasks.transfer.pictures import squared, unsquared

Skipped = list[str]
"""A sentence on each picture that could not be read."""


class Named(NamedTuple):
    """A picture file and what its results are called."""

    path: Path
    name: str


class Square(NamedTuple):
    """A picture that gives something to others.

    square: (1, 3, S, S) as the method sees it.
    name: of its results.
    """

    square: Tensor
    name: str


class Opened(NamedTuple):
    """A picture that is edited.

    whole: (1, 3, H, W) as in the file.
    square: (1, 3, S, S) as the method sees it.
    name: of its results.
    """

    whole: Tensor
    square: Tensor
    name: str


def add(targets: Sequence[Named], guides: Sequence[Named], trained: Model, settings: Give, *, run: NullRun) -> Skipped:
    """Every target with every guide's content: outputs/<target>__<guide>.png.

    Raises:
        ValueError: no target or no guide can be read, or the method knows content of one side alone.
    """
    side = side_of(trained, settings.side)

    def edit(target: Opened, guide: Square) -> edits.Rendered:
        return edits.add(trained.net, target.square, guide.square, side=side)

    return _pairs(targets, guides, trained, edit, "{0} with the content of {1}", run=run)


def swap(
    pictures: Sequence[Named], guides: Sequence[Named], trained: Model, settings: Give, *, run: NullRun
) -> Skipped:
    """Every picture with every guide's content in the place of its own: outputs/<picture>__<guide>.png.

    Raises:
        ValueError: no picture or no guide can be read, or the method knows content of one side alone.
    """
    side = side_of(trained, settings.side)

    def edit(picture: Opened, guide: Square) -> edits.Rendered:
        return edits.swap(trained.net, picture.square, guide.square, side=side)

    return _pairs(pictures, guides, trained, edit, "{0} with the content of {1} for its own", run=run)


def remove(pictures: Sequence[Named], trained: Model, settings: Remove, *, run: NullRun) -> Skipped:
    """Every picture without its content: outputs/<picture>.png.

    Raises:
        ValueError: no picture can be read.
    """

    def edit(picture: Opened) -> None:
        done = edits.remove(trained.net, picture.square, whole=settings.whole)
        run.image(f"{picture.name}.png", _whole(picture, done, trained), f"{picture.name} without its content")

    return _each(pictures, trained, edit, run=run)


def segment(pictures: Sequence[Named], trained: Model, settings: Segment, *, run: NullRun) -> Skipped:
    """Where content is: outputs/<picture>.png, white where it is.

    Raises:
        ValueError: no picture can be read.
    """
    threshold = settings.threshold if settings.threshold >= 0 else trained.threshold

    def edit(picture: Opened) -> None:
        mask = unsquared(edits.segment(trained.net, picture.square), *picture.whole.shape[2:])
        found = 2 * (mask > threshold).to(mask.dtype) - 1
        run.image(f"{picture.name}.png", found, f"where the content of {picture.name} is")

    return _each(pictures, trained, edit, run=run)


def compose(face: Named, first: Named, second: Named, trained: Model, *, run: NullRun) -> Skipped:
    """The face of one picture with content of a second and of a third: outputs/<face>__<first>__<second>.png.

    Raises:
        ValueError: one of them cannot be read, or the method knows content of one side alone.
    """
    side_of(trained, "plain")
    kept, one, other = (_open(pick, trained) for pick in (face, first, second))
    done = edits.compose(trained.net, kept.square, one.square, other.square)
    run.image(
        f"{kept.name}__{one.name}__{other.name}.png",
        _whole(kept, done, trained),
        f"{kept.name} with the content of {one.name} and of {other.name}",
    )
    return []


def grid(targets: Sequence[Named], guides: Sequence[Named], trained: Model, settings: Grid, *, run: NullRun) -> Skipped:
    """Targets on top, guides at the left: outputs/grid.png.

    Raises:
        ValueError: no target or no guide can be read, or the method knows content of one side alone.
    """
    side = side_of(trained, settings.side)
    skipped: Skipped = []
    kinds: list[Tensor] = []
    for some, kind in ((targets, "targets"), (guides, "guides")):
        refused: Skipped = []
        found = _squares(some, settings.samples, trained, refused, run=run)
        if len(found) + len(refused) < len(some):
            run.say(f"{len(found)} of {len(some)} {kind} shown; --samples shows more")
        kinds.append(torch.cat([one.square for one in found]))
        skipped += refused
    top, left = kinds
    run.image("grid.png", model.grid(trained.net, top, left, side=side), "each target with each guide's content")
    return skipped


def between(fixed: Named, one: Named, other: Named, trained: Model, settings: Between, *, run: NullRun) -> Skipped:
    """Pictures on the way from one to the other: outputs/00.png and so on, and all in a row: outputs/row.png.

    Raises:
        ValueError: one of them cannot be read, or the method knows content of one side alone.
    """
    side = side_of(trained, settings.side)
    kept, first, last = (_open(pick, trained) for pick in (fixed, one, other))
    one_shape = _small(first, trained) == _small(last, trained)
    shown: list[Tensor] = []
    for n in range(settings.samples):
        share = n / (settings.samples - 1)
        if settings.of == "content":
            done = edits.between(trained.net, kept.square, first.square, last.square, share, side=side)
            picture = _whole(kept, done, trained)
        else:
            done = edits.morph(trained.net, first.square, last.square, kept.square, share, side=side)
            picture = _whole(first, edits.Rendered(done.image), trained) if one_shape else done.image
        run.image(f"{n:02d}.png", picture, f"{share:.0%} of the way from {first.name} to {last.name}")
        shown.append(picture)
    run.image("row.png", contact_sheet([shown]), f"from {first.name} to {last.name}, with what {kept.name} gives")
    return []


def _pairs(
    targets: Sequence[Named],
    guides: Sequence[Named],
    trained: Model,
    edit: Callable[[Opened, Square], edits.Rendered],
    caption: str,
    *,
    run: NullRun,
) -> Skipped:
    skipped: Skipped = []
    given = _squares(guides, len(guides), trained, skipped, run=run)
    pairs = [(target.name, guide.name) for target in targets for guide in given]
    names = dict(zip(pairs, told_apart(["__".join(pair) for pair in pairs]), strict=True))

    def every(target: Opened) -> None:
        for guide in given:
            run.image(
                f"{names[target.name, guide.name]}.png",
                _whole(target, edit(target, guide), trained),
                caption.format(target.name, guide.name),
                row=target.name,
                col=guide.name,
            )

    return skipped + _each(targets, trained, every, run=run)


def _each(pictures: Sequence[Named], trained: Model, edit: Callable[[Opened], None], *, run: NullRun) -> Skipped:
    """Open and edit pictures one after the other; one that cannot be read is named and left out."""
    state: dict[str, Any] = {"skipped": []}
    for step in run.steps("pictures", len(pictures), state):
        try:
            picture = _open(pictures[step], trained)
        except ValueError as error:
            state["skipped"].append(str(error))
            run.say(f"left out: {error}")
            continue
        edit(picture)
    if len(state["skipped"]) == len(pictures):
        raise _none_of(pictures, state["skipped"])
    return state["skipped"]


def _squares(pictures: Sequence[Named], most: int, trained: Model, skipped: Skipped, *, run: NullRun) -> list[Square]:
    """The first so many pictures that can be read; those before them that cannot are named."""
    found: list[Square] = []
    for named in pictures:
        if len(found) == most:
            break
        try:
            found.append(Square(_open(named, trained).square, named.name))
        except ValueError as error:
            skipped.append(str(error))
            run.say(f"left out: {error}")
    if not found:
        raise _none_of(pictures, skipped)
    return found


def _none_of(pictures: Sequence[Named], skipped: Skipped) -> ValueError:
    """What to say where no picture can be read, and why the first one cannot."""
    return ValueError(
        f"none of the {len(pictures)} pictures can be read: {skipped[0]}" if len(pictures) > 1 else skipped[0]
    )


def _open(named: Named, trained: Model) -> Opened:
    device = next(trained.net.parameters()).device
    whole = image.read(named.path).to(device)
    return Opened(whole, squared(whole, trained.settings.size), named.name)


def _whole(picture: Opened, done: edits.Rendered, trained: Model) -> Tensor:
    """A result in the shape of the picture it was made of."""
    height, width = picture.whole.shape[2:]
    if not done.pasted:
        return unsquared(done.image, *_small(picture, trained))
    whole = picture.whole
    for painted in done.pasted:
        large = Painted(*(unsquared(one, height, width) for one in painted))
        whole = large._replace(mask=large.mask.clamp(0, 1)).on(whole)
    return whole.clamp(-1, 1)


def _small(picture: Opened, trained: Model) -> tuple[int, int]:
    """The height and width of a picture at the size the method was trained at."""
    height, width = picture.whole.shape[2:]
    scale = trained.settings.size / max(height, width)
    return max(1, round(scale * height)), max(1, round(scale * width))


def readable(pictures: Sequence[Named]) -> None:
    """See that there is a picture to work with; asked before there is a run.

    Raises:
        ValueError: none can be read.
    """
    skipped: Skipped = []
    for named in pictures:
        try:
            image.read(named.path)
            return
        except ValueError as error:
            skipped.append(str(error))
    raise _none_of(pictures, skipped)


def side_of(trained: Model, name: str) -> int:
    """The number of a side; asked before there is a run, too.

    Raises:
        ValueError: the method knows content of one side alone.
    """
    if name == "plain" and trained.net.contents < 2:
        raise ValueError("content of the plain side is known to models of --method intersection alone")
    return PLAIN if name == "plain" else CONTENT
