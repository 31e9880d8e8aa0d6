"""`gestalt transfer ...`: what one folder of pictures has and another lacks, moved from picture to picture."""

from __future__ import annotations

import dataclasses
import os
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import tyro

from gestalt.commands.exits import SKIPPED
from gestalt.commands.inputs import named
from gestalt.media.folders import told_apart

if TYPE_CHECKING:
    from gestalt.commands.job import Job
    from gestalt.run.folder import Run
    from gestalt.tasks.transfer.folders import Folders
    from gestalt.tasks.transfer.model import Model
    from gestalt.tasks.transfer.outcome import Named, Skipped

DRAWN = ("size", "steps", "width", "pictures", "two_sided")
"""Settings of a test that say what faces to draw, and how to fit on them."""

_RunFolder = Annotated[Path, tyro.conf.arg(metavar="RUN")]


@dataclass(frozen=True, kw_only=True)
class Sides:
    """Learn from two folders, which are not paired, what the pictures of the first have and the others lack.

    The mask method has loss weights for some content: --preset smile, facial-hair, womens-hair, mens-hair or handles,
    and with paper- before these names all that was published for it.
    """

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
    """Folder of a run of transfer fit, or of a test that fitted on drawn faces."""

    target: Annotated[Path, tyro.conf.arg(metavar="TARGET")]
    """A picture that is to get it, or a folder of such."""

    guide: Annotated[Path, tyro.conf.arg(metavar="GUIDE")]
    """A picture that has it, or a folder of such."""


@dataclass(frozen=True, kw_only=True)
class Edited:
    """Take content away, or say where it is."""

    run: _RunFolder
    """Folder of a run of transfer fit, or of a test that fitted on drawn faces."""

    pictures: Annotated[tuple[Path, ...], tyro.conf.arg(metavar="PATH [PATH ...]", help_behavior_hint="(required)")]
    """Pictures, or folders that are searched for them."""


@dataclass(frozen=True, kw_only=True)
class Way:
    """Go from one picture to another in steps."""

    run: _RunFolder
    """Folder of a run of transfer fit, or of a test that fitted on drawn faces."""

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
    """Folder of a run of transfer fit; the pictures it was given must still be there."""


def fit(job: Job) -> Run:
    """Read both folders, then learn from them in a run."""
    import torch

    from gestalt.tasks.transfer import folders, model, reading

    settings, given = job.settings, [path for path in (job.inputs.content, job.inputs.plain) if path]
    found, content, plain = reading.sides(folders.find(given, rule=settings.rule, aside=settings.aside), settings.size)
    skipped = content.skipped + plain.skipped
    with job.start() as run:
        _say(found, skipped, run)
        with run.file(folders.LISTING, "which pictures were learned from, and which held out") as path:
            path.write_text(folders.as_listing(found, given), encoding="utf-8")
        device = torch.device(run.plan.device)
        model.make(content.side, plain.side, settings, seed=run.plan.seed, device=device, run=run)
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
    from gestalt.tasks.transfer import report

    if job.settings.features:
        report.check_features(job.settings.features)
    return _test_on_drawn(job) if job.inputs.run is None else _test_of_run(job)


def _test_on_drawn(job: Job) -> Run:
    import torch

    from gestalt.tasks.transfer import exact, report

    if job.settings.pairs < exact.CANDIDATES:
        raise ValueError(
            f"--pairs must be at least {exact.CANDIDATES} where faces are drawn, got {job.settings.pairs}: results are "
            "told from those of so many guides"
        )
    with job.start() as run:
        device = torch.device(run.plan.device)
        report.drawn(job.options.engine, job.settings, seed=run.plan.seed, device=device, run=run)
    return run


def _test_of_run(job: Job) -> Run:
    from gestalt.run import record
    from gestalt.tasks.transfer import folders, model, reading, report

    given = record.finished(
        job.inputs.run, ("transfer fit",), lacks="pictures held out", expected="gestalt transfer fit WITH WITHOUT"
    )
    job = _as_fitted(job, given["engine"])
    roots = [Path(given["inputs"][name]) for name in ("content", "plain") if name in given["inputs"]]
    size = model.load(job.inputs.run, "cpu").settings.size
    found, content, plain = reading.sides_again(folders.listed(job.inputs.run, roots), size)
    skipped = content.skipped + plain.skipped
    if job.settings.features and min(job.settings.pairs, *(len(one.files.held_out) for one in (content, plain))) < 2:
        raise ValueError(
            "--features takes at least 2 pictures held out of each side: fit with more, raise --pairs, or leave it out"
        )
    with job.start() as run:
        _say(found, skipped, run)
        trained = model.load(job.inputs.run, run.plan.device)
        report.held_out(trained, content.side, plain.side, job.settings, seed=run.plan.seed, run=run)
    run.exit_code = SKIPPED if skipped else 0
    return run


def _as_fitted(job: Job, method: str) -> Job:
    """The test of a run, with the method that the run has.

    Raises:
        ValueError: another method was asked for, or something that concerns drawn faces alone.
    """
    from gestalt import recipes

    named_it = any(word.partition("=")[0] == "--engine" for word in job.argv)
    if named_it and job.options.engine != method:
        raise ValueError(
            f"{job.inputs.run} was fitted with --method {method}, and --method {job.options.engine} was asked for: "
            "leave it out"
        )
    usual = recipes.transfer_test(job.options.preset)
    flags = [f"--{name.replace('_', '-')}" for name in DRAWN if getattr(job.settings, name) != getattr(usual, name)]
    if flags:
        raise ValueError(
            f"{' and '.join(flags)} can be asked for only where faces are drawn, and {job.inputs.run} is tested on its "
            "own pictures: leave that out"
        )
    return dataclasses.replace(job, options=dataclasses.replace(job.options, engine=method))


def _say(found: Folders, skipped: list[str], run: Run) -> None:
    """Tell what was found and what was left out."""
    run.say(found.found)
    for reason in skipped:
        run.say(f"left out: {reason}")


def pictures(given: tuple[Path, ...]) -> list[Named]:
    """Every picture asked for, and what its results are called.

    Raises:
        ValueError: a path does not exist, a folder holds no picture, or none of them can be read.
    """
    from gestalt.tasks.transfer import outcome

    found = [outcome.Named(path, name.as_posix()) for path, name in named(given)]
    outcome.readable(found)
    return found


def _single(path: Path) -> Named:
    """The picture of a path.

    Raises:
        ValueError: it does not exist, is a folder, or cannot be read.
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
