"""The table of a method: what each figure is, and that nothing beside it is made of the method."""

import csv
import dataclasses
from pathlib import Path

import pytest
import torch

from gestalt.metrics.frechet import fit_gaussian, frechet_distance
from gestalt.metrics.kernel import kid
from gestalt.nn import features
from gestalt.run.folder import Run
from gestalt.run.record import Plan
from gestalt.tasks.transfer import edits, exact, model, report
from gestalt.tasks.transfer.attribute import accuracy, fit_attribute
from gestalt.tasks.transfer.config import Networks
from gestalt.tasks.transfer.config import Test as Asked
from gestalt.tasks.transfer.exact import Exam
from gestalt.tasks.transfer.model import Model
from gestalt.tasks.transfer.pictures import as_images
from tasks.transfer.methods import CPU, TINY, Noted, drawn_sides, pictures, small
from tasks.transfer.oracles import Painter, Same

NAMES = list(TINY)
QUICK = Asked(steps=2, width=4, pictures=16, pairs=16, judge=3)


def table(run: Path) -> dict[str, float]:
    with (run / "outputs/tested.csv").open(newline="") as file:
        rows = list(csv.DictReader(file))
    assert list(rows[0]) == ["measure", "value"]
    assert len({row["measure"] for row in rows}) == len(rows)
    return {row["measure"]: float(row["value"]) for row in rows}


@pytest.fixture
def narrow(monkeypatch: pytest.MonkeyPatch) -> None:
    """Drawn tests train narrow networks."""
    for name, settings in TINY.items():
        kind = type(settings)

        def build(size: int, steps: int, networks: Networks, kind: type = kind) -> object:
            networks = dataclasses.replace(networks, code=32, separate=4)
            return kind(size=size, steps=steps, networks=networks, batch=2)

        monkeypatch.setitem(report.SETTINGS, name, build)  # pyright: ignore


@pytest.mark.usefixtures("narrow")
@pytest.mark.parametrize(("name", "two"), [("mask", False), ("disentangle", False), ("intersection", True)])
def test_on_drawn_faces_every_figure_is_kept(name, two, tmp_path):
    settings = dataclasses.replace(QUICK, two_sided=two)
    for folder in ("run", "again"):
        with Run.create(tmp_path / folder, Plan(command="transfer test", engine=name)) as run:
            report.drawn(name, settings, seed=1, device=CPU, run=run)
    found = table(tmp_path / "run")
    assert found == table(tmp_path / "again")
    for figure in ("in", "out", "retrieval", "remove_in", "swap_in", "mask_iou", "leakage", "classifier_accuracy"):
        assert 0 <= found[figure] <= 1
    for figure in ("in", "retrieval", "remove_in", "swap_in"):
        assert f"{figure}_identity" in found
    assert ("translated_called_plain" in found) == (name == "intersection")
    assert ("removed_called_plain" in found) != two
    assert 0 <= found["mask_iou_best"] <= 1
    assert {path.name for path in (tmp_path / "run/outputs").iterdir()} >= {"grid.png", "removed.png", "tested.csv"}
    assert (tmp_path / "run/weights/model.safetensors").exists()


@pytest.mark.parametrize("name", NAMES)
def test_pictures_held_out_are_measured(name, tmp_path):
    content, plain = drawn_sides()
    trained = Model(small(name), TINY[name], 0.5)
    with Run.create(tmp_path / "run", Plan(command="transfer test")) as run:
        report.held_out(trained, content, plain, QUICK, seed=1, run=run)
    found = table(tmp_path / "run")
    x, y = (as_images(side.held_out[:16]) for side in (content, plain))
    with torch.no_grad():
        again_x, again_y = trained.net.rebuilt(x, y)
    assert found["rebuilt_content"] == pytest.approx(float((again_x - x).abs().mean()), abs=1e-4)
    assert found["rebuilt_plain"] == pytest.approx(float((again_y - y).abs().mean()), abs=1e-4)
    for kind, side, some in (("content", content, x), ("plain", plain, y)):
        usual = as_images(side.learned.double().mean(0, keepdim=True))
        assert found[f"rebuilt_{kind}_mean_picture"] == pytest.approx(float((usual - some).abs().mean()), abs=1e-4)
    assert "leakage" in found
    assert {path.name for path in (tmp_path / "run/outputs").iterdir()} >= {"grid.png", "removed.png", "tested.csv"}


@pytest.mark.parametrize("count", [(1, 1), (1, 5), (3, 2)])
def test_few_pictures_held_out_are_measured_too(count, tmp_path):
    content, plain = (side._replace(held_out=side.held_out[:n]) for side, n in zip(drawn_sides(), count, strict=True))
    with Run.create(tmp_path / "run", Plan(command="transfer test")) as run:
        report.held_out(Model(small("mask"), TINY["mask"], 0.5), content, plain, QUICK, seed=1, run=run)
    found = table(tmp_path / "run")
    assert all(value == value for value in found.values())
    assert ("leakage" in found) == ("guide_heeded" in found) == (min(count) > 1)


# -- rates -------------------------------------------------------------------------------------------------


@pytest.fixture(scope="module")
def asked() -> Exam:
    return exact.exam(48, 16, seed=5)


def test_the_truth_is_where_it_should_be_and_doing_nothing_is_not(asked):
    content, plain = exact.sides(200, 16, seed=2)
    settings = dataclasses.replace(QUICK, judge=70)
    x, y = asked.source().image, asked.target()
    # The guides of `rates` are the sources, turned by one: an exam that asks for these glasses.
    turned = asked._replace(other=asked.own)
    right = report.rates(Painter(turned), content, plain, x, y, settings, two=False, seed=1, run=Noted())
    same = report.rates(Same(), content, plain, x, y, settings, two=False, seed=1, run=Noted())
    assert right["classifier_accuracy"] > 0.75
    assert right["added_changed"] > 0.005
    for name in ("added_called_content", "removed_called_plain"):
        assert same[name] == same[f"{name}_identity"] == right[f"{name}_identity"] < right[name] - 0.4
    assert same["added_changed"] == same["removed_changed"] == same["guide_heeded"] == 0
    assert right["guide_heeded"] > 0.01
    assert same["classifier_accuracy"] == right["classifier_accuracy"]


def test_rates_are_those_of_the_classifier():
    content, plain = drawn_sides()
    x, y = pictures(5, seed=1), pictures(7, seed=2)
    net = small("intersection")
    found = report.rates(net, content, plain, x, y, QUICK, two=True, seed=4, run=Noted())
    judge = fit_attribute(as_images(content.learned), as_images(plain.learned), steps=3, seed=4)
    assert found["classifier_accuracy"] == accuracy(judge, x, y[:5])
    given = edits.add(net, y[:5], x.roll(1, 0)).image
    assert found["added_called_content"] == pytest.approx(float((judge.probability(given) > 0.5).float().mean()))
    assert found["added_changed"] == pytest.approx(float((given - y[:5]).abs().mean()), rel=1e-4)
    by_next = edits.add(net, y[:5], x.roll(2, 0)).image
    assert found["guide_heeded"] == pytest.approx(float((given - by_next).abs().mean()), rel=1e-4)
    usual = net.separate[0](x).mean(0, keepdim=True).expand(5, -1, -1, -1)
    by_all = net.render(net.common(y[:5]), usual).image
    assert found["added_called_content_mean_answer"] == pytest.approx(
        float((judge.probability(by_all) > 0.5).float().mean())
    )
    assert "removed_called_plain" not in found  # of two kinds of content, none is neither
    back = edits.add(net, x, y[:5].roll(1, 0), side=edits.PLAIN).image
    assert found["translated_called_plain"] == pytest.approx(float((judge.probability(back) <= 0.5).float().mean()))


# -- features ----------------------------------------------------------------------------------------------


def test_likeness_is_of_mean_features_of_about_one():
    one, other = pictures(6, seed=1), 0.5 * pictures(8, seed=2)
    found = report.likeness(one, other, "gabor")
    extractor = features.load("gabor")
    seen = [extractor(some).mean((2, 3)) for some in (one, other)]
    scale = torch.cat(seen).square().mean().sqrt()
    seen = [some / scale for some in seen]
    assert found["kid"] == pytest.approx(kid(seen[0], seen[1]).mean, rel=1e-3)
    assert found["fid"] == pytest.approx(frechet_distance(*map(fit_gaussian, seen)), rel=1e-3)
    nothing = report.likeness(one, one, "gabor")
    assert nothing["fid"] == pytest.approx(0, abs=1e-4)
    assert nothing["fid"] < found["fid"]


def test_features_stand_beside_those_of_pictures_left_as_they_are():
    content, plain = drawn_sides()
    x, y = (as_images(side.held_out[:6]) for side in (content, plain))
    settings = dataclasses.replace(QUICK, features="gabor")
    found = report.rates(Same(), content, plain, x, y, settings, two=False, seed=1, run=Noted())
    for name in ("added_kid", "added_fid", "removed_kid", "removed_fid"):
        assert found[name] == found[f"{name}_identity"]
    net = small("intersection")
    found = report.rates(net, content, plain, x, y, settings, two=True, seed=1, run=Noted())
    assert "removed_kid" not in found  # what has no content is of neither side
    back = edits.add(net, x, y.roll(1, 0), side=edits.PLAIN).image
    assert found["translated_fid"] == pytest.approx(report.likeness(back, y, "gabor")["fid"], rel=1e-4)
    assert found["translated_fid_identity"] == pytest.approx(report.likeness(x, y, "gabor")["fid"], rel=1e-4)
    assert "added_kid" not in report.rates(Same(), content, plain, x, y, QUICK, two=False, seed=1, run=Noted())


def test_features_that_do_not_look_at_pictures_are_refused(monkeypatch):
    report.check_features("gabor")
    with pytest.raises(ValueError, match="magic"):
        report.check_features("magic")
    of_clips = dataclasses.replace(features.load("gabor"), kinds=("clip",))
    monkeypatch.setattr(features, "load", lambda name: of_clips)  # noqa: ARG005
    with pytest.raises(ValueError, match="--features gabor looks at clips"):
        report.check_features("gabor")


def test_shown_are_as_many_as_the_fit_shows():
    content, plain = drawn_sides()
    run = Noted()
    trained = Model(small("mask"), TINY["mask"], 0.5)
    report.held_out(trained, content, plain, QUICK, seed=1, run=run)
    x, y = (as_images(side.held_out[: model.SHOWN]) for side in (content, plain))
    assert torch.equal(run.images["grid.png"], model.grid(trained.net, y, x))
    assert torch.equal(run.images["removed.png"], model.removed(trained.net, x))
