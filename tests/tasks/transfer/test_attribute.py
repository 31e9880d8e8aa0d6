"""The classifier of sides: it learns a mark wherever it is, makes none up, and goes on where it was stopped."""

import pytest
import torch
from torch import Tensor

from gestalt.ops.chance import seeded
from gestalt.ops.resize import resize
from gestalt.run.folder import Run
from gestalt.run.record import Plan
from gestalt.tasks.transfer import attribute
from gestalt.tasks.transfer.attribute import Attribute, Net, accuracy, fit_attribute

SIDE, STEPS = 32, 80


def noise(count: int, seed: int, side: int = SIDE) -> Tensor:
    """Coloured noise on a ground of a colour: (N, 3, S, S)."""
    chance = seeded(seed)
    ground = torch.rand(count, 3, 1, 1, generator=chance) - 0.5
    return (ground + 0.2 * torch.randn(count, 3, side, side, generator=chance)).clamp(-1, 1)


def barred(count: int, seed: int, side: int = SIDE) -> Tensor:
    """The same with a dark bar of 4 x 12 pixels somewhere."""
    pictures = noise(count, seed, side)
    places = torch.randint(side - 12, (count, 2), generator=seeded(seed, 1)).tolist()
    for picture, (top, left) in zip(pictures, places, strict=True):
        picture[:, top : top + 4, left : left + 12] = -0.9
    return pictures


@pytest.fixture(scope="module")
def trained() -> Attribute:
    return fit_attribute(barred(120, 1), noise(120, 2), steps=STEPS, batch=32)


def weights(attribute: Attribute) -> Tensor:
    return torch.cat([weight.flatten() for weight in attribute.net.parameters()])


def test_it_finds_a_mark_in_pictures_it_has_not_seen(trained: Attribute) -> None:
    content, plain = barred(200, 3), noise(200, 4)
    assert accuracy(trained, content, plain) > 0.95
    found = trained.probability(content)
    assert found.shape == (200,)
    assert float(found.min()) >= 0
    assert float(found.max()) <= 1
    assert float(found.mean()) > 0.9 > 0.1 > float(trained.probability(plain).mean())


def test_it_looks_at_large_pictures_shrunk() -> None:
    content, plain = (x.repeat_interleave(4, 2).repeat_interleave(4, 3) for x in (barred(10, 5), noise(10, 6)))
    model = fit_attribute(content, plain, steps=2, batch=8)
    small = resize(content, (attribute.LARGEST,) * 2).clamp(-1, 1)
    torch.testing.assert_close(model.probability(content), model.probability(small))


def test_sides_of_one_distribution_are_not_told_apart() -> None:
    guess = fit_attribute(noise(120, 7), noise(120, 8), steps=STEPS, batch=32)
    assert 0.4 < accuracy(guess, noise(200, 9), noise(200, 10)) < 0.6


def test_accuracy_weighs_both_sides_alike(trained: Attribute) -> None:
    content, plain = barred(5, 11), noise(95, 12)
    assert accuracy(trained, content, plain) == pytest.approx(accuracy(trained, content, plain.repeat(3, 1, 1, 1)))
    assert accuracy(trained, content, content) == 0.5


def test_batches_change_nothing(trained: Attribute, monkeypatch: pytest.MonkeyPatch) -> None:
    pictures = barred(23, 13)
    whole = trained.probability(pictures)
    seen = []
    trained.net.register_forward_pre_hook(lambda _, given: seen.append(len(given[0])))
    monkeypatch.setattr(attribute, "AT_ONCE", 5)
    torch.testing.assert_close(trained.probability(pictures), whole)
    assert seen == [5, 5, 5, 5, 3]
    assert trained.probability(pictures[:0]).shape == (0,)


def test_equal_seeds_give_equal_weights_and_others_do_not() -> None:
    content, plain = barred(12, 14), noise(9, 15)
    before = torch.get_rng_state()
    one, same, other = (weights(fit_attribute(content, plain, steps=3, batch=8, seed=n)) for n in (1, 1, 2))
    assert torch.equal(one, same)
    assert not torch.equal(one, other)
    assert torch.equal(before, torch.get_rng_state())
    assert len(one) == 219_289


def test_stopped_and_resumed_it_is_the_same(tmp_path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(attribute, "LOG_EVERY", 2)
    content, plain = barred(12, 16), noise(12, 17)
    straight = fit_attribute(content, plain, steps=7, batch=8, seed=5)
    run = Run.create(tmp_path / "run", Plan(command="transfer fit", seed=5), save_every_s=0.0)
    original = run.log

    def log(step: int, **measures: float) -> None:
        original(step, **measures)
        if step == 4:
            raise KeyboardInterrupt

    monkeypatch.setattr(run, "log", log)
    with pytest.raises(KeyboardInterrupt), run:
        fit_attribute(content, plain, steps=7, batch=8, seed=5, run=run)
    begun = []
    with Run.open(tmp_path / "run") as run:
        steps = run.steps
        monkeypatch.setattr(run, "steps", lambda *given: (begun.append(step) or step for step in steps(*given)))
        resumed = fit_attribute(content, plain, steps=7, batch=8, seed=5, run=run)
    assert 0 < begun[0] < 5
    assert torch.equal(weights(straight), weights(resumed))


def test_copies_are_mirrored_shifted_and_brightened_and_else_equal() -> None:
    ramp = torch.linspace(-0.5, 0.5, SIDE).expand(1, 3, 12, SIDE)
    picture = torch.cat([ramp, torch.full((1, 3, SIDE - 12, SIDE), -0.7)], 2)
    seen = set()
    for copy in attribute._changed(picture.expand(64, -1, -1, -1), seeded(18)):
        light = float(copy[0, -1, 0] - picture[0, 0, -1, 0])
        assert abs(light) <= attribute.BRIGHTER
        height = int((copy[0, :, 16] > light - 0.65).sum())
        mirrored = bool(copy[0, 0, 0] > copy[0, 0, -1])
        row = copy[0, 0].flip(0) if mirrored else copy[0, 0]
        steps = round(float(row[16] - light - picture[0, 0, 0, 16]) * (SIDE - 1))
        expected = picture[0, 0, 0, (torch.arange(SIDE) + steps).clamp(0, SIDE - 1)] + light
        torch.testing.assert_close(row, expected)
        assert torch.equal(copy[0], copy[2])
        seen.add((mirrored, height - 12, steps))
    flips, down, right = (sorted({each[n] for each in seen}) for n in range(3))
    assert (flips, down, right) == ([False, True], [-2, -1, 0, 1, 2], [-2, -1, 0, 1, 2])


@pytest.mark.parametrize("device", ["cpu", "cuda"])
def test_it_trains_where_the_pictures_are(device: str) -> None:
    if device == "cuda" and not torch.cuda.is_available():
        pytest.skip("there is no GPU")
    pictures = noise(4, 19).to(device)
    model = fit_attribute(pictures, pictures, steps=2, batch=4)
    assert {weight.device.type for weight in model.net.parameters()} == {device}
    assert model.probability(pictures).device.type == device


def test_mistakes_are_named() -> None:
    good = noise(3, 20)
    with pytest.raises(ValueError, match="at least 1 pictures"):
        fit_attribute(good, good[:0])
    with pytest.raises(ValueError, match="one size"):
        fit_attribute(good, noise(3, 20, 40))
    for wrong in (good[0], good[:, :1], good[..., :20], good[..., :8, :8]):
        with pytest.raises(ValueError, match=r"\(N, 3, S, S\)"):
            Attribute(Net()).probability(wrong)
    for steps, batch in ((0, 8), (3, 7), (3, 0)):
        with pytest.raises(ValueError, match="even batch"):
            fit_attribute(good, good, steps=steps, batch=batch)
