"""The cells of a figure: each is made once in a run, whatever stops it, and a method that fails leaves its reason.

A cell is a loop of one step around whatever the method does, so what it made is saved with the run's other loops; the
method's own loops lie inside, and a stop amid the cell goes on there.
"""

import copy
import time
from collections.abc import Callable, Iterator, Mapping
from typing import Any, Generic, NamedTuple, TypeVar

from torch import Tensor

from gestalt.run import memory
from gestalt.run.service import NullRun, Under

T = TypeVar("T")

SPENT = "seconds spent"
"""Key of what `Timed` adds to the state of a loop."""


class Made(NamedTuple):
    """What a method made.

    picture: (1, 3, H, W) in [-1, 1].
    note: what is worth knowing of how, in a few words.
    """

    picture: Tensor
    note: str = ""


class Cell(NamedTuple):
    """A cell that is done.

    picture: (1, 3, H, W) in [-1, 1] on the CPU, or None where the method failed.
    seconds: what making it took, over all resumes; measuring it is not counted.
    measures: of the picture, by name.
    note: as the method gave it.
    reason: why there is no picture, in a sentence.
    """

    picture: Tensor | None
    seconds: float
    measures: Mapping[str, float]
    note: str
    reason: str


class Unreadable(ValueError):
    """What a run has saved of a loop does not fit: no failure of the method that the loop belongs to."""


class Timed(Under):
    """A part of a job that knows how long it took over all resumes, since each loop's seconds are kept in its state."""

    def __init__(self, run: NullRun, name: str) -> None:
        super().__init__(run, name)
        self._began, self._before = time.monotonic(), 0.0

    @property
    def seconds(self) -> float:
        """How long it has worked so far."""
        return self._before + time.monotonic() - self._began

    def charge(self, seconds: float) -> None:
        """Count work that was done elsewhere."""
        self._before += seconds

    def steps(self, name: str, total: int, state: dict[str, Any]) -> Iterator[int]:
        """See `NullRun.steps`.

        Raises:
            Unreadable: for the run's ValueError.
        """
        spent = state[SPENT] = [0.0]
        steps, is_restored = super().steps(name, total, state), False
        while True:
            try:
                step = next(steps, None)
            except ValueError as error:
                raise Unreadable(str(error)) from error
            if not is_restored:
                self._before, is_restored = self._before + spent[0], True
            if step is None:
                return
            began = time.monotonic()
            yield step
            spent[0] += time.monotonic() - began


class Shared(Generic[T]):
    """Something that several cells need, such as a training: done when it is first asked for, and paid for by each.

    Args:
        name: of the part of the run that its loops belong to.
        do: does it; it is given its part of the run.
        run: takes the loops.
    """

    def __init__(self, name: str, do: Callable[[Timed], T], run: NullRun) -> None:
        self._name, self._do, self._run = name, do, run
        self._done: tuple[T, float] | None = None
        self._error: Exception | None = None

    def __call__(self, part: Timed) -> T:
        """What was done; where that failed, it fails again in the same way, and at once.

        Args:
            part: whose clock takes all the seconds it took, over all resumes.
        """
        if self._error is not None:
            raise self._error
        began = time.monotonic()
        if self._done is None:
            own = Timed(self._run, self._name)
            try:
                self._done = self._do(own), own.seconds
            except Exception as error:
                self._error = copy.copy(error)  # without its traceback, which would hold the loops open
                raise
        done, seconds = self._done
        part.charge(seconds - (time.monotonic() - began))
        return done


def fill(
    name: str,
    make: Callable[[Timed], Made],
    measure: Callable[[Tensor], Mapping[str, float]],
    *,
    run: NullRun,
) -> Cell:
    """Make a cell, or take it as a stopped run has kept it.

    Args:
        name: of the cell, another for each cell of a run.
        make: the method; it is given the part of the run that is the cell's.
        measure: of the picture, (1, 3, H, W) in [-1, 1].
        run: keeps the cell.

    Returns:
        The cell; with a reason in place of a picture where the method refused what it was given (ValueError) or there
        was not enough memory.

    Raises:
        Unreadable: what was saved of the cell does not fit.
    """
    state: dict[str, Any] = {"picture": None, "seconds": 0.0, "measures": {}, "note": "", "reason": ""}
    for _ in run.steps(name, 1, state):
        part = Timed(run, name)
        try:
            made = make(part)
            state["seconds"] = part.seconds
            if not bool(made.picture.isfinite().all()):
                raise ValueError("it went astray: its result has numbers that are not finite")
            state["measures"] = dict(measure(made.picture))
            state["picture"], state["note"] = made.picture.detach().cpu(), made.note
        except Unreadable:
            raise
        except (ValueError, MemoryError, RuntimeError) as error:
            is_full = memory.is_full(error)
            if not (is_full or isinstance(error, ValueError)):
                raise
            state["reason"] = "there is not enough memory for it" if is_full else " ".join(str(error).split())
            state["seconds"] = state["seconds"] or part.seconds
    return Cell(**state)
