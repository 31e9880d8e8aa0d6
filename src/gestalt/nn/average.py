"""The running average of a network's weights, which is steadier than the network itself."""

import torch
from torch import nn


@torch.no_grad()
def follow(average: nn.Module, net: nn.Module, keep: float) -> None:
    """Move an average towards the weights and moments of a network: keep * average + (1 - keep) * net.

    Counts, and the vectors of torch's spectral norms (`_u`, `_v`), whose mean is no direction, are taken as they are.
    """
    for (name, mean), value in zip(average.state_dict().items(), net.state_dict().values(), strict=True):
        if mean.is_floating_point() and not name.endswith(("._u", "._v")):
            mean.lerp_(value, 1 - keep)
        else:
            mean.copy_(value)
