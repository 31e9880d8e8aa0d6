"""How well a classifier names pictures: as they are, of several domains, and corrupted.

    mCE = mean over corruptions c of   sum over severities of err_c  /  sum over severities of the reference's err_c

without a reference the mean of errors alone, as of CIFAR-C.
"""

import math
from collections.abc import Callable, Iterable, Sequence
from typing import NamedTuple

import numpy as np
import torch
from torch import Tensor

from gestalt.media.atomic import quoted
from gestalt.ops.chance import seeded
from gestalt.ops.resize import resize
from gestalt.run.ahead import ahead
from gestalt.run.service import NullRun
from gestalt.tasks.classify import tables
from gestalt.tasks.classify.config import Test, Train
from gestalt.tasks.classify.corruptions import CORRUPTIONS, GLOBAL, corrupt
from gestalt.tasks.classify.dataset import Corrupted, DataSet, Labelled
from gestalt.tasks.classify.network import Classifier
from gestalt.tasks.classify.pictures import Shelf, as_tensor, as_tested

Change = Callable[[Tensor, int], Tensor]
"""What is done to the n-th picture, (1, 3, S, S) in [-1, 1], before it is looked at."""

LARGEST = 5
"""Classes of which one must be right for top-5."""


class Errors(NamedTuple):
    """The parts of pictures named wrong, of one corruption in one severity."""

    name: str
    severity: int
    error: float


def ask(
    net: Classifier,
    items: Sequence[Labelled],
    settings: Train,
    *,
    shelf: Shelf,
    batch: int,
    change: Change | None = None,
) -> Tensor:
    """Probabilities of classes, (N, K) on the CPU.

    Args:
        net: ready to judge.
        items: pictures.
        settings: that the network was trained with.
        shelf: of the pictures.
        batch: looked at together.
        change: done to every picture first.

    Raises:
        ValueError: a picture cannot be read.
    """

    def made(start: int) -> Tensor:
        some = range(start, min(start + batch, len(items)))
        x = [as_tested(shelf.read(items[n].path), settings.size, settings.augment) for n in some]
        return torch.cat(x if change is None else [change(one, n) for one, n in zip(x, some, strict=True)])

    return look(net, ahead(made, range(0, len(items), batch)))


@torch.inference_mode()
def look(net: Classifier, batches: Iterable[Tensor]) -> Tensor:
    """Probabilities of classes for batches of pictures, (N, K) on the CPU."""
    device, said = net.mean.device, []
    for x in batches:
        with torch.autocast(device.type, torch.bfloat16, enabled=device.type == "cuda"):
            logits = net(x.to(device, memory_format=torch.channels_last))
        said.append(logits.float().softmax(1).cpu())
    return torch.cat(said)


def accuracies(items: Sequence[Labelled], said: Tensor) -> dict[str, float]:
    """top1, top5, the mean over classes, chance and, of several domains, top1 of each."""
    truth = torch.tensor([one.label for one in items])
    ranked = said.argsort(dim=1, descending=True, stable=True)
    right = (ranked[:, 0] == truth).float()
    found = {
        "top1": float(right.mean()),
        "top5": float((ranked[:, :LARGEST] == truth[:, None]).any(1).float().mean()),
        "mean_class": float(np.mean([float(right[truth == label].mean()) for label in truth.unique()])),
        "chance": 1 / said.shape[1],
    }
    for name in dict.fromkeys(one.domain for one in items if one.domain):
        found[f"top1_{name}"] = float(right[torch.tensor([one.domain == name for one in items])].mean())
    return found


def corrupted(
    net: Classifier, items: Sequence[Labelled], settings: Train, asked: Test, *, seed: int, run: NullRun = NullRun()
) -> list[Errors]:
    """Errors under gestalt's own corruptions.

    Args:
        net: ready to judge.
        items: pictures.
        settings: that the network was trained with.
        asked: which corruptions.
        seed: of the corruptions; the same one is the same on the n-th picture, whatever the network.
        run: takes the loop.

    Raises:
        ValueError: there is no such corruption.
    """
    names = chosen(tuple(CORRUPTIONS), asked.only)
    each = [(name, severity) for name in names for severity in asked.severities]
    shelf, wrong = Shelf(settings.size), torch.zeros(len(each), dtype=torch.float64)
    truth = torch.tensor([one.label for one in items])
    for step in run.steps("corruptions", len(each), {"wrong": wrong}):
        name, severity = each[step]
        which = tuple(CORRUPTIONS).index(name)

        def change(x: Tensor, n: int, name: str = name, severity: int = severity, which: int = which) -> Tensor:
            return corrupt(x, name, severity, seeded(seed, which, severity, n))

        said = ask(net, items, settings, shelf=shelf, batch=asked.batch, change=change)
        wrong[step] = (said.argmax(1) != truth).double().mean()
    return [Errors(name, severity, float(error)) for (name, severity), error in zip(each, wrong, strict=True)]


def on_sets(
    net: Classifier, found: Corrupted, classes: Sequence[str], settings: Train, asked: Test, *, run: NullRun = NullRun()
) -> list[Errors]:
    """Errors on a corruption set.

    Args:
        net: ready to judge.
        found: the set.
        classes: that the network knows.
        settings: that it was trained with.
        asked: which corruptions.
        run: takes the loop.

    Raises:
        ValueError: the set has other classes, or a file cannot be read.
    """
    names = chosen(tuple(dict.fromkeys(name for name, _ in found.sets)), asked.only)
    unknown = set(found.classes) - set(classes)
    if unknown:
        raise ValueError(f"the corruption set has the class {min(unknown)!r}, which the run does not know")
    number = {name: n for n, name in enumerate(classes)}
    each = [one for one in found.sets if one[0] in names]
    wrong = torch.zeros(len(each), dtype=torch.float64)
    shelf = Shelf(settings.size, room=0)  # each picture is looked at once
    for step in run.steps("corruptions", len(each), {"wrong": wrong}):
        items = found.sets[each[step]]
        if found.arrays:
            wrong[step] = _of_arrays(net, items[0], each[step][1], len(classes), settings, asked)
        else:
            truth = torch.tensor([number[found.classes[one.label]] for one in items])
            said = ask(net, items, settings, shelf=shelf, batch=asked.batch)
            wrong[step] = (said.argmax(1) != truth).double().mean()
    return [Errors(name, severity, float(error)) for (name, severity), error in zip(each, wrong, strict=True)]


def keep_errors(errors: Sequence[Errors], reference: Sequence[Errors] | None, *, run: NullRun) -> None:
    """outputs/corruptions.csv, and as measures the error of each corruption and mCE.

    Raises:
        ValueError: the reference is of other corruptions.
    """
    known = None if reference is None else {(one.name, one.severity): one.error for one in reference}
    if known is not None and set(known) != {(one.name, one.severity) for one in errors}:
        raise ValueError("--reference is a test of other corruptions or severities: test both alike")
    rows = [(one.name, one.severity, f"{one.error:.6f}") for one in errors]
    tables.write("corruptions.csv", "parts named wrong", ("corruption", "severity", "error"), rows, run=run)
    means = {}
    for name in dict.fromkeys(one.name for one in errors):
        means[name] = float(np.mean([one.error for one in errors if one.name == name]))
        if known is not None:
            below = float(np.mean([error for (other, _), error in known.items() if other == name]))
            means[name] = means[name] / below if below else math.nan
    run.measure(**{f"error_{name}": value for name, value in means.items()})
    run.measure(mce=float(np.mean([*means.values()])))
    kinds = {"global": [n for n in means if n in GLOBAL], "local": [n for n in means if n not in GLOBAL]}
    run.measure(**{f"mce_{kind}": float(np.mean([means[n] for n in some])) for kind, some in kinds.items() if some})
    run.say(f"mCE {float(np.mean([*means.values()])):.1%} over {len(means)} corruptions")


def plain(net: Classifier, found: DataSet, settings: Train, asked: Test, *, run: NullRun = NullRun()) -> None:
    """classes.csv, confusion.csv, predictions.csv and the measures of the pictures of a data set as they are."""
    said = ask(net, found.test, settings, shelf=Shelf(settings.size), batch=asked.batch)
    tables.keep(found.classes, found.test, said, run=run)
    measures = accuracies(found.test, said)
    run.measure(**measures, test=len(found.test))
    run.say(f"top-1 {measures['top1']:.1%} of {len(found.test)} pictures; chance is {measures['chance']:.1%}")


def chosen(known: Sequence[str], only: Sequence[str]) -> tuple[str, ...]:
    """The corruptions that were asked for, in the order of those there are.

    Raises:
        ValueError: one is not there.
    """
    unknown = [name for name in only if name not in known]
    if unknown:
        raise ValueError(f"there is no corruption {unknown[0]!r} here: choose {', '.join(known)}")
    return tuple(name for name in known if not only or name in only)


def _of_arrays(net: Classifier, item: Labelled, severity: int, classes: int, settings: Train, asked: Test) -> float:
    """The error on one severity of a file of CIFAR-C."""
    try:
        pictures = np.load(item.path, mmap_mode="r", allow_pickle=False)
        labels = np.load(item.path.with_name("labels.npy"), allow_pickle=False)
    except (OSError, ValueError) as error:
        raise ValueError(f"{quoted(item.path)} or labels.npy cannot be read as an array: {error}") from error
    if pictures.ndim != 4 or pictures.shape[3] != 3 or pictures.dtype != np.uint8 or len(pictures) != len(labels):
        raise ValueError(
            f"{quoted(item.path)} has {pictures.dtype} {pictures.shape} for {len(labels)} labels: expected N of "
            "them and uint8 (N, H, W, 3)"
        )
    if len(labels) % 5 or int(labels.max()) >= classes:
        raise ValueError(f"{quoted(item.path)} is not of five severities, or of more than the run's {classes} classes")
    count = len(labels) // 5
    part = slice((severity - 1) * count, severity * count)
    truth = torch.from_numpy(labels[part].astype(np.int64))

    def made(start: int) -> Tensor:
        some = pictures[part][start : start + asked.batch]
        return torch.cat([resize(as_tensor(np.array(one)), (settings.size,) * 2).clamp(-1, 1) for one in some])

    said = look(net, ahead(made, range(0, count, asked.batch)))
    return float((said.argmax(1) != truth).double().mean())
