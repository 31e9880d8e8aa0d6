"""Small methods, sides to learn from, and runs that stop in the middle, for the tests of this folder."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import torch
from torch import Tensor

from gestalt import recipes
from gestalt.ops.chance import seeded
from gestalt.run.checkpoint import LoopState
from gestalt.run.service import NullRun
from gestalt.tasks.transfer import exact
from gestalt.tasks.transfer.config import Fit
from gestalt.tasks.transfer.model import fresh
from gestalt.tasks.transfer.pictures import Side

CPU = torch.device("cpu")

TINY: dict[str, Fit] = {
    "disentangle": recipes.transfer_disentangle("tiny"),
    "intersection": recipes.transfer_intersection("tiny"),
    "mask": recipes.transfer_mask("tiny"),
}
PAPER: dict[str, Fit] = {
    "disentangle": recipes.transfer_disentangle("paper"),
    "intersection": recipes.transfer_intersection("paper"),
    "mask": recipes.transfer_mask("paper"),
}


class Noted(NullRun):
    """Keeps what is logged, said and written, and can stop before a step, its state going to a file."""

    def __init__(self, state: Path | None = None, end: int = 10**9) -> None:
        self.kept_at, self.end = state, end
        self.logged: list[tuple[int, dict[str, float]]] = []
        self.said: list[str] = []
        self.measures: dict[str, float] = {}
        self.saved: dict[str, Any] = {}
        self.images: dict[str, Tensor] = {}
        self.captions: dict[str, str] = {}

    def steps(self, name: str, total: int, state: dict[str, Any]) -> Iterator[int]:
        if self.kept_at is None:
            yield from range(total)
            return
        kept = LoopState(self.kept_at.with_name(f"{self.kept_at.name} {name}"), name, total, state)
        for step in range(kept.restore(), min(total, self.end)):
            yield step
            kept.save(step + 1)

    def log(self, step: int, **measures: float) -> None:
        self.logged.append((step, measures))

    def say(self, text: str) -> None:
        self.said.append(text)

    def measure(self, **values: float) -> None:
        self.measures |= values

    def save(self, name: str, tensors: Any, settings: Any = None) -> None:
        del settings
        self.saved[name] = {key: value.clone() for key, value in tensors.items()}

    def image(
        self, name: str, image: Tensor, caption: str, *, row: str = "", col: str = "", kind: str = "image"
    ) -> None:
        del row, col, kind
        self.images[name], self.captions[name] = image, caption

    def all_of(self, name: str) -> list[float]:
        """Every value of a measure that was logged."""
        return [measures[name] for _, measures in self.logged if name in measures]


def small(name: str, seed: int = 0) -> Any:
    """A method with first weights, ready to use."""
    return fresh(TINY[name], seed).eval()


def pictures(count: int, size: int = 32, seed: int = 0) -> Tensor:
    """Noise (N, 3, S, S) in [-1, 1]."""
    return 2 * torch.rand(count, 3, size, size, generator=seeded(seed)) - 1


def drawn_sides(count: int = 6, size: int = 32) -> tuple[Side, Side]:
    """Few drawn faces with and without glasses."""
    return exact.sides(count, size, seed=1)


def same(one: torch.nn.Module, other: torch.nn.Module) -> bool:
    """Whether all weights and moments are equal to the bit."""
    pairs = zip(one.state_dict().items(), other.state_dict().items(), strict=True)
    return all(a == b and torch.equal(x, y) for (a, x), (b, y) in pairs)
