"""The transformation-discriminating model: exact facts, and each departure from the published code."""

import dataclasses
import itertools
import math

import pytest
import torch
from torch import Tensor
from torch.nn import functional as F

from gestalt import recipes
from gestalt.drawn import objects
from gestalt.ops.chance import seeded
from gestalt.ops.resize import resize
from gestalt.run import checkpoint
from gestalt.run.folder import NullRun, Plan, Run
from gestalt.tasks.anomaly import critics, transforms
from gestalt.tasks.anomaly.config import Transforms
from gestalt.tasks.anomaly.critics import Body
from gestalt.tasks.anomaly.scorer import top_mean
from gestalt.tasks.anomaly.transformations import listed
from gestalt.tasks.anomaly.transforms import TransformModel

TINY = recipes.anomaly_transforms("tiny")
CPU = torch.device("cpu")


class Watched(NullRun):
    """A run that keeps what was logged and said, by loop."""

    def __init__(self):
        self.logged, self.said, self.loops = [], [], []

    def steps(self, name, total, state):
        self.loops.append(name)
        yield from super().steps(name, total, state)

    def log(self, step, **measures):
        self.logged.append((self.loops[-1], step, measures))

    def say(self, text):
        self.said.append(text)


@pytest.fixture(scope="module")
def shot() -> Tensor:
    return resize(objects.pair(size=(48, 64), seed=0)[0].image, (36, 48)).clamp(-1, 1)


@pytest.fixture(scope="module")
def trained(shot: Tensor) -> tuple[TransformModel, Watched]:
    run = Watched()
    return transforms.fit([shot], TINY, seed=3, run=run), run


def critic(count: int, weight: float = 0.2, seed: int = 0) -> Body:
    """One with weights that make a difference, and moments of its own, ready to judge."""
    d = Body(3, count + 1, 8, seeded(seed))
    for kernel in d.weights:
        kernel.data.mul_(weight / 0.02)
    x = torch.rand(2, 3, 30, 30, generator=seeded(1)) * 2 - 1
    return critics.settled(d, [x], listed("rotations")[:count])


def untrained(name: str = "rotations") -> TransformModel:
    settings = dataclasses.replace(TINY, transformations=name)
    count = len(listed(name))
    model = TransformModel(range(count), transforms.level_sides(settings), settings)
    model.critics = [critic(count, seed=n) for n in range(len(model.sides))]
    model.ceilings = [0.0] * len(model.sides)
    return model


def numbers(model: TransformModel) -> Tensor:
    return torch.cat([value.double().flatten() for value in model.tensors().values()])


# -- sizes ---------------------------------------------------------------------------------------------------


def test_level_sides():
    def sides(size, coarsest=25, finest=64, ratio=0.75):
        return transforms.level_sides(Transforms(size=size, coarsest=coarsest, finest=finest, ratio=ratio))

    assert sides(128) == [25, 32, 40, 51, 64]
    assert sides(256) == sides(450) == [25, 31, 37, 44, 54, 64]
    assert sides(24, 24) == [24]
    assert sides(24, 16) == [16, 20, 24]
    assert sides(24, 16, ratio=0.66) == [16, 24]


def test_level_sizes_keep_the_aspect():
    assert transforms.level_sizes((300, 200), [25, 64]) == [(38, 25), (96, 64)]
    assert transforms.level_sizes((28, 28), [25]) == [(25, 25)]
    for size in ((1, 40), (90, 10), (8, 1)):
        with pytest.raises(ValueError, match="too narrow to be judged by patches of 11 x 11"):
            transforms.level_sizes(size, [25])


def test_widths_double_every_four_levels():
    paper = recipes.anomaly_transforms("paper-rgb")
    assert [transforms.width_of(n, paper) for n in range(6)] == [32, 32, 32, 32, 64, 64]
    for width, least in ((32, 44_000), (64, 143_000)):
        g, d = transforms.new_nets(width, 54, seeded(0), CPU)
        assert least < sum(p.numel() for p in d.parameters()) < 1.02 * least
        assert g(torch.zeros(2, 4, 21, 30)).shape == (2, 3, 11, 20)


# -- scores --------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("name", ["rotations", "grey", "rgb"])
@pytest.mark.parametrize("size", [(24, 24), (20, 31)])
def test_constant_and_right_answers(name, size, monkeypatch):
    """Logits that are all equal give 1/M everywhere, right ones 1: s_n of the paper is 1 and M."""
    found, x = listed(name), torch.rand(1, 3, *size, generator=seeded(0))
    d = critic(len(found))
    d.weights[-1].data.zero_()
    d.bias.data[-1] = 7.0
    a = critics.anomaly_map(d, x, found)
    assert a.shape == (1, 1, size[0] - 10, size[1] - 10)
    torch.testing.assert_close(len(found) * (1 - a), torch.ones_like(a))
    monkeypatch.setattr(critics, "likelihood", lambda logits, _: torch.ones_like(logits[:, :1]))
    assert not critics.anomaly_map(d, x, found).any()


def test_the_logit_of_generated_has_no_part():
    logits = torch.randn(2, 5, 4, 6, generator=seeded(0))
    other = torch.cat([logits[:, :-1], torch.full_like(logits[:, :1], 50.0)], 1)
    for m in range(4):
        assert torch.equal(critics.likelihood(logits, m), critics.likelihood(other, m))
    torch.testing.assert_close(sum(critics.likelihood(logits, m) for m in range(4)), torch.ones(2, 1, 4, 6))


def test_nothing_to_name():
    logits = torch.randn(2, 2, 4, 6, generator=seeded(0))
    torch.testing.assert_close(critics.likelihood(logits, 0), torch.sigmoid(logits[:, :1] - logits[:, 1:]))


def test_a_pixel_reaches_11_by_11_answers():
    d, x = critic(4), torch.rand(1, 3, 40, 33, generator=seeded(2))
    other = x.clone()
    other[:, :, 17, 20] += 1
    with torch.no_grad():
        changed = (d(x) != d(other)).any(1)[0]
    rows, columns = changed.nonzero().unbind(1)
    assert changed.shape == (30, 23)
    assert (int(rows.min()), int(rows.max())) == (7, 17)
    assert (int(columns.min()), int(columns.max())) == (10, 20)


@pytest.mark.parametrize("name", ["rotations", "rgb"])
def test_a_changed_pixel_is_the_peak(name):
    """Each transformation's evidence, and so their mean, changes around the changed pixel and nowhere else."""
    model, image = untrained(name), torch.rand(1, 3, 24, 30, generator=seeded(2)) * 0.2
    model.sides, model.critics, model.ceilings = [24], model.critics[:1], [0.0]
    other = image.clone()
    other[:, :, 12, 17] += 0.7
    for found in ([one] for one in model.transformations):
        change = critics.anomaly_map(model.critics[0], other, found) - critics.anomaly_map(
            model.critics[0], image, found
        )
        rows, columns = change[0, 0].abs().gt(1e-6).nonzero().unbind(1)
        assert int(rows.min()) >= 12 - 10, found
        assert int(rows.max()) <= 12, found
        assert int(columns.min()) >= 17 - 10, found
        assert int(columns.max()) <= 17, found
    change = (model.judge(other).map - model.judge(image).map).abs()[0, 0]
    row, column = divmod(int(change.argmax()), 30)
    assert abs(row - 12) <= 5
    assert abs(column - 17) <= 5
    away = torch.ones_like(change)
    away[12 - 5 : 12 + 6, 17 - 5 : 17 + 6] = 0
    assert float((change * away).max()) < 1e-5


def test_the_worst_part():
    a = torch.arange(20.0).view(1, 1, 4, 5)
    assert top_mean(a, 1.0) == 9.5
    assert top_mean(a, 0.1) == 18.5
    assert top_mean(a, 0.001) == 19.0


def test_the_good_pictures_score_zero(shot: Tensor, trained):
    model, _ = trained
    assert model.judge(shot).score == pytest.approx(0, abs=1e-6)
    low = dataclasses.replace(TINY, iterations=1, held_out=0)
    pictures = [shot, shot.flip(2), resize(shot, (24, 24))]
    several = transforms.fit(pictures, low)
    assert math.fsum(several.judge(x).score for x in pictures) == pytest.approx(0, abs=1e-6)


def test_batches_are_judged_as_single_pictures():
    d, x = critic(4), torch.rand(3, 3, 26, 31, generator=seeded(2))
    single = torch.cat([critics.anomaly_map(d, one[None], listed("rotations")) for one in x])
    torch.testing.assert_close(critics.anomaly_map(d, x, listed("rotations")), single, rtol=1e-4, atol=1e-6)


@pytest.mark.parametrize("size", [(24, 24), (31, 64), (300, 217), (11, 12)])
def test_any_size_is_judged(trained, size):
    image = torch.rand(1, 3, *size, generator=seeded(0)) * 2 - 1
    score, whole = trained[0].judge(image)
    assert whole.shape == (1, 1, *size)
    assert whole.isfinite().all()
    assert math.isfinite(score)
    assert score <= 1 + 1e-6
    assert 0 <= trained[0].accuracy(image) <= 1


# -- losses --------------------------------------------------------------------------------------------------


def test_settled_moments():
    """On the good pictures a settled critic answers as it does in training, where the batch is all there is."""
    d = critic(4).train()
    x = torch.rand(2, 3, 26, 26, generator=seeded(5))
    ((batch, _),) = critics.transformed(x, listed("rotations"))
    with torch.no_grad():
        torch.testing.assert_close(critics.settled(d, [x], listed("rotations"))(batch), d(batch), rtol=1e-4, atol=1e-4)


@pytest.mark.parametrize("name", ["rotations", "rgb"])
@pytest.mark.parametrize("generated", [False, True])
def test_naming_losses_are_cross_entropies(name, generated, monkeypatch):
    found = listed(name)
    pictures = [torch.rand(2, 3, 20, 20, generator=seeded(0)), torch.rand(1, 3, 18, 25, generator=seeded(1))]
    d = critic(len(found))
    oracle, places = 0.0, 0
    for x, (m, one) in itertools.product(pictures, enumerate(found)):
        logits = d(one.apply(x))
        target = torch.full(logits[:, 0].shape, len(found) if generated else m)
        oracle += float(F.cross_entropy(logits, target, reduction="sum"))
        places += target.numel()
    for at_once in (1 << 20, 1000):
        monkeypatch.setitem(critics.AT_ONCE, "cpu", at_once)
        losses = list(critics.naming_losses(d, pictures, found, generated=generated))
        assert float(torch.stack(losses).sum()) == pytest.approx(oracle / places, rel=1e-4)


def test_pieces_cover_every_transformation_once(monkeypatch):
    monkeypatch.setitem(critics.AT_ONCE, "cpu", 3 * 2 * 24 * 30)
    found = listed("rgb")
    seen = []
    x = torch.rand(2, 3, 24, 30, generator=seeded(0))
    for batch, places in critics.transformed(x, found):
        assert len(places) <= 3
        for made, m in zip(batch.split(2), places, strict=True):
            assert torch.equal(made, found[m].apply(x))
            seen.append(m)
    assert sorted(seen) == list(range(54))


def test_training_begins_at_chance_and_gets_somewhere(shot: Tensor):
    run = Watched()
    settings = dataclasses.replace(TINY, coarsest=24, width=16, widest=16, iterations=61, lr=2e-3, held_out=0)
    transforms.fit([shot], settings, run=run)
    first, last = (run.logged[place][2] for place in (0, -1))
    assert first["real"] + first["fake"] == pytest.approx(2 * math.log(5), rel=0.1)
    assert last["real"] + last["fake"] < 0.8 * (first["real"] + first["fake"])
    assert last["rec"] < 0.3 * first["rec"]


def test_what_an_iteration_takes(shot: Tensor, monkeypatch):
    """`turns` steps of the critic, each with new pictures from below, then as many of the generator with the last."""
    seen = []
    original = transforms.Shots.below
    monkeypatch.setattr(
        transforms.Shots, "below", lambda self, g, chance: seen.append(chance is not None) or original(self, g, chance)
    )
    run = Watched()
    transforms.fit([shot], dataclasses.replace(TINY, turns=3, iterations=2, held_out=0), run=run)
    assert sum(seen) == 3 * 2 * len(transforms.level_sides(TINY))
    assert set(run.logged[0][2]) == {"real", "fake", "named", "rec"}


def test_noise_and_its_amplitudes(shot: Tensor):
    (group,) = transforms.grouped([transforms.in_levels(x, [16, 24]) for x in (shot, shot.flip(3))], seed=0)
    assert group.levels[1].shape == (2, 3, 24, 32)
    z = group.noise(0, seeded(0))
    assert torch.equal(z[:, 0], z[:, 2])
    assert not torch.equal(z[0], z[1])
    assert not torch.equal(group.noise(1, seeded(0))[:, 0], group.noise(1, seeded(0))[:, 1])
    for n, anchor in enumerate(group.anchors):
        assert torch.equal(anchor[:, 0], anchor[:, 1])
        assert anchor.shape == (1, 3, *group.levels[n].shape[2:])
    g, d = transforms.new_nets(8, 4, seeded(0), CPU)
    transforms.fit_level(0, [group], listed("rotations"), [], g, d, TINY, seed=0, run=NullRun())
    assert torch.equal(group.sigmas[0], torch.ones(2, 1, 1, 1))
    transforms.fit_level(1, [group], listed("rotations"), [g], g, d, TINY, seed=0, run=NullRun())
    assert group.sigmas[1].shape == (2, 1, 1, 1)
    assert 0 < float(group.sigmas[1].max()) < 0.2


# -- training ------------------------------------------------------------------------------------------------


def test_the_same_seed_gives_the_same_weights(shot: Tensor, trained):
    model, run = trained
    assert run.loops == ["held out, level 0", *(f"level {n}" for n in range(len(model.sides)))]
    chance = torch.get_rng_state()
    assert torch.equal(numbers(model), numbers(transforms.fit([shot], TINY, seed=3)))
    assert torch.equal(torch.get_rng_state(), chance)
    assert not torch.equal(numbers(model), numbers(transforms.fit([shot], TINY, seed=4)))


def test_levels_of_one_width_begin_as_the_level_before_ended(shot: Tensor, monkeypatch):
    seen = []
    original = transforms.fit_level

    def watched(n, groups, found, generators, g, d, *rest, **more):
        seen.append((len(d.shifts[0]), bool(d.shifts.any())))
        original(n, groups, found, generators, g, d, *rest, **more)

    monkeypatch.setattr(transforms, "fit_level", watched)
    monkeypatch.setattr(transforms, "WIDEN_EVERY", 2)
    transforms.fit([shot], dataclasses.replace(TINY, iterations=1, widest=16, held_out=0))
    assert seen == [(8, False), (8, True), (16, False)]


def test_the_learning_rates_fall(shot: Tensor, monkeypatch):
    monkeypatch.setattr(transforms, "SLOWS_D", 1)
    monkeypatch.setattr(transforms, "SLOWS_G", 2)
    rates = []

    class Rates(NullRun):
        def steps(self, name, total, state):
            for step in super().steps(name, total, state):
                yield step
                rates.append([state[key].param_groups[0]["lr"] for key in "dg"])

    transforms.fit([shot], dataclasses.replace(TINY, coarsest=24, iterations=3, held_out=0), run=Rates())
    assert rates == [[5e-4, 5e-4], [pytest.approx(5e-5), 5e-4], [pytest.approx(5e-5)] * 2]


def test_ablations(shot: Tensor):
    run = Watched()
    alone = transforms.fit([shot], dataclasses.replace(TINY, fakes=0.0), run=run)
    assert {*run.logged[-1][2]} == {"real"}
    assert alone.judge(shot.flip(2)).map.isfinite().all()
    nameless = transforms.fit([shot], dataclasses.replace(TINY, transformations="none"), run=run)
    assert len(nameless.transformations) == 1
    assert not nameless.health
    assert nameless.judge(shot.flip(2)).map.isfinite().all()


def test_several_pictures_of_mixed_sizes(shot: Tensor):
    pictures = [shot, resize(shot, (40, 40)), shot.flip(3), resize(shot, (72, 96))]
    groups = transforms.grouped([transforms.in_levels(x, [16, 24]) for x in pictures], seed=0)
    assert [len(group.levels[0]) for group in groups] == [3, 1]
    model = transforms.fit(pictures, TINY)
    assert numbers(model).isfinite().all()


def test_stopped_in_the_middle_of_a_level_and_resumed(shot: Tensor, tmp_path, monkeypatch):
    monkeypatch.setattr(transforms, "LOG_EVERY", 2)
    settings = dataclasses.replace(TINY, iterations=4, turns=2)
    straight = transforms.fit([shot], settings, seed=5)
    run = Run.create(tmp_path / "run", Plan(command="anomaly fit", seed=5), save_every_s=0.0)
    original, count = run.log, itertools.count()

    def log(step: int, **measures: float) -> None:
        original(step, **measures)
        if next(count) == 7:  # in level 1: a loop logs steps 0, 2 and 3
            raise KeyboardInterrupt

    monkeypatch.setattr(run, "log", log)
    with pytest.raises(KeyboardInterrupt), run:
        transforms.fit([shot], settings, seed=5, run=run)
    with Run.open(tmp_path / "run") as run:
        resumed = transforms.fit([shot], settings, seed=5, run=run)
    assert torch.equal(numbers(straight), numbers(resumed))


def test_it_comes_back_from_its_file(trained, shot: Tensor, tmp_path):
    model, _ = trained
    checkpoint.write_weights(tmp_path / "model.safetensors", model.tensors(), {})
    tensors, _ = checkpoint.read_weights(tmp_path / "model.safetensors")
    back = transforms.load(tensors, TINY)
    other = shot.flip(2)
    assert back.judge(other).score == model.judge(other).score
    assert torch.equal(back.judge(other).map, model.judge(other).map)
    assert back.health == model.health
    for name in ("kept", "ceilings", "critic.1.scales"):
        with pytest.raises(ValueError, match="not the weights of a model of transformations"):
            transforms.load({key: value for key, value in tensors.items() if key != name}, TINY)


# -- the health figure ---------------------------------------------------------------------------------------


def test_what_is_held_out(shot: Tensor):
    seen, unseen = transforms.learned_and_asked([shot], 24)
    assert torch.equal(torch.cat([*seen, unseen], 3), resize(shot, (24, 32)).clamp(-1, 1))
    seen, unseen = transforms.learned_and_asked([shot, shot.flip(3)], 24)
    assert torch.equal(unseen, seen[0].flip(3)) or float((unseen - seen[0].flip(3)).abs().max()) < 1e-5


def test_at_chance_it_warns(shot: Tensor, monkeypatch):
    run = Watched()
    monkeypatch.setattr(transforms, "named", lambda *_: 0.26)
    model = transforms.fit([shot], TINY, run=run)
    assert model.health == (0.26, 0.25)
    assert any("held-out good material are named in 26% of cases, and by guessing in 25%" in line for line in run.said)
    run = Watched()
    monkeypatch.setattr(transforms, "named", lambda *_: 0.9)
    transforms.fit([shot], TINY, run=run)
    assert not run.said


# -- what cannot be done -------------------------------------------------------------------------------------


def test_what_cannot_be_trained_is_told(shot: Tensor):
    with pytest.raises(ValueError, match="at least one is needed"):
        transforms.fit([], TINY)
    with pytest.raises(ValueError, match="must be"):
        transforms.fit([shot[:, :1]], TINY)
    with pytest.raises(ValueError, match="transformations not distinguishable"):
        transforms.fit([torch.full((1, 3, 30, 30), 0.2)], TINY)
    with pytest.raises(ValueError, match="too narrow"):
        transforms.fit([shot[:, :, :1]], TINY)


def test_a_grey_picture_says_what_is_dropped(shot: Tensor):
    run = Watched()
    settings = dataclasses.replace(TINY, transformations="rgb", iterations=1, coarsest=24)
    model = transforms.fit([shot.mean(1, keepdim=True).expand(-1, 3, -1, -1)], settings, run=run)
    assert model.kept == list(range(42))
    assert run.said[0].startswith("12 of 54 transformations")


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"iterations": 0}, "--iterations must be at least 1, got 0"),
        ({"coarsest": 10}, "--coarsest must be at least 11, got 10"),
        ({"coarsest": 70}, "--coarsest must be at most --size and --finest, here 64, got 70"),
        ({"ratio": 1.0}, "--ratio must lie between 0 and 1, got 1.0"),
        ({"worst": 0.0}, "--worst must be above 0 and at most 1, got 0.0"),
        ({"lr": 1.0}, "--lr must lie between 0 and 1, got 1.0"),
        ({"width": 64}, "--width 64 is above --widest 32"),
        ({"alpha": math.nan}, "--alpha must be at least 0, got nan"),
        ({"transformations": "none", "fakes": 0.0}, "raise --fakes"),
    ],
)
def test_settings_out_of_range_are_told(change, message):
    with pytest.raises(ValueError, match=message):
        Transforms(**change)
