"""Scenes whose pixels are labelled, in the layouts of GTAV and Cityscapes.

    <root>/images/*.png, <root>/labels/*.png                                             GTAV, same names
    <root>/leftImg8bit/<train or val>/<city>/X_leftImg8bit.png                           Cityscapes
    <root>/gtFine/<train or val>/<city>/X_gtFine_labelIds.png
    <root>/*                                                                             pictures without labels

Labels are PNGs of one number for each pixel, by palette or in grey; those of both sets mean the same, and 19 of them
are classes (`CITYSCAPES`). In other folders of the first layout that are read as both source and target, numbers are
classes as they stand, and 255 is none.

References:
    Richter, Vineet, Roth, Koltun: Playing for Data - Ground Truth from Computer Games. ECCV 2016 (GTAV).
    Cordts and others: The Cityscapes Dataset for Semantic Urban Scene Understanding. CVPR 2016.
"""

from collections.abc import Mapping
from pathlib import Path
from typing import NamedTuple

import numpy as np
import torch
from PIL import Image
from torch import Tensor

from gestalt.media import image
from gestalt.media.atomic import AnyPath, quoted
from gestalt.media.folders import existing, inside, pictures
from gestalt.ops.resize import resize

NONE = 255
"""Of pixels that nobody asks about."""

CITYSCAPES = {
    "road": 7, "sidewalk": 8, "building": 11, "wall": 12, "fence": 13, "pole": 17, "traffic light": 19,
    "traffic sign": 20, "vegetation": 21, "terrain": 22, "sky": 23, "person": 24, "rider": 25, "car": 26, "truck": 27,
    "bus": 28, "train": 31, "motorcycle": 32, "bicycle": 33,
}  # fmt: skip
"""The numbers of the 19 classes in the files of both sets."""


class Scene(NamedTuple):
    """A picture and where its labels are; None where it has none."""

    path: Path
    labels: Path | None


class Scenes(NamedTuple):
    """What is in a folder.

    train, test: scenes; test is empty where the layout has no part for it.
    of_cities: whether numbers are those of Cityscapes.
    """

    train: tuple[Scene, ...]
    test: tuple[Scene, ...]
    of_cities: bool


def find(folder: AnyPath) -> Scenes:
    """Scenes of a folder in one of the layouts.

    Raises:
        ValueError: it is of another.
    """
    root = existing(folder)
    if (root / "leftImg8bit" / "train").is_dir():
        train, test = (_of_cities(root, part) for part in ("train", "val"))
        if not train:
            raise ValueError(f"{quoted(root)} has no leftImg8bit/train/CITY/*_leftImg8bit.png")
        return Scenes(train, test, of_cities=True)
    found = pictures(root / "images") or pictures(root)
    if not found:
        raise ValueError(
            f"{quoted(root)} is of no known layout: expected images/ and labels/ (GTAV), or leftImg8bit/ and gtFine/ "
            "(Cityscapes), or pictures without labels"
        )
    scenes = tuple(Scene(path, _existing(root / "labels" / f"{path.stem}.png")) for path in found)
    return Scenes(scenes, (), of_cities=False)


def without(found: Scenes, unreadable: Mapping[Scene, str]) -> Scenes:
    """A folder without the scenes that cannot be read.

    Args:
        found: the folder.
        unreadable: scenes, with a sentence on each.

    Raises:
        ValueError: nothing is left to learn from.
    """
    train, test = (tuple(scene for scene in part if scene not in unreadable) for part in (found.train, found.test))
    if not train:
        raise ValueError(f"of {len(found.train)} scenes to learn from none can be read: {unreadable[found.train[0]]}")
    return found._replace(train=train, test=test)


def read(scene: Scene, side: int, numbers: Tensor | None) -> tuple[Tensor, Tensor]:
    """A square of a scene, the middle of its longer axis, and the classes of its pixels.

    Args:
        scene: with labels or without.
        side: S in pixels.
        numbers: (256,) the class of each number of the file; None if they are classes.

    Returns:
        (1, 3, S, S) in [-1, 1]; (1, S, S) classes, `NONE` where there are no labels.

    Raises:
        ValueError: a file cannot be read, or labels are of another size than their picture.
    """
    x = image.read(scene.path)
    height, width = x.shape[2:]
    short = min(height, width)
    down, right = (height - short) // 2, (width - short) // 2
    square = resize(x[:, :, down : down + short, right : right + short], (side, side)).clamp(-1, 1)
    if scene.labels is None:
        return square, torch.full((1, side, side), NONE)
    given = numbers_of(scene.labels)
    if given.shape != (height, width):
        raise ValueError(
            f"{quoted(scene.labels)} is {given.shape[0]} x {given.shape[1]} pixels and its picture {height} x {width}: "
            "expected the same"
        )
    at = ((torch.arange(side) + 0.5) * short / side).long()
    classes = given[down + at][:, right + at].long()
    return square, (classes if numbers is None else numbers[classes])[None]


def numbers_of(path: Path) -> Tensor:
    """The number of every pixel of a label file, (H, W) uint8.

    Raises:
        ValueError: it cannot be read, or is a picture in colour.
    """
    try:
        with Image.open(path) as opened:
            opened.load()
            if opened.mode not in ("L", "P"):
                raise ValueError(f"{quoted(path)} is a picture in {opened.mode}: expected a number for each pixel")
            return torch.from_numpy(np.array(opened))
    except (OSError, SyntaxError) as error:
        raise ValueError(f"{quoted(path)} cannot be read as labels: {error}") from error


def of_cities() -> Tensor:
    """(256,) the class of each number in files of GTAV and Cityscapes."""
    classes = torch.full((256,), NONE)
    for n, number in enumerate(CITYSCAPES.values()):
        classes[number] = n
    return classes


def _of_cities(root: Path, part: str) -> tuple[Scene, ...]:
    found = []
    for city in inside(root / "leftImg8bit" / part):
        for path in pictures(city):
            name = path.name.replace("_leftImg8bit", "_gtFine_labelIds")
            found.append(Scene(path, _existing(root / "gtFine" / part / city.name / name)))
    return tuple(found)


def _existing(path: Path) -> Path | None:
    return path if path.is_file() else None
