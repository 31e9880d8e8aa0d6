"""Structural analogy by a network trained on the pair alone: A's arrangement with B's patches, and the reverse.

At every level n of a pyramid, coarse to fine, each picture X in {A, B} has one generator G_X and one critic D_X, and
only those of the current level train. G_B is at once the refiner of B's own samples and the map from A to B:

    fake_A = G_A(sigma z + p; p)      p: a sample of the levels below, enlarged
    rec_A  = G_A(q; q)                q: the same from one fixed z at level 0 and no noise above
    ab     = G_B(fake_A; fake_A)      aba = G_A(ab; ab)             ba, bab, fake_B, rec_B alike

    L_D = sum_X  D_X(cond_X) + D_X(fake_X) - 2 D_X(x) + lambda (GP_X(cond_X) + GP_X(fake_X)),   cond_A = ba, cond_B = ab
    L_G = sum_X -gamma_X (D_X(cond_X) + D_X(fake_X)) + alpha |rec_X - x|^2 + beta (|aba - fake_A|^2 + |bab - fake_B|^2)

with means over pixels, gamma_A = 1, and GP as in `ops.losses`, between x and either picture. `nn.chain` says how
levels join, `modes` how a trained pair is used.

Where this departs from the authors' published code, and the test of each:

1. The aspect ratio is kept, and A and B may differ in size; sizes are rounded, not rounded up (test_level_sizes).
2. Pictures are enlarged in floating point to an exact size, not through bytes and a crop (test_constant_pictures).
3. The reconstruction at level 0 is G(z; 0), as the samples are, not G(z; z) (test_level_zero).
4. With `layout` "free" the noise that reconstructs is fixed, and generators continue the border of what they see. Zeros
   there tell them where they are in the picture, and any noise that must reconstruct teaches them the layout by heart;
   together they make G_B draw B whatever it is given (test_anchor, test_free_generators_cannot_tell_where_they_are).
5. Later levels and results use a running mean of the weights unless `average` is 0 (test_average).
6. The result is the mapped picture itself, entering at a level of choice, not a random sample's twin (`modes`).
7. In the self term of the video variant, lambda_self (D_X(self_X) - D_X(x)) with self_B = G_B(a + sigma z; a), the
   generators follow the critic; published, they saw a constant (test_self_term).
8. Swapping A and B swaps the results, because both sides see the same noise (test_symmetry).

References:
    Benaim, Mokady, Bermano, Cohen-Or, Wolf: Structural Analogy from a Single Image Pair. Computer Graphics Forum 2020.
"""

import copy
import math
from collections.abc import Callable, Sequence
from typing import Any, NamedTuple

import torch
from torch import Generator, Tensor, nn
from torch.nn import functional as F

from gestalt.metrics.patches import sliced_wasserstein
from gestalt.nn.blocks import PatchNet
from gestalt.nn.chain import BORDERS, Border, Chain
from gestalt.ops.chance import noise, seeded
from gestalt.ops.losses import between, gradient_penalty
from gestalt.ops.pyramid import Size, fit_long_side, follow, ladder, reduced
from gestalt.ops.resize import resize
from gestalt.run.device import Lanes
from gestalt.run.service import NullRun
from gestalt.tasks.analogy import modes
from gestalt.tasks.analogy.config import Pair
from gestalt.tasks.analogy.outcome import keep_direction, keep_givens, keep_sheet

NOISE, PENALTY, WIDEN_EVERY, BETAS = 0.1, 0.1, 4, (0.5, 0.999)
LOG_EVERY, SIGMA_FRAMES = 20, 16
BLOCK = 32
"""Samples of the levels below are drawn this many at a time, each used once."""


class Side(NamedTuple):
    """A picture of F frames at one level: x (F, 3, H, W), its chain below, the generator and critic that train."""

    x: Tensor
    chain: Chain
    g: PatchNet
    d: PatchNet


def level_sizes(a: Sequence[int], b: Sequence[int], settings: Pair) -> tuple[list[Size], list[Size]]:
    """Both pyramids, coarse to fine: equally many levels, the same factors, `coarsest` for the shorter short side."""
    if min(a) <= min(b):
        sizes = ladder(a, settings.coarsest, settings.ratio)
        return sizes, follow(b, sizes)
    sizes = ladder(b, settings.coarsest, settings.ratio)
    return follow(a, sizes), sizes


def width(n: int, settings: Pair) -> int:
    """Hidden channels at level n."""
    return min(settings.width * 2 ** (n // WIDEN_EVERY), settings.widest)


def working_size(image: Tensor, settings: Pair) -> Tensor:
    """Reduce (1, 3, H, W) to the size it is worked on at, aspect kept."""
    return reduced(image, settings.size)


def fit(
    a: Tensor, b: Tensor, settings: Pair, *, self_weight: float = 0.0, seed: int = 0, run: NullRun = NullRun()
) -> tuple[Chain, Chain]:
    """Train all levels on a pair.

    Args:
        a: (F, 3, H, W) in [-1, 1], at working size: a picture, or F frames of a clip, of which each step takes one.
        b: (F', 3, H', W') in [-1, 1], at working size.
        settings: of the pair network.
        self_weight: of the self term, which judges real pictures as mapped too; for clips.
        seed: of weights and noise.
        run: takes a loop of steps per level.

    Returns:
        The chains of A and of B.
    """
    chains = tuple(Chain(sizes, settings.plain) for sizes in level_sizes(a.shape[2:], b.shape[2:], settings))
    nets: tuple[tuple[PatchNet, PatchNet], ...] = ()
    for n in range(len(chains[0].sizes)):
        if n == 0 or width(n, settings) != width(n - 1, settings):
            nets = tuple(
                new_nets(width(n, settings), BORDERS[settings.layout], seeded(seed, n), a.device) for _ in chains
            )
        a_side, b_side = (
            Side(resize(x, chain.sizes[n]).clamp(-1, 1), chain, *pair)
            for x, chain, pair in zip((a, b), chains, nets, strict=True)
        )
        fit_level(n, a_side, b_side, settings, self_weight=self_weight, seed=seed, run=run)
        for name, side, chain in (("a2b", a_side, chains[1]), ("b2a", b_side, chains[0])):
            run.preview(
                f"{name}_level", n, chain.climb(side.x[:1], side.chain.sizes, range(n, n + 1), None, 0.0).clamp(-1, 1)
            )
    return chains[0], chains[1]


def new_nets(channels: int, border: Border, generator: Generator, device: torch.device) -> tuple[PatchNet, PatchNet]:
    """A generator and a critic."""
    g = PatchNet(3, 3, channels, padding=1, border=border, generator=generator)
    return g.to(device), PatchNet(3, 1, channels, padding=0, generator=generator).to(device)


def fit_level(n: int, a: Side, b: Side, settings: Pair, *, self_weight: float = 0.0, seed: int, run: NullRun) -> None:
    """Train level n; afterwards both chains have one level more, and the sides' nets are where training left them."""
    below_a, below_b = _Below(n, a, settings, seed), _Below(n, b, settings, seed)
    for side, below in ((a, below_a), (b, below_b)):
        frames = range(0, len(side.x), -(-len(side.x) // SIGMA_FRAMES))
        errors = [F.mse_loss(below.anchor(0, frame)[1], side.x[frame : frame + 1]) for frame in frames]
        side.chain.sigmas.append(1.0 if n == 0 else NOISE * float(torch.stack(errors).mean().sqrt()))
    generators = nn.ModuleList([a.g, b.g])
    weights = list(generators.parameters())
    mean = copy.deepcopy(generators).requires_grad_(False)
    optimiser_g = torch.optim.Adam(weights, settings.lr_g, BETAS, fused=True)
    optimiser_a, optimiser_b = (torch.optim.Adam(s.d.parameters(), settings.lr_d, BETAS, fused=True) for s in (a, b))
    state: dict[str, Any] = {
        "generators": generators, "g": optimiser_g, "mean": mean,
        "critic a": a.d, "critic b": b.d, "a": optimiser_a, "b": optimiser_b,
        "best": [math.inf, 0],
    }  # fmt: skip
    steps = settings.coarse_steps if a.chain.is_residual(n) else settings.steps
    with Lanes(a.x.device, a.x.shape[2:].numel()) as lanes:
        for step in run.steps(f"level {n}", steps, state):
            chance_a, chance_b = seeded(seed, n, step), seeded(seed, n, step)
            from_a, from_b = lanes.both(
                draw,
                (n, a, b, below_a, step, chance_a, self_weight > 0),
                (n, b, a, below_b, step, chance_b, self_weight > 0),
            )

            penalty = PENALTY * settings.penalty_every if step % settings.penalty_every == 0 else 0.0
            critics = lanes.both(
                train_critic,
                (a, from_a.x, [*from_b.toward_other(self_weight), (from_a.fake, 1.0)], optimiser_a, penalty, chance_a),
                (b, from_b.x, [*from_a.toward_other(self_weight), (from_b.fake, 1.0)], optimiser_b, penalty, chance_b),
            )
            gammas = (1.0, settings.gamma)
            (terms_a, toward_a), (terms_b, toward_b) = lanes.both(
                gradients,
                (a, b, from_a, gammas, self_weight, weights, settings),
                (b, a, from_b, gammas[::-1], self_weight, weights, settings),
            )
            for weight, one, two in zip(weights, toward_a, toward_b, strict=True):
                weight.grad = one + two
            optimiser_g.step()

            decay = min(settings.average, (1 + step) / (10 + step))
            for slow, weight in zip(mean.parameters(), weights, strict=True):
                slow.lerp_(weight.detach(), 1 - decay)
            if step % LOG_EVERY == 0 or step == steps - 1:
                terms = {name: float(terms_a[name] + terms_b[name]) for name in terms_a}
                run.log(step, critic=float(sum(critics)), **terms)
            if settings.plateau and step % LOG_EVERY == 0 and _is_over(n, a, b, mean, step, state["best"], settings):
                break
    for side, net in zip((a, b), mean, strict=True):
        assert isinstance(net, PatchNet)
        side.chain.nets.append(net)


def _is_over(n: int, a: Side, b: Side, mean: nn.ModuleList, step: int, best: list[float], settings: Pair) -> bool:
    """Whether mapping both pictures has not come closer to the other's patches for `plateau` steps."""
    distance = 0.0
    for own, other, net in ((a, b, mean[1]), (b, a, mean[0])):
        assert isinstance(net, PatchNet)
        with torch.no_grad():
            mapped = other.chain.level(net, n, own.x[:1], own.x[:1])
        distance += sliced_wasserstein(mapped, other.x[:1], directions=64)
    if distance < 0.98 * best[0]:
        best[:] = distance, step
    return step - best[1] >= settings.plateau


class Drawn(NamedTuple):
    """What generators make of picture X in one step, (1, 3, H, W) each, with graphs.

    x: the picture itself, or the frame of this step; fake, rec: its own sample and reconstruction; mapped: the sample
    as the other picture's; back: that, as X's again; real_mapped: x with noise, as the other picture's, or None.
    """

    x: Tensor
    fake: Tensor
    rec: Tensor
    mapped: Tensor
    back: Tensor
    real_mapped: Tensor | None

    def toward_other(self, self_weight: float) -> list[tuple[Tensor, float]]:
        """What the other picture's critic is to judge, with weights."""
        more = [] if self.real_mapped is None else [(self.real_mapped, self_weight)]
        return [(self.mapped, 1.0), *more]


def draw(n: int, x: Side, y: Side, below: "_Below", step: int, chance: Generator, has_self: bool) -> Drawn:
    """fake_X and rec_X, which pass together, and the way of fake_X to Y and back."""
    frame = int(torch.randint(len(x.x), (), generator=chance)) if len(x.x) > 1 else 0
    picture, sigma = x.x[frame : frame + 1], x.chain.sigmas[n]
    p, (u, v) = below.sample(step), below.anchor(step, frame)
    both = torch.cat([p + sigma * noise(p.shape, chance, p), u])
    fake, rec = x.chain.level(x.g, n, both, torch.cat([p, v])).chunk(2)
    noisy = picture + sigma * noise(p.shape, chance, p) if has_self else None
    real_mapped = None if noisy is None else y.chain.level(y.g, n, noisy, picture)
    mapped = y.chain.level(y.g, n, fake, fake)
    return Drawn(picture, fake, rec, mapped, x.chain.level(x.g, n, mapped, mapped), real_mapped)


def train_critic(
    side: Side,
    x: Tensor,
    fakes: Sequence[tuple[Tensor, float]],
    optimiser: torch.optim.Optimizer,
    penalty: float,
    chance: Generator,
) -> Tensor:
    """One step of D_X on x (1, 3, H, W) against fakes with weights; returns its part of L_D. penalty: lambda, or 0."""
    side.d.requires_grad_(True)
    optimiser.zero_grad()
    pictures, weights = [fake.detach() for fake, _ in fakes], [weight for _, weight in fakes]
    real, *judged = scores(side.d, [x, *pictures])
    loss = -sum(weights) * real
    for value, weight in zip(judged, weights, strict=True):
        loss = loss + weight * value
    if penalty:
        for group in _by_size(pictures).values():
            # Fakes of another size than x meet it where both are cut to a common size.
            batch = torch.cat([pictures[index] for index in group])
            height, w = (min(sides) for sides in zip(x.shape[2:], batch.shape[2:], strict=True))
            points = between(_centre(x, height, w), _centre(batch, height, w), chance)
            loss = loss + penalty * gradient_penalty(side.d, points)
    loss.backward()
    optimiser.step()
    side.d.requires_grad_(False)
    return loss.detach()


def gradients(
    x: Side,
    y: Side,
    drawn: Drawn,
    gammas: tuple[float, float],
    self_weight: float,
    weights: list[Tensor],
    settings: Pair,
) -> tuple[dict[str, Tensor], tuple[Tensor, ...]]:
    """What the pictures that come from X add to L_G, by name, and its gradient in the weights of both generators."""
    others = drawn.toward_other(self_weight)
    (own,), judged = scores(x.d, [drawn.fake]), scores(y.d, [picture for picture, _ in others])
    adversarial = -gammas[0] * own
    for value, (_, weight) in zip(judged, others, strict=True):
        adversarial = adversarial - gammas[1] * weight * value
    terms = {
        "adversarial": adversarial,
        "rec": settings.alpha * F.mse_loss(drawn.rec, drawn.x),
        "cycle": settings.beta * F.mse_loss(drawn.back, drawn.fake),
    }
    slopes = torch.autograd.grad(torch.stack(list(terms.values())).sum(), weights)
    return {name: term.detach() for name, term in terms.items()}, slopes


def scores(d: PatchNet, pictures: Sequence[Tensor]) -> list[Tensor]:
    """The mean of a critic's map on each picture (1, 3, H, W); those of one size pass together."""
    found: dict[int, Tensor] = {}
    for indices in _by_size(pictures).values():
        means = d(torch.cat([pictures[index] for index in indices])).flatten(1).mean(1)
        found |= dict(zip(indices, means, strict=True))
    return [found[index] for index in range(len(pictures))]


def _by_size(pictures: Sequence[Tensor]) -> dict[tuple[int, ...], list[int]]:
    """The indices of the pictures of each size."""
    groups: dict[tuple[int, ...], list[int]] = {}
    for index, picture in enumerate(pictures):
        groups.setdefault(tuple(picture.shape), []).append(index)
    return groups


def _centre(x: Tensor, height: int, w: int) -> Tensor:
    top, left = (x.shape[2] - height) // 2, (x.shape[3] - w) // 2
    return x[:, :, top : top + height, left : left + w]


class _Below:
    """What the finished levels of one picture hand to level n, for each step: drawn in blocks, without gradients."""

    def __init__(self, n: int, side: Side, settings: Pair, seed: int) -> None:
        self._n, self._x, self._chain, self._seed = n, side.x, side.chain, seed
        self._is_fixed = settings.layout == "free"
        self._drawn: dict[str, tuple[int, Any]] = {}

    def sample(self, step: int) -> Tensor:
        """p of this step, (1, 3, H, W)."""
        block, place = divmod(step, BLOCK)

        def draw() -> Tensor:
            return self._chain.samples(BLOCK, self._n, seeded(self._seed, self._n, block, 1)).to(self._x)

        return self._kept("samples", block, draw)[place : place + 1]

    def anchor(self, step: int, frame: int = 0) -> tuple[Tensor, Tensor]:
        """u and v from which that frame must be reconstructed, (1, 3, H, W) each; every frame has its own noise."""
        block, place = (0, 0) if self._is_fixed else divmod(step, BLOCK)

        def draw() -> tuple[Tensor, Tensor]:
            shape = (1 if self._is_fixed else BLOCK, 3, *self._chain.sizes[0])
            chance = seeded(self._seed, 0 if self._is_fixed else self._n, block, 2, frame if self._is_fixed else 0)
            return self._chain.anchored(noise(shape, chance, self._x), self._n)

        u, v = self._kept(f"anchors {frame}" if self._is_fixed else "anchors", block, draw)
        return u[place : place + 1], v[place : place + 1]

    def _kept(self, name: str, block: int, draw: Callable[[], Any]) -> Any:
        if self._drawn.get(name, (-1,))[0] != block:
            self._drawn[name] = block, draw()
        return self._drawn[name][1]


def check(a: Tensor, b: Tensor, settings: Pair) -> None:
    """See that the pyramid of two pictures, of any size, has the level to start at.

    Raises:
        ValueError: it has not.
    """
    first, second = (fit_long_side(x.shape[2:], settings.size) for x in (a, b))
    sizes, _ = level_sizes(first, second, settings)
    if settings.start != "auto" and settings.start >= len(sizes):
        raise ValueError(
            f"--start {settings.start} is past the finest level: these pictures have levels 0 to {len(sizes) - 1} "
            "with these settings"
        )


def make(a: Tensor, b: Tensor, settings: Pair, *, seed: int = 0, run: NullRun = NullRun()) -> dict[str, Tensor]:
    """Train on a pair, keep the weights, and show both directions in the mode that was asked for.

    Args:
        a: (1, 3, H, W) in [-1, 1].
        b: (1, 3, H', W') in [-1, 1].
        settings: of the pair network.
        seed: of weights and noise.
        run: keeps weights, outputs, measures, resumption; `NullRun()` for none.

    Returns:
        "a2b": B's appearance in A's arrangement, (1, 3, h, w) at A's working size; "b2a": the reverse. In mode sample
        the arrangements are those of random samples.

    Raises:
        ValueError: the pyramid has no level `settings.start`.
    """
    check(a, b, settings)
    a, b = working_size(a, settings), working_size(b, settings)
    keep_givens(run, a, b)
    chain_a, chain_b = fit(a, b, settings, seed=seed, run=run)
    run.save("pair", {**chain_a.tensors("a"), **chain_b.tensors("b")})
    if settings.mode == "sample":
        return modes.keep_samples(chain_a, chain_b, settings, seed=seed, run=run)
    results, rows = {}, []
    for name, structure, appearance, chain in (("a2b", a, b, chain_b), ("b2a", b, a, chain_a)):
        results[name] = modes.analogy(structure, appearance, chain, settings, seed=seed, run=run, name=name)
        rows.append(keep_direction(run, name, structure, appearance, results[name]))
    keep_sheet(run, rows)
    return results
