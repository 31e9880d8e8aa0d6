"""One command being carried out: its inputs, settings and options, and the run it works in."""

from __future__ import annotations

import dataclasses
from dataclasses import dataclass
from pathlib import Path
from typing import Annotated, Any

import tyro

from gestalt import citations
from gestalt.run import record, threads
from gestalt.run.folder import Plan, Run, default_path, is_writer
from gestalt.run.progress import Progress


@dataclass(frozen=True, kw_only=True)
class Options:
    """Options of every command that makes something."""

    out: Annotated[Path | None, tyro.conf.arg(metavar="DIR")] = None
    """The run folder to make; by default a new one in ./runs."""

    seed: int = 0
    """The one seed behind all chance; same seed, same bytes."""

    device: str = "auto"
    """auto, cpu, cuda, cuda:N or mps."""

    threads: int = 0
    """Threads to compute with; 0 takes every core this process may use."""

    preset: str = "fast"
    """The recipe that the other settings start from: fast, tiny (for tests) and, of most, paper (as published)."""

    engine: str = ""
    """How it is done, where a command has several ways, and by default the first: patch (nearest patches, no training),
    pair (networks trained on two pictures), vaegan or singan (networks trained on one), transforms (critics trained on
    good pictures), fused (patch and transforms), mask, disentangle or intersection (networks trained on two sides; also
    called --method). Each has settings of its own, which help shows where an engine is
    named beside it."""

    quiet: bool = False
    """Say nothing but errors and, at the end, the run folder."""

    dry_run: bool = False
    """Check the flags and that the inputs exist, print what would be done, and do nothing."""

    overwrite: bool = False
    """Replace the run that lies in --out."""

    json: bool = False
    """Print one JSON object about the finished run instead of its path."""

    def __post_init__(self) -> None:
        """Check the ranges.

        Raises:
            ValueError: one sentence naming the option.
        """
        if self.overwrite and self.out is None:
            raise ValueError("--overwrite replaces the run in --out: name the folder with --out")
        if not 0 <= self.seed < 2**31:
            raise ValueError(f"--seed must lie between 0 and 2147483647, got {self.seed}")
        if not 0 <= self.threads <= 1024:
            raise ValueError(f"--threads must lie between 0 (all cores) and 1024, got {self.threads}")


@dataclass(frozen=True, kw_only=True)
class Job:
    """A parsed command.

    command: noun and verb. inputs, settings: dataclasses. argv: as typed. resume: the run to take up, if any.
    """

    command: str
    inputs: Any
    settings: Any
    options: Options
    argv: tuple[str, ...] = ()
    resume: Path | None = None
    parent: Path | None = None

    def plan(self, device: str, count: int) -> Plan:
        """What run.json is to say.

        Raises:
            ValueError: an input is a pipe, a device or a socket, whose bytes have no end.
        """
        given = {field.name: getattr(self.inputs, field.name) for field in dataclasses.fields(self.inputs)}
        paths = {name: _absolute(value) for name, value in given.items() if value is not None}
        parent: Path | None = self.parent or given.get("run")  # a command on a run makes a child of it
        for path in map(Path, record.input_paths(paths)):
            if path.exists() and not (path.is_file() or path.is_dir()):
                raise ValueError(f"{path} is neither a file nor a folder; expected one of these")
        return Plan(
            command=self.command,
            inputs=paths,
            settings=dataclasses.asdict(self.settings),
            engine=self.options.engine,
            preset=self.options.preset,
            seed=self.options.seed,
            device=device,
            threads=count,
            parent=str(parent.expanduser().absolute()) if parent else None,
            argv=self.argv,
            references=citations.LINES.get(self.command, citations.LINES.get(self.command.split()[0], ())),
        )

    def start(self, *, devices: tuple[str, ...] = ("cuda", "mps", "cpu")) -> Run:
        """Make or take up the run folder and set the threads.

        Args:
            devices: the kinds of device the task can use, best first; `auto` takes the first that is there.

        Raises:
            ValueError: the folder is not free, or the device is missing or of no use to the task.
        """
        from gestalt.run import device

        progress = Progress(quiet=self.options.quiet or self.options.json or not is_writer())
        chosen = device.choose(self.options.device, devices)
        if self.resume is not None:
            run = Run.open(self.resume, progress=progress)
            device.use_threads(run.plan.threads)
            return run
        plan = self.plan(str(chosen), self.options.threads or threads.available_cores())
        path = self.options.out or default_path(Path("runs"), plan.command, plan.inputs)
        run = Run.create(path, plan, overwrite=self.options.overwrite, progress=progress)
        device.use_threads(plan.threads)
        run.say(f"{self.command} on {plan.device}, {plan.threads} threads, in {run.path}")
        return run


def _absolute(value: Path | tuple[Path, ...]) -> str | list[str]:
    if isinstance(value, Path):
        return str(value.expanduser().absolute())
    return [str(path.expanduser().absolute()) for path in value]
