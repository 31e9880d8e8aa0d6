"""Hierarchical Patch VAE-GAN: new clips and pictures from one, diverse because of a VAE, sharp because of a GAN.

Levels k = 0 ... N of a pyramid, coarse to fine; z is a map of level 0's size, so that every place has its own Gaussian
and the networks' fields of view make it that of a patch:

    z ~ q(z | real_0) = N(mu, exp(logvar))           x_0 = tanh Dec(z)
    u = x_{k-1}, enlarged                            x_k = tanh(B_k(u + a_k noise) + u)

The coarsest M levels are learned as a VAE, one after another, encoder and decoder together with the newest B_k:

    L = rec (|x_k - real_k|^2 + |x_0 - real_0|^2) + kl KL(q || N(0, 1))

and the others as a GAN, in which only the newest B_k learns, against a critic D of patches. Fakes x_k come from
z ~ N(0, 1) and have noise at the levels of the GAN; what comes from q and no noise, x_k^rec, must be the input:

    L_D = D(x_k) - D(real_k) + lambda GP             L_B = rec |x_k^rec - real_k|^2 - D(x_k)

all as means over numbers, GP as in `ops.losses`. Coarse levels see the input at a lower frame rate: a window of
lcm(rates) + 1 frames, of which level k takes every r_k-th. A picture has one frame, networks over two axes, and noise
at every level above 0.

Where this departs from the authors' published code, and the test of each:

1. Sizes are rounded, the coarsest is exactly `coarsest` long, and either side is rounded by itself (test_ladder).
2. The normalisation is that of each sample, in training and after; published, batch normalisation is never put into
   evaluation and does the same for a batch of one (test_samples_do_not_depend_on_their_batch).
3. Pictures are enlarged cubically, corners not aligned (`ops.resize`).
4. Noise amplitudes a_k = 0.1 RMSE(real_k, x_k^rec) are not divided by the batch size (test_amplitudes).
5. At GAN levels nothing below the newest block carries gradients, and their norm is clipped over what learns, not over
   all weights (test_only_the_newest_block_learns).
6. The GAN levels' anchor is the posterior's mean unless `anchor` is "drawn" (test_anchor).
7. Power iterations for the spectral norm are steps of their own, once a step of training (`nn.convs`).
8. Samples come from an explicit ladder of sizes, so they may be larger, wider or longer (test_any_size).

References:
    Gur, Benaim, Wolf: Hierarchical Patch VAE-GAN: Generating Diverse Videos from a Single Sample. NeurIPS 2020.
"""

import copy
import functools
import itertools
import math
from collections.abc import Mapping, Sequence
from typing import Any, Self

import torch
from torch import Generator, Tensor, nn
from torch.nn import functional as F

from gestalt.metrics.patches import sliced_wasserstein
from gestalt.nn.convs import Conv, SpectralConv, follow_all
from gestalt.ops.chance import noise, seeded
from gestalt.ops.losses import between, gradient_penalty
from gestalt.ops.normalise import SLOPE, normalised_leaky
from gestalt.ops.pyramid import Size, fit_long_side
from gestalt.ops.resize import resize
from gestalt.run.service import NullRun
from gestalt.tasks.generate.config import VaeGan
from gestalt.tasks.generate.windows import Windows, frame_steps, level_sizes

HIDDEN, TRUNK = 6, 3
"""Hidden layers of decoder, blocks and critics, and layers of the encoder below its two heads."""

NOISE, PENALTY, SLOWER, CLIP, BETAS = 0.1, 0.1, 0.2, 5.0, (0.5, 0.999)
LOG_EVERY, POOL, ANCHORS = 20, 8, 32
"""Steps between records; samples of the levels below that are drawn together; windows whose anchors are kept."""


class Stack(nn.Module):
    """Seven convolutions, all but the last followed by normalisation and LeakyReLU(0.2): decoder, and block B_k."""

    def __init__(self, channels_in: int, channels_out: int, width: int, axes: int, generator: Generator) -> None:
        super().__init__()
        counts = [channels_in, *[width] * HIDDEN, channels_out]
        self.convs = nn.ModuleList(Conv(*pair, axes, generator) for pair in itertools.pairwise(counts))
        self.scales = nn.ParameterList(torch.ones(width) for _ in range(HIDDEN))
        self.shifts = nn.ParameterList(torch.zeros(width) for _ in range(HIDDEN))

    def forward(self, x: Tensor) -> Tensor:
        """(B, C, *S) -> (B, C', *S), each sample by itself."""
        for conv, scale, shift in zip(self.convs, self.scales, self.shifts, strict=False):
            x = normalised_leaky(conv(x), scale, shift)
        return self.convs[-1](x)


class Critic(nn.Module):
    """Seven convolutions with LeakyReLU(0.2), the spectral norm of all but the last at 1: (B, 3, *S) -> (B, 1, *S)."""

    def __init__(self, width: int, axes: int, generator: Generator) -> None:
        super().__init__()
        counts = [3, *[width] * HIDDEN]
        self.convs = nn.ModuleList(SpectralConv(*pair, axes, generator) for pair in itertools.pairwise(counts))
        self.last = Conv(width, 1, axes, generator)

    def forward(self, x: Tensor) -> Tensor:
        for conv in self.convs:
            x = F.leaky_relu(conv(x), SLOPE)
        return self.last(x)


class Encoder(nn.Module):
    """The posterior of the latent map: (B, 3, *S) -> mu and logvar (B, latent, *S)."""

    def __init__(self, width: int, latent: int, axes: int, generator: Generator) -> None:
        super().__init__()
        counts = [3, *[width] * TRUNK]
        self.convs = nn.ModuleList(SpectralConv(*pair, axes, generator) for pair in itertools.pairwise(counts))
        self.mu, self.logvar = (Conv(width, latent, axes, generator) for _ in range(2))

    def forward(self, x: Tensor) -> tuple[Tensor, Tensor]:
        for conv in self.convs:
            x = F.leaky_relu(conv(x), SLOPE)
        return self.mu(x), self.logvar(x)


class PatchVaeGan:
    """Encoder, decoder and blocks of the levels that are trained, with the amplitudes of their noise.

    Args:
        sizes: (T, H, W) of every level, coarse to fine.
        settings: of the networks.
        generator: of their initial weights.
        device: where they live.

    Attributes:
        blocks: B_1, B_2, ...
        amplitudes: a_0, a_1, ...; a_0 is never used.
    """

    def __init__(self, sizes: Sequence[Size], settings: VaeGan, generator: Generator, device: torch.device) -> None:
        self.sizes, self.vae_levels, self.latent = list(sizes), settings.vae_levels, settings.latent
        self.axes = 3 if sizes[-1][0] > 1 else 2
        self.encoder = Encoder(settings.width, settings.latent, self.axes, generator).to(device)
        self.decoder = Stack(settings.latent, 3, settings.width, self.axes, generator).to(device)
        self.blocks: list[Stack] = []
        self.amplitudes: list[float] = [1.0]

    def is_gan(self, k: int) -> bool:
        """Whether level k belongs to the GAN."""
        return k >= self.vae_levels

    def has_noise(self, k: int) -> bool:
        """Whether samples get noise at level k."""
        return k > 0 and (self.is_gan(k) or self.axes == 2)

    def decode(self, z: Tensor) -> Tensor:
        """x_0 of a latent map (B, latent, *S)."""
        return torch.tanh(self.decoder(z))

    def refine(self, k: int, u: Tensor, given: Tensor | None = None) -> Tensor:
        """x_k of u (B, 3, *S), x_{k-1} enlarged; `given` is u with noise, where there is any."""
        return torch.tanh(self.blocks[k - 1](u if given is None else given) + u)

    def climb(self, x: Tensor, sizes: Sequence[Size], levels: range, chance: Generator | None = None) -> Tensor:
        """Pass x through some levels.

        Args:
            x: (B, 3, *S), the result of the level before the first of them, or a picture that enters there.
            sizes: (T, H, W) of every level.
            levels: which, coarse to fine, none of them 0.
            chance: of the noise; None for none.

        Returns:
            (B, 3, *S) at the size of the last of them.
        """
        for k in levels:
            u = resize(x, self._axes_of(sizes[k]))
            given = None
            if chance is not None and self.has_noise(k):
                given = u + self.amplitudes[k] * noise(u.shape, chance, u)
            x = self.refine(k, u, given)
        return x

    def draw_latent(self, size: Size, chance: Generator, count: int = 1) -> Tensor:
        """z ~ N(0, 1) for a level 0 of a size (T, H, W)."""
        like = self.decoder.scales[0]
        return noise((count, self.latent, *self._axes_of(size)), chance, like)

    @torch.no_grad()
    def posterior_mean(self, clip: Tensor) -> Tensor:
        """mu of a clip (1, 3, T, H, W) of the size of level 0."""
        return self.encoder(self.inside(clip))[0]

    @torch.no_grad()
    def sample(
        self,
        sizes: Sequence[Size],
        chance: Generator | None,
        *,
        z: Tensor | None = None,
        begin: Tensor | None = None,
        start: int = 1,
    ) -> Tensor:
        """Draw one sample, of any size.

        Args:
            sizes: (T, H, W) of every level, as `follow_clip` makes them of `self.sizes`.
            chance: of latent map and noise; None, with z or begin, for no noise at all.
            z: (1, latent, *S) the latent map, or None to draw one.
            begin: (1, 3, T, H, W) in [-1, 1] that enters at level `start` instead of a sample of the levels below, and
                so at their resolution; any size.
            start: a level from 1 on.

        Returns:
            (1, 3, T, H, W) in (-1, 1), of the last of the sizes.
        """
        if begin is not None:
            x = resize(self.inside(begin), self._axes_of(sizes[start - 1])).clamp(-1, 1)
        else:
            start = 1
            if z is None:
                assert chance is not None, "no latent map, no chance to draw one, and nothing that enters"
                z = self.draw_latent(sizes[0], chance)
            x = self.decode(z)
        return self.outside(self.climb(x, sizes, range(start, len(self.blocks) + 1), chance))

    def inside(self, clip: Tensor) -> Tensor:
        """(B, 3, T, H, W) as the networks take it: pictures without their one frame's axis."""
        return clip if self.axes == 3 else clip[:, :, 0]

    def outside(self, x: Tensor) -> Tensor:
        """The reverse."""
        return x if self.axes == 3 else x[:, :, None]

    def _axes_of(self, size: Size) -> Size:
        return size[3 - self.axes :]

    def tensors(self) -> dict[str, Tensor]:
        """All that `restore` needs."""
        found = {
            "sizes": torch.tensor(self.sizes),
            "amplitudes": torch.tensor(self.amplitudes, dtype=torch.float64),
        }
        for name, net in self._nets().items():
            found |= {f"{name}.{key}": value for key, value in net.state_dict().items()}
        return found

    @classmethod
    def restore(cls, tensors: Mapping[str, Tensor], settings: VaeGan, device: torch.device) -> Self:
        """Build it from `tensors`.

        Raises:
            ValueError: they are not those of a whole model with these settings.
        """
        try:
            sizes = [tuple(size) for size in tensors["sizes"].tolist()]
            model = cls(sizes, settings, Generator(), device)
            model.amplitudes = tensors["amplitudes"].tolist()
            model.blocks = [
                Stack(3, 3, settings.width, model.axes, Generator()).to(device) for _ in range(len(sizes) - 1)
            ]
            for name, net in model._nets().items():
                start = f"{name}."
                state = {key.removeprefix(start): value for key, value in tensors.items() if key.startswith(start)}
                net.load_state_dict(state)
                net.requires_grad_(False)
        except (KeyError, RuntimeError, TypeError) as error:
            raise ValueError(f"they lack or miss-shape {error}") from error
        return model

    def _nets(self) -> dict[str, nn.Module]:
        blocks = {f"block {k}": block for k, block in enumerate(self.blocks, 1)}
        return {"encoder": self.encoder, "decoder": self.decoder, **blocks}


def working_size(clip: Tensor, settings: VaeGan) -> Tensor:
    """Reduce (1, 3, T, H, W) to the size it is worked on at, aspect kept.

    Raises:
        ValueError: a clip is shorter than a window.
    """
    count, window = clip.shape[2], math.lcm(*settings.rates) + 1
    if 1 < count < window:
        given = " ".join(map(str, settings.rates))
        fitting = "4 2 1" if count >= 5 else "2 1" if count >= 3 else "1"
        raise ValueError(
            f"with --rates {given} a window has {window} frames, but there are only {count}: use more frames, or "
            f"--rates {fitting}"
        )
    return resize(clip, (count, *fit_long_side(clip.shape[3:], settings.size))).clamp(-1, 1)


def fit(clip: Tensor, settings: VaeGan, *, seed: int = 0, run: NullRun = NullRun()) -> PatchVaeGan:
    """Train all levels on one clip or picture.

    Args:
        clip: (1, 3, T, H, W) in [-1, 1], at working size; a picture has T = 1.
        settings: of the method.
        seed: of weights and noise.
        run: takes a loop of steps per level.

    Returns:
        The trained model.
    """
    is_clip = clip.shape[2] > 1
    sizes = level_sizes(clip.shape[3:], is_clip, settings)
    steps = frame_steps(len(sizes), settings)
    model = PatchVaeGan(sizes, settings, seeded(seed, 0), clip.device)
    coarse = Windows(clip, sizes[0], steps[0])
    critic: Critic | None = None
    for k, size in enumerate(sizes):
        windows = Windows(clip, size, steps[k])
        if k > 0:
            new = functools.partial(Stack, 3, 3, settings.width, model.axes, seeded(seed, k))
            model.blocks.append(
                copy.deepcopy(model.blocks[-1]).requires_grad_(True) if k > 1 else new().to(clip.device)
            )
            model.amplitudes.append(_amplitude(k, model, coarse.at(0), windows.at(0)))
        if model.is_gan(k):
            new_critic = functools.partial(Critic, settings.width, model.axes, seeded(seed, k, 1))
            critic = new_critic().to(clip.device) if critic is None else critic
            fit_gan_level(k, model, critic, coarse, windows, settings, seed=seed, run=run)
        else:
            fit_vae_level(k, model, coarse, windows, settings, seed=seed, run=run)
        example = model.sample(sizes, seeded(seed, 0, 0))
        run.preview("level", k, example[:, :, example.shape[2] // 2])
    return model


def _amplitude(k: int, model: PatchVaeGan, real_0: Tensor, real_k: Tensor) -> float:
    """a_k, by the reconstruction with the new block as it is before it is trained."""
    if not model.has_noise(k):
        return 0.0
    rec = model.sample(model.sizes, None, z=model.posterior_mean(real_0))
    return NOISE * float(F.mse_loss(rec, real_k).sqrt())


def fit_vae_level(
    k: int,
    model: PatchVaeGan,
    coarse: Windows,
    windows: Windows,
    settings: VaeGan,
    *,
    seed: int = 0,
    run: NullRun = NullRun(),
) -> None:
    """Train encoder, decoder and the newest block together."""
    for block in model.blocks[:-1]:
        block.requires_grad_(False)
    slow = [*model.encoder.parameters(), *model.decoder.parameters()]
    newest = list(model.blocks[-1].parameters()) if k > 0 else []
    groups = [{"params": slow, "lr": settings.lr * SLOWER**k}, *([{"params": newest}] if newest else [])]
    optimiser = torch.optim.Adam(groups, settings.lr, BETAS, fused=True)
    state: dict[str, Any] = {"encoder": model.encoder, "decoder": model.decoder, "optimiser": optimiser}
    if k > 0:
        state["block"] = model.blocks[-1]
    for step in run.steps(f"level {k}", settings.vae_steps, state):
        chance = seeded(seed, k, step)
        begin = _begin(windows, chance)
        real_0, real_k = (_copies(model.inside(x.at(begin)), settings.batch) for x in (coarse, windows))
        follow_all(model.encoder)
        mu, logvar = model.encoder(real_0)
        x_0 = model.decode(mu + torch.exp(logvar / 2) * noise(mu.shape, chance, mu))
        x_k = model.climb(x_0, model.sizes, range(1, k + 1))
        terms = vae_terms(x_k, real_k, x_0, real_0, mu, logvar, settings)
        optimiser.zero_grad()
        torch.stack(list(terms.values())).sum().backward()
        nn.utils.clip_grad_norm_([*slow, *newest], CLIP)
        optimiser.step()
        if step % LOG_EVERY == 0 or step == settings.vae_steps - 1:
            run.log(step, **{name: float(term.detach()) for name, term in terms.items()})


def vae_terms(
    x_k: Tensor, real_k: Tensor, x_0: Tensor, real_0: Tensor, mu: Tensor, logvar: Tensor, settings: VaeGan
) -> dict[str, Tensor]:
    """L of a VAE level, by name; at level 0 the two reconstructions are one and count twice."""
    return {
        "rec": settings.rec * F.mse_loss(x_k, real_k),
        "rec_0": settings.rec * F.mse_loss(x_0, real_0),
        "kl": settings.kl * divergence(mu, logvar),
    }


def divergence(mu: Tensor, logvar: Tensor) -> Tensor:
    """KL of N(mu, exp(logvar)) from N(0, 1), a mean over all numbers."""
    return 0.5 * (mu.square() + logvar.exp() - 1 - logvar).mean()


def fit_gan_level(
    k: int,
    model: PatchVaeGan,
    critic: Critic,
    coarse: Windows,
    windows: Windows,
    settings: VaeGan,
    *,
    seed: int = 0,
    run: NullRun = NullRun(),
) -> None:
    """Train the newest block against the critic, which comes from the level before; all else stays as it is."""
    block, below = model.blocks[-1], _Below(k, model, coarse, settings, seed)
    for net in (model.encoder, model.decoder, *model.blocks[:-1]):
        net.requires_grad_(False)
    weights = list(block.parameters())
    optimiser_b = torch.optim.Adam(weights, settings.lr, BETAS, fused=True)
    optimiser_d = torch.optim.Adam(critic.parameters(), settings.lr, BETAS, fused=True)
    state: dict[str, Any] = {
        "block": block, "critic": critic, "b": optimiser_b, "d": optimiser_d, "best": [math.inf, 0],
    }  # fmt: skip
    for step in run.steps(f"level {k}", settings.gan_steps, state):
        chance = seeded(seed, k, step)
        begin = _begin(windows, chance)
        real = _copies(model.inside(windows.at(begin)), settings.batch)
        p, q = below.samples(step), below.anchors(step, begin)
        given = torch.cat([p + model.amplitudes[k] * noise(p.shape, chance, p), q])
        fake, rec = model.refine(k, torch.cat([p, q]), given).chunk(2)

        penalty = PENALTY * settings.penalty_every if step % settings.penalty_every == 0 else 0.0
        loss_d = train_critic(critic, real, fake, optimiser_d, penalty, chance)

        terms = {"rec": settings.rec * F.mse_loss(rec, real), "adversarial": -critic(fake).mean()}
        optimiser_b.zero_grad()
        torch.stack(list(terms.values())).sum().backward()
        nn.utils.clip_grad_norm_(weights, CLIP)
        optimiser_b.step()
        if step % LOG_EVERY == 0 or step == settings.gan_steps - 1:
            run.log(step, critic=float(loss_d), **{name: float(term.detach()) for name, term in terms.items()})
        if settings.plateau and step % LOG_EVERY == 0 and _is_over(model, windows, step, state["best"], seed, settings):
            break
    block.requires_grad_(False)


def train_critic(
    critic: Critic, real: Tensor, fake: Tensor, optimiser: torch.optim.Optimizer, penalty: float, chance: Generator
) -> Tensor:
    """One step of D on reals and fakes (B, 3, *S); returns L_D without the penalty. penalty: lambda, or 0."""
    critic.requires_grad_(True)
    follow_all(critic)
    optimiser.zero_grad()
    fake = fake.detach()
    on_real, on_fake = critic(torch.cat([real, fake])).chunk(2)
    loss = wasserstein = on_fake.mean() - on_real.mean()
    if penalty:
        loss = wasserstein + penalty * gradient_penalty(critic, between(real[:1], fake, chance)) / len(fake)
    loss.backward()
    optimiser.step()
    critic.requires_grad_(False)
    return wasserstein.detach()


def _is_over(model: PatchVaeGan, windows: Windows, step: int, best: list[float], seed: int, settings: VaeGan) -> bool:
    """Whether a sample has not come closer to the input's patches for `plateau` steps."""
    sample = model.sample(model.sizes, seeded(seed, 0, 0))
    distance = sliced_wasserstein(sample, windows.at(0), directions=64)
    if distance < 0.98 * best[0]:
        best[:] = distance, step
    return step - best[1] >= settings.plateau


class _Below:
    """What the levels below a GAN level hand to it for each step, enlarged, without gradients."""

    def __init__(self, k: int, model: PatchVaeGan, coarse: Windows, settings: VaeGan, seed: int) -> None:
        self._k, self._model, self._coarse, self._settings, self._seed = k, model, coarse, settings, seed
        self._pool: tuple[int, Tensor] | None = None
        self._means: dict[int, Tensor] = {}

    def samples(self, step: int) -> Tensor:
        """u of fakes, (B, 3, *S), each used once; drawn `POOL` at a time."""
        batch = self._settings.batch
        block, place = divmod(step, POOL)
        if self._pool is None or self._pool[0] != block:
            chance = seeded(self._seed, self._k, block, 1)
            parts = [
                self._enlarged(self._model.draw_latent(self._model.sizes[0], chance), chance)
                for _ in range(POOL * batch)
            ]
            self._pool = block, torch.cat(parts)
        return self._pool[1][place * batch : (place + 1) * batch]

    def anchors(self, step: int, begin: int) -> Tensor:
        """u of reconstructions of the window that begins with that frame, (B, 3, *S)."""
        model, batch = self._model, self._settings.batch
        if self._settings.anchor == "mean":
            if begin not in self._means:
                if len(self._means) >= ANCHORS:
                    del self._means[next(iter(self._means))]
                self._means[begin] = self._enlarged(model.posterior_mean(self._coarse.at(begin)), None)
            return _copies(self._means[begin], batch)
        chance = seeded(self._seed, self._k, step, 2)
        with torch.no_grad():
            mu, logvar = model.encoder(model.inside(self._coarse.at(begin)))
        latents = [mu + torch.exp(logvar / 2) * noise(mu.shape, chance, mu) for _ in range(batch)]
        return torch.cat([self._enlarged(z, None) for z in latents])

    @torch.no_grad()
    def _enlarged(self, z: Tensor, chance: Generator | None) -> Tensor:
        model = self._model
        x = model.climb(model.decode(z), model.sizes, range(1, self._k), chance)
        return resize(x, model.sizes[self._k][3 - model.axes :])


def _begin(windows: Windows, chance: Generator) -> int:
    """The first frame of this step's window."""
    return int(torch.randint(windows.count, (), generator=chance)) if windows.count > 1 else 0


def _copies(x: Tensor, count: int) -> Tensor:
    """(1, ...) -> (count, ...), without copying."""
    return x.expand(count, *x.shape[1:])
