"""The ways to swap statistics of a batch of feature maps, one function each; `statswap` says what they are for."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Literal

import torch
from torch import Generator, Tensor

from gestalt.nn import partners
from gestalt.nn.partners import Partner, Partners
from gestalt.ops.moments import Dims, Moments, boxed_moments, moments, sorted_like, spread, widened, window_moments

RuleName = Literal["padain", "mixstyle", "crossnorm", "efdmix", "dsu"]


@dataclass(frozen=True, kw_only=True)
class Rule:
    """What is done at a slot, without how often.

    name: of the way.
    partner: whose statistics each sample gets; dsu has no partners.
    dims: what shares its moments.
    eps: added to variances, and of padain and crossnorm once more to deviations.
    alpha: of the Beta distribution that mixstyle and efdmix mix by.
    crop: of crossnorm, the least side of boxes as a part of the map's; 1 takes all of it.
    windows: of columns, with dims "windows".
    """

    name: RuleName = "padain"
    partner: Partner = "permute"
    dims: Dims = "spatial"
    eps: float = 1e-5
    alpha: float = 0.1
    crop: float = 0.3
    windows: int = 5

    def __post_init__(self) -> None:
        """Check what goes together.

        Raises:
            ValueError: one sentence naming the argument.
        """
        if self.name not in WAYS:
            raise ValueError(f"there is no way {self.name!r} to swap statistics: choose {', '.join(WAYS)}")
        for name, known in (("partner", Partner), ("dims", Dims)):
            if getattr(self, name) not in known.__args__:
                raise ValueError(f"{name} must be one of {', '.join(known.__args__)}, got {getattr(self, name)!r}")
        if self.name == "dsu" and self.partner != "permute":
            raise ValueError(f"'dsu' has no partners: leave partner {self.partner!r} out")
        if self.dims == "windows" and (self.name != "padain" or self.partner not in ("permute", "derange")):
            raise ValueError("dims 'windows' go with 'padain' and partners 'permute' or 'derange': change one of them")
        if self.dims == "frames" and self.name == "crossnorm":
            raise ValueError("dims 'frames' do not go with 'crossnorm', whose boxes span all frames: choose another")
        for name, value in (("eps", self.eps), ("alpha", self.alpha)):
            if not 0 < value < float("inf"):
                raise ValueError(f"{name} must be above 0, got {value}")
        if not 0 < self.crop <= 1:
            raise ValueError(f"crop must lie above 0 and be at most 1, got {self.crop}")
        if self.windows < 1:
            raise ValueError(f"there must be at least one window, got {self.windows}")


class Chance:
    """Random numbers for one swap.

    Args:
        device: where they are needed.
        generator: on the CPU, where they are drawn and moved from; None is torch's own.
        traced: draw them on the device, as part of a compiled graph.
    """

    def __init__(self, device: torch.device, generator: Generator | None, *, traced: bool) -> None:
        self._device, self._generator, self._traced = device, generator, traced

    def uniform(self, *shape: int) -> Tensor:
        """In [0, 1), float32."""
        if self._traced:
            return torch.rand(shape, device=self._device)
        return torch.rand(shape, generator=self._generator, device="cpu").to(self._device, non_blocking=True)

    def normal(self, *shape: int) -> Tensor:
        """Of mean 0 and deviation 1, float32."""
        if self._traced:
            return torch.randn(shape, device=self._device)
        return torch.randn(shape, generator=self._generator, device="cpu").to(self._device, non_blocking=True)

    def beta(self, alpha: float, *shape: int) -> Tensor:
        """Of Beta(alpha, alpha), float32: by two numbers of a gamma distribution, in 64 bits, as they may be tiny."""
        device = self._device if self._traced else torch.device("cpu")
        wide = torch.float32 if device.type == "mps" else torch.float64
        scale = torch.full((2, *shape), alpha, dtype=wide, device=device)
        one, other = torch._standard_gamma(  # pyright: ignore
            scale, generator=None if self._traced else self._generator
        )
        return (one / (one + other).clamp_min(torch.finfo(wide).tiny)).to(self._device, torch.float32)


def swapped(x: Tensor, rule: Rule, chance: Chance, groups: Tensor | None) -> Tensor:
    """A batch with other statistics.

    Args:
        x: (N, C, *S), of whatever precision; N and the places are at least 2.
        rule: what is done.
        chance: of it.
        groups: (N,) classes or domains, for partners across them.

    Returns:
        The same shape and precision.

    Raises:
        ValueError: there are no partners (`partners.choose`).
    """
    wide = widened(x)
    if rule.name == "dsu":
        return dsu(wide, rule, chance).to(x.dtype)
    units = len(x) * (min(rule.windows, x.shape[-1]) if rule.dims == "windows" else 1)
    who = partners.choose(rule.partner, chance.uniform(units + 1), groups)
    made = WAYS[rule.name](wide, rule, chance, who)
    if who.moved is not None:
        made = torch.where(who.moved.view(-1, *(1,) * (x.ndim - 1)), made, wide)
    return made.to(x.dtype)


def padain(x: Tensor, rule: Rule, _chance: Chance, who: Partners) -> Tensor:
    """Permuted AdaIN: the partner's mean and deviation for one's own."""
    if rule.dims == "windows":
        own = window_moments(x, rule.windows, rule.eps)
        return _dressed(x, spread(own, x, rule.windows), spread(own.at(who.of).detach(), x, rule.windows), rule.eps)
    own = moments(x, rule.dims, rule.eps)
    return _dressed(x, own, own.at(who.of).detach(), rule.eps)


def crossnorm(x: Tensor, rule: Rule, chance: Chance, who: Partners) -> Tensor:
    """The same with moments of a random box of the partner."""
    side = rule.crop + (1 - rule.crop) * chance.uniform(x.ndim - 2)
    begin = (1 - side) * chance.uniform(x.ndim - 2)
    given = boxed_moments(x.detach(), torch.stack([begin, begin + side], 1), rule.eps)
    return _dressed(x, moments(x, "spatial", rule.eps), given.at(who.of), rule.eps)


def mixstyle(x: Tensor, rule: Rule, chance: Chance, who: Partners) -> Tensor:
    """Mean and deviation between one's own and the partner's."""
    own = moments(x, rule.dims, rule.eps).detach()
    share = chance.beta(rule.alpha, len(x), *(1,) * (x.ndim - 1))
    mean, deviation = (share * one + (1 - share) * other for one, other in zip(own, own.at(who.of), strict=True))
    return (x - own.mean) / own.deviation * deviation + mean


def efdmix(x: Tensor, rule: Rule, chance: Chance, who: Partners) -> Tensor:
    """All values between one's own and the partner's of the same rank, which makes all moments so."""
    fixed = x.detach()
    share = chance.beta(rule.alpha, len(x), *(1,) * (x.ndim - 1))
    return x + (1 - share) * (sorted_like(fixed, fixed[who.of], rule.dims) - fixed)


def dsu(x: Tensor, rule: Rule, chance: Chance) -> Tensor:
    """Mean and deviation with noise of the size in which they vary over the batch."""
    own = moments(x, rule.dims, rule.eps)
    shape = (len(x), x.shape[1], *(1,) * (x.ndim - 2))
    mean, deviation = (
        values + chance.normal(*shape) * (values.var(0, keepdim=True) + rule.eps).sqrt() for values in own
    )
    return (x - own.mean) / own.deviation * deviation + mean


def _dressed(x: Tensor, own: Moments, given: Moments, eps: float) -> Tensor:
    return (x - own.mean) / (own.deviation + eps) * given.deviation + given.mean


WAYS: Mapping[RuleName, Callable[..., Tensor]] = {
    "padain": padain,
    "mixstyle": mixstyle,
    "crossnorm": crossnorm,
    "efdmix": efdmix,
    "dsu": dsu,
}
