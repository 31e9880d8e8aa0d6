"""Figure and ground of pictures whose masks are known."""

import statistics

import torch

from gestalt.drawn import objects
from gestalt.ops.resize import resize
from gestalt.tasks.analogy.figure import figure_ground


def test_discs_on_a_plain_ground_are_figures():
    y, x = torch.meshgrid(torch.arange(60), torch.arange(80), indexing="ij")
    discs = (((y - 20) ** 2 + (x - 20) ** 2) < 196) | (((y - 40) ** 2 + (x - 60) ** 2) < 196)
    for figure, ground in ((1.0, -1.0), (-0.8, 0.3)):
        image = torch.where(discs, figure, ground).expand(1, 3, -1, -1)
        found = figure_ground(image)[0][0, 0] > 0
        assert float((found & discs).sum() / (found | discs).sum()) > 0.8  # blurred edges count as figure


def test_drawn_objects_are_found_better_than_by_rare_colours():
    ours, rare = [], []
    for n, look in enumerate(objects.LOOKS):
        scene = objects.scene(objects.LAYOUTS[n % len(objects.LAYOUTS)], look, size=(72, 96), seed=n)
        mask = scene.mask[0, 0] > 0.5
        found = figure_ground(scene.image)[0][0, 0] > 0
        ours.append(float((found & mask).sum() / (found | mask).sum()))
        distance = (scene.image - scene.image.flatten(2).median(2).values[..., None, None]).square().sum(1)[0]
        far = distance >= distance.flatten().quantile(1 - mask.float().mean())  # even told how much is figure
        rare.append(float((far & mask).sum() / (far | mask).sum()))
    assert statistics.median(ours) > 0.7
    assert statistics.median(ours) > statistics.median(rare)


def test_objects_on_a_ground_are_certain_and_textures_are_not():
    certain = [
        figure_ground(objects.scene(objects.LAYOUTS[n % len(objects.LAYOUTS)], look, size=(72, 96)).image)[1]
        for n, look in enumerate(objects.LOOKS)
    ]
    noise = torch.randn(1, 3, 24, 32, generator=torch.Generator().manual_seed(0))
    _, doubtful = figure_ground(resize(noise, (72, 96)).clamp(-1, 1))
    assert statistics.median(certain) > 0.4 > 0.25 > doubtful


def test_one_colour_has_neither():
    figures, certainty = figure_ground(torch.full((1, 3, 9, 14), 0.2))
    assert torch.equal(figures, torch.zeros(1, 1, 9, 14))
    assert certainty == 0
    assert figure_ground(torch.rand(1, 3, 1, 40))[0].shape == (1, 1, 1, 40)
