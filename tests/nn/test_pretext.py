"""Features trained on the pictures at hand: deterministic, and better at telling places than untrained ones."""

import math

import pytest
import torch
from torch import Tensor
from torch.nn import functional as F

from gestalt.drawn import objects
from gestalt.nn import pretext
from gestalt.nn.features import load
from gestalt.ops.chance import seeded


@pytest.fixture(scope="module")
def given() -> tuple[Tensor, Tensor]:
    a, b = objects.pair(size=(48, 72), seed=0)
    return a.image, b.image


def test_equal_seeds_give_equal_features_and_chance_comes_from_nowhere_else(given, monkeypatch):
    monkeypatch.setattr(pretext, "STEPS", 2)
    before = torch.get_rng_state()
    one, other, third = (load("pair", given, seed=seed) for seed in (1, 1, 2))
    assert torch.equal(torch.get_rng_state(), before)
    assert one.name == "pair (trained on the pair itself)"
    for name, map_ in one.layers(given[0]).items():
        assert torch.equal(map_, other.at(name)(given[0]))
        assert not torch.equal(map_, third.at(name)(given[0]))
    assert [tuple(m.shape[1:]) for m in one.layers(given[0]).values()] == [
        (24, 48, 72), (32, 24, 36), (48, 12, 18), (64, 6, 9), (64, 3, 5)
    ]  # fmt: skip


def test_training_finds_places_again_in_other_colours(given, monkeypatch):
    monkeypatch.setattr(pretext, "CROPS", 1)

    def found(steps: int) -> float:
        """Share of places of level 3 whose nearest column in another view is their own."""
        monkeypatch.setattr(pretext, "STEPS", steps)
        net = load("pair", given)
        chance, right = seeded(9), []
        for x in given:
            ours, theirs = (net.at("level3")(pretext.view(x, chance)).flatten(2)[0] for _ in range(2))
            nearest = (F.normalize(ours, dim=0).T @ F.normalize(theirs, dim=0)).argmax(1)
            right.append(float((nearest == torch.arange(len(nearest))).float().mean()))
        return sum(right) / 2

    assert found(25) > 1.2 * found(0)


def test_contrast_is_the_mean_of_its_formula():
    chance = seeded(0)
    ours, theirs = (torch.randn(2, 3, 2, 2, generator=chance) for _ in range(2))
    f, g = ([F.normalize(x[b, :, i, j], dim=0) for b in range(2) for i in range(2) for j in range(2)]
            for x in (ours, theirs))  # fmt: skip
    total = 0.0
    for i in range(8):
        close = [math.exp(float(f[i] @ g[j]) / pretext.TAU) for j in range(8)]
        total -= math.log(close[i] / sum(close)) / 8
    assert float(pretext.contrast(ours, theirs, chance)) == pytest.approx(total, rel=1e-4)


def test_views_differ_in_colour_and_keep_light_and_dark():
    x = torch.tensor([-0.8, 0.8]).view(1, 1, 1, 2).expand(200, 3, 8, 2)
    seen = pretext.view(x, seeded(0)).mean(dim=(1, 2))
    assert bool((seen[:, 1] > seen[:, 0]).all())
    assert float(seen[:, 0].std()) > 0.1
