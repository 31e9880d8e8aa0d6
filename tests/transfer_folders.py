"""Folders of drawn faces in all shapes and modes, and a fit on them, for the tests of `gestalt transfer`."""

from __future__ import annotations

from pathlib import Path

import numpy as np
from PIL import Image

from gestalt.drawn import faces
from gestalt.media.image import to_uint8
from gestalt.ops.chance import seeded
from gestalt.run import record

TINY = ("--preset", "tiny", "--threads", "1", "--device", "cpu")
QUIET = (*TINY, "--quiet")


def drawn(folder: Path, count: int, *, worn: bool, seed: int, size: int = 40) -> Path:
    """Faces 0.png and so on, with or without glasses."""
    folder.mkdir(parents=True, exist_ok=True)
    chance = seeded(seed)
    persons, frames = faces.people(count, chance), faces.glasses(count, chance)
    for n, face in enumerate(faces.draw(persons, frames if worn else None, size=size).image):
        Image.fromarray(to_uint8(face)).save(folder / f"{n}.png")
    return folder


def mixed(folder: Path, *, worn: bool, seed: int) -> Path:
    """Seven pictures that differ in size and mode: colour, grey of 8 and 16 bits, alpha, palette, two strips."""
    drawn(folder, 5, worn=worn, seed=seed, size=64)
    grey = np.asarray(Image.open(folder / "1.png").convert("L"))
    Image.fromarray(grey[5:]).save(folder / "1.png")
    Image.fromarray(grey.astype(np.uint16) * 200).save(folder / "2.png")
    picture = Image.open(folder / "3.png").convert("RGBA").resize((50, 33))
    picture.putalpha(Image.linear_gradient("L").resize((50, 33)))
    picture.save(folder / "3.png")
    Image.open(folder / "4.png").convert("P").resize((31, 47)).save(folder / "4.gif")
    (folder / "4.png").unlink()
    strip = np.random.default_rng(seed).integers(0, 256, (1, 500, 3), np.uint8)
    Image.fromarray(strip).save(folder / "5.png")
    Image.fromarray(strip.transpose(1, 0, 2).copy()).save(folder / "6.bmp")
    return folder


def both(root: Path, count: int = 6) -> tuple[Path, Path]:
    """Faces with glasses, and others without."""
    return (
        drawn(root / "worn", count, worn=True, seed=1),
        drawn(root / "bare", count, worn=False, seed=2),
    )


def names(run: Path) -> list[str]:
    """The pictures that a run left."""
    return sorted(path.relative_to(run / "outputs").as_posix() for path in (run / "outputs").rglob("*.png"))


def contents(run: Path) -> dict[str, bytes]:
    """Everything that a run learned and left."""
    return {
        path.relative_to(run).as_posix(): path.read_bytes()
        for folder in ("outputs", "weights")
        for path in (run / folder).rglob("*")
        if path.is_file()
    }


def measures(run: Path) -> dict[str, float]:
    """What a run measured."""
    return record.read(run)["measures"]
