"""`gestalt classify ...`: classifiers that look less at global statistics, and what that is worth."""

from __future__ import annotations

import os
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import tyro

from gestalt.commands.exits import SKIPPED

if TYPE_CHECKING:
    from gestalt.commands.job import Job
    from gestalt.run.folder import Run
    from gestalt.tasks.classify.adapt import Sides as Adapted
    from gestalt.tasks.classify.config import Adapt
    from gestalt.tasks.classify.dataset import DataSet
    from gestalt.tasks.classify.pictures import Shelf

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
    """Folder of a run of classify train."""

    data: Annotated[Path, tyro.conf.arg(metavar="DATA")]
    """A data set as for classify train, whose part to test with is taken and corrupted; or a set that is corrupted, in
    the layout of ImageNet-C or CIFAR-C."""


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
    """The same, or leftImg8bit/ and gtFine/, as Cityscapes; labels of what is learned from are not looked at."""


def train(job: Job) -> Run:
    """Find the pictures, then train and test in a run."""
    import torch

    from gestalt.tasks.classify import dataset, train, training
    from gestalt.tasks.classify.pictures import Shelf

    settings = job.settings
    training.share(settings)
    found = dataset.find(job.inputs.data, aside=settings.aside, held_out=settings.held_out)
    if settings.swapping.partner == "cross_domain" and not found.domains:
        raise ValueError(f"--partner cross_domain needs domains, and {job.inputs.data} has none: choose another")
    net = train.fresh(settings, len(found.classes), job.options.seed)  # before there is a run: what does not fit
    training.check_swaps(net, settings.swapping)
    shelf = Shelf(settings.size)
    found, refused = _readable(found, shelf)
    with job.start() as run:
        run.say(found.told)
        for reason in refused:
            run.say(f"left out: {reason}")
        device = torch.device(run.plan.device)
        train.make(found, net, settings, seed=run.plan.seed, device=device, shelf=shelf, run=run)
        run.measure(skipped=len(refused))
    _end(run, len(refused))
    return run


def test(job: Job) -> Run:
    """Load the classifier, then test it in a run."""
    from gestalt.tasks.classify import dataset, evaluate, model

    settings = job.settings
    trained = model.load(job.inputs.run, "cpu")
    reference = model.errors_of(Path(settings.reference)) if settings.reference else None
    corrupted = dataset.find_corrupted(job.inputs.data)
    found, refused = None, []
    if corrupted is None:
        found = dataset.find(job.inputs.data, aside=trained.settings.aside, held_out=_held_out(job, trained.settings))
        if found.classes != trained.classes:
            raise ValueError(
                f"{job.inputs.data} has the classes {', '.join(found.classes[:4])}, ..., and the run knows "
                f"{', '.join(trained.classes[:4])}, ...: expected the same"
            )
        from gestalt.tasks.classify.corruptions import CORRUPTIONS
        from gestalt.tasks.classify.pictures import Shelf

        evaluate.chosen(tuple(CORRUPTIONS), settings.only)
        found, refused = _readable(found._replace(train=()), Shelf(trained.settings.size))
    else:
        evaluate.chosen(tuple(dict.fromkeys(name for name, _ in corrupted.sets)), settings.only)
    with job.start() as run:
        net = model.load(job.inputs.run, run.plan.device).net
        if found is not None:
            run.say(found.told)
            for reason in refused:
                run.say(f"left out: {reason}")
            evaluate.plain(net, found, trained.settings, settings, run=run)
            if not settings.clean:
                seed = run.plan.seed
                errors = evaluate.corrupted(net, found.test, trained.settings, settings, seed=seed, run=run)
                evaluate.keep_errors(errors, reference, run=run)
        elif corrupted is not None:
            errors = evaluate.on_sets(net, corrupted, trained.classes, trained.settings, settings, run=run)
            evaluate.keep_errors(errors, reference, run=run)
        run.measure(skipped=len(refused))
    _end(run, len(refused))
    return run


def adapt(job: Job) -> Run:
    """Find both sides or draw them, then adapt in a run."""
    import torch

    from gestalt.tasks.classify import adapt, training

    settings = job.settings
    training.share(settings)
    sides = _sides(job, settings)
    net = adapt.fresh(settings, len(sides.classes), job.options.seed)
    training.check_swaps(net, settings.swapping)
    with job.start() as run:
        adapt.make(sides, net, settings, seed=run.plan.seed, device=torch.device(run.plan.device), run=run)
    return run


def _sides(job: Job, settings: Adapt) -> Adapted:
    """Both sides.

    Raises:
        ValueError: only one is named, or a folder is of no known layout.
    """
    from gestalt.tasks.classify import adapt, dataset, segments

    source, target = job.inputs.source, job.inputs.target
    if source is None or target is None:
        if source is not None:
            raise ValueError(
                "a source was named and no target: expected SOURCE and TARGET, or neither, for drawn signs"
            )
        return adapt.drawn(settings, job.options.seed)
    if settings.what == "segments":
        return adapt.of_segments(segments.find(source), segments.find(target), settings)
    one, other = (dataset.find(folder, aside=settings.aside) for folder in (source, target))
    return adapt.of_classes(one, other, settings)


def _readable(found: DataSet, shelf: Shelf) -> tuple[DataSet, list[str]]:
    """A data set without the pictures that cannot be read, and a sentence on each of these.

    Raises:
        ValueError: none of a part is left.
    """
    from gestalt.tasks.classify.pictures import readable

    parts = (found.train, found.test)
    if sum(map(len, parts)) > LOOKED_AT:
        return found, []
    good, refused = readable([one.path for part in parts for one in part], shelf)
    if not refused:
        return found, []
    train, test = (tuple(one for one in part if one.path in good) for part in parts)
    if (parts[0] and not train) or not test:
        raise ValueError(f"of {len(refused)} pictures none can be read: {refused[0]}")
    return found._replace(train=train, test=test), refused


def _held_out(job: Job, settings: object) -> str:
    """The domain that a run held out, if the data set that it is tested on has it."""
    held_out = getattr(settings, "held_out", "")
    return held_out if held_out and (job.inputs.data / held_out).is_dir() else ""


def _end(run: Run, skipped: int) -> None:
    if skipped and "TORCHELASTIC_RUN_ID" in os.environ:  # torchrun takes any code but 0 for a failed process
        run.say(f"of the files named {skipped} were not used: without torchrun, exit code {SKIPPED}")
    else:
        run.exit_code = SKIPPED if skipped else 0
