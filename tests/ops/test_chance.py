"""Seeded chance: told apart by every number, and drawn on the CPU."""

import torch

from gestalt.ops.chance import noise, seeded


def test_noise_is_told_apart_by_every_number():
    draws = {float(torch.rand((), generator=seeded(*place))) for place in ((0, 1), (1, 0), (0, 1, 0), (0,), (1,))}
    assert len(draws) == 5
    assert noise((2, 3), seeded(1), torch.zeros(1, dtype=torch.float64)).dtype == torch.float64


def test_a_place_gives_the_same_again():
    like = torch.zeros(1)
    assert torch.equal(noise((4, 5), seeded(3, 1), like), noise((4, 5), seeded(3, 1), like))
