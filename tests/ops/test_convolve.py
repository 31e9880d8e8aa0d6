"""The convolution of small clips in halves against torch's own, to the second derivative."""

import pytest
import torch
from torch.nn import functional as F

from gestalt.ops import convolve
from gestalt.ops.convolve import conv3d


@pytest.mark.parametrize("padding", [(1, 1, 1), (1, 0, 0), (0, 0, 0), (0, 2, 1)])
@pytest.mark.parametrize("size", [(3, 8, 5), (4, 7, 6), (3, 3, 3), (5, 4, 3)])
def test_values_and_gradients(size, padding):
    chance = torch.Generator().manual_seed(0)
    shapes = ((1, 2, *size), (4, 2, 3, 3, 3), (4,))
    given = [torch.randn(shape, generator=chance, dtype=torch.float64).requires_grad_() for shape in shapes]
    x, weight, bias = given
    found = []
    for y in (conv3d(x, weight, bias, padding), F.conv3d(x, weight, bias, padding=padding)):
        first = torch.autograd.grad(y.square().sum(), given, create_graph=True)
        second = torch.autograd.grad(torch.stack([slope.square().sum() for slope in first]).sum(), given)
        found.append([y, *first, *second])
    for one, other in zip(*found, strict=True):
        torch.testing.assert_close(one, other)


@pytest.mark.parametrize(("shape", "batch"), [((1, 2, 3, 5, 4), 2), ((2, 2, 3, 5, 4), 2), ((1, 2, 3, 7, 4), 1)])
def test_only_what_torch_is_slow_at_is_halved(shape, batch, monkeypatch):
    monkeypatch.setattr(convolve, "SLOW_UP_TO", 2 * 3 * 6)
    original, seen = F.conv3d, []
    monkeypatch.setattr(F, "conv3d", lambda x, *rest, **more: seen.append(len(x)) or original(x, *rest, **more))
    assert conv3d(torch.randn(shape), torch.randn(3, 2, 3, 3, 3), None, (1, 1, 1)).shape == (shape[0], 3, *shape[2:])
    assert seen == [batch]


def test_a_picture_of_one_row():
    x, weight = torch.randn(1, 2, 2, 1, 9), torch.randn(3, 2, 3, 3, 3)
    torch.testing.assert_close(conv3d(x, weight, None, (1, 1, 1)), F.conv3d(x, weight, padding=1))
