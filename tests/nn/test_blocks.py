"""The body: what it sees, how large it is, and that its weights come from the generator alone."""

import pytest
import torch
from torch.nn import functional as F

from gestalt.nn.blocks import FIELD, PatchNet
from gestalt.nn.chain import Border


def net(channels_out=3, width=32, padding=1, seed=0, axes=2, border: Border = "zeros"):
    chance = torch.Generator().manual_seed(seed)
    return PatchNet(3, channels_out, width, axes=axes, padding=padding, border=border, generator=chance)


def test_parameter_counts_are_the_published_ones_less_the_biases_that_normalisation_takes_out():
    counts = [sum(p.numel() for p in each.parameters()) for each in (net(), net(channels_out=1, padding=0))]
    assert counts == [29_763 - 4 * 32, 29_185 - 4 * 32]


def test_parameter_counts_for_clips():
    for channels_out, padding in ((3, 1), (1, 0)):
        count = sum(p.numel() for p in net(channels_out, padding=padding, axes=3).parameters())
        assert count == 27 * (3 * 32 + 3 * 32 * 32 + 32 * channels_out) + channels_out + 4 * 2 * 32


def test_it_sees_eleven_pixels_and_frames():
    body = net(axes=3, width=4)
    x = torch.randn(1, 3, 15, 17, 19, requires_grad=True)
    y = x
    for conv in body.convs:
        y = conv(y)
    (slope,) = torch.autograd.grad(y[0, 0, 7, 8, 9], x)
    seen = slope.abs().sum((0, 1)).nonzero()
    assert seen.min(0).values.tolist() == [2, 3, 4]
    assert seen.max(0).values.tolist() == [12, 13, 14]


def plain(body, x):
    """The body on a clip, as its docstring says, in torch's own operations with batch normalisation."""
    pad = (1,) + (body.padding,) * 2
    mode = "replicate" if body.convs[0].padding_mode == "replicate" else "constant"
    around = [side for one in reversed(pad) for side in (one, one)]
    for n, conv in enumerate(body.convs):
        x = F.conv3d(F.pad(x, around, mode=mode), conv.weight, conv.bias)
        if n < len(body.scales):
            x = F.batch_norm(x, None, None, body.scales[n], body.shifts[n], training=True)
            x = F.leaky_relu(x, 0.2)
    return x


@pytest.mark.parametrize("border", ["zeros", "replicate"])
@pytest.mark.parametrize("padding", [0, 1])
def test_clips_against_the_plain_form(border, padding):
    body = net(axes=3, width=6, padding=padding, border=border)
    for conv in body.convs:
        next(iter(conv.parameters())).data.normal_(0, 0.2, generator=torch.Generator().manual_seed(1))
    x = torch.randn(1, 3, 4, 13, 16, requires_grad=True)
    found, expected = body(x), plain(body, x)
    torch.testing.assert_close(found, expected, rtol=1e-4, atol=1e-4)
    slopes = [torch.autograd.grad(y.square().sum(), x)[0] for y in (found, expected)]
    torch.testing.assert_close(*slopes, rtol=1e-3, atol=1e-4 * float(slopes[1].abs().max()))


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


@pytest.mark.parametrize(("padding", "expected"), [(1, (5, 18, 24)), (0, (5, 8, 14))])
def test_sizes_of_clips(padding, expected):
    assert net(padding=padding, axes=3, width=4)(torch.randn(2, 3, 5, 18, 24)).shape == (2, 3, *expected)


def test_a_critic_of_a_small_clip_sees_the_border_continued():
    critic = net(channels_out=1, padding=0, axes=3, width=4)
    x = torch.rand(1, 3, 1, 2, 30)
    found = critic(x)
    assert found.shape == (1, 1, 1, 1, 20)
    continued = torch.cat([x, x[..., -1:, :].expand(-1, -1, -1, 9, -1)], dim=3)
    torch.testing.assert_close(found, critic(continued))


@pytest.mark.parametrize(("axes", "size"), [(2, (16, 16)), (3, (3, 12, 12))])
def test_samples_of_a_batch_do_not_see_each_other(axes, size):
    body, x = net(axes=axes), torch.randn(3, 3, *size)
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
