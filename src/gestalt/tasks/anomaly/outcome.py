"""What judging pictures leaves: a table, and of each picture a map, a mask and an overlay."""

import csv
import json
from collections.abc import Sequence
from pathlib import Path, PurePath
from typing import Any, NamedTuple

import torch
from torch import Tensor
from torch.nn import functional as F

from gestalt.media import image
from gestalt.media.sheet import contact_sheet
from gestalt.run.service import NullRun
from gestalt.tasks.anomaly.calibrate import Threshold
from gestalt.tasks.anomaly.config import Score
from gestalt.tasks.anomaly.model import Model
from gestalt.tasks.anomaly.scorer import Judged

COLUMNS: tuple[str, ...] = ("path", "pred_score", "pred_label", "threshold")

RED = (0.9, -0.8, -0.8)
"""Of what is drawn over a picture, in [-1, 1]."""

MOST_SHOWN, ACROSS = 24, 3
"""Pictures on the sheet, the most anomalous ones, and how many of them stand side by side."""


class Told(NamedTuple):
    """How judging went.

    anomalous: pictures that were called so.
    skipped: what could not be read, and why.
    """

    anomalous: int
    skipped: list[tuple[Path, str]]


def keep(paths: Sequence[tuple[Path, PurePath]], model: Model, settings: Score, *, run: NullRun) -> Told:
    """Judge pictures one after the other; one that cannot be read or judged is named and left out.

    Args:
        paths: of each where it lies, and the name, without ending, that its maps get.
        model: judges, on its device.
        settings: of judging.
        run: keeps scores.csv, scores.jsonl, maps/, masks/, overlays/ and a sheet of the most anomalous.
    """
    cut = model.threshold.cut(settings.sensitivity)
    state: dict[str, Any] = {"rows": [], "skipped": []}
    for step in run.steps("pictures", len(paths), state):
        path, name = paths[step]
        try:
            picture = image.read(path)
            judged = model.scorer.judge(picture.to(model.device))
        except ValueError as error:  # it cannot be read, or it is a strip, which critics do not take
            reason = str(error) if str(path) in str(error) else f"{path}: {error}"
            state["skipped"].append([str(path), reason])
            run.say(f"left out: {reason}")
            continue
        state["rows"].append([str(path), model.threshold.normalised(judged.score), judged.score > cut])
        if settings.images:
            keep_images(picture, judged, model.threshold, cut, name, run)
    rows = [dict(zip(COLUMNS, (*row, model.threshold.normalised(cut)), strict=True)) for row in state["rows"]]
    keep_tables(rows, run)
    if rows:
        run.image("sheet.png", sheet(rows, model, cut), "the most anomalous pictures, strangest first", kind="sheet")
    anomalous = sum(bool(row["pred_label"]) for row in rows)
    run.measure(images=len(rows), anomalous=anomalous, skipped=len(state["skipped"]))
    return Told(anomalous, [(Path(path), reason) for path, reason in state["skipped"]])


def keep_images(
    picture: Tensor, judged: Judged, threshold: Threshold, cut: float, name: PurePath, run: NullRun
) -> None:
    """Keep the map of a picture in 16 bits, where it is anomalous in white, and both drawn over it."""
    with run.file(f"maps/{name}.png", "") as path:
        image.write_map(path, threshold.normalised(judged.map[0, 0].double()))
    with run.file(f"masks/{name}.png", "") as path:
        image.write(path, (judged.map > cut).float() * 2 - 1)
    with run.file(f"overlays/{name}.png", "") as path:
        image.write(path, overlay(picture, judged, threshold, cut))


def overlay(picture: Tensor, judged: Judged, threshold: Threshold, cut: float) -> Tensor:
    """The picture (1, 3, H, W) with what is strange in red, more so the stranger, and what exceeds the cut outlined."""
    strange = threshold.normalised(judged.map).to(picture.device)
    # A usual good place has 0.25 and the threshold 0.5: half way between them red begins.
    share = ((strange - 0.375) / 0.5).clamp(0, 0.6)
    red = torch.tensor(RED, device=picture.device).view(1, 3, 1, 1)
    mask = (judged.map > cut).to(picture)
    outline = F.max_pool2d(mask, 3, 1, 1) - mask
    return torch.lerp(torch.lerp(picture, red.expand_as(picture), share), red.expand_as(picture), outline)


def keep_tables(rows: Sequence[dict[str, Any]], run: NullRun) -> None:
    """Keep scores.csv, which the report shows, and the same as a JSON object per line."""
    with (
        run.file("scores.csv", "score and label of every picture; 0.5 is the threshold", kind="table") as path,
        path.open("w", newline="", encoding="utf-8") as file,
    ):
        writer = csv.DictWriter(file, fieldnames=COLUMNS)
        writer.writeheader()
        writer.writerows({**row, "pred_label": int(row["pred_label"])} for row in rows)
    with (
        run.file("scores.jsonl", "the same for programs") as path,
        path.open("w", encoding="utf-8") as file,
    ):
        file.writelines(json.dumps({**row, "pred_label": int(row["pred_label"])}) + "\n" for row in rows)


def sheet(rows: Sequence[dict[str, Any]], model: Model, cut: float) -> Tensor:
    """The most anomalous pictures and their overlays, (1, 3, h, w)."""
    shown = sorted(rows, key=lambda row: -row["pred_score"])[:MOST_SHOWN]
    cells: list[list[Tensor]] = []
    captions: list[list[str]] = []
    for n, row in enumerate(shown):
        if n % ACROSS == 0:
            cells.append([])
            captions.append([])
        picture = image.read(row["path"])
        judged = model.scorer.judge(picture.to(model.device))
        cells[-1] += [picture, overlay(picture, judged, model.threshold, cut)]
        label = "anomalous" if row["pred_label"] else "good"
        captions[-1] += [Path(row["path"]).name, f"{label}, {row['pred_score']:.2f}"]
    return contact_sheet(cells, captions=captions, cell=160)
