"""The head: one place decides a frame, all frames a clip; and what it is made of."""

import pytest
import torch

from gestalt.tasks.speed.speednet import SpeedNet, Trunk


def net(trunk: Trunk = "small", seed: int = 0) -> SpeedNet:
    return SpeedNet(trunk, torch.Generator().manual_seed(seed)).eval()


@pytest.mark.parametrize("trunk", ["small", "s3dg"])
@pytest.mark.parametrize("size", [(1, 32, 32), (7, 40, 56)])
@torch.no_grad()
def test_any_size_has_one_answer(trunk: Trunk, size: tuple[int, int, int]) -> None:
    found = net(trunk)(torch.zeros(2, 3, *size))
    assert found.shape == (2,)
    assert torch.equal(found[0], found[1])


@torch.no_grad()
def test_the_answer_is_made_of_the_strongest_place_of_each_frame() -> None:
    one, x = net(), torch.rand(1, 3, 5, 32, 32) * 2 - 1
    maps = one.trunk(x)
    by_hand = maps.flatten(3).max(3).values.mean(2)
    torch.testing.assert_close(one.embed(x), by_hand)
    torch.testing.assert_close(one(x), by_hand @ one.weight + one.bias)
    assert one.cells(x).shape == (1, 5, 4, 4)
    torch.testing.assert_close(one.cells(x)[0, 2, 3, 1], maps[0, :, 2, 3, 1] @ one.weight + one.bias)


@torch.no_grad()
def test_a_still_clip_says_the_same_at_any_length() -> None:
    one, frame = net(), torch.rand(1, 3, 1, 32, 32)
    short, long = (one(frame.expand(-1, -1, count, -1, -1)) for count in (4, 40))
    torch.testing.assert_close(short, long)


def test_the_small_one_is_small_and_the_same_from_the_same_seed() -> None:
    assert sum(weight.numel() for weight in net().parameters()) < 125_000
    one, other = net(seed=3).state_dict(), net(seed=3).state_dict()
    assert all(torch.equal(value, other[key]) for key, value in one.items())
