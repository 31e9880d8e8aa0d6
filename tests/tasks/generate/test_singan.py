"""SinGAN: exact facts, each departure from the published code, and a slow oracle for the losses of one step."""

import copy
import dataclasses
import itertools
import math

import pytest
import torch
from torch import Tensor
from torch.nn import functional as F

from gestalt.drawn import objects
from gestalt.nn.blocks import PatchNet
from gestalt.ops.chance import seeded
from gestalt.ops.pyramid import follow_clip
from gestalt.ops.resize import resize
from gestalt.run import checkpoint
from gestalt.run.device import Lanes
from gestalt.run.folder import NullRun, Plan, Run
from gestalt.tasks.generate import singan
from gestalt.tasks.generate.config import SinGan
from gestalt.tasks.generate.singan import SinGanModel

TINY = SinGan(size=24, coarsest=12, shortest=2, width=6, widest=6, steps=4)
PAPER = SinGan(size=250, widest=128, turns=3, penalty_every=1)


class Watched(NullRun):
    """A run that keeps what was logged, each loop's state as it was at the end, and the learning rates of each step."""

    def __init__(self):
        self.logged, self.ends, self.rates = [], {}, []

    def steps(self, name, total, state):
        for step in range(total):
            yield step
            self.rates.append([state[key].param_groups[0]["lr"] for key in "gd"])
        self.ends[name] = state

    def log(self, step, **measures):
        self.logged.append((step, measures))


@pytest.fixture(scope="module")
def picture():
    """18 x 24 pixels, (1, 3, 1, 18, 24)."""
    return resize(objects.pair(size=(36, 48), seed=0)[0].image, (18, 24)).clamp(-1, 1)[:, :, None]


@pytest.fixture(scope="module")
def clip(picture: Tensor):
    """The same, moving to the right for 3 frames."""
    return torch.cat([picture.roll(3 * n, dims=4) for n in range(3)], dim=2)


@pytest.fixture(scope="module", params=["picture", "clip"])
def given(request):
    return request.getfixturevalue(request.param)


@pytest.fixture(scope="module")
def trained(given: Tensor):
    run = Watched()
    return singan.fit(given, TINY, seed=3, run=run), run


def numbers(model: SinGanModel) -> Tensor:
    return torch.cat([value.double().flatten() for value in model.tensors().values()])


def drawn_with(weight: float, net: PatchNet) -> PatchNet:
    """The network with larger weights, so that what it does can be told."""
    for conv in net.convs:
        next(iter(conv.parameters())).data.normal_(0, weight, generator=seeded(5))
    return net


def untrained(given: Tensor, settings: SinGan = TINY, weight: float = 0.2) -> SinGanModel:
    sizes = singan.level_sizes(given.shape[2:], settings)
    model = SinGanModel(sizes, torch.randn(1, 3, *sizes[0], generator=seeded(0)))
    for n in range(len(sizes)):
        g, _ = singan._new_nets(6, model.axes, settings, seeded(n), torch.device("cpu"))
        model.chain.nets.append(drawn_with(weight, g).requires_grad_(False))
        model.chain.sigmas.append(1.0 if n == 0 else 0.1)
    return model


# -- sizes, widths, networks -------------------------------------------------------------------------------


def test_level_sizes():
    square = singan.level_sizes((1, 250, 250), PAPER)
    assert (square[0], square[-1], len(square)) == ((1, 25, 25), (1, 250, 250), 10)
    wide = singan.level_sizes((1, 96, 128), SinGan())
    assert [size[1:] for size in wide] == [(25, 33), (33, 44), (43, 57), (56, 75), (73, 98), (96, 128)]
    clip = singan.level_sizes((13, 72, 128), SinGan())
    assert clip == [(4, 25, 44), (5, 33, 58), (7, 42, 75), (10, 55, 98), (13, 72, 128)]
    for _, height, across in clip:
        assert height / across == pytest.approx(72 / 128, rel=0.02)
    assert singan.level_sizes((1, 1, 40), SinGan()) == [(1, 1, 40)]


def test_widths_double_every_four_levels():
    assert [singan.width(n, PAPER) for n in range(10)] == [32] * 4 + [64] * 4 + [128] * 2
    assert {singan.width(n, SinGan()) for n in range(10)} == {32}


def test_networks_are_those_of_the_paper_over_the_axes_there_are():
    for axes in (2, 3):
        nets = singan._new_nets(32, axes, PAPER, seeded(0), torch.device("cpu"))
        taps = 3**axes
        right = [taps * (3 * 32 + 3 * 32 * 32 + 32 * out) + out + 8 * 32 for out in (3, 1)]
        assert [sum(p.numel() for p in net.parameters()) for net in nets] == right
        if axes == 2:
            assert right == [29_763 - 4 * 32, 29_185 - 4 * 32], "the published ones less four biases of no effect"
        g, d = singan._new_nets(4, axes, PAPER, seeded(0), torch.device("cpu"))
        x = torch.randn(1, 3, *(4, 16, 20)[3 - axes :])
        assert g(x).shape == x.shape
        assert d(x).shape[-2:] == (6, 10)


def test_layout():
    """On a picture that is the same everywhere, only zeros beyond the border make a difference."""
    constant = torch.full((1, 3, 20, 20), 0.3)
    for layout, is_flat in (("free", True), ("learned", False)):
        g, _ = singan._new_nets(8, 2, dataclasses.replace(TINY, layout=layout), seeded(0), torch.device("cpu"))
        drawn_with(0.2, g)
        with torch.no_grad():
            drawn = g.convs[1](g.convs[0](constant))
        assert (float(drawn.std(dim=(2, 3)).max()) < 1e-5) == is_flat


# -- one step against a slow oracle ------------------------------------------------------------------------


def plain_net(net: PatchNet, x: Tensor) -> Tensor:
    """The body as its docstring says, in torch's own operations."""
    for conv, scale, shift in zip(net.convs, net.scales, net.shifts, strict=False):
        x = F.leaky_relu(F.instance_norm(conv(x), weight=scale, bias=shift), 0.2)
    return net.convs[-1](x)


def test_the_losses_are_those_written(given: Tensor, monkeypatch):
    """What is descended in two steps of level 1, one with a penalty and one without, by value and by gradient."""
    settings = dataclasses.replace(TINY, steps=2, alpha=7.0, penalty_every=2)
    model = untrained(given)
    del model.chain.nets[1:], model.chain.sigmas[1:]
    g, d = (drawn_with(0.2, net) for net in singan._new_nets(6, model.axes, TINY, seeded(9), torch.device("cpu")))
    x = model.inside(resize(given, model.sizes[1]).clamp(-1, 1))
    found, expected, chances = [], [], []
    original = singan.descend

    def watched(losses, weights, optimiser, lanes):
        # Everything is taken again as `fit_level` takes it: p and chance by block and step, noise first for the critic.
        step, is_g = divmod(len(found), 2)
        if not is_g:
            chances.append(seeded(0, 1, step))
        chance = chances[-1]
        p, q = below.samples(step)[0], model.chain.anchored(model.inside(model.anchor), 1)[1]
        fake = p + torch.tanh(plain_net(g, p + model.chain.sigmas[1] * torch.randn(p.shape, generator=chance)))
        if is_g:
            rec = q + torch.tanh(plain_net(g, q))
            loss = -plain_net(d, fake).mean() + 7.0 * F.mse_loss(rec, x)
        else:
            fake = fake.detach()
            loss = plain_net(d, fake).mean() - plain_net(d, x).mean()
            if step == 0:
                place = torch.rand(1, generator=chance)
                point = torch.lerp(x, fake, place).requires_grad_()
                (slope,) = torch.autograd.grad(plain_net(d, point).sum(), point, create_graph=True)
                loss = loss + 0.2 * ((slope.norm(dim=1) - 1) ** 2).mean()
        expected.append((float(loss.detach()), torch.autograd.grad(loss, weights, materialize_grads=True)))
        values = original(losses, weights, optimiser, lanes)
        found.append((float(sum(values)), [weight.grad.clone() for weight in weights]))
        return values

    monkeypatch.setattr(singan, "descend", watched)
    with Lanes(x.device, 1) as lanes:
        below = singan._Below(1, x, model.chain, 1, 0, lanes)
        singan.fit_level(1, x, model, g, d, settings, seed=0, run=NullRun())
    assert len(found) == 4
    for (value, slopes), (right, oracles) in zip(found, expected, strict=True):
        assert value == pytest.approx(right, rel=1e-3, abs=1e-5)
        for slope, oracle in zip(slopes, oracles, strict=True):
            torch.testing.assert_close(slope, oracle, rtol=2e-3, atol=1e-5 + 2e-4 * float(oracle.abs().max()))


def test_the_penalty_of_a_linear_critic_of_clips_is_that_of_its_slope():
    d = torch.nn.Conv3d(3, 1, 1, bias=False)
    d.weight.data[:] = torch.tensor([0.0, 1.5, 2.0]).view(1, 3, 1, 1, 1)  # slope 2.5
    x, fake = torch.rand(1, 3, 3, 5, 4), torch.rand(1, 3, 3, 5, 4)
    wasserstein, penalty = singan.critic_losses(d, x, fake, 0.1, seeded(0))  # pyright: ignore[reportArgumentType]
    torch.testing.assert_close(penalty(), torch.tensor(0.1 * 1.5**2))
    torch.testing.assert_close(wasserstein(), d(fake).mean() - d(x).mean())
    real, other = singan.critic_losses(d, x, fake, 0.0, seeded(0))  # pyright: ignore[reportArgumentType]
    torch.testing.assert_close(real() + other(), wasserstein())


def test_turns(picture: Tensor, monkeypatch):
    """Three of the critic, then three of the generator, each with a sample and noise of its own."""
    seen, original = [], singan.descend

    def watched(losses, weights, optimiser, lanes):
        values = original(losses, weights, optimiser, lanes)
        seen.append((len(weights), float(values[0])))
        return values

    monkeypatch.setattr(singan, "descend", watched)
    model = singan.fit(picture, dataclasses.replace(TINY, turns=3, steps=2, coarsest=18))
    assert len(model.sizes) == 1
    assert len(seen) == 12
    assert len({value for _, value in seen}) == 12, "no value twice: nothing is used twice"


def test_a_penalty_every_few_steps_weighs_as_much(picture: Tensor, monkeypatch):
    seen, original = [], singan.critic_losses
    monkeypatch.setattr(singan, "critic_losses", lambda *given: seen.append(round(given[3], 6)) or original(*given))
    singan.fit(picture, dataclasses.replace(TINY, turns=2, steps=3, penalty_every=3, coarsest=18))
    assert seen == [0.3, 0.0, 0.0, 0.3, 0.0, 0.0]


def test_the_learning_rate_falls_at_four_fifths(picture: Tensor):
    run = Watched()
    singan.fit(picture, dataclasses.replace(TINY, steps=10, coarsest=18), run=run)
    assert run.rates == [[5e-4, 5e-4]] * 8 + [[pytest.approx(5e-5)] * 2] * 2


# -- noise -------------------------------------------------------------------------------------------------


def test_the_fixed_noise(given: Tensor, trained):
    model, _ = trained
    assert model.anchor.shape == (1, 3, *model.sizes[0])
    assert not torch.equal(model.anchor[:, 0], model.anchor[:, 1])
    assert torch.equal(model.reconstruct(), model.reconstruct())
    assert torch.equal(singan.fit(given, dataclasses.replace(TINY, steps=1), seed=3).anchor, model.anchor)


def test_noise_amplitudes_are_a_tenth_of_what_reconstruction_lacks(given: Tensor, trained):
    model, _ = trained
    assert model.chain.sigmas[0] == 1.0
    for n in range(1, len(model.sizes)):
        q = model.chain.anchored(model.inside(model.anchor), n)[0]
        lack = F.mse_loss(q, model.inside(resize(given, model.sizes[n]).clamp(-1, 1))).sqrt()
        assert model.chain.sigmas[n] == pytest.approx(0.1 * float(lack), rel=1e-5)


def test_samples_of_the_levels_below_are_all_different_and_come_again(given: Tensor):
    model = untrained(given)
    x = model.inside(given)
    with Lanes(x.device, 1) as lanes:
        below = singan._Below(2, x, model.chain, 3, 0, lanes)
        seen = [p for step in range(12) for p in below.samples(step)]  # two blocks: 10 steps of 3 make the first
        again = singan._Below(2, x, model.chain, 3, 0, lanes).samples(11)
    assert len({float(value.sum()) for value in seen}) == len(seen) == 36
    assert all(torch.equal(one, other) for one, other in zip(again, seen[-3:], strict=True))
    assert all(value.shape == x.shape and value.abs().max() <= 1 and not value.requires_grad for value in seen)


# -- training ----------------------------------------------------------------------------------------------


def test_every_level_is_trained_and_logged(given: Tensor, trained):
    model, run = trained
    assert model.sizes == singan.level_sizes(given.shape[2:], TINY)
    assert len(model.chain.nets) == len(model.sizes) == 3
    assert list(run.ends) == ["level 0", "level 1", "level 2"]
    assert {*run.logged[0][1]} == {"critic", "adversarial", "rec"}
    assert run.logged[-1][0] == TINY.steps - 1


def test_the_same_seed_gives_the_same_weights_on_one_thread_and_on_two(given: Tensor, trained):
    before = torch.get_num_threads()
    try:
        for threads in (1, 2):
            torch.set_num_threads(threads)
            assert torch.equal(numbers(trained[0]), numbers(singan.fit(given, TINY, seed=3)))
            assert torch.get_num_threads() == threads
    finally:
        torch.set_num_threads(before)
    assert not torch.equal(numbers(trained[0]), numbers(singan.fit(given, TINY, seed=4)))


def test_finished_levels_are_frozen_and_get_no_gradients(picture: Tensor):
    class Snapshot(Watched):
        def __init__(self):
            super().__init__()
            self.first = None

        def preview(self, name, step, image):
            assert image.shape == (1, 3, 18, 24) if step == 2 else image.ndim == 4
            assert image.abs().max() <= 1
            if (name, step) == ("sample_level", 0):
                self.first = copy.deepcopy(self.ends["level 0"]["mean"].state_dict())

    run = Snapshot()
    model = singan.fit(picture, TINY, run=run)
    now = model.chain.nets[0].state_dict()
    assert run.first is not None
    assert all(torch.equal(now[key], run.first[key]) for key in now)
    assert all(p.grad is None and not p.requires_grad for net in model.chain.nets for p in net.parameters())


@pytest.mark.parametrize("average", [0.0, 0.9])
def test_average(picture: Tensor, average):
    run = Watched()
    model = singan.fit(picture, dataclasses.replace(TINY, average=average, coarsest=18), run=run)
    last, kept = list(run.ends["level 0"]["generator"].parameters()), list(model.chain.nets[0].parameters())
    assert all(torch.equal(one, other) for one, other in zip(last, kept, strict=True)) == (average == 0.0)


def test_plateau(picture: Tensor, monkeypatch):
    settings = dataclasses.replace(TINY, steps=200, plateau=40, coarsest=18)
    distances = itertools.chain([1.0, 0.5], itertools.repeat(0.495))
    monkeypatch.setattr(singan, "sliced_wasserstein", lambda *_, **__: next(distances))
    run = Watched()
    singan.fit(picture, settings, run=run)
    assert [step for step, _ in run.logged] == [0, 20, 40, 60], "better at step 20, then no more for 40 steps"


def test_levels_of_one_width_begin_as_the_level_before_ended(picture: Tensor, monkeypatch):
    seen, original = [], singan.fit_level

    def watched(n, x, model, g, d, *rest, **more):
        if n > 0 and len(g.scales[0]) == len(model.chain.nets[-1].scales[0]):
            before = model.chain.nets[-1].state_dict()
            seen.append((n, all(torch.equal(value, before[key]) for key, value in g.state_dict().items())))
        original(n, x, model, g, d, *rest, **more)

    monkeypatch.setattr(singan, "fit_level", watched)
    monkeypatch.setattr(singan, "WIDEN_EVERY", 2)
    singan.fit(picture, dataclasses.replace(TINY, steps=1, widest=12))
    assert seen == [(1, True)], "the width doubles at level 2"


def test_stopped_in_the_middle_of_a_level_and_resumed(given: Tensor, tmp_path, monkeypatch):
    monkeypatch.setattr(singan, "LOG_EVERY", 2)
    settings = dataclasses.replace(TINY, steps=6, coarsest=16, turns=2, average=0.5)
    straight = singan.fit(given, settings, seed=5)
    run = Run.create(tmp_path / "run", Plan(command="generate make", seed=5), save_every_s=0.0)
    original, count = run.log, itertools.count()

    def log(step: int, **measures: float) -> None:
        original(step, **measures)
        if next(count) == 6:  # in level 1: a level logs steps 0, 2, 4 and 5
            raise KeyboardInterrupt

    monkeypatch.setattr(run, "log", log)
    with pytest.raises(KeyboardInterrupt), run:
        singan.fit(given, settings, seed=5, run=run)
    with Run.open(tmp_path / "run") as run:
        resumed = singan.fit(given, settings, seed=5, run=run)
    assert torch.equal(numbers(straight), numbers(resumed))


@pytest.mark.parametrize("size", [(1, 1, 40), (1, 3, 5), (1, 1, 1), (2, 1, 13), (3, 15, 12)])
def test_odd_inputs_train(size):
    given = torch.rand(1, 3, *size, generator=seeded(0)) * 2 - 1
    model = singan.fit(given, dataclasses.replace(TINY, steps=2))
    assert model.reconstruct().shape == given.shape
    assert model.sample(model.sizes, seeded(0)).isfinite().all()


# -- what a trained model does -----------------------------------------------------------------------------


def test_samples_of_any_size_change_nothing(trained):
    model, _ = trained
    before, chance = numbers(model), torch.get_rng_state()
    time, height, width = model.sizes[-1]
    frames = 2 * time if time > 1 else 1
    for size in ((time, height, width), (time, height, 2 * width), (frames, 2 * height + 1, width)):
        sizes = follow_clip(size, model.sizes)
        one, same, other = (model.sample(sizes, seeded(seed)) for seed in (0, 0, 1))
        assert one.shape == (1, 3, *size)
        assert one.abs().max() <= 1
        assert torch.equal(one, same)
        assert not torch.equal(one, other)
    assert torch.equal(numbers(model), before)
    assert torch.equal(torch.get_rng_state(), chance)


def test_what_enters_takes_the_place_of_a_sample_of_the_levels_below(given: Tensor):
    model = untrained(given)
    entered = torch.rand(1, 3, *given.shape[2:], generator=seeded(1)) * 2 - 1
    for start in (1, 2):
        found = model.sample(model.sizes, seeded(7), begin=entered, start=start)
        chance, x = seeded(7), resize(entered, model.sizes[start - 1]).clamp(-1, 1)
        for n in range(start, 3):
            v = model.inside(resize(x, model.sizes[n]).clamp(-1, 1))
            u = v + 0.1 * torch.randn(v.shape, generator=chance)
            x = model.outside(v + torch.tanh(model.chain.nets[n](u)))
        torch.testing.assert_close(found, x.clamp(-1, 1))
    without = [model.sample(model.sizes, None, begin=entered, start=2) for _ in range(2)]
    assert torch.equal(*without)


def test_levels_that_add_nothing_leave_a_constant_picture_alone(given: Tensor):
    model = untrained(given)
    for net in model.chain.nets:
        for weight in list(net.convs)[-1].parameters():
            weight.data.zero_()
    grey = torch.full((1, 3, *given.shape[2:]), 0.3)
    torch.testing.assert_close(model.sample(model.sizes, seeded(0), grey, 1), grey)


def test_what_cannot_be_sampled_is_told(picture: Tensor, clip: Tensor):
    model = untrained(picture)
    with pytest.raises(ValueError, match="a size is needed for each of the 3 levels, got 2"):
        model.sample(model.sizes[1:], seeded(0))
    with pytest.raises(ValueError, match="a model of a picture makes pictures, but 4 frames were asked for"):
        model.sample(follow_clip((4, 18, 24), model.sizes), seeded(0))
    for start, begin in ((0, picture), (3, picture), (1, None)):
        with pytest.raises(ValueError, match=f"at levels 1 to 2, and nothing at level 0; got level {start}"):
            model.sample(model.sizes, seeded(0), begin, start)
    with pytest.raises(ValueError, match="a clip of 3 frames cannot enter"):
        model.sample(model.sizes, seeded(0), clip, 1)


def test_it_comes_back_from_its_file(trained, tmp_path):
    model, _ = trained
    checkpoint.write_weights(tmp_path / "model.safetensors", model.tensors(), {})
    tensors, _ = checkpoint.read_weights(tmp_path / "model.safetensors")
    back = SinGanModel.restore(tensors, TINY, torch.device("cpu"))
    assert back.sizes == model.sizes
    assert torch.equal(back.reconstruct(), model.reconstruct())
    assert torch.equal(back.sample(back.sizes, seeded(1)), model.sample(model.sizes, seeded(1)))
    for name in ("anchor", "x.sigmas", "x.1.scales.0"):
        with pytest.raises(ValueError, match="they lack"):
            SinGanModel.restore({key: value for key, value in tensors.items() if key != name}, TINY, back.anchor.device)


# -- settings ----------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"turns": 0}, "--turns must be at least 1, got 0"),
        ({"time_ratio": 1.0}, "--time-ratio must lie between 0 and 1, got 1.0"),
        ({"average": 1.0}, "--average must lie between 0 and 1, without 1, got 1.0"),
        ({"alpha": math.nan}, "--alpha must be at least 0, got nan"),
    ],
)
def test_settings_out_of_range_are_told(change, message):
    with pytest.raises(ValueError, match=message):
        SinGan(**change)
