"""Hierarchical Patch VAE-GAN: what must hold exactly, whatever is learned."""

import dataclasses
import itertools
import math

import pytest
import torch
from torch import Tensor
from torch.distributions import Normal, kl_divergence
from torch.nn import functional as F

from gestalt.ops.chance import seeded
from gestalt.ops.losses import gradient_penalty
from gestalt.ops.pyramid import follow_clip
from gestalt.ops.resize import resize
from gestalt.run.service import NullRun
from gestalt.tasks.generate import vaegan
from gestalt.tasks.generate.config import VaeGan
from gestalt.tasks.generate.vaegan import Critic, Encoder, PatchVaeGan, Stack, working_size
from gestalt.tasks.generate.windows import Windows, frame_steps, level_sizes

TINY = VaeGan(size=20, coarsest=12, width=4, latent=4, vae_steps=3, gan_steps=3, vae_levels=2, rates=(2, 1))
CPU = torch.device("cpu")


def drawn(frames: int, height: int = 14, width: int = 20) -> Tensor:
    """A disc that moves over a gradient."""
    down, across = torch.meshgrid(torch.linspace(0, 1, height), torch.linspace(0, 1, width), indexing="ij")
    clip = []
    for t in range(frames):
        disc = ((down - 0.5) ** 2 + (across - 0.2 - 0.08 * t) ** 2 < 0.04).float()
        clip.append(torch.stack([down, across, disc]) * 2 - 1)
    return torch.stack(clip, dim=1)[None]


def count(net: torch.nn.Module) -> int:
    return sum(weight.numel() for weight in net.parameters())


def test_ladder():
    settings = VaeGan(size=256)
    sizes = level_sizes((144, 256), True, settings)
    assert [size[0] for size in sizes] == [4, 4, 4, 5, 5, 5, 7, 7, 7, 13]
    assert sizes[0] == (4, 18, 32)
    assert sizes[-1] == (13, 144, 256)
    assert frame_steps(10, settings) == [4, 4, 4, 3, 3, 3, 2, 2, 2, 1]
    for small, large in itertools.pairwise(sizes):
        assert large[2] / small[2] == pytest.approx((256 / 32) ** (1 / 9), abs=0.02)
    assert level_sizes((144, 256), False, settings)[-1] == (1, 144, 256)
    assert level_sizes((3, 5), False, settings) == [(1, 3, 5)]


def test_parameter_counts():
    chance = seeded(0)
    assert count(Encoder(64, 128, 3, chance)) == 669_184
    assert count(Stack(128, 3, 64, 3, chance)) == 780_483
    assert count(Stack(3, 3, 64, 3, chance)) == 564_483
    assert count(Critic(64, 3, chance)) == 560_257


@pytest.mark.parametrize(("name", "side"), [("block", 15), ("critic", 15), ("encoder", 9)])
def test_field_of_view(name, side, monkeypatch):
    # Normalisation looks at the whole picture: frozen, what remains is what the convolutions see.
    monkeypatch.setattr(vaegan, "normalised_leaky", lambda x, _scale, _shift: F.leaky_relu(x, 0.2))
    nets = {"block": Stack(3, 3, 4, 3, seeded(1)), "critic": Critic(4, 3, seeded(1))}
    net = nets.get(name) or Encoder(4, 4, 3, seeded(1))
    x = torch.randn(1, 3, 19, 19, 19, generator=seeded(2)).requires_grad_()
    y = net(x)
    y = y[0] if isinstance(y, tuple) else y
    (slope,) = torch.autograd.grad(y[0, :, 9, 9, 9].sum(), x)
    seen = (slope[0] != 0).any(0)
    first, last = 9 - side // 2, 9 + side // 2
    assert seen[first : last + 1, first : last + 1, first : last + 1].all()
    assert int(seen.sum()) == side**3


def test_divergence():
    zero, one = torch.zeros(2, 3), torch.ones(2, 3)
    assert float(vaegan.divergence(zero, zero)) == 0
    assert float(vaegan.divergence(one, zero)) == 0.5
    mu, logvar = torch.randn(4, 5, generator=seeded(3)), torch.randn(4, 5, generator=seeded(4))
    oracle = kl_divergence(Normal(mu, (logvar / 2).exp()), Normal(0.0, 1.0)).mean()
    torch.testing.assert_close(vaegan.divergence(mu, logvar), oracle)


def test_gradient_penalty_of_a_linear_critic():
    slope = torch.randn(1, 3, 3, 4, 5, generator=seeded(5))

    def linear(x: Tensor) -> Tensor:
        return (slope * x).sum(1, keepdim=True)

    found = vaegan.PENALTY * gradient_penalty(linear, torch.randn(1, 3, 3, 4, 5, generator=seeded(6)))
    wanted = 0.1 * (slope.norm(dim=1) - 1).square().mean()
    torch.testing.assert_close(found, wanted)


def test_only_the_newest_block_learns():
    model = vaegan.fit(drawn(5), dataclasses.replace(TINY, gan_steps=1))
    k = len(model.sizes)
    model.sizes.append(model.sizes[-1])
    model.blocks.append(Stack(3, 3, TINY.width, 3, seeded(7)))
    model.amplitudes.append(0.1)
    critic = Critic(TINY.width, 3, seeded(8))
    before = {name: value.clone() for name, value in model.tensors().items()}
    critic_before = [weight.detach().clone() for weight in critic.parameters()]
    coarse, fine = Windows(drawn(5), model.sizes[0], 2), Windows(drawn(5), model.sizes[-1], 1)
    vaegan.fit_gan_level(k, model, critic, coarse, fine, TINY)
    for name, value in model.tensors().items():
        is_newest = name.startswith(f"block {k}.")
        may_stay = "convs" in name and name.endswith("bias")  # normalisation takes constants out again
        assert torch.equal(value, before[name]) != is_newest or (is_newest and may_stay), name
    assert not any(map(torch.equal, critic.parameters(), critic_before))
    frozen = [*model.encoder.parameters(), *model.decoder.parameters(), *model.blocks[0].parameters()]
    assert all(not weight.requires_grad for weight in frozen)


def test_vae_levels_train_encoder_decoder_and_the_newest_block():
    settings = dataclasses.replace(TINY, vae_levels=9)
    model = vaegan.fit(drawn(5), settings)
    assert not model.is_gan(len(model.sizes) - 1)
    assert all(weight.requires_grad for weight in model.encoder.parameters())


def test_same_seed_same_sample_and_sampling_changes_nothing():
    clip = drawn(5)
    model, again = (vaegan.fit(clip, TINY) for _ in range(2))
    before = {name: value.clone() for name, value in model.tensors().items()}
    one, two, other = (model.sample(model.sizes, seeded(seed)) for seed in (1, 1, 2))
    assert torch.equal(one, two)
    assert not torch.equal(one, other)
    assert torch.equal(one, again.sample(again.sizes, seeded(1)))
    assert all(torch.equal(value, before[name]) for name, value in model.tensors().items())
    assert torch.equal(clip, drawn(5))


def test_restored_models_draw_the_same():
    model = vaegan.fit(drawn(5), TINY)
    restored = PatchVaeGan.restore(model.tensors(), TINY, CPU)
    assert torch.equal(restored.sample(model.sizes, seeded(3)), model.sample(model.sizes, seeded(3)))
    with pytest.raises(ValueError, match="lack or miss-shape"):
        PatchVaeGan.restore(model.tensors(), dataclasses.replace(TINY, width=8), CPU)
    with pytest.raises(ValueError, match="lack or miss-shape"):
        PatchVaeGan.restore({}, TINY, CPU)


def test_samples_do_not_depend_on_their_batch():
    model = vaegan.fit(drawn(5), TINY)
    z = torch.cat([model.draw_latent(model.sizes[0], seeded(n)) for n in range(2)])
    together = model.climb(model.decode(z), model.sizes, range(1, len(model.sizes)))
    alone = model.climb(model.decode(z[:1]), model.sizes, range(1, len(model.sizes)))
    torch.testing.assert_close(together[:1], alone, atol=1e-5, rtol=1e-5)


@pytest.mark.parametrize("batch", [1, 2])
def test_amplitudes(batch):
    settings = dataclasses.replace(TINY, batch=batch, vae_steps=1, gan_steps=1)
    model = vaegan.fit(drawn(5), settings)
    assert model.amplitudes[1] == 0, "a clip has no noise at VAE levels"
    coarse = Windows(drawn(5), model.sizes[0], 2).at(0)
    model.blocks, model.amplitudes = model.blocks[:2], model.amplitudes[:2]
    fine = Windows(drawn(5), model.sizes[2], 2).at(0)
    rec = model.sample(model.sizes[:3], None, z=model.posterior_mean(coarse))
    assert vaegan._amplitude(2, model, coarse, fine) == pytest.approx(0.1 * float((rec - fine).square().mean().sqrt()))
    picture = vaegan.fit(drawn(1), settings)
    assert all(amplitude > 0 for amplitude in picture.amplitudes[1:]), "a picture has noise at every level above 0"


def test_anchor():
    model = vaegan.fit(drawn(5), TINY)
    coarse = Windows(drawn(5), model.sizes[0], 2)
    last = len(model.sizes) - 1
    mean = vaegan._Below(last, model, coarse, TINY, 0)
    drawn_anew = vaegan._Below(last, model, coarse, dataclasses.replace(TINY, anchor="drawn"), 0)
    assert torch.equal(mean.anchors(0, 0), mean.anchors(1, 0))
    assert not torch.equal(drawn_anew.anchors(0, 0), drawn_anew.anchors(1, 0))


@pytest.mark.parametrize("size", [(5, 28, 40), (9, 14, 20), (3, 14, 60)])
def test_any_size(size):
    model = vaegan.fit(drawn(5), TINY)
    before = list(model.sizes)
    sample = model.sample(follow_clip(size, model.sizes), seeded(4))
    assert sample.shape == (1, 3, *size)
    assert sample.abs().max() <= 1
    assert model.sizes == before


def test_a_picture_enters_at_a_level():
    model = vaegan.fit(drawn(1), TINY)
    last = len(model.sizes) - 1
    begin = drawn(1).flip(4)
    result = model.sample(model.sizes, None, begin=begin, start=last)
    assert result.shape == begin.shape
    assert torch.equal(result, model.sample(model.sizes, None, begin=begin, start=last))
    assert F.mse_loss(result, begin) < F.mse_loss(model.sample(model.sizes, seeded(0)), begin)


@pytest.mark.parametrize("frames", [1, 5])
def test_what_enters_keeps_only_what_the_levels_below_could_show(frames):
    model = vaegan.fit(drawn(frames), TINY)
    last = len(model.sizes) - 1
    begin = drawn(frames).flip(4)
    small = resize(begin, model.sizes[last - 1]).clamp(-1, 1)
    torch.testing.assert_close(
        model.sample(model.sizes, None, begin=begin, start=last),
        model.sample(model.sizes, None, begin=small, start=last),
    )


def test_only_what_learns_has_gradients_at_a_vae_level():
    model = vaegan.fit(drawn(5), dataclasses.replace(TINY, vae_levels=9))
    assert len(model.blocks) > 1
    assert all(
        weight.grad is None or not weight.requires_grad for block in model.blocks[:-1] for weight in block.parameters()
    )


def test_windows_of_longer_clips():
    clip = drawn(9)
    windows = Windows(clip, (3, 14, 20), 2)
    assert windows.count == 5
    assert torch.equal(windows.at(4), clip[:, :, [4, 6, 8]])
    assert torch.equal(Windows(clip, (5, 14, 20), 1).at(4)[:, :, ::2], windows.at(4))
    vaegan.fit(clip, dataclasses.replace(TINY, vae_steps=2, gan_steps=2))


def test_short_clips_are_refused_in_words():
    with pytest.raises(ValueError, match="13 frames, but there are only 9"):
        working_size(drawn(9), VaeGan())
    assert working_size(drawn(1), VaeGan()).shape == (1, 3, 1, 14, 20)


@pytest.mark.parametrize("size", [(1, 30), (30, 1), (1, 1), (13, 7)])
def test_odd_pictures(size):
    picture = torch.rand(1, 3, 1, *size, generator=seeded(5)) * 2 - 1
    model = vaegan.fit(picture, dataclasses.replace(TINY, vae_steps=1, gan_steps=1))
    assert model.sample(model.sizes, seeded(6)).shape == picture.shape


@pytest.mark.parametrize("plateau", [0, 1])
def test_losses_are_finite_and_a_plateau_ends_a_level(plateau):
    class Counting(NullRun):
        steps_done = 0

        def steps(self, name, total, state):
            del name, state
            for step in range(total):
                self.steps_done += 1
                yield step

        def log(self, step, **measures):
            del step
            assert all(map(math.isfinite, measures.values()))

    run = Counting()
    slow = dataclasses.replace(TINY, gan_steps=60, plateau=plateau, lr=1e-7)  # which improves nothing
    vaegan.fit(drawn(1), slow, run=run)
    most = 2 * TINY.vae_steps + 60 * (len(level_sizes((14, 20), False, TINY)) - 2)
    assert (run.steps_done == most) == (plateau == 0)
