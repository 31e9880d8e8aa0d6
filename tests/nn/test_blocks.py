"""The body: what it sees, how large it is, and that its weights come from the generator alone."""

import pytest
import torch

from gestalt.nn.blocks import FIELD, PatchNet


def net(channels_out=3, width=32, padding=1, seed=0):
    return PatchNet(3, channels_out, width, padding=padding, generator=torch.Generator().manual_seed(seed))


def test_parameter_counts_are_the_published_ones_less_the_biases_that_normalisation_takes_out():
    counts = [sum(p.numel() for p in each.parameters()) for each in (net(), net(channels_out=1, padding=0))]
    assert counts == [29_763 - 4 * 32, 29_185 - 4 * 32]


def test_it_sees_eleven_pixels():
    assert FIELD == 11
    body = net(padding=0)
    x = torch.randn(1, 3, 31, 31, requires_grad=True)
    # Normalisation looks at the whole picture, so the field is that of the convolutions alone.
    y = x
    for conv in body.convs:
        y = conv(y)
    assert y.shape == (1, 3, 21, 21)
    (slope,) = torch.autograd.grad(y[0, 0, 10, 10], x)
    seen = slope.abs().sum((0, 1)).nonzero()
    assert seen.min(0).values.tolist() == [10, 10]
    assert seen.max(0).values.tolist() == [20, 20]


@pytest.mark.parametrize(("size", "padding", "expected"), [((18, 24), 1, (18, 24)), ((18, 24), 0, (8, 14))])
def test_sizes(size, padding, expected):
    assert net(padding=padding)(torch.randn(2, 3, *size)).shape == (2, 3, *expected)


def test_a_critic_of_a_picture_below_its_field_sees_the_border_continued():
    critic = net(channels_out=1, padding=0)
    x = torch.rand(1, 3, 1, 500)
    found = critic(x)
    assert found.shape == (1, 1, 1, 490)
    torch.testing.assert_close(found, critic(x.expand(1, 3, 11, 500)))


def test_samples_of_a_batch_do_not_see_each_other():
    body, x = net(), torch.randn(3, 3, 16, 16)
    torch.testing.assert_close(body(x)[1:2], body(x[1:2]))


def test_weights_come_from_the_generator_and_nothing_else():
    before = torch.get_rng_state()
    one, other, third = net(seed=1), net(seed=1), net(seed=2)
    assert torch.equal(torch.get_rng_state(), before)
    for (name, a), b, c in zip(one.named_parameters(), other.parameters(), third.parameters(), strict=True):
        assert torch.equal(a, b)
        assert "shifts" in name or not torch.equal(a, c)
    weights = torch.cat([p.detach().flatten() for name, p in one.named_parameters() if name.endswith("weight")])
    assert float(weights.std()) == pytest.approx(0.02, rel=0.05)
    assert float(torch.stack([scale.detach() for scale in one.scales]).mean()) == pytest.approx(1.0, abs=0.01)
