"""The published training schedule of structural analogy, re-derived from its description: what ours is timed against.

Nothing is left out and nothing added: at every step four chains are run from noise (two samples, two
reconstructions), the critics take two gradient penalties each, the generators six backward passes that also fill the
critics' gradients, and batch normalisation sees one picture at a time. Vectorised throughout (the original resizes
through bytes in numpy), in plain torch with its default threads.
"""

import copy

import torch
from torch import Tensor, nn
from torch.nn import functional as F


def body(channels_in: int, channels_out: int, width: int, padding: int) -> nn.Sequential:
    """Four convolutions with batch normalisation and LeakyReLU, and a fifth."""
    layers: list[nn.Module] = []
    for n in range(4):
        layers += [nn.Conv2d(channels_in if n == 0 else width, width, 3, padding=padding)]
        layers += [nn.BatchNorm2d(width), nn.LeakyReLU(0.2)]
    whole = nn.Sequential(*layers, nn.Conv2d(width, channels_out, 3, padding=padding))
    for module in whole:
        if isinstance(module, nn.Conv2d):
            nn.init.normal_(module.weight, 0, 0.02)
        elif isinstance(module, nn.BatchNorm2d):
            nn.init.normal_(module.weight, 1, 0.02)
    return whole


class Published:
    """One square pair in training.

    Args:
        a, b: (1, 3, S, S) in [-1, 1].
        sizes: of the levels, in pixels, coarse to fine.
        widths: of the levels.
        plain: how many of the finest levels are not residual.
        beta: weight of the cycle.
    """

    def __init__(self, a: Tensor, b: Tensor, sizes: list[int], widths: list[int], plain: int, beta: float) -> None:
        self.pictures, self.sizes, self.widths, self.plain, self.beta = (a, b), sizes, widths, plain, beta
        self.chains: tuple[list[nn.Module], list[nn.Module]] = ([], [])
        self.sigmas: tuple[list[float], list[float]] = ([], [])
        self.critics: list[nn.Module] = []

    def level(self, net: nn.Module, n: int, u: Tensor, v: Tensor) -> Tensor:
        """One generator."""
        drawn = torch.tanh(net(u))
        return v + drawn if n < len(self.sizes) - self.plain else drawn

    def below(self, side: int, n: int, noisy: bool) -> Tensor:
        """A sample, or with noise at level 0 only a reconstruction, of the finished levels; enlarged."""
        v = torch.zeros(1, 3, self.sizes[0], self.sizes[0])
        for k in range(n):
            u = v + self.sigmas[side][k] * torch.randn_like(v) if noisy or k == 0 else v
            v = self.level(self.chains[side][k], k, u, v).detach()
            v = resized(v, self.sizes[k + 1]).clamp(-1, 1)
        return v

    def begin(self, n: int) -> None:
        """Make the nets of level n, from those of the level before where the width is the same."""
        is_same = n > 0 and self.widths[n] == self.widths[n - 1]
        self.reals = [resized(x, self.sizes[n]) for x in self.pictures]
        for side in (0, 1):
            net = copy.deepcopy(self.chains[side][-1]) if is_same else body(3, 3, self.widths[n], 1)
            self.chains[side].append(net.requires_grad_(True))
            rmse = float(F.mse_loss(self.below(side, n, False), self.reals[side]).sqrt())
            self.sigmas[side].append(1.0 if n == 0 else 0.1 * rmse)
        self.critics = (
            [copy.deepcopy(d) for d in self.critics] if is_same else [body(3, 1, self.widths[n], 0) for _ in range(2)]
        )
        generators = [*self.chains[0][n].parameters(), *self.chains[1][n].parameters()]
        self.optimiser_g = torch.optim.Adam(generators, 5e-4, (0.5, 0.999))
        self.optimiser_d = torch.optim.Adam([p for d in self.critics for p in d.parameters()], 1e-4, (0.5, 0.999))

    def end(self, n: int) -> None:
        """Freeze level n."""
        for side in (0, 1):
            self.chains[side][n].requires_grad_(False)

    def step(self, n: int) -> None:
        """One step of the critics and one of the generators."""
        nets = [chain[n] for chain in self.chains]
        fakes, recs = [], []
        for side in (0, 1):
            p, sigma = self.below(side, n, True), self.sigmas[side][n]
            fakes.append(self.level(nets[side], n, p + sigma * torch.randn_like(p), p))
            q = self.below(side, n, False)
            recs.append(self.level(nets[side], n, torch.randn_like(q) if n == 0 else q, q))
        conds = [self.level(nets[side], n, fakes[1 - side], fakes[1 - side]) for side in (0, 1)]
        backs = [self.level(nets[side], n, conds[1 - side], conds[1 - side]) for side in (0, 1)]

        self.optimiser_d.zero_grad()
        for d, real, cond, fake in zip(self.critics, self.reals, conds, fakes, strict=True):
            (-2 * d(real).mean()).backward()
            for other in (cond.detach(), fake.detach()):
                d(other).mean().backward()
                (0.1 * penalty(d, real, other)).backward()
        self.optimiser_d.step()

        self.optimiser_g.zero_grad()
        for side, d in enumerate(self.critics):
            (-d(conds[side]).mean() - d(fakes[side]).mean()).backward(retain_graph=True)
            F.mse_loss(recs[side], self.reals[side]).backward(retain_graph=True)
            (self.beta * F.mse_loss(backs[side], fakes[side])).backward(retain_graph=True)
        self.optimiser_g.step()

    @torch.no_grad()
    def mapped(self, picture: Tensor, to: int, start: int) -> Tensor:
        """A picture (1, 3, S, S) given the look of side `to`, entering at one level; with noise above, as ours."""
        v = picture
        for n in range(start, len(self.chains[to])):
            v = resized(v, self.sizes[n]).clamp(-1, 1)
            u = v + self.sigmas[to][n] * torch.randn_like(v) if n > start else v
            v = self.level(self.chains[to][n], n, u, v)
        return v.clamp(-1, 1)


def penalty(d: nn.Module, real: Tensor, fake: Tensor) -> Tensor:
    """The gradient penalty between two pictures."""
    point = torch.lerp(real, fake, torch.rand(1)).requires_grad_()
    (slope,) = torch.autograd.grad(d(point).sum(), point, create_graph=True)
    return ((slope.norm(dim=1) - 1) ** 2).mean()


def resized(x: Tensor, size: int) -> Tensor:
    """Cubic, to a square."""
    return F.interpolate(x, (size, size), mode="bicubic", antialias=True)
