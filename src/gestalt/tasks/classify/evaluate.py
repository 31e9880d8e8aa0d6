"""How well a classifier names pictures: as they are, of several domains, and corrupted.

    mCE = mean over corruptions c of   sum over severities of err_c  /  sum over severities of the reference's err_c

without a reference the mean of errors alone, as of CIFAR-C. The extra corruptions of the published sets (`EXTRA`) are
not in it and have a mean of their own.

References:
    Hendrycks, Dietterich: Benchmarking Neural Network Robustness to Common Corruptions and Perturbations. ICLR 2019.
"""

from collections.abc import Callable, Iterable, Sequence
from typing import NamedTuple

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from gestalt.media.atomic import quoted
from gestalt.ops.chance import seeded
from gestalt.ops.resize import resize
from gestalt.run.ahead import ahead
from gestalt.run.service import NullRun
from gestalt.tasks.classify import tables
from gestalt.tasks.classify.config import Adapt, Test, Train
from gestalt.tasks.classify.corruptions import CORRUPTIONS, GLOBAL, corrupt
from gestalt.tasks.classify.dataset import SEVERITIES, Corrupted, DataSet, Labelled
from gestalt.tasks.classify.network import Classifier
from gestalt.tasks.classify.pictures import Shelf, as_tensor, as_tested

Change = Callable[[Tensor, int], Tensor]
"""What is done to the n-th picture, (1, 3, S, S) in [-1, 1], before it is looked at."""

OURS = (1, 3, 5)
"""Severities of our own corruptions, if no others are asked for."""
EXTRA = ("speckle_noise", "gaussian_blur", "saturate", "spatter")
"""Corruptions of ImageNet-C and CIFAR-C beside the fifteen that mCE is of."""
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
    settings: Train | Adapt,
    *,
    shelf: Shelf,
    batch: int,
    change: Change | None = None,
    cut: bool = False,
) -> Tensor:
    """Probabilities of classes, (N, K) on the CPU.

    Args:
        net: ready to judge.
        items: pictures.
        settings: that the network was trained with.
        shelf: of the pictures.
        batch: looked at together.
        change: done to every picture first.
        cut: whether the pictures are already what is to be seen of them.

    Raises:
        ValueError: a picture cannot be read.
    """

    augment = "none" if cut else settings.augment

    def made(start: int) -> Tensor:
        some = range(start, min(start + batch, len(items)))
        x = [as_tested(shelf.read(items[n].path), settings.size, augment) for n in some]
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


def asked_of(found: Corrupted | None, asked: Test) -> list[tuple[str, int]]:
    """The corruptions and severities that are tested.

    Args:
        found: a corruption set; None for gestalt's own corruptions.
        asked: which of them.

    Raises:
        ValueError: one is not there, or a corruption set is to be tested as it is.
    """
    names = tuple(CORRUPTIONS) if found is None else tuple(dict.fromkeys(name for name, _ in found.sets))
    if unknown := [name for name in asked.only if name not in names]:
        raise ValueError(f"there is no corruption {unknown[0]!r} here: choose {', '.join(names)}")
    names = tuple(name for name in names if not asked.only or name in asked.only)
    if found is None:
        severities = dict.fromkeys(asked.severities or OURS)
        return [] if asked.clean else [(name, severity) for name in names for severity in severities]
    if asked.clean:
        raise ValueError("--clean is for pictures that are not corrupted, and this is a corruption set: leave it out")
    each = [one for one in found.sets if one[0] in names and (not asked.severities or one[1] in asked.severities)]
    if lacking := set(asked.severities) - {severity for _, severity in each}:
        raise ValueError(f"the corruption set has no severity {min(lacking)} of {', '.join(names)}")
    return each


def check_reference(reference: Sequence[Errors], each: Sequence[tuple[str, int]]) -> None:
    """See that a reference can be divided by.

    Raises:
        ValueError: it is of other corruptions or severities.
    """
    if {(one.name, one.severity) for one in reference} != set(each):
        raise ValueError("--reference is a test of other corruptions or severities: test both alike")


def check_set(found: Corrupted, classes: Sequence[str]) -> None:
    """See that a network can be tested with a corruption set.

    Raises:
        ValueError: it has other classes, or a file of CIFAR-C is no array or does not fit.
    """
    if unknown := set(found.classes) - set(classes):
        raise ValueError(f"the corruption set has the class {min(unknown)!r}, which the run does not know")
    for items in found.sets.values() if found.arrays else ():
        _arrays(items[0], len(classes))


def corrupted(
    net: Classifier,
    items: Sequence[Labelled],
    settings: Train | Adapt,
    each: Sequence[tuple[str, int]],
    *,
    batch: int,
    seed: int,
    run: NullRun = NullRun(),
) -> list[Errors]:
    """Errors under gestalt's own corruptions.

    Args:
        net: ready to judge.
        items: pictures.
        settings: that the network was trained with.
        each: corruptions and severities, from `asked_of`.
        batch: looked at together.
        seed: of the corruptions; the same one is the same on the n-th picture, whatever the network.
        run: takes the loop.
    """
    shelf, wrong = Shelf(settings.size), torch.zeros(len(each), dtype=torch.float64)
    truth = torch.tensor([one.label for one in items])
    for step in run.steps("corruptions", len(each), {"wrong": wrong}):
        name, severity = each[step]
        which = tuple(CORRUPTIONS).index(name)

        def change(x: Tensor, n: int, name: str = name, severity: int = severity, which: int = which) -> Tensor:
            return corrupt(x, name, severity, seeded(seed, which, severity, n))

        said = ask(net, items, settings, shelf=shelf, batch=batch, change=change)
        wrong[step] = (said.argmax(1) != truth).double().mean()
    return [Errors(name, severity, float(error)) for (name, severity), error in zip(each, wrong, strict=True)]


def on_sets(
    net: Classifier,
    found: Corrupted,
    classes: Sequence[str],
    settings: Train | Adapt,
    each: Sequence[tuple[str, int]],
    *,
    batch: int,
    run: NullRun = NullRun(),
) -> list[Errors]:
    """Errors on a corruption set, whose pictures are seen as they are, without a margin.

    Args:
        net: ready to judge.
        found: the set, as `check_set` takes it.
        classes: that the network knows.
        settings: that it was trained with.
        each: corruptions and severities, from `asked_of`.
        batch: looked at together.
        run: takes the loop.

    Raises:
        ValueError: a file cannot be read.
    """
    number = {name: n for n, name in enumerate(classes)}
    wrong = torch.zeros(len(each), dtype=torch.float64)
    shelf = Shelf(settings.size, room=0)  # each picture is looked at once
    for step in run.steps("corruptions", len(each), {"wrong": wrong}):
        items = found.sets[each[step]]
        if found.arrays:
            wrong[step] = _of_arrays(net, items[0], each[step][1], len(classes), settings.size, batch)
        else:
            truth = torch.tensor([number[found.classes[one.label]] for one in items])
            said = ask(net, items, settings, shelf=shelf, batch=batch, cut=True)
            wrong[step] = (said.argmax(1) != truth).double().mean()
    return [Errors(name, severity, float(error)) for (name, severity), error in zip(each, wrong, strict=True)]


def keep_errors(errors: Sequence[Errors], reference: Sequence[Errors] | None, *, run: NullRun) -> None:
    """outputs/corruptions.csv, and as measures the error of each corruption, or its ratio to the reference's, and mCE.

    Args:
        errors: of each corruption and severity.
        reference: of the same, as `check_reference` takes them; a corruption that it makes no error under is left out
            of ratios.
        run: keeps them.
    """
    rows = [(one.name, one.severity, f"{one.error:.6f}") for one in errors]
    tables.write("corruptions.csv", "parts named wrong", ("corruption", "severity", "error"), rows, run=run)
    means = _means(errors)
    if reference is not None:
        below = _means(reference)
        if lacking := [name for name in means if not below[name]]:
            run.say(f"left out of mCE, as the reference makes no error there: {', '.join(lacking)}")
        means = {name: value / below[name] for name, value in means.items() if below[name]}
    kind = "error" if reference is None else "ce"
    run.measure(**{f"{kind}_{name}": value for name, value in means.items()})
    standard = [name for name in means if name not in EXTRA]
    groups = {
        "mce": standard,
        "mce_global": [name for name in standard if name in GLOBAL],
        "mce_local": [name for name in standard if name not in GLOBAL],
        "mce_extra": [name for name in means if name in EXTRA],
    }
    found = {group: float(np.mean([means[name] for name in some])) for group, some in groups.items() if some}
    run.measure(**found)
    told = {"mce": "mCE {:.1%} over {} corruptions", "mce_extra": "{:.1%} over {} extra ones"}
    lines = [words.format(found[group], len(groups[group])) for group, words in told.items() if group in found]
    run.say("; ".join(lines) or "there is no mCE")


def _means(errors: Sequence[Errors]) -> dict[str, float]:
    """Of each corruption, over its severities."""
    names = dict.fromkeys(one.name for one in errors)
    return {name: float(np.mean([one.error for one in errors if one.name == name])) for name in names}


def plain(net: Classifier, found: DataSet, settings: Train | Adapt, *, batch: int, run: NullRun = NullRun()) -> None:
    """classes.csv, confusion.csv, predictions.csv and the measures of the pictures of a data set as they are."""
    said = ask(net, found.test, settings, shelf=Shelf(settings.size), batch=batch)
    tables.keep(found.classes, found.test, said, run=run)
    measures = accuracies(found.test, said)
    run.measure(**measures, test=len(found.test))
    run.say(f"top-1 {measures['top1']:.1%} of {len(found.test)} pictures; chance is {measures['chance']:.1%}")


def _arrays(item: Labelled, classes: int) -> tuple[NDArray[np.uint8], NDArray[np.integer]]:
    """The pictures of a file of CIFAR-C, (5 N, H, W, 3), and their labels, (5 N,).

    Raises:
        ValueError: they cannot be read, or do not fit each other or the classes.
    """
    try:
        pictures = np.load(item.path, mmap_mode="r", allow_pickle=False)
        labels = np.load(item.path.with_name("labels.npy"), allow_pickle=False)
    except (OSError, ValueError, EOFError) as error:
        raise ValueError(f"{quoted(item.path)} or labels.npy cannot be read as an array: {error}") from error
    if not (isinstance(labels, np.ndarray) and labels.ndim == 1 and len(labels) and labels.dtype.kind in "iu"):
        raise ValueError(f"labels.npy beside {quoted(item.path)} is no row of whole numbers, one for each picture")
    if not isinstance(pictures, np.ndarray) or pictures.ndim != 4 or pictures.shape[3] != 3:
        raise ValueError(f"{quoted(item.path)} has no pictures: expected uint8 (N, H, W, 3)")
    if pictures.dtype != np.uint8 or len(pictures) != len(labels):
        raise ValueError(
            f"{quoted(item.path)} has {pictures.dtype} {pictures.shape} for {len(labels)} labels: expected N of "
            "them and uint8 (N, H, W, 3)"
        )
    if len(labels) % SEVERITIES or not 0 <= int(labels.min()) <= int(labels.max()) < classes:
        raise ValueError(
            f"{quoted(item.path)} is not of five severities, or of others than the run's {classes} classes"
        )
    return pictures, labels


def _of_arrays(net: Classifier, item: Labelled, severity: int, classes: int, size: int, batch: int) -> float:
    """The error on one severity of a file of CIFAR-C."""
    pictures, labels = _arrays(item, classes)
    count = len(labels) // SEVERITIES
    part = slice((severity - 1) * count, severity * count)
    truth = torch.from_numpy(labels[part].astype(np.int64))

    def made(start: int) -> Tensor:
        some = pictures[part][start : start + batch]
        return torch.cat([resize(as_tensor(np.array(one)), (size, size)).clamp(-1, 1) for one in some])

    said = look(net, ahead(made, range(0, count, batch)))
    return float((said.argmax(1) != truth).double().mean())
