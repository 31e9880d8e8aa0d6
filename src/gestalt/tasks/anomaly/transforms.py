"""Anomalies of a picture as patches for which critics cannot tell what was done to it: one small GAN per scale.

With T_1 ... T_M transformations (`transformations`), x_n one of the k good pictures at level n = 0 ... N, coarse to
fine, and D_n a critic that gives every 11x11 patch M + 1 logits, "from x_n under T_m" or "generated" (the last),

    L_D = mean_m CE(D(T_m(x_n)), m) + mean_m CE(D(T_m(fake_n)), M+1)
    L_G = mean_m CE(D(T_m(fake_n)), m) + alpha |rec_n - x_n|^2

with means over pictures and places. The generator of the level exists only to supply what is nearly good:

    fake_n = G^n(p + sigma_n z; p, i)    p = up(fake_{n-1}), at level 0 zeros and sigma_0 = 1;  i the picture's number
    rec_n  = G^n(q + sigma_n z*; q, i)   q = up(rec_{n-1}), z* one fixed noise per level, the same for all pictures
    G^n(u; v, i) = v + tanh(body(u, i))  sigma_n = 0.1 mean |x_n - q|

Each iteration takes `turns` steps of the critic, with a new fake_{n-1} each, then as many of the generator with the
last. At a picture to judge, P_n[m] = softmax over the first M logits of D_n(T_m(x_n)) at m, brought back to the places
of x_n; the map of level n is a_n = 1 - mean_m P_n[m]. HIGHER IS MORE ANOMALOUS. A level's score is the mean of the
worst part of a_n.

Where this departs from the authors' published code, and the test of each:

1. Transformations move whole pixels; those that are equal on the good pictures are dropped (test_transformations.py,
   test_a_grey_picture_says_what_is_dropped).
2. Batch normalisation judged pictures by running means over real and generated ones. Here each kind has batches of its
   own in training, and a finished critic the exact moments of the transformed good pictures, so that its answer depends
   on its 11x11 pixels alone, in any batch (test_settled_moments, test_a_pixel_reaches_11_by_11_answers,
   test_batches_are_judged_as_single_pictures). Normalisation over the channels at each place, which needs no batch,
   takes contrast out and was clearly worse on digits. A batch has one shape, so good pictures of mixed shapes are
   normalised apart in training; where it does not fit (`critics.AT_ONCE`), every piece of it is a batch.
3. Aspect ratios are kept: the short side runs through the ladder of sizes. A picture that is not larger than the finest
   level has no more levels than its ratio asks for (test_level_sides).
4. Maps are aligned before the worst places are taken, so that a place votes once, and patches that a shift moved out of
   the frame do not vote (test_a_changed_pixel_is_the_peak).
5. A level's score is given from what the good pictures have, as a part of what is left above that, so that levels
   can be averaged without looking at other pictures (test_the_good_pictures_score_zero).
6. With one transformation there is nothing to name; P is then "real" against "generated" (test_nothing_to_name).
7. The order of the transformations is that of the list, not shuffled: it has no effect.

References:
    Sheynin, Benaim, Wolf: A Hierarchical Transformation-Discriminating Generative Model for Few Shot Anomaly Detection.
        ICCV 2021.
    Shaham, Dekel, Michaeli: SinGAN: Learning a Generative Model from a Single Natural Image. ICCV 2019.
"""

import copy
import math
from collections.abc import Iterator, Mapping, Sequence
from typing import Any

import torch
from torch import Generator, Tensor
from torch.nn import functional as F

from gestalt.ops.chance import noise, seeded
from gestalt.ops.pyramid import Size
from gestalt.ops.resize import resize
from gestalt.run.service import NullRun
from gestalt.tasks.anomaly.config import Transforms
from gestalt.tasks.anomaly.critics import MARGIN, Body, anomaly_map, named, naming_losses, settled
from gestalt.tasks.anomaly.halves import halves
from gestalt.tasks.anomaly.scorer import FromTensors, top_mean
from gestalt.tasks.anomaly.transformations import Transformation, distinct, listed

BETAS, WIDEN_EVERY, SLOWS_D, SLOWS_G, SLOWER = (0.5, 0.999), 4, 500, 1000, 0.1
"""The learning rates of critic and generator are multiplied by `SLOWER` from these iterations on."""

LOG_EVERY, NARROWEST = 20, 8
"""Iterations between records; long side over short side from which on a picture is a strip."""

LEAST_ROOM = 0.05
"""Below this a level's room above the good pictures' score is not trusted: small differences would count too much."""


class Shots:
    """The good pictures of one shape, and what their generators are given.

    Args:
        numbers: i of each of the K pictures.
        levels: (K, 3, H, W) in [-1, 1] at every level.
        seed: of z*.

    Attributes:
        sigmas: (K, 1, 1, 1) at every level that is begun.
        anchors: z*, (1, 3, H, W), at every level.
    """

    def __init__(self, numbers: Sequence[int], levels: Sequence[Tensor], seed: int) -> None:
        self.levels, self.sigmas = list(levels), list[Tensor]()
        self._plane = torch.tensor(numbers).to(levels[0]).view(-1, 1, 1, 1)
        shapes = [(1, 1, *x.shape[2:]) for x in levels]
        self.anchors = [
            noise(shape, seeded(seed, n, 1), x).expand(1, 3, -1, -1)
            for n, (shape, x) in enumerate(zip(shapes, levels, strict=True))
        ]

    def noise(self, n: int, chance: Generator) -> Tensor:
        """z of level n, (K, 3, H, W); at level 0 the channels are equal."""
        x = self.levels[n]
        return noise((len(x), 1 if n == 0 else 3, *x.shape[2:]), chance, x).expand_as(x)

    def generated(self, g: Body, n: int, p: Tensor, z: Tensor) -> Tensor:
        """G^n(p + sigma_n z; p, i)."""
        plane = self._plane.expand(-1, 1, *p.shape[2:])
        u = F.pad(torch.cat([p + self.sigmas[n] * z, plane], 1), (MARGIN,) * 4)
        return p + torch.tanh(g(u))

    @torch.no_grad()
    def below(self, generators: Sequence[Body], chance: Generator | None) -> Tensor:
        """Results of the finished levels, brought to the next: p of new noise, or q, of z*, without `chance`."""
        p = torch.zeros_like(self.levels[0])
        for n, g in enumerate(generators):
            z = self.noise(n, chance) if chance else self.anchors[n].expand_as(p)
            p = resize(self.generated(g, n, p, z), self.levels[n + 1].shape[2:])
        return p


class TransformModel(FromTensors):
    """What judges: a critic per level, and what the good pictures score.

    Args:
        kept: places of its transformations in the list of their set.
        sides: short side of every level.
        settings: of the method.

    Attributes:
        critics: of all levels, coarse to fine.
        ceilings: score of the good pictures at every level.
        health: accuracy on held-out material, and what guessing gives; nothing if that was not measured.
    """

    def __init__(self, kept: Sequence[int], sides: Sequence[int], settings: Transforms) -> None:
        self.kept, self.sides, self.settings = list(kept), list(sides), settings
        every = listed(settings.transformations)
        self.transformations = [every[place] for place in kept]
        self.critics: list[Body] = []
        self.ceilings: list[float] = []
        self.health: tuple[float, ...] = ()

    def judged(self, image: Tensor) -> tuple[Tensor, Tensor]:
        """Score and map of a picture of any size; 0 is like the good pictures, 1 the most there is.

        Raises:
            ValueError: it is a strip.
        """
        score, whole = image.new_zeros(()), torch.zeros(1, 1, *image.shape[2:], device=image.device)
        for a, ceiling in zip(self._maps(image), self.ceilings, strict=True):
            room = max(1 - ceiling, LEAST_ROOM) * len(self.ceilings)
            score = score + (top_mean(a, self.settings.worst) - ceiling) / room
            # The frame, where no patch has its centre, is given what its nearest patch is: that one saw it.
            framed = F.pad((a - ceiling) / room, (MARGIN,) * 4, mode="replicate")
            whole = whole + F.interpolate(framed, size=whole.shape[2:], mode="bilinear")
        return score, whole

    @torch.no_grad()
    def accuracy(self, image: Tensor) -> float:
        """Part of an image's patches, (1, 3, H, W) in [-1, 1], whose transformation is named; mean over levels."""
        levels = zip(self.critics, in_levels(image, self.sides), strict=True)
        return math.fsum(named(d, x, self.transformations) for d, x in levels) / len(self.critics)

    def calibrate(self, shots: Sequence[Tensor]) -> None:
        """Take the ceilings from the good pictures."""
        scores = [[float(top_mean(a, self.settings.worst)) for a in self._maps(shot)] for shot in shots]
        self.ceilings = [math.fsum(some) / len(shots) for some in zip(*scores, strict=True)]

    @torch.no_grad()
    def _maps(self, image: Tensor) -> list[Tensor]:
        """a_n of all levels."""
        levels = zip(self.critics, in_levels(image, self.sides), strict=True)
        return [anomaly_map(d, x, self.transformations) for d, x in levels]

    def tensors(self) -> dict[str, Tensor]:
        """All that `load` needs; generators are not among it, since only critics judge."""
        found = {
            "kept": torch.tensor(self.kept),
            "sides": torch.tensor(self.sides),
            "ceilings": torch.tensor(self.ceilings, dtype=torch.float64),
            "health": torch.tensor(self.health, dtype=torch.float64),
        }
        for n, d in enumerate(self.critics):
            found |= {f"critic.{n}.{key}": value for key, value in d.state_dict().items()}
        return found


def load(tensors: Mapping[str, Tensor], settings: Transforms) -> TransformModel:
    """Build a model from its `tensors`, on their device; the settings are those it was trained with.

    Raises:
        ValueError: they are not those of a whole model.
    """
    try:
        model = TransformModel(tensors["kept"].tolist(), tensors["sides"].tolist(), settings)
        model.ceilings, model.health = tensors["ceilings"].tolist(), tuple(tensors["health"].tolist())
        for n in range(len(model.sides)):
            start = f"critic.{n}."
            state = {key.removeprefix(start): value for key, value in tensors.items() if key.startswith(start)}
            d = Body(3, len(model.kept) + 1, state["scales"].shape[1], torch.Generator())
            d.load_state_dict(state)
            model.critics.append(d.requires_grad_(False).eval().to(state["scales"].device))
    except (KeyError, IndexError, RuntimeError) as error:
        raise ValueError(f"these are not the weights of a model of transformations: {error}") from error
    return model


def level_sides(settings: Transforms) -> list[int]:
    """Short side of every level, coarse to fine.

    As published, with h = min(size, finest): the factor f of h/coarsest is split into as many equal steps as
    ceil(log_r(coarsest/size)) + 1 - ceil(log_r(h/size)), r being the wanted ratio; without the + 1 where nothing is
    cut off at the top. Level n from the top has ceil(h f^n).
    """
    top = min(settings.size, settings.finest)
    if settings.coarsest == top:
        return [top]

    def steps_to(side: int) -> int:
        return math.ceil(math.log(side / settings.size) / math.log(settings.ratio) - 1e-9)

    steps = steps_to(settings.coarsest) + (1 - steps_to(top) if top < settings.size else 0)
    steps = max(1, steps)
    factor = (settings.coarsest / top) ** (1 / steps)
    # The small slack keeps what is whole but for rounding, such as 25.000000000000004, from growing by one.
    return [math.ceil(top * factor ** (steps - n) - 1e-9) for n in range(steps + 1)]


def level_sizes(size: Sequence[int], sides: Sequence[int]) -> list[Size]:
    """(H, W) of a picture at every level: the short side as given, the aspect kept.

    Raises:
        ValueError: the picture is a strip, `NARROWEST` times as long as wide or more.
    """
    height, width = size
    short = min(height, width)
    if max(height, width) >= NARROWEST * short:
        raise ValueError(
            f"a picture of {height} x {width} pixels is too narrow to be judged by patches of "
            f"{2 * MARGIN + 1} x {2 * MARGIN + 1}: its long side must be below {NARROWEST} times its short side; cut it"
        )
    return [(round(side * height / short), round(side * width / short)) for side in sides]


def in_levels(image: Tensor, sides: Sequence[int]) -> list[Tensor]:
    """(B, 3, H, W) in [-1, 1] at the sizes of all levels.

    Raises:
        ValueError: as `level_sizes`.
    """
    return [resize(image, size).clamp(-1, 1) for size in level_sizes(image.shape[2:], sides)]


def grouped(pictures: Sequence[Sequence[Tensor]], seed: int) -> list[Shots]:
    """The good pictures, given at all levels, (1, 3, H, W) each; those of one shape together."""
    shapes: dict[tuple[torch.Size, ...], list[int]] = {}
    for number, levels in enumerate(pictures):
        shapes.setdefault(tuple(x.shape for x in levels), []).append(number)
    return [
        Shots(numbers, [torch.cat(some) for some in zip(*(pictures[i] for i in numbers), strict=True)], seed)
        for numbers in shapes.values()
    ]


def fit(shots: Sequence[Tensor], settings: Transforms, *, seed: int = 0, run: NullRun = NullRun()) -> TransformModel:
    """Train all levels on the good pictures.

    Args:
        shots: k of them, (1, 3, H, W) in [-1, 1], of any sizes, on the device that is to compute.
        settings: of the method.
        seed: of weights and noise.
        run: takes a loop of iterations per level, and one for the check on held-out material.

    Returns:
        The trained model.

    Raises:
        ValueError: no pictures, not what is expected, or transformations of them cannot be told apart.
    """
    if not shots:
        raise ValueError("no good picture was given: at least one is needed to know what is normal")
    for shot in shots:
        if shot.ndim != 4 or shot.shape[:2] != (1, 3) or not shot.isfinite().all():
            raise ValueError(f"a good picture must be (1, 3, H, W) of finite numbers, got {tuple(shot.shape)}")
    sides = level_sides(settings)
    groups = grouped([in_levels(shot, sides) for shot in shots], seed)
    every = listed(settings.transformations)
    model = TransformModel(distinguishable(shots, settings), sides, settings)
    if len(model.kept) < len(every):
        run.say(f"{len(every) - len(model.kept)} of {len(every)} transformations leave the good pictures as others do")
    if settings.held_out and len(every) > 1:
        model.health = check_on_held_out(shots, model, seed=seed, run=run)
    generators: list[Body] = []
    g = d = None
    for n in range(len(sides)):
        width = width_of(n, settings)
        if g is None or d is None or width != width_of(n - 1, settings):
            g, d = new_nets(width, len(model.kept), seeded(seed, n, 0), shots[0].device)
        fit_level(n, groups, model.transformations, generators, g, d, settings, seed=seed, run=run)
        model.critics.append(settled(d, [group.levels[n] for group in groups], model.transformations))
        if settings.fakes:
            generators.append(copy.deepcopy(g).requires_grad_(False))
            with torch.no_grad():
                x = groups[0].generated(g, n, *_anchored(groups[0], generators[:-1], n))
            run.preview("rec_level", n, x[:1].clamp(-1, 1))
    model.calibrate(shots)
    return model


def distinguishable(shots: Sequence[Tensor], settings: Transforms) -> list[int]:
    """Which transformations differ on the good pictures, (1, 3, H, W) each: their places in the list.

    Raises:
        ValueError: fewer than two do, or a picture is a strip.
    """
    every, sides = listed(settings.transformations), level_sides(settings)
    kept = distinct([in_levels(shot, sides[-1:])[0] for shot in shots], every)
    if len(kept) < min(2, len(every)):
        raise ValueError(
            "transformations not distinguishable: turned, flipped or shifted, the good pictures, or a half of them "
            "that must do without the rest, stay the same (flat or symmetric); give pictures with more structure, or "
            "use the patch memory"
        )
    return kept


def width_of(n: int, settings: Transforms) -> int:
    """Hidden channels at level n."""
    return min(settings.width * 2 ** (n // WIDEN_EVERY), settings.widest)


def new_nets(width: int, count: int, generator: Generator, device: torch.device) -> tuple[Body, Body]:
    """A generator of pictures, and a critic of `count` transformations."""
    return Body(4, 3, width, generator).to(device), Body(3, count + 1, width, generator).to(device)


def _anchored(group: Shots, generators: Sequence[Body], n: int) -> tuple[Tensor, Tensor]:
    """q and z* of level n, (K, 3, H, W)."""
    q = group.below(generators, None)
    return q, group.anchors[n].expand_as(q)


def fit_level(
    n: int,
    groups: Sequence[Shots],
    transformations: Sequence[Transformation],
    generators: Sequence[Body],
    g: Body,
    d: Body,
    settings: Transforms,
    *,
    seed: int,
    run: NullRun,
    name: str = "level",
) -> None:
    """Train level n; then the nets are as training left them, and all groups have one sigma more."""
    weights_g, weights_d = list(g.parameters()), list(d.parameters())
    adam_g, adam_d = (torch.optim.Adam(weights, settings.lr, BETAS, fused=True) for weights in (weights_g, weights_d))
    state: dict[str, Any] = {"generator": g, "critic": d, "g": adam_g, "d": adam_d}
    real = [group.levels[n] for group in groups]
    anchored: list[tuple[Tensor, Tensor]] = []
    if settings.fakes:
        anchored = [_anchored(group, generators, n) for group in groups]
        for group, x, (q, _) in zip(groups, real, anchored, strict=True):
            lack = settings.noise * (x - q).abs().mean((1, 2, 3), keepdim=True)
            group.sigmas.append(torch.ones_like(lack) if n == 0 else lack)
    for step in run.steps(f"{name} {n}", settings.iterations, state):
        adam_d.param_groups[0]["lr"] = settings.lr * (1 if step < SLOWS_D else SLOWER)
        adam_g.param_groups[0]["lr"] = settings.lr * (1 if step < SLOWS_G else SLOWER)
        chance, terms = seeded(seed, n, step, 2), dict[str, Tensor]()
        zs = [group.noise(n, chance) for group in groups] if settings.fakes else []
        ps: list[Tensor] = []

        for _ in range(settings.turns):
            adam_d.zero_grad()
            terms["real"] = _descended(naming_losses(d, real, transformations))
            if settings.fakes:
                ps = [group.below(generators, chance) for group in groups]
                with torch.no_grad():
                    fakes = [group.generated(g, n, p, z) for group, p, z in zip(groups, ps, zs, strict=True)]
                losses = naming_losses(d, fakes, transformations, generated=True)
                terms["fake"] = _descended(settings.fakes * loss for loss in losses)
            adam_d.step()

        for _ in range(settings.turns if settings.fakes else 0):
            fakes = [group.generated(g, n, p, z) for group, p, z in zip(groups, ps, zs, strict=True)]
            # The critic works in pieces, so its slopes at the pictures are gathered before the generator takes them.
            leaves = [fake.detach().requires_grad_() for fake in fakes]
            slopes = [torch.zeros_like(leaf) for leaf in leaves]
            terms["named"] = torch.zeros((), device=real[0].device)
            for loss in naming_losses(d, leaves, transformations):
                terms["named"] += loss.detach()
                for slope, more in zip(slopes, torch.autograd.grad(loss, leaves, materialize_grads=True), strict=True):
                    slope += more
            errors = [
                (group.generated(g, n, q, z) - x).square().sum()
                for group, x, (q, z) in zip(groups, real, anchored, strict=True)
            ]
            rec = torch.stack(errors).sum() / sum(x.numel() for x in real)
            found = torch.autograd.grad([*fakes, settings.alpha * rec], weights_g, [*slopes, None])
            for weight, slope in zip(weights_g, found, strict=True):
                weight.grad = slope
            adam_g.step()
            terms["rec"] = rec.detach()

        if step % LOG_EVERY == 0 or step == settings.iterations - 1:
            run.log(step, **{name: float(term) for name, term in terms.items()})


def _descended(losses: Iterator[Tensor]) -> Tensor:
    """Add the gradients of some losses to those of the weights; their sum."""
    values = []
    for loss in losses:
        loss.backward()
        values.append(loss.detach())
    return torch.stack(values).sum()


def check_on_held_out(
    shots: Sequence[Tensor], model: TransformModel, *, seed: int, run: NullRun
) -> tuple[float, float]:
    """How well transformations of unseen good material are named: what the scores rest on.

    A critic without generator learns the finest level of all pictures but the last, or of one half of a single one,
    and is asked about the rest. Without success on that, anomalies are named no worse than good pictures. The half of
    a small picture says little of others: on three crops of bricks of 48 pixels it was 0.20, 0.57 and 0.26.

    Returns:
        The accuracy, and what guessing gives.
    """
    n = len(model.sides) - 1
    seen, unseen = learned_and_asked(shots, model.sides[n])
    settings, kept = model.settings, model.transformations
    alone = Transforms(**{**vars(settings), "fakes": 0.0, "iterations": settings.held_out, "turns": 1})
    g, d = new_nets(width_of(n, settings), len(kept), seeded(seed, n, 3), shots[0].device)
    groups = grouped([[x] for x in seen], seed)
    fit_level(0, groups, kept, [], g, d, alone, seed=seed, run=run, name="held out, level")
    with torch.no_grad():
        accuracy = named(settled(d, seen, kept), unseen, kept)
    chance = 1 / len(kept)
    # Patches overlap, so only those that share no pixel count as trials.
    trials = max(1.0, len(kept) * unseen.shape[2:].numel() / (2 * MARGIN + 1) ** 2)
    if accuracy < chance + 2 * math.sqrt(chance * (1 - chance) / trials):
        run.say(
            f"warning: transformations of held-out good material are named in {accuracy:.0%} of cases, and by guessing "
            f"in {chance:.0%}: this model's scores will say little here; rely on the patch memory, or give more"
        )
    return accuracy, chance


def learned_and_asked(shots: Sequence[Tensor], side: int) -> tuple[list[Tensor], Tensor]:
    """What to learn and what to be asked about, at a level of this short side, (1, 3, H, W) each."""
    at = [in_levels(shot, [side])[0] for shot in shots]
    if len(at) > 1:
        return at[:-1], at[-1]
    seen, unseen = halves(at[0], 2 * MARGIN + 1)
    return [seen], unseen
