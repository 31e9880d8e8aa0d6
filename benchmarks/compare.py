"""Every method on every pair of a folder: the tables of docs/results/compare.md and one large sheet.

    uv run python benchmarks/compare.py ../shared/data/pairs --threads 2
    uv run python benchmarks/compare.py ../shared/data/pairs -- --direction both
    uv run python benchmarks/compare.py ../shared/data/pairs --only stones_bowls -- --features squeezenet:FILE

A pair is a folder `<a>_<b>/` with two pictures. What follows `--` goes to `gestalt analogy compare`. Runs are kept in
scratch/compare and made only once; a stopped one is resumed, so no finished cell is made again. Other flags make other
runs. The sheet is scratch/compare/sheet_<flags>.png (not committed).
"""

import argparse
import hashlib
import json
import math
import statistics
import sys
from pathlib import Path
from typing import Any

from gestalt import cli
from gestalt.media import image
from gestalt.media.sheet import contact_sheet
from gestalt.run import listing
from pair import MEASURES, files

SCRATCH = Path("scratch/compare")


def run_of(pair: Path, flags: list[str], threads: int) -> Path:
    """The finished run of a pair; it is made, or resumed, where it is not there yet.

    Raises:
        SystemExit: with the exit code of gestalt, where it did not come to its end.
    """
    run = SCRATCH / f"{pair.name}_{key_of(flags)}"
    if run.exists() and listing.status_of(run) == "done":
        return run
    argv = ["resume", str(run)]
    if not (run / "run.json").exists():
        given = [str(path) for path in files(pair.parent, pair.name)]
        argv = ["analogy", "compare", *given, "--threads", str(threads), *flags]
        argv += ["--out", str(run)]
    code = cli.run(argv)
    if code:
        sys.exit(code)
    return run


def key_of(flags: list[str]) -> str:
    """A few letters for runs with these flags."""
    return hashlib.sha256(repr(flags).encode()).hexdigest()[:8]


def names_of(pair: str) -> dict[str, str]:
    """For both directions of `<a>_<b>`, what they are called in a table."""
    first, second = pair.split("_")
    return {"a2b": f"{first} < {second}", "b2a": f"{second} < {first}"}


def tell(tables: dict[str, list[dict[str, Any]]]) -> None:
    """Print a row for each cell of every pair, then the medians of each method over what it did not fail on."""
    head = "| arrangement < appearance | method | E(A) | E(B) | coherence | completeness | SWD | contrast | seconds |"
    print(head, "|---|---|---|---|---|---|---|---|---|", sep="\n")
    numbers: dict[str, list[list[float]]] = {}
    for pair, table in tables.items():
        for row in table:
            name = f"| {names_of(pair)[row['direction']]} | {row['label']} |"
            of_method = numbers.setdefault(row["label"], [])
            if row["failed"]:
                print(f"{name} left empty: {row['note']} | | | | | | {row['seconds']:.1f} |")
                continue
            values = [row[key] if row[key] is not None else float("nan") for key in (*MEASURES, "seconds")]
            of_method.append(values)
            print(name, in_a_row(values))
    for label, values in numbers.items():
        if values:
            columns = [[value for value in column if math.isfinite(value)] for column in zip(*values, strict=True)]
            medians = [statistics.median(column) if column else math.nan for column in columns]
            print(f"| median of {len(values)} | {label} |", in_a_row(medians))


def in_a_row(values: list[float]) -> str:
    """Measures and seconds as cells."""
    return " | ".join([*(f"{value:.2f}" for value in values[:-1]), f"{values[-1]:.1f}"]) + " |"


def draw(runs: dict[str, Path], tables: dict[str, list[dict[str, Any]]], path: Path) -> None:
    """Write one sheet: a row for each direction of every pair that was made."""
    rows, labels, columns = [], [], []
    for pair, run in runs.items():
        for direction, label in names_of(pair).items():
            mine = [row for row in tables[pair] if row["direction"] == direction]
            if not mine:
                continue
            outputs = [run / "outputs" / f"{direction}_{row['method']}.png" for row in mine]
            given = [run / "outputs" / f"{name}.png" for name in (direction[0], direction[2])]
            rows.append([image.read(output) if output.exists() else None for output in (*given, *outputs)])
            labels.append(label)
            columns = ["target", "source", *(row["label"] for row in mine)]
    image.write(path, contact_sheet(rows, row_labels=labels, col_labels=columns, cell=128))
    print(path)


def main(argv: list[str]) -> None:
    """Parse and run."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("folder", type=Path)
    parser.add_argument("--only", nargs="*", default=[])
    parser.add_argument("--threads", type=int, default=2)
    own, flags = (argv[: argv.index("--")], argv[argv.index("--") + 1 :]) if "--" in argv else (argv, [])
    asked = parser.parse_args(own)
    pairs = sorted(path for path in asked.folder.iterdir() if path.is_dir())
    runs = {
        path.name: run_of(path, flags, asked.threads) for path in pairs if not asked.only or path.name in asked.only
    }
    if not runs:
        parser.error(f"there are no pairs in {asked.folder}")
    tables = {name: json.loads((run / "outputs" / "table.json").read_text()) for name, run in runs.items()}
    tell(tables)
    draw(runs, tables, SCRATCH / f"sheet_{key_of(flags)}.png")


if __name__ == "__main__":
    main(sys.argv[1:])
