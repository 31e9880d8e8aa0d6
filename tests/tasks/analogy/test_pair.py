"""The pair network: exact facts, each departure from the published code, and a slow oracle for one step."""

import copy
import dataclasses
import itertools

import pytest
import torch
from torch import Tensor
from torch.nn import functional as F

from gestalt import recipes
from gestalt.drawn import objects
from gestalt.nn.blocks import PatchNet
from gestalt.nn.chain import BORDERS, Chain
from gestalt.ops.chance import seeded
from gestalt.ops.resize import resize
from gestalt.run.folder import NullRun, Plan, Run
from gestalt.tasks.analogy import pair
from gestalt.tasks.analogy.config import Pair

Two = tuple[Tensor, Tensor]
TINY = recipes.analogy_pair("tiny")
PUBLISHED_SIZES = [19, 24, 30, 39, 49, 63, 81, 104, 134, 172, 220]


class Watched(NullRun):
    """A run that keeps what was logged, and each loop's state as it was at the end."""

    def __init__(self):
        self.logged, self.ends = [], {}

    def steps(self, name, total, state):
        yield from range(total)
        self.ends[name] = state

    def log(self, step, **measures):
        self.logged.append((step, measures))


@pytest.fixture(scope="module")
def pictures():
    """Two pictures of different shape, 24 x 18 and 21 x 24."""
    one, other = objects.pair(size=(36, 48), seed=0)
    return resize(one.image, (18, 24)).clamp(-1, 1), resize(other.image, (24, 21)).clamp(-1, 1)


@pytest.fixture(scope="module")
def trained(pictures: Two):
    run = Watched()
    return pair.fit(*pictures, TINY, seed=3, run=run), run


def numbers(chain: Chain) -> torch.Tensor:
    return torch.cat([value.double().flatten() for value in chain.tensors("x").values()])


# -- sizes and widths --------------------------------------------------------------------------------------


def test_level_sizes():
    paper = recipes.analogy_pair("paper")
    a, b = pair.level_sizes((220, 220), (220, 220), paper)
    assert a == b
    assert len(a) == len(PUBLISHED_SIZES)
    assert all(
        0 <= size - height <= 1 and height == width for size, (height, width) in zip(PUBLISHED_SIZES, a, strict=True)
    )
    assert [pair.width(n, paper) for n in range(11)] == [32] * 4 + [64] * 4 + [128] * 3
    small = pair.level_sizes((64, 64), (64, 64), dataclasses.replace(paper, size=64))[0]
    assert all(abs(size - height) <= 1 for size, (height, _) in zip([18, 23, 28, 34, 42, 52, 64], small, strict=True))


def test_pictures_of_different_shape_have_as_many_levels_at_the_same_factors():
    for a, b in (((48, 64), (64, 50)), ((64, 50), (48, 64))):
        first, second = pair.level_sizes(a, b, Pair())
        assert len(first) == len(second)
        assert (first[-1], second[-1]) == (a, b)
        assert min(min(first[0]), min(second[0])) == 18
        for one, other in zip(first, second, strict=True):
            assert one[0] / a[0] == pytest.approx(other[0] / b[0], abs=0.03)
            assert one[0] / one[1] == pytest.approx(a[0] / a[1], rel=0.06)


def test_constant_pictures():
    """Enlarging loses nothing: a constant stays one through every level of a chain that adds nothing."""
    chain = Chain([(5, 7), (6, 8), (9, 12)], plain=0)
    for n in range(3):
        net = PatchNet(3, 3, 4, padding=1, generator=seeded(n))
        with torch.no_grad():
            for weight in list(net.convs)[-1].parameters():
                weight.zero_()
        chain.nets.append(net)
        chain.sigmas.append(0.3)
    x = torch.full((1, 3, 5, 7), 0.3)
    found = chain.climb(x, chain.sizes, range(3), None, 1.0)
    torch.testing.assert_close(found, torch.full((1, 3, 9, 12), 0.3), rtol=0, atol=1e-6)


# -- one step against a slow oracle ------------------------------------------------------------------------


def sides(pictures: Two, width=6):
    """Both sides of a level in mid-training, one residual level below it."""
    found = []
    for x, size in zip(pictures, ((9, 12), (12, 10)), strict=True):
        chain = Chain([size, tuple(x.shape[2:])], plain=1)
        chain.nets.append(PatchNet(3, 3, width, padding=1, generator=seeded(1)))
        chain.sigmas += [1.0, 0.2]
        g, d = (PatchNet(3, out, width, padding=p, generator=seeded(2, out)) for out, p in ((3, 1), (1, 0)))
        for net in (g, d):
            for conv in net.convs:
                next(iter(conv.parameters())).data.normal_(0, 0.2, generator=seeded(5))
        found.append(pair.Side(x, chain, g, d))
    return found


def plain_net(net: PatchNet, x: torch.Tensor) -> torch.Tensor:
    """The body as its docstring says, in torch's own operations."""
    for conv, scale, shift in zip(net.convs, net.scales, net.shifts, strict=False):
        x = F.leaky_relu(F.instance_norm(conv(x), weight=scale, bias=shift), 0.2)
    return net.convs[-1](x)


@pytest.mark.parametrize("self_weight", [0.0, 0.7])
def test_self_term_and_all_other_gradients_are_those_of_the_loss_as_written(pictures: Two, self_weight):
    a, b = sides(pictures)
    settings = dataclasses.replace(TINY, alpha=2.0, beta=7.0, gamma=0.3)
    below = [pair._Below(1, side, settings, 0) for side in (a, b)]
    weights = [*a.g.parameters(), *b.g.parameters()]
    drawn = [
        pair.draw(1, x, y, own, 5, seeded(0, 1, 5), self_weight > 0)
        for x, y, own in ((a, b, below[0]), (b, a, below[1]))
    ]
    ours = [
        pair.gradients(a, b, drawn[0], (1.0, 0.3), self_weight, weights, settings),
        pair.gradients(b, a, drawn[1], (0.3, 1.0), self_weight, weights, settings),
    ]

    def generator(side, u):
        return torch.tanh(plain_net(side.g, u))  # level 1 is plain

    loss = torch.zeros(())
    for x, y, own, gamma, other in ((a, b, below[0], 1.0, 0.3), (b, a, below[1], 0.3, 1.0)):
        p, (u, v) = own.sample(5), own.anchor(5)
        chance = seeded(0, 1, 5)
        z, w = (torch.randn(p.shape, generator=chance) for _ in range(2))
        fake, rec = generator(x, p + 0.2 * z), generator(x, v)
        assert torch.equal(u, v)
        mapped = generator(y, fake)
        loss = loss - gamma * plain_net(x.d, fake).mean() - other * plain_net(y.d, mapped).mean()
        loss = loss - other * self_weight * plain_net(y.d, generator(y, x.x + 0.2 * w)).mean()
        loss = loss + 2.0 * F.mse_loss(rec, x.x) + 7.0 * F.mse_loss(generator(x, mapped), fake)
    expected = torch.autograd.grad(loss, weights)
    total = sum(float(sum(terms.values())) for terms, _ in ours)
    assert total == pytest.approx(float(loss.detach()), rel=1e-4)
    for one, other, right in zip(ours[0][1], ours[1][1], expected, strict=True):
        torch.testing.assert_close(one + other, right, rtol=1e-3, atol=1e-5 + 1e-4 * float(right.abs().max()))


def test_the_critics_loss_is_that_written_for_fakes_of_both_sizes(pictures: Two):
    side, other = sides(pictures)
    chance, again = seeded(9), seeded(9)
    cond, fake = torch.rand_like(other.x) * 2 - 1, torch.rand_like(side.x) * 2 - 1
    critic = copy.deepcopy(side.d)
    optimiser = torch.optim.SGD(side.d.parameters(), 1.0)
    found = pair.train_critic(side, side.x, [(cond, 0.7), (fake, 1.0)], optimiser, 0.5, chance)

    expected = 0.7 * plain_net(critic, cond).mean() + plain_net(critic, fake).mean()
    expected = expected - 1.7 * plain_net(critic, side.x).mean()
    for picture in (cond, fake):
        height, width = (min(pair_) for pair_ in zip(side.x.shape[2:], picture.shape[2:], strict=True))
        x, y = (
            each[:, :, (each.shape[2] - height) // 2 :, (each.shape[3] - width) // 2 :][:, :, :height, :width]
            for each in (side.x, picture)
        )
        point = torch.lerp(x, y, torch.rand(1, 1, 1, 1, generator=again)).requires_grad_()
        (slope,) = torch.autograd.grad(plain_net(critic, point).sum(), point, create_graph=True)
        expected = expected + 0.5 * ((slope.norm(dim=1) - 1) ** 2).mean()
    assert float(found) == pytest.approx(float(expected.detach()), rel=1e-4)
    slopes = torch.autograd.grad(expected, list(critic.parameters()), materialize_grads=True)
    for before, after, slope in zip(critic.parameters(), side.d.parameters(), slopes, strict=True):
        torch.testing.assert_close(before - after, slope, rtol=1e-3, atol=1e-5 + 1e-4 * float(slope.abs().max()))


def test_frames_of_a_clip_take_turns_and_each_has_its_own_anchor(pictures: Two):
    clip = torch.cat([pictures[0], -pictures[0], 0.5 * pictures[0]])
    side, other = sides((clip, pictures[1]))
    below = pair._Below(1, side, TINY, 0)
    anchors = {float(below.anchor(step, frame)[0].sum()) for frame in range(3) for step in (0, 40)}
    assert len(anchors) == 3
    seen = {float(pair.draw(1, side, other, below, 0, seeded(0, 1, step), True).x.sum()) for step in range(12)}
    assert len(seen) == 3


def test_scores_of_one_size_pass_together_and_keep_their_order(pictures: Two):
    side, other = sides(pictures)
    given = [side.x, other.x, -side.x]
    for found, picture in zip(pair.scores(side.d, given), given, strict=True):
        torch.testing.assert_close(found, side.d(picture).mean())


# -- noise -------------------------------------------------------------------------------------------------


def test_level_zero():
    """What must become x at level 0 is z alone: nothing is added to it."""
    chain = Chain([(9, 12)], plain=0)
    z = torch.randn(1, 3, 9, 12)
    u, v = chain.anchored(z, 0)
    assert torch.equal(u, z)
    assert not v.any()


@pytest.mark.parametrize("level", [0, 1])
def test_anchor(pictures: Two, level):
    side, _ = sides(pictures)
    fixed = pair._Below(level, side, TINY, 0)
    drawn = pair._Below(level, side, dataclasses.replace(TINY, layout="learned"), 0)
    assert all(torch.equal(fixed.anchor(0)[0], fixed.anchor(step)[0]) for step in (1, 50))
    seen = {step: drawn.anchor(step)[0] for step in (0, 1, 31, 32, 33)}
    assert len({float(value.sum()) for value in seen.values()}) == 5
    fresh = pair._Below(level, side, dataclasses.replace(TINY, layout="learned"), 0)
    assert torch.equal(fresh.anchor(33)[0], seen[33]), "a resumed run draws the same"


def test_free_generators_cannot_tell_where_they_are():
    """On a picture that is the same everywhere, only zeros beyond the border make a difference."""
    constant = torch.full((1, 3, 20, 20), 0.3)
    for layout, is_flat in (("free", True), ("learned", False)):
        g, _ = pair.new_nets(8, BORDERS[layout], seeded(0), torch.device("cpu"))
        for conv in g.convs:
            next(iter(conv.parameters())).data.normal_(0, 0.2, generator=seeded(5))
        with torch.no_grad():
            drawn = g.convs[1](g.convs[0](constant))
        assert (float(drawn.std(dim=(2, 3)).max()) < 1e-5) == is_flat


def test_samples_of_the_levels_below_are_all_different_and_come_again(pictures: Two):
    side, _ = sides(pictures)
    below = pair._Below(1, side, TINY, 0)
    seen = [below.sample(step) for step in range(2 * pair.BLOCK)]
    assert len({float(value.sum()) for value in seen}) == len(seen)
    assert torch.equal(pair._Below(1, side, TINY, 0).sample(pair.BLOCK + 3), seen[pair.BLOCK + 3])
    assert all(value.shape == side.x.shape and value.abs().max() <= 1 for value in seen)


def test_noise_amplitudes_are_a_tenth_of_what_reconstruction_lacks(pictures: Two, trained):
    (chain_a, _), _ = trained
    assert chain_a.sigmas[0] == 1.0
    below = pair._Below(2, pair.Side(pictures[0], chain_a, chain_a.nets[0], chain_a.nets[0]), TINY, 3)
    lack = F.mse_loss(below.anchor(0)[0], resize(pictures[0], chain_a.sizes[2]).clamp(-1, 1)).sqrt()
    assert chain_a.sigmas[2] == pytest.approx(0.1 * float(lack), rel=1e-5)


# -- training ----------------------------------------------------------------------------------------------


def test_every_level_is_trained_and_logged(trained):
    (chain_a, chain_b), run = trained
    assert len(chain_a.nets) == len(chain_b.nets) == len(chain_a.sizes) == 3
    assert list(run.ends) == ["level 0", "level 1", "level 2"]
    assert {*run.logged[0][1]} == {"critic", "adversarial", "rec", "cycle"}
    assert run.logged[-1][0] == TINY.steps - 1


def test_the_same_seed_gives_the_same_weights_on_one_thread_and_on_two(pictures: Two, trained):
    (chain_a, chain_b), _ = trained
    before = torch.get_num_threads()
    try:
        for threads in (1, 2):
            torch.set_num_threads(threads)
            again = pair.fit(*pictures, TINY, seed=3)
            assert torch.get_num_threads() == threads
            assert torch.equal(numbers(chain_a), numbers(again[0]))
            assert torch.equal(numbers(chain_b), numbers(again[1]))
    finally:
        torch.set_num_threads(before)
    assert not torch.equal(numbers(chain_a), numbers(pair.fit(*pictures, TINY, seed=4)[0]))


def test_symmetry(pictures: Two):
    one = pair.make(*pictures, TINY, seed=1)
    other = pair.make(pictures[1], pictures[0], TINY, seed=1)
    assert torch.equal(one["a2b"], other["b2a"])
    assert torch.equal(one["b2a"], other["a2b"])


def test_finished_levels_are_frozen(pictures: Two):
    class Snapshot(Watched):
        def __init__(self):
            super().__init__()
            self.first = None

        def preview(self, name, step, image):
            assert image.abs().max() <= 1
            if (name, step) == ("a2b_level", 0):
                self.first = copy.deepcopy(self.ends["level 0"]["mean"].state_dict())

    run = Snapshot()
    chain_a, chain_b = pair.fit(*pictures, TINY, run=run)
    now = torch.nn.ModuleList([chain_a.nets[0], chain_b.nets[0]]).state_dict()
    assert run.first is not None
    assert all(torch.equal(now[key], run.first[key]) for key in now)
    assert not any(p.requires_grad for p in chain_a.nets[0].parameters())


@pytest.mark.parametrize("average", [0.0, 0.9])
def test_average(pictures: Two, average):
    run = Watched()
    chain_a, _ = pair.fit(*pictures, dataclasses.replace(TINY, average=average), run=run)
    last = list(run.ends["level 2"]["generators"][0].parameters())
    kept = list(chain_a.nets[2].parameters())
    is_last = all(torch.equal(one, other) for one, other in zip(last, kept, strict=True))
    assert is_last == (average == 0.0)


def test_a_penalty_every_few_steps_weighs_as_much(pictures: Two, monkeypatch):
    seen = []
    original = pair.train_critic

    def watched(*given):
        seen.append(given[4])
        return original(*given)

    monkeypatch.setattr(pair, "train_critic", watched)
    before = torch.get_num_threads()
    torch.set_num_threads(1)
    try:
        pair.fit(*pictures, dataclasses.replace(TINY, penalty_every=2, coarsest=24))
    finally:
        torch.set_num_threads(before)
    assert seen == [0.2, 0.2, 0.0, 0.0] * 2


def test_a_level_that_gets_no_better_ends_early_and_resumes_to_the_same(pictures: Two, tmp_path, monkeypatch):
    monkeypatch.setattr(pair, "LOG_EVERY", 5)
    settings = dataclasses.replace(TINY, steps=20, coarse_steps=20, coarsest=16, plateau=10)
    distances = itertools.chain([1.0, 1.0, 0.5, 0.5], itertools.repeat(0.495))
    monkeypatch.setattr(pair, "sliced_wasserstein", lambda *_, **__: next(distances))
    run = Watched()
    pair.fit(*pictures, settings, run=run)
    logged = [step for step, _ in run.logged]
    assert logged[:4] == [0, 5, 10, 15], "better at step 5, then no more for 10 steps"
    assert logged[4:7] == [0, 5, 10], "then nothing better than at the start"
    monkeypatch.undo()

    monkeypatch.setattr(pair, "LOG_EVERY", 5)
    shorter = dataclasses.replace(settings, steps=11, coarse_steps=11, plateau=5)
    straight = pair.fit(*pictures, shorter, seed=5)
    run = Run.create(tmp_path / "run", Plan(command="analogy make", seed=5), save_every_s=0.0)
    interrupt(monkeypatch, run, after_logs=3)
    with pytest.raises(KeyboardInterrupt), run:
        pair.fit(*pictures, shorter, seed=5, run=run)
    with Run.open(tmp_path / "run") as run:
        resumed = pair.fit(*pictures, shorter, seed=5, run=run)
    for one, other in zip(straight, resumed, strict=True):
        assert torch.equal(numbers(one), numbers(other))


def interrupt(monkeypatch: pytest.MonkeyPatch, run: Run, after_logs: int) -> None:
    """Let the run be stopped by Ctrl-C while it logs for the next time."""
    original, count = run.log, itertools.count()

    def log(step: int, **measures: float) -> None:
        original(step, **measures)
        if next(count) == after_logs:
            raise KeyboardInterrupt

    monkeypatch.setattr(run, "log", log)


def test_stopped_in_the_middle_of_a_level_and_resumed(pictures: Two, tmp_path, monkeypatch):
    settings = dataclasses.replace(TINY, steps=24, coarse_steps=24, coarsest=16)
    straight = pair.fit(*pictures, settings, seed=5)
    plan = Plan(command="analogy make", seed=5)

    run = Run.create(tmp_path / "run", plan, save_every_s=0.0)
    interrupt(monkeypatch, run, after_logs=4)  # in level 1: a level logs steps 0, 20 and 23
    with pytest.raises(KeyboardInterrupt), run:
        pair.fit(*pictures, settings, seed=5, run=run)
    with Run.open(tmp_path / "run") as run:
        resumed = pair.fit(*pictures, settings, seed=5, run=run)
    for one, other in zip(straight, resumed, strict=True):
        assert torch.equal(numbers(one), numbers(other))


def test_a_state_of_another_size_is_told(pictures: Two, tmp_path, monkeypatch):
    plan = Plan(command="analogy make")

    run = Run.create(tmp_path / "run", plan, save_every_s=0.0)
    interrupt(monkeypatch, run, after_logs=1)
    with pytest.raises(KeyboardInterrupt), run:
        pair.fit(*pictures, dataclasses.replace(TINY, steps=25, coarse_steps=25), run=run)
    wider = dataclasses.replace(TINY, steps=25, coarse_steps=25, width=10, widest=10)
    with (
        pytest.raises(ValueError, match=r"level 0.pt is of other settings: its state\['generators'\] does not fit"),
        Run.open(tmp_path / "run") as run,
    ):
        pair.fit(*pictures, wider, run=run)


def test_check_names_the_levels():
    with pytest.raises(ValueError, match="--start 9 is past the finest level: these pictures have levels 0 to 4"):
        pair.check(torch.zeros(1, 3, 48, 64), torch.zeros(1, 3, 64, 64), Pair(start=9))


@pytest.mark.parametrize("size", [(1, 40), (3, 5)])
def test_odd_pictures_train(size, pictures: Two):
    results = pair.make(torch.rand(1, 3, *size), pictures[1], TINY)
    assert results["a2b"].shape == ((1, 3, 1, 24) if size == (1, 40) else (1, 3, 3, 5))
    assert results["b2a"].shape[2:] == pictures[1].shape[2:]
