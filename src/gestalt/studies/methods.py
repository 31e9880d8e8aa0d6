"""Every way to make an analogy that the comparison shows, in one table: its name, what it is called, what does it.

All get the same two pictures at the same size. What is trained for both directions at once, the pair network and
CycleGAN, is trained once and counted in each direction's seconds, since a single picture costs as much.
"""

import dataclasses
import itertools
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import NamedTuple

from torch import Tensor, nn

from gestalt import recipes
from gestalt.nn.chain import Chain
from gestalt.nn.features import Features, available, load
from gestalt.nn.trunks import ARCHITECTURES
from gestalt.ops.chance import seeded
from gestalt.ops.pyramid import follow_clip
from gestalt.ops.stats import match_histogram
from gestalt.run import record
from gestalt.run.service import NullRun
from gestalt.studies.cells import Made, Shared, Timed
from gestalt.studies.config import Compare
from gestalt.tasks.analogy import cyclegan, deep_analogy, modes, pair, patch, sliced, style
from gestalt.tasks.analogy.config import CycleGan, DeepAnalogy, Pair, Sliced, Style
from gestalt.tasks.analogy.measures import score, two_sided
from gestalt.tasks.generate import singan


class PairNetwork(NamedTuple):
    """A trained pair network.

    settings: of its training.
    chains: for "a2b" and "b2a", the one that gives the appearance.
    origin: the run that trained it, where that was another one.
    """

    settings: Pair
    chains: Mapping[str, Chain]
    origin: str = ""


class Given(NamedTuple):
    """What a method works from.

    direction: "a2b" or "b2a".
    structure, appearance: (1, 3, H, W) in [-1, 1], at working size.
    settings, seed: of the comparison.
    network, translators, features: what several cells share.
    """

    direction: str
    structure: Tensor
    appearance: Tensor
    settings: Compare
    seed: int
    network: Shared[PairNetwork]
    translators: Shared[Mapping[str, nn.Module]]
    features: Shared[Features]


def train_pair(a: Tensor, b: Tensor, settings: Compare, *, seed: int, run: NullRun) -> PairNetwork:
    """Train the pair network on both pictures, (1, 3, H, W) in [-1, 1]."""
    asked = pair_settings(settings)
    chain_a, chain_b = pair.fit(a, b, asked, seed=seed, run=run)
    return PairNetwork(asked, {"a2b": chain_b, "b2a": chain_a})


def pair_settings(settings: Compare) -> Pair:
    """Of the pair network: those of its default preset at another size and number of steps."""
    fast = recipes.analogy_pair("fast")
    coarse = max(1, round(settings.pair_steps * fast.coarse_steps / fast.steps))
    return dataclasses.replace(fast, size=settings.size, steps=settings.pair_steps, coarse_steps=coarse)


def pair_of_run(run: Path, a: Tensor, b: Tensor) -> tuple[PairNetwork, float]:
    """The pair network that a run has trained on these two pictures, in either order, and the seconds it took.

    Args:
        run: folder of a run of analogy make --engine pair.
        a, b: (1, 3, H, W) in [-1, 1], at working size; the network comes to their device.

    Raises:
        ValueError: it is no such run, or was trained on other pictures or at another size.
    """
    trained = modes.load(run, a.device)
    mapped = dataclasses.replace(trained.settings, mode="map")
    seconds = float(record.read(run)["seconds"])
    for (first, to_first), (second, to_second) in itertools.permutations(
        ((trained.a, trained.chain_a), (trained.b, trained.chain_b))
    ):
        if _is_same(first, a) and _is_same(second, b):
            return PairNetwork(mapped, {"a2b": to_second, "b2a": to_first}, run.resolve().name), seconds
    sizes = [f"{x.shape[3]} x {x.shape[2]}" for x in (trained.a, trained.b, a, b)]
    raise ValueError(
        f"{run} was not trained on these two pictures: its own have {sizes[0]} and {sizes[1]} pixels, these have "
        f"{sizes[2]} and {sizes[3]} at this --size; name a run of the same pictures and --size, or leave it away"
    )


def _is_same(one: Tensor, other: Tensor) -> bool:
    """Whether two pictures, (1, 3, H, W) in [-1, 1], differ by no more than rounding to bytes."""
    return one.shape == other.shape and float((one - other).abs().max()) < 0.01


def train_translators(a: Tensor, b: Tensor, settings: Compare, *, seed: int, run: NullRun) -> Mapping[str, nn.Module]:
    """Train CycleGAN on both pictures, (1, 3, H, W) in [-1, 1]; "a2b" and "b2a" of what it gives are translators."""
    return cyclegan.fit(a, b, CycleGan(steps=settings.cyclegan_steps), seed=seed, run=run)


def check_features(spec: str) -> None:
    """Refuse features that cannot be; whether weights can be downloaded shows only in the cells that need them.

    Raises:
        ValueError: there is no such network, it does not look at pictures, or its file does not fit.
    """
    arch, colon, _ = spec.partition(":")
    if arch in ARCHITECTURES and ARCHITECTURES[arch].kind != "image":
        raise ValueError(f"--features {arch} looks at clips, and these are pictures: take vgg19, squeezenet or gabor")
    if colon or arch not in available():
        load(spec)


def load_features(a: Tensor, b: Tensor, settings: Compare, *, seed: int) -> Features:
    """The network whose features neural style and Deep Image Analogy work with, on the pictures' device."""
    return load(settings.features, (a, b), seed=seed).to(a.device)


def _histogram(given: Given, run: Timed) -> Made:
    del run
    return Made(match_histogram(given.structure, given.appearance))


def _patch(given: Given, run: Timed) -> Made:
    settings = dataclasses.replace(recipes.analogy_patch("fast"), size=given.settings.size)
    return Made(
        patch.transfer(given.structure, given.appearance, settings, seed=given.seed, run=run, name=given.direction)
    )


def _pair(given: Given, run: Timed) -> Made:
    """The picture enters the other's chain at the level that measures best, as in analogy make --engine pair."""
    network = given.network(run)
    chain = network.chains[given.direction]
    start = modes.best_start(given.structure, given.appearance, chain, network.settings, seed=given.seed)
    picture = modes.map_picture(given.structure, chain, start, seed=given.seed)
    trained = f", trained by {network.origin}" if network.origin else ""
    return Made(picture, f"enters at level {start} of 0 to {len(chain.sizes) - 1}{trained}")


def _singan(given: Given, run: Timed) -> Made:
    """SinGAN's paint-to-image: a model of B alone, and A enters at the level that measures best, by the same rule."""
    settings = dataclasses.replace(
        recipes.generate_singan("fast"), size=given.settings.size, steps=given.settings.singan_steps
    )
    model = singan.fit(given.appearance[:, :, None], settings, seed=given.seed, run=run)
    clip = given.structure[:, :, None]
    sizes = follow_clip(clip.shape[2:], model.sizes)
    if len(sizes) < 2:
        raise ValueError("at this --size SinGAN has one level, where nothing can enter: take a larger one")
    results = {
        start: model.sample(sizes, seeded(given.seed, start), begin=clip, start=start)[:, :, 0]
        for start in range(1, len(sizes))
    }
    measured = two_sided(results, given.structure, given.appearance)
    start = min(measured, key=lambda level: score(measured[level]))
    return Made(results[start], f"enters at level {start} of 1 to {len(sizes) - 1}")


def _cyclegan(given: Given, run: Timed) -> Made:
    translators = given.translators(run)
    return Made(cyclegan.translate(given.structure, translators[given.direction]))


def _deep(given: Given, run: Timed) -> Made:
    extractor, settings = given.features(run), DeepAnalogy(iterations=given.settings.deep_iterations)
    picture = deep_analogy.make(
        given.structure, given.appearance, settings, extractor=extractor, seed=given.seed, run=run
    )
    return Made(picture, f"features: {extractor.name}")


def _style(given: Given, run: Timed) -> Made:
    extractor, settings = given.features(run), Style(iterations=given.settings.style_iterations)
    picture = style.make(given.structure, given.appearance, settings, extractor=extractor, seed=given.seed, run=run)
    return Made(picture, f"features: {extractor.name}")


def _sliced(given: Given, run: Timed) -> Made:
    settings = Sliced(steps=given.settings.sliced_steps)
    return Made(sliced.make(given.structure, given.appearance, settings, seed=given.seed, run=run))


@dataclass(frozen=True)
class Method:
    """A column of the figure.

    label: above the column.
    make: the method.
    sees: whether it works with the features that `--features` names.
    """

    label: str
    make: Callable[[Given, Timed], Made]
    sees: bool = False


METHODS: dict[str, Method] = {
    "pair": Method("ours, pair network", _pair),
    "patch": Method("ours, patches", _patch),
    "deep": Method("Deep Image Analogy", _deep, sees=True),
    "singan": Method("SinGAN, paint to image", _singan),
    "cyclegan": Method("CycleGAN", _cyclegan),
    "style": Method("neural style", _style, sees=True),
    "sliced": Method("sliced Wasserstein patches", _sliced),
    "histogram": Method("histogram match", _histogram),
}
"""In the order of the figure."""
