"""The generators of one picture or clip X, one per pyramid level: what a network learns of it, and how it is run.

With T the convolutional body and tanh at its end, level n turns a picture v of its size, to which noise z may be
added, into

    u = v + sigma_n z,        G^n(u; v) = v + T^n(u)   at residual levels,   T^n(u)   at the finest, plain, ones.

A chain is climbed from any level: each result, enlarged, is the next level's v. From nothing but noise at level 0 that
draws a sample of X (sigma_0 = 1). From another picture entering at some level it gives that picture X's look: residual
levels can only add to what they are given, plain levels must draw every pixel anew and so take colour from X alone.

Shapes are (B, 3, *S), S being (H, W) for pictures and (T, H, W) for clips; sizes have as many lengths.

References:
    Shaham, Dekel, Michaeli: SinGAN: Learning a Generative Model from a Single Natural Image. ICCV 2019 (the chain).
    Benaim, Mokady, Bermano, Cohen-Or, Wolf: Structural Analogy from a Single Image Pair. Computer Graphics Forum 2020
        (plain levels).
"""

import math
from collections.abc import Mapping, Sequence
from typing import Literal, Self

import torch
from torch import Generator, Tensor

from gestalt.nn.blocks import PatchNet
from gestalt.ops.chance import noise
from gestalt.ops.pyramid import Size
from gestalt.ops.resize import resize

Border = Literal["zeros", "replicate"]
BORDERS: dict[str, Border] = {"free": "replicate", "learned": "zeros"}
"""What generators see beyond the border, by the layout they are to learn."""

_AT_ONCE = 1 << 16  # pixels in one batch of samples, so that wide levels stay within memory


class Chain:
    """Generators G^0 ... G^n, coarse to fine, with their noise amplitudes.

    Attributes:
        sizes: S of the picture they were trained on, at every level of the whole pyramid.
        plain: how many of the finest levels are not residual.
        nets: the bodies of the levels that are trained; fewer than `sizes` while training goes on.
        sigmas: their noise amplitudes.
    """

    def __init__(self, sizes: Sequence[Size], plain: int) -> None:
        self.sizes = list(sizes)
        self.plain = plain
        self.nets: list[PatchNet] = []
        self.sigmas: list[float] = []

    def is_residual(self, n: int) -> bool:
        """Whether level n adds to what it is given."""
        return n < len(self.sizes) - self.plain

    def level(self, net: PatchNet, n: int, u: Tensor, v: Tensor) -> Tensor:
        """G^n(u; v) with `net` as T^n; u, v: (B, 3, *S)."""
        drawn = torch.tanh(net(u))
        return v + drawn if self.is_residual(n) else drawn

    @torch.no_grad()
    def climb(self, v: Tensor, sizes: Sequence[Size], levels: range, chance: Generator | None, first: float) -> Tensor:
        """Pass a picture through some levels, enlarging it between them.

        Args:
            v: (B, 3, *S), resized to the first of the levels.
            sizes: S of every level of the pyramid, for the picture at work.
            levels: which ones, coarse to fine.
            chance: of the noise, on the CPU; None for no noise at all.
            first: factor on the noise of the first of the levels.

        Returns:
            (B, 3, *S) at the size of the last of the levels, as the network leaves it (not clamped).
        """
        for n in levels:
            v = resize(v, sizes[n]).clamp(-1, 1)
            amplitude = self.sigmas[n] * (first if n == levels[0] else 1.0)
            u = v + amplitude * noise(v.shape, chance, v) if chance and amplitude else v
            v = self.level(self.nets[n], n, u, v)
        return v

    @torch.no_grad()
    def samples(self, number: int, n: int, chance: Generator) -> Tensor:
        """Draw samples of X from the levels below n, enlarged to level n: the v of an unconditional G^n.

        Returns:
            (number, 3, *S) in [-1, 1]; for n = 0 all zeros, since there is nothing below.
        """
        size = self.sizes[n]
        if n == 0:
            return torch.zeros(number, 3, *size, device=self.nets[0].scales[0].device if self.nets else None)
        batch = max(1, _AT_ONCE // math.prod(size))
        device = self.nets[0].scales[0].device
        parts = []
        for begin in range(0, number, batch):
            v = torch.zeros(min(batch, number - begin), 3, *self.sizes[0], device=device)
            v = self.climb(v, self.sizes, range(n), chance, 1.0)
            parts.append(resize(v, size).clamp(-1, 1))
        return torch.cat(parts)

    @torch.no_grad()
    def anchored(self, z: Tensor, n: int) -> tuple[Tensor, Tensor]:
        """What G^n should turn into X itself: u and v of level n, from noise z at level 0 and none above.

        Args:
            z: (B, 3, *S) of the size of level 0.

        Returns:
            u, v: (B, 3, *S) of the size of level n; at level 0 they are z and zeros.
        """
        if n == 0:
            return z, torch.zeros_like(z)
        v = self.level(self.nets[0], 0, z, torch.zeros_like(z))
        v = self.climb(v, self.sizes, range(1, n), None, 0.0)
        v = resize(v, self.sizes[n]).clamp(-1, 1)
        return v, v

    def tensors(self, name: str) -> dict[str, Tensor]:
        """All that `restore` needs, by names that begin with `name`."""
        found = {
            f"{name}.sizes": torch.tensor(self.sizes),
            f"{name}.sigmas": torch.tensor(self.sigmas, dtype=torch.float64),
        }
        for n, net in enumerate(self.nets):
            found |= {f"{name}.{n}.{key}": value for key, value in net.state_dict().items()}
        return found

    @classmethod
    def restore(cls, tensors: Mapping[str, Tensor], name: str, plain: int, border: Border) -> Self:
        """Build a chain from `tensors`.

        Raises:
            ValueError: they are not those of a whole chain.
        """
        try:
            sizes = [tuple(size) for size in tensors[f"{name}.sizes"].tolist()]
            chain = cls(sizes, plain)
            chain.sigmas = tensors[f"{name}.sigmas"].tolist()
            for n in range(len(sizes)):
                start = f"{name}.{n}."
                state = {key.removeprefix(start): value for key, value in tensors.items() if key.startswith(start)}
                width = len(state["scales.0"])
                axes = len(sizes[n])
                net = PatchNet(3, 3, width, axes=axes, padding=1, border=border, generator=torch.Generator())
                net.load_state_dict(state)
                chain.nets.append(net.requires_grad_(False).to(state["scales.0"].device))
        except (KeyError, RuntimeError, TypeError) as error:
            raise ValueError(f"they lack or miss-shape {error}") from error
        return chain
