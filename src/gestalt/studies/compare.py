"""The comparison figure: one pair, every method, the same measures, and what each took.

A row for each direction, a cell for each method: what gives the arrangement (the target), what gives the appearance
(the source), then `methods.METHODS`. A cell that could not be made says why, and the others stay.
"""

import csv
import json
import math
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from torch import Tensor

from gestalt.media.sheet import contact_sheet
from gestalt.ops.pyramid import reduced
from gestalt.run.service import NullRun
from gestalt.studies.cells import Cell, Shared, Timed, fill
from gestalt.studies.config import Compare
from gestalt.studies.methods import METHODS, Given, PairNetwork, load_features, train_pair, train_translators
from gestalt.tasks.analogy.measures import two_sided
from gestalt.tasks.analogy.outcome import DIRECTIONS

MEASURES = ("edges_structure", "edges_appearance", "coherence", "completeness", "swd", "contrast")
COLUMNS: tuple[str, ...] = ("direction", "method", "label", *MEASURES, "seconds", "note", "failed")
"""Of the table."""


def working_size(image: Tensor, settings: Compare) -> Tensor:
    """Reduce (1, 3, H, W) to the size that all methods work at, aspect kept."""
    return reduced(image, settings.size)


def make(
    a: Tensor,
    b: Tensor,
    settings: Compare,
    *,
    network: tuple[PairNetwork, float] | None = None,
    about: Mapping[str, str] | None = None,
    seed: int = 0,
    run: NullRun,
) -> list[dict[str, Any]]:
    """Make every cell, and keep pictures, table and sheet.

    Args:
        a, b: (1, 3, H, W) in [-1, 1], at working size.
        settings: of the comparison.
        network: a pair network that was trained before, and the seconds that took; None trains one.
        about: of "a" and "b", what is to be said beside the picture, if anything.
        seed: of all chance.
        run: keeps each cell as it is done, then `table.csv`, `table.json` and `sheet.png`.

    Returns:
        The table: a row for each cell, with the keys `COLUMNS`; measures are None where there is no picture.
    """
    pictures, about = {"a": a, "b": b}, about or {}
    for name, picture in pictures.items():
        caption = ", ".join(filter(None, (name.upper(), about.get(name))))
        run.image(f"{name}.png", picture, caption, row="given", col=name.upper())

    def trained(part: Timed) -> PairNetwork:
        if network is None:
            return train_pair(a, b, settings, seed=seed, run=part)
        part.charge(network[1])
        return network[0]

    shared = (
        Shared("pair network", trained, run),
        Shared("CycleGAN", lambda part: train_translators(a, b, settings, seed=seed, run=part), run),
        Shared("features", lambda _: load_features(a, b, settings, seed=seed), run),
    )
    directions = tuple(DIRECTIONS) if settings.direction == "both" else (settings.direction,)
    table, rows = [], []
    for direction in directions:
        structure, appearance = pictures[direction[0]], pictures[direction[2]]
        given = Given(direction, structure, appearance, settings, seed, *shared)
        row: dict[str, Cell] = {}
        for name in settings.methods:
            row[name] = _cell(name, given, run)
            table.append(_entry(name, direction, row[name]))
        rows.append((structure, appearance, row))
    run.measure(cells=len(table), cells_failed=sum(entry["failed"] for entry in table))
    keep_table(table, run)
    run.image("sheet.png", sheet(rows, directions, settings), _sheet_caption(settings), kind="sheet")
    return table


def _cell(name: str, given: Given, run: NullRun) -> Cell:
    """Make one cell, or take it as it was kept, and keep its picture, or the reason in its place."""
    method, direction = METHODS[name], given.direction

    def measure(picture: Tensor) -> Mapping[str, float]:
        return two_sided({name: picture}, given.structure, given.appearance)[name]

    cell = fill(f"{direction}, {name}", lambda part: method.make(given, part), measure, run=run)
    key, row = f"{direction}_{name}", " to ".join(DIRECTIONS[direction])
    if cell.picture is None:
        run.say(f"{row}, {method.label}: left empty, because {cell.reason}")
        with run.file(f"{key}.txt", f"left empty: {cell.reason}", row=row, col=method.label) as path:
            path.write_text(cell.reason + "\n", encoding="utf-8")
        return cell
    caption = f"{_in_brief(cell)}{'; ' if cell.note else ''}{cell.note}"
    run.image(f"{key}.png", cell.picture, caption, row=row, col=method.label)
    run.measure(**{f"{key}_{measure}": value for measure, value in cell.measures.items()})
    run.measure(**{f"{key}_seconds": cell.seconds})
    return cell


def _entry(name: str, direction: str, cell: Cell) -> dict[str, Any]:
    """A row of the table."""
    return {
        "direction": direction,
        "method": name,
        "label": METHODS[name].label,
        **{key: _finite(cell.measures.get(key)) for key in MEASURES},
        "seconds": round(cell.seconds, 3),
        "note": cell.reason or cell.note,
        "failed": cell.picture is None,
    }


def _finite(value: float | None) -> float | None:
    return None if value is None or not math.isfinite(value) else value


def keep_table(table: list[dict[str, Any]], run: NullRun) -> None:
    """Keep the table as table.csv, which the report shows, and as table.json."""
    with (
        run.file("table.csv", "every measure of every cell, and the seconds it took", kind="table") as path,
        path.open("w", newline="", encoding="utf-8") as file,
    ):
        writer = csv.DictWriter(file, fieldnames=COLUMNS)
        writer.writeheader()
        writer.writerows(table)
    with run.file("table.json", "the same for programs") as path:
        path.write_text(json.dumps(table, indent=1) + "\n", encoding="utf-8")


def sheet(rows: list[tuple[Tensor, Tensor, dict[str, Cell]]], directions: tuple[str, ...], settings: Compare) -> Tensor:
    """The figure, (1, 3, h, w): target, source, and a cell per method, with its measures or its reason below."""
    seen = settings.features.partition(":")[0]
    labels = [f"{METHODS[name].label}{f' ({seen} features)' * METHODS[name].sees}" for name in settings.methods]
    return contact_sheet(
        [[structure, appearance, *(cell.picture for cell in row.values())] for structure, appearance, row in rows],
        row_labels=[" to ".join(DIRECTIONS[direction]) for direction in directions],
        col_labels=["target", "source", *labels],
        captions=[
            ["arrangement", "appearance", *(cell.reason or _in_brief(cell) for cell in row.values())]
            for _, _, row in rows
        ],
        cell=min(256, max(128, settings.size)),
    )


def _sheet_caption(settings: Compare) -> str:
    seeing = [METHODS[name].label for name in settings.methods if METHODS[name].sees]
    arch, _, file = settings.features.partition(":")
    features = f"; {' and '.join(seeing)} see features of {arch} {Path(file).name}".rstrip() if seeing else ""
    return (
        "Every method; E is the edge correlation with target / source, coh the distance to the source's patches, as a "
        f"ratio to the target's{features}"
    )


def _in_brief(cell: Cell) -> str:
    """The measures that tell most, in a few words; no seconds, so that the same seed gives the same sheet."""
    kept, copied, coherence = (cell.measures[key] for key in ("edges_structure", "edges_appearance", "coherence"))
    return f"E {kept:.2f} / {copied:.2f}, coh {coherence:.2f}"
