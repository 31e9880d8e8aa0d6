"""Small pictures first: what is learned when, and that a method that has grown does what it did."""

from collections.abc import Iterator
from functools import partial
from pathlib import Path
from typing import Any

import pytest
import torch
from torch import Tensor
from torch.nn import functional as F

from gestalt.ops.chance import seeded
from gestalt.run.checkpoint import LoopState
from gestalt.tasks.transfer import codes, config, grow
from gestalt.tasks.transfer.codes import Transfer, fit
from gestalt.tasks.transfer.config import Fit, Hiding, Mask, Networks
from gestalt.tasks.transfer.model import fresh
from gestalt.tasks.transfer.pictures import Side
from tasks.transfer.methods import CPU, TINY, Noted, drawn_sides, pictures, same
from transfer_trials import changed

NAMES = list(TINY)


def settings_of(name: str, size: int, fold: int, **changes: int | float) -> Fit:
    return changed(TINY[name], size=size, fold=fold, **changes)


# -- what is learned when ----------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("size", "fold", "block"),
    [(16, 4, 1), (24, 4, 1), (32, 4, 2), (48, 4, 2), (64, 4, 4), (64, 8, 4), (128, 4, 4), (256, 16, 16), (64, 1, 1)],
)
def test_blocks_leave_sixteen_places(size, fold, block):
    assert Mask(size=size, networks=Networks(fold=fold)).block == block


def test_every_size_has_its_part_of_the_steps():
    settings = Mask(
        size=64, networks=Networks(fold=4), steps=101, coarse=0.5, hiding=Hiding(ramp=0.3), cool=0.6, patience=7
    )
    parts = list(grow.parts(settings))
    assert [(p.size, p.networks.fold, p.steps) for p in parts] == [(16, 1, 25), (32, 2, 25), (64, 4, 51)]
    assert [p.hiding.ramp for p in parts] == [0.3, 0, 0]
    assert [p.cool for p in parts] == [0, 0, 0.6]
    assert [p.patience for p in parts] == [0, 0, 7]


@pytest.mark.parametrize("changes", [{"fold": 1}, {"coarse": 0.0}, {"steps": 1}], ids=str)
def test_only_whole_pictures_may_be_learned(changes):
    settings = changed(Mask(size=64), **changes)
    assert list(grow.parts(settings)) == [changed(settings, fold=settings.block)]


@pytest.mark.parametrize("fold", [-2, 0, 3, 6])
def test_blocks_are_powers_of_two(fold):
    with pytest.raises(ValueError, match=f"^--fold must be a power of two, as 1, 2 or 4, got {fold}$"):
        Networks(fold=fold)


def test_spectral_norms_do_not_grow():
    with pytest.raises(ValueError, match=r"^--spectral goes with one size, not with --fold 4 and .* give --coarse 0$"):
        config.Intersection(spectral=True)
    one_size = (
        config.Intersection(spectral=True, coarse=0.0),
        config.Intersection(spectral=True, networks=Networks(fold=1)),
    )
    assert all(settings.spectral for settings in one_size)


# -- growing -----------------------------------------------------------------------------------------------


def random(model: Transfer) -> Transfer:
    """A method whose moments are not the first ones either."""
    chance = seeded(9)
    for buffer in model.buffers():
        if buffer.is_floating_point():
            buffer.copy_(0.5 + torch.rand(buffer.shape, generator=chance))
    return model.eval()


def large(x: Tensor, times: int) -> Tensor:
    return x.repeat_interleave(times, 2).repeat_interleave(times, 3)


@pytest.mark.parametrize(("size", "fold", "times"), [(16, 1, 2), (16, 1, 4), (32, 2, 2), (24, 1, 2)])
@pytest.mark.parametrize("name", NAMES)
@torch.no_grad()
def test_grown_it_does_what_it_did(name, size, fold, times):
    small = random(fresh(settings_of(name, size, fold), 0))
    big = grow.grown(small, fresh(settings_of(name, size * times, fold * times), 1)).eval()
    x, guide = pictures(3, size * times), pictures(3, size * times, seed=1)
    halved, halved_guide = (F.avg_pool2d(one, times) for one in (x, guide))
    torch.testing.assert_close(big.common(x), small.common(halved), rtol=1e-4, atol=1e-5)
    contents = [read(guide) for read in big.separate]
    for one, read in zip(contents, small.separate, strict=True):
        torch.testing.assert_close(one, read(halved_guide), rtol=1e-4, atol=1e-5)
    found, expected = (net.render(net.common(some), *contents) for net, some in ((big, x), (small, halved)))
    torch.testing.assert_close(found.image, large(expected.image, times), rtol=1e-4, atol=1e-5)
    for a, b in zip(found.pasted, expected.pasted, strict=True):
        torch.testing.assert_close(a.mask, large(b.mask, times), rtol=1e-4, atol=1e-5)
    torch.testing.assert_close(big.critic(big.common(x)), small.critic(small.common(halved)), rtol=1e-4, atol=1e-5)


def test_pictures_are_shrunk_to_means():
    content, _ = drawn_sides(6, 32)
    small = grow.shrunk(content, 2)
    for before, after in zip(content, small, strict=True):
        mean = before.double().unflatten(1, (16, 2)).unflatten(3, (16, 2)).mean((2, 4))
        assert after.dtype == torch.uint8
        assert (after.double() - mean).abs().max() <= 0.51
    again = grow.shrunk(content, 1)
    assert all(torch.equal(a, b) for a, b in zip(again, content, strict=True))
    none = grow.shrunk(Side(content.learned, content.held_out[:0]), 2)
    assert len(none.held_out) == 0


# -- learning ----------------------------------------------------------------------------------------------


def learned(name: str, run: Noted, **changes: int | float) -> Transfer:
    settings = settings_of(name, 32, 4, **changes)
    return grow.learn(partial(fresh, seed=2), *drawn_sides(), settings, seed=2, device=CPU, run=run)


@pytest.mark.parametrize("name", NAMES)
def test_sizes_are_learned_one_after_the_other(name):
    run = Noted()
    found = learned(name, run, steps=7)
    first, second = grow.parts(settings_of(name, 32, 4, steps=7))
    content, plain = (grow.shrunk(side, 2) for side in drawn_sides())
    small = fit(fresh(first, 2), content, plain, first, seed=2, device=CPU)
    big = grow.grown(small, fresh(second, 2))
    assert same(found, fit(big, *drawn_sides(), second, begun=3, seed=2, device=CPU))
    assert [step for step, measures in run.logged if "held_out" in measures] == [2, 3]
    assert found.size == 32
    assert not found.training


class Stopped(Exception):
    """What comes up in the middle of a run."""


class Stops(Noted):
    """Keeps every loop's state in a file, and is stopped after so many steps of all."""

    def __init__(self, state: Path, left: int) -> None:
        super().__init__()
        self.state, self.left = state, left

    def steps(self, name: str, total: int, state: dict[str, Any]) -> Iterator[int]:
        kept = LoopState(self.state / name, name, total, state)
        for step in range(kept.restore(), total):
            if not self.left:
                raise Stopped
            yield step
            kept.save(step + 1)
            self.left -= 1


@pytest.mark.parametrize("name", NAMES)
def test_a_run_that_stops_at_any_size_goes_on_to_the_same_weights(name, tmp_path: Path, monkeypatch):
    monkeypatch.setattr(codes, "LOOK_EVERY", 2)
    expected = learned(name, Noted(), steps=10, patience=1)
    for steps in (2, 4):
        with pytest.raises(Stopped):
            learned(name, Stops(tmp_path, steps), steps=10, patience=1)
    assert same(learned(name, Stops(tmp_path, 4), steps=10, patience=1), expected)


def test_only_whole_pictures_stop_early(monkeypatch):
    errors = iter([0.9, 0.9, 0.9, 0.5, 0.6])
    monkeypatch.setattr(codes, "LOOK_EVERY", 2)
    monkeypatch.setattr(Transfer, "rebuilt", lambda _model, x, y: (x + (error := next(errors)), y + error))
    run = Noted()
    learned("disentangle", run, steps=12, patience=1, cool=0.99)
    assert run.said[1:] == ["stopped after 4 steps of 32 px: pictures held out were rebuilt best after 2"]


def test_which_pictures_come_goes_on_from_size_to_size(monkeypatch):
    asked: list[tuple[int, int]] = []
    original = codes.batch

    def noted(pictures: Side, settings: Fit, *, seed: int, side: int, step: int) -> Tensor:
        asked.append((settings.size, step))
        return original(pictures, settings, seed=seed, side=side, step=step)

    moved: list[tuple[int, ...]] = []
    monkeypatch.setattr(codes, "batch", noted)
    monkeypatch.setattr(codes, "seeded", lambda *numbers: moved.append(numbers) or seeded(*numbers))
    learned("disentangle", Noted(), steps=4)
    assert len(set(moved)) == len(moved) == 4
    assert asked == [(16, 0), (16, 0), (16, 1), (16, 1), (32, 2), (32, 2), (32, 3), (32, 3)]


def test_training_that_diverges_at_full_size_says_so(monkeypatch):
    original = codes.there_and_back

    def broken(model: Transfer, *given):
        factor = float("nan") if model.size == 32 else 1.0
        return {name: (weight, value * factor) for name, (weight, value) in original(model, *given).items()}

    monkeypatch.setattr(codes, "there_and_back", broken)
    with pytest.raises(ValueError, match="training diverged: returned is nan after 0 steps of 32 px; lower --lr"):
        learned("mask", Noted(), steps=4)
