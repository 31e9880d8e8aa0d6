"""Seeded convolutions, and the spectral norm."""

import pytest
import torch
from torch import nn

from gestalt.nn.convs import Conv, SpectralConv, follow_all
from gestalt.ops.chance import seeded


@pytest.mark.parametrize("axes", [2, 3])
def test_a_convolution_is_torchs_own(axes):
    conv = Conv(3, 5, axes, seeded(1))
    oracle = (nn.Conv2d if axes == 2 else nn.Conv3d)(3, 5, 3, padding=1)
    with torch.no_grad():
        oracle.weight.copy_(conv.weight)
        assert oracle.bias is not None
        oracle.bias.copy_(conv.bias)
    x = torch.randn(2, 3, *(6, 7, 5)[:axes], generator=seeded(2))
    torch.testing.assert_close(conv(x), oracle(x))
    bound = (3 * 3**axes) ** -0.5
    assert conv.weight.abs().max() <= bound
    assert conv.weight.abs().max() > 0.9 * bound
    assert torch.equal(conv.weight, Conv(3, 5, axes, seeded(1)).weight)


@pytest.mark.parametrize("axes", [2, 3])
def test_the_spectral_norm_is_one(axes):
    conv = SpectralConv(4, 6, axes, seeded(3))
    conv.follow(200)
    x = torch.randn(1, 4, *(5,) * axes, generator=seeded(4))
    norm = torch.linalg.matrix_norm(conv.weight.flatten(1), ord=2)
    torch.testing.assert_close(conv(x), conv.convolved(x, conv.weight / norm))


def test_a_pass_changes_nothing_and_following_does():
    conv = SpectralConv(4, 6, 2, seeded(5))
    before = {name: value.clone() for name, value in conv.state_dict().items()}
    conv(torch.randn(1, 4, 6, 6, generator=seeded(6)))
    assert all(torch.equal(value, before[name]) for name, value in conv.state_dict().items())
    with torch.no_grad():
        conv.weight[0] *= 5
    follow_all(nn.Sequential(conv, nn.ReLU()))
    assert not torch.equal(conv.state_dict()["u"], before["u"])
    conv.follow(100)
    norm = torch.linalg.matrix_norm(conv.weight.flatten(1), ord=2)
    torch.testing.assert_close(torch.dot(conv.u, conv.weight.flatten(1) @ conv.v), norm)


def test_gradients_pass_through_the_norm():
    conv = SpectralConv(2, 3, 2, seeded(7)).double()
    x = torch.randn(1, 2, 4, 4, generator=seeded(8), dtype=torch.float64)

    def output(weight: torch.Tensor) -> torch.Tensor:
        return torch.func.functional_call(conv, {"weight": weight}, (x,))

    assert torch.autograd.gradcheck(output, (conv.weight.detach().clone().requires_grad_(),))
