"""Normalisation with LeakyReLU against torch's own, to the second derivative, in double precision and in single."""

import pytest
import torch
from torch.nn import functional as F

from gestalt.ops.normalise import normalised_leaky


def plain(x, scale, shift):
    """The oracle."""
    return F.leaky_relu(F.instance_norm(x, weight=scale, bias=shift), 0.2)


def given(*shape, dtype=torch.float64, seed=0):
    chance = torch.Generator().manual_seed(seed)
    x, scale, shift = (
        torch.randn(size, generator=chance, dtype=torch.float64).to(dtype).requires_grad_()
        for size in (shape, shape[1:2], shape[1:2])
    )
    return x, scale, shift


def test_gradients_and_gradients_of_gradients_are_right():
    arguments = given(2, 3, 5, 4)
    assert torch.autograd.gradcheck(normalised_leaky, arguments)
    assert torch.autograd.gradgradcheck(normalised_leaky, arguments)


@pytest.mark.parametrize("shape", [(1, 1, 2, 2), (3, 5, 1, 7), (2, 4, 33, 17), (1, 32, 64, 48), (2, 3, 2, 4, 5)])
def test_single_precision_follows_the_oracle(shape):
    ours, theirs = given(*shape, dtype=torch.float32), given(*shape)
    weight = torch.randn(shape, generator=torch.Generator().manual_seed(1), dtype=torch.float64)
    found = []
    for function, arguments in ((normalised_leaky, ours), (plain, theirs)):
        y = function(*arguments)
        first = torch.autograd.grad((y * weight.to(y)).sum(), arguments, create_graph=True)
        loss = torch.stack([(slope**2).sum() for slope in first]).sum()
        second = torch.autograd.grad(loss, arguments, materialize_grads=True)
        found.append([y, *first, *second])
    for one, other in zip(*found, strict=True):
        torch.testing.assert_close(one.double(), other, rtol=2e-4, atol=2e-4 * float(other.detach().abs().max()))


@pytest.mark.parametrize("shape", [(1, 4, 9, 8), (1, 4, 3, 5, 8)])
def test_a_batch_of_one_is_batch_normalisation(shape):
    x, scale, shift = given(*shape)
    expected = F.leaky_relu(F.batch_norm(x, None, None, scale, shift, training=True), 0.2)
    torch.testing.assert_close(normalised_leaky(x, scale, shift), expected)


def test_clips_to_the_second_derivative():
    arguments = given(1, 2, 2, 3, 4)
    assert torch.autograd.gradcheck(normalised_leaky, arguments)
    assert torch.autograd.gradgradcheck(normalised_leaky, arguments)


def test_memory_order_does_not_matter():
    x, scale, shift = given(2, 4, 9, 8, dtype=torch.float32)
    turned = x.detach().to(memory_format=torch.channels_last).requires_grad_()
    for one, other in zip(
        (normalised_leaky(x, scale, shift), *torch.autograd.grad(normalised_leaky(x, scale, shift).square().sum(), x)),
        (
            normalised_leaky(turned, scale, shift),
            *torch.autograd.grad(normalised_leaky(turned, scale, shift).square().sum(), turned),
        ),
        strict=True,
    ):
        assert torch.equal(one, other)


def test_other_types_take_the_plain_form():
    x, scale, shift = given(2, 4, 9, 8, dtype=torch.bfloat16)
    assert normalised_leaky(x, scale, shift).dtype == torch.bfloat16
    expected = plain(*(value.double() for value in (x, scale, shift)))
    torch.testing.assert_close(normalised_leaky(x, scale, shift).double(), expected, rtol=0.03, atol=0.03)
