"""SinGAN: new pictures and clips from one, by a pyramid of small GANs that each learn the patches of one scale.

Levels n = 0 ... N, coarse to fine, have one generator G^n and one critic D^n, and only those of the current level
train. x_n is the input at level n, z noise, and up() enlarges the result of the level below to level n:

    fake_n = G^n(p + sigma_n z; p)      p = up(fake_{n-1}), at level 0 zeros and sigma_0 = 1
    rec_n  = G^n(q; q)                  q = up(rec_{n-1});  rec_0 = G^0(z*; 0) from the one fixed noise z*
    sigma_n = 0.1 RMSE(x_n, q)          so that noise may change about what is still missing

    L_D = D(fake_n) - D(x_n) + lambda GP            L_G = alpha |rec_n - x_n|^2 - D(fake_n)

with means over pixels, lambda = 0.1, and GP as in `ops.losses`. The levels are residual as the paper has them, with
tanh at the end of the body as the published code has it, which is the residual level of `nn.chain`:
G^n(u; v) = v + tanh(body(u)). Each step is `turns` steps of the critic, then as many of the generator.

A clip is the same with networks over time, height and width, and sizes that shrink in time by a factor of their own:
the 3-D form that the literature on clips compares with. A picture is a clip of one frame, and its networks have two
axes. Anything can enter at a level instead of a sample of those below; its coarse contents stay, its details become
the input's (painting, harmonising, editing).

Where this departs from the authors' published code, and the test of each (what is published in 3 to 5, and that the
learning rate falls at four fifths of a level, is recalled, not looked up):

1. The aspect ratio is kept and sizes are rounded; an explicit ladder of sizes says how large a sample is
   (test_level_sizes, test_samples_of_any_size_change_nothing).
2. Pictures are enlarged in floating point to an exact size, not by a factor and a crop
   (test_levels_that_add_nothing_leave_a_constant_picture_alone).
3. Every step of the generator draws a fresh fake; published, its later turns go on with the graph of the first
   (test_turns).
4. The noise at level 0 differs from channel to channel, and z* is one draw of it; published, all channels are equal,
   and z* is drawn anew until level 0 is trained (test_the_fixed_noise).
5. Zeros lie beyond the border of each layer, published around the picture only; with `layout` "free" the border
   itself is continued, and samples are not tied to it (test_layout).
6. Ours alone: critics of clips look beyond the first and last frame, where there are zeros, since clips are too short
   to lose ten frames (tests/nn/test_blocks.py, test_sizes_of_clips).
7. Off in the preset `paper`: one turn a step instead of three, a gradient penalty every few turns only, a running mean
   of the weights, an end on a plateau (test_turns, test_a_penalty_every_few_steps_weighs_as_much, test_average,
   test_plateau).

References:
    Shaham, Dekel, Michaeli: SinGAN: Learning a Generative Model from a Single Natural Image. ICCV 2019.
"""

import copy
import math
from collections.abc import Callable, Mapping, Sequence
from typing import Any, Self

import torch
from torch import Generator, Tensor
from torch.nn import functional as F

from gestalt.metrics.patches import sliced_wasserstein
from gestalt.nn.blocks import PatchNet
from gestalt.nn.chain import BORDERS, Chain
from gestalt.ops.chance import noise, seeded
from gestalt.ops.losses import between, gradient_penalty
from gestalt.ops.pyramid import Size, ladder_of_clip, reduced
from gestalt.ops.resize import resize
from gestalt.run.device import Lanes
from gestalt.run.service import NullRun
from gestalt.tasks.generate.config import SinGan

NOISE, PENALTY, WIDEN_EVERY, BETAS = 0.1, 0.1, 4, (0.5, 0.999)
SLOWS_AT, SLOWER = 0.8, 0.1
"""The learning rate is multiplied by `SLOWER` after this share of a level's steps."""

LOG_EVERY, BLOCK = 20, 32
"""Steps between records; samples of the levels below that are drawn together, each used once by each network."""


class SinGanModel:
    """The levels that are trained, and the fixed noise.

    Args:
        sizes: (T, H, W) of every level of the whole pyramid, coarse to fine; of pictures T = 1.
        anchor: z*, (1, 3, T, H, W) of the size of level 0.

    Attributes:
        sizes: the same.
        chain: the generators, over the axes that the input has.
    """

    def __init__(self, sizes: Sequence[Size], anchor: Tensor) -> None:
        self.sizes, self.anchor = list(sizes), anchor
        self.axes = 3 if sizes[-1][0] > 1 else 2
        self.chain = Chain([size[3 - self.axes :] for size in sizes], plain=0)

    @torch.no_grad()
    def sample(
        self, sizes: Sequence[Size], chance: Generator | None, begin: Tensor | None = None, start: int = 0
    ) -> Tensor:
        """Draw one sample of any size, or give a picture the details of the input.

        Args:
            sizes: (T, H, W) of every level, as `follow_clip` makes them of `self.sizes`.
            chance: of the noise, on the CPU; None, where something enters, for no noise at all.
            begin: (1, 3, T', H', W') in [-1, 1] that enters at level `start` in place of a sample of the levels below,
                and so at their resolution; any size, any device.
            start: a level from 1 on where something enters, else 0.

        Returns:
            (1, 3, T, H, W) in [-1, 1], of the last of the sizes.

        Raises:
            ValueError: the levels, or the frames of a model of pictures, are not as said.
        """
        last = len(self.sizes) - 1
        if len(sizes) != len(self.sizes):
            raise ValueError(f"a size is needed for each of the {last + 1} levels, got {len(sizes)}")
        if self.axes == 2 and any(size[0] != 1 for size in sizes):
            raise ValueError(f"a model of a picture makes pictures, but {sizes[-1][0]} frames were asked for")
        if (begin is None) != (start == 0) or not 0 <= start <= last:
            raise ValueError(f"a picture can enter at levels 1 to {last}, and nothing at level 0; got level {start}")
        if self.axes == 2 and begin is not None and begin.shape[2] != 1:
            raise ValueError(f"a clip of {begin.shape[2]} frames cannot enter a model of a picture")
        assert begin is not None or chance is not None, "no noise and nothing that enters"
        if begin is None:
            v = torch.zeros(1, 3, *sizes[0], device=self.anchor.device)
        else:
            v = resize(begin.to(self.anchor), sizes[start - 1]).clamp(-1, 1)
        levels = range(start, len(self.chain.nets))
        within = [size[3 - self.axes :] for size in sizes]
        return self.outside(self.chain.climb(self.inside(v), within, levels, chance, 1.0).clamp(-1, 1))

    def reconstruct(self) -> Tensor:
        """What z* becomes without further noise: the input, as far as it was learned, (1, 3, T, H, W) in [-1, 1]."""
        n = len(self.chain.nets) - 1
        with torch.no_grad():
            u, v = self.chain.anchored(self.inside(self.anchor), n)
            return self.outside(self.chain.level(self.chain.nets[n], n, u, v).clamp(-1, 1))

    def inside(self, clip: Tensor) -> Tensor:
        """(B, 3, T, H, W) as the networks take it: pictures without the axis of their one frame."""
        return clip if self.axes == 3 else clip[:, :, 0]

    def outside(self, x: Tensor) -> Tensor:
        """The reverse."""
        return x if self.axes == 3 else x[:, :, None]

    def tensors(self) -> dict[str, Tensor]:
        """All that `restore` needs."""
        return {"anchor": self.anchor, **self.chain.tensors("x")}

    @classmethod
    def restore(cls, tensors: Mapping[str, Tensor], settings: SinGan, device: torch.device) -> Self:
        """Build it from `tensors`.

        Raises:
            ValueError: they are not those of a whole model.
        """
        given = {name: value.to(device) for name, value in tensors.items()}
        chain = Chain.restore(given, "x", 0, BORDERS[settings.layout])
        if "anchor" not in given:
            raise ValueError("they lack 'anchor'")
        model = cls([(1, *size)[-3:] for size in chain.sizes], given["anchor"])
        model.chain = chain
        return model


def level_sizes(size: Sequence[int], settings: SinGan) -> list[Size]:
    """The pyramid (T, H, W) of an input at working size, coarse to fine."""
    return ladder_of_clip(size, settings.coarsest, settings.ratio, settings.shortest, settings.time_ratio)


def working_size(clip: Tensor, settings: SinGan) -> Tensor:
    """Reduce (1, 3, T, H, W) to the size it is worked on at, aspect kept."""
    return reduced(clip, settings.size)


def width(n: int, settings: SinGan) -> int:
    """Hidden channels at level n."""
    return min(settings.width * 2 ** (n // WIDEN_EVERY), settings.widest)


def fit(clip: Tensor, settings: SinGan, *, seed: int = 0, run: NullRun = NullRun()) -> SinGanModel:
    """Train all levels on one clip or picture.

    Args:
        clip: (1, 3, T, H, W) in [-1, 1], at working size; a picture has T = 1.
        settings: of the method.
        seed: of weights and noise.
        run: takes a loop of steps per level.

    Returns:
        The trained model.
    """
    sizes = level_sizes(clip.shape[2:], settings)
    model = SinGanModel(sizes, noise((1, 3, *sizes[0]), seeded(seed), clip))
    nets: tuple[PatchNet, PatchNet] | None = None
    for n, size in enumerate(sizes):
        if nets is None or width(n, settings) != width(n - 1, settings):
            nets = _new_nets(width(n, settings), model.axes, settings, seeded(seed, n), clip.device)
        x = model.inside(resize(clip, size).clamp(-1, 1))
        fit_level(n, x, model, *nets, settings, seed=seed, run=run)
        for name, made in (("sample", model.sample(sizes, seeded(seed, n, 0, 3))), ("rec", model.reconstruct())):
            run.preview(f"{name}_level", n, made[:, :, made.shape[2] // 2])
    return model


def _new_nets(
    channels: int, axes: int, settings: SinGan, generator: Generator, device: torch.device
) -> tuple[PatchNet, PatchNet]:
    """A generator and a critic."""
    g = PatchNet(3, 3, channels, axes=axes, padding=1, border=BORDERS[settings.layout], generator=generator)
    return g.to(device), PatchNet(3, 1, channels, axes=axes, padding=0, generator=generator).to(device)


def fit_level(
    n: int, x: Tensor, model: SinGanModel, g: PatchNet, d: PatchNet, settings: SinGan, *, seed: int, run: NullRun
) -> None:
    """Train level n on x (1, 3, *S); then the chain has one level more, and the nets are as training left them."""
    chain = model.chain
    weights_g, weights_d = list(g.parameters()), list(d.parameters())
    mean = copy.deepcopy(g).requires_grad_(False)
    optimiser_g, optimiser_d = (
        torch.optim.Adam(weights, settings.lr, BETAS, fused=True) for weights in (weights_g, weights_d)
    )
    state: dict[str, Any] = {
        "generator": g, "critic": d, "g": optimiser_g, "d": optimiser_d, "mean": mean, "best": [math.inf, 0],
    }  # fmt: skip
    with Lanes(x.device, x.shape[2:].numel()) as lanes:
        u, v = chain.anchored(model.inside(model.anchor), n)
        chain.sigmas.append(1.0 if n == 0 else NOISE * float(F.mse_loss(v, x).sqrt()))
        below = _Below(n, x, chain, settings.turns, seed, lanes)
        for step in run.steps(f"level {n}", settings.steps, state):
            chance, samples = seeded(seed, n, step), below.samples(step)
            terms: dict[str, Tensor] = {}
            for optimiser in (optimiser_g, optimiser_d):
                optimiser.param_groups[0]["lr"] = settings.lr * (1 if step < SLOWS_AT * settings.steps else SLOWER)

            for turn, p in enumerate(samples, step * settings.turns):
                noisy = p + chain.sigmas[n] * noise(p.shape, chance, p)
                with torch.no_grad():
                    fake = chain.level(g, n, noisy, p)
                penalty = PENALTY * settings.penalty_every if turn % settings.penalty_every == 0 else 0.0
                losses = critic_losses(d, x, fake, penalty, chance)
                terms["critic"] = torch.stack(descend(losses, weights_d, optimiser_d, lanes)).sum()

            for turn, p in enumerate(samples, step * settings.turns):
                noisy = p + chain.sigmas[n] * noise(p.shape, chance, p)
                losses = (
                    lambda p=p, noisy=noisy: -d(chain.level(g, n, noisy, p)).mean(),
                    lambda: settings.alpha * F.mse_loss(chain.level(g, n, u, v), x),
                )
                terms["adversarial"], terms["rec"] = descend(losses, weights_g, optimiser_g, lanes)
                decay = min(settings.average, (1 + turn) / (10 + turn))
                for slow, weight in zip(mean.parameters(), weights_g, strict=True):
                    slow.lerp_(weight.detach(), 1 - decay)

            if step % LOG_EVERY == 0 or step == settings.steps - 1:
                run.log(step, **{name: float(term) for name, term in terms.items()})
            if settings.plateau and step % LOG_EVERY == 0 and _is_over(n, x, chain, mean, step, state, seed, settings):
                break
    chain.nets.append(mean)


Loss = Callable[[], Tensor]


def critic_losses(d: PatchNet, x: Tensor, fake: Tensor, penalty: float, chance: Generator) -> tuple[Loss, Loss]:
    """L_D in two parts that cost alike; x, fake: (1, 3, *S) without graphs; penalty: lambda, or 0 for none."""
    if not penalty:
        return lambda: -d(x).mean(), lambda: d(fake).mean()
    points = between(x, fake, chance)
    return lambda: d(fake).mean() - d(x).mean(), lambda: penalty * gradient_penalty(d, points)


def descend(
    losses: tuple[Loss, Loss], weights: Sequence[Tensor], optimiser: torch.optim.Optimizer, lanes: Lanes
) -> tuple[Tensor, Tensor]:
    """One step down the sum of two losses, which are found side by side; returns their values."""
    (first, slopes), (second, more) = lanes.both(_slopes, (losses[0], weights), (losses[1], weights))
    for weight, one, other in zip(weights, slopes, more, strict=True):
        weight.grad = one + other
    optimiser.step()
    return first, second


def _slopes(loss: Loss, weights: Sequence[Tensor]) -> tuple[Tensor, tuple[Tensor, ...]]:
    """A loss and its gradient."""
    value = loss()
    # The last bias has no part in a penalty.
    return value.detach(), torch.autograd.grad(value, weights, materialize_grads=True)


def _is_over(
    n: int, x: Tensor, chain: Chain, net: PatchNet, step: int, state: dict[str, Any], seed: int, settings: SinGan
) -> bool:
    """Whether a sample has not come closer to the input's patches for `plateau` steps; its noise stays the same."""
    chance, best = seeded(seed, n, 0, 2), state["best"]
    p = chain.samples(1, n, chance).to(x)
    with torch.no_grad():
        sample = chain.level(net, n, p + chain.sigmas[n] * noise(p.shape, chance, p), p)
    distance = sliced_wasserstein(sample, x, directions=64)
    if distance < 0.98 * best[0]:
        best[:] = distance, step
    return step - best[1] >= settings.plateau


class _Below:
    """Samples of the finished levels, enlarged to level n, for each step: drawn in blocks, without gradients."""

    def __init__(self, n: int, x: Tensor, chain: Chain, turns: int, seed: int, lanes: Lanes) -> None:
        self._n, self._x, self._chain, self._turns, self._seed, self._lanes = n, x, chain, turns, seed, lanes
        self._steps = max(1, BLOCK // turns)
        self._drawn: tuple[int, Tensor] | None = None

    def samples(self, step: int) -> tuple[Tensor, ...]:
        """p of every turn of this step, (1, 3, *S) each."""
        block, place = divmod(step, self._steps)
        if self._drawn is None or self._drawn[0] != block:
            count = self._steps * self._turns
            halves = [(some, self._n, seeded(self._seed, self._n, block, half))
                      for half, some in enumerate((count - count // 2, count // 2))]  # fmt: skip
            self._drawn = block, torch.cat(self._lanes.both(self._chain.samples, *halves)).to(self._x)
        return self._drawn[1][place * self._turns : (place + 1) * self._turns].split(1)
