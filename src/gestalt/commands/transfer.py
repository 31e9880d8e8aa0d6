"""`gestalt transfer ...`: what one folder of pictures has and another lacks, moved from picture to picture."""

from __future__ import annotations

import os
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import tyro

from gestalt.commands.exits import SKIPPED
from gestalt.commands.inputs import named, told_apart

if TYPE_CHECKING:
    from gestalt.commands.job import Job
    from gestalt.run.folder import Run
    from gestalt.tasks.transfer.config import Fit
    from gestalt.tasks.transfer.model import Model
    from gestalt.tasks.transfer.outcome import Named, Skipped
    from gestalt.tasks.transfer.pictures import Side

_RunFolder = Annotated[Path, tyro.conf.arg(metavar="RUN")]


@dataclass(frozen=True, kw_only=True)
class Sides:
    """Learn from two folders, which are not paired, what the pictures of the first have and the others lack."""

    content: Annotated[Path, tyro.conf.arg(metavar="WITH")]
    """Pictures with the content, such as glasses; or one folder that holds with/ and without/, trainA/ and trainB/, or,
    with --rule, CelebA."""

    plain: Annotated[
        tyro.conf.Positional[Path | None], tyro.conf.arg(metavar="[WITHOUT]", help_behavior_hint="(optional)")
    ] = None
    """Pictures without it, or, for --method intersection, with content of another kind."""


@dataclass(frozen=True, kw_only=True)
class Guided:
    """Give pictures the content of others."""

    run: _RunFolder
    """Folder of a run of transfer fit."""

    target: Annotated[Path, tyro.conf.arg(metavar="TARGET")]
    """A picture that is to get it, or a folder of such."""

    guide: Annotated[Path, tyro.conf.arg(metavar="GUIDE")]
    """A picture that has it, or a folder of such."""


@dataclass(frozen=True, kw_only=True)
class Edited:
    """Take content away, or say where it is."""

    run: _RunFolder
    """Folder of a run of transfer fit."""

    pictures: Annotated[tuple[Path, ...], tyro.conf.arg(metavar="PATH [PATH ...]", help_behavior_hint="(required)")]
    """Pictures, or folders that are searched for them."""


@dataclass(frozen=True, kw_only=True)
class Way:
    """Go from one picture to another in steps."""

    run: _RunFolder
    """Folder of a run of transfer fit."""

    fixed: Annotated[Path, tyro.conf.arg(metavar="FIXED")]
    """The picture that stays: the target, or, with --of identity, the guide."""

    one: Annotated[Path, tyro.conf.arg(metavar="ONE")]
    """Where the way begins: a guide, or, with --of identity, a target."""

    other: Annotated[Path, tyro.conf.arg(metavar="OTHER")]
    """Where it ends, likewise."""


@dataclass(frozen=True, kw_only=True)
class Composed:
    """Put three codes together: a face, content of the first side and content of the second."""

    run: _RunFolder
    """Folder of a run of transfer fit --method intersection."""

    face: Annotated[Path, tyro.conf.arg(metavar="FACE")]
    """Whose face it is to be."""

    first: Annotated[Path, tyro.conf.arg(metavar="FIRST")]
    """A picture of the first side."""

    second: Annotated[Path, tyro.conf.arg(metavar="SECOND")]
    """A picture of the second side."""


@dataclass(frozen=True, kw_only=True)
class Tested:
    """Measure a method: a run on the pictures it held out, or, without one, a method fitted on drawn faces."""

    run: Annotated[
        tyro.conf.Positional[Path | None], tyro.conf.arg(metavar="[RUN]", help_behavior_hint="(optional)")
    ] = None
    """Folder of a run of transfer fit; its folders must still be there."""


def fit(job: Job) -> Run:
    """Read both folders, then learn from them in a run."""
    import torch

    from gestalt.tasks.transfer import model

    content, plain, told, skipped = sides(job.inputs.content, job.inputs.plain, job.settings)
    with job.start() as run:
        run.say(told)
        for reason in skipped:
            run.say(f"left out: {reason}")
        model.make(content, plain, job.settings, seed=run.plan.seed, device=torch.device(run.plan.device), run=run)
        run.measure(skipped=len(skipped))
    run.exit_code = SKIPPED if skipped else 0
    return run


def add(job: Job) -> Run:
    """Give targets the guides' content in a run."""
    return _guided(job, "add")


def swap(job: Job) -> Run:
    """Give targets the guides' content for their own in a run."""
    return _guided(job, "swap")


def remove(job: Job) -> Run:
    """Take content away in a run."""
    from gestalt.tasks.transfer import outcome

    paths = pictures(job.inputs.pictures)
    return _edited(job, lambda trained, run: outcome.remove(paths, trained, job.settings, run=run))


def segment(job: Job) -> Run:
    """Say where content is, in a run."""
    from gestalt.tasks.transfer import outcome

    paths = pictures(job.inputs.pictures)
    return _edited(job, lambda trained, run: outcome.segment(paths, trained, job.settings, run=run))


def grid(job: Job) -> Run:
    """Every target with every guide's content as one picture, in a run."""
    return _guided(job, "grid")


def between(job: Job) -> Run:
    """Pictures on the way from one to another, in a run."""
    from gestalt.tasks.transfer import outcome

    fixed, one, other = map(_single, (job.inputs.fixed, job.inputs.one, job.inputs.other))
    way = job.settings
    return _edited(job, lambda trained, run: outcome.between(fixed, one, other, trained, way, run=run), side=way.side)


def compose(job: Job) -> Run:
    """A face with content of both sides, in a run."""
    from gestalt.tasks.transfer import outcome

    face, first, second = map(_single, (job.inputs.face, job.inputs.first, job.inputs.second))
    return _edited(job, lambda trained, run: outcome.compose(face, first, second, trained, run=run), side="plain")


def test(job: Job) -> Run:
    """Fit on drawn faces if there is no run, then measure, in a run."""
    import torch

    from gestalt.tasks.transfer import report

    if job.settings.features:
        report.check_features(job.settings.features)
    if job.inputs.run is None:
        with job.start() as run:
            report.drawn(
                job.options.engine, job.settings, seed=run.plan.seed, device=torch.device(run.plan.device), run=run
            )
        return run
    from gestalt.run import record
    from gestalt.tasks.transfer import model

    given = record.finished(
        job.inputs.run, ("transfer fit",), lacks="trained method", expected="gestalt transfer fit WITH WITHOUT"
    )
    folders = [Path(given["inputs"][name]) for name in ("content", "plain") if name in given["inputs"]]
    trained = model.load(job.inputs.run, "cpu")
    content, plain, told, skipped = sides(folders[0], (folders[1:] or [None])[0], trained.settings)
    if job.settings.features and min(len(content.held_out), len(plain.held_out)) < 2:
        raise ValueError("--features takes at least 2 pictures held out of each side: fit with more, or leave it out")
    with job.start() as run:
        run.say(told)
        for reason in skipped:
            run.say(f"left out: {reason}")
        trained = model.load(job.inputs.run, run.plan.device)
        report.held_out(trained, content, plain, job.settings, seed=run.plan.seed, run=run)
    run.exit_code = SKIPPED if skipped else 0
    return run


def sides(content: Path, plain: Path | None, settings: Fit) -> tuple[Side, Side, str, list[str]]:
    """Both sides' pictures as bytes, a sentence on how they were found, and one on each that cannot be read.

    Raises:
        ValueError: a folder is missing or of no known layout, or too few pictures on a side can be read.
    """
    from gestalt.tasks.transfer import folders, pictures

    found = folders.find([content] if plain is None else [content, plain], rule=settings.rule, aside=settings.aside)
    skipped: list[str] = []
    read = []
    for side in (found.content, found.plain):
        parts = [pictures.read(paths, settings.size) for paths in (side.train, side.held_out)]
        refused = [sentence for _, sentences in parts for sentence in sentences]
        learned, held_out = (some for some, _ in parts)
        if len(learned) + len(held_out) < 2:
            raise ValueError(f"too few pictures of one side can be read: {refused[0]}")
        if not len(held_out):  # the only one was damaged
            learned, held_out = learned[:-1], learned[-1:]
        if not len(learned):
            learned, held_out = held_out[:-1], held_out[-1:]
        skipped += refused
        read.append(pictures.Side(learned, held_out))
    return read[0], read[1], found.found, skipped


def pictures(given: tuple[Path, ...]) -> list[Named]:
    """Every picture asked for, and what its results are called.

    Raises:
        ValueError: a path does not exist, or a folder holds no picture.
    """
    from gestalt.tasks.transfer.outcome import Named

    return [Named(path, name.as_posix()) for path, name in named(given)]


def _single(path: Path) -> Named:
    """The picture of a path.

    Raises:
        ValueError: it does not exist, or is a folder.
    """
    if os.path.isdir(path):
        raise ValueError(f"{path} is a folder: name one picture in it")
    return pictures((path,))[0]


def _guided(job: Job, name: str) -> Run:
    from gestalt.tasks.transfer import outcome

    edit, settings = getattr(outcome, name), job.settings
    targets, guides = map(_flat, (job.inputs.target, job.inputs.guide))
    return _edited(job, lambda trained, run: edit(targets, guides, trained, settings, run=run), side=settings.side)


def _flat(path: Path) -> list[Named]:
    """The picture of a path, or those of a folder, with names that may stand in one file name beside others'."""
    found = pictures((path,))
    inside = [one.name.partition("/")[2] or one.name for one in found]  # the folder's own name says nothing here
    names = told_apart([name.replace("/", "_") for name in inside])
    return [one._replace(name=name) for one, name in zip(found, names, strict=True)]


def _edited(job: Job, edit: Callable[[Model, Run], Skipped], *, side: str = "content") -> Run:
    """Load the method, then edit in a run.

    Raises:
        ValueError: the run holds no method, or one that does not know the content of that side.
    """
    from gestalt.tasks.transfer import model, outcome

    outcome.side_of(model.load(job.inputs.run, "cpu"), side)  # refuses what will not do before there is a run
    with job.start() as run:
        skipped = edit(model.load(job.inputs.run, run.plan.device), run)
        run.measure(skipped=len(skipped))
    run.exit_code = SKIPPED if skipped else 0
    return run
