"""Tables of what a classifier says: classes, confusions, pictures."""

import csv
from collections.abc import Iterable, Sequence
from typing import Any

import torch
from torch import Tensor

from gestalt.run.service import NullRun
from gestalt.tasks.classify.dataset import Labelled

CLASSES = "classes.csv"
"""The classes of a run, in the order of the network's outputs, in the column "class"."""


def keep(classes: Sequence[str], items: Sequence[Labelled], said: Tensor, *, run: NullRun) -> None:
    """Keep classes.csv, confusion.csv and predictions.csv.

    Args:
        classes: their names.
        items: the tested pictures.
        said: (N, K) probabilities of theirs.
        run: keeps the tables.
    """
    count = len(classes)
    truth, first = torch.tensor([one.label for one in items]), said.argmax(1)
    confusion = (truth * count + first).bincount(minlength=count**2).view(count, count)
    tested = confusion.sum(1)
    rows = [
        (name, int(tested[n]), round(float(confusion[n, n] / tested[n]), 6) if tested[n] else "")
        for n, name in enumerate(classes)
    ]
    write(CLASSES, "how often each class is named right", ("class", "test", "accuracy"), rows, run=run)
    lines = ([name, *line] for name, line in zip(classes, confusion.tolist(), strict=True))
    write("confusion.csv", "pictures of each class, by what they were called", ("class", *classes), lines, run=run)
    called = (
        (str(one.path), one.domain, classes[one.label], classes[best], round(float(said[n, best]), 6))
        for n, (one, best) in enumerate(zip(items, first.tolist(), strict=True))
    )
    columns = ("path", "domain", "class", "predicted", "probability")
    write("predictions.csv", "what each picture was called", columns, called, run=run)


def write(name: str, caption: str, columns: Sequence[str], rows: Iterable[Sequence[Any]], *, run: NullRun) -> None:
    """One table of a run."""
    with run.file(name, caption, kind="table") as path, path.open("w", newline="", encoding="utf-8") as file:
        table = csv.writer(file, lineterminator="\n")
        table.writerow(columns)
        table.writerows(rows)
