"""Seams of in-painting, retargeting, collage and edit beside those of plain pastes: tables and sheets.

    uv run python benchmarks/generate.py seams ../shared/data/images

Distances are mean squared differences of 7 x 7 patches (of clips 3 x 5 x 5) at full size to the nearest patch of the
source, in thousandths on a scale from 0 to 1: at the seam, and in the interior (`metrics.seams`). Ratio is the one over
the other, with distances below rounding (.0013) counted as that. The bar asks for at most 1.2. Of other results the
distance at the seam is given, and (the ratio).
"""

import dataclasses
import statistics
import time
from collections.abc import Iterator, Sequence
from pathlib import Path

import torch
from torch import Tensor

from gestalt import recipes
from gestalt.media import image
from gestalt.media.sheet import contact_sheet
from gestalt.media.video import read_clip
from gestalt.metrics.seams import Seam, broken_seam, hole_seam, joint_seam, least_at_hole
from gestalt.ops.resize import resize
from gestalt.tasks.generate import patch, sampling, singan
from gestalt.tasks.generate.config import Edit, Patch

SCRATCH = Path("scratch/generate")
SIZES = (128, 256)
PICTURES = ("balloons.png", "beach.jpg", "mountain_lake.png", "birds.png")
PAIRS = (("balloons.png", "birds.png"), ("beach.jpg", "bay.jpg"), ("mountain_lake.png", "elephants.jpg"))
EDITED = ("balloons.png", "birds.png")
CLIP, FRAMES, CLIP_SIZE = "air_balloons", 13, 96
WIDER, NARROWER = 1.5, 0.7
STEPS = 300
"""Of the SinGAN, at each level."""

THOUSANDTHS = 250
"""From squares of [-1, 1] units."""


class Table:
    """A Markdown table of one use: its own seams first, then those of other results; medians at the end."""

    def __init__(self, use: str, others: Sequence[str], bounds: Sequence[str] = ()) -> None:
        """Print the head.

        Args:
            use: what was done.
            others: results beside it, of which the distance at the seam and (the ratio) are given.
            bounds: further distances at the seam, which have no result of their own.
        """
        columns = (use, "px", "seam", "interior", "ratio", *others, *bounds, "seconds")
        print("\n| " + " | ".join(columns) + " |\n" + "|---" * len(columns) + "|")
        self.others = len(others)
        self.rows: dict[int, list[list[float]]] = {}

    def add(
        self, name: str, px: int, seconds: float, ours: Seam, others: Sequence[Seam], bounds: Sequence[float] = ()
    ) -> None:
        """Print one row."""
        numbers = [THOUSANDTHS * ours.seam, THOUSANDTHS * ours.interior, ours.ratio]
        numbers += [number for other in others for number in (THOUSANDTHS * other.seam, other.ratio)]
        numbers += [*(THOUSANDTHS * bound for bound in bounds), seconds]
        self.rows.setdefault(px, []).append(numbers)
        self._print(name, px, numbers)

    def end(self) -> None:
        """Print the medians of sizes of which there are several rows."""
        for px, rows in self.rows.items():
            if len(rows) > 1:
                self._print("median", px, [statistics.median(column) for column in zip(*rows, strict=True)])

    def _print(self, name: str, px: int, numbers: Sequence[float]) -> None:
        texts = [f"{x:.0f}" if x >= 100 else f"{x:.1f}" if x >= 10 else f"{x:.2f}" for x in numbers]
        middle = 3 + 2 * self.others
        pairs = [f"{seam} ({ratio})" for seam, ratio in zip(texts[3:middle:2], texts[4:middle:2], strict=True)]
        print(f"| {name} | {px} | " + " | ".join((*texts[:3], *pairs, *texts[middle:])) + " |", flush=True)


def seams(folder: Path) -> None:
    """All tables, and a sheet for each use and size."""
    SCRATCH.mkdir(parents=True, exist_ok=True)
    next(patch.make(torch.zeros(1, 3, 1, 20, 20), recipes.generate_retarget("tiny")))  # compiles the kernels
    inpainting(folder)
    retargeting(folder)
    collages(folder)
    edits(folder)


def inpainting(folder: Path) -> None:
    """A hole in each picture and in one clip, filled by the engine, with what lies left of it, with the mean colour."""
    table = Table("in-paint", ("vote agreed", "plain paste", "mean colour", "what was there"), ("least possible",))
    for size in (*SIZES, CLIP_SIZE):
        settings, sheet = dataclasses.replace(recipes.generate_inpaint("fast"), size=size), []
        if size == CLIP_SIZE:
            clip = read_clip(folder.parent / "clips" / CLIP, max_frames=1000, take=FRAMES)[0]
            given = {f"{CLIP}, {FRAMES} frames": patch.working_size(clip, settings)}
        else:
            given = {_stem(name): _picture(folder / name, settings) for name in PICTURES}
        for name, picture in given.items():
            hole = _box(picture)
            result, seconds = _timed(patch.inpaint(picture, hole, settings))
            mean = (picture * ~hole).sum(dim=(2, 3, 4), keepdim=True) / (~hole).sum()
            agreed = next(patch.inpaint(picture, hole, _agreed(settings)))
            others = (agreed, _pasted(picture, hole), torch.where(hole, mean, picture), picture)
            found = [hole_seam(x, picture, hole, barred=hole) for x in (result, *others)]
            table.add(name, size, seconds, found[0], found[1:], [least_at_hole(picture, hole)])
            sheet.append((torch.where(hole, 1.0, picture), result, *others))
        _sheet(
            f"inpaint_{size}", sheet, ("hole", "filled", "vote agreed", "plain paste", "mean colour", "what was there")
        )
    table.end()


def retargeting(folder: Path) -> None:
    """Each picture made wider and narrower by the engine, by a plain cut, and stretched."""
    table = Table("retarget", ("vote agreed", "plain cut", "stretched"))
    for size in SIZES:
        settings, sheet = dataclasses.replace(recipes.generate_retarget("fast"), size=size), []
        for name in PICTURES:
            picture = _picture(folder / name, settings)
            height, width = picture.shape[3:]
            for share in (WIDER, NARROWER):
                wide = round(share * width)
                asked = dataclasses.replace(settings, size=f"{height}x{wide}")
                result, seconds = _timed(patch.make(picture, asked))
                left, right = (width, wide - width) if share > 1 else (wide // 2, wide - wide // 2)
                again = picture[..., :right] if share > 1 else picture[..., -right:]
                cut = torch.cat([picture[..., :left], again], dim=4)
                stretched = resize(picture, (1, height, wide)).clamp(-1, 1)
                others = (next(patch.make(picture, _agreed(asked))), cut, stretched)
                found = [broken_seam(x, picture) for x in (result, *others)]
                table.add(f"{_stem(name)} x {share}", size, seconds, found[0], found[1:])
                sheet.append((picture, result, *others))
        _sheet(f"retarget_{size}", sheet, ("input", "retargeted", "vote agreed", "plain cut", "stretched"))
    table.end()


def collages(folder: Path) -> None:
    """Pairs of pictures grown into one by the engine, laid side by side, and faded into each other."""
    table = Table("collage", ("vote agreed", "side by side", "cross-fade"))
    for size in SIZES:
        settings, sheet = dataclasses.replace(recipes.generate_collage("fast"), size=size), []
        for names in PAIRS:
            pictures = [_picture(folder / name, settings) for name in names]
            height, width = max(x.shape[3] for x in pictures), sum(x.shape[4] for x in pictures)
            asked = dataclasses.replace(settings, size=f"{height}x{round(width * (1 - patch.OVERLAP / 2))}")
            result, seconds = _timed(patch.collage(pictures, asked))
            one, other = (x[..., : min(y.shape[3] for y in pictures), :] for x in pictures)
            overlap = round(patch.OVERLAP * min(x.shape[4] for x in pictures))
            mixed = torch.lerp(one[..., -overlap:], other[..., :overlap], torch.linspace(0, 1, overlap))
            faded = torch.cat([one[..., :-overlap], mixed, other[..., overlap:]], dim=4)
            others = (next(patch.collage(pictures, _agreed(asked))), torch.cat([one, other], dim=4), faded)
            found = [joint_seam(x, pictures) for x in (result, *others)]
            table.add(" + ".join(map(_stem, names)), size, seconds, found[0], found[1:])
            sheet.append((*pictures, result, *others))
        _sheet(f"collage_{size}", sheet, ("input", "input", "collage", "vote agreed", "side by side", "cross-fade"))
    table.end()


def edits(folder: Path) -> None:
    """A piece of each picture pasted elsewhere, and harmonised there by a SinGAN trained on the picture, quickly."""
    settings = dataclasses.replace(recipes.generate_singan("fast"), size=64, coarsest=18, steps=STEPS)
    table, sheet, notes = Table("edit", ("plain paste",)), [], []
    for name in EDITED:
        picture = singan.working_size(image.read(folder / name)[:, :, None], settings)
        began = time.perf_counter()
        trained = sampling.trained_on(picture, 25, settings, singan.fit(picture, settings))
        mask = _box(picture)
        pasted = _pasted(picture, mask)
        results, taken = sampling.edit(pasted, trained, Edit(), mask=mask), sampling.start_of(trained, pasted, Edit())
        seconds = time.perf_counter() - began
        found = [hole_seam(x, picture, mask) for x in (results[taken], pasted)]
        table.add(_stem(name), settings.size, seconds, found[0], found[1:])
        notes = [f"start {start}" + (" (taken)" if start == taken else "") for start in results]
        sheet.append((picture, pasted, *results.values()))
    _sheet("edit", sheet, ("input", "plain paste", *notes))
    table.end()


def _agreed(settings: Patch) -> Patch:
    """The same without soft seams."""
    return dataclasses.replace(settings, vote="agreed")


def _picture(path: Path, settings: Patch) -> Tensor:
    return patch.working_size(image.read(path)[:, :, None], settings)


def _box(picture: Tensor) -> Tensor:
    """(1, 1, T, H, W) bool: a box left of the middle, a quarter of the width and a third of the height, all frames."""
    height, width = picture.shape[3:]
    box = torch.zeros_like(picture[:, :1], dtype=torch.bool)
    box[..., round(0.35 * height) : round(0.65 * height), round(0.35 * width) : round(0.6 * width)] = True
    return box


def _pasted(picture: Tensor, box: Tensor) -> Tensor:
    """The box filled with what lies left of it, none of which is in the box itself."""
    return torch.where(box, picture.roll(round(0.3 * picture.shape[4]), 4), picture)


def _timed(samples: Iterator[Tensor]) -> tuple[Tensor, float]:
    """The one sample, and how long it took."""
    began = time.perf_counter()
    return next(samples), time.perf_counter() - began


def _stem(name: str) -> str:
    return name.partition(".")[0]


def _sheet(name: str, rows: Sequence[Sequence[Tensor]], notes: Sequence[str]) -> None:
    """Of clips the middle frame."""
    cells = [[x[:, :, x.shape[2] // 2] for x in row] for row in rows]
    image.write(SCRATCH / f"seams_{name}.png", contact_sheet(cells, col_labels=notes, cell=384))
