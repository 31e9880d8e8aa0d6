"""The loop that all three methods share, against a plain one, with its stops and its averages."""

import dataclasses
import functools
import math
from pathlib import Path
from typing import Any

import pytest
import torch
from torch import Tensor, nn

from gestalt.ops.chance import seeded
from gestalt.tasks.transfer import codes
from gestalt.tasks.transfer.codes import Seen, Transfer, confused, cooled, fit, follow, there_and_back, told
from gestalt.tasks.transfer.config import Fit
from gestalt.tasks.transfer.model import SETTINGS, fresh
from gestalt.tasks.transfer.pictures import as_images, batch, displaced
from tasks.transfer.methods import CPU, TINY, Noted, drawn_sides, same
from transfer_trials import changed

NAMES = list(TINY)


def fitted(name: str, run: Noted | None = None, seed: int = 2, **changes: Any) -> Transfer:
    settings = changed(TINY[name], **changes)
    return fit(fresh(settings, seed), *drawn_sides(), settings, seed=seed, device=CPU, run=run or Noted())


@pytest.mark.parametrize("name", NAMES)
def test_equal_seeds_give_equal_weights_and_no_chance_comes_from_elsewhere(name):
    torch.manual_seed(1)
    before = torch.get_rng_state()
    first = fitted(name)
    assert torch.equal(torch.get_rng_state(), before)
    torch.manual_seed(2)
    assert same(first, fitted(name))
    assert not same(first, fitted(name, seed=3))
    assert not first.training


@pytest.mark.parametrize("patience", [0, 2])
@pytest.mark.parametrize("name", NAMES)
def test_a_stopped_loop_goes_on_to_the_same_weights(name, patience, tmp_path: Path, monkeypatch):
    monkeypatch.setattr(codes, "LOOK_EVERY", 2)
    whole = Noted()
    expected = fitted(name, whole, steps=8, patience=patience)
    for end in (3, 5):
        fitted(name, Noted(tmp_path / "state", end), steps=8, patience=patience)
    rest = Noted(tmp_path / "state")
    assert same(fitted(name, rest, steps=8, patience=patience), expected)
    assert rest.logged == [line for line in whole.logged if line[0] >= 5]


def scripted(monkeypatch: pytest.MonkeyPatch, errors: list[float]) -> list[dict[str, Tensor]]:
    """Let looks at held-out pictures find these errors; gives the weights that each look was at."""
    looked: list[dict[str, Tensor]] = []

    def rebuilt(model: Transfer, x: Tensor, y: Tensor) -> tuple[Tensor, Tensor]:
        assert not model.training
        error = errors[len(looked)]
        looked.append({name: value.clone() for name, value in model.state_dict().items()})
        return x + error, y + error

    monkeypatch.setattr(Transfer, "rebuilt", rebuilt)
    monkeypatch.setattr(codes, "LOOK_EVERY", 2)
    return looked


@pytest.mark.parametrize("name", NAMES)
def test_early_stopping_stops_and_keeps_the_best(name, monkeypatch):
    looked = scripted(monkeypatch, [0.9, 0.5, 0.6, 0.7, 0.1])
    run = Noted()
    kept = fitted(name, run, steps=30, patience=2, cool=0.99)
    assert run.all_of("held_out") == pytest.approx([0.9, 0.5, 0.6, 0.7])
    assert run.said == ["stopped after 8 steps of 32 px: pictures held out were rebuilt best after 4"]
    assert all(torch.equal(value, looked[1][name]) for name, value in kept.state_dict().items())
    assert not kept.training


def test_nothing_is_stopped_before_the_step_size_falls(monkeypatch):
    scripted(monkeypatch, [0.5, 0.6, 0.7, 0.8, 0.9, 0.9, 0.9])
    run = Noted()
    fitted("mask", run, steps=20, patience=2, cool=0.6)
    assert run.said == ["stopped after 14 steps of 32 px: pictures held out were rebuilt best after 2"]


def test_without_patience_the_last_weights_are_kept(monkeypatch):
    looked = scripted(monkeypatch, [0.1, 0.5, 0.6])
    run = Noted()
    kept = fitted("mask", run, steps=5, patience=0)
    assert run.all_of("held_out") == pytest.approx([0.1, 0.5, 0.6])
    assert run.said == []
    assert all(torch.equal(value, looked[2][name]) for name, value in kept.state_dict().items())


def learned(settings: Fit, seed: int) -> Transfer:
    """The loop once more, plainly and in double precision: no switches, Adam by hand."""
    model, (content, plain) = fresh(settings, seed).double().train(), drawn_sides()
    mean, kept = fresh(settings, seed).double().train(), {}
    networks = [w for key, w in model.named_parameters() if not key.startswith("critic")]
    moments = {id(w): [torch.zeros_like(w), torch.zeros_like(w)] for w in model.parameters()}

    def step_of(weights: list[Any], loss: Tensor, step: int) -> None:
        gradients = torch.autograd.grad(loss, weights, allow_unused=True)
        gradients = [torch.zeros_like(w) if g is None else g for w, g in zip(weights, gradients, strict=True)]
        norm = float(torch.cat([g.flatten() for g in gradients]).norm())
        lr = settings.lr * min(1.0, (1 - step / settings.steps) / settings.cool)
        with torch.no_grad():
            for w, g in zip(weights, gradients, strict=True):
                g = g * min(1.0, 5 / norm)
                first, second = moments[id(w)]
                first.mul_(0.5).add_(g, alpha=0.5)
                second.mul_(0.999).addcmul_(g, g, value=0.001)
                w -= lr * first / (1 - 0.5 ** (step + 1)) / ((second / (1 - 0.999 ** (step + 1))).sqrt() + 1e-8)

    hiding, shown = settings.hiding, []
    for step in range(settings.steps):
        x, y = (batch(side, settings, seed=seed, side=n, step=step).double() for n, side in enumerate((content, plain)))
        common_x, common_y = model.common(torch.cat([x, y])).split(len(x))
        displace = functools.partial(displaced, far=settings.apart, chance=seeded(seed, step, 3))
        if len(model.separate) == 1:
            seen = Seen(x, y, common_x, common_y, (model.separate[0](displace(x)),))
        else:
            s, of_y = model.separate[0](displace(torch.cat([x, y]))).split(len(x))
            t, of_x = model.separate[1](displace(torch.cat([y, x]))).split(len(x))
            seen = Seen(x, y, common_x, common_y, (s, t), (of_y, of_x))
        loss = sum(weight * value for weight, value in model.terms(seen).values())
        loss = loss + sum(weight * value for weight, value in there_and_back(model, seen, settings, displace).values())
        hidden = hiding.confusion * min(1.0, (step + 1) / (hiding.ramp * settings.steps))
        step_of(networks, loss + hidden * confused(model, common_x, common_y, one_sided=hiding.one_sided), step)
        shown = [*shown, (common_x.detach(), common_y.detach())][-hiding.memory :]
        remembered = (torch.cat(codes) for codes in zip(*shown, strict=True))
        step_of(list(model.critic.parameters()), told(model, *remembered), step)
        keep = min(settings.average, (step + 1) / (step + 10))
        for key, value in model.state_dict().items():
            before = mean.state_dict()[key]
            as_is = not value.is_floating_point() or key.endswith(("._u", "._v"))
            kept[key] = value.clone() if as_is else keep * before + (1 - keep) * value
        mean.load_state_dict(kept)
    return mean


@pytest.mark.parametrize(
    ("name", "changes"),
    [
        *((name, {}) for name in NAMES),
        ("intersection", {"apart": 0.1, "memory": 1}),
        ("mask", {"memory": 3}),
        ("disentangle", {"one_sided": True, "norm": "instance", "last_norm": False}),
    ],
    ids=str,
)
def test_the_loop_is_what_it_says_step_by_step(name, changes, monkeypatch):
    settings = changed(TINY[name], steps=8, ramp=0.5, cool=0.5, confusion=3.0, **changes)
    expected = learned(settings, seed=2).state_dict()
    monkeypatch.setattr(codes, "batch", lambda *given, **named: batch(*given, **named).double())
    monkeypatch.setattr(codes, "LOOK_EVERY", 100)
    monkeypatch.setattr(codes, "as_images", lambda some: as_images(some).double())  # at the look at the end
    model = fresh(settings, 2).double()
    found = fit(model, *drawn_sides(), settings, seed=2, device=CPU).state_dict()
    for key, value in expected.items():
        torch.testing.assert_close(found[key], value, rtol=1e-6, atol=1e-7)


def test_what_is_given_and_comes_back_is_logged():
    for name in NAMES:
        run = Noted()
        fitted(name, run)
        assert {"returned", "carried"} < set(run.logged[0][1])


def test_training_that_diverges_is_stopped_and_told(monkeypatch):
    original = codes.there_and_back

    def broken(*given: Any) -> Any:
        return {name: (weight, value * math.nan) for name, (weight, value) in original(*given).items()}

    monkeypatch.setattr(codes, "there_and_back", broken)
    with pytest.raises(ValueError, match="training diverged: returned is nan after 0 steps of 32 px; lower --lr"):
        fitted("mask")


@pytest.mark.parametrize("patience", [0, 2])
def test_training_that_diverges_between_what_is_logged_is_noticed_when_pictures_are_looked_at(patience, monkeypatch):
    original, calls = codes.total, []

    def broken(terms: codes.Terms) -> Tensor:
        calls.append(0)
        return original(terms) * (math.nan if len(calls) == 3 else 1)

    monkeypatch.setattr(codes, "total", broken)
    with pytest.raises(ValueError, match="training diverged: held_out is nan after 6 steps of 32 px; lower --lr"):
        fitted("disentangle", steps=6, patience=patience)


def test_losses_are_logged_by_name_and_fall():
    for name in NAMES:
        run = Noted()
        fitted(name, run, steps=51)
        asked = {"content", "first", "pasted"} & set(run.logged[0][1])
        assert len(asked) == 1
        assert {"confusion", "critic"} < set(run.logged[0][1])
        losses = run.all_of(asked.pop())
        assert len(losses) == 2
        assert losses[1] < losses[0]


def test_without_confusion_the_critic_does_not_learn():
    run = Noted()
    model = fitted("disentangle", run, confusion=0.0)
    first = fresh(TINY["disentangle"], 2)
    assert "critic" not in run.logged[0][1]
    assert all(torch.equal(a, b) for a, b in zip(model.critic.parameters(), first.critic.parameters(), strict=True))
    assert not torch.equal(next(model.common.parameters()), next(first.common.parameters()))


def test_the_step_size_falls_at_the_end():
    settings = dataclasses.replace(TINY["mask"], steps=100, cool=0.25)
    assert [cooled(step, settings) for step in (0, 40, 75)] == [1, 1, 1]
    assert cooled(80, settings) == pytest.approx(0.8)
    assert 0 < cooled(99, settings) < 0.05
    assert cooled(99, dataclasses.replace(settings, cool=0.0)) == 1


@pytest.mark.parametrize("name", NAMES)
def test_an_average_follows(name):
    mean, net = fresh(TINY[name], 0), fresh(TINY[name], 1)
    before = {key: value.clone() for key, value in mean.state_dict().items()}
    follow(mean, net, 0.75)
    for key, value in mean.state_dict().items():
        new = net.state_dict()[key]
        if key.endswith(("._u", "._v")) or not value.is_floating_point():
            assert torch.equal(value, new)
        else:
            torch.testing.assert_close(value, 0.75 * before[key] + 0.25 * new)
    follow(mean, net, 0.0)
    assert same(mean, net)


def test_without_an_average_the_network_itself_is_kept():
    settings: Fit = dataclasses.replace(TINY["disentangle"], average=0.0)
    model = fresh(settings, 0)
    assert same(fit(model, *drawn_sides(), settings, seed=0, device=CPU), model)
    assert math.isfinite(sum(float(weight.detach().sum()) for weight in model.parameters()))


def test_methods_go_by_their_names():
    assert {name: type(settings) for name, settings in TINY.items()} == SETTINGS


def test_spectral_norms_are_about_one():
    model = fitted("intersection", steps=8, spectral=True, fold=1).requires_grad_(False)
    for part in ("common", "separate", "decoder"):
        layers = [one for one in model.get_submodule(part).modules() if isinstance(one, nn.Conv2d | nn.ConvTranspose2d)]
        if part == "decoder":
            assert not nn.utils.parametrize.is_parametrized(layers.pop())
        for layer in layers:
            kernel = layer.weight if isinstance(layer, nn.Conv2d) else layer.weight.transpose(0, 1)
            assert float(torch.linalg.matrix_norm(kernel.flatten(1), 2)) == pytest.approx(1, abs=0.1)
