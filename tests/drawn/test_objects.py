"""Drawn scenes: the ground truth must be true, and a seed must mean one picture."""

import math
from itertools import pairwise

import pytest
import torch
from torch import Tensor
from torch.nn import functional as F

from gestalt.drawn.bodies import Traits
from gestalt.drawn.layouts import arrange
from gestalt.drawn.objects import _LOOKS, LAYOUTS, LOOKS, _dress, pair, scene
from gestalt.drawn.textures import cells, noise

SMALL = (18, 25)


def iou(a: Tensor, b: Tensor) -> float:
    return float((a * b).sum() / ((a + b) > 0).sum())


@pytest.fixture
def threads():
    before = torch.get_num_threads()
    yield torch.set_num_threads
    torch.set_num_threads(before)


# A seed is a picture


def test_a_seed_gives_the_same_bytes_and_touches_no_global_state():
    state = torch.get_rng_state()
    one, two = (scene("ring", "pumpkins", size=SMALL, seed=5) for _ in range(2))
    assert torch.equal(one.image, two.image)
    assert torch.equal(one.mask, two.mask)
    assert torch.equal(state, torch.get_rng_state())


@pytest.mark.parametrize("look", ["starfish", "pumpkins", "gems"])
def test_threads_do_not_change_a_byte(look, threads):
    threads(1)
    one = scene("scattered", look, size=(40, 110), seed=3)
    threads(2)
    two = scene("scattered", look, size=(40, 110), seed=3)
    assert torch.equal(one.image, two.image)
    assert torch.equal(one.mask, two.mask)


@pytest.mark.parametrize("layout", LAYOUTS)
def test_another_seed_is_another_scene(layout):
    one, two = (scene(layout, "marbles", size=SMALL, seed=seed) for seed in (0, 1))
    assert not torch.equal(one.mask, two.mask)
    assert (one.image - two.image).abs().mean() > 0.02


@pytest.mark.parametrize("look", ["oranges", "leaves", "gems"])
def test_a_seed_gives_the_same_scene_at_every_size(look):
    large, small = (scene("scattered", look, size=size, seed=2) for size in ((96, 132), (32, 44)))
    shrunk = F.avg_pool2d(large.image, 3)
    assert (shrunk - small.image).abs().mean() < 0.04
    assert iou((F.avg_pool2d(large.mask, 3) >= 0.5).float(), small.mask) > 0.95


# The mask is where the objects are


def supersampled(inside_of, size: tuple[int, int], fine: int = 10) -> Tensor:
    """The share of each pixel that is inside, by asking many points; slow and plain, in double precision."""
    short = min(size)
    y = (torch.arange(size[0] * fine).double() + 0.5) / (fine * short)
    x = (torch.arange(size[1] * fine).double() + 0.5) / (fine * short)
    inside = inside_of(x.view(1, -1), y.view(-1, 1))
    return F.avg_pool2d(inside[None, None].double(), fine)


def assert_same_mask(mask: Tensor, coverage: Tensor) -> None:
    clear = (coverage - 0.5).abs() > 0.03
    assert 0.97 < clear.double().mean() < 1  # the exclusion is a thin set, and the edge is really in the picture
    assert torch.equal(mask.double()[clear], (coverage > 0.5).double()[clear])


@pytest.mark.parametrize("layout", ["scattered", "cluster", "single"])
def test_mask_of_discs_is_exact(layout):
    size = (48, 71)
    # Marbles are discs of the layout's own radius, so the places alone say where they are.
    places = arrange(layout, (71 / 48, 1.0), torch.Generator().manual_seed(7 * 1_000_003))

    def inside(x: Tensor, y: Tensor) -> Tensor:
        return torch.stack([((x - p.x) ** 2 + (y - p.y) ** 2) <= p.radius**2 for p in places]).any(0)

    assert_same_mask(scene(layout, "marbles", size=size, seed=7).mask, supersampled(inside, size))


def test_mask_of_turned_rounded_boxes_is_exact():
    size = (42, 35)

    def inside(x: Tensor, y: Tensor) -> Tensor:
        out = torch.zeros(y.shape[0], x.shape[1], dtype=torch.bool)
        for (cx, cy, radius, angle), _, traits in _dress("scattered", "soaps", size, 4):
            # A rounded box is what lies within `corner` of a smaller box.
            turn = torch.polar(torch.tensor(1 / radius, dtype=torch.double), torch.tensor(-angle, dtype=torch.double))
            point = torch.complex((x - cx) + 0 * y, (y - cy) + 0 * x) * turn
            a, b = 0.92 - 0.26, 0.70 + 0.18 * traits.u[1] - 0.26
            nearest = torch.complex(point.real.clamp(-a, a), point.imag.clamp(-b, b))
            out |= (point - nearest).abs() <= 0.26
        return out

    assert_same_mask(scene("scattered", "soaps", size=size, seed=4).mask, supersampled(inside, size))


@pytest.mark.parametrize("look", LOOKS)
def test_no_body_is_larger_than_it_says(look):
    body = _LOOKS[look][0]
    x = torch.linspace(-2, 2, 121)
    p, q = x.expand(121, 121), x.view(-1, 1).expand(121, 121)
    beyond = (p * p + q * q).sqrt() > body.reach
    for seed in range(12):
        u = torch.rand(3, generator=torch.Generator().manual_seed(seed)).tolist()
        inside = body.outline(p, q, Traits(seed * 977, (u[0], u[1], u[2]), (0.6, 0.8)))
        assert inside[beyond].min() > 0
        assert inside[60, 60] < -0.1  # and it holds its own centre


def test_shadows_are_ground():
    drawn = scene("single", "pumpkins", size=(96, 96), seed=1)
    (place, body, _) = _dress("single", "pumpkins", (96, 96), 1)[0]
    x, y = (torch.arange(96).float() + 0.5) / 96 - place.x, (torch.arange(96).float() + 0.5) / 96 - place.y
    r = (x.view(1, -1) ** 2 + y.view(-1, 1) ** 2).sqrt() / place.radius
    beside = (r > body.reach) & (r < body.reach + 0.25)
    shadow, lamp = beside & (x.view(1, -1) + y.view(-1, 1) > 0), beside & (x.view(1, -1) + y.view(-1, 1) < 0)
    grey = drawn.image[0].mean(0)
    assert grey[shadow].mean() < grey[lamp].mean() - 0.1
    assert drawn.mask[0, 0][shadow].max() == 0


# Layouts and looks


@pytest.mark.parametrize("layout", LAYOUTS)
def test_a_layout_is_the_same_in_every_look(layout):
    masks = {look: scene(layout, look, size=SMALL, seed=9).mask for look in ("marbles", "oranges", "leaves")}
    assert iou(masks["marbles"], masks["oranges"]) > 0.9
    short, extent = min(SMALL), (SMALL[1] / min(SMALL), SMALL[0] / min(SMALL))
    for x, y, _, _ in arrange(layout, extent, torch.Generator().manual_seed(9 * 1_000_003)):
        assert all(mask[0, 0, int(y * short), int(x * short)] == 1 for mask in masks.values())


@pytest.mark.parametrize("layout", LAYOUTS)
def test_every_scene_is_an_image_whose_objects_stand_out(layout):
    for look in LOOKS:
        image, mask = scene(layout, look, size=(16, 16), seed=1)
        assert image.shape == (1, 3, 16, 16)
        assert mask.shape == (1, 1, 16, 16)
        assert image.dtype == mask.dtype == torch.float32
        assert image.isfinite().all()
        assert image.abs().max() <= 1
        assert image.std() > 0.15
        assert set(mask.unique().tolist()) == {0.0, 1.0}
        assert 0.08 < mask.mean() < 0.5, (layout, look)
        objects = (image * mask).sum((0, 2, 3)) / mask.sum()
        ground = (image * (1 - mask)).sum((0, 2, 3)) / (1 - mask).sum()
        assert (objects - ground).abs().max() > 0.12, (layout, look)


def test_looks_differ_on_one_layout():
    images = [scene("grid", look, size=(16, 16), seed=0).image for look in LOOKS]
    for i, one in enumerate(images):
        assert all((one - two).abs().mean() > 0.15 for two in images[:i])


@pytest.mark.parametrize("size", [(16, 16), (17, 51), (65, 16), (25, 37)])
def test_odd_and_narrow_sizes(size):
    for layout in ("scattered", "ring", "wave", "single"):
        image, mask = scene(layout, "bowls", size=size, seed=0)
        assert image.shape[2:] == mask.shape[2:] == size
        assert 0.02 < mask.mean() < 0.6, layout


# Pairs


@pytest.mark.parametrize("seeds", [range(1, 6), pytest.param(range(8), marks=pytest.mark.slow)], ids=str)
def test_pairs_are_alike_in_area_and_apart_in_place(seeds):
    firsts = []
    for seed in seeds:
        a, b = pair(size=(16, 21), seed=seed)
        areas = sorted((float(a.mask.sum()), float(b.mask.sum())))
        assert areas[1] <= 1.25 * areas[0]
        assert iou(a.mask, b.mask) <= 0.1
        assert (a.image - b.image).abs().mean() > 0.15
        firsts.append(a.image)
    assert all(not torch.equal(one, two) for one, two in pairwise(firsts))
    assert torch.equal(pair(size=(16, 21), seed=seeds[-1])[0].image, firsts[-1])


# Errors and the noise below


@pytest.mark.parametrize(
    ("layout", "look", "size", "says"),
    [
        ("heap", "oranges", SMALL, r"'heap'.*scattered, grid"),
        ("grid", "plums", SMALL, r"'plums'.*oranges, bowls"),
        ("grid", "oranges", (15, 40), r"\(15, 40\).*at least 16"),
        ("grid", "oranges", (40, 40, 3), r"\(40, 40, 3\).*height and width"),
    ],
)
def test_errors_say_what_came_and_what_is_known(layout, look, size, says):
    with pytest.raises(ValueError, match=says):
        scene(layout, look, size=size)


def test_pair_refuses_a_tiny_size():
    with pytest.raises(ValueError, match=r"\(8, 64\)"):
        pair(size=(8, 64))


@pytest.mark.parametrize("seed", [0, 31, 1 << 20])
def test_noise_is_continuous_centred_and_zero_on_its_lattice(seed):
    x = torch.arange(-300, 300) * 0.05
    y = torch.arange(-25, 25).view(-1, 1) * 0.05 + 0.013
    field = noise(x.view(1, -1), y, seed)
    assert (field[:, 1:] - field[:, :-1]).abs().max() < 0.35
    assert (field[1:] - field[:-1]).abs().max() < 0.35
    assert abs(float(field.mean())) < 0.05
    assert 0.15 < field.std() < 0.6
    whole = torch.arange(-20.0, 20.0)
    assert noise(whole.view(1, -1), whole.view(-1, 1), seed).abs().max() < 1e-6


def test_noise_is_a_function_of_position_alone():
    x, y = torch.rand(50) * 40 - 20, torch.rand(50) * 40 - 20
    together = noise(x, y, 3)
    assert torch.allclose(together, torch.stack([noise(a, b, 3) for a, b in zip(x, y, strict=True)]), atol=1e-6)
    assert not torch.allclose(together, noise(x, y, 4), atol=0.1)


def test_cells_measure_distances():
    step = 0.02
    x, y = torch.arange(-300, 300).view(1, -1) * step, torch.arange(-25, 25).view(-1, 1) * step
    near, second, number = cells(x, y, 5)
    # A distance to points changes at most as fast as one moves, across cell borders too.
    assert (near[:, 1:] - near[:, :-1]).abs().max() < step * 1.01 + 1e-3
    assert (near[1:] - near[:-1]).abs().max() < step * 1.01 + 1e-3
    assert (second >= near).all()
    assert 0 < near.max() < math.sqrt(2)
    assert number.unique().numel() > 10
