"""The published methods that analogies are compared with: what each keeps, what it may change, how it resumes."""

import itertools
from collections.abc import Callable

import pytest
import torch
from torch import Tensor

from gestalt import recipes
from gestalt.drawn import objects
from gestalt.metrics.edges import edge_correlation
from gestalt.metrics.patches import coherence, sliced_wasserstein
from gestalt.nn import features
from gestalt.run.folder import Run
from gestalt.run.record import Plan
from gestalt.run.service import NullRun
from gestalt.tasks.analogy import cyclegan, deep_analogy, patch, sliced, style
from gestalt.tasks.analogy.config import CycleGan, DeepAnalogy, Sliced, Style

STYLE = Style(iterations=30)
DEEP = DeepAnalogy(sweeps=2, iterations=5)
CYCLE = CycleGan(crop=16, width=8, blocks=1, critic_layers=1, steps=150, pool=8, lr=2e-3)
SLICED = Sliced(coarsest=24, ratio=0.5, steps=30, projections=32, lr=0.03)

Method = Callable[..., Tensor]


def call(name: str, structure: Tensor, appearance: Tensor, *, seed: int = 0, run: NullRun = NullRun()) -> Tensor:
    """A baseline at test size."""
    if name == "style":
        net = features.load("gabor")
        return style.make(structure, appearance, Style(iterations=20), extractor=net, seed=seed, run=run)
    if name == "deep analogy":
        return deep_analogy.make(structure, appearance, DEEP, extractor=features.load("gabor"), seed=seed, run=run)
    if name == "cyclegan":
        tiny = CycleGan(crop=16, width=4, blocks=1, critic_layers=1, steps=24, pool=3)
        return cyclegan.make(structure, appearance, tiny, seed=seed, run=run)
    few = Sliced(coarsest=12, ratio=0.6, steps=6, projections=8)
    return sliced.make(structure, appearance, few, seed=seed, run=run)


NAMES = ("style", "deep analogy", "cyclegan", "sliced")


@pytest.fixture(scope="module")
def pair() -> tuple[Tensor, Tensor]:
    first, second = objects.pair(size=(48, 64), seed=0)
    return first.image, second.image


@pytest.fixture(scope="module")
def small() -> tuple[Tensor, Tensor]:
    first, second = objects.pair(size=(24, 32), seed=1)
    return first.image, second.image[:, :, :, :29]


# -- all of them -----------------------------------------------------------------------------------------------


@pytest.mark.parametrize("name", NAMES)
def test_equal_seeds_give_equal_bytes_and_chance_comes_from_nowhere_else(name, small):
    before = torch.get_rng_state()
    one, other = (call(name, *small, seed=3) for _ in range(2))
    assert torch.equal(torch.get_rng_state(), before)
    assert torch.equal(one, other)
    assert one.shape == small[0].shape
    assert not one.requires_grad
    assert -1 <= float(one.min()) <= float(one.max()) <= 1
    if name in ("cyclegan", "sliced"):
        assert not torch.equal(one, call(name, *small, seed=4))


@pytest.mark.parametrize("name", NAMES)
def test_stopped_anywhere_and_resumed_it_ends_the_same(name, small, tmp_path, monkeypatch):
    straight = call(name, *small, seed=5)
    run = Run.create(tmp_path / "run", Plan(command="analogy compare", seed=5), save_every_s=0.0)
    original, count = run.log, itertools.count()

    def log(step: int, **measures: float) -> None:
        original(step, **measures)
        if next(count) == 1:
            raise KeyboardInterrupt

    monkeypatch.setattr(run, "log", log)
    with pytest.raises(KeyboardInterrupt), run:
        call(name, *small, seed=5, run=run)
    with Run.open(tmp_path / "run") as run:
        assert torch.equal(call(name, *small, seed=5, run=run), straight)


@pytest.mark.parametrize("name", NAMES)
def test_odd_pictures_go_through(name):
    a, b = torch.rand(1, 3, 17, 33) * 2 - 1, torch.zeros(1, 3, 21, 16)
    result = call(name, a, b)
    assert result.shape == a.shape
    assert bool(result.isfinite().all())


# -- neural style ----------------------------------------------------------------------------------------------


def test_style_keeps_the_shapes_of_the_content_and_does_not_cut_from_the_style(pair):
    a, b = pair
    styled = style.make(a, b, STYLE, extractor=features.load("gabor"))
    cut = patch.transfer(a, b, recipes.analogy_patch("tiny"), name="patch")
    assert edge_correlation(styled, a) > max(0.4, edge_correlation(styled, b) + 0.3)
    assert coherence(styled, b) > 1.5 * coherence(cut, b)


def test_style_moves_towards_the_grams_of_the_style(pair):
    a, b = pair
    net = features.load("gabor")
    terms = style.objective(a, b, STYLE, net)
    before, after = terms(a), terms(style.make(a, b, STYLE, extractor=net))
    assert before["content"] == 0
    assert sum(after.values()) < 0.6 * sum(before.values())
    assert style.objective(b, b, STYLE, net)(b)["style"] == 0


def test_gram_is_the_mean_product_of_filters():
    x = torch.randn(1, 3, 4, 5)
    expected = [[float((x[0, i] * x[0, j]).mean()) for j in range(3)] for i in range(3)]
    torch.testing.assert_close(style.gram(x), torch.tensor(expected))


@pytest.mark.parametrize("spec", ["random", "gabor"])
def test_a_network_of_few_layers_or_a_small_picture_has_a_content_layer(spec, small):
    a, b = small
    assert style.make(a, b, Style(iterations=1), extractor=features.load(spec)).shape == a.shape


# -- Deep Image Analogy ----------------------------------------------------------------------------------------


def test_deep_analogy_keeps_outlines_in_the_pixels_of_the_other(pair):
    a, b = pair
    made = deep_analogy.make(a, b, DEEP, extractor=features.load("gabor"))
    assert edge_correlation(made, a) > 0.4
    assert edge_correlation(made, a) > edge_correlation(made, b) + 0.2
    assert coherence(made, b) < 0.6 * coherence(a, b)


def test_two_equal_pictures_are_their_own_deep_analogy(pair):
    a, _ = pair
    torch.testing.assert_close(deep_analogy.make(a, a, DEEP, extractor=features.load("gabor")), a, atol=0.02, rtol=0)


def test_refined_maps_are_turned_into_what_was_warped(pair):
    net = features.load("gabor")
    a, b = (net.layers(x) for x in pair)
    chance = torch.Generator().manual_seed(0)
    field = torch.randint(a["level2"][0, 0].numel(), (1, *a["level2"].shape[2:]), generator=chance)
    wanted = deep_analogy.warp(b["level2"], field)
    errors = []
    for iterations in (1, 20):
        r = deep_analogy.refined(a, b, ("level1", "level2"), field, 0.0, net, iterations)
        assert r.shape == a["level1"].shape
        errors.append(float((net.onward(r, "level1", "level2") - wanted).square().mean()))
    assert errors[1] < 0.5 * errors[0]
    own = deep_analogy.refined(a, b, ("level1", "level2"), field, 1.0, net, 1)
    strong = deep_analogy.response(a["level1"]) > 0.999
    assert float(strong.float().mean()) > 0.05
    torch.testing.assert_close(own[strong.expand_as(own)], a["level1"][strong.expand_as(own)], atol=0.01, rtol=0.01)


def test_warp_takes_the_columns_that_a_field_names():
    x = torch.randn(1, 2, 3, 4)
    field = torch.tensor([[[0, 5], [11, 4]]])
    warped = deep_analogy.warp(x, field)
    for (row, column), at in (((0, 0), (0, 0)), ((0, 1), (1, 1)), ((1, 0), (2, 3)), ((1, 1), (1, 0))):
        assert torch.equal(warped[0, :, row, column], x[0, :, at[0], at[1]])


# -- CycleGAN --------------------------------------------------------------------------------------------------


def test_cyclegan_keeps_geometry_and_takes_colours(pair):
    a, b = pair
    made = cyclegan.make(a, b, CYCLE)
    assert edge_correlation(made, a) > 0.5
    assert sliced_wasserstein(made, b) < 0.7 * sliced_wasserstein(a, b)


def test_translators_and_critics_have_the_published_layers():
    with torch.device("meta"):
        translator, critic = cyclegan.Translator(64, 6), cyclegan.Critic(64, 3)
    # 7x7 in and out, two down, two up, six blocks of two 3x3, each with a bias.
    convs = [(3, 64, 7), (64, 128, 3), (128, 256, 3), *[(256, 256, 3)] * 12, (256, 128, 3), (128, 64, 3), (64, 3, 7)]
    assert sum(p.numel() for p in translator.parameters()) == sum(i * o * k * k + o for i, o, k in convs)
    convs = [(3, 64), (64, 128), (128, 256), (256, 512), (512, 1)]
    assert sum(p.numel() for p in critic.parameters()) == sum(i * o * 16 + o for i, o in convs)


@pytest.mark.parametrize(("layers", "field"), [(1, 16), (2, 34), (3, 70)])
def test_a_critic_judges_patches_of_the_published_size(layers, field):
    # Without normalisation, which sees everything.
    convs = [module for module in cyclegan.Critic(2, layers) if isinstance(module, torch.nn.Conv2d)]
    x = torch.zeros(1, 3, 96, 96, requires_grad=True)
    y = torch.nn.Sequential(*convs)(x)
    (slope,) = torch.autograd.grad(y[0, 0, y.shape[2] // 2, y.shape[3] // 2], x)
    seen = slope[0].abs().sum(0).nonzero()
    assert (seen.amax(0) - seen.amin(0) + 1).tolist() == [field, field]


def test_the_pool_fills_then_hands_out_former_results_half_of_the_time():
    pool, chance = torch.zeros(4, 3, 2, 2), torch.Generator().manual_seed(0)
    for step in range(4):
        newest = torch.full((1, 3, 2, 2), float(step))
        assert torch.equal(cyclegan.from_pool(pool, newest, step, chance), newest)
    shown = []
    for step in range(4, 204):
        newest = torch.full((1, 3, 2, 2), float(step))
        former = cyclegan.from_pool(pool, newest, step, chance)
        shown.append(float(former.mean()))
        assert shown[-1] == step or (pool == step).any()
    assert 70 < sum(value == step for step, value in enumerate(shown, start=4)) < 130
    assert len(set(shown)) == len(shown), "nothing is handed out twice"
    newest = torch.ones(1, 3, 2, 2)
    assert torch.equal(cyclegan.from_pool(torch.zeros(0, 3, 2, 2), newest, 9, chance), newest)


# -- sliced Wasserstein ----------------------------------------------------------------------------------------


def test_the_distributions_of_patches_come_together(pair):
    a, b = pair
    made = sliced.make(a, b, SLICED)
    assert sliced_wasserstein(made, b) < 0.3 * sliced_wasserstein(a, b)


def test_the_distance_is_that_of_sorted_projections():
    chance = torch.Generator().manual_seed(0)
    x, y = torch.randn(1, 3, 6, 7, generator=chance), torch.randn(1, 3, 6, 7, generator=chance)
    rays = torch.randn(5, 3, 3, 3, generator=chance)
    total = 0.0
    for ray in rays:
        ours, theirs = (
            torch.tensor(
                [(image[0, :, i : i + 3, j : j + 3] * ray).sum() for i in range(4) for j in range(5)]
            ).sort().values
            for image in (x, y)
        )  # fmt: skip
        total += float((ours - theirs).abs().mean()) / len(rays)
    assert float(sliced.distance(x, y, rays)) == pytest.approx(total, rel=1e-4)
    bigger = y.repeat(1, 1, 1, 2)
    assert float(sliced.distance(y, y, rays)) == 0
    assert float(sliced.distance(x, bigger, rays)) > 0


def test_the_distance_has_a_slope_in_every_pixel():
    chance = torch.Generator().manual_seed(0)
    x = torch.randn(1, 3, 6, 7, generator=chance, dtype=torch.float64).requires_grad_()
    y = torch.randn(1, 3, 5, 8, generator=chance, dtype=torch.float64)
    rays = torch.randn(4, 3, 3, 3, generator=chance, dtype=torch.float64)
    assert torch.autograd.gradcheck(lambda x: sliced.distance(x, y, rays), x)
