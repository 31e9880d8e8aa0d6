"""The gradient penalty on critics whose slope is known."""

import pytest
import torch

from gestalt.ops.losses import between, gradient_penalty


def test_a_critic_of_unit_slope_pays_nothing():
    picture = torch.randn(2, 3, 6, 5)
    direction = torch.tensor([0.6, 0.0, 0.8])
    assert gradient_penalty(lambda x: torch.einsum("bchw,c->bhw", x, direction)[:, None], picture) < 1e-10


def test_the_mean_over_pixels_of_the_squared_excess_summed_over_samples():
    gain = torch.rand(5, 6, generator=torch.Generator().manual_seed(0)) * 3
    found = gradient_penalty(lambda x: (x * gain).sum(1, keepdim=True), torch.randn(2, 3, 5, 6))
    expected = 2 * ((gain * 3**0.5 - 1) ** 2).mean()
    torch.testing.assert_close(found, expected)


def test_clips_have_pixels_in_time_too():
    gain = torch.rand(4, 5, 6, generator=torch.Generator().manual_seed(0)) * 3
    found = gradient_penalty(lambda x: (x * gain).sum(1, keepdim=True), torch.randn(2, 3, 4, 5, 6))
    torch.testing.assert_close(found, 2 * ((gain * 3**0.5 - 1) ** 2).mean())


def test_it_is_differentiable_in_the_weights():
    weight = torch.tensor([2.0], requires_grad=True)
    (slope,) = torch.autograd.grad(gradient_penalty(lambda x: weight * x, torch.randn(1, 1, 4, 4)), weight)
    assert slope.item() == 2.0  # d (w - 1)^2 / dw


@pytest.mark.parametrize("size", [(4, 4), (2, 4, 4)])
def test_between_lies_on_the_line_and_is_drawn_for_each(size):
    real, fakes = torch.zeros(1, 3, *size), torch.ones(3, 3, *size)
    points = between(real, fakes.requires_grad_(), torch.Generator().manual_seed(0))
    assert not points.requires_grad
    places = points.flatten(1)[:, 0]
    assert torch.equal(points, places.view(3, *[1] * (points.ndim - 1)).expand_as(points))
    assert len(set(places.tolist())) == 3
    assert 0 <= places.min() <= places.max() < 1
