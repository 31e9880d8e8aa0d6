"""`gestalt runs`, `report` and `cite`: what was done, as a list, as a page, as references. No torch."""

from __future__ import annotations

import dataclasses
import json
from dataclasses import dataclass
from pathlib import Path

import tyro

from gestalt import citations
from gestalt.run import listing, record, report


@dataclass(frozen=True, kw_only=True)
class Runs:
    """List the runs in a folder, oldest first, with how each stands."""

    root: Path = Path("runs")
    """Where to look; child runs are found too."""

    json: bool = False
    """Print a JSON array instead of a table."""


@dataclass(frozen=True, kw_only=True)
class Report:
    """Write a run's report.html again, and print its path."""

    run: Path
    """The run folder."""

    json: bool = False
    """Print a JSON object instead of the path."""


@dataclass(frozen=True, kw_only=True)
class Cite:
    """Print what to cite, as BibTeX."""

    tasks: tyro.conf.Positional[tuple[str, ...]] = ()
    """Names of tasks; all when none is given."""


def runs(asked: Runs) -> None:
    """Print the list of runs."""
    found = listing.find(asked.root)
    if asked.json:
        print(json.dumps([{**dataclasses.asdict(run), "path": str(run.path)} for run in found], indent=1))
        return
    if not found:
        print(f"no runs in {asked.root}")
        return
    width = max(len(run.command) for run in found)
    for run in found:
        reason = f"  {run.reason}" if run.reason else ""
        print(f"{run.started:20}  {run.command:{width}}  {run.status:11}  {run.seconds:8.1f} s  {run.path}{reason}")


def write_report(asked: Report) -> None:
    """Write the report and print where it is."""
    record.read(asked.run)
    path = report.write(asked.run.absolute())
    print(json.dumps({"report": str(path)}) if asked.json else path)


def cite(asked: Cite) -> None:
    """Print the references of the named tasks, each once.

    Raises:
        ValueError: no such task.
    """
    unknown = [task for task in asked.tasks if task not in citations.BIBTEX]
    if unknown:
        raise ValueError(f"there is no task {unknown[0]!r} to cite: choose {', '.join(citations.BIBTEX)}")
    entries = [entry for task in asked.tasks or citations.BIBTEX for entry in citations.BIBTEX[task]]
    print("\n\n".join(dict.fromkeys(entries)))
