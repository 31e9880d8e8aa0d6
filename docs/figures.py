"""Make every picture in docs/pictures. Run from the repository root: uv run python docs/figures.py [NAME ...]

The pictures come from scenes that gestalt draws itself, and from sample pictures that scikit-image brings along
(THIRD_PARTY.md lists them with their sources). Names limit what is made: givens hero coins presets dial failures
compared.
"""

import dataclasses
import sys
import tempfile
import time
from collections.abc import Callable
from pathlib import Path

import skimage.data
import torch
from torch import Tensor

from gestalt import cli, recipes
from gestalt.drawn import objects
from gestalt.media import image
from gestalt.media.sheet import contact_sheet
from gestalt.ops.pyramid import fit_long_side
from gestalt.ops.resize import resize
from gestalt.ops.stats import match_histogram
from gestalt.run.service import NullRun
from gestalt.tasks.analogy import patch
from gestalt.tasks.analogy.config import Patch

PICTURES = Path("docs/pictures")
SAMPLES = Path(skimage.data.__file__).parent
SIDE = 192
"""Longest side of every picture on a sheet, in pixels."""


def drawn(layout: str, look: str, seed: int = 0) -> Tensor:
    """A scene at the size of the sheets."""
    return objects.scene(layout, look, size=(SIDE * 3 // 4, SIDE), seed=seed).image


def sample(name: str) -> Tensor:
    """A sample picture of scikit-image, reduced to the size of the sheets."""
    return patch.working_size(image.read(SAMPLES / name), Patch(size=SIDE))


def blobs(layout: str, look: str, figure: tuple[float, float, float], ground: tuple[float, float, float]) -> Tensor:
    """The outlines of a scene's objects, filled with one flat colour, on another."""
    mask = objects.scene(layout, look, size=(SIDE * 3 // 4, SIDE), seed=0).mask
    inside, outside = (torch.tensor(colour).view(1, 3, 1, 1) for colour in (figure, ground))
    return mask * inside + (1 - mask) * outside


def analogy(structure: Tensor, appearance: Tensor, preset: str = "fast") -> Tensor:
    """One direction, as `gestalt analogy make --size 192 --preset PRESET` makes it."""
    settings = dataclasses.replace(recipes.analogy_patch(preset), size=SIDE)
    return patch.transfer(structure, appearance, settings, run=NullRun(), name="figure")


def write(name: str, sheet: Tensor) -> None:
    """Keep a sheet."""
    image.write(PICTURES / name, sheet)


def givens() -> None:
    """The two pictures that the examples of README.md and docs/analogy.md begin with."""
    write("oranges.jpg", objects.scene("scattered", "oranges", size=(192, 256), seed=0).image)
    write("pebbles.jpg", objects.scene("ring", "pebbles", size=(192, 256), seed=1).image)


def hero() -> None:
    """Two drawn pairs, both directions."""
    pairs = [
        (drawn("scattered", "oranges"), drawn("ring", "pebbles", 1)),
        (drawn("row", "marbles", 2), drawn("ring", "bowls", 1)),
    ]
    rows = [[a, b, analogy(a, b), analogy(b, a)] for a, b in pairs]
    write("pairs.jpg", contact_sheet(rows, col_labels=["A", "B", "a2b", "b2a"], cell=SIDE))


def coins() -> None:
    """A photograph and a drawn picture."""
    a, b = sample("coins.png"), drawn("grid", "pumpkins")
    rows = [[a, b, match_histogram(a, b), analogy(a, b)]]
    write("coins.jpg", contact_sheet(rows, col_labels=["A", "B", "histogram match", "a2b"], cell=SIDE))


def presets() -> None:
    """What each preset is for."""
    grey, orange = (-0.5, -0.45, -0.4), (0.9, 0.1, -0.8)
    cases = [
        ("glyph", sample("horse.png"), drawn("scattered", "oranges")),
        ("sketch", blobs("wave", "oranges", orange, grey), drawn("scattered", "oranges")),
        ("texture", sample("coffee.png"), sample("gravel.png")),
        ("style", sample("chelsea.png"), sample("ihc.png")),
    ]
    rows = [[a, b, analogy(a, b), analogy(a, b, preset)] for preset, a, b in cases]
    labels = [preset for preset, *_ in cases]
    columns = ["arrangement", "appearance", "preset fast", "preset of the row"]
    write("presets.jpg", contact_sheet(rows, row_labels=labels, col_labels=columns, cell=SIDE))


def dial() -> None:
    """Every start level, with and without guidance."""
    settings = dataclasses.replace(recipes.analogy_patch("fast"), size=128, ratio=0.6)
    a, b = (patch.working_size(image.read(PICTURES / name), settings) for name in ("oranges.jpg", "pebbles.jpg"))
    sheet = patch.sweep(a, b, settings, run=NullRun(), name="a2b")
    write("dial.jpg", resize(sheet, fit_long_side(sheet.shape[2:], 1100)))


def failures() -> None:
    """What it does badly."""
    cases = [
        ("soft ground", drawn("diagonal", "gems", 3), drawn("ring", "leaves")),
        ("tones that both figure and ground have", sample("coins.png"), drawn("grid", "bowls")),
        ("no figure to speak of", sample("coffee.png"), sample("brick.png")),
    ]
    rows = [[a, b, analogy(a, b)] for _, a, b in cases]
    columns = ["arrangement", "appearance", "result"]
    write("failures.jpg", contact_sheet(rows, row_labels=[name for name, *_ in cases], col_labels=columns, cell=SIDE))


def compared() -> None:
    """One pair by every method, with fewer steps than by default: a quarter of an hour."""
    few = ("--size", "96", "--pair-steps", "200", "--singan-steps", "300", "--cyclegan-steps", "300")
    pair = [str(PICTURES / name) for name in ("oranges.jpg", "pebbles.jpg")]
    with tempfile.TemporaryDirectory() as folder:
        run = Path(folder) / "run"
        assert cli.run(["analogy", "compare", *pair, *few, "--out", str(run)]) == 0
        write("compared.jpg", image.read(run / "outputs" / "sheet.png"))


def main() -> None:
    """Make what is asked for; all without a name."""
    torch.set_num_threads(2)
    PICTURES.mkdir(parents=True, exist_ok=True)
    makers: tuple[Callable[[], None], ...] = (givens, hero, coins, presets, dial, failures, compared)
    for make in makers:
        if len(sys.argv) == 1 or make.__name__ in sys.argv[1:]:
            began = time.perf_counter()
            make()
            print(f"{make.__name__}: {time.perf_counter() - began:.0f} s", flush=True)


if __name__ == "__main__":
    main()
