"""What loops that train share: what comes when, how the step size falls, and processes side by side."""

import math
import os

import numpy as np
from torch import Tensor, nn


def turns(count: int, seed: int, step: int, batch: int) -> list[int]:
    """Which of `count` things are in a step: every one comes once before any comes again."""
    found = [divmod(n, count) for n in range(step * batch, (step + 1) * batch)]
    order = {turn: np.random.default_rng((seed, turn, 23)).permutation(count) for turn, _ in found}
    return [int(order[turn][n]) for turn, n in found]


def schedule(step: int, steps: int, warm_up: float) -> float:
    """What the step size is multiplied by: from 0 to 1 over a part of the steps, then half a cosine down to 0."""
    done, begin = (step + 1) / steps, max(warm_up, 1e-9)
    return done / begin if done < begin else 0.5 + 0.5 * math.cos(math.pi * (done - begin) / max(1 - begin, 1e-9))


class Parallel(nn.Module):
    """A network under `torchrun`, whose gradients are averaged over the processes; elsewhere the network itself."""

    def __init__(self, net: nn.Module) -> None:
        super().__init__()
        self.net = net
        if int(os.environ.get("WORLD_SIZE", "1")) > 1:
            from torch import distributed
            from torch.nn.parallel import DistributedDataParallel

            if not distributed.is_initialized():
                distributed.init_process_group("nccl" if next(net.parameters()).is_cuda else "gloo")
            self.net = DistributedDataParallel(net)

    def forward(self, x: Tensor) -> Tensor:
        """See the network."""
        return self.net(x)
