"""CycleGAN on one pair: two translators that undo each other, trained on random crops of A and of B.

With G: A -> B and F: B -> A, critics D_A and D_B of patches, x a crop of A, y one of B, and least squares as the
adversarial loss,

    L_G = (D_B(G(x)) - 1)^2 + (D_A(F(y)) - 1)^2
          + lambda (|F(G(x)) - x| + |G(F(y)) - y|) + lambda identity (|G(y) - y| + |F(x) - x|)
    L_D = 1/2 ((D_B(y) - 1)^2 + D_B(G'(x))^2)     and D_A alike; G'(x): of a pool of former results

with means over pixels. Translators are convolutional with skip connections and must be undone, so they recolour and
retexture things where they are: geometry stays A's.

Where this departs from the published method: its data sets are crops of one picture each; layers are half as wide by
default and critics judge patches of 34 pixels instead of 70, since a crop has 64; training is by steps, not epochs.

References:
    Zhu, Park, Isola, Efros: Unpaired Image-to-Image Translation using Cycle-Consistent Adversarial Networks. ICCV 2017.
    Johnson, Alahi, Fei-Fei: Perceptual Losses for Real-Time Style Transfer and Super-Resolution. ECCV 2016 (the body).
"""

import itertools
from collections.abc import Mapping
from typing import Any

import torch
from torch import Generator, Tensor, nn
from torch.nn import functional as F

from gestalt.nn.fresh import fresh
from gestalt.ops.chance import seeded
from gestalt.run.service import NullRun
from gestalt.tasks.analogy.config import CycleGan

BETAS, LOG_EVERY, PREVIEW_EVERY = (0.5, 0.999), 20, 250


class Translator(nn.Sequential):
    """7x7 convolution, two of stride 2, residual blocks, two up again, 7x7 and tanh: (B, 3, H, W) -> the same.

    H and W are multiples of 4 and at least 16. Instance normalisation throughout, reflected borders.
    """

    def __init__(self, width: int, blocks: int) -> None:
        super().__init__(
            *_convolution(3, width, 7),
            *_convolution(width, 2 * width, 3, stride=2),
            *_convolution(2 * width, 4 * width, 3, stride=2),
            *(Residual(4 * width) for _ in range(blocks)),
            *_upwards(4 * width, 2 * width),
            *_upwards(2 * width, width),
            nn.Conv2d(width, 3, 7, padding=3, padding_mode="reflect"),
            nn.Tanh(),
        )


class Residual(nn.Module):
    """Two 3x3 convolutions whose result is added."""

    def __init__(self, channels: int) -> None:
        super().__init__()
        self.body = nn.Sequential(*_convolution(channels, channels, 3), *_convolution(channels, channels, 3)[:2])

    def forward(self, x: Tensor) -> Tensor:
        return x + self.body(x)


class Critic(nn.Sequential):
    """4x4 convolutions, `layers` of them of stride 2: (B, 3, H, W) -> a score per patch, (B, 1, H', W')."""

    def __init__(self, width: int, layers: int) -> None:
        steps: list[nn.Module] = [nn.Conv2d(3, width, 4, stride=2, padding=1), nn.LeakyReLU(0.2)]
        counts = [width * 2 ** min(n, 3) for n in range(layers + 1)]
        for n, (before, after) in enumerate(itertools.pairwise(counts), start=1):
            stride = 2 if n < layers else 1
            steps += [nn.Conv2d(before, after, 4, stride=stride, padding=1), nn.InstanceNorm2d(after)]
            steps += [nn.LeakyReLU(0.2)]
        super().__init__(*steps, nn.Conv2d(counts[-1], 1, 4, padding=1))


def _convolution(before: int, after: int, kernel: int, stride: int = 1) -> tuple[nn.Module, ...]:
    conv = nn.Conv2d(before, after, kernel, stride=stride, padding=kernel // 2, padding_mode="reflect")
    return conv, nn.InstanceNorm2d(after), nn.ReLU()


def _upwards(before: int, after: int) -> tuple[nn.Module, ...]:
    conv = nn.ConvTranspose2d(before, after, 3, stride=2, padding=1, output_padding=1)
    return conv, nn.InstanceNorm2d(after), nn.ReLU()


def make(
    structure: Tensor, appearance: Tensor, settings: CycleGan, *, seed: int = 0, run: NullRun = NullRun()
) -> Tensor:
    """Train on a pair and translate the one picture; `fit` and `translate` give both directions at one price.

    Args:
        structure: A, (1, 3, H, W) in [-1, 1], at working size.
        appearance: B, (1, 3, H', W') in [-1, 1].
        settings: of the method.
        seed: of weights, crops and pool.
        run: takes the loop's steps.

    Returns:
        (1, 3, H, W) in [-1, 1].
    """
    return translate(structure, fit(structure, appearance, settings, seed=seed, run=run)["a2b"])


def translate(picture: Tensor, translator: nn.Module) -> Tensor:
    """(1, 3, H, W) in [-1, 1], of any size -> the same, translated; borders are continued to what the net takes."""
    height, width = picture.shape[2:]
    down, right = (max(16, -(-side // 4) * 4) - side for side in (height, width))
    with torch.no_grad():
        return translator(F.pad(picture, (0, right, 0, down), mode="replicate"))[:, :, :height, :width]


def fit(
    a: Tensor, b: Tensor, settings: CycleGan, *, seed: int = 0, run: NullRun = NullRun()
) -> Mapping[str, nn.Module]:
    """Train both translators.

    Args:
        a: (1, 3, H, W) in [-1, 1].
        b: (1, 3, H', W') in [-1, 1].
        settings: of the method.
        seed: of weights, crops and pool.
        run: takes the loop's steps.

    Returns:
        "a2b" and "b2a", for `translate`.
    """
    chance = seeded(seed)

    def build() -> nn.ModuleDict:
        return nn.ModuleDict(
            {name: Translator(settings.width, settings.blocks) for name in ("a2b", "b2a")}
            | {name: Critic(settings.width, settings.critic_layers) for name in ("a", "b")}
        )

    nets = fresh(build, chance, deviation=0.02).to(a.device)
    a2b, b2a, critic_a, critic_b = (nets[name] for name in ("a2b", "b2a", "a", "b"))
    weights = [*a2b.parameters(), *b2a.parameters()], [*critic_a.parameters(), *critic_b.parameters()]
    optimiser_g, optimiser_d = (torch.optim.Adam(some, settings.lr, BETAS) for some in weights)
    crop = settings.crop
    pools = {name: torch.zeros(settings.pool, 3, crop, crop, device=a.device) for name in ("a", "b")}
    state: dict[str, Any] = {"nets": nets, "g": optimiser_g, "d": optimiser_d, "pools": pools}
    a, b = (_at_least(image, crop) for image in (a, b))
    for step in run.steps("cyclegan", settings.steps, state):
        chance = seeded(seed, step)
        rate = settings.lr * min(1.0, 2 * (1 - step / settings.steps))
        for optimiser in (optimiser_g, optimiser_d):
            optimiser.param_groups[0]["lr"] = rate
        x, y = (random_crop(image, crop, chance) for image in (a, b))

        fake_b, fake_a = a2b(x), b2a(y)
        terms = {
            "adversarial": (critic_b(fake_b) - 1).square().mean() + (critic_a(fake_a) - 1).square().mean(),
            "cycle": settings.lambda_cycle * (F.l1_loss(b2a(fake_b), x) + F.l1_loss(a2b(fake_a), y)),
        }
        if settings.identity:
            weight = settings.lambda_cycle * settings.identity
            terms["identity"] = weight * (F.l1_loss(a2b(y), y) + F.l1_loss(b2a(x), x))
        slopes = torch.autograd.grad(torch.stack(list(terms.values())).sum(), weights[0])
        _descend(optimiser_g, weights[0], slopes)

        critics = torch.zeros((), device=x.device)
        for name, critic, real, fake in (("a", critic_a, x, fake_a), ("b", critic_b, y, fake_b)):
            shown = from_pool(pools[name], fake.detach(), step, chance)
            critics = critics + ((critic(real) - 1).square().mean() + critic(shown).square().mean()) / 2
        _descend(optimiser_d, weights[1], torch.autograd.grad(critics, weights[1]))

        if step % LOG_EVERY == 0 or step == settings.steps - 1:
            losses = {name: float(term.detach()) for name, term in terms.items()}
            run.log(step, critic=float(critics.detach()), **losses)
        if (step + 1) % PREVIEW_EVERY == 0:
            run.preview("cyclegan", step, translate(a, a2b))
    return {"a2b": a2b, "b2a": b2a}


def random_crop(image: Tensor, side: int, chance: Generator) -> Tensor:
    """A square of (1, 3, H, W) at a random place, (1, 3, side, side)."""
    top, left = (int(torch.randint(length - side + 1, (), generator=chance)) for length in image.shape[2:])
    return image[:, :, top : top + side, left : left + side]


def from_pool(pool: Tensor, newest: Tensor, step: int, chance: Generator) -> Tensor:
    """What to show a critic: the newest result, or in half of the cases a former one, whose place it then takes.

    Args:
        pool: (P, 3, h, w), filled one by one in the first P steps; changed in place.
        newest: (1, 3, h, w).
        step: of the training.
        chance: on the CPU.

    Returns:
        (1, 3, h, w).
    """
    if step < len(pool):
        pool[step] = newest[0]
        return newest
    if not len(pool) or float(torch.rand((), generator=chance)) < 0.5:
        return newest
    at = int(torch.randint(len(pool), (), generator=chance))
    former = pool[at : at + 1].clone()
    pool[at] = newest[0]
    return former


def _at_least(image: Tensor, side: int) -> Tensor:
    down, right = (max(0, side - length) for length in image.shape[2:])
    return F.pad(image, (0, right, 0, down), mode="replicate")


def _descend(optimiser: torch.optim.Optimizer, weights: list[nn.Parameter], slopes: tuple[Tensor, ...]) -> None:
    for weight, slope in zip(weights, slopes, strict=True):
        weight.grad = slope
    optimiser.step()
