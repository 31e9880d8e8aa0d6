"""The run folder: what a task writes, where it goes on after a stop, and what is left at the end.

    run.json          what was asked for, with what, and how the run stands; written before step 0
    metrics.jsonl     one line per logged step          previews/  pictures along the way
    state/*.pt        one file per loop, to resume from; removed when the run is done
    outputs/          the results, listed in index.json          weights/*.safetensors
    metrics.json, report.html     written when the run is done          log.txt  everything that was said

A task takes its run as an argument and calls its methods; it knows no path but those the run gives it:

    state = {"net": net, "optimiser": optimiser, "noise": generator}
    for step in run.steps("a2b", 1000, state):
        ...
        run.log(step, loss=loss)
    run.image("a2b.png", picture, "A arranged like B", row="A", col="B")
    run.save("a2b", net.state_dict())

A stopped run is resumed by calling the same function again: `steps` fills the state with the saved values and
goes on after the last saved step; a loop that had finished is passed over. So between its loops a task must
do the same each time it is called: all its chance comes from generators made from the seed.

Under torch.distributed every rank is given a run and rank 0 alone writes; the task sees to it that all ranks
have read a saved state before rank 0 writes the next (a barrier before the loop).
"""

from __future__ import annotations

import contextlib
import os
import resource
import sys
import time
import traceback
from collections.abc import Iterator, Mapping
from pathlib import Path
from types import TracebackType
from typing import TYPE_CHECKING, Any, Self, final
from urllib.parse import quote

from gestalt.media import atomic
from gestalt.run import journal, record, report, room
from gestalt.run.index import Index
from gestalt.run.listing import RunInfo, default_path, find, status_of
from gestalt.run.lock import Lock
from gestalt.run.progress import Progress
from gestalt.run.record import Plan
from gestalt.run.service import NullRun
from gestalt.run.stop import Stopped, StopSignals, is_disk_full

if TYPE_CHECKING:
    from torch import Tensor

    from gestalt.run.checkpoint import LoopState

__all__ = ["NullRun", "Plan", "Run", "RunInfo", "Stopped", "default_path", "find", "status_of"]

_STOP_CHECK_S = 0.1  # how often the stop file is looked for


@final
class Run(NullRun):
    """A run folder that this process works in; use as a context manager.

    Leaving it normally ends the run; leaving it by an exception keeps all that is needed to resume. A full
    disk leaves as `Stopped`, like a stop by a signal or by a file named `stop` in the folder; anything else
    leaves as it came.

    Attributes:
        path: The folder.
        plan: What was asked for.
        progress: Where the run speaks.
        save_every_s: Seconds between two savings of a loop's state, more if saving itself takes long; 0 saves
            after every step.
        exit_code: What the program answers when the run is done: 0, 4 where inputs were skipped, or 5 where
            anomalies were found and that was to be told.
    """

    exit_code: int = 0

    @classmethod
    def create(
        cls,
        path: str | Path,
        plan: Plan,
        *,
        overwrite: bool = False,
        progress: Progress | None = None,
        save_every_s: float = 5.0,
    ) -> Self:
        """Make a run folder at `path`, or take an empty one, and write its run.json.

        Args:
            path: The folder; an existing one must be empty, or with `overwrite` a run that nobody works in.
            plan: What the run is to do.
            overwrite: Remove what a former run left in the folder (and nothing else).
            progress: Where the run speaks; standard error when None.
            save_every_s: See the class.

        Raises:
            ValueError: If the folder cannot be made or is not free, or an input is missing or lies in what would be
                overwritten.
        """
        path = Path(path).expanduser().absolute()
        content = record.describe(plan)
        for given in map(Path, record.input_paths(plan.inputs)):
            if overwrite and given.resolve().is_relative_to(path.resolve()):
                raise ValueError(
                    f"{given} lies in the run that --overwrite would replace; choose another folder for --out"
                )
        if not is_writer():
            return cls(path, plan, content, None, progress, save_every_s)
        try:
            path.mkdir(parents=True, exist_ok=True)
            with _released_on_error(room.take(path)) as lock:
                room.clear(path, overwrite=overwrite)
                atomic.write_json(path / record.NAME, content)
                return cls(path, plan, content, lock, progress, save_every_s)
        except OSError as error:
            raise ValueError(
                f"cannot make the run folder {path}: {error.strerror}; choose another with --out"
            ) from error

    @classmethod
    def open(cls, path: str | Path, *, progress: Progress | None = None, save_every_s: float = 5.0) -> Self:
        """Take up a run that was stopped, failed or killed; `plan` then says what it was to do.

        Raises:
            ValueError: If there is no run, or it is done or at work, or resuming would not give what an
                uninterrupted run gives (another version of gestalt, changed inputs).
        """
        path = Path(path).expanduser().absolute()
        content = record.read(path)
        if not is_writer():
            return cls(path, record.plan_of(content), content, None, progress, save_every_s)
        try:
            with _released_on_error(room.take(path)) as lock:
                content = record.read(path)  # again: it may have ended while we waited for the lock
                record.check_resumable(path, content)
                room.sweep(path)
                room.remove(path / "stop")
                run = cls(path, record.plan_of(content), content, lock, progress, save_every_s)
                run._is_resumed = True
                run._journal.keep(lambda line: line["loop"] != "")  # logged outside loops: comes again
                run._update(status="running", reason="", ended=None)
                return run
        except OSError as error:
            raise ValueError(f"cannot write to the run folder {path}: {error.strerror}") from error

    def __init__(
        self,
        path: Path,
        plan: Plan,
        content: dict[str, Any],
        lock: Lock | None,
        progress: Progress | None,
        save_every_s: float,
    ) -> None:
        """For `create` and `open`; without a lock the run writes nothing."""
        self.path = path
        self.plan = plan
        self.progress = progress or Progress(quiet=lock is None)
        self.save_every_s = save_every_s
        self._content = content
        self._lock = lock
        self._writes = lock is not None
        self._is_resumed = False
        self._journal = journal.Journal(path / "metrics.jsonl")
        self._index = Index(path / "outputs" / "index.json")
        self._measures: dict[str, float | None] = dict(content["measures"])
        self._loop = ""
        self._loops: set[str] = set()
        self._signals = StopSignals(self.say)
        self._stop_file = os.path.join(path, "stop")
        self._stop_checked = -float("inf")
        self._seconds_before = float(content["seconds"])
        self._entered = time.monotonic()
        self._outer_log = self.progress.also
        self.progress.also = self._write_log

    def __enter__(self) -> Self:
        self._entered = time.monotonic()
        self._signals.install()
        self._write_log(f"{self.path.name}: {'resumed' if self._is_resumed else 'started'}")
        return self

    def __exit__(
        self, _kind: type[BaseException] | None, error: BaseException | None, _trace: TracebackType | None
    ) -> None:
        self._signals.patient = True
        try:
            if error is not None:
                self._end_early(error)
                return
            try:
                self._finish()
            except BaseException as late:
                self._end_early(late)
                raise
        finally:
            self._signals.restore()
            self.progress.also = self._outer_log
            with contextlib.suppress(OSError):
                self._journal.close()
            if self._lock:
                self._lock.release()

    @property
    def seconds(self) -> float:
        """How long the run has worked so far, over all its resumes."""
        return self._seconds_before + time.monotonic() - self._entered

    def steps(self, name: str, total: int, state: dict[str, Any]) -> Iterator[int]:
        """See `NullRun.steps`.

        Raises:
            ValueError: If a saved state is damaged or belongs to other settings.
            Stopped: If the run was asked to stop; the state is saved.
        """
        from gestalt.run.checkpoint import LoopState

        assert name not in self._loops, f"two loops of this run are called {name!r}; their states would mix"
        self._loops.add(name)
        kept = LoopState(self.path / "state" / f"{quote(name, safe=' ')}.pt", name, total, state)
        done = kept.restore()
        if self._is_resumed and self._writes:
            self._journal.keep(lambda line: line["loop"] != name or line["step"] < done)
        outer = self._loop, self._signals.patient
        self._loop, self._signals.patient = name, True
        self.progress.begin(name, total, done)
        try:
            saved_at, pause = time.monotonic(), self.save_every_s
            reason = self._stop_reason()
            for step in range(done, total) if not reason else ():
                yield step
                done = step + 1
                self.progress.step(done)
                reason = self._stop_reason()
                now = time.monotonic()
                if reason or done == total or now - saved_at >= pause:
                    self._save_state(kept, done)
                    saved_at = time.monotonic()
                    if self.save_every_s:  # a slow disk gets at most a twentieth of the time
                        pause = max(self.save_every_s, 20 * (saved_at - now))
                if reason:
                    break
            if reason:
                raise Stopped(f"stopped by {reason} after step {done} of {total} of {name}")
        finally:
            self._loop, self._signals.patient = outer
            self.progress.end()

    def log(self, step: int, **measures: float) -> None:
        """Append a line to metrics.jsonl."""
        if self._writes:
            self._journal.add(self._loop, step, measures)

    def preview(self, name: str, step: int, image: Tensor) -> None:
        """Write previews/`name`_`step`.png."""
        if self._writes:
            from gestalt.media import image as pictures

            (self.path / "previews").mkdir(exist_ok=True)
            pictures.write(self.path / "previews" / f"{name}_{step:06d}.png", image)

    def image(
        self, name: str, image: Tensor, caption: str, *, row: str = "", col: str = "", kind: str = "image"
    ) -> None:
        """Write outputs/`name` and list it."""
        if self._writes:
            from gestalt.media import image as pictures

            pictures.write(self._output(name), image)
            self.add(kind, name, caption, row=row, col=col)

    @contextlib.contextmanager
    def file(self, name: str, caption: str, *, row: str = "", col: str = "", kind: str = "file") -> Iterator[Path]:
        """Give a path to write to, then move the file to outputs/`name` and list it."""
        if not self._writes:
            with super().file(name, caption) as path:
                yield path
            return
        partial = self.path / "partial" / name
        partial.parent.mkdir(parents=True, exist_ok=True)
        yield partial
        with partial.open("rb") as file:
            os.fsync(file.fileno())
        partial.replace(self._output(name))
        if caption:
            self.add(kind, name, caption, row=row, col=col)

    def add(self, kind: str, path: str, caption: str, *, row: str = "", col: str = "") -> None:
        """List a result that lies in outputs/."""
        if self._writes:
            self._output(path)
            self._index.add({"kind": kind, "path": path, "caption": caption, "row": row, "col": col})

    def save(self, name: str, tensors: Mapping[str, Tensor], settings: Mapping[str, Any] | None = None) -> None:
        """Write weights/`name`.safetensors, with settings in the header: the run's, unless others are given."""
        if self._writes:
            from gestalt.run.checkpoint import write_weights

            config = {key: self._content[key] for key in record.CONFIG}
            config["settings"] = config["settings"] if settings is None else settings
            write_weights(self.path / "weights" / f"{name}.safetensors", tensors, config)

    def measure(self, **values: float) -> None:
        """Note results for metrics.json."""
        self._measures |= {name: journal.finite(value) for name, value in values.items()}

    def say(self, text: str) -> None:
        """Tell the user something in one line."""
        self.progress.say(text)

    def _output(self, name: str) -> Path:
        """Return the path of a result, its folder made."""
        parts = Path(name).parts
        assert parts, "a result needs a name"
        assert not ({"..", "/"} & set(parts)), f"{name!r} does not lie inside outputs/"
        path = self.path.joinpath("outputs", *parts)
        path.parent.mkdir(parents=True, exist_ok=True)
        return path

    def _save_state(self, kept: LoopState, done: int) -> None:
        """Save a loop's state, after everything that its steps have written."""
        if self._writes:
            self._journal.sync()
            self._index.flush()
            kept.save(done)
            self._update()

    def _stop_reason(self) -> str:
        """Return who asked the run to stop, "" if nobody did."""
        if not self._signals.requested and time.monotonic() - self._stop_checked > _STOP_CHECK_S:
            self._stop_checked = time.monotonic()
            if os.path.exists(self._stop_file):
                self._signals.requested = "the file 'stop'"
        return self._signals.requested

    def _update(self, **changes: Any) -> None:
        """Rewrite run.json."""
        if self._writes:
            self._content.update(changes, seconds=round(self.seconds, 3), measures=self._measures)
            atomic.write_json(self.path / record.NAME, self._content)

    def _finish(self) -> None:
        """Write what a finished run has, then remove what it no longer needs."""
        if self._writes:
            self._index.flush()
            measures = {**self._measures, "seconds": round(self.seconds, 3), **_peak_memory()}
            atomic.write_json(self.path / "metrics.json", measures)
            self._update(status="done", reason="", ended=record.now())
            report.write(self.path)
            self._write_log(f"{self.path.name}: done")
            for name in ("state", "partial", "stop"):
                room.remove(self.path / name)

    def _end_early(self, error: BaseException) -> None:
        """Keep in run.json why the run ended; a full disk becomes `Stopped`."""
        is_full = is_disk_full(error)
        if is_full:
            status, reason = "stopped", "there is no space left to write to"
        elif isinstance(error, KeyboardInterrupt):
            status, reason = "stopped", str(error) or "stopped by Ctrl-C"
        else:
            status, reason = "failed", f"{type(error).__name__}: {error}"
            self._write_log("".join(traceback.format_exception(error)).rstrip())
        self._write_log(f"{self.path.name}: {status}: {reason}")
        # On a full disk even this may fail. The run then counts as interrupted and is resumed just as well.
        with contextlib.suppress(OSError, ValueError):
            self._update(status=status, reason=reason, ended=record.now())
            self._index.flush()
        if status == "stopped":
            first = "free some, then " if is_full else ""
            raise Stopped(f"{reason}; {first}go on with: gestalt resume {self.path}") from error

    def _write_log(self, text: str) -> None:
        """Append to log.txt, as well as the disk allows: no run fails for its log."""
        if self._outer_log:
            self._outer_log(text)
        if self._writes:
            with contextlib.suppress(OSError), open(self.path / "log.txt", "a", encoding="utf-8") as file:
                file.write(f"{record.now()} {text}\n")


def is_writer() -> bool:
    """Whether this process is the one of its kind that writes and speaks: under torch.distributed rank 0."""
    return os.environ.get("RANK", "0") in ("", "0")


@contextlib.contextmanager
def _released_on_error(lock: Lock) -> Iterator[Lock]:
    try:
        yield lock
    except BaseException:
        lock.release()
        raise


def _peak_memory() -> dict[str, float]:
    """Return the most memory this process has held, in MB (10^6 bytes), and on a GPU what it held there."""
    try:
        status = Path("/proc/self/status").read_text()
        peak = 1024 * int(status.partition("VmHWM:")[2].split()[0])
    except (OSError, IndexError):  # macOS counts bytes
        peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    memory = {"peak_mb": round(peak / 1e6, 1)}
    torch = sys.modules.get("torch")
    if torch is not None and torch.cuda.is_initialized():
        memory["peak_gpu_mb"] = round(torch.cuda.max_memory_allocated() / 1e6, 1)
    return memory
