"""What a trained model can do beside its first samples."""

import dataclasses
import itertools

import pytest
import torch

from gestalt import recipes
from gestalt.ops.chance import seeded
from gestalt.run.folder import Plan, Run
from gestalt.tasks.generate import sampling, vaegan
from gestalt.tasks.generate.config import Edit, Sample

SETTINGS = recipes.generate_vaegan("tiny")


@pytest.fixture(scope="module")
def trained() -> sampling.Trained:
    picture = torch.rand(1, 3, 1, 16, 20, generator=seeded(1)) * 2 - 1
    picture = (picture * 127.5).round() / 127.5
    return sampling.trained_on(picture, 25.0, SETTINGS, vaegan.fit(picture, SETTINGS))


def test_sizes(trained):
    for size, shape in ((0, (16, 20)), (40, (32, 40)), ("16x50", (16, 50))):
        (result,) = sampling.sample(trained, Sample(samples=1, size=size))
        assert result.shape == (1, 3, 1, *shape)


def test_between_goes_from_one_sample_to_another(trained):
    way = list(sampling.sample(trained, Sample(samples=5, mode="between")))
    steps = [float((one - two).square().mean()) for one, two in itertools.pairwise(way)]
    ends = float((way[0] - way[-1]).square().mean())
    assert ends > 0
    assert max(steps) < ends


def test_local_changes_the_box_and_what_it_reaches(trained):
    settings = Sample(samples=3, mode="local", box=(0.0, 0.0, 0.5, 0.5))
    first, second, third = sampling.sample(trained, settings)
    inside = sampling.box((1, 16, 20), settings.box)[:, 0, 0]
    assert inside.sum() == 8 * 10
    changed = (first - second).square().mean(1)[:, 0]
    assert changed[inside].mean() > 2 * changed[~inside].mean()
    assert not torch.equal(second, third)


def test_along_the_sphere_keeps_the_length():
    one, two = (torch.randn(1, 4, 6, 6, generator=seeded(n)) for n in (1, 2))
    half = sampling.along_the_sphere(one, two, 0.5)
    assert abs(float(half.norm() / one.norm()) - 1) < 0.1
    torch.testing.assert_close(sampling.along_the_sphere(one, two, 0.0), one)
    torch.testing.assert_close(sampling.along_the_sphere(one, two, 1.0), two)
    torch.testing.assert_close(sampling.along_the_sphere(one, one, 0.5), one)


def test_edit_keeps_what_the_mask_keeps(trained):
    picture = torch.rand(1, 3, 1, 16, 20, generator=seeded(3)) * 2 - 1
    mask = torch.zeros(1, 1, 1, 16, 20, dtype=torch.bool)
    mask[..., :8, :] = True
    results = sampling.edit(picture, trained, Edit(), mask=mask)
    assert list(results) == list(range(1, len(trained.model.sizes)))
    for result in results.values():
        torch.testing.assert_close(result[..., 12:, :], picture[..., 12:, :])
        assert not torch.equal(result[..., :4, :], picture[..., :4, :])
    assert sampling.start_of(trained, picture, Edit()) == (len(trained.model.sizes)) // 2
    with pytest.raises(ValueError, match="past the finest level"):
        sampling.start_of(trained, picture, Edit(start=99))
    with pytest.raises(ValueError, match="trained on a picture"):
        sampling.start_of(trained, picture.expand(-1, -1, 3, -1, -1), Edit())


def test_what_a_model_cannot_do_is_refused(trained):
    with pytest.raises(ValueError, match="--frames is for clips"):
        sampling.check(trained, Sample(frames=7))
    with pytest.raises(ValueError, match="--box"):
        Sample(box=(0.5, 0.0, 0.2, 1.0))
    sampling.check(trained, Sample(mode="local"))
    with pytest.raises(ValueError, match="no place of the latent map"):
        sampling.check(trained, Sample(mode="local", box=(0.01, 0.01, 0.02, 0.02)))


def test_a_model_of_one_level_edits_nothing():
    picture = torch.zeros(1, 3, 1, 8, 10)
    trained = sampling.trained_on(picture, 25.0, SETTINGS, vaegan.fit(picture, SETTINGS))
    with pytest.raises(ValueError, match="one level"):
        sampling.start_of(trained, picture, Edit())


def test_saved_runs_load_exactly(trained, tmp_path):
    plan = Plan(
        command="generate make", inputs={}, settings=dataclasses.asdict(SETTINGS), engine="vaegan", preset="tiny",
        seed=0, device="cpu", threads=1, parent=None, argv=(), references=(),
    )  # fmt: skip
    with Run.create(tmp_path / "run", plan) as run:
        sampling.save(trained, run)
    loaded = sampling.load(tmp_path / "run", "cpu")
    assert loaded.settings == SETTINGS
    torch.testing.assert_close(loaded.source, trained.source, atol=2 / 255, rtol=0)
    one, two = (next(sampling.sample(which, Sample(samples=1))) for which in (trained, loaded))
    assert torch.equal(one, two)
