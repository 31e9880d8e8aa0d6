"""The paper's baselines: what each loss says, that all chance is seeded, that a stopped run goes on, and that each
learns something of drawn parts that its first weights do not know."""

import dataclasses
import io
import itertools
import math
from collections.abc import Callable, Iterator
from typing import Any

import pytest
import torch
from torch import Tensor
from torch.nn import functional as F

from gestalt.drawn.parts import DEFECTS, Part, parts
from gestalt.metrics.detection import auroc, pixel_auroc
from gestalt.nn.fresh import fresh
from gestalt.ops.chance import seeded
from gestalt.run.service import NullRun
from gestalt.tasks.anomaly import deepsvdd, geom, patchsvdd
from gestalt.tasks.anomaly.config import DeepSvdd, Geom, PatchSvdd
from gestalt.tasks.anomaly.deepsvdd import fit_deepsvdd
from gestalt.tasks.anomaly.geom import TRANSFORMATIONS, fit_geom, transformed
from gestalt.tasks.anomaly.patchsvdd import DIRECTIONS, fit_patchsvdd

Fit = Callable[..., Any]

TINY: dict[str, tuple[Fit, Any]] = {
    "geom": (fit_geom, Geom(size=16, width=4, steps=6, batch=8)),
    "deepsvdd": (fit_deepsvdd, DeepSvdd(size=16, width=4, features=8, steps=6, batch=8)),
    "patchsvdd": (fit_patchsvdd, PatchSvdd(size=32, patch=8, width=4, features=8, steps=6, batch=8)),
}


class Noted(NullRun):
    """Keeps what is logged, and can stop before a step and hand its state to the next run."""

    def __init__(self, begin: int = 0, end: int = 10**9, state: dict[str, Any] | None = None) -> None:
        self.begin, self.end, self.given = begin, end, state
        self.losses: dict[str, list[float]] = {}
        self.left: dict[str, Any] = {}

    def steps(self, name: str, total: int, state: dict[str, Any]) -> Iterator[int]:
        del name
        if self.given:
            for key, part in state.items():
                part.load_state_dict(self.given[key])
        yield from range(self.begin, min(total, self.end))
        # Adam's numbers are updated in place, so keep copies.
        self.left = {key: torch.load(_saved(part), weights_only=True) for key, part in state.items()}

    def log(self, step: int, **measures: float) -> None:
        del step
        for name, value in measures.items():
            self.losses.setdefault(name, []).append(value)


def _saved(part: Any) -> io.BytesIO:
    file = io.BytesIO()
    torch.save(part.state_dict(), file)
    file.seek(0)
    return file


def picture(height: int, width: int, seed: int) -> Tensor:
    return torch.rand(1, 3, height, width, generator=torch.Generator().manual_seed(seed)) * 2 - 1


@pytest.fixture(scope="module")
def shots() -> list[Tensor]:
    return [part.image for part in parts(2, size=(40, 44), seed=1)]


# -- all of them -------------------------------------------------------------------------------------------


@pytest.mark.parametrize("name", TINY)
def test_equal_seeds_give_equal_scores_and_no_chance_comes_from_elsewhere(name, shots):
    fit, settings = TINY[name]
    image = picture(37, 50, 3)
    torch.manual_seed(1)
    state = torch.get_rng_state()
    first = fit(shots, settings, seed=5)
    assert torch.equal(state, torch.get_rng_state())
    torch.manual_seed(2)
    again, other = fit(shots, settings, seed=5), fit(shots, settings, seed=6)
    one, two, three = (scorer.judge(image) for scorer in (first, again, other))
    assert one.score == two.score != three.score
    assert torch.equal(one.map, two.map)


@pytest.mark.parametrize("name", TINY)
def test_any_size_is_judged_and_leaves_no_trace(name, shots):
    fit, settings = TINY[name]
    scorer = fit(shots, settings)
    first = scorer.judge(shots[0])
    for image in (picture(9, 70, 0), picture(64, 5, 1), torch.zeros(1, 3, 20, 20)):
        before = image.clone()
        score, map_ = scorer.judge(image)
        assert math.isfinite(score)
        assert map_.shape == (1, 1, *image.shape[2:])
        assert map_.isfinite().all()
        assert not map_.requires_grad
        assert torch.equal(image, before)
    assert scorer.judge(shots[0]).score == first.score


@pytest.mark.parametrize("name", TINY)
def test_a_stopped_run_goes_on_to_the_same_scores(name, shots):
    fit, settings = TINY[name]
    whole = fit(shots, settings, seed=2)
    half = Noted(end=3)
    fit(shots, settings, seed=2, run=half)
    rest = fit(shots, settings, seed=2, run=Noted(begin=3, state=half.left))
    assert rest.judge(picture(30, 30, 1)).score == whole.judge(picture(30, 30, 1)).score


@pytest.mark.parametrize("name", TINY)
def test_shots_of_any_number_and_sizes_but_none_are_refused(name):
    fit, settings = TINY[name]
    scorer = fit([picture(12, 40, 0), picture(33, 9, 1), torch.zeros(1, 3, 16, 16)], settings)
    assert math.isfinite(scorer.judge(picture(20, 20, 2)).score)
    with pytest.raises(ValueError, match="at least one good picture to learn from, got none"):
        fit([], settings)


@pytest.mark.parametrize("name", TINY)
def test_losses_are_logged_and_fall(name, shots):
    fit, settings = TINY[name]
    run = Noted()
    fit(shots, dataclasses.replace(settings, steps=61, lr=5e-3), run=run)
    assert run.losses
    assert all(len(values) == 4 for values in run.losses.values())
    total = [sum(values[n] for values in run.losses.values()) for n in (0, -1)]
    assert total[1] < total[0]


@pytest.mark.parametrize(
    ("settings", "wrong"),
    [
        *itertools.product(
            [Geom], [{"size": 7}, {"width": 0}, {"steps": 0}, {"batch": 0}, {"lr": 0.0}, {"shift": 1.0}]
        ),
        *itertools.product([DeepSvdd], [{"size": 7}, {"features": 0}, {"decay": -1.0}, {"lr": float("nan")}]),
        *itertools.product([PatchSvdd], [{"size": 0}, {"patch": 12}, {"patch": 0}, {"neighbours": -1.0}, {"lr": 1.0}]),
    ],
)
def test_a_setting_out_of_range_is_named(settings, wrong):
    (name,) = wrong
    with pytest.raises(ValueError, match=f"^--{name} must"):
        settings(**wrong)


def test_first_weights_are_drawn_for_rectifiers():
    net = fresh(lambda: geom.Classifier(16), seeded(0))
    weight = dict(net.named_parameters())["9.weight"]
    assert weight.shape == (64, 64, 3, 3)
    assert float(weight.detach().std()) == pytest.approx((2 / (64 * 9)) ** 0.5, rel=0.02)
    norms = [module for module in net if isinstance(module, torch.nn.GroupNorm)]
    assert all(torch.equal(norm.weight, torch.ones_like(norm.weight)) for norm in norms)
    assert not any(norm.bias.any() for norm in norms)


# -- GEOM --------------------------------------------------------------------------------------------------


def test_there_are_72_transformations_and_all_differ():
    views = transformed(picture(12, 12, 0), 0.25)
    assert len(TRANSFORMATIONS) == len(views) == len({view.numpy().tobytes() for view in views}) == 72


def test_each_transformation_is_what_its_name_says():
    square, far = picture(12, 12, 1), 3
    for (flip, down, right, quarters), view in zip(TRANSFORMATIONS, transformed(square, 0.25), strict=True):
        x = square.flip(3) if flip else square
        moved = view[None].rot90(-quarters, (2, 3))
        inner = x.roll((far * down, far * right), (2, 3))[..., far:-far, far:-far]
        assert torch.equal(moved[..., far:-far, far:-far], inner)
    (only,) = (
        view for t, view in zip(TRANSFORMATIONS, transformed(square, 0.25), strict=True) if t == (False, 0, 0, 0)
    )
    assert torch.equal(only, square[0])


def test_geom_knowing_nothing_scores_71_of_72(shots):
    scorer: Any = fit_geom(shots, TINY["geom"][1])
    torch.nn.init.zeros_(list(scorer.classifier.parameters())[-2])
    assert scorer.judge(shots[0]).score == pytest.approx(71 / 72)


def test_geom_knows_its_shot_and_scores_the_right_one_only(shots):
    scorer: Any = fit_geom(shots[:1], Geom(size=16, width=8, steps=150, lr=5e-3))
    score = scorer.judge(shots[0]).score
    assert score < 0.6
    logits = scorer.classifier(transformed(geom._square(shots[0], 16), 0.25))
    wanted = 1 - F.softmax(logits, 1)[range(72), range(72)].mean()
    assert score == pytest.approx(float(wanted), rel=1e-5)


# -- DeepSVDD ----------------------------------------------------------------------------------------------


def test_the_encoder_of_the_sphere_has_no_biases():
    encoder = fresh(lambda: deepsvdd.Encoder(16, 4, 8), seeded(0))
    assert {name.rsplit(".", 1)[1] for name, _ in encoder.named_parameters()} == {"weight"}
    assert torch.equal(encoder(torch.zeros(1, 3, 16, 16)), torch.zeros(1, 8))


def test_the_centre_stays_the_mean_of_the_first_features(shots):
    settings, squares = TINY["deepsvdd"][1], torch.cat([deepsvdd._square(x, 16) for x in shots])
    one, two = (centre_of(fit_deepsvdd(shots, dataclasses.replace(settings, steps=n), seed=1)) for n in (1, 30))
    assert torch.equal(one, two)
    chance = seeded(1)
    encoder = fresh(lambda: deepsvdd.Encoder(16, 4, 8), chance)
    mean = encoder(deepsvdd._shifted(squares, deepsvdd.VIEWS, settings.shift, chance)).detach().mean(0)
    near = mean.abs() < deepsvdd.NEAREST
    assert near.any()
    torch.testing.assert_close(one[~near], mean[~near])
    torch.testing.assert_close(one[near], deepsvdd.NEAREST * mean[near].sign())


def centre_of(scorer: Any) -> Tensor:
    return scorer.centre


def test_the_distance_to_the_centre_is_the_score(shots):
    scorer: Any = fit_deepsvdd(shots, TINY["deepsvdd"][1])
    phi = scorer.encoder(deepsvdd._square(shots[1], 16))
    assert scorer.judge(shots[1]).score == pytest.approx(float(((phi - scorer.centre) ** 2).sum()), rel=1e-5)


def test_shifts_keep_to_their_range():
    x = torch.arange(256.0).view(1, 1, 16, 16)
    views = deepsvdd._shifted(x, 200, 0.1, seeded(0))
    corners = {(int(v) // 16 - 5, int(v) % 16 - 5) for v in views[:, 0, 5, 5]}
    assert corners == set(itertools.product(range(-2, 3), repeat=2))


# -- PatchSVDD ---------------------------------------------------------------------------------------------


def test_a_shot_has_no_distance_to_itself_and_a_spot_is_found_where_it_is(shots):
    scorer = fit_patchsvdd(shots, PatchSvdd(size=44, patch=8, width=8, steps=40))
    assert scorer.judge(shots[0]).score == pytest.approx(0, abs=1e-4)
    spotted = shots[0].clone()
    spotted[:, :, 8:16, 24:32] = picture(8, 8, 0)
    map_ = scorer.judge(spotted).map
    at = int(map_.argmax())
    assert 6 <= at // 44 < 18
    assert 22 <= at % 44 < 34
    # A patch away from the spot, as large as it gets, is as it was.
    assert map_[0, 0, 34:, :].abs().max() < 1e-4


def test_trios_lie_where_their_direction_says():
    side = 16
    y, x = torch.meshgrid(torch.arange(64.0), torch.arange(70.0), indexing="ij")
    place = torch.stack([y, x, y * 0])[None]
    here, moved, around, d = patchsvdd._trios([place], side, 400, seeded(3))
    assert here.shape == moved.shape == around.shape == (400, 3, side, side)
    corners = [patches[:, :2, 0, 0] for patches in (here, moved, around)]
    assert (corners[1] - corners[0]).abs().max() == side // 8
    wanted = torch.tensor(DIRECTIONS)[d] * (3 * side // 4)
    assert (corners[2] - corners[0] - wanted).abs().max() <= side // 8
    assert set(d.tolist()) == set(range(8))
    everywhere = torch.cat(corners)
    assert everywhere.min(0).values.tolist() == [0, 0]
    assert everywhere.max(0).values.tolist() == [64 - side, 70 - side]


def test_large_patches_are_read_in_quarters():
    encoder = fresh(lambda: patchsvdd.Encoder(8, 4, 6), seeded(0))
    x = picture(16, 16, 0)
    quarters = [encoder.small(x[:, :, i : i + 8, j : j + 8]) for i in (0, 8) for j in (0, 8)]
    torch.testing.assert_close(encoder.quarters(x), encoder.large(torch.cat(quarters, 1)))


def test_pixels_take_the_mean_of_the_patches_over_them():
    distance, picture_ = torch.rand(3 * 2, generator=torch.Generator().manual_seed(0)), torch.zeros(1, 3, 12, 10)
    total, count = torch.zeros(12, 10), torch.zeros(12, 10)
    for n, (i, j) in enumerate(itertools.product((0, 2, 4), (0, 2))):
        total[i : i + 8, j : j + 8] += distance[n]
        count[i : i + 8, j : j + 8] += 1
    torch.testing.assert_close(patchsvdd._covering(distance, picture_, 8)[0, 0], total / count)


# -- what they learn ---------------------------------------------------------------------------------------


Sample = tuple[list[Tensor], list[Part], dict[str, list[Part]]]


@pytest.fixture(scope="module")
def sample() -> Sample:
    size = (64, 64)
    shots = [part.image for part in parts(5, size=size, seed=1)]
    return shots, parts(12, size=size, seed=2), {name: parts(8, size=size, seed=3, defect=name) for name in DEFECTS}


def areas(scorer: Any, sample: Sample) -> dict[str, float]:
    """AUROC for each kind of defect."""
    _, normal, wrong = sample
    low = [scorer.judge(part.image).score for part in normal]
    return {
        name: auroc([*low, *(scorer.judge(part.image).score for part in some)], [0] * len(low) + [1] * len(some))
        for name, some in wrong.items()
    }


# Measured at this seed, mean of four areas from 12 good and 8 bad pictures each, so off by some .08: GEOM .65 where its
# first weights have .51, DeepSVDD .81 (.43), PatchSVDD .79 (.71). Where a patch is wrong, random features of PatchSVDD
# already know (pixels .86 to .99); training helps to say that a picture is.


@pytest.mark.slow
def test_geom_learns_how_parts_lie(sample):
    settings = Geom()
    trained, first = (areas(fit_geom(sample[0], dataclasses.replace(settings, steps=n)), sample) for n in (300, 1))
    assert trained["turned"] >= 0.65
    assert sum(trained.values()) / 4 > max(0.55, sum(first.values()) / 4 + 0.03)


@pytest.mark.slow
def test_deepsvdd_learns_what_parts_look_like(sample):
    settings = DeepSvdd()
    trained, first = (areas(fit_deepsvdd(sample[0], dataclasses.replace(settings, steps=n)), sample) for n in (200, 1))
    assert sum(trained.values()) / 4 > max(0.65, sum(first.values()) / 4 + 0.1)


@pytest.mark.slow
def test_patchsvdd_learns_what_patches_belong_and_where_others_are(sample):
    settings = PatchSvdd(size=64, patch=8, steps=150)
    scorer = fit_patchsvdd(sample[0], settings)
    trained, first = (
        areas(s, sample) for s in (scorer, fit_patchsvdd(sample[0], dataclasses.replace(settings, steps=1)))
    )
    assert sum(trained.values()) / 4 > max(0.65, sum(first.values()) / 4 + 0.03)
    for name in ("stain", "missing"):
        some = sample[2][name]
        assert pixel_auroc([scorer.judge(p.image).map for p in some], [p.mask for p in some]) > 0.9
