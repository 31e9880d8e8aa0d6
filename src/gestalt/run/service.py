"""What a task asks of the run it is handed."""

from __future__ import annotations

import contextlib
import tempfile
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from torch import Tensor


class NullRun:
    """The service a task is handed, doing nothing: with it the same function works in a notebook."""

    def steps(self, name: str, total: int, state: dict[str, Any]) -> Iterator[int]:
        """Yield the step numbers of a loop, from 0 or from where a stopped run left off.

        Args:
            name: The loop's name, another for each loop of a run.
            total: How many steps the whole loop has.
            state: All that one step leaves to the next, updated in place by the loop; `checkpoint` says what
                it may hold. Its keys stay what they are at the start.
        """
        del name, state
        yield from range(total)

    def log(self, step: int, **measures: float) -> None:
        """Note measures of a step (losses, mostly)."""

    def preview(self, name: str, step: int, image: Tensor) -> None:
        """Keep a picture of how far the work is; image (1, C, H, W) in [-1, 1]."""

    def image(
        self, name: str, image: Tensor, caption: str, *, row: str = "", col: str = "", kind: str = "image"
    ) -> None:
        """Write outputs/`name` and list it; image (1, C, H, W) in [-1, 1]."""

    @contextlib.contextmanager
    def file(self, name: str, caption: str, *, row: str = "", col: str = "", kind: str = "file") -> Iterator[Path]:
        """Give a path to write to; the file becomes outputs/`name`, complete or not at all.

        It is listed with its caption; without one it is not.
        """
        del caption, row, col, kind
        with tempfile.TemporaryDirectory() as folder:
            path = Path(folder, name)
            path.parent.mkdir(parents=True, exist_ok=True)
            yield path

    def add(self, kind: str, path: str, caption: str, *, row: str = "", col: str = "") -> None:
        """List a result that lies in outputs/; listing a path again replaces it.

        Args:
            kind: image, video, table or file.
            path: Relative to outputs/.
            caption: One line about it.
            row: Its row in the table of results, if it belongs to one.
            col: Its column there.
        """

    def save(self, name: str, tensors: Mapping[str, Tensor], settings: Mapping[str, Any] | None = None) -> None:
        """Write weights/`name`.safetensors, with settings in the header: the run's, unless others are given."""

    def measure(self, **values: float) -> None:
        """Note results that end up in metrics.json; a measure given again replaces the former."""

    def say(self, text: str) -> None:
        """Tell the user something in one line; it also goes into log.txt."""


class Under(NullRun):
    """A run as seen by one part of a larger job: loops and previews bear the part's name, all else is left out.

    Args:
        run: the job's.
        name: of the part, another for each part.
    """

    def __init__(self, run: NullRun, name: str) -> None:
        self._run, self._name = run, name

    def steps(self, name: str, total: int, state: dict[str, Any]) -> Iterator[int]:
        """See `NullRun.steps`."""
        yield from self._run.steps(f"{self._name}, {name}", total, state)

    def log(self, step: int, **measures: float) -> None:
        """See `NullRun.log`."""
        self._run.log(step, **measures)

    def preview(self, name: str, step: int, image: Tensor) -> None:
        """See `NullRun.preview`."""
        self._run.preview(f"{self._name}, {name}", step, image)

    def say(self, text: str) -> None:
        """See `NullRun.say`."""
        self._run.say(f"{self._name}: {text}")
