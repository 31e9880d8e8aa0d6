"""The forms of convolution against torch's own, to the second derivative."""

import pytest
import torch
from torch.nn import functional as F

import gestalt.ops.convolve as module
from gestalt.ops.convolve import convolve, slopes_only
from gestalt.ops.losses import gradient_penalty


@pytest.mark.parametrize("padding", [(1, 1, 1), (1, 0, 0), (0, 0, 0), (0, 2, 1)])
@pytest.mark.parametrize("size", [(3, 8, 5), (4, 7, 6), (3, 3, 3), (5, 4, 3)])
def test_values_and_gradients(size, padding):
    chance = torch.Generator().manual_seed(0)
    shapes = ((1, 2, *size), (4, 2, 3, 3, 3), (4,))
    given = [torch.randn(shape, generator=chance, dtype=torch.float64).requires_grad_() for shape in shapes]
    x, weight, bias = given
    found = []
    for y in (convolve(x, weight, bias, padding), F.conv3d(x, weight, bias, padding=padding)):
        first = torch.autograd.grad(y.square().sum(), given, create_graph=True)
        second = torch.autograd.grad(torch.stack([slope.square().sum() for slope in first]).sum(), given)
        found.append([y, *first, *second])
    for one, other in zip(*found, strict=True):
        torch.testing.assert_close(one, other)


@pytest.mark.parametrize(("shape", "batch"), [((1, 2, 3, 5, 4), 2), ((2, 2, 3, 5, 4), 2), ((1, 2, 3, 7, 4), 1)])
def test_only_what_torch_is_slow_at_is_halved(shape, batch, monkeypatch):
    monkeypatch.setattr(module, "SLOW_UP_TO", 2 * 3 * 6)
    original, seen = F.conv3d, []
    monkeypatch.setattr(F, "conv3d", lambda x, *rest, **more: seen.append(len(x)) or original(x, *rest, **more))
    assert convolve(torch.randn(shape), torch.randn(3, 2, 3, 3, 3), None, (1, 1, 1)).shape == (shape[0], 3, *shape[2:])
    assert seen == [batch]


def test_a_picture_of_one_row():
    x, weight = torch.randn(1, 2, 2, 1, 9), torch.randn(3, 2, 3, 3, 3)
    torch.testing.assert_close(convolve(x, weight, None, (1, 1, 1)), F.conv3d(x, weight, padding=1))


@pytest.mark.parametrize("axes", [2, 3])
@pytest.mark.parametrize("padding", [0, 1])
def test_the_form_for_gpus(axes, padding):
    """On the CPU, since it is made of operations that every device has."""
    chance = torch.Generator().manual_seed(0)
    shapes = ((2, 2, *(5, 4, 6)[:axes]), (4, 2, *(3,) * axes), (4,))
    given = [torch.randn(shape, generator=chance, dtype=torch.float64).requires_grad_() for shape in shapes]
    plain, around = (F.conv2d, F.conv3d)[axes - 2], (padding,) * axes
    found = []
    for y in (module._Convolution.apply(*given, around, False), plain(*given, padding=around)):
        first = torch.autograd.grad(y.square().sum(), given, create_graph=True)
        second = torch.autograd.grad(torch.stack([slope.square().sum() for slope in first]).sum(), given)
        found.append([y, *first, *second])
    for one, other in zip(*found, strict=True):
        torch.testing.assert_close(one, other)


@pytest.mark.parametrize("axes", [2, 3])
def test_a_penalty_in_the_form_for_gpus(axes):
    """Slopes by the weights are left out of the first derivative and are whole in the second."""
    chance = torch.Generator().manual_seed(0)
    weights = [
        torch.randn(shape, generator=chance, dtype=torch.float64).requires_grad_()
        for shape in ((4, 3, *(3,) * axes), (1, 4, *(3,) * axes))
    ]
    points = torch.randn(2, 3, *(6, 5, 7)[:axes], generator=chance, dtype=torch.float64)
    plain, around = (F.conv2d, F.conv3d)[axes - 2], (1,) * axes
    asked = []

    def ours(x, weight):
        asked.append(module._state.slopes_only)
        return module._Convolution.apply(x, weight, None, around, module._state.slopes_only)

    found = []
    for conv in (ours, lambda x, weight: plain(x, weight, padding=around)):
        critic = lambda x, conv=conv: conv(conv(x, weights[0]).sin(), weights[1])  # noqa: E731
        found.append(torch.autograd.grad(gradient_penalty(critic, points), weights))
    for one, other in zip(*found, strict=True):
        torch.testing.assert_close(one, other)
    assert asked == [True, True]
    with slopes_only():
        pass
    assert not module._state.slopes_only
