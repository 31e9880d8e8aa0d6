"""The frame-rate pyramid of Hierarchical Patch VAE-GAN: small pictures far apart in time, large ones close together.

A window has lcm(rates) + 1 frames; a level with frame step r takes every r-th of them, so that all levels span the same
time and begin and end with the same frames. A picture is a clip of one frame at every level.

References:
    Gur, Benaim, Wolf: Hierarchical Patch VAE-GAN: Generating Diverse Videos from a Single Sample. NeurIPS 2020.
"""

import math
from collections.abc import Sequence

import torch
from torch import Tensor

from gestalt.ops.pyramid import Size
from gestalt.ops.resize import resize
from gestalt.tasks.generate.config import VaeGan


def level_sizes(plane: Sequence[int], is_clip: bool, settings: VaeGan) -> list[Size]:
    """The pyramid (T, H, W) of an input of (H, W) pixels, coarse to fine.

    The longest side runs from `coarsest` to its full length L in N = ceil(log(coarsest / L) / log(ratio)) + 1 equal
    steps; frames are those of a window at each level's rate.
    """
    longest = max(plane)
    steps = 0
    if longest > settings.coarsest:
        steps = math.ceil(math.log(settings.coarsest / longest) / math.log(settings.ratio) - 1e-9) + 1
    factor = (settings.coarsest / longest) ** (1 / steps) if steps else 1.0
    planes = [tuple(max(1, round(side * factor ** (steps - k))) for side in plane) for k in range(steps + 1)]
    period = math.lcm(*settings.rates)
    times = [period // rate + 1 if is_clip else 1 for rate in frame_steps(steps + 1, settings)]
    return [(time, *side) for time, side in zip(times, planes, strict=True)]


def frame_steps(levels: int, settings: VaeGan) -> list[int]:
    """From one frame of a window to the next, at each of so many levels."""
    last = len(settings.rates) - 1
    return [settings.rates[k * last // (levels - 1) if levels > 1 else last] for k in range(levels)]


class Windows:
    """The input at one level: any window of it.

    Args:
        clip: (1, 3, T, H, W), at working size.
        size: (t, h, w) of the level.
        step: from one frame of a window to the next.
    """

    def __init__(self, clip: Tensor, size: Size, step: int) -> None:
        self._frames = resize(clip, (clip.shape[2], *size[1:])).clamp(-1, 1)
        self._at = torch.arange(size[0], device=clip.device) * step
        self.count = clip.shape[2] - int(self._at[-1])

    def at(self, begin: int) -> Tensor:
        """The window that begins with that frame, (1, 3, t, h, w)."""
        return self._frames[:, :, begin + self._at]
