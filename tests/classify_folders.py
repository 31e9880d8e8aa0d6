"""Folders of drawn signs in the layouts of data sets of classification, for the tests of `gestalt classify`."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

import numpy as np
from PIL import Image

from gestalt.drawn import signs
from gestalt.media.image import to_uint8
from gestalt.ops.chance import seeded
from gestalt.tasks.classify.segments import CITYSCAPES

TINY = ("--preset", "tiny", "--threads", "1", "--device", "cpu")
QUIET = (*TINY, "--quiet")
KINDS = ("bar", "disc", "square")


def drawn(folder: Path, count: int, *, seed: int = 0, far: float = 0.0, size: int = 20, ending: str = "png") -> Path:
    """So many pictures of each kind, in a folder of its name."""
    for n, kind in enumerate(KINDS):
        (folder / kind).mkdir(parents=True, exist_ok=True)
        chance = seeded(seed, n)
        things = signs.things(count, chance)
        things.shape.fill_(signs.SHAPES.index(kind))
        made = signs.draw(things, signs.looks(count, chance, far=far), size=size)
        for m, picture in enumerate(made.image):
            Image.fromarray(to_uint8(picture)).save(folder / kind / f"{kind}_{seed}_{m}.{ending}")
    return folder


def imagenet(root: Path, count: int = 4) -> Path:
    """train/CLASS and val/CLASS."""
    drawn(root / "train", count, seed=1, ending="jpeg")
    drawn(root / "val", 2, seed=2, ending="jpeg")
    return root


def pacs(root: Path, count: int = 4, domains: Sequence[str] = ("art_painting", "cartoon", "photo", "sketch")) -> Path:
    """DOMAIN/CLASS, each domain in light of its own."""
    for n, domain in enumerate(domains):
        drawn(root / domain, count, seed=n + 3, far=n / 4)
    return root


def imagenet_c(
    root: Path, corruptions: Sequence[str] = ("contrast", "fog"), severities: Sequence[int] = (1, 5)
) -> Path:
    """CORRUPTION/SEVERITY/CLASS."""
    for name in corruptions:
        for severity in severities:
            drawn(root / name / str(severity), 2, seed=9, far=severity / 5, ending="jpeg")
    return root


def cifar_c(root: Path, corruptions: Sequence[str] = ("contrast", "fog"), count: int = 6) -> Path:
    """CORRUPTION.npy and labels.npy, five severities each."""
    root.mkdir(parents=True)
    labels = np.arange(count) % len(KINDS)
    for name in corruptions:
        parts = []
        for severity in range(1, 6):
            chance = seeded(4)
            things = signs.things(count, chance)
            things.shape[:, 0] = things.shape.new_tensor([signs.SHAPES.index(KINDS[label]) for label in labels])
            light = signs.looks(count, chance, far=severity / 5)
            parts += [to_uint8(one) for one in signs.draw(things, light, size=32).image]
        np.save(root / f"{name}.npy", np.stack(parts))
    np.save(root / "labels.npy", np.tile(labels, 5))
    return root


def _scene(seed: int, far: float, size: tuple[int, int]) -> tuple[Image.Image, np.ndarray]:
    chance = seeded(seed, 8)
    made = signs.draw(signs.things(1, chance, each=3), signs.looks(1, chance, far=far), size=max(size))
    height, width = size
    picture = Image.fromarray(to_uint8(made.image)[:height, :width])
    numbers = np.array([*CITYSCAPES.values()], np.uint8)[made.segments[0].numpy()]
    numbers[0, 0] = 0  # unlabelled
    return picture, numbers[:height, :width]


def gtav(root: Path, count: int = 4, *, palette: bool = True) -> Path:
    """images/ and labels/, of the same names; labels by palette, as there."""
    for name in ("images", "labels"):
        (root / name).mkdir(parents=True)
    for n in range(count):
        picture, numbers = _scene(n, 0.0, (24, 40))
        picture.save(root / "images" / f"{n:05}.png")
        labels = Image.fromarray(numbers)
        if palette:
            labels = Image.fromarray(numbers).convert("P")
            labels.putdata(numbers.flatten().tolist())
            labels.putpalette([(37 * k) % 256 for k in range(768)])
        labels.save(root / "labels" / f"{n:05}.png")
    return root


def cityscapes(root: Path, count: int = 4) -> Path:
    """leftImg8bit/ and gtFine/, by part and city."""
    for part, cities in (("train", ("aachen", "bremen")), ("val", ("munster",))):
        for c, city in enumerate(cities):
            picture_folder, label_folder = (root / kind / part / city for kind in ("leftImg8bit", "gtFine"))
            picture_folder.mkdir(parents=True)
            label_folder.mkdir(parents=True)
            for n in range(count // len(cities)):
                picture, numbers = _scene(100 * c + n, 1.0, (24, 48))
                picture.save(picture_folder / f"{city}_{n:06}_leftImg8bit.png")
                Image.fromarray(numbers).save(label_folder / f"{city}_{n:06}_gtFine_labelIds.png")
    return root
