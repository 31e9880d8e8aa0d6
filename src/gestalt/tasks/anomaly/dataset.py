"""Folders of inspection pictures: the MVTec layout, or a plain folder of good ones.

    <root>/train/good/*                 good ones to learn from
    <root>/test/good/*                  good ones to test with (may be missing)
    <root>/test/<defect>/*              one folder per kind of defect, called as you like
    <root>/ground_truth/<defect>/*      masks (may be missing): <name>_mask.png or <name>.png for <name>.jpg

The same one level deeper, <root>/<category>/train/good and so on, is a data set of many categories. Files come in the
natural order of their names (2 before 10); hidden ones, and those that end in no picture format, are left out. What
is in a file decides only when it is read.

References:
    Bergmann, Fauser, Sattlegger, Steger: MVTec AD - A Comprehensive Real-World Dataset for Unsupervised Anomaly
        Detection. CVPR 2019.
"""

from collections.abc import Sequence
from pathlib import Path
from typing import NamedTuple

import numpy as np
import torch
from numpy.typing import NDArray

from gestalt.media import image
from gestalt.media.atomic import AnyPath, quoted
from gestalt.media.folders import existing, inside, pictures
from gestalt.ops.chance import seeded

GOOD = "good"
"""The folder, and the kind, of pictures without a defect."""


class Item(NamedTuple):
    """A picture to be judged, and what is known of it."""

    path: Path
    label: int
    """0 normal, 1 anomalous."""
    defect: str
    """The kind of defect, the name of its folder; "good" where there is none."""
    mask: Path | None
    """Where the defect is; None for good pictures, and where nobody drew it."""


class Category(NamedTuple):
    """One kind of part."""

    name: str
    train: tuple[Path, ...]
    """Good pictures to draw shots from."""
    test: tuple[Item, ...]
    """Good ones first, then one kind of defect after the other; may be empty."""


def categories(root: AnyPath) -> list[Category]:
    """Everything in a data set.

    Args:
        root: a folder with train/good in it, or with folders that have.

    Returns:
        One category of the root's name, or one per folder that has train/good, in the order of names.

    Raises:
        ValueError: the folder is missing, or is of another layout; or a train/good holds no picture, or two masks
            belong to one picture.
    """
    root = existing(root)
    if (root / "train" / GOOD).is_dir():
        return [_category(root)]
    found = [folder for folder in inside(root) if (folder / "train" / GOOD).is_dir()]
    if not found:
        raise ValueError(
            f"{quoted(root)} is not in the MVTec layout: expected the good pictures in train/good, here or in each of "
            "its folders, and the others in test/good and test/<defect>"
        )
    return [_category(folder) for folder in found]


def good(folder: AnyPath) -> list[Path]:
    """The good pictures of a plain folder, or of one category.

    Args:
        folder: that holds the pictures itself, or holds train/good.

    Returns:
        At least one, in natural order.

    Raises:
        ValueError: the folder is missing or holds no picture.
    """
    folder = existing(folder)
    inner = folder / "train" / GOOD
    found = pictures(inner if inner.is_dir() else folder)
    if not found:
        raise ValueError(
            f"{quoted(folder)} holds no picture: expected some (PNG, JPEG, TIFF, WebP and the like) in it, or in "
            "train/good"
        )
    return found


def draw(paths: Sequence[Path], shots: int, seed: int) -> list[Path]:
    """Some of the paths by chance; of one seed, fewer shots are the first of more.

    Args:
        paths: to draw from.
        shots: how many.
        seed: another seed is another order of all paths.

    Returns:
        As many paths, none twice, in the order in which they were drawn.

    Raises:
        ValueError: fewer than one shot is asked for, or more than there are.
    """
    if not 1 <= shots <= len(paths):
        raise ValueError(
            f"cannot draw {shots} shots: expected a number from 1 to that of the good pictures, {len(paths)}"
        )
    order = torch.randperm(len(paths), generator=seeded(seed)).tolist()
    return [paths[n] for n in order[:shots]]


def read_mask(path: AnyPath, size: tuple[int, int]) -> NDArray[np.bool_]:
    """Where a defect is.

    Args:
        path: a picture that is black where there is none and white where it is; from half grey on it counts, so that
            the noise of masks that were saved as JPEG does not. One whose largest level is 1 counts as 0 and 1.
        size: (H, W) of the picture that it belongs to.

    Returns:
        (H, W), true at the defect.

    Raises:
        ValueError: the mask cannot be read or has another size.
    """
    levels = (image.read(path)[0].amax(dim=0) + 1) / 2
    largest = float(levels.max())
    mask = (levels > (largest / 2 if largest < 1.5 / 255 else 0.5)).numpy()
    if mask.shape != tuple(size):
        (height, width), (of_height, of_width) = mask.shape, size
        raise ValueError(
            f"the mask {quoted(path)} has {width} x {height} pixels and its picture {of_width} x {of_height}: expected "
            "one of the same size"
        )
    return mask


def _category(root: Path) -> Category:
    train = pictures(root / "train" / GOOD)
    if not train:
        raise ValueError(f"{quoted(root / 'train' / GOOD)} holds no picture: expected the good ones there")
    items = [Item(path, 0, GOOD, None) for path in pictures(root / "test" / GOOD)]
    for folder in inside(root / "test"):
        if folder.name != GOOD and folder.is_dir():
            masks = _masks(root / "ground_truth" / folder.name)
            items += [Item(path, 1, folder.name, _mask(path, masks)) for path in pictures(folder)]
    return Category(root.resolve().name, tuple(train), tuple(items))


def _masks(folder: Path) -> dict[str, list[Path]]:
    """Mask files by their names without ending."""
    found: dict[str, list[Path]] = {}
    for path in pictures(folder):
        found.setdefault(path.stem, []).append(path)
    return found


def _mask(path: Path, masks: dict[str, list[Path]]) -> Path | None:
    """Of a picture, <name>_mask before <name>."""
    for name in (f"{path.stem}_mask", path.stem):
        some = masks.get(name, [])
        if len(some) > 1:
            names = " and ".join(mask.name for mask in some)
            raise ValueError(f"{quoted(path)} has more than one mask, {names}: expected one of them")
        if some:
            return some[0]
    return None
