"""`gestalt classify ...`: classifiers that look less at global statistics, and what that is worth."""

from __future__ import annotations

import os
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import tyro

from gestalt import recipes_classify
from gestalt.commands.exits import SKIPPED

if TYPE_CHECKING:
    from collections.abc import Callable, Collection, Sequence

    from gestalt.commands.job import Job
    from gestalt.run.folder import Run
    from gestalt.tasks.classify.config import Adapt, Swapping
    from gestalt.tasks.classify.dataset import DataSet
    from gestalt.tasks.classify.model import Model
    from gestalt.tasks.classify.pictures import Item
    from gestalt.tasks.classify.sides import Sides as Adapted

LOOKED_AT = 100_000
"""Pictures up to which all are read before there is a run, so that damaged ones are left out."""


@dataclass(frozen=True, kw_only=True)
class Data:
    """Learn to tell classes, now and then with the statistics of other pictures."""

    data: Annotated[Path, tyro.conf.arg(metavar="DATA")]
    """Pictures in class folders; the same in train/ and val/ or test/; or in folders of domains, as PACS."""


@dataclass(frozen=True, kw_only=True)
class Tested:
    """Say how well a classifier names the pictures of a data set: as they are, and corrupted."""

    run: Annotated[Path, tyro.conf.arg(metavar="RUN")]
    """Folder of a run of classify train, or of classify adapt of classes."""

    data: Annotated[Path, tyro.conf.arg(metavar="DATA")]
    """A data set as for classify train: of the one that was learned from, and of one that has such a part, the part to
    test with, of others everything; or a set that is corrupted, in the layout of ImageNet-C or CIFAR-C."""


@dataclass(frozen=True, kw_only=True)
class Sides:
    """Learn from a labelled source for a target without labels; without both, from drawn signs for other light."""

    source: Annotated[
        tyro.conf.Positional[Path | None], tyro.conf.arg(metavar="[SOURCE]", help_behavior_hint="(optional)")
    ] = None
    """Pictures in class folders, or, with --what segments, images/ and labels/, as GTAV."""

    target: Annotated[
        tyro.conf.Positional[Path | None], tyro.conf.arg(metavar="TARGET", help_behavior_hint="(with SOURCE)")
    ] = None
    """The same, or leftImg8bit/ and gtFine/, as Cityscapes, or pictures without labels; labels of what is learned from
    are not looked at."""


def train(job: Job) -> Run:
    """Find the pictures, then train and test in a run."""
    import torch

    from gestalt.tasks.classify import dataset, train, training
    from gestalt.tasks.classify.pictures import Shelf

    settings = job.settings
    training.share(settings)
    _check_swapping(job, recipes_classify.classify_train(job.options.preset).swapping)
    found = dataset.find(job.inputs.data, aside=settings.aside, held_out=settings.held_out)
    if settings.swapping.partner == "cross_domain" and len({one.domain for one in found.train}) < 2:
        raise ValueError("--partner cross_domain needs two domains to learn from: choose another")
    net = train.fresh(settings, len(found.classes), job.options.seed)  # before there is a run: what does not fit
    training.check_swaps(net, settings.swapping)
    shelf = Shelf(settings.size)
    bad = _unreadable([one.path for one in (*found.train, *found.test)], shelf.read)
    found = dataset.without(found, bad)
    with job.start() as run:
        run.say(found.told)
        _tell(run, bad.values())
        device = torch.device(run.plan.device)
        train.make(found, net, settings, seed=run.plan.seed, device=device, shelf=shelf, run=run)
    _end(run, len(bad))
    return run


def test(job: Job) -> Run:
    """Load the classifier, then test it in a run."""
    from gestalt.tasks.classify import dataset, evaluate, model
    from gestalt.tasks.classify.pictures import Shelf

    settings = job.settings
    trained = model.load(job.inputs.run, "cpu")
    corrupted = dataset.find_corrupted(job.inputs.data)
    each = evaluate.asked_of(corrupted, settings)
    reference = model.errors_of(Path(settings.reference)) if settings.reference else None
    if reference is not None:
        evaluate.check_reference(reference, each)
    found, size = None, trained.settings.size
    if corrupted is None:
        found = _tested(job, trained)
        bad = _unreadable([one.path for one in found.test], Shelf(size, room=0).read)
        found = dataset.without(found, bad)
    else:
        evaluate.check_set(corrupted, trained.classes)
        pictures = () if corrupted.arrays else [one.path for some in each for one in corrupted.sets[some]]
        bad = _unreadable(pictures, Shelf(size, room=0).read)
        corrupted = dataset.without_some(corrupted, bad)
    with job.start() as run:
        net = model.load(job.inputs.run, run.plan.device).net
        _tell(run, bad.values())
        errors = None
        if corrupted is not None:
            errors = evaluate.on_sets(
                net, corrupted, trained.classes, trained.settings, each, batch=settings.batch, run=run
            )
        elif found is not None:
            run.say(found.told)
            evaluate.plain(net, found, trained.settings, batch=settings.batch, run=run)
            if each:
                errors = evaluate.corrupted(
                    net, found.test, trained.settings, each, batch=settings.batch, seed=run.plan.seed, run=run
                )
        if errors is not None:
            evaluate.keep_errors(errors, reference, run=run)
    _end(run, len(bad))
    return run


def adapt(job: Job) -> Run:
    """Find both sides or draw them, then adapt in a run."""
    import torch

    from gestalt.tasks.classify import adapt, training

    settings = job.settings
    training.share(settings)
    _check_swapping(job, recipes_classify.classify_adapt(job.options.preset).swapping)
    sides, refused = _sides(job, settings)
    net = adapt.fresh(settings, len(sides.classes), job.options.seed)
    training.check_swaps(net, settings.swapping)
    with job.start() as run:
        _tell(run, refused)
        adapt.make(sides, net, settings, seed=run.plan.seed, device=torch.device(run.plan.device), run=run)
    _end(run, len(refused))
    return run


def _check_swapping(job: Job, usual: Swapping) -> None:
    """See that nothing is said of swaps where there are none.

    Raises:
        ValueError: something is, otherwise than in the preset.
    """
    own = job.settings.swapping
    for name in ("swap_p", "swap_layers", "partner") if own.swap == "none" else ():
        if getattr(own, name) != getattr(usual, name):
            raise ValueError(f"--swap none swaps nothing: leave --{name.replace('_', '-')} out")


def _tested(job: Job, trained: Model) -> DataSet:
    """What a classifier is tested with.

    Raises:
        ValueError: the folder is of no known layout, or of other classes.
    """
    from gestalt.tasks.classify import dataset, model

    data, settings = job.inputs.data, trained.settings
    if model.has_learned_from(job.inputs.run, data):
        found = dataset.find_tested(data, aside=settings.aside, held_out=getattr(settings, "held_out", ""))
    else:
        found = dataset.find_tested(data, aside=None)
    if found.classes != trained.classes:
        raise ValueError(
            f"{data} has the classes {', '.join(found.classes[:4])}, ..., and the run knows "
            f"{', '.join(trained.classes[:4])}, ...: expected the same"
        )
    return found


def _sides(job: Job, settings: Adapt) -> tuple[Adapted, list[str]]:
    """Both sides, and a sentence on each file of theirs that cannot be read.

    Raises:
        ValueError: only one is named, or a folder is of no known layout.
    """
    from gestalt.tasks.classify import dataset, segments, sides
    from gestalt.tasks.classify.pictures import Shelf

    source, target = job.inputs.source, job.inputs.target
    if source is None or target is None:
        if source is not None:
            raise ValueError(
                "a source was named and no target: expected SOURCE and TARGET, or neither, for drawn signs"
            )
        return sides.drawn(settings, job.options.seed), []
    if settings.what == "segments":
        scenes = [segments.find(folder) for folder in (source, target)]
        every = [scene for some in scenes for scene in (*some.train, *some.test)]
        bad = _unreadable(every, lambda scene: segments.read(scene, settings.size, None))
        one, other = (segments.without(some, bad) for some in scenes)
        return sides.of_segments(one, other, settings), [*bad.values()]
    shelf = Shelf(settings.size)
    one, loose = dataset.find(source, aside=settings.aside), dataset.find_unlabelled(target)
    other = None if loose else dataset.find(target, aside=settings.aside)
    paths = [item.path for some in (one, other) if some is not None for item in (*some.train, *some.test)]
    bad = _unreadable([*paths, *loose], shelf.read)
    if loose and all(path in bad for path in loose):
        raise ValueError(f"of the {len(loose)} pictures of the target none can be read: {bad[loose[0]]}")
    sound = [path for path in loose if path not in bad] if other is None else dataset.without(other, bad)
    return sides.of_classes(dataset.without(one, bad), sound, settings, shelf), [*bad.values()]


def _unreadable(items: Sequence[Item], read: Callable[[Item], object]) -> dict[Item, str]:
    """Files that cannot be read, with a sentence on each; none where there are too many to look at all."""
    from gestalt.tasks.classify.pictures import unreadable

    return unreadable(items, read) if len(items) <= LOOKED_AT else {}


def _tell(run: Run, refused: Collection[str]) -> None:
    for reason in refused:
        run.say(f"left out: {reason}")
    run.measure(skipped=len(refused))


def _end(run: Run, skipped: int) -> None:
    if skipped and "TORCHELASTIC_RUN_ID" in os.environ:  # torchrun takes any code but 0 for a failed process
        run.say(f"of the files named {skipped} were not used: without torchrun, exit code {SKIPPED}")
    else:
        run.exit_code = SKIPPED if skipped else 0
