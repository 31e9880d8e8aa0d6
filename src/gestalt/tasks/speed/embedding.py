"""What the trunk makes of a clip, for other tasks than telling its speed: weights to begin with, and windows of videos.

    e(x) = mean over t of  max over (i, j) of F(x)[:, t, i, j]

The same pooling that speed is told by; two clips are alike as the cosine between theirs is large.

References:
    Benaim, Ephrat, Lang, Mosseri, Freeman, Rubinstein, Irani, Dekel: SpeedNet - Learning the Speediness in Videos. CVPR
        2020 (retrieval and action recognition).
"""

from collections.abc import Iterable, Iterator
from typing import Literal, NamedTuple

import numpy as np
import torch
from torch import Generator, Tensor

from gestalt.media.atomic import AnyPath
from gestalt.nn.s3d import S3DG
from gestalt.nn.weights import read_tensors
from gestalt.tasks.speed import footage, model
from gestalt.tasks.speed.clips import Clip, as_input
from gestalt.tasks.speed.footage import RATE, Frame
from gestalt.tasks.speed.speednet import SpeedNet

LOADERS = {"kinetics": S3DG.load_kinetics, "inflated": S3DG.load_imagenet}
"""By how weights of other networks are called."""


class Window(NamedTuple):
    """Consecutive frames of a video, at 25 a second.

    time: of the first, in seconds.
    clip: (T, H, W, 3) uint8.
    """

    time: float
    clip: Clip


def starting_weights(begin_from: str, trunk: Literal["auto", "small", "s3dg"], generator: Generator) -> SpeedNet:
    """A network on the CPU with the weights that were asked for.

    Args:
        begin_from: random, shipped, the folder of a finished run, kinetics:FILE or inflated:FILE.
        trunk: which; auto is that of the weights.
        generator: of weights that are random.

    Raises:
        ValueError: the weights are missing, damaged, or of another trunk.
    """
    kind, _, file = begin_from.partition(":")
    if begin_from == "random":
        return SpeedNet("small" if trunk == "auto" else trunk, generator)
    if kind in LOADERS and file:
        if trunk == "small":
            raise ValueError(f"--begin-from {kind}:FILE holds weights for the trunk s3dg, and --trunk is small")
        net = SpeedNet("s3dg", generator)
        assert isinstance(net.trunk, S3DG)
        LOADERS[kind](net.trunk, read_tensors(file))
        return net
    net = model.wanted(begin_from, "cpu").net
    own = "s3dg" if isinstance(net.trunk, S3DG) else "small"
    if trunk not in ("auto", own):
        raise ValueError(
            f"the weights of --begin-from {begin_from} are for the trunk {own}, and --trunk is {trunk}: name a run of "
            f"speed train --trunk {trunk}, or random"
        )
    return net


def padded(clip: Clip, count: int) -> Clip:
    """A clip of at least one frame as one of `count`: its last one stays as long as is needed."""
    return clip[np.minimum(np.arange(count), len(clip) - 1)]


def windows(given: Iterable[Frame], count: int) -> Iterator[Window]:
    """All windows of `count` frames, a new one every half of that; of a shorter video one, its last frame repeated.

    Args:
        given: frames at 25 a second, of which no more than a window is held.
        count: at least 2.
    """
    kept: list[Frame] = []
    is_first = True
    for frame in given:
        kept.append(frame)
        if len(kept) == count:
            yield Window(kept[0].time, np.stack([one.pixels for one in kept]))
            del kept[: count // 2]
            is_first = False
    if is_first and kept:
        yield Window(kept[0].time, padded(np.stack([one.pixels for one in kept]), count))


def windows_of(
    path: AnyPath, count: int, side: int, *, start_s: float = 0.0, stop_s: float | None = None
) -> Iterator[Window]:
    """The same of a video.

    Args:
        path: what `media.video` reads.
        count: of frames.
        side: shorter side of the frames, in pixels.
        start_s, stop_s: of what is looked at, in seconds.

    Raises:
        ValueError: as `VideoStream`.
    """
    frames = footage.Footage(path, side, start_s=start_s, stop_s=stop_s)
    yield from windows(footage.taken(iter(frames), 1 / RATE), count)


@torch.inference_mode()
def embed(net: SpeedNet, clip: Clip, side: int) -> Tensor:
    """What the trunk makes of a clip (T, H, W, 3): (C,) of length 1, on the CPU."""
    x = as_input(clip, side).to(net.bias.device)
    with torch.autocast(x.device.type, torch.bfloat16, enabled=x.is_cuda):
        found = net.embed(x)
    return unit(found[0].float().cpu())


def unit(x: Tensor) -> Tensor:
    """(..., C) at length 1; zeros stay."""
    return x / x.norm(dim=-1, keepdim=True).clamp_min(1e-12)
