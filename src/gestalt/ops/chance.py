"""Chance that comes again: generators for a place in the work, and noise that is the same on every device."""

from collections.abc import Sequence

import numpy as np
import torch
from torch import Generator, Tensor


def seeded(*numbers: int) -> Generator:
    """A generator on the CPU for a place in the work, told by numbers such as (seed, level, step)."""
    mixed = np.random.SeedSequence((len(numbers), *numbers))  # alone, it cannot tell (1,) from (1, 0)
    state = mixed.generate_state(1, np.uint64)[0]
    return torch.Generator().manual_seed(int(state >> np.uint64(1)))


def noise(shape: Sequence[int], chance: Generator, like: Tensor) -> Tensor:
    """Standard normal numbers, drawn on the CPU so that all devices see the same, then moved to that of `like`."""
    return torch.randn(tuple(shape), generator=chance).to(like)
