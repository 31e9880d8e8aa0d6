"""Defects are made as described, and a threshold that finds nothing is told from one that does."""

import pytest
import torch
from torch import Tensor

from gestalt.drawn.parts import parts
from gestalt.tasks.anomaly import patch
from gestalt.tasks.anomaly.config import Memory
from gestalt.tasks.anomaly.synthetic import pasted, scratched, share_found


def seeded(n: int) -> torch.Generator:
    return torch.Generator().manual_seed(n)


@pytest.mark.parametrize("size", [(40, 60), (1, 50), (3, 3)])
def test_defects_fit_into_any_picture_and_leave_it_alone(size: tuple[int, int]) -> None:
    picture = torch.rand(1, 3, *size, generator=seeded(0)) * 2 - 1
    before = picture.clone()
    for make in (pasted, scratched):
        changed = make(picture, seeded(1))
        assert changed.shape == picture.shape
        assert changed.abs().max() <= 1
    assert torch.equal(picture, before)


def test_a_piece_is_small_and_a_scratch_thin() -> None:
    picture = torch.rand(1, 3, 80, 100, generator=seeded(0)) - 0.5
    for n in range(8):
        pieces, line = ((make(picture, seeded(n)) != picture).any(1).float().mean() for make in (pasted, scratched))
        assert 0.005 < float(pieces) < 0.15
        assert 0.0005 < float(line) < 0.02


@pytest.fixture(scope="module")
def good() -> list[Tensor]:
    return [part.image for part in parts(3, size=(64, 64), seed=1)]


@pytest.mark.parametrize("shots", [1, 3])
def test_a_threshold_finds_them_unless_it_is_too_high(shots: int, good: list[Tensor]) -> None:
    memory = patch.fit(good[:shots], Memory(descriptors=("gradient@64", "gabor@64"), keys=500))
    own = max(memory.self_scores)
    assert share_found(memory, good[:shots], own) >= 0.5
    assert share_found(memory, good[:shots], 100.0) == 0
