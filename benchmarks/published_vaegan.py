"""The published schedule of Hierarchical Patch VAE-GAN, re-derived from its description: what our cost is measured by.

Vectorised and free of what only slows the authors' code down (data loaders, copies between devices), but with its
schedule: every step runs the whole pyramid twice, once from the posterior and once from the prior, with the graph of
all levels, and a gradient penalty at every step. For the cost of a step, and for training one level as they would.
"""

import copy
from collections.abc import Callable, Sequence
from typing import Any

import torch
from torch import Tensor, nn
from torch.nn import functional as F
from torch.nn.utils import parametrizations

from gestalt.tasks.generate.vaegan import PatchVaeGan


def stack(channels_in: int, channels_out: int, width: int) -> nn.Sequential:
    """Six convolutions with batch normalisation and LeakyReLU, and a seventh."""
    layers: list[nn.Module] = []
    for n in range(6):
        layers += [nn.Conv3d(channels_in if n == 0 else width, width, 3, padding=1)]
        layers += [nn.BatchNorm3d(width), nn.LeakyReLU(0.2)]
    return nn.Sequential(*layers, nn.Conv3d(width, channels_out, 3, padding=1))


def spectral(channels_in: int, width: int, count: int) -> list[nn.Module]:
    """Convolutions of unit spectral norm with LeakyReLU."""
    layers: list[nn.Module] = []
    for n in range(count):
        conv = nn.Conv3d(channels_in if n == 0 else width, width, 3, padding=1)
        layers += [parametrizations.spectral_norm(conv), nn.LeakyReLU(0.2)]
    return layers


def _trilinear(x: Tensor, size: Sequence[int]) -> Tensor:
    return F.interpolate(x, tuple(size), mode="trilinear", align_corners=True)


class Published:
    """One clip in training.

    Args:
        reals: (1, 3, T, H, W) in [-1, 1], the clip at every level.
        vae_levels: M.
        width, latent: channels.
    """

    def __init__(self, reals: list[Tensor], vae_levels: int, width: int, latent: int) -> None:
        self.reals, self.vae_levels, self.width, self.latent = reals, vae_levels, width, latent
        self.enlarge: Callable[[Tensor, Sequence[int]], Tensor] = _trilinear
        self.trunk = nn.Sequential(*spectral(3, width, 3))
        self.mu, self.logvar = (nn.Conv3d(width, latent, 3, padding=1) for _ in range(2))
        self.decoder = stack(latent, 3, width)
        self.blocks: list[nn.Module] = []
        self.critic: nn.Module = nn.Sequential()

    def take(self, model: PatchVaeGan, enlarge: Callable[[Tensor, Sequence[int]], Tensor]) -> None:
        """Go on from levels that were trained already, and enlarge as they do."""
        self.enlarge = enlarge
        nets: Any = (self.trunk[::2], self.mu, self.logvar, self.decoder)
        trunk, mu, logvar, decoder = nets
        encoder: Any = model.encoder
        for ours, theirs in zip(trunk, encoder.convs, strict=True):
            norm = torch.dot(theirs.u, theirs.weight.flatten(1) @ theirs.v)
            ours.weight, ours.bias.data = theirs.weight.detach() / norm.detach(), theirs.bias.detach().clone()
        for ours, theirs in zip((mu, logvar), (encoder.mu, encoder.logvar), strict=True):
            ours.load_state_dict(theirs.state_dict())
        blocks: Any = [stack(3, 3, self.width) for _ in model.blocks[:-1]]
        self.blocks = list(blocks)
        for ours, theirs in zip((decoder, *blocks), (model.decoder, *model.blocks[:-1]), strict=True):
            for mine, conv in zip(ours[::3], theirs.convs, strict=True):
                mine.load_state_dict(conv.state_dict())
            for mine, scale, shift in zip(ours[1::3], theirs.scales, theirs.shifts, strict=True):
                mine.weight.data, mine.bias.data = scale.detach().clone(), shift.detach().clone()

    @torch.no_grad()
    def samples(self, k: int, count: int) -> list[Tensor]:
        """Fakes of level k, the same draws each time."""
        with torch.random.fork_rng():
            torch.manual_seed(7)
            like = self.posterior()[1]
            return [self.climb(torch.randn_like(like), k, True)[1] for _ in range(count)]

    def begin(self, k: int) -> None:
        """Make the nets and optimisers of level k; the levels below stay as they are."""
        if k > 0:
            self.blocks.append(copy.deepcopy(self.blocks[-1]) if k > 1 else stack(3, 3, self.width))
        slow = [p for net in (self.trunk, self.mu, self.logvar, self.decoder) for p in net.parameters()]
        newest = list(self.blocks[-1].parameters()) if k > 0 else []
        if k < self.vae_levels:
            groups = [{"params": slow, "lr": 5e-4 * 0.2**k}, *([{"params": newest}] if newest else [])]
            self.optimiser = torch.optim.Adam(groups, 5e-4, (0.5, 0.999))
            return
        if not len(list(self.critic.parameters())):
            self.critic = nn.Sequential(*spectral(3, self.width, 6), nn.Conv3d(self.width, 1, 3, padding=1))
        self.optimiser = torch.optim.Adam(newest, 5e-4, (0.5, 0.999))
        self.optimiser_d = torch.optim.Adam(self.critic.parameters(), 5e-4, (0.5, 0.999))

    def climb(self, z: Tensor, k: int, noisy: bool) -> tuple[Tensor, Tensor]:
        """x_0 and x_k."""
        x = first = torch.tanh(self.decoder(z))
        for n in range(1, k + 1):
            u = self.enlarge(x, self.reals[n].shape[2:])
            if n == self.vae_levels:
                u = u.detach()
            given = u + 0.05 * torch.randn_like(u) if noisy and n >= self.vae_levels else u
            x = torch.tanh(self.blocks[n - 1](given) + u)
        return first, x

    def posterior(self) -> tuple[Tensor, Tensor, Tensor]:
        """z, mu and logvar."""
        hidden = self.trunk(self.reals[0])
        mu, logvar = self.mu(hidden), self.logvar(hidden)
        return mu + torch.exp(logvar / 2) * torch.randn_like(mu), mu, logvar

    def step(self, k: int) -> None:
        """One step of training."""
        real = self.reals[k]
        z, mu, logvar = self.posterior()
        x_0, rec = self.climb(z, k, False)
        parameters = [p for net in (self.decoder, *self.blocks) for p in net.parameters()]
        if k < self.vae_levels:
            kl = 0.5 * (mu.square() + logvar.exp() - 1 - logvar).mean()
            loss = 10 * (F.mse_loss(rec, real) + F.mse_loss(x_0, self.reals[0])) + kl
            self.optimiser.zero_grad()
            loss.backward()
            nn.utils.clip_grad_norm_(parameters, 5)
            self.optimiser.step()
            return
        _, fake = self.climb(torch.randn_like(mu), k, True)
        self.optimiser_d.zero_grad()
        other = fake.detach()
        point = torch.lerp(real, other, torch.rand(1)).requires_grad_()
        (slope,) = torch.autograd.grad(self.critic(point).sum(), point, create_graph=True)
        penalty = 0.1 * (slope.norm(dim=1) - 1).square().mean()
        (self.critic(other).mean() - self.critic(real).mean() + penalty).backward()
        self.optimiser_d.step()
        for net in (self.trunk, self.mu, self.logvar, self.decoder, *self.blocks):
            net.zero_grad()
        (10 * F.mse_loss(rec, real) - self.critic(fake).mean()).backward()
        nn.utils.clip_grad_norm_([p for p in parameters if p.grad is not None], 5)
        self.optimiser.step()
