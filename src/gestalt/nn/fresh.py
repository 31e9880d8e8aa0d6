"""First weights of networks that are trained here."""

from collections.abc import Callable
from typing import TypeVar

import torch
from torch import Generator, nn

Net = TypeVar("Net", bound=nn.Module)


def fresh(build: Callable[[], Net], chance: Generator, *, deviation: float | None = None) -> Net:
    """A new network on the CPU, which draws from `chance` alone and nothing from torch's global generator.

    Args:
        build: makes the network, of layers with weights of two or more axes, and of scales and shifts that are called
            weight and bias (1 and 0).
        chance: on the CPU.
        deviation: of the weights N(0, deviation^2); None is (2 / fan-in)^(1/2), as He et al. have it for rectifiers.

    References:
        He, Zhang, Ren, Sun: Delving Deep into Rectifiers. ICCV 2015.
    """
    with torch.device("meta"):
        net = build()
    net = net.to_empty(device="cpu")
    with torch.no_grad():
        for name, weight in net.named_parameters():
            if weight.ndim > 1:
                weight.normal_(0, deviation or (2 / weight[0].numel()) ** 0.5, generator=chance)
            else:
                weight.fill_(0.0 if name.endswith("bias") else 1.0)
    return net


def torch_fresh(build: Callable[[], Net], chance: Generator) -> Net:
    """A new network on the CPU with torch's own first weights, whose chance comes from `chance` alone.

    torch draws them from its global generator, which is seeded for the time of the call and then put back.
    """
    seed = int(torch.randint(2**62, (), generator=chance))
    with torch.random.fork_rng(devices=[]):
        torch.default_generator.manual_seed(seed)
        return build()
