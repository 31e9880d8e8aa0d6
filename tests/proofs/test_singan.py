"""What SinGAN must do on a drawn picture and a drawn clip, beside the nulls that fool single measures.

    python -m pytest -m slow tests/proofs/test_singan.py -s

prints a line per figure; about a minute each. That patches are closer than half of the nulls', and the bounds of the
sharpness, are those of the method's note, section 7. A clip's motion is only printed: these small networks do not keep
a ground still.
"""

from __future__ import annotations

import functools
import itertools
import statistics

import pytest
from torch import Tensor

from gestalt.drawn import discs, objects
from gestalt.metrics import nulls
from gestalt.metrics.liveliness import motion, sharpness
from gestalt.metrics.patches import nearest_field
from gestalt.ops.chance import seeded
from gestalt.ops.resize import resize
from gestalt.tasks.generate import singan
from gestalt.tasks.generate.config import SinGan
from gestalt.tasks.generate.singan import SinGanModel

pytestmark = pytest.mark.slow

SETTINGS = {
    "picture": SinGan(coarsest=18, steps=400),
    "clip": SinGan(coarsest=14, shortest=4, width=16, widest=16, steps=300),
}
SAMPLES = 6


@functools.cache
def source(kind: str) -> Tensor:
    """Shaded objects on a texture, 36 x 48 pixels; or 7 frames of discs that bounce over a ground, 28 x 36."""
    if kind == "picture":
        return resize(objects.pair(size=(72, 96), seed=1)[0].image, (36, 48)).clamp(-1, 1)[:, :, None]
    return discs.bouncing(7, 28, 36)


@functools.cache
def trained(kind: str, seed: int) -> SinGanModel:
    return singan.fit(source(kind), SETTINGS[kind], seed=seed)


def distance(sample: Tensor, given: Tensor) -> float:
    """Mean squared distance of the sample's patches to their nearest of what was given, and the reverse, added."""
    forward, backward = (
        nearest_field(*both)[0].distance.double().mean() for both in ((sample, given), (given, sample))
    )
    return float(forward + backward)


def tell(name: str, **figures: float) -> None:
    print(f"\n{name}: {', '.join(f'{key} {value:.4f}' for key, value in figures.items())}", end="")


@pytest.mark.parametrize("seed", [0, 1])
@pytest.mark.parametrize("kind", SETTINGS)
def test_samples_are_made_of_the_inputs_patches_and_the_fixed_noise_becomes_the_input(kind, seed):
    given, model = source(kind), trained(kind, seed)
    rmse = float((model.reconstruct() - given).square().mean().sqrt())
    others = {"mean": nulls.mean_colours(given, 1)[0], "shuffle": nulls.shuffled_pixels(given, 1)[0]}
    null = float((others["mean"] - given).square().mean().sqrt())
    samples = [model.sample(model.sizes, seeded(seed, 1, n)) for n in range(SAMPLES)]
    found = statistics.median(distance(sample, given) for sample in samples)
    far = {name: distance(other, given) for name, other in others.items()}
    apart = [float((one - other).square().mean().sqrt()) for one, other in itertools.combinations(samples, 2)]
    sharp = statistics.median(sharpness(sample, given) for sample in samples)
    lively = {"motion": statistics.median(motion(sample, given) for sample in samples)} if kind == "clip" else {}
    tell(f"{kind} seed {seed}", rec=rmse, constant=null, patches=found, apart=min(apart), sharp=sharp, **lively, **far)
    assert rmse < 0.5 * null, "the fixed noise becomes the input"
    assert min(apart) > 0.3 * null, "other noise becomes something else"
    for name, other in far.items():
        assert found < 0.5 * other, f"patches no closer than half of those of the null {name}"
    assert 0.7 <= sharp <= 1.5


@pytest.mark.parametrize("kind", SETTINGS)
def test_training_is_what_does_it(kind):
    given = source(kind)
    begun = singan.fit(given, SinGan(**{**vars(SETTINGS[kind]), "steps": 1}), seed=0)
    before, after = (distance(model.sample(model.sizes, seeded(5)), given) for model in (begun, trained(kind, 0)))
    tell(f"{kind} trained", before=before, after=after)
    assert after < 0.5 * before
