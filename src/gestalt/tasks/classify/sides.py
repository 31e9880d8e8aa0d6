"""The two sides that are adapted between: drawn signs, pictures by class, or scenes whose pixels are labelled."""

from collections.abc import Callable, Sequence
from pathlib import Path
from typing import NamedTuple

import numpy as np
import torch
from torch import Tensor

from gestalt.drawn import signs
from gestalt.media.atomic import quoted
from gestalt.ops.chance import seeded
from gestalt.tasks.classify import segments
from gestalt.tasks.classify.config import Adapt
from gestalt.tasks.classify.dataset import DataSet, Labelled
from gestalt.tasks.classify.pictures import Shelf, as_tested, changed
from gestalt.tasks.classify.segments import NONE, Scene, Scenes

TESTED = 400
"""Drawn pictures of each side that are tested."""
SIGNS = 3
"""In drawn scenes whose pixels are told apart."""

Piece = Callable[[int, np.random.Generator | None], tuple[Tensor, Tensor]]
"""The n-th picture (1, 3, S, S) in [-1, 1] and what it or its pixels show, (1,) or (1, S, S); with chance as it is
learned from, without as it is tested."""


class Side(NamedTuple):
    """Pictures of one side.

    piece: gives them.
    learned, tested: their numbers.
    """

    piece: Piece
    learned: Sequence[int]
    tested: Sequence[int]


class Sides(NamedTuple):
    """What there is to adapt between.

    classes: their names.
    source, target: labels of the target's learned part are never asked for.
    """

    classes: tuple[str, ...]
    source: Side
    target: Side


def drawn(settings: Adapt, seed: int) -> Sides:
    """Drawn signs, whose target has other light than their source."""
    pixels = settings.what == "segments"

    def side(which: int, far: float) -> Side:
        chance, count = seeded(seed, 7, which), settings.pictures + TESTED
        scene = signs.things(count, chance, each=SIGNS if pixels else 1)
        made = signs.draw(scene, signs.looks(count, chance, far=far), size=settings.size)
        labels = made.segments if pixels else scene.shape[:, 0]

        def piece(n: int, turn: np.random.Generator | None) -> tuple[Tensor, Tensor]:
            x, shown = made.image[n : n + 1], labels[n : n + 1]
            if turn is not None and turn.random() < 0.5:
                x, shown = x.flip(3), shown.flip(2) if pixels else shown
            return x, shown

        return Side(piece, range(settings.pictures), range(settings.pictures, count))

    return Sides(("ground", *signs.SHAPES) if pixels else signs.SHAPES, side(0, 0.0), side(1, settings.far))


def of_classes(source: DataSet, target: DataSet | Sequence[Path], settings: Adapt, shelf: Shelf) -> Sides:
    """Two data sets of pictures by class; of the target pictures without labels will do.

    Args:
        source: with labels.
        target: with labels for its part to test with, or pictures alone, of which none are tested.
        settings: of adapting.
        shelf: of the pictures.

    Raises:
        ValueError: the target has classes that the source has not.
    """
    unlabelled = not isinstance(target, DataSet)
    if not unlabelled and (odd := set(target.classes) - set(source.classes)):
        raise ValueError(f"the target has the class {min(odd)!r}, which the source has not: expected the same classes")

    def labelled(found: DataSet, part: Sequence[Labelled]) -> list[tuple[Path, int]]:
        return [(one.path, source.classes.index(found.classes[one.label])) for one in part]

    def side(learned: list[tuple[Path, int]], tested: list[tuple[Path, int]]) -> Side:
        items = learned + tested

        def piece(n: int, chance: np.random.Generator | None) -> tuple[Tensor, Tensor]:
            path, label = items[n]
            picture, size, augment = shelf.read(path), settings.size, settings.augment
            x = as_tested(picture, size, augment) if chance is None else changed(picture, size, augment, chance)
            return x, torch.tensor([label])

        return Side(piece, range(len(learned)), range(len(learned), len(items)))

    other = (
        side([(path, NONE) for path in target], [])
        if unlabelled
        else side(labelled(target, target.train), labelled(target, target.test))
    )
    return Sides(source.classes, side(labelled(source, source.train), labelled(source, source.test)), other)


def of_segments(source: Scenes, target: Scenes, settings: Adapt) -> Sides:
    """Two folders of scenes; of the target pictures without labels will do, of which then none are tested.

    Raises:
        ValueError: the source has no labels, labels have numbers that are no classes, or a side has too few scenes.
    """
    if any(scene.labels is None for scene in source.train):
        raise ValueError("a picture of the source has no labels: expected labels of the same name for all")
    cities = source.of_cities or target.of_cities
    numbers = segments.of_cities() if cities else None
    classes = tuple(segments.CITYSCAPES) if cities else _numbered(source.train)

    def side(name: str, found: Scenes) -> Side:
        scenes: list[Scene] = [*found.train, *found.test]
        count = len(found.train)
        if not found.test and any(scene.labels is not None for scene in scenes):
            if len(scenes) < 2:
                raise ValueError(f"the {name} has one scene: expected two, to learn from and to test with")
            count = min(max(round((1 - settings.aside) * len(scenes)), 1), len(scenes) - 1)
        if not cities:
            _check_numbers(scenes[count:], len(classes))

        def piece(n: int, chance: np.random.Generator | None) -> tuple[Tensor, Tensor]:
            x, labels = segments.read(scenes[n], settings.size, numbers)
            return (x.flip(3), labels.flip(2)) if chance is not None and chance.random() < 0.5 else (x, labels)

        return Side(piece, range(count), range(count, len(scenes)))

    return Sides(classes, side("source", source), side("target", target))


def _check_numbers(scenes: Sequence[Scene], classes: int) -> None:
    """See that labels are of classes.

    Raises:
        ValueError: one is not.
    """
    for scene in scenes:
        if scene.labels is not None and (most := _largest(scene.labels)) >= classes:
            raise ValueError(
                f"{quoted(scene.labels)} has the number {most}, and the source's end at {classes - 1}: expected the "
                f"same classes, and {NONE} for none"
            )


def _largest(labels: Path) -> int:
    """The largest number of a class in a label file; -1 if there is none."""
    numbers = segments.numbers_of(labels)
    known = numbers[numbers != NONE]
    return int(known.max()) if known.numel() else -1


def _numbered(scenes: Sequence[Scene]) -> tuple[str, ...]:
    """Classes by the numbers that are in labels."""
    most = max(_largest(scene.labels) for scene in scenes if scene.labels is not None)
    if most < 1:
        raise ValueError("labels of the source know one class alone: expected numbers from 0 on, for each class one")
    return tuple(str(n) for n in range(most + 1))
