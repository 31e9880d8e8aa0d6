"""What a trained pair can do, and reading one back from its run."""

import dataclasses
import json
import re
import shutil

import pytest
import torch
from torch import Tensor

from gestalt import cli, recipes
from gestalt.drawn import objects
from gestalt.media import image
from gestalt.ops.chance import seeded
from gestalt.ops.resize import resize
from gestalt.run import checkpoint
from gestalt.run.record import VERSION
from gestalt.run.service import NullRun
from gestalt.tasks.analogy import modes, pair
from gestalt.tasks.analogy.config import Apply

Two = tuple[Tensor, Tensor]
TINY = recipes.analogy_pair("tiny")


class Kept(NullRun):
    """A run that remembers what it was given."""

    def __init__(self):
        self.images, self.measures = {}, {}

    def image(self, name, image, caption, **place):
        assert caption
        assert place.keys() <= {"row", "col", "kind"}
        self.images[name] = image

    def measure(self, **values):
        self.measures.update(values)


@pytest.fixture(scope="module")
def pictures():
    one, other = objects.pair(size=(18, 24), seed=0)
    return one.image, other.image


@pytest.fixture(scope="module")
def trained(pictures: Two):
    return pair.fit(*pictures, TINY, seed=0)


@pytest.fixture(scope="module")
def run(pictures: Two, tmp_path_factory):
    """A finished run of the command line."""
    place = tmp_path_factory.mktemp("pair")
    for name, picture in zip("ab", pictures, strict=True):
        image.write(place / f"{name}.png", picture)
    argv = ["analogy", "make", str(place / "a.png"), str(place / "b.png"), "--engine", "pair", "--preset", "tiny"]
    before = torch.get_num_threads()
    assert cli.run([*argv, "--quiet", "--device", "cpu", "--threads", "1", "--out", str(place / "run")]) == 0
    yield place / "run"
    torch.set_num_threads(before)


def test_mapping_at_the_finest_level_is_the_other_generator_itself(pictures: Two, trained):
    _, chain = trained
    top = len(chain.sizes) - 1
    with torch.no_grad():
        expected = torch.tanh(chain.nets[top](pictures[0]))
    assert torch.equal(modes.map_picture(pictures[0], chain, top), expected)


def test_lower_starts_go_through_more_levels_and_take_the_seed(pictures: Two, trained):
    _, chain = trained
    top = len(chain.sizes) - 1
    results = [modes.map_picture(pictures[0], chain, start) for start in range(top + 1)]
    assert len({float(result.sum()) for result in results}) == top + 1
    assert torch.equal(modes.map_picture(pictures[0], chain, top, seed=1), results[top]), "no noise at the entrance"
    assert not torch.equal(modes.map_picture(pictures[0], chain, 0, seed=1), results[0])


def test_refining_enters_the_same_chain_at_its_finest_residual_level(pictures: Two, trained):
    _, chain = trained
    result = modes.map_picture(pictures[0], chain, 1)
    first = len(chain.sizes) - chain.plain - 1
    # At level 0 the noise is that of a sample, and would leave nothing of the result.
    expected = chain.climb(result, chain.sizes, range(first, first + 3), seeded(0, first), float(first > 0)).clamp(
        -1, 1
    )
    assert chain.plain == 2
    assert torch.equal(modes.refine(result, chain), expected)


def test_samples_come_in_aligned_pairs(trained):
    own, other = trained
    sample, twin = modes.draw_pair(own, other, seed=0)
    assert sample.shape == twin.shape == (1, 3, *own.sizes[-1])
    with torch.no_grad():
        assert torch.equal(twin, torch.tanh(other.nets[-1](sample)).clamp(-1, 1))
    assert not torch.equal(sample, modes.draw_pair(own, other, seed=1)[0])


def test_the_mode_sample_keeps_as_many_pairs_as_asked(pictures: Two):
    run = Kept()
    settings = dataclasses.replace(TINY, mode="sample", samples=2)
    results = pair.make(*pictures, settings, run=run)
    names = {
        f"{name}{part}.png" for name in ("a2b", "b2a") for part in ("", "_000", "_001", "_000_sample", "_001_sample")
    }
    assert run.images.keys() == names | {"a.png", "b.png"}
    assert torch.equal(results["a2b"], run.images["a2b_000.png"])


def test_auto_takes_the_level_that_measures_best_and_a_number_that_level(pictures: Two, trained):
    _, chain = trained
    run = Kept()
    auto = modes.analogy(*pictures, chain, TINY, seed=0, run=run, name="a2b")
    taken = run.measures["a2b_start"]
    assert torch.equal(auto, modes.map_picture(pictures[0], chain, taken))
    for start in range(3):
        found = modes.analogy(*pictures, chain, dataclasses.replace(TINY, start=start), seed=0, run=run, name="a2b")
        assert torch.equal(found, modes.map_picture(pictures[0], chain, start))
        assert run.measures["a2b_start"] == start


def test_what_a_run_keeps_is_what_was_trained(run):
    loaded = modes.load(run, "cpu")
    a, b = (image.read(run.parent / f"{name}.png") for name in "ab")
    chain_a, chain_b = pair.fit(a, b, TINY, seed=0)
    assert loaded.settings == TINY
    for kept, chain in ((loaded.chain_a, chain_a), (loaded.chain_b, chain_b)):
        assert kept.sizes == chain.sizes
        assert kept.sigmas == chain.sigmas
        assert torch.equal(modes.map_picture(a, kept, 0), modes.map_picture(a, chain, 0))
    assert torch.equal(loaded.a, a)


def test_apply_gives_the_first_picture_the_result_of_the_training_run(run, tmp_path):
    argv = ["analogy", "apply", str(run), str(run.parent / "a.png"), "--quiet", "--device", "cpu"]
    assert cli.run([*argv, "--out", str(tmp_path / "x")]) == 0
    assert (tmp_path / "x/outputs/a2b.png").read_bytes() == (run / "outputs/a2b.png").read_bytes()
    assert cli.run([*argv, "--direction", "b2a", "--start", "1", "--out", str(tmp_path / "y")]) == 0
    assert json.loads((tmp_path / "y/metrics.json").read_text())["b2a_start"] == 1
    assert json.loads((tmp_path / "y/run.json").read_text())["engine"] == "pair"


def test_apply_takes_pictures_of_any_size(run):
    loaded = modes.load(run, "cpu")
    for size, expected in (((60, 20), (24, 8)), ((5, 9), (5, 9)), ((1, 50), (1, 24))):
        result = modes.apply(torch.rand(1, 3, *size), loaded, Apply(mode="refine"))
        assert result.shape == (1, 3, *expected)
        assert result.abs().max() <= 1


@pytest.mark.parametrize(
    ("change", "spoiled", "message"),
    [
        ({"engine": "patch"}, "", "holds no trained pair; expected a run of: gestalt analogy make A B --engine pair"),
        ({"status": "stopped"}, "", "is not finished; go on with: gestalt resume"),
        ({}, "weights/pair.safetensors", "is not a weight file"),
        ({}, "outputs/b.png", "expected a picture"),
    ],
)
def test_a_run_that_cannot_be_used_is_told(change, spoiled, message, run, tmp_path):
    copy = tmp_path / "copy"
    shutil.copytree(run, copy)
    content = json.loads((copy / "run.json").read_text())
    (copy / "run.json").write_text(json.dumps(content | change))
    if spoiled:
        (copy / spoiled).write_bytes(b"x" * 99)
    with pytest.raises(ValueError, match=message):
        modes.load(copy, "cpu")


@pytest.mark.parametrize("fault", ["a level is missing", "another shape", "another setting", "no settings"])
def test_weights_of_another_version_are_told(fault, run, monkeypatch):
    tensors, config = checkpoint.read_weights(run / "weights" / "pair.safetensors")
    changed = {
        "a level is missing": ({key: value for key, value in tensors.items() if "a.1." not in key}, config),
        "another shape": ({**tensors, "a.0.convs.0.weight": torch.zeros(3, 3)}, config),
        "another setting": (tensors, {**config, "settings": {"depth": 3}}),
        "no settings": (tensors, {"gestalt": "9.9"}),
    }[fault]
    monkeypatch.setattr(checkpoint, "read_weights", lambda *_: changed)
    by = "gestalt 9.9" if fault == "no settings" else f"an earlier state of gestalt {VERSION}"
    with pytest.raises(ValueError, match=f"were written by {re.escape(by)} and do not fit this version"):
        modes.load(run, "cpu")


def test_a_level_that_is_not_there(run):
    loaded = modes.load(run, "cpu")
    with pytest.raises(ValueError, match="--start 3 is past the finest level: this pair has levels 0 to 2"):
        modes.apply(resize(loaded.a, (9, 9)), loaded, Apply(start=3))
