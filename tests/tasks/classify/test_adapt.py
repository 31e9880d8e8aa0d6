"""Adapting: labels of the target are not looked at, layouts are read, and swaps go from target to source."""

import dataclasses
from pathlib import Path

import numpy as np
import pytest
import torch
from PIL import Image

from classify_folders import cityscapes, drawn, gtav
from gestalt.nn.statswap import handle_of
from gestalt.run.service import NullRun
from gestalt.tasks.classify import adapt, segments
from gestalt.tasks.classify.config import Adapt, Swapping
from gestalt.tasks.classify.dataset import find
from gestalt.tasks.classify.pictures import Shelf
from gestalt.tasks.classify.segments import CITYSCAPES, NONE
from gestalt.tasks.classify.sides import drawn as drawn_signs
from gestalt.tasks.classify.sides import of_classes, of_segments
from gestalt.tasks.classify.training import swaps

CPU = torch.device("cpu")
TINY = Adapt(swapping=Swapping(swap_p=1.0, swap_layers="stem"), size=16, steps=4, batch=4, pictures=16)


@pytest.mark.parametrize("what", ["classes", "segments"])
def test_drawn_signs_are_adapted_to_and_come_again(what: str) -> None:
    settings = dataclasses.replace(TINY, what=what)  # pyright: ignore
    nets = []
    for _ in range(2):
        sides = drawn_signs(settings, 0)
        nets.append(adapt.fit(sides, adapt.fresh(settings, len(sides.classes), 0), settings, seed=0, device=CPU))
    one, other = (net.state_dict() for net in nets)
    assert all(torch.equal(value, other[name]) for name, value in one.items())


def test_labels_of_the_target_change_nothing() -> None:
    weights = []
    for wrong in (False, True):
        sides = drawn_signs(TINY, 0)
        if wrong:
            piece = sides.target.piece
            sides = sides._replace(
                target=sides.target._replace(piece=lambda n, chance, of=piece: (of(n, chance)[0], torch.tensor([5])))
            )
        weights.append(adapt.fit(sides, adapt.fresh(TINY, 6, 0), TINY, seed=0, device=CPU).state_dict())
    assert all(torch.equal(value, weights[1][name]) for name, value in weights[0].items())


def test_without_swaps_the_target_is_not_shown() -> None:
    sides = drawn_signs(TINY, 0)
    shown = []
    piece = sides.target.piece
    watched = sides.target._replace(piece=lambda n, chance: shown.append(n) or piece(n, chance))
    for swap, seen in (("none", False), ("padain", True)):
        settings = dataclasses.replace(TINY, swapping=Swapping(swap=swap))  # pyright: ignore
        adapt.fit(sides._replace(target=watched), adapt.fresh(settings, 6, 0), settings, seed=0, device=CPU)
        assert bool(shown) == seen


def test_the_source_gets_the_target_s_statistics() -> None:
    net = adapt.fresh(TINY, 6, 0).train()
    handle = swaps(net, dataclasses.replace(TINY.swapping, partner="directed"))
    assert handle is not None
    assert handle_of(net).rule.partner == "directed"
    maps: list[torch.Tensor] = []
    net.net.stem[0].register_forward_hook(lambda _module, _given, output: maps.append(output))  # pyright: ignore
    sides = drawn_signs(TINY, 0)
    x, labels = next(adapt.batches(sides, TINY, seed=0, begun=0))
    assert (len(x), len(labels)) == (8, 4)
    net(x)
    torch.testing.assert_close(maps[0][:4].mean((2, 3)), maps[0][4:].mean((2, 3)), atol=1e-4, rtol=1e-4)


def test_gtav_and_cityscapes_are_read(tmp_path: Path) -> None:
    source, target = segments.find(gtav(tmp_path / "gtav")), segments.find(cityscapes(tmp_path / "cities"))
    assert (len(source.train), len(target.train), len(target.test)) == (4, 4, 4)
    sides = of_segments(source, target, TINY)
    assert sides.classes == tuple(CITYSCAPES)
    assert len(sides.classes) == 19
    x, labels = sides.source.piece(0, None)
    assert x.shape == (1, 3, 16, 16)
    assert labels.shape == (1, 16, 16)
    assert set(labels.unique().tolist()) <= {NONE, *range(7)}
    assert (len(sides.source.learned), len(sides.source.tested), len(sides.target.tested)) == (3, 1, 4)
    net = adapt.fresh(dataclasses.replace(TINY, what="segments"), 19, 0)
    found = adapt.make(sides, net, dataclasses.replace(TINY, what="segments"), seed=0, device=CPU)
    assert {"source_miou", "target_miou", "target_accuracy"} <= set(found)


def test_labels_fall_where_their_pixels_are(tmp_path: Path) -> None:
    """Of a picture whose colour is its label, cut and reduced alike."""
    for name in ("images", "labels"):
        (tmp_path / name).mkdir()
    numbers = np.zeros((30, 50), np.uint8)
    numbers[:, 25:] = 1
    Image.fromarray(numbers).save(tmp_path / "labels/0.png")
    Image.fromarray(numbers * 255).save(tmp_path / "images/0.png")
    x, labels = segments.read(segments.find(tmp_path).train[0], 10, None)
    assert torch.equal((x[:, 0] > 0).long(), labels)
    assert labels[0, :, 4].sum() == 0
    assert labels[0, :, 5].sum() == 10


@pytest.mark.parametrize(
    ("spoil", "words"),
    [
        (lambda root: (root / "labels/00001.png").unlink(), "a picture of the source has no labels"),
        (lambda root: Image.new("RGB", (40, 24)).save(root / "labels/00001.png"), "is a picture in RGB"),
        (lambda root: Image.new("L", (4, 4)).save(root / "labels/00001.png"), "expected the same"),
        (lambda root: (root / "labels/00001.png").write_text("none"), "cannot be read as labels"),
    ],
)
def test_damaged_labels_are_told(tmp_path: Path, spoil, words: str) -> None:
    root = gtav(tmp_path / "gtav")
    spoil(root)

    def read() -> None:
        sides = of_segments(segments.find(root), segments.find(cityscapes(tmp_path / "c")), TINY)
        for n in range(4):
            sides.source.piece(n, None)

    with pytest.raises(ValueError, match=words):
        read()


def test_folders_of_numbers_are_classes_as_they_stand(tmp_path: Path) -> None:
    source, target = (segments.find(gtav(tmp_path / name, palette=False)) for name in "ab")
    sides = of_segments(source, target, TINY)
    assert sides.classes[0] == "0"
    assert len(sides.classes) <= 24
    with pytest.raises(ValueError, match="of no known layout"):
        segments.find(drawn(tmp_path / "classes", 1))


def test_classes_of_both_sides_are_the_same(tmp_path: Path) -> None:
    one, other = (find(drawn(tmp_path / name, 4, far=far), aside=0.25) for name, far in (("a", 0.0), ("b", 1.0)))
    sides = of_classes(one, other, TINY, Shelf(16))
    found = adapt.make(sides, adapt.fresh(TINY, 3, 0), TINY, seed=0, device=CPU)
    assert {"source_accuracy", "target_accuracy", "target_mean_class"} <= set(found)
    with pytest.raises(ValueError, match="the target has the class 'zebra'"):
        of_classes(one, other._replace(classes=("bar", "disc", "zebra")), TINY, Shelf(16))


def test_a_target_without_labels_is_learned_from_as_a_whole(tmp_path: Path) -> None:
    source = find(drawn(tmp_path / "a", 4), aside=0.25)
    loose = sorted(drawn(tmp_path / "b", 2, far=1.0).rglob("*.png"))
    sides = of_classes(source, loose, TINY, Shelf(16))
    assert (len(sides.target.learned), len(sides.target.tested)) == (6, 0)
    found = adapt.make(sides, adapt.fresh(TINY, 3, 0), TINY, seed=0, device=CPU)
    assert set(found) == {"source_accuracy", "source_mean_class"}
    (tmp_path / "c").mkdir()
    for path in gtav(tmp_path / "gtav").glob("images/*"):
        path.rename(tmp_path / "c" / path.name)
    scenes = segments.find(gtav(tmp_path / "d")), segments.find(tmp_path / "c")
    sides = of_segments(*scenes, TINY)
    assert (len(sides.target.learned), len(sides.target.tested)) == (4, 0)


def test_numbers_of_the_target_are_those_of_the_source(tmp_path: Path) -> None:
    source, target = (gtav(tmp_path / name, palette=False) for name in "ab")
    last = sorted((target / "labels").iterdir())[-1]  # of the part that is tested
    Image.fromarray(np.full((24, 40), 99, np.uint8)).save(last)
    with pytest.raises(ValueError, match="has the number 99, and the source's end at"):
        of_segments(segments.find(source), segments.find(target), TINY)


def test_one_scene_is_too_few(tmp_path: Path) -> None:
    one, other = (segments.find(gtav(tmp_path / name, count)) for name, count in (("a", 1), ("b", 2)))
    for name, sides in (("source", (one, other)), ("target", (other, one))):
        with pytest.raises(ValueError, match=f"the {name} has one scene: expected two"):
            of_segments(*sides, TINY)


def test_a_batch_without_known_labels_teaches_nothing_and_does_not_diverge() -> None:
    settings = dataclasses.replace(TINY, what="segments", swapping=Swapping(swap="none"))
    sides = drawn_signs(settings, 0)
    piece = sides.source.piece
    blank = sides.source._replace(
        piece=lambda n, chance: (piece(n, chance)[0], torch.full_like(piece(n, chance)[1], NONE))
    )
    losses = []

    class Told(NullRun):
        def log(self, step: int, **measures: float) -> None:
            losses.append((step, measures["loss"], measures["accuracy"]))

    fresh = adapt.fresh(settings, len(sides.classes), 0)
    net = adapt.fit(sides._replace(source=blank), fresh, settings, seed=0, device=CPU, run=Told())
    assert losses == [(step, 0.0, 0.0) for step in range(4)]
    assert all(bool(value.isfinite().all()) for value in net.state_dict().values())


def test_overlaps_and_recalls_are_those_of_a_slow_count() -> None:
    truth = torch.tensor([0, 0, 1, 1, 1, 2])
    said = torch.tensor([0, 1, 1, 1, 0, 0])
    confusion = torch.zeros(4, 4, dtype=torch.long)
    for t, s in zip(truth, said, strict=True):
        confusion[t, s] += 1
    assert adapt.recalls(confusion)[:3].tolist() == pytest.approx([1 / 2, 2 / 3, 0])
    assert adapt.overlaps(confusion)[:3].tolist() == pytest.approx([1 / 4, 2 / 4, 0])
    assert bool(adapt.overlaps(confusion)[3].isnan())
