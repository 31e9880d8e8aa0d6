"""The tables of the benchmarks: what is chosen from, what is compared with what."""

from __future__ import annotations

import argparse
import json
from pathlib import Path
from typing import Any

import pytest

import classify_adapt
import classify_domains
import classify_shift
from classify_shift import CHOOSING, ROWS, best

USUAL = {"rho": 0.8, "colour": False}


def write(folder: Path, name: str, score: float, **other: Any) -> None:
    """Lines of a row in which the second candidate is best."""
    with (folder / classify_shift.LINES).open("a") as file:
        for row in ROWS[name]:
            for seed in CHOOSING:
                line = {"stage": "choose", "row": name, "settings": row.name, "seed": seed, "epochs": 20, **USUAL}
                chosen_by = score if row is ROWS[name][1] else 0.5
                file.write(json.dumps(line | {"chosen_by": chosen_by} | other) + "\n")


def test_settings_are_chosen_on_their_seeds_and_data_alone(tmp_path: Path) -> None:
    write(tmp_path, "MixStyle", 0.6)
    for other in ({"seed": 7}, {"rho": 0.5}, {"colour": True}, {"epochs": 60}):
        with (tmp_path / classify_shift.LINES).open("a") as file:
            line = {"stage": "choose", "row": "MixStyle", "settings": ROWS["MixStyle"][0].name, "seed": 100}
            file.write(json.dumps(line | {"epochs": 20, **USUAL, "chosen_by": 1.0} | other) + "\n")
    assert best(tmp_path, "MixStyle", 20, USUAL) == ROWS["MixStyle"][1]


def test_nothing_is_chosen_before_all_candidates_have_all_seeds(tmp_path: Path) -> None:
    write(tmp_path, "DSU", 0.6)
    lines = (tmp_path / classify_shift.LINES).read_text().splitlines()
    (tmp_path / classify_shift.LINES).write_text("\n".join(lines[:-1]))
    with pytest.raises(SystemExit, match=r"DSU.* for dsu early 1 \(seeds 104\)$"):
        best(tmp_path, "DSU", 20, USUAL)


def test_no_row_has_more_candidates_than_another() -> None:
    assert {len(rows) for rows in ROWS.values() if len(rows) > 1} == {6}
    layers = {name: {(row.swapping.layers, row.swapping.p) for row in ROWS[name]} for name in ("padain, early", "DSU")}
    assert layers["padain, early"] == layers["DSU"]


def test_rows_of_domains_are_compared_with_plain_by_seed(tmp_path: Path) -> None:
    values = {"plain": (0.1, 0.5, 0.3), "DSU": (0.2, 0.6, 0.4)}
    asked = argparse.Namespace(
        keep=tmp_path, model="tiny", size=32, epochs=30, seeds=[0, 1, 2], domains=["a", "b"], rows=[*values]
    )
    for row, of_seeds in values.items():
        for seed, value in enumerate(of_seeds):
            for domain, more in (("a", 0.1), ("b", -0.1)):
                run = classify_domains.place(asked, row, domain, seed)
                run.mkdir()
                (run / "metrics.json").write_text(json.dumps({f"top1_{domain}": value + more}))
    *_, plain, dsu = classify_domains.table(asked).splitlines()
    assert "| 40.0 +- 20.0 (3) | 20.0 +- 20.0 (3) | 30.0 |  |" in plain
    assert "| 40.0 | +10.0 [+10.0, +10.0] (3) |" in dsu


def test_rows_of_adapting_are_compared_with_the_source_alone(tmp_path: Path) -> None:
    rows = {"source alone": (0.2, 0.4), "directed swap": (0.5, 0.6)}
    asked = argparse.Namespace(keep=tmp_path, size=32, steps=400, seeds=[0, 1], rows=[*rows])
    for row, of_seeds in rows.items():
        for seed, value in enumerate(of_seeds):
            run = classify_adapt.place(asked, "classes", row, seed)
            run.mkdir()
            (run / "metrics.json").write_text(json.dumps({"source_accuracy": 0.5, "target_accuracy": value}))
    *_, alone, swapped = classify_adapt.table(asked, "classes").splitlines()
    assert alone.endswith("| 30.0 [20.0, 40.0] |  | 2 |")
    assert swapped.endswith("| 55.0 [50.0, 60.0] | +25.0 [-38.5, +88.5] | 2 |")
